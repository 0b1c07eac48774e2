"""A score for every sample and every reference, through the cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import ClassVar

from quals.contrast.rows import Example
from quals.metrics.base import Metric
from quals.metrics.combined import CombinedMetric
from quals.metrics.rouge import Rouge1, Rouge2, RougeL
from quals.records import Status, SummaryScore, Texts
from quals.scoring.cache import ScoreCache, score_rows
from quals.scoring.progress import Advance, untold
from quals.signature import parse, signature


class MeanRouge(CombinedMetric):
    """The mean of ROUGE-1, ROUGE-2 and ROUGE-L F1 against the reference.

    A reference agrees wholly with itself: its score is always 1, so among references this metric has no favourites.

    Raises:
        MissingExtraError: rouge-score-rs is not installed.
    """

    name: ClassVar[str] = "rouge"
    needs_reference: ClassVar[bool] = True
    higher: ClassVar[str] = "closer to the reference"
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    meaning: ClassVar[str] = "mean of ROUGE-1, ROUGE-2 and ROUGE-L with the reference: 1 is the same words, 0 none"

    def __init__(self) -> None:
        self.parts = (Rouge1(), Rouge2(), RougeL())

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
        return self.without(lacking.status, lacking.reason)


@dataclass(frozen=True)
class Scored:
    """An example with the scores of its samples, in their order, and of its reference, if there is one."""

    example: Example
    samples: tuple[SummaryScore, ...]
    reference: SummaryScore | None


def score_examples(
    metric: Metric,
    examples: Sequence[Example],
    cache: ScoreCache,
    advance: Advance = untold,
    *,
    references: bool = True,
) -> list[Scored]:
    """Score the samples of each example and, unless ``references`` is false, its reference with the same metric.

    Without a document none has a score.
    """
    texts = [
        [*each.samples, *([each.reference] if references and each.reference is not None else [])] for each in examples
    ]
    rows = [
        Texts(each.document, summary, each.reference)
        for each, summaries in zip(examples, texts, strict=True)
        for summary in summaries
        if each.document.strip()
    ]
    advance(sum(map(len, texts)) - len(rows))
    scores = iter(score_rows(metric, rows, cache, advance))
    # ROUGE would give one: it reads references only.
    empty = metric.without(Status.EMPTY_DOCUMENT, "the document is empty")
    found = []
    for each, summaries in zip(examples, texts, strict=True):
        mine = [next(scores) if each.document.strip() else empty for _ in summaries]
        count = len(each.samples)
        found.append(Scored(each, tuple(mine[:count]), mine[count] if len(mine) > count else None))
    return found
