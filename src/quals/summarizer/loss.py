"""The loss of CONSEQ (Nan et al. 2021, arXiv 2105.04623): likely positives, unlikely negatives.

    L = sum over the tokens of positives of -log p  +  sum over the tokens of negatives of -log(1 - p)

1 - p is never formed: where p is near 1 the subtraction would leave no digits.
"""

from __future__ import annotations

import math

import torch

from quals.training.packing import IGNORE

# No smaller 1 - p is told apart (as in unlikelihood training, Welleck et al. 2019): a negative's token that the
# model is that sure of has a loss of 11.5 nats and no gradient. Most such tokens are no errors, but the second
# half of a word that has begun, or an article.
FLOOR = 1e-5


def conseq_loss(
    logits: torch.Tensor,
    labels: torch.Tensor,
    negative: torch.Tensor,
    *,
    smoothing: float = 0.1,
    smooth_negatives: bool = False,
) -> tuple[torch.Tensor, torch.Tensor]:
    """The two sums of the loss, of positives and of negatives, not yet divided by the number of tokens.

    Args:
        logits: (..., vocabulary); taken to float32 unless they are more precise.
        labels: token ids (...), `IGNORE` where there is nothing to predict.
        negative: booleans (...), true for the tokens of negatives.
        smoothing: share e of the label spread evenly over the vocabulary: (1 - e) l_y + e mean_v l_v, where l_v
            is -log p_v.
        smooth_negatives: the same for negatives, where l_v is -log(1 - p_v); a quirk of the reference, which
            raises the loss of the best tokens although they are not the label.
    """
    logits = logits if logits.dtype == torch.float64 else logits.float()
    known = labels != IGNORE
    good, bad = known & ~negative, known & negative
    positive_sum = torch.nn.functional.cross_entropy(
        logits[good], labels[good], reduction="sum", label_smoothing=smoothing
    )
    if not smooth_negatives:
        return positive_sum, -log_not(logits[bad], labels[bad]).sum()
    all_not = log_not_any(logits[bad])
    own = all_not.gather(1, labels[bad][:, None]).sum()
    return positive_sum, -((1 - smoothing) * own + smoothing * all_not.mean(1).sum())


def log_not(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """log(1 - p) of each label, in nats; at least the log of `FLOOR`, where the gradient is zero.

    For p above 1/2 it is the logsumexp over the other tokens minus the logsumexp over all, else log1p(-p): both
    keep their digits. ``logits`` is (tokens, vocabulary), ``labels`` (tokens).
    """
    total = logits.logsumexp(1)
    log_p = logits.gather(1, labels[:, None]).squeeze(1) - total
    others = logits.scatter(1, labels[:, None], -torch.inf).logsumexp(1)
    likely = log_p > -math.log(2)
    # Even the branch that is not taken needs a finite gradient.
    rare = torch.log1p(-torch.where(likely, -1.0, log_p).exp())
    return torch.where(likely, others - total, rare).clamp(min=math.log(FLOOR))


def log_not_any(logits: torch.Tensor) -> torch.Tensor:
    """log(1 - p) of every token of the vocabulary, (tokens, vocabulary); see `log_not`."""
    if not len(logits):
        return logits
    best = logits.argmax(1)
    # Only the most probable token can have a p above 1/2, where log1p(-p) would lose digits.
    small = torch.log1p(-logits.softmax(1).scatter(1, best[:, None], 0.0))
    return small.clamp(min=math.log(FLOOR)).scatter(1, best[:, None], log_not(logits, best)[:, None])
