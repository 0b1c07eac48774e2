"""Reading rows: formats, field names, and what is wrong with a row."""

import csv
import datetime
import decimal
import gzip
import io
import json
import random
import sys
import tracemalloc

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quals.errors import InputError
from quals.io.rows import FieldNames, count_rows, read_documents, read_rows, read_texts, row_id

LINES = b'{"document": "D1", "summary": "S1", "id": 7}\n\n{"document": "D2", "summary": "S2", "id": 8}\n'


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def zipped(content):
    # Without the time of day: content is in the tests' names, and pytest-xdist wants these to be the same everywhere.
    return gzip.compress(content, mtime=0)


def texts(rows):
    return [(row.document, row.summary) for row in rows]


def errors(rows):
    return [str(row.error) if row.error else None for row in rows]


@pytest.mark.parametrize(
    ("name", "content", "lines"),
    [
        ("a.jsonl", LINES, [1, 3]),
        ("a.ndjson", b"\xef\xbb\xbf" + LINES.replace(b"\n", b"\r\n"), [1, 3]),
        ("a.jsonl.gz", zipped(LINES), [1, 3]),
        ("a.csv", "id,summary,document\n7,S1,D1\n\n8,S2,D2", [2, 4]),
        ("a.csv", b"\xef\xbb\xbf\ndocument,summary,id\r\nD1,S1,7\r\nD2,S2,8\r\n", [3, 4]),
        ("a.csv", '\n"id";summary;document\n7;S1;D1\n8;S2;D2', [3, 4]),
        ("a.csv", "id\tsummary\tdocument\n7\tS1\tD1\n8\tS2\tD2", [2, 3]),
        ("a.csv", 'id;"of\nus";document;summary\n7;x;D1;S1\n8;x;D2;S2', [3, 4]),
        ("a.tsv", "document\tsummary\tid\nD1\tS1\t7\nD2\tS2\t8\n", [2, 3]),
        ("A.JSONL.GZ", zipped(LINES), [1, 3]),
        ("a.Csv.gZ", zipped(b"document,summary,id\nD1,S1,7\nD2,S2,8\n"), [2, 3]),
        ("a.csv.gz", zipped(b"document,summary,id\nD1,S1,7\nD2,S2,8\n"), [2, 3]),
    ],
)
def test_formats_hold_the_same_rows(tmp_path, name, content, lines):
    path = write(tmp_path / name, content)
    rows = list(read_rows(path))
    assert texts(rows) == [("D1", "S1"), ("D2", "S2")]
    assert [row.line for row in rows] == lines
    assert [str(row.fields["id"]) for row in rows] == ["7", "8"]
    assert {row.file for row in rows} == {str(path)}
    assert count_rows(path) == 2


@pytest.mark.parametrize(
    ("fields", "names"),
    [
        ({"source": "D", "highlights": "S"}, FieldNames()),
        ({"source": "Reuters", "text": "D", "summary": "S"}, FieldNames()),
        ({"question": "?", "contexts": ["D"], "answer": "S", "source": "https://example.org"}, FieldNames()),
        ({"question": "?", "contexts": ["D"], "answer": "S", "ground_truth": "R"}, FieldNames()),
        ({"user_input": "?", "retrieved_contexts": ["D"], "response": "S", "reference": "R"}, FieldNames()),
        ({"question": "?", "contexts": ["D"], "answer": "right", "response": "S"}, FieldNames()),
        ({"question": "?", "context": "D", "answer": "S", "source": "https://example.org"}, FieldNames()),
        ({"article": "D", "hypothesis": "S", "target": "R"}, FieldNames()),
        ({"text": "D", "summary": "S", "reference": "R"}, FieldNames()),
        ({"text": "?", "document": "D", "summary": "S", "hypothesis": "?"}, FieldNames()),
        ({"Document": "D", " SUMMARY": "S", "reference ": "R"}, FieldNames()),
        ({"Source": "?", "source": "D", "Summary": "?", "highlights": "S"}, FieldNames()),
        ({"summary": "D", "out": "S", "gold": "R"}, FieldNames("summary", "out", "gold")),
    ],
)
def test_field_names(tmp_path, fields, names):
    [row] = read_rows(write(tmp_path / "a.jsonl", json.dumps(fields)), names)
    assert (row.document, row.summary, row.fields) == ("D", "S", fields)
    assert row.reference == ("R" if "R" in fields.values() else None)


