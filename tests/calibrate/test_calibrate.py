import itertools
import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from word_pairs import WordPairs

from quals.calibrate import Band, Calibration, Isotonic, Logistic, fit, shipped
from quals.calibrate.labelled import read_labelled
from quals.calibrate.language import looks_english
from quals.cli.calibrate import calibrate
from quals.errors import InputError
from quals.io.separated import jsonl_to_separated
from quals.lm import store
from quals.lm.store import resolve
from quals.report.facts import MetricFacts

SIGNATURE = "metric:quals|model:m|beams:60|version:0.1.0"


def labelled(rows=2000, slope=2.0, intercept=1.5, seed=0):
    """Scores whose true probability of consistency is logistic, and labels drawn with it."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(-0.8, 0.7, rows)
    labels = rng.random(rows) < 1 / (1 + np.exp(-(slope * scores + intercept)))
    return scores.tolist(), labels.astype(float).tolist()


@pytest.fixture(scope="module")
def logistic():
    return fit(*labelled(), signature=SIGNATURE, data=["made up"])


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
    # Pool-adjacent-violators on (1, 0), (2, 1), (3, 0), (4, 1): the middle two become 1/2. Ten of each.
    scores, labels = [1.0, 2.0, 3.0, 4.0] * 10, [0.0, 1.0, 0.0, 1.0] * 10
    curve = fit(scores, labels, signature=SIGNATURE, data=[], method="isotonic").curve
    assert [curve(x) for x in (1, 2, 3, 4)] == pytest.approx([1 / 42, 0.5, 0.5, 41 / 42])
    assert curve(1.5) == pytest.approx((1 / 42 + 0.5) / 2)


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


@pytest.mark.parametrize("curve", [Logistic(1.5, 0.25), Isotonic((-1.0, 0.0), (0.25, 0.75))])
def test_survives_its_file(tmp_path, logistic, curve):
    written = Calibration(**{**vars(logistic), "curve": curve})
    written.save(tmp_path / "c.json")
    assert Calibration.load(tmp_path / "c.json") == written


@pytest.mark.parametrize("knots", [((), ()), ((0.0,), (0.1, 0.2)), ((1.0, 0.0), (0.1, 0.2))])
def test_a_curve_without_sense_is_refused(tmp_path, logistic, knots):
    Calibration(**{**vars(logistic), "curve": Isotonic(*knots)}).save(tmp_path / "c.json")
    with pytest.raises(InputError, match=r"c\.json: not a calibration: .*knots"):
        Calibration.load(tmp_path / "c.json")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"method": "magic", "curve": {}}', '{"method": "logistic"}'])
def test_what_is_no_calibration_is_refused(tmp_path, text):
    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(InputError, match=r"c\.json: not a calibration"):
        Calibration.load(path)


def test_a_calibration_is_shipped_for_very_settings_or_there_is_none(tmp_path, logistic, monkeypatch):
    monkeypatch.setattr(store, "shipped_files", lambda name: [*tmp_path.glob(name)])
    assert shipped(SIGNATURE) is None
    assert shipped("") is None
    Calibration(**{**vars(logistic), "signature": SIGNATURE}).save(tmp_path / "calibration.json")
    assert shipped(SIGNATURE) is not None
    assert shipped(SIGNATURE + "|alpha:2") is None
    assert shipped(SIGNATURE.replace("model:m", "model:other")) is None


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" if isinstance(row, dict) else row + "\n" for row in rows))
    return str(path)


def test_command_writes_it_and_tells_what_it_left_out(tmp_path):
    scores, labels = labelled(200)
    rows = [
        {"score": s, "label": bool(y), "status": "ok", "signature": SIGNATURE, "document": f"d{i // 2}"}
        for i, (s, y) in enumerate(zip(scores, labels, strict=True))
    ]
    faults = [
        "{broken",
        {"score": 1.0, "status": "ok", "signature": SIGNATURE},
        {"score": 1.0, "label": 3, "signature": SIGNATURE},
        {"score": None, "status": "no-pairs", "label": 1},
    ]
    source = write(tmp_path / "in.jsonl", [*rows, *faults])
    done = CliRunner().invoke(calibrate, [source, "-o", str(tmp_path / "c.json")])
    assert done.exit_code == 0, done.output
    assert "3 faulty and 1 unscored left out" in done.output
    assert f"{source}:202: label: missing or not a number" in done.output
    stored = Calibration.load(tmp_path / "c.json")
    assert (stored.rows, stored.data, stored.signature) == (200, ("in.jsonl",), SIGNATURE)


def test_scores_in_parquet_and_labels_from_csv(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [{**row, "label": str(float(row["label"]))} for row in scored(20)]
    plain = read_labelled([write(tmp_path / "in.jsonl", rows)])
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "in.parquet")
    found = read_labelled([tmp_path / "in.parquet"])
    assert (found.scores, found.labels, found.documents) == (plain.scores, plain.labels, plain.documents)
    assert len(found.scores) == 20
    assert not found.faults


def test_what_was_written_as_csv_is_read_as_what_it_was(tmp_path):
    rows = [{**row, "label": bool(n % 2)} for n, row in enumerate(several(scored(20), "quals", "rouge1"))]
    rows.append({**rows[0], "scores": {"quals": {"score": None, "status": "no-pairs"}}})
    source = Path(write(tmp_path / "in.jsonl", rows))
    jsonl_to_separated(source, tmp_path / "in.csv")
    plain, table = (read_labelled([path], metric="rouge1") for path in (source, tmp_path / "in.csv"))
    assert (table.scores, table.labels) == (plain.scores, plain.labels)
    assert len(table.scores) == 20
    alone = [{**row, "label": True} for row in scored(3)] + [{**scored(1)[0], "score": None, "status": "no-pairs"}]
    jsonl_to_separated(Path(write(tmp_path / "alone.jsonl", alone)), tmp_path / "alone.csv")
    found = read_labelled([tmp_path / "alone.csv"])
    assert (found.labels, found.unscored, found.faults) == ([1.0] * 3, 1, [])


def test_scores_without_a_signature_are_told(tmp_path):
    with pytest.raises(InputError, match=r"in\.jsonl:1: signature: the row has none"):
        read_labelled([write(tmp_path / "in.jsonl", [{"score": 0.1, "label": 1, "status": "ok"}])])


def test_documents_are_as_long_as_they_are_read(logistic):
    """With accents as characters of their own a text is longer."""
    known = logistic.knowing(["cafe\u0301 " * 20])
    assert known.shortest == 100
    assert known.objection("cafe\u0301 " * 20) == known.objection("caf\u00e9 " * 20) == ""
    assert "shorter than any" in known.objection("cafe\u0301 " * 19)


def test_scores_made_in_two_ways_are_not_mixed(tmp_path):
    other = SIGNATURE.replace("60", "30")
    rows = [{"score": 0.1, "label": 1, "signature": signature} for signature in (SIGNATURE, other)]
    with pytest.raises(InputError, match=r"in\.jsonl:2: signature"):
        read_labelled([write(tmp_path / "in.jsonl", rows)])


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


WELSH = (
    "Cafodd y cyngor ei feirniadu ddydd Mawrth ar ôl penderfynu cau tair o ysgolion bach y sir erbyn yr haf nesaf, "
    "er bod rhieni wedi casglu dros fil o enwau yn erbyn y cynllun."
)
GERMAN = (
    "Der Stadtrat hat am Dienstag in Augsburg beschlossen, drei kleine Schulen zu schließen. Das war nicht für alle "
    "ein Grund zur Freude: Eltern hatten mehr als tausend Unterschriften gegen den Plan gesammelt."
)
ENGLISH = (
    "The council was criticised on Tuesday after it decided to close three of the county's small schools by next "
    "summer, although parents had collected over a thousand names against the plan."
)


OTHERS = (
    "A kormány szerdán döntött arról, hogy a jövő évtől emelik a minimálbért. A miniszter szerint a béremelés a "
    "családok helyzetét is javítja, és a vállalkozások is elbírják a terhet. A dolgozók örülnek.",
    "Statsministeren sier at regjeringen vil gi mer penger til skolene. Han sier at det er på tide at barna får et "
    "bedre tilbud, og at planen ikke er for dyr for dem som bor her i nord.",
    "O ministro disse que o governo vai dar mais dinheiro a escolas e a hospitais. As famílias e as empresas, a favor "
    "da medida, pedem a publicação das contas até a próxima semana.",
    "Ministr řekl, že vláda dá více peněz školám, a to o deset procent. To by mohlo vést k tomu, že by se to podařilo, "
    "a to by bylo dobře i pro děti a rodiče v Praze a v Brně.",
    "Die minister het gesê dat die regering in die toekoms meer geld aan skole sal gee. Dit is die eerste keer in tien "
    "jaar dat dit gebeur, maar daar is nog baie werk om te doen by skole in die platteland.",
)


@pytest.mark.parametrize("text", [WELSH, GERMAN, *OTHERS])
def test_words_that_english_shares_with_others_do_not_make_a_text_english(text):
    assert not looks_english(text)


@pytest.mark.parametrize("text", [ENGLISH, "You said you would call me when you got there. I can't take it. " * 2])
def test_english_looks_english(text):
    assert looks_english(text)


def test_nothing_is_said_of_documents_in_other_languages_than_those_it_knows(logistic):
    metric = WordPairs()
    metric.calibrate(replace(logistic, english=True, signature=metric.signature))
    found = metric.score([WELSH, GERMAN, ENGLISH, "Three schools: Bangor, Conwy, Rhyl"], ["Three schools."] * 4)
    assert [score.reading is not None for score in found] == [False, False, True, True]
    assert all(score.value is not None for score in found)
    assert found[0].reason == (
        "no probability: the document does not look English, as those do that the calibration knows"
    )
    facts = MetricFacts.of(metric)
    assert [facts.read(found[2], text) is not None for text in (WELSH, ENGLISH)] == [False, True]
    metric.calibrate(replace(logistic, english=False, signature=metric.signature))
    assert metric.score(WELSH, "Three schools.").reading is not None


@pytest.mark.parametrize(("texts", "english"), [((WELSH, GERMAN, ENGLISH), False), ((WELSH, ENGLISH, ENGLISH), True)])
def test_a_calibration_knows_whether_its_documents_are_english(tmp_path, texts, english):
    rows = [{**row, "document": f"{texts[i % 3]} {i // 3}"} for i, row in enumerate(scored(300))]
    done = CliRunner().invoke(calibrate, [write(tmp_path / "in.jsonl", rows), "-o", str(tmp_path / "c.json")])
    assert done.exit_code == 0, done.output
    assert Calibration.load(tmp_path / "c.json").english is english


def test_the_shipped_calibration_knows_no_single_sentences():
    found = shipped(Calibration.load(resolve("quals-small") / "calibration.json").signature)
    assert found is not None
    assert 100 < found.shortest < 500
    assert found.english


def scored(count=200, document="document", **more):
    """Labelled rows as ``quals score`` writes them, two for each document."""
    return [
        {"score": s, "label": bool(y), "status": "ok", "signature": SIGNATURE, document: f"d{i // 2}", **more}
        for i, (s, y) in enumerate(zip(*labelled(count), strict=True))
    ]


@pytest.mark.parametrize(("name", "option"), [("document", None), ("article", None), ("body", "body")])
def test_documents_are_found_as_everywhere(tmp_path, name, option):
    source = write(tmp_path / "in.jsonl", scored(20, name))
    rows = read_labelled([source], document=option)
    assert rows.documents == [f"d{i // 2}" for i in range(20)]
    assert rows.without_document == 0


def test_a_document_of_passages_is_the_text_that_was_scored(tmp_path):
    rows = scored(2)
    rows[0]["document"], rows[1]["document"] = ["One.", "Two."], "One.\n\nTwo."
    assert read_labelled([write(tmp_path / "in.jsonl", rows)]).documents == ["One.\n\nTwo."] * 2


def test_rows_without_a_document_are_told_of_once(tmp_path):
    source = write(tmp_path / "in.jsonl", scored(200, "body"))
    done = CliRunner().invoke(calibrate, [source, "-o", str(tmp_path / "c.json")])
    assert done.exit_code == 0, done.output
    assert done.stderr.count("200 of 200 rows have no document") == 1
    assert Calibration.load(tmp_path / "c.json").shortest == 0
    named = CliRunner().invoke(calibrate, [source, "-o", str(tmp_path / "c.json"), "--document-field", "body"])
    assert (named.exit_code, named.stderr) == (0, "")
    assert Calibration.load(tmp_path / "c.json").shortest == 2
    absent = read_labelled([source], document="text")
    assert (absent.scores, len(absent.faults)) == ([], 200)


def several(rows, *names):
    """The rows as of several metrics, of which the last has the scores."""
    made = []
    for row in rows:
        of = {part: row[part] for part in ("score", "status", "signature")}
        other = {"score": None, "status": "error", "signature": "metric:other"}
        rest = {part: value for part, value in row.items() if part not in of}
        made.append({**rest, "scores": {**dict.fromkeys(names[:-1], other), names[-1]: of}})
    return made


def test_of_several_metrics_one_is_taken(tmp_path):
    plain = read_labelled([write(tmp_path / "one.jsonl", scored(20))])
    path = write(tmp_path / "two.jsonl", several(scored(20), "rouge1", "quals"))
    first, named, absent = (read_labelled([path], metric=name) for name in (None, "quals", "qags"))
    assert (first.unscored, first.scores) == (20, [])
    assert named == read_labelled([tmp_path / "one.jsonl"], metric="quals")
    assert (named.scores, named.signature) == (plain.scores, SIGNATURE)
    assert "no score by qags (there are: rouge1, quals)" in str(absent.faults[0])
    assert read_labelled([write(tmp_path / "q.jsonl", several(scored(20), "quals"))]).scores == plain.scores
    other = read_labelled([tmp_path / "one.jsonl"], metric="rouge1")
    assert "no score by rouge1, but by quals" in str(other.faults[0])


def test_command_takes_the_metric_as_it_was_named_for_scoring(tmp_path):
    source = write(tmp_path / "in.jsonl", several(scored(), "quals", "rouge2-precision"))
    options = [source, "-o", str(tmp_path / "c.json"), "--metric"]
    done = CliRunner().invoke(calibrate, [*options, "copy"])
    assert done.exit_code == 0, done.output
    assert Calibration.load(tmp_path / "c.json").rows == 200
    assert "name one" in str(CliRunner().invoke(calibrate, [*options, "rouge"]).exception)


def test_a_calibration_of_no_use_is_written_and_said_to_be_of_none(tmp_path):
    rng = np.random.default_rng(6)
    rows = [
        {"score": i % 10 / 10, "label": int(y), "signature": SIGNATURE, "document": f"d{i}"}
        for i, y in enumerate(rng.integers(0, 2, 200))
    ]
    done = CliRunner().invoke(calibrate, [write(tmp_path / "in.jsonl", rows), "-o", str(tmp_path / "c.json")])
    assert done.exit_code == 0, done.output
    stored = Calibration.load(tmp_path / "c.json")
    assert stored.brier >= stored.brier_base_rate
    assert "no better than always saying" in done.stderr


def test_labels_beyond_0_to_1_are_faults_and_files_are_told_apart(tmp_path):
    def made(*labels):
        return [{"score": 0.1, "status": "ok", "signature": SIGNATURE, "label": label} for label in labels]

    found = read_labelled([write(tmp_path / "a.jsonl", made(-0.5, 1.2, 0, 1))])
    assert (found.labels, [fault.line for fault in found.faults]) == ([0, 1], [1, 2])
    assert len(set(read_labelled([write(tmp_path / f"{name}.jsonl", made(0, 1)) for name in "bc"]).documents)) == 4


def test_a_calibration_of_before_and_a_document_of_just_that_length(logistic):
    values = {name: value for name, value in logistic.to_dict().items() if name not in ("shortest", "english")}
    assert Calibration.from_dict(values) == logistic
    assert replace(logistic, shortest=5).objection("abcde") == ""
