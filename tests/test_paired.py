"""Paired tests against arithmetic written out, and against what such tests promise."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from quals.compare.paired import Resampling, against, at_equal_copying, mean
from quals.errors import MissingExtraError

FEW = Resampling(resamples=2000, seed=1)
NUMBERS = st.lists(st.integers(-20, 20).map(lambda number: number / 4), min_size=2, max_size=8)


def by_hand(differences):
    """The share of all sign patterns whose mean is at least as far from 0."""
    patterns = [np.dot(signs, differences) for signs in itertools.product([-1, 1], repeat=len(differences))]
    return np.mean(np.abs(patterns) >= abs(sum(differences)) - 1e-9)


@given(NUMBERS)
@settings(max_examples=40, deadline=None)
def test_randomisation_is_exact_on_few_documents(differences):
    found = against(differences, [0.0] * len(differences), FEW)
    assert found.p_randomisation == pytest.approx(by_hand(differences))


def test_randomisation_by_known_numbers():
    # All six differences have the same sign: 2 of 2^6 patterns are as extreme.
    assert against([3.0, 1.0, 2.0, 1.5, 0.5, 2.5], [0.0] * 6, FEW).p_randomisation == pytest.approx(2 / 64)
    assert against([1.0, 1.0], [1.0, 1.0], FEW).p_randomisation == 1.0


def test_random_patterns_come_near_the_exact_share():
    generator = np.random.default_rng(5)
    differences = generator.normal(0.4, 1.0, 14)
    exact = by_hand(differences)
    found = against(list(differences), [0.0] * 14, Resampling(resamples=9999, seed=2))  # fewer than 2^14
    assert found.p_randomisation == pytest.approx(exact, abs=4 * np.sqrt(exact * (1 - exact) / 9999))


@pytest.mark.parametrize("which", ["p_randomisation", "p_bootstrap"])
def test_p_values_are_uniform_if_the_systems_are_alike(which):
    generator = np.random.default_rng(11)
    small = Resampling(resamples=400, seed=3)
    values = []
    for _ in range(300):
        document = generator.normal(0, 3, 40)  # hard for both systems alike
        one, other = (document + generator.exponential(1.0, 40) for _ in range(2))
        values.append(getattr(against(list(one), list(other), small), which))
    # A true p-value is below t in a share t of the cases; 0.1 is Kolmogorov and Smirnov's bound at 0.5 % for 300.
    assert scipy.stats.kstest(values, "uniform").statistic < 0.1
    assert np.mean(np.array(values) < 0.05) < 0.09


def test_a_true_difference_is_found_though_documents_differ_more():
    generator = np.random.default_rng(2)
    document = generator.normal(0, 3, 60)
    found = against(list(document + 0.5 + generator.normal(0, 0.3, 60)), list(document), FEW)
    assert found.p_randomisation < 0.001
    assert found.p_bootstrap < 0.001
    assert 0.3 < found.difference.low < 0.5 < found.difference.high < 0.7


def test_interval_is_that_of_plain_resampling():
    values = np.random.default_rng(4).normal(1.0, 2.0, 50)
    found = mean(list(values), Resampling(resamples=20_000))
    draws = np.random.default_rng(9)
    means = [draws.choice(values, 50).mean() for _ in range(20_000)]
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx(np.quantile(means, [0.025, 0.975]), abs=0.02)
    narrow = mean(list(values), Resampling(level=0.5))
    assert found.low < narrow.low < narrow.high < found.high


def test_p_of_the_bootstrap_written_out():
    generator = np.random.default_rng(8)
    differences = generator.normal(0.3, 1.0, 30)
    centre = differences.mean()
    draws = np.array([generator.choice(differences, 30).mean() for _ in range(20_000)])
    by_hand = np.mean(np.abs(draws - centre) >= abs(centre))
    found = against(list(differences), [0.0] * 30, Resampling(resamples=20_000))
    assert found.p_bootstrap == pytest.approx(by_hand, abs=0.02)


def test_few_documents_have_no_p_of_the_bootstrap():
    few = against([1.0, 2.0] * 4, [0.0] * 8, FEW)
    assert (few.p_bootstrap, few.p_randomisation) == (None, pytest.approx(2 / 2**8, abs=0.05))
    assert against([1.0, 2.0] * 5, [0.0] * 10, FEW).p_bootstrap is not None


def test_only_pairs_count():
    found = against([1.0, None, 3.0, 2.0], [0.0, 5.0, None, 2.00005], FEW)
    assert found.difference.count == 2
    assert found.difference.value == pytest.approx((1.0 - 0.00005) / 2)
    assert (found.wins, found.ties, found.losses) == (1, 1, 0)
    exact = against([1.0, 2.0], [0.0, 2.00005], Resampling(resamples=200, tolerance=0.0))
    assert (exact.wins, exact.ties, exact.losses) == (1, 0, 1)


@pytest.mark.parametrize(
    ("values", "value", "reason"),
    [
        ([], None, "no document has a value"),
        ([None, None], None, "no document has a value"),
        ([2.0, None], 2.0, "single"),
    ],
)
def test_too_few_documents_give_a_reason(values, value, reason):
    found = mean(values, FEW)
    assert (found.value, found.low) == (value, None)
    assert reason in found.reason
    pair = against(values, [0.0] * len(values), FEW)
    assert (pair.difference.value, pair.p_randomisation, pair.p_bootstrap) == (value, None, None)


def test_equal_seeds_give_equal_numbers():
    values = list(np.random.default_rng(1).normal(0.1, 1, 40))
    zeros = [0.0] * 40
    assert against(values, zeros, FEW) == against(values, zeros, FEW)
    assert against(values, zeros, FEW) != against(values, zeros, Resampling(resamples=2000, seed=2))


@given(NUMBERS)
@settings(max_examples=20, deadline=None)
def test_turning_the_comparison_round_turns_the_signs(values):
    zeros = [0.0] * len(values)
    one, other = against(values, zeros, FEW), against(zeros, values, FEW)
    assert other.difference.value == -one.difference.value
    assert (other.wins, other.losses) == (one.losses, one.wins)
    assert other.p_randomisation == pytest.approx(one.p_randomisation)


def test_at_equal_copying_only_what_copying_explains_is_gone():
    generator = np.random.default_rng(4)
    novelty, usual_novelty = generator.uniform(0, 0.2, 60), generator.uniform(0.1, 0.3, 60)
    usual = generator.normal(0, 3, 60)
    noise = generator.normal(0, 0.05, 60)
    for own_merit in (0.0, 0.2):
        values = usual + own_merit - 2.0 * (novelty - usual_novelty) + noise
        found = at_equal_copying(list(values), list(usual), list(novelty), list(usual_novelty), FEW)
        line = scipy.stats.linregress(novelty - usual_novelty, values - usual)
        assert found.value == pytest.approx(line.intercept)
        assert found.low < own_merit < found.high
        assert found.high - found.low == pytest.approx(2 * 1.96 * line.intercept_stderr, rel=0.3)
        assert against(list(values), list(usual), FEW).difference.low > 0.1  # it gains in any case


def test_at_equal_copying_of_summaries_that_all_copy_alike_is_the_difference():
    values = list(np.random.default_rng(1).normal(0.1, 1, 40))
    zeros, novelty = [0.0] * 40, [0.3] * 40
    found = at_equal_copying(values, zeros, novelty, novelty, FEW)
    assert found.value == pytest.approx(np.mean(values))
    difference = against(values, zeros, FEW).difference
    assert (found.low, found.high) == pytest.approx((difference.low, difference.high))


def test_at_equal_copying_leaves_out_what_lacks_a_value_and_needs_some():
    values = list(np.random.default_rng(1).normal(0.1, 1, 12))
    novelty = list(np.random.default_rng(2).uniform(0, 1, 12))
    whole = at_equal_copying(values[1:11], [0.0] * 10, novelty[1:11], [0.5] * 10, FEW)
    gaps = at_equal_copying([None, *values[1:]], [0.0] * 12, [*novelty[:11], None], [0.5] * 12, FEW)
    assert gaps == whole
    assert whole.count == 10
    few = at_equal_copying([None, *values[1:10]], [0.0] * 10, novelty[:10], [0.5] * 10, FEW)
    assert (few.value, few.low, few.count) == (None, None, 9)
    assert "fewer than 10" in few.reason


def test_where_systems_differ_in_copying_by_the_same_everywhere_nothing_can_be_said():
    values = list(np.random.default_rng(1).normal(0.1, 1, 12))
    found = at_equal_copying(values, [0.0] * 12, [0.1] * 12, [0.4] * 12, FEW)
    assert found.value is None
    assert "by the same" in found.reason


def test_without_scipy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.stats", None)
    with pytest.raises(MissingExtraError, match=r"Comparing systems needs .* pip install '\.\[compare\]'"):
        mean([1.0, 2.0], FEW)


def test_a_draw_in_which_all_differ_alike_in_copying_says_nothing_of_equal_copying():
    zeros = [0.0] * 12
    found = at_equal_copying([0.4] * 11 + [0.0], zeros, [0.5] * 11 + [0.0], zeros, FEW)
    assert found.value == pytest.approx(0)  # one document says so: without it there is no line
    assert (found.low, found.high) == (None, None)
    assert "draws the systems differ in copying by the same everywhere" in found.reason


def test_rounding_makes_no_line():
    novelty = [n / 37 for n in range(30)]
    more = [n + 0.1 for n in novelty]
    values = list(np.random.default_rng(3).normal(0.1, 1, 30))
    found = at_equal_copying(values, [0.0] * 30, more, novelty, FEW)
    assert found.value is None
    assert found.reason == "the systems differ in copying by the same on every document"
    more[4] += 0.5
    found = at_equal_copying(values, [0.0] * 30, more, novelty, FEW)
    assert found.low is None
    assert "no interval" in found.reason


def test_level_and_resamples_are_kept_to():
    generator = np.random.default_rng(4)
    values, novelty = list(generator.normal(1.0, 2.0, 50)), list(generator.uniform(0, 1, 50))
    settings = [Resampling(resamples=1000, level=level) for level in (0.95, 0.5)]
    for intervals in (
        [mean(values, each) for each in settings],
        [at_equal_copying(values, [0.0] * 50, novelty, [0.5] * 50, each) for each in settings],
    ):
        wide, narrow = (found.high - found.low for found in intervals)
        assert narrow < 0.5 * wide  # .67 / 1.96 of it, for a normal distribution
    drawn = np.random.default_rng(5).normal(0.2, 1, 30)
    p = against(list(drawn), [0.0] * 30, Resampling(resamples=99)).p_randomisation
    assert p * 100 == pytest.approx(round(p * 100))


def test_no_p_value_is_zero_and_the_tolerance_itself_is_a_tie():
    found = against([5.0, 6.0, 7.0, 5.5] * 3, [0.0] * 12, Resampling(resamples=200))
    assert found.p_bootstrap == pytest.approx(1 / 201)
    found = against([1.0, 2.0, 0.0], [0.5, 2.5, 0.0], Resampling(resamples=200, tolerance=0.5))
    assert (found.wins, found.ties, found.losses) == (0, 3, 0)
