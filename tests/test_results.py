"""Results: what is written, what becomes of odd values, running in windows."""

import csv
import datetime
import decimal
import errno
import itertools
import json
import math
import sys
import tracemalloc
from dataclasses import replace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from overlap import Overlap

from quals.calibrate import Band, Reading
from quals.errors import InputError, MissingExtraError, ModelError, QualsError
from quals.io.parquet import jsonl_to_parquet, parquet_schema
from quals.io.results import (
    JsonlWriter,
    TableWriter,
    input_fields,
    json_line,
    output_row,
    refuse_same_file,
    results_writer,
    rows_path,
)
from quals.io.rows import Row, read_rows
from quals.io.scored import read_scored
from quals.io.separated import jsonl_to_separated
from quals.records import (
    ClaimEvidence,
    Doubt,
    PairEvidence,
    QuestionEvidence,
    Scores,
    Span,
    Status,
    SummaryScore,
    WordEvidence,
)
from quals.scoring.run import run, scored
from quals.scoring.tally import Tally

SCORE = SummaryScore(-0.5, Status.OK, signature="s")


def rows_of(*pairs, **fields):
    return [Row({**fields, "document": d, "summary": s}, "f", n, d, s) for n, (d, s) in enumerate(pairs, 1)]


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


# -- rows of the output ------------------------------------------------------------------------------


def test_output_row_is_the_input_row_and_the_result():
    row = Row({"id": 1, "document": "D", "summary": "S"}, "f", 1, "D", "S")
    result = {"score": -0.5, "probability": None, "band": None}
    result |= {"status": "ok", "reason": "", "evidence_count": 0, "chunks": 1, "signature": "s"}
    assert output_row(row, SCORE) == {"id": 1, "document": "D", "summary": "S", **result}
    assert output_row(row, SCORE, explain=True)["evidence"] == []
    assert output_row(Row({}, "f", 1, summary_index=0), SCORE) == {"summary_index": 0, **result}


def test_input_fields_give_way_to_results_of_the_same_name():
    row = Row({"score": 1, "status": 2, "input_status": 3, "label": 4}, "f", 1)
    assert input_fields(row) == {"input_score": 1, "input_input_status": 2, "input_status": 3, "label": 4}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (float("nan"), "null"),
        ([{"x": -math.inf}, (1, 2.5)], '[{"x": null}, [1, 2.5]]'),
        (datetime.date(2024, 2, 29), '"2024-02-29"'),
        (datetime.datetime(2024, 2, 29, 1, 2, 3), '"2024-02-29T01:02:03"'),
        (datetime.timedelta(days=1), '"1 day, 0:00:00"'),
        (decimal.Decimal("1.50"), '"1.50"'),
        (b"\xff\x00", '"/wA="'),
        ("é雪\u2028\n", '"é雪\u2028\\n"'),
        ("\ud800é", '"\\ud800\\u00e9"'),
    ],
)
def test_json_line(value, written):
    assert json_line({"v": value}) == f'{{"v": {written}}}\n'


VALUES = st.none() | st.floats() | st.integers() | st.text(max_size=5)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), VALUES | st.lists(VALUES, max_size=3), max_size=3))
def test_json_line_is_always_one_line_of_strict_json(row):
    def refuse(name):
        raise AssertionError(name)

    line = json_line(row).encode()
    assert line.count(b"\n") == 1
    assert set(json.loads(line, parse_constant=refuse)) == set(row)


# -- the engine --------------------------------------------------------------------------------------


def test_rows_come_back_in_order_and_invalid_ones_among_them():
    bad = Row({"id": 2}, "f", 2, error=InputError("missing", file="f", line=2, field="summary"))
    good = rows_of(("a b", "a c"), ("a", ""), ("a", "a"))
    results = list(scored([good[0], bad, *good[1:]], Overlap()))
    assert [row for row, _ in results] == [good[0], bad, *good[1:]]
    assert [result.value for _, result in results] == [-0.5, None, None, 0.0]
    assert [result.status for _, result in results] == [
        Status.OK, Status.INVALID_ROW, Status.EMPTY_SUMMARY, Status.OK,
    ]  # fmt: skip
    assert results[1][1].reason == "f:2: summary: missing"
    assert len({result.signature for _, result in results}) == 1


