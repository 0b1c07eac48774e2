"""Of each document, which text may become a good example and which samples may become bad ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from quals.contrast.score import Scored
from quals.records import SummaryScore
from quals.texts import length, novel_bigrams

Good = Literal["reference", "samples"]
_ROUNDING = 1e-9  # what is exactly at a limit passes in spite of it


@dataclass(frozen=True)
class Candidates:
    """Of one document.

    Attributes:
        good: number of the sample that may become a good example; None is the reference, or that there is none.
        value: its score; None if there is none.
        bad: sample -> score, of those that may become bad ones; empty if there is nothing to choose.
    """

    good: int | None
    value: float | None
    bad: Mapping[int, float]

    def better(self, scored: Scored) -> tuple[str | None, SummaryScore | None]:
        """Text and score of the one that may become a good example."""
        if self.good is None:
            return scored.example.reference, scored.reference
        return scored.example.samples[self.good], scored.samples[self.good]


@dataclass(frozen=True)
class Manner:
    """What of a summary a contrast is not to teach: its number of words, and how much it copies (see `copying`)."""

    words: int
    copied: float | None

    @classmethod
    def of(cls, document: str, summary: str | None) -> Manner:
        """Of a summary of this document."""
        return cls(length(summary or ""), copying(document, summary))


@dataclass(frozen=True)
class Likeness:
    """How far a bad example may be from the good one in what a contrast is not to teach; None: it does not matter.

    Attributes:
        words: number of words, as a share of the good one's. Where bad examples are shorter or longer, length is what
            a contrast teaches first.
        copying: share of word pairs that the document has. A metric of consistency likes what is copied (Ladhak et al.
            2022, arXiv 2108.13684): good examples that are chosen by it teach to copy.
    """

    words: float | None = None
    copying: float | None = None

    def holds(self, bad: Manner, good: Manner) -> bool:
        """Whether this bad example is like this good one."""
        if self.words is not None and abs(bad.words - good.words) > self.words * good.words + _ROUNDING:
            return False
        if self.copying is None:
            return True
        if bad.copied is None or good.copied is None:
            return False
        return abs(bad.copied - good.copied) <= self.copying + _ROUNDING


def candidates(scored: Sequence[Scored], good: Good, likeness: Likeness) -> list[Candidates]:
    """For each example, by its scores.

    Args:
        scored: the examples.
        good: the reference beside all samples, or of the samples the two that differ most.
        likeness: which bad examples a good one is held against.
    """
    choose = _beside_reference if good == "reference" else _of_samples
    return [choose(each, likeness) for each in scored]


def copying(document: str, summary: str | None) -> float | None:
    """Share of the summary's word pairs that its document has, 0 to 1; None below two words."""
    novelty = novel_bigrams(document, summary or "")
    return None if novelty is None else 1 - novelty


def _known(scored: Scored) -> list[tuple[int, Manner, float]]:
    """Number, manner and score of the samples that have one."""
    document, both = scored.example.document, zip(scored.example.samples, scored.samples, strict=True)
    return [
        (place, Manner.of(document, text), score.value)
        for place, (text, score) in enumerate(both)
        if score.value is not None
    ]


def _beside_reference(scored: Scored, likeness: Likeness) -> Candidates:
    example = scored.example
    wanted = Manner.of(example.document, example.reference)
    bad = {
        place: value
        for place, manner, value in _known(scored)
        if not example.repeats(place) and likeness.holds(manner, wanted)
    }
    return Candidates(None, None if scored.reference is None else scored.reference.value, bad)


def _of_samples(scored: Scored, likeness: Likeness) -> Candidates:
    known = _known(scored)
    pairs = [
        (high - low, good, high, bad, low)
        for good, better, high in known
        for bad, worse, low in known
        if high > low and likeness.holds(worse, better)
    ]
    if not pairs:
        return Candidates(None, None, {})
    _, good, high, bad, low = max(pairs, key=lambda pair: pair[0])
    return Candidates(good, high, {bad: low})
