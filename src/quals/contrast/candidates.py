"""Of each document, which text may become a good example and which samples may become bad ones.

scores, copying -> values to choose by -> candidates
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from quals.compare.texts import novel_bigrams
from quals.contrast.rows import Example
from quals.contrast.score import Scored
from quals.records import SummaryScore

Good = Literal["reference", "samples"]


@dataclass(frozen=True)
class Values:
    """What an example's texts are chosen by: as `Scored`, but numbers, None for what cannot be chosen."""

    samples: tuple[float | None, ...]
    reference: float | None


@dataclass(frozen=True)
class Candidates:
    """Of one document.

    Attributes:
        good: number of the sample that may become a good example; None is the reference.
        value: that of the good one; None if there is none.
        bad: sample -> value, of those that may become bad ones.
    """

    good: int | None
    value: float | None
    bad: Mapping[int, float]


def candidates(scored: Sequence[Scored], good: Good, within: float | None, at_equal_copying: bool) -> list[Candidates]:
    """For each example, by its scores.

    Args:
        scored: the examples.
        good: the reference beside all samples, or of the samples the two that differ most.
        within: how far the number of a bad one's words may be from that of the good one, as a share of the latter.
            Where bad examples are shorter or longer, length is what a contrast teaches first. None: it does not matter.
        at_equal_copying: choose by what is left of the scores at equal copying (`beyond_copying`).
    """
    plain = [Values(tuple(score.value for score in each.samples), _value(each.reference)) for each in scored]
    examples = [each.example for each in scored]
    values = beyond_copying(examples, plain) if at_equal_copying else plain
    choose = _beside_reference if good == "reference" else _of_samples
    return [choose(*each, within) for each in zip(examples, values, strict=True)]


def copying(document: str, summary: str | None) -> float | None:
    """Share of the summary's word pairs that its document has, 0 to 1; None below two words."""
    novelty = novel_bigrams(document, summary or "")
    return None if novelty is None else 1 - novelty


def beyond_copying(examples: Sequence[Example], values: Sequence[Values]) -> list[Values]:
    """The values as they would be if all texts copied alike.

    A metric of consistency likes what is copied (Ladhak et al. 2022, arXiv 2108.13684): good examples that are chosen
    by it teach to copy. The slope of the line is that among texts of one document, since some documents are harder.
    """
    copied = [
        Values(tuple(copying(each.document, text) for text in each.samples), copying(each.document, each.reference))
        for each in examples
    ]
    groups = [
        [(x, y) for x, y in zip(_all(one), _all(other), strict=True) if x is not None and y is not None]
        for one, other in zip(copied, values, strict=True)
    ]
    together = spread = 0.0
    for group in filter(None, groups):
        mean_x, mean_y = (fmean(numbers) for numbers in zip(*group, strict=True))
        together += sum((x - mean_x) * (y - mean_y) for x, y in group)
        spread += sum((x - mean_x) ** 2 for x, _ in group)
    slope = together / spread if spread else 0.0
    usual = fmean([x for group in groups for x, _ in group] or [0.0])

    def left(value: float | None, share: float | None) -> float | None:
        return None if value is None or share is None else value - slope * (share - usual)

    return [
        Values(tuple(map(left, value.samples, share.samples)), left(value.reference, share.reference))
        for value, share in zip(values, copied, strict=True)
    ]


def _value(score: SummaryScore | None) -> float | None:
    return None if score is None else score.value


def _all(values: Values) -> tuple[float | None, ...]:
    return (*values.samples, values.reference)


def _beside_reference(example: Example, values: Values, within: float | None) -> Candidates:
    bad = {
        place: value
        for place, (text, value) in enumerate(zip(example.samples, values.samples, strict=True))
        if value is not None and not example.repeats(place) and _as_long(text, example.reference, within)
    }
    return Candidates(None, values.reference, bad)


def _of_samples(example: Example, values: Values, within: float | None) -> Candidates:
    known = [(place, value) for place, value in enumerate(values.samples) if value is not None]
    pairs = [
        (high - low, good, high, bad, low)
        for good, high in known
        for bad, low in known
        if high > low and _as_long(example.samples[bad], example.samples[good], within)
    ]
    if not pairs:
        return Candidates(None, None, {})
    _, good, high, bad, low = max(pairs, key=lambda pair: pair[0])
    return Candidates(good, high, {bad: low})


def _as_long(bad: str, good: str | None, within: float | None) -> bool:
    words, wanted = len(bad.split()), len((good or "").split())
    return within is None or abs(words - wanted) <= within * wanted
