from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from quals.evaluate import statistics
from quals.evaluate.agreement import MEASURES, Labelled, agreement, comparisons, cross_fitted
from quals.evaluate.bootstrap import Bootstrap, UndefinedError, clusters

FEW = Bootstrap(resamples=50)


def floats(*values: float) -> np.ndarray:
    return np.array(values, dtype=float)


def flags(text: str) -> np.ndarray:
    return np.array([letter == "+" for letter in text])


# ---- statistics, by hand

BY_HAND = [
    # x deviates -1 0 1, y deviates -2 1 1: 3 / sqrt(2 * 6)
    (statistics.pearson(floats(1, 2, 3), floats(0, 3, 3)), 3 / math.sqrt(12)),
    # ranks 1 2 3 against 1 2.5 2.5: 1.5 / sqrt(2 * 1.5)
    (statistics.spearman(floats(1, 2, 30), floats(0, 3, 3)), 1.5 / math.sqrt(3)),
    # of 3 pairs 2 agree, 1 is tied in y: (2 - 0) / sqrt(3 * 2)
    (statistics.kendall(floats(1, 2, 30), floats(0, 3, 3)), 2 / math.sqrt(6)),
    # positives 3, 1; negatives 2, 1: 3>2, 3>1, 1<2, 1=1 -> 2.5 of 4
    (statistics.roc_auc(floats(3, 1, 2, 1), flags("++--")), 2.5 / 4),
    # 1 of 2 positives, 2 of 3 negatives
    (statistics.balanced_accuracy(flags("+-+--"), flags("++---")), (1 / 2 + 2 / 3) / 2),
    (statistics.share_in_order(floats(1, 2, 3, 4), floats(0, 2, 4, 1)), 2.5 / 4),
]


@pytest.mark.parametrize(("found", "expected"), BY_HAND)
def test_by_hand(found: float, expected: float) -> None:
    assert found == pytest.approx(expected)


columns = st.lists(
    st.tuples(st.integers(-4, 4).map(lambda n: n / 3), st.sampled_from([0.0, 0.25, 0.5, 1.0])), min_size=3, max_size=40
)


@given(columns)
@settings(max_examples=60, deadline=None)
def test_equal_to_scipy_with_ties(rows: list[tuple[float, float]]) -> None:
    x, y = floats(*(a for a, _ in rows)), floats(*(b for _, b in rows))
    if len(set(x)) > 1 and len(set(y)) > 1:
        assert statistics.pearson(x, y) == pytest.approx(scipy.stats.pearsonr(x, y).statistic, abs=1e-9)
        assert statistics.spearman(x, y) == pytest.approx(scipy.stats.spearmanr(x, y).statistic, abs=1e-9)
        assert statistics.kendall(x, y) == pytest.approx(scipy.stats.kendalltau(x, y).statistic, abs=1e-9)
    positive = y >= 0.5
    if 0 < positive.sum() < len(y):
        u = scipy.stats.mannwhitneyu(x[positive], x[~positive]).statistic
        assert statistics.roc_auc(x, positive) == pytest.approx(u / (positive.sum() * (~positive).sum()))


@given(columns)
@settings(max_examples=60, deadline=None)
def test_best_threshold_is_best_of_all(rows: list[tuple[float, float]]) -> None:
    x, positive = floats(*(a for a, _ in rows)), np.array([b >= 0.5 for _, b in rows])
    if not 0 < positive.sum() < len(x):
        return
    chosen = statistics.best_threshold(x, positive)
    everything = [statistics.balanced_accuracy(x >= cut, positive) for cut in [*x, math.inf]]
    assert statistics.balanced_accuracy(x >= chosen, positive) == pytest.approx(max(everything))


def test_best_threshold_lies_between_the_classes() -> None:
    assert statistics.best_threshold(floats(1, 2, 4, 9), flags("--++")) == 3
    assert statistics.best_threshold(floats(5, 5, 5), flags("-++")) == -math.inf


# ---- absence, never NaN

