"""PMI and FactCC together: each sees errors that the other misses.

    E(D, S) = 1 - (1 - PMI(D, S)) (2 - FactCC(D, S))

1 - PMI is the share of the summary's information that the document leaves open. It counts once where FactCC is sure of
the summary, and twice where FactCC is sure against it, so that a classifier's doubt weighs little on what is copied and
much on what the document does not account for. Nothing is fitted.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from quals.lm import store
from quals.metrics import registry
from quals.metrics.combined import CombinedMetric
from quals.records import ClaimEvidence, Evidence, Status, SummaryScore
from quals.signature import signature

_LEAST = 0.001  # probabilities below this say no more


class Ensemble(CombinedMetric):
    """How far PMI and FactCC together bear the summary out.

    Args:
        model: of FactCC (see `FactCC`).
        language_model: of PMI (see `Pmi`).
        device, dtype: see `FramedModel.load`.
        workers: processes that share the work of each (see `metrics.workers`).

    Raises:
        ModelError: a model cannot be loaded.
    """

    name: ClassVar[str] = "ensemble"
    range: ClassVar[tuple[float, float]] = (float("-inf"), 1.0)
    meaning: ClassVar[str] = (
        "1 minus the share of the summary's information that the document leaves open, counted up to twice where "
        "FactCC doubts the summary: 1 is best. Summaries that reword their document score lower than those that copy."
    )

    def __init__(
        self,
        model: str = "factcc-small",
        device: str = "auto",
        *,
        language_model: str = store.BASE_MODEL,
        dtype: str = "float32",
        workers: int = 1,
    ) -> None:
        self.parts = tuple(
            registry.load(name, device=device, workers=workers, model=of, dtype=dtype)
            for name, of in (("pmi", language_model), ("factcc", model))
        )
        for part in self.parts:
            part.calibration = None  # the whole has its own
        self.device, self.workers = self.parts[0].device, workers

    @property
    def signature(self) -> str:
        """See `quals.signature`."""
        return signature(self.name, {part.name: _own(part.signature) for part in self.parts})

    def combine(self, scores: Sequence[SummaryScore]) -> SummaryScore:
        """See `CombinedMetric.combine`; the evidence of both, a sentence's score being 1 + ln of its probability."""
        for part, score in zip(self.parts, scores, strict=True):
            if score.value is None:
                return self.without(score.status, f"{part.name}: {score.reason}")
        pmi, factcc = scores
        assert pmi.value is not None
        assert factcc.value is not None
        evidence = (*pmi.evidence, *map(_like_words, factcc.evidence))
        rests_on = sum(score.rests_on for score in scores)
        return SummaryScore(
            1 - (1 - pmi.value) * (2 - factcc.value),
            Status.OK,
            "; ".join(
                f"{part.name}: {score.reason}" for part, score in zip(self.parts, scores, strict=True) if score.reason
            ),
            evidence,
            max(pmi.chunks, factcc.chunks),
            self.signature,
            evidence_count=None if rests_on == len(evidence) else rests_on,
        )


def _own(signature: str) -> str:
    """The settings in a part's signature; its metric and the version are the whole's."""
    return signature.partition("|")[2].rpartition("|version:")[0]


def _like_words(evidence: Evidence) -> Evidence:
    """A claim with a score that is 1 where nothing speaks against it, and has no bound below, as words have."""
    assert isinstance(evidence, ClaimEvidence)
    return replace(evidence, score=1 + math.log(max(evidence.score, _LEAST)))
