"""Going on with a run that was killed: the same file in the end, and no mixture of two runs."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from overlap import Overlap

from quals.calibrate import Calibration, Logistic
from quals.errors import InputError
from quals.io.results import JsonlWriter
from quals.io.rows import read_rows
from quals.scoring.resume import skip_finished
from quals.scoring.run import run
from quals.scoring.tally import Tally

INPUT = [
    {"document": "a b", "summary": ["a \ud83d", "b", "", None], "score": float("nan")},
    {"document": "a é", "summary": "é x", "signature": "mine"},
    {"summary": "no document"},
    {"document": "BOOM", "summary": "a"},
    {"document": "a", "summary": "a"},
]


def score_file(source, output, *, resume=False, metric=None, explain=False):
    metric, tally = metric or Overlap(), Tally()
    rows = read_rows(source)
    with JsonlWriter(output, explain=explain, append=resume) as writer:
        if resume:
            skip_finished(output, rows, [tally], metrics=[metric], explain=explain)
        return run(rows, metric, writer, window=2, tally=tally)


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def finished(tmp_path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("not json\n" + "".join(json.dumps(row) + "\n" for row in INPUT))
    score_file(source, output)
    return source, output


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), explain=st.booleans())
def test_resuming_after_a_kill_at_any_byte_gives_the_same_file(finished, data, explain):
    source, output = finished
    whole_tally = score_file(source, output, explain=explain)
    whole = output.read_bytes()
    output.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    tally = score_file(source, output, resume=True, explain=explain)
    assert output.read_bytes() == whole
    assert (tally.statuses, tally.total, tally.lowest) == (
        whole_tally.statuses, whole_tally.total, whole_tally.lowest,
    )  # fmt: skip
    if explain:
        assert [s.evidence["answer"] for s in tally.worst] == [s.evidence["answer"] for s in whole_tally.worst]


def test_resuming_a_finished_run_scores_nothing(finished):
    source, output = finished
    metric = Overlap()
    score_file(source, output, resume=True, metric=metric)
    assert metric.calls == []


def test_resuming_without_an_output_starts_anew(finished):
    source, output = finished
    whole = output.read_bytes()
    output.unlink()
    score_file(source, output, resume=True)
    assert output.read_bytes() == whole


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.pop(1), "out.jsonl:2: the result of another row than"),
        (lambda rows: rows.insert(2, rows[1]), "out.jsonl:3: the result of another row than"),
        (lambda rows: rows[2].update(document="changed"), "out.jsonl:3: the result of another row than"),
        (lambda rows: rows[1].update(input_score=0), "out.jsonl:2: the result of another row than"),
        (lambda rows: rows[1].update(signature="other"), "out.jsonl:2: signature: made with other, not with metric:ov"),
        (lambda rows: rows[1].update(evidence=[]), "out.jsonl:2: evidence: written with --explain"),
        (lambda rows: rows[1].pop("score"), "out.jsonl:2: not a result of this command"),
        (lambda rows: rows[1].update(status="fine"), "out.jsonl:2: not a result of this command"),
        (lambda rows: rows[2].update(score=None), "out.jsonl:3: not a result of this command"),
        (lambda rows: rows.append(rows[-1]), "there are more results than rows in the input"),
        (lambda rows: rows.insert(1, 5), "out.jsonl:2: not a result of this command"),
    ],
)
def test_results_of_another_run_are_refused_and_left_alone(finished, change, message):
    source, output = finished
    rows = lines(output)
    change(rows)
    output.write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"half')
    before = output.read_bytes()
    with pytest.raises(InputError, match=message):
        score_file(source, output, resume=True)
    assert output.read_bytes() == before


def calibrated(intercept):
    metric = Overlap()
    figures = {"rows": 9, "base_rate": 0.5, "folds": 5, "brier": 0.1, "brier_base_rate": 0.25, "log_loss": 0.3}
    # It says nothing of documents of two characters and fewer.
    metric.calibrate(Calibration(Logistic(8.0, intercept), metric.signature, ("made up",), shortest=3, **figures))
    return metric


def test_probabilities_of_two_calibrations_are_not_mixed(finished):
    source, output = finished
    score_file(source, output, metric=calibrated(1.0))
    whole = output.read_bytes()
    assert {row["probability"] is None for row in lines(output) if row["status"] == "ok"} == {True, False}
    output.write_bytes(whole[:-5])
    for other in (calibrated(2.0), Overlap()):
        with pytest.raises(InputError, match=r"out.jsonl:3: probability: made with another calibration"):
            score_file(source, output, resume=True, metric=other)
    score_file(source, output, resume=True, metric=calibrated(1.0))
    assert output.read_bytes() == whole
    score_file(source, output)
    with pytest.raises(InputError, match="probability: made with another calibration"):
        score_file(source, output, resume=True, metric=calibrated(1.0))


def test_a_finished_run_with_a_calibration_is_resumed(finished):
    source, output = finished
    score_file(source, output, metric=calibrated(1.0))
    whole = output.read_bytes()
    score_file(source, output, resume=True, metric=calibrated(1.0))
    assert output.read_bytes() == whole
    rows = lines(output)
    for row in rows:
        if row["probability"]:
            row["probability"] *= 1 + 1e-15  # as another machine may have it
    output.write_text("".join(json.dumps(row) + "\n" for row in rows))
    score_file(source, output, resume=True, metric=calibrated(1.0))


def test_an_input_field_called_scores_and_the_worst_evidence(tmp_path):
    source, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"document": "a b c d", "summary": "a b c d x", "scores": 5}) + "\n")
    score_file(source, output, explain=True)
    assert score_file(source, output, resume=True, explain=True).worst[0].evidence["answer"] == "x"
