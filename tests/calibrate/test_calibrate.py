import itertools
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from labelled_rows import SIGNATURE, labelled
from word_pairs import WordPairs

from quals.calibrate import Band, Calibration, Isotonic, Logistic, fit, shipped
from quals.errors import InputError
from quals.lm.store import resolve
from quals.report.facts import MetricFacts


def test_logistic_finds_the_curve_the_labels_were_drawn_with(logistic):
    assert logistic.curve.slope == pytest.approx(2.0, abs=0.3)
    assert logistic.curve.intercept == pytest.approx(1.5, abs=0.3)
    assert logistic.brier < logistic.brier_base_rate
    for bin in logistic.reliability:
        assert bin["observed"] == pytest.approx(bin["predicted"], abs=4 * 0.5 / math.sqrt(bin["rows"]))


def test_isotonic_comes_near_the_same_curve_and_never_falls(logistic):
    isotonic = fit(*labelled(), signature=SIGNATURE, data=["made up"], method="isotonic")
    grid = np.linspace(-4, 2, 50)
    values = [isotonic.curve(x) for x in grid]
    assert all(a <= b for a, b in itertools.pairwise(values))
    assert min(values) > 0
    assert max(values) < 1
    inner = grid[(grid > -1.8) & (grid < 0.2)]
    assert np.mean([abs(isotonic.curve(x) - logistic.curve(x)) for x in inner]) < 0.06


def test_isotonic_by_hand():
    # Pool-adjacent-violators on (1, 0), (2, 1), (3, 0), (4, 1): the middle two become 1/2. Ten of each, and one row of
    # the other kind at either end.
    scores, labels = [1.0, 2.0, 3.0, 4.0] * 10, [0.0, 1.0, 0.0, 1.0] * 10
    curve = fit(scores, labels, signature=SIGNATURE, data=[], method="isotonic").curve
    assert [curve(x) for x in (1, 2, 3, 4)] == pytest.approx([1 / 11, 0.5, 0.5, 10 / 11])
    assert curve(1.5) == pytest.approx((1 / 11 + 0.5) / 2)


def test_logistic_with_soft_labels_lies_between():
    scores = np.linspace(-3, 0, 60)
    labels = [1.0 if x > -1 else 0.0 if x < -2 else 2 / 3 for x in scores]
    curve = fit(scores.tolist(), labels, signature=SIGNATURE, data=[]).curve
    assert curve(-3) < 0.3 < curve(-1.5) < curve(0)


@pytest.mark.parametrize(
    ("scores", "labels", "says"),
    [
        ([0.0] * 30, [1.0] * 30, "at least 10 of either kind"),
        (*labelled(slope=-2.0, intercept=-1.5), "nothing to calibrate"),
        ([], [], "at least 10"),
        ([0.1] * 60, [0.0, 1.0] * 30, "nothing to calibrate"),
    ],
)
@pytest.mark.parametrize("method", ["logistic", "isotonic"])
def test_no_curve_where_there_is_nothing_to_learn(scores, labels, says, method):
    with pytest.raises(InputError, match=says):
        fit(scores, labels, signature=SIGNATURE, data=[], method=method)


def test_equal_scores_have_no_logistic_curve():
    with pytest.raises(InputError, match=r"^all scores are equal"):
        fit([0.1] * 60, [0.0, 1.0] * 30, signature=SIGNATURE, data=[])


