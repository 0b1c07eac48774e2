"""`quals score` with a calibration: probabilities in the table, in the output, and as a threshold."""

from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from overlap import Overlap
from test_score_command import GOOD, jsonl, read_jsonl, score

from quals.calibrate import Calibration, Logistic
from quals.errors import InputError


def calibration(path, words=5):
    figures = {"rows": 40, "base_rate": 0.5, "folds": 5, "brier": 0.1, "brier_base_rate": 0.25, "log_loss": 0.3}
    found = Calibration(Logistic(8.0, 2.0), Overlap(words=words).signature, ("made up",), **figures)
    found.save(path)
    return path


def test_a_calibration_gives_probabilities(tmp_path):
    source = jsonl(tmp_path / "a.jsonl", GOOD, {"document": "a", "summary": " "}, {"document": "a", "summary": "b"})
    options = [source, "--calibration", calibration(tmp_path / "c.json")]
    table = score(*options).stdout.splitlines()
    assert table[0].split()[2:] == ["score", "consistent", "status", "evidence"]
    assert table[1].split()[-6:] == ["-0.333", "34%", "look", "closer", "ok", "3"]
    assert table[3].split()[-6:] == ["-1.000", "0%", "likely", "inconsistent", "ok", "1"]
    for name in ("o.jsonl", "o.parquet"):
        score(*options, "-o", tmp_path / name)
        path = tmp_path / name
        rows = pq.read_table(path).to_pylist() if path.suffix == ".parquet" else read_jsonl(path)
        assert [row["band"] for row in rows] == ["look closer", None, "likely inconsistent"]
        assert rows[0]["probability"] == pytest.approx(1 / (1 + 2.718281828 ** (8 / 3 - 2)))
        assert rows[1]["probability"] is None
    # The report goes by the same one.
    score(*options, "--report", tmp_path / "r.html")
    assert "look closer" in (tmp_path / "r.html").read_text()


def test_a_calibration_for_other_scores_is_refused(tmp_path):
    result = score(jsonl(tmp_path / "a.jsonl", GOOD), "--calibration", calibration(tmp_path / "c.json", words=7))
    assert isinstance(result.exception, InputError)
    assert "this calibration belongs to" in str(result.exception)


def test_without_a_calibration_there_is_no_probability(tmp_path):
    score(jsonl(tmp_path / "a.jsonl", GOOD), "-o", tmp_path / "o.jsonl")
    (row,) = read_jsonl(tmp_path / "o.jsonl")
    assert (row["probability"], row["band"]) == (None, None)


def test_a_probability_can_be_the_threshold(tmp_path):
    rows = [GOOD, {"document": "a", "summary": "a"}]  # 34 % and 88 %
    source, known = jsonl(tmp_path / "a.jsonl", *rows), ("--calibration", calibration(tmp_path / "c.json"))
    assert score(source, *known, "--fail-under", "30%").exit_code == 0
    output = tmp_path / "o.jsonl"
    done = score(source, *known, "-o", output, "--fail-under", "34.5 %")
    assert (done.exit_code, "have a lower probability, the lowest 0.33" in done.stderr) == (1, True)
    # An interrupted run knows what it has read already.
    output.write_text(output.read_text().splitlines(keepends=True)[0])
    assert score(source, *known, "-o", output, "--resume", "--fail-under", "30%").exit_code == 0
    assert score(source, *known, "-o", output, "--resume", "--fail-under", "50%").exit_code == 1
    # No probability is none that is high enough.
    empty = jsonl(tmp_path / "b.jsonl", GOOD, {"document": "a", "summary": ""})
    assert "1 of 2 summaries have no probability" in score(empty, *known, "--fail-under", "30%").stderr
    without = score(source, "--fail-under", "30%")
    assert isinstance(without.exception, InputError)
    assert "has no calibration: give --calibration, or a score" in str(without.exception)


def test_why_there_is_no_probability_is_said(tmp_path):
    known = Calibration.load(calibration(tmp_path / "c.json"))
    replace(known, shortest=99).save(tmp_path / "c.json")
    options = [
        jsonl(tmp_path / "a.jsonl", GOOD, GOOD),
        "--calibration",
        tmp_path / "c.json",
        "-o",
        tmp_path / "o.jsonl",
    ]
    reason = "no probability: the document"
    shown = score(*options)
    assert shown.stdout.count(reason) == 1
    assert f"2 of 2 summaries have no probability ({reason}" in score(*options, "--fail-under", "9%").stderr