def test_the_case_of_an_id_may_differ():
    assert row_id({"Id": 7}) == row_id({"ID ": "?", "id": 7}) == "7"
    assert row_id({"ID": ""}) is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            FieldNames(),
            "no field named document or article or text or .* or source; there are: body, summary. Name it with --d",
        ),
        (FieldNames(document="Body"), "no field named Body; there are: body, summary"),
        (FieldNames(document="bdy"), "no field named bdy; there are: body, summary"),
        (FieldNames(document="body", reference="gold"), "no field named gold; .* --reference-field"),
    ],
)
@pytest.mark.parametrize(
    ("name", "content"), [("a.jsonl", '{"body": "D", "summary": "S"}'), ("a.csv", "body,summary\nD,S")]
)
def test_unknown_field_names_end_the_run(tmp_path, name, content, names, message):
    with pytest.raises(InputError, match=message):
        read_rows(write(tmp_path / name, content), names)


def test_a_field_called_target_need_not_be_text_unless_it_was_asked_for(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"document": "D", "summary": "S", "target": 1}')
    [row] = read_rows(path)
    assert (row.error, row.reference) == (None, None)
    assert errors(read_rows(path, FieldNames(reference="target"))) == [f"{path}:1: target: expected text, found int"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"nonsense", "{}:2: not valid JSON at column 1: Expecting value"),
        (b'{"document": "D", "summ', "{}:2: not valid JSON at column 19: Unterminated string starting"),
        (b"[1]", "{}:2: expected a JSON object, found list"),
        (b"[" * 100_000, "{}:2: not "),
        (b'{"a": ' + b"9" * 5000 + b"}", "{}:2: not readable as JSON: "),
        (b'{"document": "D\xff", "summary": "S"}', "{}:2: not UTF-8 text"),
        (b'{"document": "D\\ud800", "summary": "S"}', "{}:2: document: not text: it holds a lone surrogate"),
        (b'{"document": null, "summary": "S"}', "{}:2: document: expected text, found null"),
        (b'{"document": "D", "summary": 3}', "{}:2: summary: expected text, found int"),
        (b'{"document": ["D", 1], "summary": "S"}', "{}:2: document: expected text, found a list with int at place 1"),
        (b'{"document": "[\'D\', \'E\']", "summary": "S"}', "{}:2: document: passages written as Python writes a list"),
        (b'{"document": "D", "summary": [["S"]]}', "{}:2: summary: expected text, found a list of texts"),
        (b'{"document": "D", "text": "S"}', "{}:2: summary: missing; the row has: document, text"),
        (b'{"document": "D", "summary": []}', "{}:2: summary: an empty list"),
        (b"{}", "{}:2: document: missing"),
    ],
)
def test_a_bad_json_row_does_not_end_the_run(tmp_path, line, message):
    good = b'{"document": "D", "summary": "S"}\n'
    path = write(tmp_path / "a.jsonl", good + line + b"\n" + good)
    first, bad, last = read_rows(path)
    assert texts([first, last]) == [("D", "S")] * 2
    assert str(bad.error).startswith(message.format(path))
    assert (bad.line, bad.document, bad.summary) == (2, "", "")


def test_files_appended_to_each_other_keep_their_byte_order_marks(tmp_path):
    path = write(tmp_path / "a.jsonl", 2 * (b"\xef\xbb\xbf" + LINES))
    assert texts(read_rows(path)) == 2 * [("D1", "S1"), ("D2", "S2")]


def test_a_first_row_that_is_bad_does_not_end_the_run_either(tmp_path):
    rows = list(read_rows(write(tmp_path / "a.jsonl", '?\n{"x": 1}\n{"article": "D", "summary": "S"}\n')))
    assert texts(rows)[2] == ("D", "S")
    assert [bool(row.error) for row in rows] == [True, True, False]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("D,S", "2 columns, but the header has 3"),
        ("D,S,1,2", "4 columns, but the header has 3"),
        ('"D"x,S,1', "not valid CSV: ',' expected after '\"'"),
    ],
)
def test_a_bad_csv_row_does_not_end_the_run(tmp_path, row, message):
    path = write(tmp_path / "a.csv", f'document,summary,id\n"two\nlines",S,1\n{row}\nD,S,3\n')
    first, bad, last = read_rows(path)
    assert (first.document, first.line, last.line) == ("two\nlines", 2, 5)
    assert str(bad.error) == f"{path}:4: {message}"


