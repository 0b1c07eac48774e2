"""Rows through a metric, many at once, though it may fail on some."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from quals.errors import QualsError
from quals.metrics.base import Metric
from quals.records import SummaryScore, Texts
from quals.salvage import salvage


def rows_at_once(metric: Metric) -> int:
    """Rows to score between two writes: what a kill can lose. Few leave a GPU idle."""
    return metric.workers * (32 if metric.device == "cpu" else 2048)


def as_read(metric: Metric, rows: Iterable[Texts]) -> list[Texts]:
    """The rows as this metric reads them: without references if it reads none, since its scores are the same then."""
    return list(rows) if metric.needs_reference else [row._replace(reference=None) for row in rows]


class Scorable(Protocol):
    """What has a document, a summary of it, and perhaps a reference."""

    @property
    def document(self) -> str:
        """The source."""

    @property
    def summary(self) -> str:
        """The text to score."""

    @property
    def reference(self) -> str | None:
        """A reference summary; None or empty for none."""


def safe_scores(metric: Metric, rows: Sequence[Scorable], *, explain: bool = True) -> list[SummaryScore]:
    """A score for each row; if the metric fails, only the rows at fault are without one (`Status.ERROR`).

    Args:
        metric: what scores.
        rows: what is scored.
        explain: see `Metric.score`.

    Raises:
        QualsError: the metric cannot work at all, for instance for want of its model, or any more: the device failed.
    """

    def score(part: Sequence[Scorable]) -> list[SummaryScore]:
        # An empty reference is none: metrics that need one say so in the row's status.
        references = [row.reference or "" for row in part] if any(row.reference for row in part) else None
        documents, summaries = [row.document for row in part], [row.summary for row in part]
        try:
            return metric.score(documents, summaries, references, explain=explain)
        except RuntimeError as error:
            import torch

            if isinstance(error, torch.AcceleratorError):  # no row is at fault, and no other would do better
                raise QualsError(f"the device failed: {error}") from error
            raise

    return salvage(score, rows, metric.failed)
