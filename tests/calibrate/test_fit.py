"""Fitting a calibration: its figures by their definitions, its curves by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from quals.calibrate import fit
from quals.errors import InputError


def drawn(rows):
    """Scores, and labels drawn with 1 / (1 + exp(-(2 * score + 1.5)))."""
    generator = np.random.default_rng(0)
    scores = generator.normal(-0.8, 0.7, rows)
    return scores, (generator.random(rows) < 1 / (1 + np.exp(-(2 * scores + 1.5)))).astype(float)


def fitted(scores, labels, **more):
    return fit(list(map(float, scores)), list(map(float, labels)), signature="s", data=[], **more)


def test_figures_are_those_of_their_definitions():
    scores, labels = drawn(2000)
    labels[:200] = 0.0  # fewer than half are consistent
    found = fitted(scores, labels)
    p = np.array([found.curve(score) for score in scores])  # on so many rows as good as held out
    assert found.base_rate == pytest.approx(labels.mean())
    assert found.brier_base_rate == pytest.approx(labels.var())
    assert found.brier == pytest.approx(np.mean((p - labels) ** 2), abs=0.003)
    assert found.log_loss == pytest.approx(-np.mean(np.log(np.where(labels == 1, p, 1 - p))), abs=0.006)
    assert (found.folds, sum(tenth["rows"] for tenth in found.reliability)) == (5, 2000)


def test_reliability_says_what_was_observed():
    scores, labels = drawn(60)
    counts = [tenth["observed"] * tenth["rows"] for tenth in fitted(scores, labels).reliability]
    assert counts == pytest.approx([round(count) for count in counts], abs=0.01)
    assert sum(counts) == pytest.approx(labels.sum(), abs=0.02)


def test_the_base_rate_of_soft_labels_is_their_mean():
    scores = np.linspace(-3, 0, 60)
    labels = [1.0 if score > -1 else 0.0 if score < -2 else 0.25 for score in scores]
    assert fitted(scores, labels).base_rate == pytest.approx(np.mean(labels))


def test_right_in_part_is_wrong_where_all_has_to_be_right():
    scores, labels = drawn(200)
    shares = np.where(labels == 1, 1.0, np.linspace(0, 0.9, 200))
    whole = fitted(scores, shares, positive_from=1)
    assert whole == replace(fitted(scores, labels), positive_from=1)
    assert fitted(scores, shares, positive_from=0.5).base_rate == pytest.approx(np.mean(shares >= 0.5))
    assert fitted(scores, shares).base_rate == pytest.approx(np.mean(shares))


@pytest.mark.parametrize("positive_from", [0.0, 1.1, float("nan")])
def test_a_bound_that_divides_no_labels(positive_from):
    with pytest.raises(InputError, match="above 0 and up to 1"):
        fitted(*drawn(100), positive_from=positive_from)


def test_kinds_that_are_told_apart_wholly_have_platts_targets():
    curve = fitted([-1.0] * 30 + [1.0] * 20, [0.0] * 30 + [1.0] * 20).curve
    assert [curve(-1.0), curve(1.0)] == pytest.approx([1 / 32, 21 / 22], abs=1e-3)


def test_isotonic_weighs_scores_by_their_rows_and_takes_soft_labels():
    scores = [1.0] * 20 + [2.0] * 30 + [3.0] * 10 + [4.0] * 20
    labels = [0.0] * 20 + [1.0, 0.0, 0.0] * 10 + [0.0] * 10 + [1.0] * 20
    assert fitted(scores, labels, method="isotonic").curve(2.0) == pytest.approx(10 / 40)  # 2 and 3 become one
    assert fitted([1.0, 2.0, 3.0] * 20, [0.0, 0.25, 1.0] * 20, method="isotonic").curve(2.0) == pytest.approx(0.25)


def test_the_highest_and_the_lowest_row_alone_make_nothing_certain():
    scores, labels = drawn(1000)
    labels[scores.argmax()], labels[scores.argmin()] = 1.0, 0.0
    curve = fitted(scores, labels, method="isotonic").curve
    assert 0.01 < curve(scores.min()) < curve(scores.max()) < 0.99


def test_groups_may_be_an_array():
    scores, labels = drawn(100)
    groups = [i // 2 for i in range(100)]
    assert fitted(scores, labels, groups=np.array(groups)) == fitted(scores, labels, groups=groups)


@pytest.mark.parametrize("method", ["logistic", "isotonic"])
@pytest.mark.parametrize(
    ("score", "label", "says"),
    [
        (None, 1.0, "score is missing"),
        (float("inf"), 1.0, "score is missing"),
        (0.5, None, "labels"),
        (0.5, -1.0, "labels"),
    ],
)
def test_what_is_no_number_is_refused(method, score, label, says):
    scores, labels = ([*values.tolist(), one] for values, one in zip(drawn(100), (score, label), strict=True))
    with pytest.raises(InputError, match=says):
        fit(scores, labels, signature="s", data=[], method=method)


@pytest.mark.parametrize(("folds", "documents"), [(0, 100), (1, 100), (5, 4)])
def test_folds_that_cannot_be(folds, documents):
    scores, labels = drawn(100)
    with pytest.raises(InputError, match="cannot be divided"):
        fitted(scores, labels, groups=[i % documents for i in range(100)], folds=folds)