@pytest.mark.parametrize("method", ["logistic", "isotonic"])
def test_a_fold_without_a_curve_is_said_to_be_one(method):
    # Only the rows of document 0 rise, and the curve they are judged with is fitted without them.
    scores, labels = [0.0] * 20 + [1.0] * 40, [0.0] * 20 + [1.0] * 20 + [0.0, 1.0] * 10
    groups = [0] * 40 + [1 + number // 4 for number in range(20)]
    with pytest.raises(InputError, match=r"^in a fold of the cross-validation .*too few rows"):
        fit(scores, labels, signature=SIGNATURE, data=[], groups=groups, method=method)


def test_rows_of_one_document_are_never_judged_by_their_siblings():
    # The label is a property of the document alone and the score tells nothing: only leaking rows could do well.
    rng = np.random.default_rng(1)
    groups = [number // 10 for number in range(400)]
    noise = rng.normal(size=40)
    labels = rng.integers(0, 2, 40).astype(float)
    scores = [float(noise[g]) for g in groups]
    whole = [float(labels[g]) for g in groups]
    kept = fit(scores, whole, signature=SIGNATURE, data=[], groups=groups, method="isotonic")
    leaked = fit(scores, whole, signature=SIGNATURE, data=[], method="isotonic")
    assert leaked.brier < kept.brier


@pytest.mark.parametrize(
    ("probability", "band"),
    [(0.0, Band.LIKELY_INCONSISTENT), (0.3, Band.LOOK_CLOSER), (0.69, Band.LOOK_CLOSER), (0.7, Band.LIKELY_CONSISTENT)],
)
def test_bands(probability, band):
    assert Band.of(probability) is band


@pytest.mark.parametrize("score", [-1e6, -50.0, 0.0, 1e6])
def test_logistic_does_not_overflow(score):
    assert 0 <= Logistic(3.0, 0.5)(score) <= 1


@pytest.mark.parametrize(
    ("signature", "fits"),
    [
        (SIGNATURE, True),
        (SIGNATURE.replace("0.1.0", "9.9"), True),
        (SIGNATURE.replace("60", "30"), False),
        (SIGNATURE.replace("model:m", "model:n"), False),
        (SIGNATURE + "|chunks:350", False),
        ("", False),
    ],
)
def test_reads_only_scores_made_the_same_way(logistic, signature, fits):
    if fits:
        assert logistic.read(-0.5, signature).probability == pytest.approx(logistic.curve(-0.5))
    else:
        with pytest.raises(InputError, match="belongs to"):
            logistic.read(-0.5, signature)


@pytest.mark.parametrize("positive_from", [None, 0.5])
@pytest.mark.parametrize("curve", [Logistic(1.5, 0.25), Isotonic((-1.0, 0.0), (0.25, 0.75))])
def test_survives_its_file(tmp_path, logistic, curve, positive_from):
    written = Calibration(**{**vars(logistic), "curve": curve, "positive_from": positive_from})
    written.save(tmp_path / "c.json")
    assert Calibration.load(tmp_path / "c.json") == written


@pytest.mark.parametrize("knots", [((), ()), ((0.0,), (0.1, 0.2)), ((1.0, 0.0), (0.1, 0.2))])
def test_a_curve_without_sense_is_refused(tmp_path, logistic, knots):
    Calibration(**{**vars(logistic), "curve": Isotonic(*knots)}).save(tmp_path / "c.json")
    with pytest.raises(InputError, match=r"c\.json: not a calibration: .*knots"):
        Calibration.load(tmp_path / "c.json")


@pytest.mark.parametrize("curve", [Logistic(float("nan"), 0.0), Isotonic((0.0, 1.0), (0.1, float("nan")))])
def test_a_curve_without_numbers_is_refused(tmp_path, logistic, curve):
    Calibration(**{**vars(logistic), "curve": curve}).save(tmp_path / "c.json")
    with pytest.raises(InputError, match="no finite numbers"):
        Calibration.load(tmp_path / "c.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"method": "magic", "curve": {}}', '{"method": "logistic"}'])
def test_what_is_no_calibration_is_refused(tmp_path, text):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"c\.json: not a calibration"):
        Calibration.load(path)


def test_a_calibration_is_shipped_for_very_settings_or_there_is_none(tmp_path, logistic, monkeypatch):
    monkeypatch.setattr("quals.calibrate.calibration.shipped_files", lambda name: [*tmp_path.glob(name)])
    assert shipped(SIGNATURE) is None
    assert shipped("") is None
    Calibration(**{**vars(logistic), "signature": SIGNATURE}).save(tmp_path / "calibration.json")
    assert shipped(SIGNATURE) is not None
    assert shipped(SIGNATURE + "|alpha:2") is None
    assert shipped(SIGNATURE.replace("model:m", "model:other")) is None


def test_documents_are_as_long_as_they_are_read(logistic):
    """With accents as characters of their own a text is longer."""
    known = logistic.knowing(["cafe\u0301 " * 20])
    assert (known.shortest, known.longest) == (100, 100)
    assert known.objection("the cafe " * 12).startswith("the document is longer than any")
    assert known.objection("cafe\u0301 " * 20) == known.objection("caf\u00e9 " * 20) == ""
    assert "shorter than any" in known.objection("cafe\u0301 " * 19)


def test_nothing_is_said_of_documents_shorter_than_those_it_knows(logistic, tmp_path):
    known = replace(logistic, shortest=40, signature=WordPairs().signature)
    known.save(tmp_path / "c.json")
    assert Calibration.load(tmp_path / "c.json") == known
    metric = WordPairs()
    metric.calibrate(known)
    short, long = metric.score(
        ["The mayor resigned.", "The mayor resigned." + " He was tired." * 2], ["The mayor."] * 2
    )
    assert (short.reading, short.reason) == (
        None,
        "no probability: the document is shorter than any that the calibration knows (40 characters)",
    )
    assert (long.reading is not None, long.reason) == (True, "")
    facts = MetricFacts.of(metric)
    assert facts.read(short, "The mayor resigned.") is None
    assert facts.read(short, "The mayor resigned." * 3) is not None


def test_the_docs_say_what_the_shipped_calibrations_say():
    root = Path(__file__).parents[2]
    page = (root / "docs" / "reading-a-score.md").read_text(encoding="utf-8")
    for name, model in (("QUALS", "quals-small"), ("FactCC", "factcc-small"), ("PMI", "pmi"), ("ensemble", "ensemble")):
        (cells,) = re.findall(rf"^\| {name} \|((?: -?\d\.\d\d \|){{4}})", page, re.MULTILINE)
        curve = Calibration.load(root / "models" / model / "calibration.json").curve
        scores = [(math.log(p / (1 - p)) - curve.intercept) / curve.slope for p in (0.3, 0.5, 0.7, 0.9)]
        assert cells.split("|")[:-1] == [f" {score:.2f} " for score in scores], name


def test_the_shipped_calibration_knows_no_single_sentences():
    found = shipped(Calibration.load(resolve("quals-small") / "calibration.json").signature)
    assert found is not None
    assert 100 < found.shortest < 500
    assert found.english


def test_a_calibration_of_before_and_a_document_of_just_that_length(logistic):
    later = ("shortest", "longest", "english", "positive_from")
    values = {name: value for name, value in logistic.to_dict().items() if name not in later}
    assert Calibration.from_dict(values) == logistic
    assert replace(logistic, shortest=5).objection("abcde") == ""
