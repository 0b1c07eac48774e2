"""How good a QAGen is: held-out loss, and how often what it writes can be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from quals.lm.search import SearchSettings
from quals.qagen.data import Passage
from quals.qagen.model import QAGen
from quals.qagen.select import choose, parse


@dataclass(frozen=True)
class HeldOutLoss:
    """Mean negative log-probability per token, in nats; the separator counts with the question."""

    question: float
    answer: float
    both: float
    pairs: int

    def __str__(self) -> str:
        return (
            f"{self.both:.3f} nats/token (question {self.question:.3f}, answer {self.answer:.3f}; {self.pairs} pairs)"
        )

    def to_dict(self) -> dict[str, float]:
        """As plain JSON values."""
        return asdict(self)


def held_out_loss(qagen: QAGen, passages: Sequence[Passage], *, max_pairs: int = 6) -> HeldOutLoss:
    """Loss on passages the model was not trained on; at most ``max_pairs`` pairs of each."""
    targets = [[qagen.target(pair.question, pair.answer) for pair in passage.pairs[:max_pairs]] for passage in passages]
    scored = qagen.log_probs([qagen.frame(passage.context) for passage in passages], targets)
    question: list[float] = []
    answer: list[float] = []
    for group, values in zip(targets, scored, strict=True):
        for target, log_probs in zip(group, values, strict=True):
            middle = target.index(qagen.form.separator) + 1
            question += log_probs[:middle]
            answer += log_probs[middle:]
    return HeldOutLoss(-fmean(question), -fmean(answer), -fmean(question + answer), sum(map(len, targets)))


def answer_filter_share(qagen: QAGen, texts: Sequence[str]) -> float:
    """Share of the pairs written about ``texts`` whose answer stands in the text."""
    search = SearchSettings()
    beams = qagen.search(texts, search)
    kept = sum(len(parse(qagen, text, found)) for text, found in zip(texts, beams, strict=True))
    return kept / (search.groups * len(texts))


def sample_pairs(qagen: QAGen, text: str, count: int = 3) -> list[tuple[str, str]]:
    """A few pairs the model writes about a text, most probable first."""
    (beams,) = qagen.search([text], SearchSettings(groups=4 * count))
    return [(pair.question, pair.answer) for pair in choose(parse(qagen, text, beams), count)]
