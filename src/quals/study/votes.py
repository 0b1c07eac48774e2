"""Bringing judgements together: by pair of systems, by pair of summaries, by annotator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

from quals.study.records import Judgement

SystemPair = tuple[str, str]


def by_systems(judgements: Iterable[Judgement]) -> dict[SystemPair, list[Judgement]]:
    """The judgements that count, by the two systems they compare, in the order of the pairs."""
    groups: defaultdict[SystemPair, list[Judgement]] = defaultdict(list)
    for judgement in sorted(judgements, key=lambda judgement: judgement.pair):
        if judgement.counted:
            groups[judgement.first, judgement.second].append(judgement)
    return dict(groups)


def by_pair(judgements: Iterable[Judgement]) -> dict[int, list[Judgement]]:
    """The judgements that count, by pair of summaries."""
    groups: defaultdict[int, list[Judgement]] = defaultdict(list)
    for judgement in judgements:
        if judgement.counted:
            groups[judgement.pair].append(judgement)
    return dict(groups)


def votes(judgements: Iterable[Judgement], attribute: str) -> list[int]:
    """What was answered to one question; judgements without an answer to it have no vote."""
    return [judgement.choices[attribute] for judgement in judgements if attribute in judgement.choices]


def units(judgements: Iterable[Judgement], attribute: str) -> list[list[int]]:
    """The votes on one question, pair by pair; pairs without a vote are left out."""
    every = (votes(group, attribute) for group in by_pair(judgements).values())
    return [unit for unit in every if unit]


def median_seconds(judgements: Sequence[Judgement]) -> float | None:
    """Half of the items took less active time than this; None if there are no items."""
    return median(judgement.seconds for judgement in judgements) if judgements else None