def test_only_the_row_that_makes_the_metric_fail_gets_the_error():
    rows = rows_of(("a", "a"), ("BOOM", "a"), ("a", "b"))
    results = [result for _, result in scored(rows, Overlap())]
    assert [result.status for result in results] == [Status.OK, Status.ERROR, Status.OK]
    assert results[1].reason == "RuntimeError: boom"


def test_a_metric_without_its_model_ends_the_run():
    class NoModel(Overlap):
        def _score(self, documents, summaries, references, explain):
            raise ModelError("no model")

    with pytest.raises(ModelError):
        list(scored(rows_of(("a", "a")), NoModel()))


def test_windows_grow_to_the_size_asked_for():
    metric = Overlap()
    rows = rows_of(*[("a", "a"), ("b", "b")] * 15)
    assert len(list(scored(rows, metric, window=10))) == 30
    assert metric.calls == [4, 8, 10, 8]
    metric = Overlap()
    list(scored(rows[:3], metric, window=1))
    assert metric.calls == [1, 1, 1]


@pytest.mark.parametrize(
    ("count", "ends"), [(5, [3, 5]), (11, [3, 11]), (12, [3, 9, 12]), (23, [3, 9, 19, 23]), (28, [3, 9, 19, 28])]
)
def test_summaries_of_one_document_are_scored_together(count, ends):
    documents = "aaabbbbbcdddddddddddddddefff"[:count]
    rows = rows_of(*[(document, str(place)) for place, document in enumerate(documents)])
    metric = Overlap()
    assert [row for row, _ in scored(iter(rows), metric, window=10)] == rows
    assert list(itertools.accumulate(metric.calls)) == ends  # 15 times "d" are more than a window


def test_references_reach_the_metric_where_there_are_some():
    metric = Overlap()
    [row] = rows_of(("a", "a"))
    list(scored([row, Row({}, "f", 2, "a", "a", reference="r")], metric))
    list(scored([row], metric))
    assert metric.references == [["", "r"], None]


def test_tally():
    rows = rows_of(("a b c d", "a b c x"), ("a", ""), ("a b", "y z"), ("a", "a"))
    tally = run(rows, Overlap(), JsonlNowhere(), tally=Tally(keep=2))
    assert (tally.count, tally.statuses[Status.OK], tally.troubled) == (4, 3, 0)
    assert (tally.mean, tally.lowest) == ((-0.25 - 1 - 0) / 3, -1)
    assert [(s.evidence["answer"], s.row.line) for s in tally.worst] == [("x", 1), ("y", 3)]


@pytest.mark.parametrize(
    ("pairs", "threshold", "shortfall"),
    [
        ([("a", "a")], 0, ""),
        ([("a b", "a c")], -0.5, ""),
        ([("a b", "a c")], -0.4, "1 of 1 summaries have a lower score, the lowest -0.5, in f:1"),
        ([("a", "a"), ("a", "")], -9, "1 of 2 summaries have no score"),
        (
            [("a b c d", "a c d e"), ("a b", "a c"), ("a", ""), ("a b", "a b")],
            0,
            "2 of 4 summaries have a lower score, the lowest -0.5, in f:2 and 1 of 4 summaries have no score",
        ),
    ],
)
def test_shortfall(pairs, threshold, shortfall):
    assert run(rows_of(*pairs), Overlap(), JsonlNowhere(), tally=Tally(threshold=threshold)).shortfall == shortfall


class JsonlNowhere:
    def write(self, row, result):
        json_line(output_row(row, result))


def test_memory_does_not_grow_with_the_number_of_rows():
    document = "word " * 400
    rows = (Row({"document": document + str(n)}, "f", n, document + str(n), "word x") for n in range(5_000))
    tracemalloc.start()
    try:
        assert run(rows, Overlap(), JsonlNowhere()).count == 5_000
        assert tracemalloc.get_traced_memory()[1] < 3_000_000  # of 10 MB of text
    finally:
        tracemalloc.stop()


