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


def test_summaries_are_shown_without_what_stands_around_them(tmp_path: Path) -> None:
    first = jsonl(tmp_path / "a.jsonl", row(1, "\n A1 "), row("2", "A2"))
    second = jsonl(tmp_path / "b.jsonl", row("1", "B1"), row(2, "B2"))
    found = read_documents([f"conseq={first}", f"mle={second}"])
    assert found.names == ("conseq", "mle")
    assert [(document.id, document.summaries) for document in found.documents] == [
        ("1", {"conseq": "A1", "mle": "B1"}),
        ("2", {"conseq": "A2", "mle": "B2"}),
    ]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (row("2", " ", system="x"), "summary: expected text that is not empty"),
        ({"document": " ", "summary": "S", "system": "x"}, "document: expected text that is not empty"),
        (row("2", "nul \0", system="x"), "summary: holds a NUL"),
        (row("nul \0", system="x"), "id: holds a NUL"),
        (row("2", system="nul \0"), "system: holds a NUL"),
    ],
)
def test_rows_that_cannot_be_shown_or_stored_are_left_out(tmp_path: Path, bad: object, message: str) -> None:
    note = {"note": "nul \0"}
    file = jsonl(tmp_path / "r.jsonl", row("1", system="x", **note), bad, row("1", "T", system="y"))
    found = read_documents([file])
    assert len(found.documents) == 1
    assert [str(problem).startswith(f"{file}:2: {message}") for problem in found.problems] == [True]


def test_csv_with_long_cells_and_with_too_few_or_too_many(tmp_path: Path) -> None:
    path = tmp_path / "r.csv"
    long = "word " * 40_000  # more than the csv module's limit for a cell
    path.write_text(
        f'document,summary,system\n"Two\nlines",S,x\nD,S\nD,S,y,z\n"Two\nlines",T,y\n{long},A,x\n{long},B,y\n'
    )
    found = read_documents([str(path)])
    assert [document.text for document in found.documents] == ["Two\nlines", long]
    assert [problem.line for problem in found.problems] == [4, 5]


def test_scores_find_documents_by_id_or_else_by_text(tmp_path: Path) -> None:
    """Also where the rows of one system have ids and those of the other have none."""
    rows = [row("1", "A"), {key: value for key, value in row("1", "B").items() if key != "id"}]
    files = [f"{name}={jsonl(tmp_path / f'{name}.jsonl', one)}" for name, one in zip("xy", rows, strict=True)]
    (document,) = read_documents(files).documents
    scored = [jsonl(tmp_path / f"{name}s.jsonl", {**one, "quals": 0.5}) for name, one in zip("xy", rows, strict=True)]
    found = read_scores([f"{name}={file}" for name, file in zip("xy", scored, strict=True)])
    assert found.scores[document.id, "x"] == found.scores[document.id, "y"] == {"quals": 0.5}
    assert found.scores["1", "x"] == {"quals": 0.5}


def test_rows_of_one_text_with_ids_of_their_own_do_not_disturb_each_other(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "s.jsonl", row(1, system="x", quals=0.5), row(2, system="x", quals=0.7))
    found = read_scores([file])
    assert (found.scores["1", "x"], found.scores["2", "x"]) == ({"quals": 0.5}, {"quals": 0.7})
    assert found.problems == []


@pytest.mark.parametrize("columns", [("rouge", "quals"), ("quals", "rouge")])
def test_of_a_row_that_is_left_out_nothing_is_kept(tmp_path: Path, columns: tuple[str, str]) -> None:
    (tmp_path / "a.csv").write_text("id,system,quals\n1,x,0.5\n")
    numbers = {"rouge": "0.2", "quals": "0.51"}
    text = f"id,system,{','.join(columns)}\n1,x,{','.join(numbers[name] for name in columns)}\n"
    (tmp_path / "b.csv").write_text(text)
    found = read_scores([str(tmp_path / "a.csv"), str(tmp_path / "b.csv")])
    assert found.scores == {("1", "x"): {"quals": 0.5}}
    assert [problem.field for problem in found.problems] == ["quals"]


def test_what_names_the_row_is_no_metric_in_whatever_case(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("ID, System ,quals\n1,2,0.5\n")
    assert read_scores([str(tmp_path / "a.csv")]).scores == {("1", "2"): {"quals": 0.5}}


def test_one_system_is_no_study(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two systems"):
        read_documents([jsonl(tmp_path / "r.jsonl", row("1", system="x"))])


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