def test_a_list_in_a_csv_cell_is_an_error(tmp_path):
    lists = ["['S1', 'S2']", '[ "S1"\n ]', "['It''s S1', \"S2\"]"]
    texts = ["[...] 'tis 'S1'", "'S1']", "[S1]", "['S1'] S2", '["The end," he said. "Bye"]', "['" * 500 + "']" * 500]
    cells = "".join('D,"' + cell.replace('"', '""') + '"\n' for cell in lists + texts)
    found = errors(read_rows(write(tmp_path / "a.csv", "document,summary\n" + cells)))
    assert found[3:] == [None] * len(texts)
    assert all(": summary: a list written out as text" in error for error in found[:3])


def test_passages_in_a_csv_cell_are_json(tmp_path):
    cells = [json.dumps(["One.", "Two."]), str(["One.", "Two."]), '["One.", 3]', '["One.", null]', "['One.', 3]"]
    path = tmp_path / "a.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([["contexts", "answer"], *([cell, "A"] for cell in cells)])
    first, *others = read_rows(path)
    assert (first.document, first.error) == ("One.\n\nTwo.", None)
    python = "passages written as Python writes a list; in CSV write them as JSON (json.dumps), or use JSONL or Parquet"
    kinds = [f"expected text, found a list with {kind} at place 1" for kind in ("int", "null")]
    expected = [f"{path}:{line}: contexts: {said}" for line, said in enumerate([python, *kinds, python], 3)]
    assert [str(row.error) for row in others] == expected


def test_a_list_of_passages_is_one_document(tmp_path):
    path = write(
        tmp_path / "a.jsonl", '{"contexts": ["One.", "Two."], "answer": "A"}\n{"contexts": "One.", "answer": "B"}\n'
    )
    one, other = read_rows(path, FieldNames("contexts", "answer"))
    assert (one.document, one.summary, other.document) == ("One.\n\nTwo.", "A", "One.")
    assert one.fields["contexts"] == ["One.", "Two."]  # and so it is written again
    assert [row.document for row in read_documents(path, "contexts")] == ["One.\n\nTwo.", "One."]


def test_json_that_says_two_things_of_one_field(tmp_path):
    rest = ('"summary": "a", "summary": "b"', '"summary": "S", "a": {"b": 1, "b": 1}', '"summary": "S", "a": {"b": 1}')
    path = write(tmp_path / "a.jsonl", "".join(f'{{"document": "D", {fields}}}\n' for fields in rest))
    message = "not readable as JSON: an object has two fields"
    assert errors(read_rows(path)) == [f"{path}:1: {message} 'summary'", f"{path}:2: {message} 'b'", None]