# -- files -------------------------------------------------------------------------------------------


def test_every_line_is_there_as_soon_as_it_is_written(tmp_path):
    path = tmp_path / "o.jsonl"
    with JsonlWriter(path) as writer:
        for count, row in enumerate(rows_of(("a", "a"), ("b", "b")), 1):
            writer.write(row, SCORE)
            assert len(read_jsonl(path)) == count


def write_parquet(path, rows, results=None, **options):
    with TableWriter(path, **options) as writer:
        for row, result in zip(rows, results or [SCORE] * len(rows), strict=True):
            writer.write(row, result)
    return pq.read_table(path)


def test_parquet_output_of_parquet_input_keeps_values_and_types(tmp_path):
    columns = {
        "document": pa.array(["D", "D"]),
        "summary": pa.array(["S", "S"], pa.large_string()),
        "day": pa.array([datetime.date(2024, 2, 29), None]),
        "price": pa.array([None, decimal.Decimal("1.50")], pa.decimal128(9, 2)),
        "raw": pa.array([b"\xff", None]),
        "moment": pa.array([1_700_000_000_123_456_789, None], pa.timestamp("ns", "UTC")),
        "time": pa.array([None, 5], pa.timestamp("ms")),
        "took": pa.array([1, None], pa.duration("ns")),
        "count": pa.array([None, None], pa.int32()),
        "tags": pa.array([["a", None], []]),
        "kind": pa.array(["x", None]).dictionary_encode(),
    }
    table = pa.table(columns)
    source = tmp_path / "i.parquet"
    pq.write_table(table, source)
    made = write_parquet(tmp_path / "o.parquet", list(read_rows(source)), schema=parquet_schema(source))
    results = ["score", "probability", "band", "status", "reason", "evidence_count", "chunks", "signature"]
    assert made.column_names[-8:] == results
    for name in columns:
        assert made[name].equals(table[name]), name
        assert made[name].type == table[name].type, name


def test_bytes_within_other_values_are_base64_in_parquet(tmp_path):
    """Those of pictures as Hugging Face's data sets hold them; a column that holds nothing else keeps its type."""
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = {
        "picture": pa.array([{"bytes": b"\xffPNG", "path": "a.png"}, None], picture),
        "parts": pa.array([[b"\xff", None], []], pa.list_(pa.large_binary())),
        "kind": pa.array([b"\xff", None]).dictionary_encode(),
        "raw": pa.array([b"\xff", None], pa.binary_view()),
    }
    source = tmp_path / "i.parquet"
    pq.write_table(pa.table({"document": ["D", "D"], "summary": ["S", "S"], **columns}), source)
    schema = parquet_schema(source)
    made = write_parquet(tmp_path / "o.parquet", list(read_rows(source)), schema=schema)
    assert made["picture"].to_pylist() == [{"bytes": "/1BORw==", "path": "a.png"}, None]
    assert made["parts"].to_pylist() == [["/w==", None], []]
    assert made["kind"].to_pylist() == ["/w==", None]
    assert made["raw"].to_pylist() == [b"\xff", None]
    assert made["raw"].type == schema.field("raw").type


def test_parquet_of_large_whole_numbers_and_fractions_within_other_values(tmp_path):
    """In one place, which no type could hold, and in two."""
    many = [{"meta": {"user": 2**53 + 1}, "list": [2**53 + 1], "two": {"user": 2**53 + 1, "share": 0.5}}] * 256
    last = {"meta": {"user": 0.5}, "list": [0.5], "two": {"user": 1, "share": 1}}
    rows = [Row(fields, "f", n) for n, fields in enumerate([*many, last], 1)]
    table = write_parquet(tmp_path / "o.parquet", rows)
    assert [json.loads(text) for text in (table["meta"][0].as_py(), table["list"][256].as_py())] == [
        {"user": 2**53 + 1}, [0.5],
    ]  # fmt: skip
    assert table["two"][0].as_py() == {"user": 2**53 + 1, "share": 0.5}


