"""What a reader must know of the metric to read its numbers."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from quals.calibrate.calibration import Calibration, Reading, shipped
from quals.metrics.base import Metric
from quals.metrics.registry import METRICS
from quals.records import Evidence, PairEvidence, Span, SummaryScore
from quals.report.words import word_losses
from quals.signature import parse

# For scores without bounds: the loss in natural log per token at which a mark gets stronger. The factors by
# which a token became less likely are 2.7, 7.4 and 20. A rule of thumb for the eye, not a probability.
LOSSES = (1.0, 2.0, 3.0)
# For single words of pairs, natural log, chosen on development data with known edits (docs/reading-a-score.md).
WORD_LOSSES = (3.0, 5.0, 8.0)
SHARES = (0.5, 0.75, 0.9)  # for scores with bounds: the same, as share of the range lost


@dataclass(frozen=True)
class Doubts:
    """What speaks against words of a summary.

    Attributes:
        losses: places, and how much evidence about them speaks against them; a place may come several times.
        steps: the mean losses of a place at which its mark gets stronger.
    """

    losses: list[tuple[Span, float]]
    steps: tuple[float, ...]

    def level(self, loss: float) -> int:
        """The strength of the mark for a mean loss, 0 (none) to 3."""
        return sum(loss >= step for step in self.steps)


@dataclass(frozen=True)
class MetricFacts:
    """A metric's name, range and reading (see `metrics.base.Metric`), and the calibration if there is one."""

    name: str
    range: tuple[float, float]
    reading: str
    signature: str = ""
    calibration: Calibration | None = None

    @classmethod
    def of(cls, metric: Metric, calibration: Calibration | None = None) -> MetricFacts:
        """Those of a metric at hand; without a calibration given, that of its model, if it has one."""
        found = cls(metric.name, metric.range, metric.reading, metric.signature, metric.calibration)
        return found.calibrated(calibration)

    @classmethod
    def from_signature(cls, signature: str, calibration: Calibration | None = None) -> MetricFacts:
        """Those of the metric a signature names; a metric unknown here has no reading of its own."""
        name = parse(signature).get("metric", "")
        if name not in METRICS:
            return cls(name or "score", (-math.inf, math.inf), "", signature).calibrated(calibration)
        module, _, attribute = METRICS[name].partition(":")
        metric: type[Metric] = getattr(importlib.import_module(module), attribute)
        return cls(name, metric.range, metric.reading, signature, shipped(signature)).calibrated(calibration)

    def calibrated(self, calibration: Calibration | None) -> MetricFacts:
        """With this calibration in place of the present one.

        Raises:
            InputError: the calibration belongs to scores made another way.
        """
        if calibration is None:
            return self
        calibration.check(self.signature)
        return replace(self, calibration=calibration)

    def read(self, score: SummaryScore, document: str) -> Reading | None:
        """What the calibration says; None without one, without a score, or for one that is not its to read."""
        if self.calibration is None or score.value is None or self.calibration.objection(document):
            return None
        return self.calibration.read(score.value, score.signature) if self.calibration.fits(score.signature) else None

    def loss(self, evidence: Evidence) -> float:
        """How much a piece of evidence speaks against the summary; 0 is nothing."""
        best = self.range[1] if math.isfinite(self.range[1]) else 0.0
        return max(0.0, best - evidence.score)

    def level(self, loss: float) -> int:
        """How strongly a piece of evidence with this loss speaks against the summary, 0 (not) to 3."""
        return sum(loss >= step for step in self._steps())

    def doubts(self, summary: str, evidence: Sequence[Evidence]) -> Doubts:
        """What the evidence says of the summary's words: of pairs, word by word; else, of the places it speaks of."""
        pairs = [piece for piece in evidence if isinstance(piece, PairEvidence)]
        if pairs:
            return Doubts(word_losses(summary, pairs), WORD_LOSSES)
        return Doubts(
            [(piece.summary_span, self.loss(piece)) for piece in evidence if piece.summary_span], self._steps()
        )

    def _steps(self) -> tuple[float, ...]:
        low, high = self.range
        bounded = math.isfinite(low) and math.isfinite(high)
        return tuple(share * (high - low) for share in SHARES) if bounded else LOSSES