DEGENERATE = [
    ([0.5] * 4, [0.0, 1.0, 0.0, 1.0], "pearson", "all scores are equal"),
    ([0.5] * 4, [0.0, 1.0, 0.0, 1.0], "kendall", "all scores are equal"),
    ([0.1, 0.2, 0.3, 0.4], [1.0] * 4, "spearman", "all labels are equal"),
    ([0.1, 0.2, 0.3, 0.4], [1.0] * 4, "roc_auc", "no row is labelled inconsistent"),
    ([0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4], "roc_auc", "no row is labelled consistent"),
    ([0.1, 0.2, 0.3, 0.4], [1.0] * 4, "balanced_accuracy", "no row is labelled inconsistent"),
    ([0.1, 0.2, None, None], [0.0, 1.0, 0.0, 1.0], "pearson", "fewer than 3 scored rows"),
    ([None] * 4, [0.0, 1.0, 0.0, 1.0], "roc_auc", "no row"),
]


@pytest.mark.parametrize(("scores", "labels", "measure", "reason"), DEGENERATE)
def test_stated_absence(scores: list[float | None], labels: list[float], measure: str, reason: str) -> None:
    result = agreement(scores, Labelled(["a", "b", "c", "d"], labels), bootstrap=FEW)
    estimate = result.estimates[measure]
    assert (estimate.value, estimate.low, estimate.high) == (None, None, None)
    assert reason in estimate.reason


def test_one_document_has_values_but_no_interval() -> None:
    result = agreement([0.1, 0.2, 0.4], Labelled(["a"] * 3, [0.0, 1.0, 1.0]), bootstrap=FEW)
    assert result.estimates["roc_auc"].value == 1.0
    assert result.estimates["roc_auc"].low is None
    assert "one document" in result.estimates["roc_auc"].reason
    assert "other documents" in result.estimates["balanced_accuracy"].reason


def test_interval_is_withheld_when_most_resamples_have_one_class() -> None:
    scores, labels = [float(i) for i in range(6)], [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]
    estimate = agreement(scores, Labelled(list("abcdef"), labels), bootstrap=FEW).estimates["roc_auc"]
    assert estimate.value == 1.0
    assert estimate.low is None
    assert "resamples have no value" in estimate.reason


def test_a_value_that_no_resample_changes_has_no_interval() -> None:
    # Whole pairs are drawn: each is in order, and the labels lie on a line through the scores.
    documents, pairs = list("aabbcc"), ["1", "1", "2", "2", "3", "3"]
    found = agreement([0.1, 0.7] * 3, Labelled(documents, [0.0, 1.0] * 3, pairs), bootstrap=FEW).estimates
    for measure in ("pearson", "roc_auc", "pairs"):
        assert found[measure].value == pytest.approx(1.0)
        assert (found[measure].low, found[measure].high) == (None, None)
        assert "all resamples have the same value" in found[measure].reason


def test_rows_without_a_score_are_left_out_and_counted() -> None:
    labels = [0.0, 1.0, 0.0, 1.0, 0.5, 0.0]
    scores = [0.1, 0.9, None, 0.8, 0.5, None]
    whole = agreement(scores, Labelled(list("abcdde"), labels), bootstrap=FEW)
    assert (whole.rows, whole.scored, whole.documents) == (6, 4, 3)
    cut = agreement([0.1, 0.9, 0.8, 0.5], Labelled(list("abdd"), [0.0, 1.0, 1.0, 0.5]), bootstrap=FEW)
    assert whole.estimates == cut.estimates


# ---- pairs


def test_pairs_share_with_ties_half_and_lost_twins() -> None:
    labels = [1.0, 0.0, 0.0, 1.0, 0.0, 1.0]
    documents = ["d", "d", "d", "e", "e", "f"]
    pairs = ["1", "1", "2", "3", "3", "4"]  # pair 2 lost its consistent side, which is row 0; pair 4 has no twin
    assert comparisons(labels, documents, pairs) == [(0, 1), (0, 2), (3, 4)]
    result = agreement([0.5, 0.4, 0.5, 0.1, 0.2, 0.9], Labelled(documents, labels, pairs), bootstrap=FEW)
    pair = result.estimates["pairs"]
    assert (pair.value, pair.count) == (1.5 / 3, 3)
    assert pair.reason == "1 rows have no twin"