def test_one_of_a_list_of_summaries_is_a_text_in_parquet_too(tmp_path):
    source = tmp_path / "i.parquet"
    inside = [{"said": ["x"]}, {"said": ["y", "z"]}]
    pq.write_table(pa.table({"document": ["D", "E"], "summary": [["One.", "Two."], ["Three."]], "in": inside}), source)
    table = write_parquet(tmp_path / "o.parquet", list(read_rows(source)), schema=parquet_schema(source))
    assert table["summary"].to_pylist() == ["One.", "Two.", "Three."]
    assert table["in"].to_pylist() == [inside[0], inside[0], inside[1]]
    rows = [Row({"in": {"said": "xyz"}}, "f", 1), Row({"in": None}, "f", 2)]
    assert write_parquet(tmp_path / "p.parquet", rows, schema=parquet_schema(source))["in"][0].as_py() == {
        "said": "xyz"
    }


def test_parquet_types_are_found_over_all_rows(tmp_path):
    many = [{"n": 1, "mixed": 1, "late": None, "odd": {}, "big": 2**70}] * 300
    last = {"n": 1.5, "mixed": "a", "late": True, "odd": {"a": 1}, "sur": "\ud800", "none": None}
    rows = [Row(fields, "f", n) for n, fields in enumerate([*many, last], 1)]
    table = write_parquet(tmp_path / "o.parquet", rows)
    assert [str(table.schema.field(name).type) for name in ("n", "mixed", "late", "big", "none")] == [
        "double", "string", "bool", "string", "string",
    ]  # fmt: skip
    values = {name: [table[name][0].as_py(), table[name][300].as_py()] for name in table.column_names}
    assert (values["n"], values["mixed"], values["late"]) == ([1.0, 1.5], ["1", "a"], [None, True])
    assert (values["big"], values["sur"], values["none"]) == ([str(2**70), None], [None, "?"], [None, None])


def test_parquet_holds_evidence_and_the_index_of_listed_summaries(tmp_path):
    rows = [Row({"id": 1}, "f", 1, "a b", "a x", summary_index=0), Row({"id": 2}, "f", 2, "a", "")]
    results = [result for _, result in scored(rows, Overlap())]
    first, second = write_parquet(tmp_path / "o.parquet", rows, results, explain=True).to_pylist()
    assert first["evidence"][1] == json.loads(json.dumps(results[0].evidence[1].to_dict()))
    assert (first["summary_index"], second["summary_index"]) == (0, None)
    assert (second["score"], second["status"], second["evidence"]) == (None, "empty-summary", [])


def test_parquet_keeps_the_order_of_the_metrics(tmp_path, monkeypatch):
    def by_name(type):
        if pa.types.is_list(type):
            return pa.list_(by_name(type.value_type))
        return pa.struct(sorted((each.name, by_name(each.type)) for each in type)) if pa.types.is_struct(type) else type

    made = pa.array
    # As older versions of pyarrow find types.
    monkeypatch.setattr(pa, "array", lambda values, type=None: made(values, type or by_name(made(values).type)))
    rows = [*rows_of(("a b", "a x")), Row({}, "f", 2, error=InputError("bad")), *rows_of(("a b", "b a"))]
    results = [Scores({"quals": result, "factcc": result}) for _, result in scored(rows, Overlap())]
    (first, *_) = write_parquet(tmp_path / "o.parquet", rows, results, explain=True).to_pylist()
    expected = results[0].to_dict(explain=True)["scores"]
    assert json.dumps(first["scores"]["quals"]["evidence"]) == json.dumps(expected["quals"]["evidence"])
    assert [list(first["scores"]), list(first["scores"]["quals"])] == [list(expected), list(expected["quals"])]


