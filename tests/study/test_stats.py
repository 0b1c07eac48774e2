"""The statistics against worked examples from the literature, and against slow arithmetic."""

from __future__ import annotations

import math

import krippendorff
import pytest
from scipy.stats import norm

from quals.errors import InputError
from quals.study import stats


# Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_intervals_as_published(successes: int, trials: int, low: float, high: float) -> None:
    interval = stats.wilson(successes, trials)
    assert interval.value == successes / trials
    assert (interval.low, interval.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


def test_wilson_by_its_formula() -> None:
    z, n, p = 1.959963984540054, 40, 0.7
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    interval = stats.wilson(28, 40)
    assert interval.low == pytest.approx((middle - half) / (1 + z * z / n))
    assert interval.high == pytest.approx((middle + half) / (1 + z * z / n))
    assert stats.wilson(0, 0) == stats.Interval(None)


# Siegel 1956, "Nonparametric Statistics", sign test: of 17 couples 3 are tied, 11 differ one way and 3 the
# other; one-tailed p = .029.
def test_sign_test_as_published() -> None:
    assert stats.sign_test(11, 3) == pytest.approx(2 * 0.029, abs=0.0009)
    assert stats.sign_test(11, 3) == pytest.approx(2 * sum(math.comb(14, k) for k in range(4)) / 2**14)
    assert stats.sign_test(0, 0) is None
    assert stats.sign_test(5, 5) == 1


# Krippendorff 2011, "Computing Krippendorff's Alpha-Reliability". Example A: two observers, ten units, two values.
def test_krippendorffs_first_example() -> None:
    units = [list(pair) for pair in zip([0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0], strict=True)]
    assert stats.alpha_value(units, "nominal") == pytest.approx(0.095, abs=5e-4)
    assert stats.alpha_value(units, "ordinal") == pytest.approx(0.095, abs=5e-4)  # two values have but one distance


# Example C: four observers, twelve units, five values, some missing.
_NAN = math.nan
EXAMPLE_C = [
    [1, 2, 3, 3, 2, 1, 4, 1, 2, _NAN, _NAN, _NAN],
    [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _NAN, 3],
    [_NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _NAN],
    [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _NAN],
]


@pytest.mark.parametrize(("level", "published"), [("nominal", 0.743), ("ordinal", 0.815)])
def test_krippendorffs_last_example(level: stats.Level, published: float) -> None:
    units = [[int(value) for value in unit if not math.isnan(value)] for unit in zip(*EXAMPLE_C, strict=True)]
    assert krippendorff.alpha(EXAMPLE_C, level_of_measurement=level) == pytest.approx(published, abs=5e-4)
    assert alpha_by_hand(units, level == "ordinal") == pytest.approx(published, abs=5e-4)


def alpha_by_hand(units: list[list[int]], ordinal: bool) -> float:
    """Krippendorff's formula, written out: 1 - observed / expected disagreement."""
    units = [unit for unit in units if len(unit) > 1]
    values = sorted({vote for unit in units for vote in unit})
    total = {value: sum(unit.count(value) for unit in units) for value in values}
    n = sum(total.values())

    def distance(one: int, other: int) -> float:
        if not ordinal:
            return float(one != other)
        low, high = sorted((one, other))
        between = sum(total[value] for value in values if low <= value <= high)
        return (between - (total[one] + total[other]) / 2) ** 2

    observed = sum(
        distance(one, other) / (len(unit) - 1)
        for unit in units
        for i, one in enumerate(unit)
        for j, other in enumerate(unit)
        if i != j
    )
    expected = sum(total[a] * total[b] * distance(a, b) for a in values for b in values if a != b) / (n - 1)
    return 1 - observed / expected


UNITS = [[1, 1, 1], [1, 0, 1], [0, 0], [-1, -1, 0], [-1, 1], [1], [0, 0, 0], [-1, -1, -1], [1, 1]]


@pytest.mark.parametrize("level", ["nominal", "ordinal"])
def test_alpha_by_its_formula(level: stats.Level) -> None:
    interval = stats.alpha(UNITS, seed=1, level=level)
    assert interval.value == pytest.approx(alpha_by_hand(UNITS, level == "ordinal"))
    assert stats.alpha_value(UNITS, level) == interval.value
    assert interval.low is not None
    assert interval.high is not None
    assert interval.low < interval.value < interval.high <= 1
    assert stats.alpha(UNITS, seed=1, level=level) == interval


@pytest.mark.parametrize("units", [[], [[1], [0]], [[1, 1], [1, 1]]])
def test_alpha_is_undefined_without_pairs_or_variation(units: list[list[int]]) -> None:
    assert stats.alpha(units, seed=1) == stats.Interval(None)


def test_alpha_has_no_interval_where_many_resamples_have_none() -> None:
    nearly = [[0, 0, 0]] * 29 + [[0, 0, 1]]
    assert stats.alpha(nearly, seed=0).value == pytest.approx(0.0, abs=0.02)
    assert stats.alpha(nearly, seed=0).low is None
    assert stats.alpha([*nearly, *[[1, 1, 1], [0, 0, 1]] * 5], seed=0).low is not None


def test_perfect_agreement_is_one_and_no_certainty() -> None:
    assert stats.alpha([[1, 1], [0, 0], [-1, -1]] * 5, seed=1) == stats.Interval(1.0)


@pytest.mark.parametrize(
    ("votes", "expected"),
    [([1], 1), ([1, 1, -1], 1), ([1, -1], 0), ([1, 0], 0), ([1, 0, -1], 0), ([-1, -1, 0, 1], -1), ([0, 0, 1], 0)],
)
def test_majority(votes: list[int], expected: int) -> None:
    assert stats.majority(votes) == expected


def test_bootstrap_of_pairs_is_wider_when_votes_on_a_pair_agree() -> None:
    together = stats.cluster_shares([[1, 1, 1]] * 20 + [[-1, -1, -1]] * 20, seed=1)[1]
    apart = stats.cluster_shares([[1]] * 60 + [[-1]] * 60, seed=1)[1]
    assert together.value == apart.value == 0.5
    # Three votes that always agree are worth one: the standard error of 40 votes against that of 120.
    for interval, size in ((together, 40), (apart, 120)):
        assert interval.low is not None
        assert interval.high is not None
        assert interval.high - interval.low == pytest.approx(2 * 1.96 * math.sqrt(0.25 / size), rel=0.12)


def test_shares_that_no_draw_changes_have_wilsons_interval_for_the_pairs() -> None:
    shares = stats.cluster_shares([[1, 1, 1], [1, 1], [1]], seed=1)
    assert (shares[1], shares[0], shares[-1]) == (stats.wilson(3, 3), stats.wilson(0, 3), stats.wilson(0, 3))
    assert shares[1].low == pytest.approx(0.4385, abs=1e-4)
    split = stats.cluster_shares([[1, -1]] * 3, seed=1)
    assert split[1] == split[-1]
    assert (split[1].value, split[1].low + split[1].high) == (0.5, pytest.approx(1))
    mixed = stats.cluster_shares([[1, 1], [1, -1], [-1, -1]], seed=1)
    assert mixed[0] == stats.wilson(0, 3)
    assert (mixed[1].low, mixed[1].high) == (0, 1)  # of the draws


def power_by_hand(pairs: int, difference: float, ties: float) -> float:
    """Over all outcomes: multinomial probability of those at which the exact test rejects at 5 %."""
    better, worse = (1 - ties + difference) / 2, (1 - ties - difference) / 2
    power = 0.0
    for wins in range(pairs + 1):
        for losses in range(pairs + 1 - wins):
            decided = wins + losses
            tail = sum(math.comb(decided, k) for k in range(min(wins, losses) + 1)) / 2**decided
            if 2 * tail <= 0.05:
                ways = math.comb(pairs, decided) * math.comb(decided, wins)
                power += ways * better**wins * worse**losses * ties ** (pairs - decided)
    return power


@pytest.mark.parametrize(
    ("pairs", "difference", "ties"), [(5, 0.5, 0.0), (25, 0.4, 0.3), (40, 0.2, 0.1), (30, 0.1, 0.9)]
)
def test_power_by_enumeration(pairs: int, difference: float, ties: float) -> None:
    assert stats.power(pairs, difference, ties) == pytest.approx(power_by_hand(pairs, difference, ties))


@pytest.mark.parametrize(("difference", "ties"), [(0.2, 0.0), (0.2, 0.4), (0.1, 0.3), (0.4, 0.0)])
def test_pairs_needed(difference: float, ties: float) -> None:
    needed = stats.pairs_needed(difference, ties)
    assert all(stats.power(needed + more, difference, ties) >= 0.8 for more in range(12))
    assert stats.power(needed - 1, difference, ties) < 0.8
    # Noether 1987 (normal approximation): n = (z_a + z_b)^2 / (4 (p - 1/2)^2), here of the pairs that are not ties.
    chance = 0.5 + difference / (1 - ties) / 2
    noether = (norm.ppf(0.975) + norm.ppf(0.8)) ** 2 / (4 * (chance - 0.5) ** 2) / (1 - ties)
    assert needed == pytest.approx(noether, rel=0.12)


def test_all_that_is_decided_may_be_better() -> None:
    assert 1 - 0.8 < 0.2  # as computers count
    assert 0 < stats.pairs_needed(0.2, 0.8) < stats.pairs_needed(0.1, 0.9)
    assert stats.power(40, 0.2, 0.8) == pytest.approx(power_by_hand(40, 0.2, 0.8))


def test_no_power_for_what_cannot_be() -> None:
    for difference, ties in ((0.001, 0.0), (0.5, 0.6), (0.5, 1.0)):
        with pytest.raises(InputError, match="too small, or not possible"):
            stats.pairs_needed(difference, ties)
    assert stats.power(5, 0.5, 0.0) == 0  # five pairs can never reach 5 %
    assert stats.power(6, 1.0, 0.0) == pytest.approx(1)


def test_a_single_pair_has_no_interval() -> None:
    assert stats.alpha([[1, -1]], seed=1) == stats.Interval(0.0)
    assert stats.cluster_shares([[1, 1, -1, 0]], seed=1)[1] == stats.Interval(0.5)
