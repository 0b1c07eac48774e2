"""Agreement of scores with labels, as plain functions of arrays.

Each gives a number or raises `UndefinedError` with the reason. Higher scores mean "more consistent", so
perfect agreement is 1 for all of them, and for `roc_auc`, `balanced_accuracy` and `share_in_order` chance
is 0.5.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quals.errors import MissingExtraError
from quals.evaluate.bootstrap import UndefinedError

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ENOUGH_ROWS = 3  # two points always lie on a line
_NOTHING = 1e-9  # of a variance of 1, what rounding leaves


def pearson(scores: Floats, labels: Floats) -> float:
    """Linear correlation r, -1 to 1."""
    _must_vary(scores, labels)
    x, y = _centred(scores), _centred(labels)
    return float(np.clip(x @ y / np.sqrt((x @ x) * (y @ y)), -1, 1))


def partial(scores: Floats, labels: Floats, given: Floats) -> float:
    """Linear correlation of what a line through ``given`` leaves of scores and of labels, -1 to 1.

    Metrics of consistency follow copying, and so do judgements: a correlation may come from that alone (Durmus et al.
    2022, arXiv 2204.09890).
    """
    _must_vary(scores, labels, ENOUGH_ROWS + 1)  # the line takes one more
    if given.min() == given.max():
        return pearson(scores, labels)
    with_scores, with_labels = pearson(given, scores), pearson(given, labels)
    for correlation, what in ((with_scores, "scores"), (with_labels, "labels")):
        if 1 - correlation**2 < _NOTHING:
            raise UndefinedError(f"{what} follow copying alone")
    left = np.sqrt((1 - with_scores**2) * (1 - with_labels**2))
    return float(np.clip((pearson(scores, labels) - with_scores * with_labels) / left, -1, 1))


def spearman(scores: Floats, labels: Floats) -> float:
    """Rank correlation rho, -1 to 1; ties share the mean of their ranks."""
    _must_vary(scores, labels)
    return pearson(_ranks(scores), _ranks(labels))


def kendall(scores: Floats, labels: Floats) -> float:
    """Rank correlation tau-b, -1 to 1: pairs in order minus pairs out of order, corrected for ties."""
    _must_vary(scores, labels)
    return float(scipy_stats().kendalltau(scores, labels, variant="b").statistic)


def roc_auc(scores: Floats, positive: Flags) -> float:
    """Share of (positive, negative) row pairs in which the positive scores higher; equal scores count half."""
    positives, negatives = both_classes(positive)
    rank_sum = _ranks(scores)[positive].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))


def balanced_accuracy(predicted: Flags, positive: Flags) -> float:
    """Mean of the shares of positives and of negatives that were predicted as such."""
    positives, negatives = both_classes(positive)
    return float(((predicted & positive).sum() / positives + (~predicted & ~positive).sum() / negatives) / 2)


def share_in_order(better: Floats, worse: Floats) -> float:
    """Share of comparisons in which the better summary scores higher; equal scores count half."""
    if not len(better):
        raise UndefinedError("nothing to compare")
    return float(((better > worse) + 0.5 * (better == worse)).mean())


def best_threshold(scores: Floats, positive: Flags) -> float:
    """The threshold t for which ``score >= t`` has the highest balanced accuracy.

    It lies midway between two neighbouring scores, or is infinite if calling all rows the same does no
    worse; of equally good ones, the middle one.
    """
    positives, negatives = both_classes(positive)
    order = np.argsort(scores)
    ordered, flags = scores[order], positive[order]
    # Cutting before row i leaves rows i.. predicted positive.
    missed = np.concatenate([[0], np.cumsum(flags)])
    refused = np.concatenate([[0], np.cumsum(~flags)])
    accuracy = ((positives - missed) / positives + refused / negatives) / 2
    cuts = np.concatenate([[-np.inf], (ordered[:-1] + ordered[1:]) / 2, [np.inf]])
    possible = np.concatenate([[True], ordered[:-1] < ordered[1:], [True]])
    best = np.flatnonzero(possible & (accuracy >= accuracy[possible].max() - 1e-12))
    return float(cuts[best[(len(best) - 1) // 2]])


def scipy_stats(what: str = "Rank statistics", extra: str = "agree") -> Any:
    """``scipy.stats``, imported when first needed: it takes a second.

    Raises:
        MissingExtraError: scipy, which ``what`` needs and the extra installs, is not there.
    """
    try:
        import scipy.stats
    except ImportError as error:
        raise MissingExtraError(what, extra) from error
    return scipy.stats


def _ranks(values: Floats) -> Floats:
    ranks: Floats = scipy_stats().rankdata(values)
    return ranks


def _centred(values: Floats) -> Floats:
    """Deviations from the mean, scaled to at most 1 so that squares of tiny ones do not vanish."""
    deviations = values - values.mean()
    scaled: Floats = deviations / np.abs(deviations).max()
    return scaled


def _must_vary(scores: Floats, labels: Floats, enough: int = ENOUGH_ROWS) -> None:
    if len(scores) < enough:
        raise UndefinedError(f"fewer than {enough} scored rows")
    for values, what in ((scores, "scores"), (labels, "labels")):
        if values.min() == values.max():
            raise UndefinedError(f"all {what} are equal")


def both_classes(positive: Flags) -> tuple[int, int]:
    """How many are positive and how many are not; there have to be some of either."""
    positives = int(positive.sum())
    negatives = len(positive) - positives
    if not positives or not negatives:
        raise UndefinedError("no row is labelled " + ("inconsistent" if positives else "consistent"))
    return positives, negatives
