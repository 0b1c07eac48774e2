"""QUALS and FactCC together: each sees errors that the other misses.

    E(D, S) = w_q QUALS(D, S) + w_f ln( F / (1 - F) )      F = FactCC(D, S)

The weights come from logistic regression on summaries that people have judged (`benchmarks/ensemble.py`): a summary
whose E is higher by 1 has odds of being called consistent that are higher by the factor e, other things being equal.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from quals.errors import ModelError
from quals.lm import store
from quals.metrics import registry
from quals.metrics.combined import CombinedMetric
from quals.records import ClaimEvidence, Evidence, Status, SummaryScore
from quals.signature import signature

CARD = "quals.json"
PARTS = ("quals", "factcc")
_EDGE = 0.001  # probabilities nearer to 0 or 1 than this say no more


class Ensemble(CombinedMetric):
    """The weighted sum.

    Args:
        model: a shipped name or a local folder with the weights, and the names of the two models they are for.
        device, dtype: see `QAGen.load`.
        workers: processes that share the work of each metric (see `metrics.workers`).

    Raises:
        ModelError: there are no such weights, or not the models that they are for.
    """

    name: ClassVar[str] = "ensemble"
    range: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))
    reading: ClassVar[str] = (
        "Log-odds, from QUALS and FactCC together: a summary that is higher by 0.7 has twice the odds of being called "
        "consistent, other things being equal. Compare summaries of similar documents."
    )

    def __init__(
        self, model: str = "ensemble-small", device: str = "auto", *, dtype: str = "float32", workers: int = 1
    ) -> None:
        folder = store.resolve(model)
        try:
            text = (folder / CARD).read_text(encoding="utf-8")
            card = json.loads(text)
            weights = card["weights"]
            self.weights = tuple(float(weights[name]) for name in PARTS)
            names = {name: str(card["models"][name]) for name in PARTS}
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise ModelError(f"no weights of an ensemble in '{model}': {error!r}") from error
        self.model, self.revision = folder.name, hashlib.sha256(text.encode()).hexdigest()[:8]
        self.parts = tuple(
            registry.load(name, device=device, workers=workers, model=model, dtype=dtype)
            for name, model in names.items()
        )
        for part in self.parts:
            part.calibration = None  # the whole has its own
        self.device, self.workers = self.parts[0].device, workers

    @property
    def signature(self) -> str:
        """See `quals.signature`."""
        parts = {part.name: _own(part.signature) for part in self.parts}
        return signature(self.name, {"model": self.model, "revision": self.revision, **parts})

    def combine(self, scores: Sequence[SummaryScore]) -> SummaryScore:
        """See `CombinedMetric.combine`; the evidence of both, all of it in nats."""
        quals, factcc = scores
        for part, score in zip(self.parts, scores, strict=True):
            if score.value is None:
                return SummaryScore(None, score.status, f"{part.name}: {score.reason}", signature=self.signature)
        assert quals.value is not None
        assert factcc.value is not None
        value = self.weights[0] * quals.value + self.weights[1] * log_odds(factcc.value)
        evidence = (*quals.evidence, *map(_in_nats, factcc.evidence))
        chunks = max(quals.chunks, factcc.chunks)
        return SummaryScore(value, Status.OK, quals.reason, evidence, chunks, self.signature)


def log_odds(probability: float) -> float:
    """Natural log; of a probability next to 0 or 1, those of 0.001 or 0.999."""
    probability = min(max(probability, _EDGE), 1 - _EDGE)
    return math.log(probability / (1 - probability))


def _own(signature: str) -> str:
    """The settings in a part's signature; its metric and the version are the whole's."""
    return signature.partition("|")[2].rpartition("|version:")[0]


def _in_nats(evidence: Evidence) -> Evidence:
    """A claim whose score is the log of its probability, so that it can stand beside question-answer pairs."""
    if not isinstance(evidence, ClaimEvidence):
        return evidence
    return replace(evidence, score=math.log(max(evidence.score, _EDGE)))