def test_fields_that_the_first_rows_do_not_tell_are_those_of_each_row(tmp_path):
    unread = {"score": None, "status": "invalid-row", "reason": "not valid JSON", "signature": ""}
    rows = [*[unread] * 64, {"article": "D", "highlights": "S"}, {"body": "D"}]
    path = write(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    *_, read, missing = read_rows(path)
    assert (read.document, read.summary, read.error) == ("D", "S", None)
    assert "document: missing; the row has: body" in str(missing.error)
    broken = write(tmp_path / "b.jsonl", "{broken\n" * 64 + '{"article": "D"}\n{"body": "D"}\n')
    *_, read, missing = read_documents(broken)
    assert (read.document, read.error) == ("D", None)
    assert "document: missing" in str(missing.error)


def test_a_list_of_summaries_gives_one_row_each(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"document": "D", "summary": ["S0", null, "S2"], "id": 1}')
    rows = list(read_rows(path))
    assert [(row.summary, row.summary_index) for row in rows] == [("S0", 0), ("", 1), ("S2", 2)]
    assert errors(rows) == [None, f"{path}:1: summary: expected text, found null", None]
    assert rows[2].fields == {"document": "D", "summary": "S2", "id": 1}


def test_parquet(tmp_path):
    values = {
        "article": ["D", None, "D3"],
        "highlights": [["S0", "S1"], ["S"], None],
        "day": [datetime.date(2024, 2, 29), None, None],
        "price": [decimal.Decimal("1.50"), None, None],
        "raw": [b"\xff", None, None],
    }
    moment = pa.array([1_700_000_000_123_456_789, None, None], pa.timestamp("ns"))
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({**values, "moment": moment}), path)
    rows = list(read_rows(path))
    assert [(row.line, row.summary_index) for row in rows] == [(1, 0), (1, 1), (2, 0), (3, None)]
    assert texts(rows[:2]) == [("D", "S0"), ("D", "S1")]
    assert errors(rows[2:]) == [
        f"{path}:2: article: expected text, found null",
        f"{path}:3: highlights: expected text, found null",
    ]
    assert {name: rows[0].fields[name] for name in ("day", "price", "raw")} == {
        name: values[name][0] for name in ("day", "price", "raw")
    }
    assert rows[0].fields["moment"] == "2023-11-14 22:13:20.123456789"
    assert count_rows(path) == 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.parquet", b"PAR1 or not", "cannot be read as Parquet"),
        ("a.json", b"[]", r"unknown suffix '.json'; say what it holds: --format"),
        ("a.csv", b"summary,summary\nS,S", ":1: summary: two columns have this name"),
        ("a.csv", b"\nsep=;\n;;document;summary\n;;D;S", ":3: two columns have no name"),
        ("a.csv", b'"docu"ment,summary\nD,S\nE,T', ":1: not valid CSV: ',' expected after '\"'"),
        ("a.csv", b"document|summary\nD|S", r"a.csv: columns are separated by comma.*; found: document\|summary"),
        ("a.tsv", b"document,summary\nD,S", "in TSV by tab; found: document,summary"),
        ("a.csv", "document,summary".encode("utf-16"), "a.csv: this is UTF-16 text; save it as UTF-8"),
        ("a.jsonl", b"\xfe\xff" + '{"document": "D"}'.encode("utf-16-be"), "this is UTF-16 text"),
        ("a.jsonl", zipped(LINES), "a.jsonl: this is gzipped: name it .gz"),
        ("a.jsonl", b'\n[\n {"document": "D"}\n]', "a.jsonl:2: JSON, but not with one object on each line"),
        ("a.jsonl", b'[{"document": "D"}]', "a.jsonl:1: JSON, but not with one object on each line"),
        ("a.jsonl", b'{\n "document": "D"\n}', "a.jsonl:1: JSON, but not with one object on each line"),
        ("a.jsonl.gz", b"not gzip", "cannot be read any further: Not a gzipped file"),
        ("a.jsonl.gz", zipped(LINES)[:-9], "cannot be read any further"),
    ],
)
def test_files_that_cannot_be_read(tmp_path, name, content, message):
    with pytest.raises(InputError, match=message):
        list(read_rows(write(tmp_path / name, content)))


def test_files_that_are_not_there(tmp_path):
    for name in ("none.jsonl", "none.csv", "none.parquet", "none.csv.gz"):
        with pytest.raises(InputError, match="cannot be read"):
            read_rows(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path, format="jsonl")


def test_empty_files_hold_no_rows(tmp_path):
    for name, content in (("a.jsonl", "\n \n"), ("a.csv", ""), ("b.csv", "document,summary\n"), ("b.jsonl", "")):
        assert list(read_rows(write(tmp_path / name, content))) == []


def test_standard_input(monkeypatch):
    for format, content in ((None, LINES), ("csv", b"document,summary\nD1,S1\nD2,S2\n")):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert texts(read_rows("-", format=format)) == [("D1", "S1"), ("D2", "S2")]
    assert count_rows("-") is None


def test_standard_input_is_read_only_once(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(LINES)))
    with pytest.raises(InputError, match=r"^-: standard input can be read only once$"):
        read_texts("-", "-")
    with pytest.raises(InputError, match=r"^-: standard input can be read only once$"):
        read_rows("-")


def test_parquet_does_not_come_from_standard_input():
    with pytest.raises(InputError, match="Parquet cannot be read from standard input"):
        read_rows("-", format="parquet")


