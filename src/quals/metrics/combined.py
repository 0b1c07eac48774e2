"""Metrics that are made of others' scores."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from quals.metrics.base import Metric
from quals.records import SummaryScore


class CombinedMetric(Metric):
    """A metric that needs nothing but the scores of its ``parts``; a subclass sets these, and says how to combine."""

    parts: Sequence[Metric]

    @abstractmethod
    def combine(self, scores: Sequence[SummaryScore]) -> SummaryScore:
        """The score of a summary, given those of the parts, in their order."""

    def _score(
        self, documents: Sequence[str], summaries: Sequence[str], references: Sequence[str] | None, explain: bool
    ) -> list[SummaryScore]:
        by_part = [part.score(documents, summaries, references, explain=explain) for part in self.parts]
        return [self.combine(scores) for scores in zip(*by_part, strict=True)]