def test_parquet_appears_whole_or_not_at_all(tmp_path):
    path = tmp_path / "o.parquet"

    class Interrupted(Overlap):
        def _score(self, documents, summaries, references, explain):
            if self.calls:
                raise KeyboardInterrupt
            return super()._score(documents, summaries, references, explain)

    def interrupted_run():
        with TableWriter(path) as writer:
            run(rows_of(("a", "a"), ("b", "b")), Interrupted(), writer, window=1)

    with pytest.raises(KeyboardInterrupt):
        interrupted_run()
    assert not path.exists()
    assert len(read_jsonl(rows_path(path))) == 1
    write_parquet(path, rows_of(("b", "b")))
    assert [file.name for file in tmp_path.iterdir()] == ["o.parquet"]


@pytest.mark.parametrize("append", [False, True])
@pytest.mark.parametrize("name", ["o.jsonl", "o.csv"])
def test_two_runs_do_not_write_to_one_file(tmp_path, name, append):
    """Not even while the table is made; what the first has written stays."""
    path = tmp_path / name
    with results_writer(path) as writer:
        writer.write(rows_of(("a", "a"))[0], SCORE)
        with pytest.raises(QualsError, match=r"o\.(jsonl|csv\.partial\.jsonl): another run is writing to it"):
            results_writer(path, append=append)
        writer.write(rows_of(("b", "b"))[0], SCORE)
    assert [row.document for row in read_rows(path)] == ["a", "b"]
    with results_writer(path) as writer:
        writer.write(rows_of(("c", "c"))[0], SCORE)
    assert [row.document for row in read_rows(path)] == ["c"]


def test_no_other_run_writes_while_the_table_is_made(tmp_path, monkeypatch):
    path, told = tmp_path / "o.csv", []

    def other_run(spool, target):
        with pytest.raises(QualsError, match="another run"):
            JsonlWriter(spool)
        told.append(len(read_jsonl(spool)))

    monkeypatch.setattr("quals.io.results.jsonl_to_separated", other_run)
    with results_writer(path) as writer:
        writer.write(rows_of(("a", "a"))[0], SCORE)
    assert told == [1]


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def refused(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", refused)
    for name in ("a", "b"):
        with JsonlWriter(tmp_path / "o.jsonl") as writer:
            writer.write(rows_of((name, "x"))[0], SCORE)
    assert [row["document"] for row in read_jsonl(tmp_path / "o.jsonl")] == ["b"]


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MissingExtraError, match=r"pip install '\.\[parquet\]'"):
        TableWriter(tmp_path / "o.parquet")


@pytest.mark.parametrize("name", ["no/such/folder/o.jsonl", "."])
def test_files_that_cannot_be_written(tmp_path, name):
    with pytest.raises(QualsError, match="cannot be written"):
        JsonlWriter(tmp_path / name)


def test_the_input_is_not_written_over(tmp_path):
    source, link = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    source.write_text("{}")
    link.symlink_to(source)
    for output in (source, link, f"{tmp_path}/./a.jsonl"):
        with pytest.raises(InputError, match="is the input file"):
            refuse_same_file(output, ["-", source])
    refuse_same_file(tmp_path / "c.jsonl", ["-", source])


def test_standard_output_is_left_open(capfdbinary):
    with JsonlWriter("-") as writer:
        writer.write(rows_of(("D", "S"))[0], SCORE)
    assert not sys.stdout.closed
    assert json.loads(capfdbinary.readouterr().out)["summary"] == "S"