def test_two_plain_texts(tmp_path):
    document, summary = write(tmp_path / "d.txt", "\ufeffD\nD"), write(tmp_path / "s.txt", "S")
    row = read_texts(document, summary)
    assert (row.document, row.summary, row.fields) == ("D\nD", "S", {"document": "D\nD", "summary": "S"})
    with pytest.raises(InputError, match="not UTF-8"):
        read_texts(document, write(summary, b"\xff\xfe"))


def test_a_line_of_five_megabytes(tmp_path):
    document = "word " * 1_000_000
    [row] = read_rows(write(tmp_path / "a.jsonl", json.dumps({"document": document, "summary": "S"})))
    assert row.document == document


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path, name):
    path = tmp_path / name
    document = "word " * 400
    if name == "a.parquet":
        pq.write_table(pa.table({"document": [document] * 10_000, "summary": ["S"] * 10_000}), path, row_group_size=500)
    else:
        row = json.dumps({"document": document, "summary": "S"}) if name == "a.jsonl" else f"{document},S"
        path.write_text(("document,summary\n" if name == "a.csv" else "") + f"{row}\n" * 10_000)
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_rows(path)) == 10_000
        assert tracemalloc.get_traced_memory()[1] < 3_000_000  # of 20 MB of text
    finally:
        tracemalloc.stop()


def test_a_parquet_file_of_one_row_group_is_read_in_pieces(tmp_path):
    path, generator = tmp_path / "a.parquet", random.Random(0)
    documents = [generator.randbytes(1500).hex() for _ in range(10_000)]
    pq.write_table(pa.table({"document": documents, "summary": ["S"] * 10_000}), path, row_group_size=10_000)
    del documents
    held = [pa.total_allocated_bytes() for _ in read_rows(path)]
    assert max(held) - held[0] < 8_000_000 < path.stat().st_size / 2


def test_references_may_come_later_than_the_first_rows(tmp_path):
    rows = [{"document": "D", "summary": "S"}] * 64 + [{"document": "D", "summary": "S", "target": "R"}]
    path = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    assert [row.reference for row in read_rows(path)] == [None] * 64 + ["R"]


def test_a_named_reference_may_be_null(tmp_path):
    lines = ('{"document":"D","summary":"S","gold":"R"}', '{"document":"D","summary":"S","gold":null}')
    rows = read_rows(write(tmp_path / "a.jsonl", "\n".join(lines)), FieldNames(reference="gold"))
    assert [(row.reference, row.error) for row in rows] == [("R", None), (None, None)]
    [row] = read_rows(write(tmp_path / "b.jsonl", '{"document":"D","summary":"S","reference":"\\ud800"}\n'))
    assert (row.reference, row.error) == (None, None)


def test_case_of_suffixes_and_bad_first_rows(tmp_path):
    for name, content in (("A.CSV", "document,summary\nD,S\n"), ("A.JSONL", '{"document":"D","summary":"S"}\n')):
        assert [row.summary for row in read_rows(write(tmp_path / name, content))] == ["S"]
    path = write(tmp_path / "c.jsonl", "?\n" * 64 + '{"body":"D","summary":"S"}\n')
    assert [row.document for row in read_rows(path, FieldNames(document="body")) if not row.error] == ["D"]


def test_rows_are_counted_exactly_or_not_at_all(tmp_path):
    assert count_rows(write(tmp_path / "a.jsonl", LINES)) == 2
    assert count_rows(write(tmp_path / "a.csv", "document,summary\nD,S\nD,S\n")) == 2
    assert count_rows(write(tmp_path / "b.csv", 'document,summary\n"D"x,S\n')) is None
    assert count_rows(write(tmp_path / "a.jsonl.gz", zipped(LINES)[:-9])) is None
    assert count_rows(write(tmp_path / "a.csv.gz", zipped(b"document,summary\nD,S\n")[:-9])) is None


@pytest.mark.parametrize("text", ["[ {{1}} ]", "['a', {[]: 1}]", '["a",' + "[" * 100_000])
def test_what_looks_like_a_list_and_is_none_ends_nothing(tmp_path, text):
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(
            json.dumps(row) + "\n" for row in [{"document": text, "summary": "S"}, {"document": "D", "summary": "S"}]
        )
    )
    assert [(row.document, row.error) for row in read_rows(path)] == [(text, None), ("D", None)]
    path.write_text(json.dumps({"document": "D", "summary": text}) + "\n")
    assert [row.summary for row in read_rows(path)] == [text]
