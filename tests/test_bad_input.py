"""Files as they come: what is wrong in one row costs that row, what is wrong with the command destroys nothing."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from quals.cli.main import main
from quals.io.parquet import jsonl_to_parquet
from quals.io.results import JsonlWriter
from quals.metrics.rouge import Rouge2Precision
from quals.records import Texts
from quals.scoring.evidence import explained
from quals.terminal import MOST_COMPLAINTS, complain

DOCUMENT, SUMMARY = "The mayor resigned on 3 May.", "The mayor resigned on 4 May."
ROW = {"document": DOCUMENT, "summary": SUMMARY}

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("QUALS_CACHE", str(tmp_path / "cache"))

    def call(*arguments: object) -> tuple[int, str]:
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return int(ended.value.code or 0), capsys.readouterr().err

    return call


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_defect_is_no_summary_that_falls_short(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> int:
        raise AttributeError("never thought of")

    monkeypatch.setattr("quals.cli.score._score", broken)
    code, told = run("score", write(tmp_path / "a.jsonl", ROW), "-m", "rouge1", "--fail-under", "0.5")
    assert code == 3
    assert "Traceback" in told
    assert "AttributeError: never thought of" in told


def test_a_column_without_a_name_is_no_reference(run: Run, tmp_path: Path) -> None:
    """pandas writes its index so."""
    (tmp_path / "p.csv").write_text(f",document,summary\n0,{DOCUMENT},{SUMMARY}\n")
    assert run("score", tmp_path / "p.csv", "-m", "rouge1", "-o", tmp_path / "o.jsonl")[0] == 0
    assert read(tmp_path / "o.jsonl")[0]["status"] == "no-reference"


def test_no_passages_are_an_empty_document_in_every_format(run: Run, tmp_path: Path) -> None:
    rows = [{"contexts": contexts, "answer": SUMMARY} for contexts in ([], [DOCUMENT])]
    write(tmp_path / "p.jsonl", *rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "p.parquet")
    (tmp_path / "p.csv").write_text(f"contexts,answer\n[],{SUMMARY}\n{DOCUMENT},{SUMMARY}\n")
    for suffix in ("jsonl", "parquet", "csv"):
        assert run("score", tmp_path / f"p.{suffix}", "-m", "copy", "-o", tmp_path / "o.jsonl")[0] == 0
        assert [row["status"] for row in read(tmp_path / "o.jsonl")] == ["empty-document", "ok"]


def test_a_setting_that_is_neither_true_nor_false_is_refused(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path / "r.jsonl", {**ROW, "reference": DOCUMENT})
    code, told = run("score", file, "-m", "rouge1", "--set", "rouge1.stemmer=False")
    assert (code, "rouge1.stemmer: expected true or false, found 'False'" in told) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (["agree", "{}/judged.jsonl", "-m", "copy", "-o", "{}/judged.json"], "judged.json"),
        (["calibrate", "{}/judged.jsonl", "-o", "{}/judged.jsonl"], "judged.jsonl"),
        (["compare", "a={}/a.jsonl", "b={}/b.jsonl", "-m", "copy", "--page", "{}/b.jsonl"], "b.jsonl"),
        (["contrast", "{}/sets/aside.jsonl", "-o", "{}/sets", "--metric", "copy"], "sets/aside.jsonl"),
        (["score", "{}/a.csv.partial.jsonl", "-m", "copy", "-o", "{}/a.csv"], "a.csv.partial.jsonl"),
        (["score", "{}/a.jsonl", "-m", "copy", "--calibration", "{}/b.jsonl", "--report", "{}/b.jsonl"], "b.jsonl"),
        (["report", "{}/a.jsonl", "--calibration", "{}/b.jsonl", "-o", "{}/b.jsonl"], "b.jsonl"),
    ],
)
def test_inputs_are_not_written_over(arguments: list[str], file: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "sets").mkdir()
    for name in ("judged.jsonl", "a.jsonl", "a.csv.partial.jsonl", "b.jsonl", "sets/aside.jsonl"):
        write(tmp_path / name, {**ROW, "label": 1, "reference": DOCUMENT, "samples": [SUMMARY, DOCUMENT]})
    (tmp_path / "judged.json").symlink_to(tmp_path / "judged.jsonl")
    before = (tmp_path / file).read_bytes()
    code, told = run(*(argument.format(tmp_path) for argument in arguments))
    assert code == 3
    assert "is the input file" in told
    assert (tmp_path / file).read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score", "x.jsonl", "-o", "no/o.jsonl"], "no/o.jsonl: --output: there is no folder no"),
        (["score", "x.jsonl", "--report", "no/r.html"], "no/r.html: --report: there is no folder no"),
        (["score", "x.jsonl", "--report", "."], ".: --report: is a folder"),
        (["score", "x.jsonl", "-o", "o.csv", "--report", "./o.csv"], "o.csv: --report: is the --output file, too"),
        (["summarize", "x.jsonl", "--model", "m", "-o", "no/o.jsonl"], "no/o.jsonl: --output: there is no folder no"),
        (["agree", "x.jsonl", "-o", "no/t.md"], "no/t.md: --output: there is no folder no"),
        (["calibrate", "x.jsonl", "-o", "no/c.json"], "no/c.json: --output: there is no folder no"),
        (["compare", "x.jsonl", "-o", "no/t.md"], "no/t.md: --output: there is no folder no"),
        (["compare", "x.jsonl", "--page", "no/p.html"], "no/p.html: --page: there is no folder no"),
        (["compare", "x.jsonl", "-o", "t.md", "--page", "./t.md"], "t.md: --page: is the --output file, too"),
        (["report", "x.jsonl", "-o", "no/r.html"], "no/r.html: --output: there is no folder no"),
    ],
)
def test_where_no_output_can_go_is_told_before_anything_is_read(
    arguments: list[str], message: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where there is no input
    assert run(*arguments) == (3, f"quals: {message}\n")


def test_a_parquet_cell_without_a_value_costs_its_row(run: Run, tmp_path: Path) -> None:
    title = pa.array([b"one", b"caf\xe9", b"three"]).view(pa.string())
    day = pa.array([1, 2, 2**31 - 1], pa.int32()).view(pa.date32())
    table = {"document": [DOCUMENT] * 3, "summary": [SUMMARY] * 3, "title": title, "day": day}
    pq.write_table(pa.table(table), tmp_path / "t.parquet")
    code, told = run("score", tmp_path / "t.parquet", "-m", "copy", "-o", tmp_path / "o.jsonl")
    assert code == 4
    assert f"{tmp_path}/t.parquet:2: title: cannot be read" in told
    assert f"{tmp_path}/t.parquet:3: day: cannot be read" in told
    rows = read(tmp_path / "o.jsonl")
    assert [row["status"] for row in rows] == ["ok", "invalid-row", "invalid-row"]
    assert [row["title"] for row in rows] == ["one", None, "three"]


def test_a_column_named_like_a_result_keeps_its_type_to_itself(run: Run, tmp_path: Path) -> None:
    columns = {"score": pa.array(["high"]), "probability": pa.array([0.5], pa.float32()), "chunks": pa.array([True])}
    pq.write_table(pa.table({"document": [DOCUMENT], "summary": [SUMMARY], **columns}), tmp_path / "t.parquet")
    assert run("score", tmp_path / "t.parquet", "-m", "copy", "-o", tmp_path / "o.parquet")[0] == 0
    found = pq.read_table(tmp_path / "o.parquet").schema
    assert [str(found.field(name).type) for name in columns] == ["double", "double", "int64"]
    assert [str(found.field(f"input_{name}").type) for name in columns] == ["string", "float", "bool"]


def test_numbers_too_large_for_a_float_cost_their_row(run: Run, tmp_path: Path) -> None:
    huge = 10**400
    for large in (huge, 1e308, -1e308):
        judged = write(tmp_path / "j.jsonl", *({**ROW, "label": n % 2} for n in range(6)), {**ROW, "label": large})
        code, told = run("agree", judged, "-m", "copy")
        assert (code, f"{judged}:7: label: expected a number, found one that is too large" in told) == (0, True)
    signed = {**ROW, "signature": "metric:copy|version:1"}
    scores = [{**signed, "document": str(n), "label": n % 2, "score": n % 2 + n / 9} for n in range(20)]
    scored = write(tmp_path / "s.jsonl", *scores, {**signed, "label": 1, "score": huge})
    code, told = run("calibrate", scored, "-o", tmp_path / "c.json")
    assert (code, f"{scored}:21: score: missing or not a number" in told) == (0, True), told
    rows = [{**ROW, "score": huge, "status": "ok"}, {**ROW, "scores": "{}"}, {**ROW, "score": 0.5, "status": "ok"}]
    assert run("report", write(tmp_path / "r.jsonl", *rows), "-o", tmp_path / "r.html")[0] == 0
    assert "OverflowError" in (tmp_path / "r.html").read_text()


def test_what_is_no_text_is_not_judged(run: Run, tmp_path: Path) -> None:
    rows = [{**ROW, "label": n % 2} for n in range(4)]
    judged = write(tmp_path / "j.jsonl", *rows, {**ROW, "summary": "half of one: \ud800", "label": 1})
    code, told = run("agree", judged, "-m", "copy", "-o", tmp_path / "t.md")
    assert (code, f"{judged}:5: summary: not text" in told) == (0, True), told
    assert "| 4/4 |" in (tmp_path / "t.md").read_text()


def test_of_many_complaints_only_the_first_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    complain([f"row {n}" for n in range(MOST_COMPLAINTS)], "left out: ")
    assert capsys.readouterr().err.count("left out: row") == MOST_COMPLAINTS
    complain([f"row {n}" for n in range(MOST_COMPLAINTS + 2)])
    assert capsys.readouterr().err.splitlines()[-2:] == ["quals: row 19", "quals: and 2 more like these"]


def test_lines_are_told_with_their_numbers(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path / "n.jsonl", *[ROW] * 99, {**ROW, "summary": None})
    assert "n.jsonl:100: summary" in run("score", file, "-m", "copy", "-o", tmp_path / "o.jsonl", "--quiet")[1]


full_disk = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")


@full_disk
def test_a_full_disk_is_an_error_of_the_run(run: Run, tmp_path: Path) -> None:
    (tmp_path / "full.jsonl").symlink_to("/dev/full")
    code, told = run("score", write(tmp_path / "r.jsonl", ROW), "-m", "copy", "-o", tmp_path / "full.jsonl")
    assert (code, told.strip()) == (3, f"quals: {tmp_path}/full.jsonl: cannot be written: No space left on device")


@full_disk
@pytest.mark.parametrize("option", ["-o", "--page"])
def test_a_full_disk_is_told_with_the_file(option: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "full.md").symlink_to("/dev/full")
    files = [f"{name}={write(tmp_path / f'{name}.jsonl', ROW)}" for name in "ab"]
    told = run("compare", *files, "-m", "copy", "--resamples", 100, option, tmp_path / "full.md")
    assert told == (3, f"quals: {tmp_path}/full.md: cannot be written: No space left on device\n")


def test_brackets_within_brackets_cost_their_row(run: Run, tmp_path: Path) -> None:
    deep: Any = 0
    for _ in range(600):
        deep = [deep]
    file = write(tmp_path / "d.jsonl", ROW, {**ROW, "x": deep}, {**ROW, "x": [[{"y": [1]}]] * 200})
    code, told = run("score", file, "-m", "copy", "-o", tmp_path / "o.parquet")
    assert (code, "d.jsonl:2: brackets within brackets, over 100 of them" in told) == (4, True)
    assert pq.read_table(tmp_path / "o.parquet")["status"].to_pylist() == ["ok", "invalid-row", "ok"]


def test_whole_numbers_stay_whole_beside_fractions(tmp_path: Path) -> None:
    large = 2**60 + 1
    jsonl_to_parquet(write(tmp_path / "n.jsonl", *[{"n": large}] * 300, {"n": 0.5}), tmp_path / "n.parquet")
    written = pq.read_table(tmp_path / "n.parquet")["n"].to_pylist()
    assert (written[0], written[-1]) == (str(large), "0.5")


@pytest.mark.parametrize("sound", [20, 238])
def test_a_file_that_breaks_off_has_scored_its_sound_rows(sound: int, run: Run, tmp_path: Path) -> None:
    # Stored, not compressed, so that all before the cut can be read.
    lines = [json.dumps({**ROW, "id": n}) + "\n" for n in range(300)]
    whole = gzip.compress("".join(lines).encode(), compresslevel=0)
    cut = 10 + 5 + len("".join(lines[:sound]).encode()) + 9  # the heads of file and block, and the start of a line
    (tmp_path / "g.jsonl.gz").write_bytes(whole[:cut])
    code, told = run("score", tmp_path / "g.jsonl.gz", "-m", "copy", "-o", tmp_path / "o.jsonl")
    assert (code, f"g.jsonl.gz:{sound + 1}: cannot be read any further" in told) == (3, True)
    assert [row["id"] for row in read(tmp_path / "o.jsonl")] == list(range(sound))


def test_bytes_that_are_no_text_cost_their_row_in_csv_too(run: Run, tmp_path: Path) -> None:
    row = f"{DOCUMENT},{SUMMARY}".encode()
    (tmp_path / "b.csv").write_bytes(b"document,summary,title\n" + row + b",caf\xe9\n" + row + b",tea\n")
    code, told = run("score", tmp_path / "b.csv", "-m", "copy", "-o", tmp_path / "o.jsonl")
    assert (code, "b.csv:2: title: not text" in told) == (4, True)


@pytest.mark.parametrize(
    "options", [["-m", "nope"], ["-m", "copy", "--set", "stemmer"], ["-m", "copy", "--set", "quals.x=1"]]
)
def test_a_wrong_command_line_exits_with_2(options: list[str], run: Run, tmp_path: Path) -> None:
    assert run("score", write(tmp_path / "r.jsonl", ROW), *options)[0] == 2


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (["report", "x.jsonl"], "--metric"),
        (["calibrate", "x.jsonl"], "--metric"),
        (["serve"], "--metric"),
        (["contrast", "x.jsonl", "-o", "x"], "--metric"),
        (["contrast", "x.jsonl", "-o", "x"], "--confirm"),
        (["compare", "x.jsonl", "--page", "x.html"], "--doubts"),
    ],
)
@pytest.mark.parametrize("names", ["rouge1,copy", "nope"])
def test_where_one_metric_is_asked_for(command: list[str], option: str, names: str, run: Run) -> None:
    code, told = run(*command, option, names)
    several = f"{option} takes one metric, and 'rouge1,copy' stands for rouge1, rouge2-precision"
    assert (code, (several if "," in names else "no metric 'nope'") in told) == (2, True), told


def test_a_service_with_wrong_limits_exits_with_2(run: Run) -> None:
    code, told = run("serve", "--batch", 0)
    assert (code, "--batch: must be above 0" in told) == (2, True)


@pytest.mark.parametrize("names", ["copy", "rouge1, rouge2-precision"])
@pytest.mark.parametrize("doubting", ["copy", "rouge2-precision"])
def test_doubts_are_of_a_metric_however_it_was_named(names: str, doubting: str, run: Run, tmp_path: Path) -> None:
    files = [f"{name}={write(tmp_path / f'{name}.jsonl', ROW)}" for name in "ab"]
    page = ["--page", tmp_path / "page.html", "--doubts", doubting]
    assert run("compare", *files, "-m", names, "--resamples", 100, *page)[0] == 0


def test_a_damaged_line_of_evidence_is_made_anew(tmp_path: Path) -> None:
    metric, path = Rouge2Precision(), tmp_path / "evidence.jsonl"
    rows = [Texts(DOCUMENT, f"{SUMMARY} {n}", None) for n in range(3)]
    found = explained(metric, rows, path)
    whole = path.read_bytes()
    first, second, third = whole.splitlines(keepends=True)
    for content in (first + second[:9] + b"\n" + third, first + b"\xff\n[]\n{}\n" + third, first + third[:-5]):
        path.write_bytes(content)
        assert explained(metric, rows, path) == found
        end = b"" if content.endswith(b"\n") else b"\n"
        assert path.read_bytes().startswith(content + end), "what is there stays as it is"
        after = path.read_bytes()
        assert explained(metric, rows, path) == found
        assert path.read_bytes() == after, "all are there again"


def test_evidence_is_had_where_it_cannot_be_kept(tmp_path: Path) -> None:
    metric, rows = Rouge2Precision(), [Texts(DOCUMENT, SUMMARY)]
    assert explained(metric, rows, tmp_path / "nowhere" / "e.jsonl") == explained(metric, rows, tmp_path / "e.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["e.jsonl"]


def test_evidence_is_the_same_beside_another_reference(tmp_path: Path) -> None:
    path = tmp_path / "evidence.jsonl"
    found = [explained(Rouge2Precision(), [Texts(DOCUMENT, SUMMARY, each)], path) for each in (None, "one", "another")]
    assert found[0]
    assert found == [found[0]] * 3
    assert len(read(path)) == 1


def test_evidence_that_could_not_be_had_is_sought_again(tmp_path: Path) -> None:
    class Failing(Rouge2Precision):
        fails = True

        def score(self, *texts: Any, **options: Any) -> Any:
            if self.fails:
                raise MemoryError
            return super().score(*texts, **options)

    metric, rows, path = Failing(), [Texts(DOCUMENT, SUMMARY, None)], tmp_path / "evidence.jsonl"
    assert explained(metric, rows, path) == [[]]
    assert not read(path)
    metric.fails = False
    explained(metric, rows, path)
    assert len(read(path)) == 1


def test_commands_that_write_no_rows_end_as_score_does(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "judged.jsonl", {**ROW, "label": 0}, {"document": DOCUMENT, "summary": "A", "label": 1})
    agree = [sys.executable, "-m", "quals.cli.main", "agree", str(file), "-m", "copy"]
    reader, pipe = os.pipe()
    os.close(reader)  # whoever reads has gone
    done = subprocess.run(agree, stdout=pipe, stderr=subprocess.PIPE, text=True)
    os.close(pipe)
    assert (done.returncode, done.stderr) == (141, "")

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("quals.cli.agree.load_metrics", interrupted)
    code, told = run("agree", file, "-m", "copy")
    assert (code, told.strip()) == (130, "quals: interrupted")


@pytest.mark.parametrize("option", ["--report", "-o"])
def test_missing_rights_are_told_before_the_work(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    """Also where the file is there: it is made beside itself. What is no such file needs rights of its own."""
    refused, granted = tmp_path / "refused", tmp_path / "granted"
    for folder in (refused, granted):
        folder.mkdir()
    table, pipe = refused / "o.csv", granted / "pipe"
    table.write_text("")
    os.mkfifo(pipe)
    link = granted / "link.csv"
    link.symlink_to(table)
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) not in (refused, pipe))
    for output in (table, refused / "new.csv", link, *([pipe] if option == "--report" else ())):
        code, told = run("score", write(tmp_path / "a.jsonl", ROW), "-m", "rouge1", option, output)
        assert (code, f"no right to write to {pipe if output == pipe else refused}\n" in told) == (3, True)


def test_lines_are_added_where_no_file_can_be_made(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "o.jsonl"
    output.touch()
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path)
    assert run("score", write(tmp_path / "a.jsonl", ROW), "-m", "copy", "-o", output)[0] == 0
    assert len(read(output)) == 1


def test_two_runs_do_not_go_on_with_one_output(run: Run, tmp_path: Path) -> None:
    """The second changes nothing: what looks like a half-written line may be one that is being written."""
    file, output = write(tmp_path / "a.jsonl", ROW, ROW), tmp_path / "o.jsonl"
    assert run("score", file, "-m", "copy", "--limit", "1", "-o", output)[0] == 0
    with JsonlWriter(output, append=True), output.open("a") as other:
        other.write('{"half')
        other.flush()
        before = output.read_bytes()
        for resume in ([], ["--resume"]):
            code, told = run("score", file, "-m", "copy", "-o", output, *resume)
            assert (code, f"{output}: another run is writing to it" in told) == (3, True)
            assert output.read_bytes() == before
    assert run("score", file, "-m", "copy", "-o", output, "--resume")[0] == 0
    assert len(read(output)) == 2


def test_a_finished_table_is_made_anew_and_this_is_told(run: Run, tmp_path: Path) -> None:
    command = ["score", write(tmp_path / "a.jsonl", ROW), "-m", "copy", "-o", tmp_path / "o.csv", "--resume"]
    for is_finished in (False, True):
        code, told = run(*command)
        assert (code, "o.csv is finished" in told) == (0, is_finished)
