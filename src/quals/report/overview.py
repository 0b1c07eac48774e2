"""A whole file of scores in a few numbers."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from quals.records import Band, Status
from quals.report.facts import MetricFacts
from quals.report.rows import ScoredRow

MEANINGS = {
    Status.OK: "scored",
    Status.EMPTY_DOCUMENT: "the document is empty",
    Status.EMPTY_SUMMARY: "the summary is empty",
    Status.NO_PAIRS: "no question about the summary could be used",
    Status.NO_QUESTIONS: "no question about the summary passed the filter",
    Status.SUMMARY_TOO_LONG: "longer than the model can read at once",
    Status.UNSUPPORTED_SCRIPT: "written in a script the model was not trained on",
    Status.NO_REFERENCE: "the reference summary is missing",
    Status.INVALID_ROW: "the row could not be read",
    Status.ERROR: "scoring failed",
}
_BARS = 36


@dataclass(frozen=True)
class Bar:
    """How many scores lie in ``low <= score < high`` (the last bar includes its end), and the band of its middle."""

    low: float
    high: float
    count: int
    band: Band | None


@dataclass(frozen=True)
class Overview:
    """Counts and quantiles of the scores of a file.

    Attributes:
        rows: all rows, scored or not.
        statuses: how many rows have each status, most frequent first.
        quantiles: lowest, lower quartile, median, upper quartile, highest score; empty if there is none.
        bars: the distribution; its first bar also holds the far lower tail.
        bands: how many scored rows fall into each band; empty without a calibration.
        marked: how many scored rows have evidence clearly against them (level 2 or more); None where none has any.
    """

    rows: int
    statuses: tuple[tuple[Status, int], ...]
    quantiles: tuple[float, ...]
    bars: tuple[Bar, ...]
    bands: dict[Band, int]
    marked: int | None

    @property
    def scored(self) -> int:
        """Rows with a score."""
        return dict(self.statuses).get(Status.OK, 0)

    @property
    def unread(self) -> int:
        """Rows with a score that a calibration gives no probability for, where there is one."""
        return self.scored - sum(self.bands.values()) if self.bands else 0


def overview(rows: Sequence[ScoredRow], facts: MetricFacts) -> Overview:
    """The overview of some rows."""
    scored = [row.score for row in rows if row.score.value is not None]
    values = [score.value for score in scored if score.value is not None]
    readings = [reading for row in rows if (reading := facts.read(row.score, row.document))]
    bands = Counter(reading.band for reading in readings)
    return Overview(
        rows=len(rows),
        statuses=tuple(Counter(row.score.status for row in rows).most_common()),
        quantiles=_quantiles(values),
        bars=_bars(values, facts if readings else replace(facts, calibration=None)),
        bands={band: bands[band] for band in Band} if values and facts.calibration else {},
        marked=sum(doubtful(row, facts) for row in rows) if any(score.evidence for score in scored) else None,
    )


def doubtful(row: ScoredRow, facts: MetricFacts) -> bool:
    """Whether some piece of evidence speaks clearly against the summary."""
    return any(facts.level(piece) >= 2 for piece in row.score.evidence)


def _quantiles(values: list[float]) -> tuple[float, ...]:
    if len(values) < 2:
        return tuple(values * 5)
    return (min(values), *statistics.quantiles(values, method="inclusive"), max(values))


def _bars(values: list[float], facts: MetricFacts) -> tuple[Bar, ...]:
    if not values:
        return ()
    import numpy as np

    lowest, lower, _, upper, highest = _quantiles(values)
    # A few scores far below the rest would squeeze everything else into one bar.
    start = max(lowest, lower - 4 * (upper - lower)) if upper > lower else lowest
    if highest - start < 1e-6:
        start, highest = start - 0.5, start + 0.5
    counts, edges = np.histogram(np.clip(values, start, None), bins=_BARS, range=(start, highest))
    spans = zip(edges[:-1].tolist(), edges[1:].tolist(), counts.tolist(), strict=True)
    return tuple(Bar(low, high, count, _band((low + high) / 2, facts)) for low, high, count in spans)


def _band(score: float, facts: MetricFacts) -> Band | None:
    return Band.of(facts.calibration.curve(score)) if facts.calibration else None
