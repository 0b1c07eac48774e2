"""How well a model tells true claims from false ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from quals.factcc.model import ClaimChecker
from quals.factcc.verdict import CONSISTENT, ClaimPair
from quals.training.data import Passage

ALL, BLIND = "balanced accuracy", "without the document"


@dataclass(frozen=True)
class Judged:
    """A claim's label, the kind of its sentence (see `ClaimPair`), and the probability it was given."""

    consistent: bool
    kind: str
    probability: float


def accuracies(model: ClaimChecker, passages: Sequence[Passage]) -> dict[str, float]:
    """Balanced accuracy over all claims and for each kind, at P(consistent) = 1/2; and without the document."""
    claims = [[pair.question for pair in passage.pairs] for passage in passages]
    found = by_kind(judged(passages, model.check([model.frame(passage.context) for passage in passages], claims)))
    return found | without_the_document(model, passages) if ALL in found else found


def without_the_document(model: ClaimChecker, passages: Sequence[Passage]) -> dict[str, float]:
    """Balanced accuracy of the same model given an empty text.

    One that is better than chance knows false claims by their looks. As its scale means little there, the
    threshold is the median of its probabilities: half of the claims are true.
    """
    claims = [[pair.question for pair in passage.pairs] for passage in passages]
    blind = judged(passages, model.check([model.frame("")] * len(passages), claims))
    return {BLIND: balanced_accuracy(blind, threshold=median(claim.probability for claim in blind))}


def judged(passages: Sequence[Passage], found: Sequence[Sequence[float]]) -> list[Judged]:
    """The claims of the passages with the probabilities found for them."""
    return [
        Judged(pair.answer == CONSISTENT, pair.kind, value)
        for passage, values in zip(passages, found, strict=True)
        for pair, value in zip(passage.pairs, values, strict=True)
        if isinstance(pair, ClaimPair)
    ]


def by_kind(claims: Sequence[Judged]) -> dict[str, float]:
    """Balanced accuracy over all claims, then for each kind the claims made of its sentences, where there are both."""
    kinds = sorted({claim.kind for claim in claims})
    parts = {ALL: claims} | {kind: [claim for claim in claims if claim.kind == kind] for kind in kinds}
    both = {name: of for name, of in parts.items() if len({claim.consistent for claim in of}) == 2}
    return {name: balanced_accuracy(of) for name, of in both.items()}


def balanced_accuracy(claims: Iterable[Judged], *, threshold: float = 0.5) -> float:
    """Mean of the shares of true and of false claims that are recognised; each label has to occur."""
    right: dict[bool, list[bool]] = {True: [], False: []}
    for claim in claims:
        right[claim.consistent].append((claim.probability > threshold) == claim.consistent)
    return fmean(fmean(values) for values in right.values())
