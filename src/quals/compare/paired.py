"""Is one system better than another on the same documents, or was it luck?

Two answers, each from the differences d of the two systems' values per document:

    approximate randomisation   if the systems were alike, each d could as well have the other sign: the share of
                                sign patterns whose mean is at least as far from 0 (Noreen 1989; Riezler and
                                Maxwell 2005). All patterns if they are few enough, else random ones.
    paired bootstrap            documents drawn with replacement: the interval of the mean of d, and the share of
                                draws whose mean is at least as far from the mean of d as that is from 0.

And a third question, since a metric of consistency likes what is copied (Ladhak et al. 2022, arXiv 2108.13684): what
is left of the difference where both systems copy alike (`at_equal_copying`)?
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quals.evaluate.bootstrap import USABLE_SHARE, Estimate
from quals.evaluate.statistics import scipy_stats

Floats = NDArray[np.float64]

_AT_ONCE = 4_000_000  # numbers drawn at a time
_ENOUGH = 10  # documents, at least, that a line is fitted through or a bootstrap test believed for
_ALIKE = 1e-6  # between shares of novel word pairs, what rounding may leave


@dataclass(frozen=True)
class Resampling:
    """How intervals and tests are made.

    Attributes:
        resamples: draws for intervals and p-values.
        seed: of the draws.
        level: share of the draws that an interval covers.
        tolerance: values this close are a tie.
    """

    resamples: int = 10_000
    seed: int = 0
    level: float = 0.95
    tolerance: float = 1e-4


@dataclass(frozen=True)
class Paired:
    """A system against the baseline, on the documents for which both have a value.

    Attributes:
        difference: mean of system minus baseline, with its paired bootstrap interval.
        p_randomisation: two-sided; None where there are fewer than two documents.
        p_bootstrap: two-sided; None where there are fewer than ten.
        wins, ties, losses: documents on which the system's value is higher, as high, lower.
    """

    difference: Estimate
    p_randomisation: float | None
    p_bootstrap: float | None
    wins: int
    ties: int
    losses: int


def mean(values: Sequence[float | None], resampling: Resampling) -> Estimate:
    """The mean of the values there are, with its bootstrap interval."""
    found = _array(value for value in values if value is not None)
    return _estimate(found, resampling)[0]


def against(system: Sequence[float | None], baseline: Sequence[float | None], resampling: Resampling) -> Paired:
    """Compare values of the same documents, in the same order; a document that lacks one of the two is left out."""
    pairs = [(a, b) for a, b in zip(system, baseline, strict=True) if a is not None and b is not None]
    differences = _array(a - b for a, b in pairs)
    wins, losses = (int((sign * differences > resampling.tolerance).sum()) for sign in (1, -1))
    estimate, draws = _estimate(differences, resampling)
    p_randomisation = p_bootstrap = None
    if draws is not None:
        p_randomisation = _randomisation(differences, resampling)
    if draws is not None and len(differences) >= _ENOUGH:  # of fewer it is far too sure
        centre = differences.mean()
        p_bootstrap = float((np.sum(np.abs(draws - centre) >= abs(centre)) + 1) / (len(draws) + 1))
    return Paired(estimate, p_randomisation, p_bootstrap, wins, len(pairs) - wins - losses, losses)


def at_equal_copying(
    system: Sequence[float | None],
    baseline: Sequence[float | None],
    novelty: Sequence[float | None],
    baseline_novelty: Sequence[float | None],
    resampling: Resampling,
) -> Estimate:
    """The difference that is to be expected on a document where both summaries are as novel.

    Least squares give the line d = a + b x, where x is the difference in novelty (see `quals.texts`) and d
    that of the values; the estimate is a, its interval from a paired bootstrap of documents. It leans on the line
    being straight, the more so the fewer documents have x near 0.

    Args:
        system, baseline: values of the same documents, in the same order.
        novelty, baseline_novelty: of the summaries that have them; a document that lacks one of the four is left out.
        resampling: how the interval is made.
    """
    found = [values for values in zip(system, baseline, novelty, baseline_novelty, strict=True) if None not in values]
    a, b, x, y = np.array(found, dtype=np.float64).reshape(-1, 4).T
    differences, novelties = a - b, x - y
    if len(found) < _ENOUGH:
        return Estimate(None, None, None, len(found), f"fewer than {_ENOUGH} documents have a value")
    value = float(_intercept(differences, novelties))
    if np.isnan(value):
        return Estimate(None, None, None, len(found), "the systems differ in copying by the same on every document")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", _stats().DegenerateDataWarning)  # draws without a line are counted below
        resampled: Any = _stats().bootstrap(
            (differences, novelties),
            _intercept,
            n_resamples=resampling.resamples,
            batch=_batch(len(found)),
            vectorized=True,
            paired=True,
            confidence_level=resampling.level,
            method="percentile",
            rng=np.random.default_rng(resampling.seed),
        )
    draws = resampled.bootstrap_distribution
    usable = draws[~np.isnan(draws)]
    if len(usable) < USABLE_SHARE * len(draws):
        lacking = len(draws) - len(usable)
        reason = f"no interval: in {lacking} of {len(draws)} draws the systems differ in copying by the same everywhere"
        return Estimate(value, None, None, len(found), reason)
    tail = (1 - resampling.level) / 2
    low, high = map(float, np.quantile(usable, [tail, 1 - tail]))
    return Estimate(value, low, high, len(found))


def _intercept(differences: Floats, novelties: Floats, axis: int = -1) -> Floats:
    """Of the line through the points: level where all novelties are 0, none where all are another number."""
    mean_d, mean_x = (values.mean(axis=axis, keepdims=True) for values in (differences, novelties))
    spread = ((novelties - mean_x) ** 2).sum(axis=axis)
    together = ((differences - mean_d) * (novelties - mean_x)).sum(axis=axis)
    mean_d, mean_x = mean_d.squeeze(axis), mean_x.squeeze(axis)
    alike = spread <= _ALIKE**2 * novelties.shape[axis]
    slope = np.divide(together, spread, out=np.zeros_like(spread), where=~alike)
    found: Floats = np.where(alike & (np.abs(mean_x) > _ALIKE), np.nan, mean_d - slope * mean_x)
    return found


def _estimate(values: Floats, resampling: Resampling) -> tuple[Estimate, Floats | None]:
    """The mean with its interval, and the means of the draws."""
    count = len(values)
    if not count:
        return Estimate(None, None, None, 0, "no document has a value"), None
    if count == 1:
        return Estimate(float(values[0]), None, None, 1, "no interval: a single document"), None
    found: Any = _stats().bootstrap(
        (values,),
        np.mean,
        n_resamples=resampling.resamples,
        batch=_batch(count),
        vectorized=True,
        confidence_level=resampling.level,
        method="percentile",
        rng=np.random.default_rng(resampling.seed),
    )
    low, high = map(float, found.confidence_interval)
    return Estimate(float(values.mean()), low, high, count), found.bootstrap_distribution


def _randomisation(differences: Floats, resampling: Resampling) -> float:
    found: Any = _stats().permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=resampling.resamples,
        batch=_batch(len(differences)),
        vectorized=True,
        rng=np.random.default_rng(resampling.seed),
    )
    return float(found.pvalue)


def _stats() -> Any:
    return scipy_stats("Comparing systems", "compare")


def _batch(count: int) -> int:
    return max(1, _AT_ONCE // count)


def _array(values: Any) -> Floats:
    return np.array(list(values), dtype=np.float64)
