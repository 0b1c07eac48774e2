"""Reading summaries and scores: what belongs together, and what is wrong, with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from quals.errors import InputError
from quals.study.rows import read_documents, read_scores


def jsonl(path: Path, *rows: object) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def row(id_: object, summary: str = "S", document: str = "D", **more: object) -> dict[str, object]:
    return {"id": id_, "document": document, "summary": summary, **more}


def test_two_files_named_on_the_command_line(tmp_path: Path) -> None:
    first = jsonl(tmp_path / "a.jsonl", row(1, "\n A1 "), row("2", "A2"))
    second = jsonl(tmp_path / "b.jsonl", row("1", "B1"), row(2, "B2"), row(3, "B3"))
    intake = read_documents([f"conseq={first}", f"mle={second}"])
    assert intake.systems == ["conseq", "mle"]
    assert [(document.id, document.summaries) for document in intake.documents] == [
        ("1", {"conseq": "A1", "mle": "B1"}),
        ("2", {"conseq": "A2", "mle": "B2"}),
    ]
    assert [str(problem) for problem in intake.problems] == ["document '3' is left out: no summary by conseq"]


def test_fields_by_their_other_names(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text("Id;Article;Highlights;System\n1;D;A;x\n1;D;B;y\n")
    (document,) = read_documents([str(path)]).documents
    assert (document.id, document.text, document.summaries) == ("1", "D", {"x": "A", "y": "B"})
    path.write_text("Id;System;rouge\n1;x;0.5\n")
    assert read_scores([str(path)]).scores == {("1", "x"): {"rouge": 0.5}}


def test_a_list_of_passages_is_one_document(tmp_path: Path) -> None:
    rows = [row("1", summary, ["One.", "Two."], system=system) for summary, system in (("A", "x"), ("B", "y"))]
    (document,) = read_documents([jsonl(tmp_path / "a.jsonl", *rows)]).documents
    assert document.text == "One.\n\nTwo."


def test_one_csv_file_with_systems_and_without_ids(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    long = "word " * 40_000  # more than the csv module's limit for a cell
    path.write_text(f'document,summary,system\n"Two\nlines",A,x\n{long},B,x\n"Two\nlines",C,y\n{long},D,y\n')
    intake = read_documents([str(path)])
    assert [document.text for document in intake.documents] == ["Two\nlines", long]
    assert [list(document.summaries.values()) for document in intake.documents] == [["A", "C"], ["B", "D"]]
    assert not intake.problems


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"document": "D", "summary": "S"}, "system: missing"),
        ({"document": "D", "summary": " ", "system": "x"}, "summary: expected text"),
        ({"document": 5, "summary": "S", "system": "x"}, "document: expected text"),
        (row("1", "other", system="x"), "summary: 'x' already has another summary"),
        (row("1", "S", "another document", system="y"), "document: differs"),
        (row(True, system="x"), "id: expected text or a whole number"),
        (row("1", "nul \0", system="x"), "summary: holds a NUL"),
        (row("1", "half \ud83d", system="x"), "summary: not text"),
        (["not", "an", "object"], "expected a JSON object"),
    ],
)
def test_a_bad_row_is_told_with_its_place_and_stops_nothing(tmp_path: Path, bad: object, message: str) -> None:
    file = jsonl(tmp_path / "r.jsonl", row("1", system="x"), bad, row("1", "T", system="y"))
    intake = read_documents([file])
    assert len(intake.documents) == 1
    (problem,) = intake.problems
    assert str(problem).startswith(f"{file}:2: {message}")


def test_csv_rows_with_too_few_or_too_many_cells(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    path.write_text("document,summary,system\nD,S,x\nD,S\nD,S,y,z\nD,T,y\n")
    intake = read_documents([str(path)])
    assert len(intake.documents) == 1
    assert [problem.line for problem in intake.problems] == [3, 4]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([row("1", system="x")], "two systems"),
        ([row("1", system="x"), row("2", system="y")], "no document has a summary of every system"),
    ],
)
def test_no_study_can_be_made(tmp_path: Path, rows: list[object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_documents([jsonl(tmp_path / "r.jsonl", *rows)])


def test_scores(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text("id,system,quals,rouge,note\n1,x,-0.5,0.25,fine\n1,y,,0.5,\n2,x,nan,1e-1,\n")
    found = read_scores([str(path)])
    assert list(found.metrics) == ["quals", "rouge"]
    assert found.scores == {
        ("1", "x"): {"quals": -0.5, "rouge": 0.25},
        ("1", "y"): {"rouge": 0.5},
        ("2", "x"): {"rouge": 0.1},
    }


def test_scores_without_system(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "s.jsonl", {"id": 1, "quals": 1.0})
    with pytest.raises(InputError, match=r"s.jsonl:1: system: missing"):
        read_scores([file])


def test_scores_as_quals_score_writes_them(tmp_path: Path) -> None:
    made = {"status": "ok", "reason": "", "pairs": 10, "chunks": 1}
    first = jsonl(tmp_path / "a.jsonl", {"id": "1", "score": -0.5, **made, "signature": "metric:quals|version:1"})
    second = jsonl(tmp_path / "b.jsonl", {"id": "1", "score": 0.3, **made, "signature": "metric:rouge|version:1"})
    third = jsonl(tmp_path / "c.jsonl", {"id": "1", "score": None, **made, "signature": "metric:rouge|version:1"})
    found = read_scores([f"x={first}", f"x={second}", f"y={third}"])
    assert list(found.metrics) == ["quals", "rouge"]
    assert found.scores == {("1", "x"): {"quals": -0.5, "rouge": 0.3}, ("1", "y"): {}}


def test_scores_of_several_metrics_and_rows_that_say_something_else(tmp_path: Path) -> None:
    signed = {"signature": "metric:quals|version:1", "status": "ok", "year": 2024, "probability": 0.3}
    several = {"quals": {"score": -0.1, "status": "ok"}, "copy": {"score": 0.5, "status": "ok"}}
    file = jsonl(
        tmp_path / "s.jsonl",
        {"id": 1, "scores": several},
        {"id": 2, "scores": json.dumps(several)},
        {"id": 3, "score": -2.5, **signed},
        {"id": 3, "score": -0.1, **signed, "summary_index": 1},
        {"id": 4, "scores": "{"},
        {"status": "invalid-row", "score": None},
    )
    found = read_scores([f"x={file}"])
    both = {"quals": -0.1, "copy": 0.5}
    assert found.scores == {("1", "x"): both, ("2", "x"): both, ("3", "x"): {"quals": -2.5}}
    assert list(found.metrics) == ["quals", "copy"]
    places = [(problem.line, problem.field) for problem in found.problems]
    assert places == [(4, "quals"), (5, "scores"), (6, "document")]
