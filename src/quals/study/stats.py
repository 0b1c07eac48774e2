"""The statistics of a study, from scipy and krippendorff: intervals, tests, agreement, power."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from quals.errors import InputError, MissingExtraError
from quals.evaluate.bootstrap import USABLE_SHARE

try:
    import krippendorff
    from scipy import stats as scipy_stats
except ImportError as error:
    raise MissingExtraError("quals study report", "study") from error

PREFERENCES = (1, 0, -1)  # the first system is better, equal, worse
BOOTSTRAP = 2_000
Level = Literal["nominal", "ordinal"]
LEVEL = 0.05  # of every test; intervals hold 1 - LEVEL


@dataclass(frozen=True)
class Interval:
    """A value with the bounds of its 95 % interval; None where there is nothing to compute it from."""

    value: float | None
    low: float | None = None
    high: float | None = None


def wilson(successes: int, trials: int) -> Interval:
    """A proportion with its Wilson score interval (Wilson 1927), without continuity correction."""
    if trials == 0:
        return Interval(None)
    share = successes / trials
    return Interval(share, *_wilson_bounds(share, trials))


def _wilson_bounds(share: float, trials: int) -> tuple[float, float]:
    """Of a share that need not be one of whole trials, as where votes on one trial differ."""
    z = float(scipy_stats.norm.isf(LEVEL / 2))
    shrink = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / shrink
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / shrink
    return max(0.0, centre - half), min(1.0, centre + half)


def sign_test(better: int, worse: int) -> float | None:
    """Two-sided exact sign test; ties are not among the trials. None if there is nothing but ties."""
    if better + worse == 0:
        return None
    return float(scipy_stats.binomtest(better, better + worse, 0.5).pvalue)


def tally(votes: Sequence[int]) -> dict[int, int]:
    """How many votes each preference has."""
    return {preference: list(votes).count(preference) for preference in PREFERENCES}


def majority(votes: Sequence[int]) -> int:
    """The preference with most votes; equal (0) if two have as many."""
    (top, most), *others = Counter(votes).most_common()
    return 0 if others and others[0][1] == most else top


def cluster_shares(units: Sequence[Sequence[int]], seed: int) -> dict[int, Interval]:
    """The share of each preference among all votes, with a percentile bootstrap interval over the units.

    Votes on one pair are not independent of each other; drawing whole pairs allows for that. One pair has no interval.
    A share that is the same in every draw has Wilson's for as many pairs.
    """
    counts = _counts(units)
    if not counts.sum():
        return dict.fromkeys(PREFERENCES, Interval(None))
    shares = counts.sum(axis=0) / counts.sum()
    if len(counts) == 1:
        return {preference: Interval(float(shares[column])) for column, preference in enumerate(PREFERENCES)}
    drawn = counts[_resamples(len(counts), seed)].sum(axis=1)
    bounds = np.percentile(drawn / drawn.sum(axis=1, keepdims=True), _PERCENT, axis=0)
    found = {}
    for preference, value, (low, high) in zip(PREFERENCES, shares.tolist(), bounds.T.tolist(), strict=True):
        if low == high:
            low, high = _wilson_bounds(value, len(counts))
        found[preference] = Interval(value, low, high)
    return found


def alpha(units: Sequence[Sequence[int]], seed: int, level: Level = "ordinal") -> Interval:
    """Krippendorff's alpha of the votes on each unit, with a percentile bootstrap interval over the units.

    1 is perfect agreement, 0 what chance gives. It is undefined (None) if no unit has two votes, or if all votes are
    the same. One unit has no interval, nor have units of which more than a tenth of the resamples are like that: it
    would speak of the others only. Nor have units whose resamples all agree as well, which proves nothing of others.
    """
    counts = _paired_counts(units)
    value = _alpha(counts, level)
    if value is None or len(counts) == 1:
        return Interval(value)
    drawn = [_alpha(counts[rows], level) for rows in _resamples(len(counts), seed)]
    defined = [each for each in drawn if each is not None]
    if len(defined) < USABLE_SHARE * len(drawn):
        return Interval(value)
    low, high = np.percentile(defined, _PERCENT)
    return Interval(value) if low == high else Interval(value, float(low), float(high))


def alpha_value(units: Sequence[Sequence[int]], level: Level = "ordinal") -> float | None:
    """Krippendorff's alpha as above, without its interval."""
    return _alpha(_paired_counts(units), level)


def possible(difference: float, ties: float) -> bool:
    """Whether the shares of better and worse can differ so much with so many ties."""
    return 0 <= ties < 1 and difference <= 1 - ties + _ROUNDING


def power(pairs: int, difference: float, ties: float) -> float:
    """The chance that the sign test finds a true difference; see `pairs_needed`."""
    return float(_power(np.array([pairs]), difference, ties)[0])


def pairs_needed(difference: float, ties: float) -> int:
    """How many pairs the two-sided sign test needs to find a difference with a chance of 80 %.

    Args:
        difference: the share of pairs on which one system is better, less the share on which it is worse.
        ties: the share of pairs on which they are equal.

    Returns:
        The smallest number from which on the power never falls below 80 % (it is a saw-tooth).

    Raises:
        InputError: the difference is below 0.05 or not possible with so many ties.
    """
    if difference < 0.05 or not possible(difference, ties):
        raise InputError(f"a difference of {difference:g} is too small, or not possible with {ties:.0%} ties")
    quantiles = scipy_stats.norm.ppf(1 - LEVEL / 2) + scipy_stats.norm.ppf(_POWER)
    roughly = (1 - ties) * (quantiles / difference) ** 2  # Noether 1987
    sizes = np.arange(max(1, int(0.7 * roughly) - 30), int(1.3 * roughly) + 60)
    short = np.flatnonzero(_power(sizes, difference, ties) < _POWER)
    return int(sizes[short[-1]]) + 1 if len(short) else int(sizes[0])


_POWER = 0.8  # that a study should have
_ROUNDING = 1e-9
_PERCENT = (100 * LEVEL / 2, 100 * (1 - LEVEL / 2))


def _power(sizes: NDArray[Any], difference: float, ties: float) -> NDArray[Any]:
    """Power for each number of pairs, averaged over how many of them turn out to be ties."""
    decided = np.arange(sizes.max() + 1)
    chance = min(1.0, 0.5 + difference / (1 - ties) / 2)
    # The largest count that the test still rejects on the low side; -1 where it can reject nothing.
    reject = scipy_stats.binom.ppf(LEVEL / 2, decided, 0.5)
    reject = np.where(scipy_stats.binom.cdf(reject, decided, 0.5) <= LEVEL / 2, reject, reject - 1)
    low = scipy_stats.binom.cdf(reject, decided, chance)
    high = scipy_stats.binom.sf(decided - reject - 1, decided, chance)
    given = np.where(reject >= 0, low + high, 0.0)
    return np.array([scipy_stats.binom.pmf(decided[: size + 1], size, 1 - ties) @ given[: size + 1] for size in sizes])


def _counts(units: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    rows = [[votes.count(preference) for preference in PREFERENCES] for votes in map(list, units)]
    return np.array(rows, dtype=np.int64).reshape(-1, len(PREFERENCES))


def _paired_counts(units: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    return _counts([unit for unit in units if len(unit) > 1])


def _resamples(size: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(size, size=(BOOTSTRAP, size))


def _alpha(counts: NDArray[np.int64], level: Level) -> float | None:
    if np.count_nonzero(counts.sum(axis=0)) < 2:
        return None
    value = krippendorff.alpha(value_counts=counts, value_domain=PREFERENCES, level_of_measurement=level)
    return float(value) if math.isfinite(value) else None
