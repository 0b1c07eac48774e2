"""How good a model is at what it learnt: its loss on data it was not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from quals.lm.framed import PairModel
from quals.training.data import Passage

_MOST_PAIRS = 6  # of one passage


@dataclass(frozen=True)
class HeldOutLoss:
    """Mean negative log-probability per token that the model has to write, in nats.

    ``question`` or ``answer`` is None if it is given; the separator counts with the first half, the end token
    with the second.
    """

    question: float | None
    answer: float | None
    both: float
    pairs: int

    def __str__(self) -> str:
        halves = {"question": self.question, "answer": self.answer}
        parts = ", ".join(f"{name} {value:.3f}" for name, value in halves.items() if value is not None)
        return f"{self.both:.3f} nats/token ({parts}; {self.pairs} pairs)"

    def to_dict(self) -> dict[str, float | None]:
        """As plain JSON values."""
        return asdict(self)


def held_out_loss(model: PairModel, passages: Sequence[Passage]) -> HeldOutLoss:
    """Loss on passages the model was not trained on; at most `_MOST_PAIRS` pairs of each."""
    targets = [
        [model.target(pair.question, pair.answer) for pair in passage.pairs[:_MOST_PAIRS]] for passage in passages
    ]
    scored = model.log_probs([model.frame(passage.context) for passage in passages], targets)
    first: list[float] = []
    second: list[float] = []
    for group, values in zip(targets, scored, strict=True):
        for target, log_probs in zip(group, values, strict=True):
            middle = target.index(model.form.separator) + 1
            first += [] if model.task.given else log_probs[:middle]
            second += log_probs[middle:]
    halves = (_loss(first), _loss(second))
    answer, question = halves if model.task.answer_first else halves[::-1]
    return HeldOutLoss(question, answer, -fmean(first + second), sum(map(len, targets)))


def _loss(log_probs: Sequence[float]) -> float | None:
    return -fmean(log_probs) if log_probs else None
