"""What a reader must know of the metric to read its numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from quals.calibrate.calibration import Calibration, shipped
from quals.doubts import Losses, loss_of, steps
from quals.metrics import registry
from quals.metrics.base import Metric
from quals.records import Evidence, Reading, SummaryScore
from quals.signature import parse


@dataclass(frozen=True)
class MetricFacts:
    """A metric's name, range and so on (see `metrics.base.Metric`), and the calibration if there is one."""

    name: str
    range: tuple[float, float]
    meaning: str
    signature: str = ""
    calibration: Calibration | None = None
    higher: str = Metric.higher

    @classmethod
    def of(cls, metric: Metric) -> MetricFacts:
        """Those of a metric at hand."""
        return cls(metric.name, metric.range, metric.meaning, metric.signature, metric.calibration, metric.higher)

    @classmethod
    def from_signature(cls, signature: str) -> MetricFacts:
        """Those of the metric a signature names; a metric unknown here has no meaning of its own."""
        name = parse(signature).get("metric", "")
        if name not in registry.METRICS:
            return cls(name or "score", (-math.inf, math.inf), "", signature)
        metric = registry.find(name)
        return cls(name, metric.range, metric.meaning, signature, shipped(signature), metric.higher)

    def calibrated(self, calibration: Calibration) -> MetricFacts:
        """With this calibration in place of the present one.

        Raises:
            InputError: the calibration belongs to scores made another way.
        """
        calibration.check(self.signature)
        return replace(self, calibration=calibration)

    def read(self, score: SummaryScore, document: str) -> Reading | None:
        """What the calibration says; None without one, without a score, or for one that is not its to read."""
        known = self.calibration
        return known.apply(score.value, score.signature, document) if known else None

    def level(self, evidence: Evidence) -> int:
        """How strongly a piece of evidence speaks against the summary: 0 (not) to 3."""
        return Losses([], steps(self.range)).level(loss_of(evidence, self.range))
