"""Is one system better than another on the same documents, or was it luck?

Two answers, each from the differences d of the two systems' values per document:

    approximate randomisation   if the systems were alike, each d could as well have the other sign: the share of
                                sign patterns whose mean is at least as far from 0 (Noreen 1989; Riezler and
                                Maxwell 2005). All patterns if they are few enough, else random ones.
    paired bootstrap            documents drawn with replacement: the interval of the mean of d, and the share of
                                draws whose mean is at least as far from the mean of d as that is from 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quals.evaluate.bootstrap import Estimate
from quals.evaluate.statistics import scipy_stats

Floats = NDArray[np.float64]

_AT_ONCE = 4_000_000  # numbers drawn at a time


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
        p_randomisation, p_bootstrap: two-sided; None where there are fewer than two documents.
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
        centre = differences.mean()
        p_bootstrap = float((np.sum(np.abs(draws - centre) >= abs(centre)) + 1) / (len(draws) + 1))
    return Paired(estimate, p_randomisation, p_bootstrap, wins, len(pairs) - wins - losses, losses)


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
