"""Summaries of several systems brought together, and what is wrong with rows, with its place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from quals.errors import InputError
from quals.io.rows import FieldNames
from quals.io.systems import Systems, name_of, read_systems


def written(path: Path, *rows: Any) -> str:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def row(number: object, summary: str = "S", document: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"id": number, "document": document or f"text {number}", "summary": summary, **fields}


def without_id(number: int, summary: str) -> dict[str, Any]:
    return {"document": f"text {number}", "summary": summary}


def summaries(found: Systems) -> list[tuple[str, dict[str, str]]]:
    return [(each.id, dict(each.summaries)) for each in found.documents]


def told(found: Systems) -> list[str]:
    return [str(problem).split("/")[-1] for problem in found.problems]


def test_documents_meet_by_id_in_any_order(tmp_path):
    one = written(tmp_path / "one.jsonl", row(1, "a"), row("2", "b"), row(3, "c"))
    two = written(tmp_path / "two.jsonl", row(3, "z"), row("1", "x"), row(4, "w"), "{broken")
    found = read_systems([f"one={one}", f"two={two}"])
    assert summaries(found) == [("1", {"one": "a", "two": "x"}), ("3", {"one": "c", "two": "z"})]
    assert (found.names, found.matched_by) == (("one", "two"), "id")
    assert told(found) == [
        "two.jsonl:4: not valid JSON at column 2: Expecting property name enclosed in double quotes",
        "one.jsonl:2: left out: no usable summary of this document by two",
        "two.jsonl:3: left out: no usable summary of this document by one",
    ]


def test_documents_meet_by_text_where_an_id_is_missing(tmp_path):
    one = written(tmp_path / "one.jsonl", row(1, "a"), row(2, "b"))
    two = written(tmp_path / "two.jsonl", without_id(2, "x"), without_id(1, "x"))
    found = read_systems([f"one={one}", f"two={two}"])
    assert found.matched_by == "document"
    assert [each.id for each in found.documents] == [name_of("text 1"), name_of("text 2")]


def test_an_empty_cell_is_no_id(tmp_path):
    for system in ("one", "two"):
        cells = "".join(f",text {n},{system} {n}\n" for n in range(3))
        (tmp_path / f"{system}.csv").write_text("id,document,summary\n" + cells)
    found = read_systems([f"{system}={tmp_path}/{system}.csv" for system in ("one", "two")])
    assert (found.matched_by, found.problems) == ("document", ())
    assert [each.id for each in found.documents] == [name_of(f"text {n}") for n in range(3)]


def test_one_file_names_the_system_of_each_row(tmp_path):
    path = tmp_path / "all.csv"
    path.write_text("Id;Article;Highlights;System\n1;D;A;x\n2;E;B;x\n1;D;C;y\n2;E;;y\n")
    found = read_systems([str(path)])
    assert summaries(found) == [("1", {"x": "A", "y": "C"}), ("2", {"x": "B", "y": ""})]
    assert [each.text for each in found.documents] == ["D", "E"]


def test_a_system_may_be_in_several_files_and_a_name_may_have_an_equals_sign(tmp_path):
    parts = [written(tmp_path / f"part={n}.jsonl", row(n, f"x{n}", system="x")) for n in (1, 2)]
    other = written(tmp_path / "other.jsonl", row(1, "y1", system="no"), row(2, "y2"))
    found = read_systems([*parts, f"y={other}"])
    assert summaries(found) == [("1", {"x": "x1", "y": "y1"}), ("2", {"x": "x2", "y": "y2"})]


def test_fields_may_be_named_and_passages_are_one_document(tmp_path):
    rows = [{"body": ["One.", "Two."], "short": s, "system": s, "document": "no"} for s in "ab"]
    found = read_systems([written(tmp_path / "a.jsonl", *rows)], FieldNames("body", "short"))
    assert [(each.text, dict(each.summaries)) for each in found.documents] == [("One.\n\nTwo.", {"a": "a", "b": "b"})]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"document": "D", "summary": "S"}, "system: missing; or give the file as SYSTEM=FILE"),
        ({"document": 5, "summary": "S", "system": "x"}, "document: expected text"),
        (row("1", "other", system="x"), "summary: another one by 'x' of the document in {file}:1; the first counts"),
        (row("1", document="more", system="y"), "document: differs from the document with the id '1' in {file}:1"),
        (row(True, system="x"), "id: expected text or a number"),
        (row(["1"], system="x"), "id: expected text or a number"),
        (row("half \ud83d", document="D", system="x"), "id: not text"),
        (row("1", system=5), "system: expected text"),
        (row("1", "half \ud83d", system="x"), "summary: not text"),
        (["not", "an", "object"], "expected a JSON object"),
    ],
)
def test_a_bad_row_is_told_with_its_place_and_stops_nothing(tmp_path, bad, message):
    file = written(tmp_path / "r.jsonl", row("1", system="x"), bad, row("1", "T", system="y"))
    found = read_systems([file])
    assert summaries(found) == [("1", {"x": "S", "y": "T"})]
    (problem,) = found.problems
    assert str(problem).startswith(f"{file}:2: {message.format(file=file)}")


def test_the_same_summary_again_is_nothing_to_tell(tmp_path):
    file = written(tmp_path / "r.jsonl", row(1, system="x"), row(1, system="x"), row(1, system="y"))
    assert read_systems([file]).problems == ()


def test_what_prepare_refuses_is_told_and_what_it_changes_is_kept(tmp_path):
    def prepare(given):
        if given.summary == "bad":
            raise InputError("not wanted", field="summary")
        return replace(given, summary=given.summary.upper())

    file = written(tmp_path / "r.jsonl", row(1, "a", system="x"), row(1, "bad", system="x"), row(1, "b", system="y"))
    found = read_systems([file], prepare=prepare)
    assert summaries(found) == [("1", {"x": "A", "y": "B"})]
    assert told(found) == ["r.jsonl:2: summary: not wanted"]


def test_the_first_reference_is_taken_and_another_told(tmp_path):
    one = written(tmp_path / "one.jsonl", row(1, "a"), row(2, "b", reference="R"), row(3, "c", reference="R"))
    two = written(tmp_path / "two.jsonl", row(1, "x", reference="Q"), row(2, "y", reference="other"), row(3, "z"))
    found = read_systems([f"one={one}", f"two={two}"])
    assert [each.reference for each in found.documents] == ["Q", "R", "R"]
    assert [str(problem) for problem in found.problems] == [
        f"{two}:2: reference: differs from that in {one}:2, which is taken"
    ]


def test_systems_without_a_document_in_common(tmp_path):
    one, far = written(tmp_path / "one.jsonl", row(1)), written(tmp_path / "far.jsonl", row(9))
    with pytest.raises(InputError, match=r"no document in common$"):
        read_systems([f"one={one}", f"far={far}"])
    other = written(tmp_path / "other.jsonl", row(1, document="another text"))
    with pytest.raises(InputError, match=r"in common; the first of 1 .*other.jsonl:1: document: differs from the doc"):
        read_systems([f"one={one}", f"other={other}"])
