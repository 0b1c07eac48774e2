import json
import math
from dataclasses import replace

import pytest
from click.testing import CliRunner
from word_pairs import scored

from quals.calibrate import Calibration, Logistic
from quals.cli.report import report
from quals.errors import InputError
from quals.io.results import TableWriter
from quals.io.rows import Row
from quals.io.scored import OtherEvidence, evidence_from_dict
from quals.records import ClaimEvidence, Evidence, PairEvidence, Scores, Span, Status, SummaryScore
from quals.report.rows import read_rows


def written(path, rows):
    lines = [
        json.dumps({"id": r.id, "document": r.document, "summary": r.summary, **r.score.to_dict(explain=True)})
        for r in rows
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_what_score_wrote_is_read_back(tmp_path, rows):
    assert list(read_rows(written(tmp_path / "s.jsonl", rows))) == rows


def test_other_fields_and_rows_without_a_name(tmp_path):
    path = tmp_path / "s.jsonl"
    row = {"article": "a", "highlights": "b", **SummaryScore(0.5, Status.OK).to_dict(), "reason": None}
    path.write_text(json.dumps(row))
    (read,) = read_rows(path)
    assert (read.document, read.summary, read.id) == ("a", "b", "line 1")
    assert (read.score.value, read.score.reason) == (0.5, "")


@pytest.mark.parametrize("several", [False, True])
def test_rows_that_could_not_be_read_say_nothing_about_fields(tmp_path, rows, several):
    result = SummaryScore(None, Status.INVALID_ROW, "not valid JSON")
    unread = json.dumps(Scores({"quals": result}).to_dict() if several else result.to_dict()) + "\n"
    path = written(tmp_path / "s.jsonl", rows)
    path.write_text(unread * 64 + path.read_text())
    assert [row.score.reason for row in read_rows(path)][:64] == ["not valid JSON"] * 64
    assert [row.document for row in read_rows(path)][64:] == [row.document for row in rows]
    path.write_text(unread * 63 + '{"score": 1, "status": "ok"}\n')
    with pytest.raises(InputError, match="no field named document"):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "s.jsonl:2: not valid JSON"),
        ("[]", "expected a JSON object"),
        ('{"document": "d"}', "summary: missing"),
        ('{"document": "d", "summary": "s"}', "KeyError 'score'"),
        ('{"score": 1, "status": "great"}', "'great' is not a valid Status"),
        ('{"score": null, "status": "ok"}', "does not go with"),
        ('{"score": NaN, "status": "ok"}', "nan is not a score"),
        ('{"score": 1, "status": "ok", "evidence": [{"score": "x"}]}', "could not convert"),
        ('{"score": 1, "status": "ok", "evidence": 3}', "not iterable"),
        ('{"score": 1, "status": "ok", "evidence": ["a sentence"]}', "'str' object has no attribute"),
        ('{"score": 1, "status": "ok", "doubts": {"a": 1}}', "not a row of"),
        ('{"score": 1, "status": "ok", "evidence": [{"score": NaN}]}', "nan in the evidence"),
    ],
)
def test_a_bad_row_is_a_row_with_its_reason(tmp_path, rows, line, says):
    path = written(tmp_path / "s.jsonl", rows[:1])
    path.write_text(path.read_text() + line + "\n")
    good, bad = read_rows(path)
    assert good.score.evidence == rows[0].score.evidence
    assert bad.score.status is Status.INVALID_ROW
    assert says in bad.score.reason


def test_pairs_with_tokens_missing_are_refused():
    piece = PairEvidence(0.0, None, None, "q", "a", ("t",), (-1.0,), (-1.0,)).to_dict()
    with pytest.raises(ValueError, match="1 tokens with 1 and 2"):
        evidence_from_dict({**piece, "document_logprobs": [-1.0, -2.0]})


@pytest.mark.parametrize("field", ["score", "summary_logprobs", "document_logprobs"])
def test_what_is_not_a_number_is_no_evidence(field):
    piece = PairEvidence(0.0, None, None, "q", "a", ("t",), (-1.0,), (-1.0,)).to_dict()
    with pytest.raises(ValueError, match="nan in the evidence"):
        evidence_from_dict({**piece, field: math.nan if field == "score" else [math.nan]})


