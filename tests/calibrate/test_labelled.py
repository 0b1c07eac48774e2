from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from labelled_rows import SIGNATURE, labelled, scored, write

from quals.calibrate import Calibration
from quals.calibrate.labelled import read_labelled
from quals.cli.calibrate import calibrate
from quals.errors import InputError
from quals.io.separated import jsonl_to_separated


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


def test_labels_between_count_in_part_or_not_at_all(tmp_path):
    rows = [{**row, "label": row["label"] or 0.5} for row in scored(100)]
    source = write(tmp_path / "in.jsonl", rows)
    found = []
    for more in ([], ["--positive-from", "1"], ["--positive-from", ".5"]):
        done = CliRunner().invoke(calibrate, [source, "-o", str(tmp_path / "c.json"), *more])
        found.append(Calibration.load(tmp_path / "c.json") if done.exit_code == 0 else str(done.exception))
    in_part, whole, all_of_them = found
    share = sum(row["label"] == 1 for row in rows) / len(rows)
    assert (whole.base_rate, in_part.base_rate) == pytest.approx((share, (1 + share) / 2))
    assert (whole.positive_from, in_part.positive_from) == (1, None)
    assert "at least 10 of either kind" in all_of_them


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


def test_the_case_of_a_label_may_differ(tmp_path):
    rows = [{("Label " if name == "label" else name): value for name, value in row.items()} for row in scored(4)]
    found = read_labelled([write(tmp_path / "in.jsonl", rows)])
    assert (found.labels, found.faults) == ([row["Label "] for row in rows], [])


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


def test_scores_made_in_two_ways_are_not_mixed(tmp_path):
    other = SIGNATURE.replace("60", "30")
    rows = [{"score": 0.1, "label": 1, "signature": signature} for signature in (SIGNATURE, other)]
    with pytest.raises(InputError, match=r"in\.jsonl:2: signature"):
        read_labelled([write(tmp_path / "in.jsonl", rows)])


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
    assert "--metric takes one metric" in CliRunner().invoke(calibrate, [*options, "rouge"]).output


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


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_labels_of_whole_summaries_are_no_labels_of_their_sentences(tmp_path, suffix):
    scores, labels = labelled(200)
    rows = [
        {"score": s, "label": int(y), "status": "ok", "signature": SIGNATURE, "document": f"d{i // 2}"}
        for i, (s, y) in enumerate(zip(scores, labels, strict=True))
    ]

    def told(name, rows):
        source = write(tmp_path / f"{name}.jsonl", rows)
        if suffix == "csv":
            jsonl_to_separated(Path(source), tmp_path / f"{name}.csv")
            source = str(tmp_path / f"{name}.csv")
        done = CliRunner().invoke(calibrate, [source, "-o", str(tmp_path / "c.json")])
        assert done.exit_code == 0, done.output
        return "label each by itself" in done.stderr

    own = [{**row, "sentence_index": i % 2} for i, row in enumerate(rows)]
    copied = [{**row, "label": own[i - i % 2]["label"]} for i, row in enumerate(own)]
    assert not told("own", own)
    assert told("copied", copied)
    unscored = {"score": None, "status": "no-pairs"}
    assert told("unscored", [copied[0], copied[1], {**copied[2], **unscored}, *copied[3:]])
    if suffix == "jsonl":
        assert told("floats", [{**row, "sentence_index": float(row["sentence_index"])} for row in copied])
    assert not told("whole", rows)
    assert not told("single", [{**row, "sentence_index": 0} for row in rows])


def test_a_row_without_a_signature_says_so(tmp_path):
    row = {"score": 0.1, "status": "ok", "signature": None, "label": 1}
    with pytest.raises(InputError, match=r"a\.jsonl:1: signature: the row has none"):
        read_labelled([write(tmp_path / "a.jsonl", [row])])
