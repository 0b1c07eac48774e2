"""Training QAGen on to tell what a document bears out: likely pairs where it does, unlikely ones where it does not.

QUALS compares how likely a pair is given the document and given the summary. A model that has only learnt to write
pairs has seen none that its text does not bear out. Here it sees both, about true and false claims, and learns that
their difference, d = ll(pair | document) - ll(pair | claim) in nats per token, is above or below a threshold c::

    L = - sum over tokens of supported pairs of log p(token)
        + w * sum over tokens of judged pairs of r * -log sigmoid(+-k (d - c))

with + for pairs that the document supports. Other pairs are rarer and therefore count r times. Pairs about the claims
themselves, and pairs that people wrote, are learnt as ever, so that what it writes stays what it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import Any, ClassVar

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from quals.qagen.judged import JudgedPair
from quals.qagen.model import QAGen
from quals.training.data import Passage
from quals.training.packing import IGNORE, Blank, Collator, with_mask
from quals.training.train import PairTrainer

WEIGHT, RARE, SLOPE, THRESHOLD = 1.5, 3.0, 3.0, -1.5  # w, r, k and c
PAIRS = "pairs told apart (AUC)", "d of supported pairs", "d of others"
CLAIMS = "claims told apart (AUC)", "D of supported claims", "D of others"


class GroundingCollator(Collator):
    """Passages, some of them with judged pairs -> the inputs of one forward pass, and what is known of their pairs.

    Beside what `Packer` gives there are ``owners``, of the shape of the labels: the number of the pair that each is of;
    and for each pair whether it is ``supported``, and its log-probability ``given`` its claim (NaN: nobody judged it).
    """

    def __call__(self, examples: Sequence[Passage | Blank]) -> dict[str, Any]:
        """See the class."""
        inputs = super().__call__(examples)
        pairs = [example.like.pairs if isinstance(example, Blank) else example.pairs for example in examples]
        judged = [pair if isinstance(pair, JudgedPair) else None for of in pairs for pair in of]
        inputs["owners"] = _owners(inputs, list(map(len, pairs)))
        inputs["supported"] = torch.tensor([pair is None or pair.supported for pair in judged])
        inputs["given"] = torch.tensor([pair.log_prob if pair else torch.nan for pair in judged])
        return inputs


def _owners(inputs: dict[str, Any], counts: Sequence[int]) -> torch.Tensor:
    if "segments" not in inputs:  # a row for each pair
        labels: torch.Tensor = inputs["labels"]
        return torch.arange(len(labels))[:, None].repeat(1, labels.shape[1])
    before = torch.tensor([0, *counts[:-1]]).cumsum(0)
    owners: torch.Tensor = inputs["segments"][:, inputs["logits_to_keep"]] - 1 + before[:, None]
    return owners.clamp(min=0)


def grounding_loss(
    losses: torch.Tensor, labels: torch.Tensor, owners: torch.Tensor, supported: torch.Tensor, given: torch.Tensor
) -> torch.Tensor:
    """The loss of the module's formula, summed.

    Args:
        losses: -log p of each label.
        labels, owners: of the same shape; see `GroundingCollator`.
        supported, given: (pairs).
    """

    def of_pairs(values: torch.Tensor) -> torch.Tensor:
        return losses.new_zeros(len(given)).index_add(0, owners.flatten(), values.flatten())

    # Nothing here waits for the device. A loss without a label is 0; a pair without any is one of a `Blank`.
    total, count = of_pairs(losses), of_pairs((labels != IGNORE).to(losses.dtype))
    logits = SLOPE * (-total / count.clamp(min=1) - given.nan_to_num() - THRESHOLD)
    wrong = binary_cross_entropy_with_logits(logits, supported.to(losses.dtype), reduction="none")
    weights = count * given.isfinite() * torch.where(supported, 1.0, RARE)
    return (total * supported).sum() + WEIGHT * (wrong * weights).sum()


class GroundingTrainer(PairTrainer):
    """`PairTrainer` with that loss; its data comes from a `GroundingCollator`."""

    collator: ClassVar[type[Collator]] = GroundingCollator

    def summed_loss(self, model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        """`grounding_loss`, and what the model put out."""
        labels, *pairs = (inputs.pop(name) for name in ("labels", "owners", "supported", "given"))
        outputs = model(**with_mask(inputs))
        logits = outputs.logits.flatten(0, 1).float()
        losses = cross_entropy(logits, labels.flatten(), ignore_index=IGNORE, reduction="none")
        return grounding_loss(losses.view_as(labels), labels, *pairs), outputs


def told_apart(model: QAGen, passages: Sequence[Passage]) -> dict[str, float]:
    """How well d tells supported pairs from others (ROC-AUC), and its means; see the module.

    The same of D, its mean over the pairs of a claim: how well it tells claims of which all pairs are supported.
    """
    pairs = [[pair for pair in passage.pairs if isinstance(pair, JudgedPair)] for passage in passages]
    found = model.log_probs(
        [model.frame(passage.context) for passage in passages],
        [[model.target(pair.question, pair.answer) for pair in of] for of in pairs],
    )
    single: list[tuple[float, bool]] = []
    whole: list[tuple[float, bool]] = []
    for of, values in zip(pairs, found, strict=True):
        claims = defaultdict[str, list[tuple[float, bool]]](list)
        for pair, log_probs in zip(of, values, strict=True):
            claims[pair.claim].append((fmean(log_probs) - pair.log_prob, pair.supported))
        single += [each for claim in claims.values() for each in claim]
        whole += [(fmean(d for d, _ in claim), all(supported for _, supported in claim)) for claim in claims.values()]
    return _figures(*PAIRS, single) | _figures(*CLAIMS, whole)


def _figures(kind: str, supported: str, others: str, found: Sequence[tuple[float, bool]]) -> dict[str, float]:
    yes, no = (np.sort([value for value, is_supported in found if is_supported == side]) for side in (True, False))
    if not len(yes) or not len(no):
        return {}
    below = (np.searchsorted(no, yes, "left") + np.searchsorted(no, yes, "right")) / 2
    return {kind: float(below.mean() / len(no)), supported: float(yes.mean()), others: float(no.mean())}