@pytest.mark.parametrize(("name", "delimiter"), [("o.csv", ","), ("o.tsv", "\t")])
def test_csv_holds_every_row_and_is_read_again(tmp_path, name, delimiter):
    path = tmp_path / name
    rows = rows_of(("a\rb", 'a "x",\n\ty'), ("ö", ""), n=1.5, mixed=["p", 2], none=None)
    rows.append(Row({"late": "\ud800"}, "f", 3, error=InputError("bad")))
    results = [result for _, result in scored(rows, Overlap())]
    with TableWriter(path, explain=True) as writer:
        for row, result in zip(rows, results, strict=True):
            writer.write(row, result)
            assert not path.exists()
    assert [file.name for file in tmp_path.iterdir()] == [name]
    with path.open(newline="", encoding="utf-8") as stream:
        first, second, third = csv.DictReader(stream, delimiter=delimiter)
    assert (first["summary"], first["n"], first["mixed"], first["none"]) == ('a "x",\n\ty', "1.5", '["p", 2]', "")
    assert json.loads(first["evidence"]) == json.loads(json.dumps([one.to_dict() for one in results[0].evidence]))
    assert (float(first["score"]), second["score"], second["status"]) == (results[0].value, "", "empty-summary")
    assert (third["late"], third["document"], third["status"]) == ("?", "", "invalid-row")
    assert b"\r\n" not in path.read_bytes()
    again = [(row.document, row.summary) for row in read_rows(path) if not row.error]
    assert again[:2] == [("a\rb", 'a "x",\n\ty'), ("ö", "")]


@pytest.mark.parametrize("explain", [True, False])
@pytest.mark.parametrize("suffix", ["jsonl", "csv", "tsv", "parquet"])
def test_what_was_written_is_read_back(tmp_path, suffix, explain):
    evidence = (
        PairEvidence(-0.5, Span(0, 1), Span(0, 9), "q", "a", ("t", ""), (-1.0, -2.0), (-1.5, -2.5)),
        QuestionEvidence(0.5, Span(0, 1), None, "q", "a", "a", ""),
        ClaimEvidence(0.25, Span(0, 3), None, "One.", "One"),
        WordEvidence(0.75, Span(0, 3), None, "One", -9.0, -1.0),
    )
    reading, doubts = Reading(0.9, Band.of(0.9)), (Doubt("One", Span(0, 3), 4.5, 2),)
    full = SummaryScore(-0.5, Status.OK, "note", evidence, 3, "metric:m|a:b", reading, doubts)
    written = [full, SummaryScore(None, Status.NO_PAIRS, "why", signature="metric:m|a:b")]
    rows = rows_of(("D", "One"), ("E", "Two"))
    with results_writer(tmp_path / f"o.{suffix}", explain=explain) as writer:
        for row, result in zip(rows, written, strict=True):
            writer.write(row, result)
    if not explain:
        written[0] = replace(full, evidence=(), doubts=(), evidence_count=4)
    found = list(read_scored(tmp_path / f"o.{suffix}", metric="m"))
    assert [result for _, result in found] == written
    assert [(row.document, row.summary) for row, _ in found] == [("D", "One"), ("E", "Two")]


def test_parquet_of_rows_without_any_score_fits_that_of_others(tmp_path):
    rows = rows_of(("a b", ""))
    results = [result for _, result in scored(rows, Overlap())]
    schema = write_parquet(tmp_path / "o.parquet", rows, results).schema
    types = [str(schema.field(name).type) for name in ("score", "probability", "evidence_count", "chunks")]
    assert types == ["double", "double", "int64", "int64"]


def test_results_are_safe_where_their_table_cannot_be_written(tmp_path):
    (tmp_path / "d.jsonl").write_text('{"a": "x"}\n')
    with pytest.raises(QualsError, match=r"o\.csv: cannot be written: .*\. The results are safe in .*d\.jsonl$"):
        jsonl_to_separated(tmp_path / "d.jsonl", tmp_path / "none" / "o.csv")
    for make in (jsonl_to_separated, jsonl_to_parquet):
        with pytest.raises(QualsError, match=r"cannot be written: .*No such file") as lost:
            make(tmp_path / "deleted.jsonl", tmp_path / "o")
        assert "results are safe" not in str(lost.value)


def test_the_case_of_a_suffix_does_not_matter(tmp_path):
    (tmp_path / "d.jsonl").write_text('{"a": "x", "b": ["é"]}\n', encoding="utf-8")
    jsonl_to_separated(tmp_path / "d.jsonl", tmp_path / "o.TSV")
    assert (tmp_path / "o.TSV").read_bytes().decode() == 'a\tb\nx\t"[""é""]"\n'