def test_rows_that_name_no_pair_are_told_in_a_file_of_pairs() -> None:
    labelled = Labelled(["d", "d", "e", "e"], [1.0, 0.0, 1.0, 0.0], ["1", "1", None, None])
    assert "2 rows name no pair" in agreement([0.5, 0.1, 0.9, 0.1], labelled, bootstrap=FEW).estimates["pairs"].reason
    nameless = Labelled(labelled.documents, labelled.labels, [None] * 4)
    assert "name no pair" not in agreement([0.5, 0.1, 0.9, 0.1], nameless, bootstrap=FEW).estimates["pairs"].reason


def test_comparison_without_a_score_is_left_out_and_told() -> None:
    labelled = Labelled(["d", "d", "e", "e"], [1.0, 0.0, 1.0, 0.0], ["1", "1", "2", "2"])
    pair = agreement([0.5, None, 0.9, 0.1], labelled, bootstrap=FEW).estimates["pairs"]
    assert (pair.value, pair.count) == (1.0, 1)
    assert "1 comparisons lack a score" in pair.reason


def test_a_lost_twin_with_two_candidates_is_not_guessed() -> None:
    assert comparisons([1.0, 1.0, 0.0], ["d", "d", "d"], ["1", "2", "3"]) == [(0, 2), (1, 2)]
    assert comparisons([1.0, 0.0, 1.0, 0.0, 0.0], ["d"] * 5, ["1", "1", "2", "2", "3"]) == [(0, 1), (2, 3)]


def test_twins_of_equal_labels_are_compared_with_nobody() -> None:
    assert comparisons([1.0, 1.0, 1.0, 0.0], ["D"] * 4, ["p1", "p1", "p2", "p2"]) == [(2, 3)]
    assert comparisons([0.0, 0.0, 1.0], ["D"] * 3, ["p1", "p1", "p2"]) == []


def test_twins_of_equal_labels_are_not_alone() -> None:
    labelled = Labelled(["d", "d", "e", "e", "f"], [1.0, 0.0, 1.0, 1.0, 1.0], ["p", "p", "q", "q", "r"])
    pair = agreement([0.5, 0.1, 0.9, 0.1, 0.3], labelled, bootstrap=FEW).estimates["pairs"]
    assert pair.reason.endswith("; 1 rows have no twin")


def test_names_of_pairs_may_be_used_again_for_another_document() -> None:
    labels, documents = [1.0, 0.0, 0.0, 1.0], ["d", "d", "e", "e"]
    assert comparisons(labels, documents, ["1"] * 4) == [(0, 1), (3, 2)]


def test_without_pairs_the_summaries_of_a_document_are_compared() -> None:
    labels, documents = [1.0, 0.5, 0.5, 0.0, 1.0], ["d", "d", "d", "e", "e"]
    assert comparisons(labels, documents, [None] * 5) == [(0, 1), (0, 2), (4, 3)]
    result = agreement([0.5, 0.4, 0.5, 0.1, 0.2], Labelled(documents, labels), bootstrap=FEW)
    assert (result.estimates["pairs"].value, result.estimates["pairs"].reason) == (2.5 / 3, "")


def test_files_with_nothing_to_compare_have_no_pair_measure() -> None:
    result = agreement([0.1, 0.2, 0.3], Labelled(["a", "b", "c"], [0.0, 1.0, 1.0]), bootstrap=FEW)
    assert set(result.estimates) == set(MEASURES) - {"pairs", "partial"}


def test_partial_correlation_is_that_of_what_copying_leaves() -> None:
    generator = np.random.default_rng(3)
    copying = generator.uniform(size=80)
    labels = copying + generator.normal(0, 0.3, 80)
    for merit in (0.0, 1.0):
        scores = 2 * copying + merit * (labels - copying) + generator.normal(0, 0.3, 80)
        left = [values - np.polyval(np.polyfit(copying, values, 1), copying) for values in (scores, labels)]
        found = statistics.partial(scores, labels, copying)
        assert found == pytest.approx(np.corrcoef(*left)[0, 1])
        assert (found > 0.5) == (merit > 0)
        assert statistics.pearson(scores, labels) > 0.4
    assert statistics.partial(scores, labels, np.full(80, 0.5)) == statistics.pearson(scores, labels)
    with pytest.raises(UndefinedError, match="scores follow copying alone"):
        statistics.partial(0.1 - 3 * copying, labels, copying)
    with pytest.raises(UndefinedError, match="labels follow copying alone"):
        statistics.partial(scores, copying, copying)