@pytest.mark.parametrize("field", ["score", "summary_logprobs", "document_logprobs"])
def test_a_row_whose_evidence_is_not_a_number_leaves_the_page_whole(tmp_path, rows, field):
    piece = PairEvidence(0.0, None, None, "q", "a", ("t",), (-1.0,), (-1.0,)).to_dict()
    nan = math.nan if field == "score" else [math.nan]
    bad = {"score": 0.0, "status": "ok", "evidence": [{**piece, field: nan}]}
    never = {**bad, "evidence": [{**piece, "document_logprobs": [-math.inf], "score": -math.inf}]}
    source = written(tmp_path / "s.jsonl", rows[:1])
    with source.open("a") as stream:
        for row in (bad, never):
            stream.write(json.dumps({"document": "d", "summary": "s", **row}) + "\n")
    target = tmp_path / "out.html"
    done = CliRunner().invoke(report, [str(source), "-o", str(target)])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "nan in the evidence" in target.read_text()
    assert [row.score.status for row in read_rows(source)][1:] == [Status.INVALID_ROW, Status.OK]


def test_evidence_of_other_metrics_keeps_its_fields():
    piece = {"score": 0.25, "summary_span": {"start": 0, "end": 3}, "document_span": None, "sentence": "One."}
    assert evidence_from_dict(piece) == OtherEvidence(0.25, Span(0, 3), None, {"sentence": "One."})
    assert isinstance(evidence_from_dict(piece), Evidence)


def test_evidence_of_two_kinds_in_one_parquet_column_is_read_back(tmp_path):
    pair = PairEvidence(-0.5, Span(0, 1), None, "q", "a", ("t",), (-1.0,), (-1.5,))
    claim = ClaimEvidence(0.25, Span(0, 3), None, "One.", "One")
    score = SummaryScore(0.5, Status.OK, evidence=(pair, claim))
    with TableWriter(tmp_path / "s.parquet", explain=True) as writer:
        writer.write(Row({"document": "d", "summary": "s"}, "f", 1, "d", "s"), score)
    (read,) = read_rows(tmp_path / "s.parquet")
    assert read.score.evidence == (pair, claim)


ALL = ("quals", 0.25), ("factcc", 0.75)


def test_of_several_metrics_one_is_read(tmp_path):
    scores = {name: SummaryScore(value, Status.OK, signature=f"metric:{name}") for name, value in ALL}
    row = {"document": "d", "summary": "s", **Scores(scores).to_dict()}
    path = tmp_path / "s.jsonl"
    path.write_text(json.dumps(row) + "\n" + json.dumps(row | {"scores": json.dumps(row["scores"])}) + "\n")
    for name, value in (*ALL, (None, 0.25)):
        assert [read.score.value for read in read_rows(path, metric=name)] == [value, value]
    (bad, _) = read_rows(path, metric="pmi")
    assert bad.score.reason == f"{path}:1: scores: no score by pmi (there are: quals, factcc)"
    done = CliRunner().invoke(report, [str(path), "--metric", "factcc", "-o", str(tmp_path / "out.html")])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "metric:factcc" in (tmp_path / "out.html").read_text()


def test_command(tmp_path, rows):
    source = written(tmp_path / "<b>s.jsonl", rows)
    curve = Calibration(Logistic(4.0, 1.0), rows[0].score.signature, ("d",), 100, 0.5, 5, 0.1, 0.25, 0.3)
    target = tmp_path / "out.html"
    for positive_from, said in ((None, False), (1.0, True)):
        replace(curve, positive_from=positive_from).save(tmp_path / "c.json")
        done = CliRunner().invoke(report, [str(source), "-o", str(target), "--calibration", str(tmp_path / "c.json")])
        assert done.exit_code == 0, done.output
        html = target.read_text()
        assert "<title>&lt;b&gt;s.jsonl – quals</title>" in html
        assert "likely consistent" in html
        assert ("that nothing is found wrong with the summary" in html) is said


def test_a_calibration_of_other_scores_is_refused(tmp_path, rows):
    source = written(tmp_path / "s.jsonl", scored(["The mayor."]))
    Calibration(Logistic(4.0, 1.0), "metric:quals|model:m", (), 9, 0.5, 5, 0.1, 0.2, 0.3).save(tmp_path / "c.json")
    done = CliRunner().invoke(report, [str(source), "--calibration", str(tmp_path / "c.json")])
    assert "belongs to" in str(done.exception)
