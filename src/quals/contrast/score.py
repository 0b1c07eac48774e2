"""A score for every sample and every reference, through the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from statistics import fmean
from typing import ClassVar

from quals.contrast.rows import Example
from quals.evaluate.cache import ScoreCache, Texts
from quals.evaluate.measure import score_rows
from quals.metrics.base import Metric
from quals.metrics.combined import CombinedMetric
from quals.metrics.rouge import Rouge1, Rouge2, RougeL
from quals.records import Status, SummaryScore
from quals.signature import parse, signature


class MeanRouge(CombinedMetric):
    """The mean of ROUGE-1, ROUGE-2 and ROUGE-L F1 against the reference.

    A reference agrees wholly with itself: its score is always 1, so among references this metric has no favourites.

    Raises:
        MissingExtraError: rouge-score-rs is not installed.
    """

    name: ClassVar[str] = "rouge"
    needs_reference: ClassVar[bool] = True
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    reading: ClassVar[str] = "mean of ROUGE-1, ROUGE-2 and ROUGE-L with the reference: 1 is the same words, 0 none"

    def __init__(self, *, stemmer: bool = True) -> None:
        self.parts = (Rouge1(stemmer=stemmer), Rouge2(stemmer=stemmer), RougeL(stemmer=stemmer))

    @property
    def signature(self) -> str:
        """That of its parts, which differ in their names only."""
        settings = parse(self.parts[0].signature)
        del settings["metric"], settings["version"]
        return signature(self.name, {"parts": "+".join(part.name for part in self.parts), **settings})

    def combine(self, scores: Sequence[SummaryScore]) -> SummaryScore:
        """See `CombinedMetric.combine`."""
        values = [score.value for score in scores if score.value is not None]
        if len(values) == len(scores):
            return SummaryScore(fmean(values), Status.OK, signature=self.signature)
        lacking = next(score for score in scores if score.value is None)
        return SummaryScore(None, lacking.status, lacking.reason, signature=self.signature)


@dataclass(frozen=True)
class Scored:
    """An example with the scores of its samples, in their order, and of its reference."""

    example: Example
    samples: tuple[SummaryScore, ...]
    reference: SummaryScore

    def usable(self, within: float | None = None) -> dict[int, float]:
        """The samples that have a score and are not the reference over again; see also `as_long`."""
        return {
            place: score.value
            for place, score in enumerate(self.samples)
            if score.value is not None and not self.repeats(place) and self.as_long(place, within)
        }

    def as_long(self, place: int, within: float | None) -> bool:
        """Whether a sample has as many words as its reference, but for this share of them; if None, it does not matter.

        Where samples are shorter or longer than references, length is what a contrast teaches first.
        """
        words, wanted = len(self.example.samples[place].split()), len(self.example.reference.split())
        return within is None or abs(words - wanted) <= within * wanted

    def repeats(self, place: int) -> bool:
        """Whether a sample is its reference, word for word: it cannot be a bad example and a good one."""
        return self.example.samples[place].split() == self.example.reference.split()


def score_examples(
    metric: Metric, examples: Sequence[Example], cache: ScoreCache, advance: Callable[[int], object] = lambda rows: None
) -> list[Scored]:
    """Score the samples and the reference of each example with the same metric; without a document none has a score."""
    rows = list(chain.from_iterable(_texts(example) for example in examples if example.document.strip()))
    advance(sum(len(example.samples) + 1 for example in examples) - len(rows))
    scores = iter(score_rows(metric, rows, cache, advance))
    # ROUGE would give one: it reads references only.
    empty = SummaryScore(None, Status.EMPTY_DOCUMENT, "the document is empty", signature=metric.signature)
    return [
        Scored(example, tuple(islice(scores, len(example.samples))), next(scores))
        if example.document.strip()
        else Scored(example, (empty,) * len(example.samples), empty)
        for example in examples
    ]


def _texts(example: Example) -> Iterator[Texts]:
    for summary in (*example.samples, example.reference):
        yield Texts(example.document, summary, example.reference)