def test_rows_without_a_score_or_with_nothing_to_copy_are_left_out_at_equal_copying() -> None:
    scores, copying = [0.1, 0.9, 0.5, 0.4, None, 0.7], [0.3, 0.2, 0.9, 0.4, 0.1, None]
    labels = [0.0, 1.0, 0.2, 0.4, 1.0, 0.8]
    labelled = Labelled(list("abcdef"), labels, copying=copying)
    found = agreement(scores, labelled, bootstrap=FEW).estimates["partial"]
    four = (np.array(scores[:4]), np.array(labels[:4]), np.array(copying[:4]))
    assert (found.value, found.count) == (statistics.partial(*four), 4)
    assert found.reason.endswith("1 scored rows have no copying score")


def test_three_rows_always_agree_at_equal_copying_so_that_they_say_nothing() -> None:
    three = np.random.default_rng(0).normal(size=(3, 3))
    with pytest.raises(UndefinedError, match="fewer than 4 scored rows"):
        statistics.partial(*three)


# ---- thresholds on other data


def test_threshold_never_sees_the_row_it_judges() -> None:
    generator = np.random.default_rng(1)
    scores, positive = generator.normal(size=40), np.arange(40) % 2 == 0
    documents = [f"d{i}" for i in range(40)]
    noise = [
        statistics.balanced_accuracy(cross_fitted(scores, positive, documents, seed=s), positive) for s in range(9)
    ]
    fitted = statistics.balanced_accuracy(scores >= statistics.best_threshold(scores, positive), positive)
    assert np.mean(noise) < 0.56 < fitted  # fitting on the rows themselves finds skill in pure noise


