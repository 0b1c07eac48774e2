"""Of each document, which text may become a good example and which samples may become bad ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from quals.compare.texts import novel_bigrams
from quals.contrast.score import Scored

Good = Literal["reference", "samples"]


@dataclass(frozen=True)
class Candidates:
    """Of one document.

    Attributes:
        good: number of the sample that may become a good example; None is the reference.
        value: its score; None if there is none.
        bad: sample -> score, of those that may become bad ones.
    """

    good: int | None
    value: float | None
    bad: Mapping[int, float]


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

    def holds(self, document: str, bad: str, good: str) -> bool:
        """Whether this bad example is like this good one."""
        if self.words is not None:
            wanted = len(good.split())
            if abs(len(bad.split()) - wanted) > self.words * wanted:
                return False
        if self.copying is not None:
            copied, wished = copying(document, bad), copying(document, good)
            return copied is not None and wished is not None and abs(copied - wished) <= self.copying
        return True


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


def _known(scored: Scored) -> list[tuple[int, str, float]]:
    """Number, text and score of the samples that have one."""
    both = zip(scored.example.samples, scored.samples, strict=True)
    return [(place, text, score.value) for place, (text, score) in enumerate(both) if score.value is not None]


def _beside_reference(scored: Scored, likeness: Likeness) -> Candidates:
    example = scored.example
    bad = {
        place: value
        for place, text, value in _known(scored)
        if not example.repeats(place) and likeness.holds(example.document, text, example.reference or "")
    }
    return Candidates(None, None if scored.reference is None else scored.reference.value, bad)


def _of_samples(scored: Scored, likeness: Likeness) -> Candidates:
    known, document = _known(scored), scored.example.document
    pairs = [
        (high - low, good, high, bad, low)
        for good, better, high in known
        for bad, worse, low in known
        if high > low and likeness.holds(document, worse, better)
    ]
    if not pairs:
        return Candidates(None, None, {})
    _, good, high, bad, low = max(pairs, key=lambda pair: pair[0])
    return Candidates(good, high, {bad: low})
