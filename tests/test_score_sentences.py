"""`quals score --sentences`: each sentence of a summary as a row of its own."""

import pytest
from overlap import Overlap
from test_score_command import GOOD, jsonl, read_jsonl, score

from quals.io.scored import read_scored
from quals.nlp import load_pipeline
from quals.report.rows import read_rows

ANSWER = {
    "id": "a1",
    "contexts": ["the mayor of Ulm left . he was 61"],
    "answer": "the mayor left . the mayor of Bonn left .",
}


def test_a_false_sentence_cannot_hide(tmp_path):
    source = jsonl(tmp_path / "a.jsonl", ANSWER)
    output, every = tmp_path / "o.jsonl", {"metric": lambda **_: Overlap(words=99)}
    whole = score(source, "--fail-under", "-0.15", **every)
    each = score(source, "--sentences", "--fail-under", "-0.15", "-o", output, **every)
    assert (whole.exit_code, each.exit_code) == (0, 1)
    assert f"have a lower score, the lowest -0.1667, in {source}:1, sentence_index 1" in each.stderr
    first, second = read_jsonl(output)
    assert [row["answer"] for row in (first, second)] == ["the mayor left .", "the mayor of Bonn left ."]
    assert [row["sentence_index"] for row in (first, second)] == [0, 1]
    places = [slice(row["sentence_start"], row["sentence_end"]) for row in (first, second)]
    assert [ANSWER["answer"][place] for place in places] == [row["answer"] for row in (first, second)]
    assert (first["id"], first["contexts"], first["score"]) == ("a1", ANSWER["contexts"], 0.0)
    assert [row.id for row in read_rows(output)] == ["a1 #0", "a1 #1"]


@pytest.mark.parametrize("name", ["o.jsonl", "o.csv", "o.parquet"])
def test_what_was_written_is_read_back(tmp_path, name):
    score(jsonl(tmp_path / "a.jsonl", ANSWER), "--sentences", "-o", tmp_path / name)
    found = list(read_scored(tmp_path / name))
    assert [row.document for row, _ in found] == ANSWER["contexts"] * 2
    assert [(row.sentence.start, row.sentence.end) for row, _ in found] == [(0, 16), (17, 41)]
    assert [result.value for _, result in found] == pytest.approx([0.0, -0.2])


def test_lists_of_summaries_and_what_has_no_sentences(tmp_path):
    rows = [{"document": "a b", "summary": ["A cat sat. It was black.", "", "!"]}, {"document": 3, "summary": "A. B."}]
    score(jsonl(tmp_path / "a.jsonl", *rows), "--sentences", "-o", tmp_path / "o.csv")
    found = [(row.id, row.summary, row.score.status) for row in read_rows(tmp_path / "o.csv")]
    assert found == [
        ("line 2 [0] #0", "A cat sat.", "ok"),
        ("line 3 [0] #1", "It was black.", "ok"),
        ("line 4 [1]", "", "empty-summary"),
        ("line 5 [2]", "!", "ok"),
        ("line 6", "A. B.", "invalid-row"),
    ]


def test_one_too_long_for_the_pipeline_is_left_whole(tmp_path):
    long = "a b. " * (load_pipeline().max_length // 5 + 1)
    score(jsonl(tmp_path / "a.jsonl", {**GOOD, "summary": long}), "--sentences", "-o", tmp_path / "o.jsonl")
    (row,) = read_jsonl(tmp_path / "o.jsonl")
    assert row["summary"] == long
    assert "sentence_index" not in row


def test_an_interrupted_run_goes_on_amid_a_summary(tmp_path):
    source, output = jsonl(tmp_path / "a.jsonl", ANSWER, ANSWER), tmp_path / "o.jsonl"
    score(source, "--sentences", "-o", output)
    whole = output.read_bytes()
    output.write_bytes(b"".join(whole.splitlines(keepends=True)[:3]))
    metric = Overlap()
    score(source, "--sentences", "-o", output, "--resume", metric=lambda **_: metric)
    assert output.read_bytes() == whole
    assert sum(metric.calls) == 1
    # A run by whole summaries is another one.
    again = score(source, "-o", output, "--resume")
    assert "the result of another row" in str(again.exception)