def test_rows_of_a_document_share_a_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    documents = [f"d{i // 4}" for i in range(80)]
    scores, outside = floats(*(i // 4 for i in range(80))), []

    def choose(scores: np.ndarray, positive: np.ndarray) -> float:
        outside.append(scores)
        return 0.0

    monkeypatch.setattr(statistics, "best_threshold", choose)
    cross_fitted(scores, scores > 9, documents, seed=0)
    assert [(len(rows), len(set(rows))) for rows in outside] == [(64, 16)] * 5


def test_tuned_threshold_is_used_as_given() -> None:
    labelled = Labelled(list("abcd"), [0.0, 0.0, 1.0, 1.0])
    for threshold, expected in ((0.25, 1.0), (0.15, 0.75), (math.inf, 0.5)):
        result = agreement([0.1, 0.2, 0.3, 0.4], labelled, tuned_threshold=threshold, bootstrap=FEW)
        assert result.estimates["balanced_accuracy"].value == expected


def test_labels_are_binarised_at_the_stated_value() -> None:
    labelled = Labelled(list("abc"), [0.3, 0.6, 1.0])
    assert agreement([1, 3, 2], labelled, bootstrap=FEW).estimates["roc_auc"].value == 0.5
    assert agreement([1, 3, 2], labelled, positive_from=0.5, bootstrap=FEW).estimates["roc_auc"].value == 1.0


# ---- intervals


def test_tiny_differences_do_not_underflow() -> None:
    assert statistics.pearson(floats(0, 1e-200, 2e-200), floats(1, 2, 3)) == pytest.approx(1.0)


def test_same_seed_same_interval() -> None:
    x = np.random.default_rng(0).normal(size=30)
    labelled = Labelled([str(i) for i in range(30)], list(x + np.random.default_rng(1).normal(size=30)))
    first, again = (agreement(list(x), labelled, bootstrap=FEW).estimates for _ in range(2))
    assert first == again
    assert agreement(list(x), labelled, bootstrap=Bootstrap(50, seed=1)).estimates != first


def correlated(
    generator: np.random.Generator, documents: int, rows: int, shared: float
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels with correlation 0.5, whose parts common to a document have variance ``shared``."""
    covariance = [[1, 0.5], [0.5, 1]]
    common = generator.multivariate_normal([0, 0], covariance, size=documents).repeat(rows, axis=0)
    own = generator.multivariate_normal([0, 0], covariance, size=documents * rows)
    both = math.sqrt(shared) * common + math.sqrt(1 - shared) * own
    return both[:, 0], both[:, 1]


def coverage(groups_of: int, shared: float, by_document: bool) -> float:
    generator, hits, trials = np.random.default_rng(7), 0, 150
    names = [f"d{i // groups_of if by_document else i}" for i in range(40 * groups_of)]
    for trial in range(trials):
        x, y = correlated(generator, 40, groups_of, shared)
        made = Bootstrap(200, seed=trial).estimate(lambda rows: statistics.pearson(x[rows], y[rows]), names)  # noqa: B023
        hits += made.low <= 0.5 <= made.high
    return hits / trials


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    assert 0.88 <= coverage(1, 0.0, by_document=True) <= 0.99
    assert 0.88 <= coverage(5, 0.8, by_document=True) <= 0.99


def test_drawing_rows_instead_of_documents_would_be_overconfident() -> None:
    assert coverage(5, 0.8, by_document=False) < 0.85


def test_clusters_keep_every_row_once() -> None:
    groups = clusters(["a", "b", "a", "c", "b"])
    assert [list(rows) for rows in groups] == [[0, 2], [1, 4], [3]]
    for rows in Bootstrap(20).draws(groups):
        assert (rows == 0).sum() == (rows == 2).sum()


def test_resamples_without_a_value_are_skipped_not_numbered() -> None:
    def picky(rows: np.ndarray) -> float:
        if 0 in rows and len(rows) == 2 and rows[0] == rows[1]:
            raise UndefinedError("no")
        return float(rows.mean())

    assert Bootstrap(40).estimate(picky, ["a", "b"]).low is None


# ---- by document, exactly


def test_every_row_is_judged_with_a_threshold():
    scores = floats(*range(40))
    positive = scores >= 20
    assert (cross_fitted(scores, positive, [f"d{i}" for i in range(40)], seed=0) == positive).sum() >= 39


def test_every_document_is_drawn():
    assert set(np.concatenate([*Bootstrap(40).draws(clusters(list("abc")))]).tolist()) == {0, 1, 2}


def test_comparisons_are_drawn_by_document():
    """Within a document all come out alike: those of 12 documents are worth 12, not 108."""
    generator = np.random.default_rng(0)
    scores, labels, documents = [], [], []
    for number, shift in enumerate(generator.normal(size=12)):
        for place in range(6):
            documents.append(f"d{number}")
            labels.append(float(place % 2))
            scores.append(float(place % 2) * shift + 0.01 * generator.normal())
    labelled = Labelled(documents, labels, copying=[float(x) for x in generator.uniform(size=72)])
    found = agreement(scores, labelled, bootstrap=Bootstrap(300)).estimates["pairs"]
    assert found.high - found.low > 0.6 * 2 * 1.96 * math.sqrt(found.value * (1 - found.value) / 12)


def test_partial_correlations_are_drawn_by_document():
    generator = np.random.default_rng(7)
    x, y = (generator.normal(size=20).repeat(6) + 0.05 * generator.normal(size=120) for _ in range(2))
    labelled = Labelled([f"d{i // 6}" for i in range(120)], list(y), copying=list(generator.uniform(size=120)))
    found = agreement(list(x), labelled, bootstrap=Bootstrap(300)).estimates
    partial, plain = (found[name].high - found[name].low for name in ("partial", "pearson"))
    assert partial == pytest.approx(plain, rel=0.25)


def test_thresholds_and_tiny_numbers():
    labelled = Labelled(list("abcd"), [0.0, 0.0, 1.0, 1.0])
    found = agreement([0.1, 0.2, 0.3, 0.4], labelled, tuned_threshold=0.3, bootstrap=FEW)
    assert found.estimates["balanced_accuracy"].value == 1.0  # a score at the threshold is above it
    assert statistics.best_threshold(floats(1, 2, 3, 4, 5, 6), flags("-+-+-+")) == 3.5  # the middle of three
    tiny, plain = (statistics.pearson(floats(0, k, 5 * k), floats(1, 2, 3)) for k in (1e-200, 1))
    assert tiny == pytest.approx(plain)
