"""`quals score`: options, the table, exit codes, pipes and signals."""

import contextlib
import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from overlap import Overlap

from quals.cli.main import cli
from quals.cli.score_view import View
from quals.errors import InputError
from quals.io.rows import Row
from quals.metrics import registry
from quals.scoring.tally import Tally

ROOT = Path(__file__).parents[1]
OVERLAP = [sys.executable, str(ROOT / "tests" / "overlap.py")]
GOOD = {"id": "x1", "document": "the mayor left", "summary": "the mayor stayed"}


def score(*arguments, input=None, metric=Overlap):
    with mock.patch.object(registry, "load", lambda name, **settings: metric(**settings)):
        return CliRunner().invoke(cli, ["score", *map(str, arguments)], input=input)


def jsonl(path, *rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return path


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def environment():
    return {**os.environ, "PYTHONPATH": str(ROOT / "src")}


def test_the_table_and_the_report(tmp_path):
    rows = [GOOD, {"document": "a b", "summary": ["a b", "\x1b[31m" + "b " * 100]}]
    result = score(jsonl(tmp_path / "a.jsonl", *rows))
    assert result.exit_code == 0
    header, first, second, third, _, totals, reading, signature, *worst = result.stdout.splitlines()
    assert header.split() == ["row", "summary", "score", "status", "evidence"]
    assert first.split() == ["x1", "the", "mayor", "stayed", "-0.333", "ok", "3"]
    assert second.split() == ["line", "2", "[0]", "a", "b", "0.000", "ok", "2"]
    assert "b b b…" in third
    assert len(header) == len(first) == len(third) == 120
    assert totals == "3 scored; mean -0.178, lowest -0.333"
    assert reading == "Minus the share of words that the document lacks. Range -1 to 0; higher is more consistent."
    assert signature.startswith("signature metric:overlap|words:5|version:")
    assert worst[1:] == [
        "Most suspicious",
        "   -1.000  Which word? — stayed",
        "           log-probability per token: -0.693 given the summary, -1.693 given the document",
        "           x1: the mayor stayed",
        "   -1.000  Which word? — [31mb",
        *worst[6:8],
        "    0.000  Which word? — the",
        *worst[9:],
    ]
    assert "\x1b" not in result.stdout


def test_the_report_names_what_is_doubted_most(capsys):
    row = Row({"id": "x1"}, "a.jsonl", 1, "D", "the mayor of Ulm left on Tuesday at 9")
    doubts = [{"text": text, "loss": loss} for text, loss in zip(row.summary.split(), range(3, 12), strict=True)]
    tally = Tally()
    tally.add(
        row,
        {"score": -1.0, "probability": None, "reason": "", "status": "ok"},
        [{"score": -1.0, "question": "Who left?", "answer": "the mayor"}],
        doubts,
    )
    View().report(tally, Overlap())
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "           x1: the mayor of Ulm left on Tuesday at 9",
        "           doubted most: 9, at, Tuesday, on, left",
    ]


def test_worst_and_quiet(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", GOOD)
    assert "Most suspicious" not in score(path, "--worst", 0).stdout
    assert score(path, "--worst", 1).stdout.count("Which word?") == 1
    assert len(score(path, "--quiet").stdout.splitlines()) == 2


@pytest.mark.parametrize("explain", [False, True])
def test_output_files(tmp_path, explain):
    path, options = jsonl(tmp_path / "a.jsonl", GOOD), ["--explain"] * explain
    made = {}
    for name in ("o.jsonl", "o.parquet"):
        result = score(path, "-o", tmp_path / name, *options)
        assert (result.exit_code, "1 scored" in result.stdout) == (0, True)
    made = read_jsonl(tmp_path / "o.jsonl")
    assert pq.read_table(tmp_path / "o.parquet").to_pylist() == made
    assert made[0].items() >= {**GOOD, "status": "ok", "evidence_count": 3, "score": -1 / 3}.items()
    assert [pair["answer"] for pair in made[0].get("evidence", [])] == ["the", "mayor", "stayed"] * explain


def test_standard_input_to_standard_output():
    result = score("-", "-o", "-", input=json.dumps(GOOD))
    assert [json.loads(line)["id"] for line in result.stdout.splitlines()] == ["x1"]
    assert "1 scored" in result.stderr
    result = score("-", "--format", "csv", "-o", "-", "--quiet", input="document,summary\na,a\n")
    assert (json.loads(result.stdout)["score"], result.stderr) == (0, "")


def test_two_texts(tmp_path):
    document, summary = tmp_path / "d.txt", tmp_path / "s.txt"
    document.write_text("the mayor left")
    summary.write_text("the mayor")
    result = score("--document", document, "--summary", summary, "-o", "-")
    assert (
        json.loads(result.stdout).items() >= {"document": "the mayor left", "summary": "the mayor", "score": 0}.items()
    )


def test_field_options(tmp_path):
    row = {"body": "a b", "short": "a", "gold": "g", "document": "?", "summary": "?"}
    fields = ("--document-field", "body", "--summary-field", "short", "--reference-field", "gold")
    metrics = []

    def make(**settings):
        metrics.append(Overlap(**settings))
        return metrics[0]

    result = score(jsonl(tmp_path / "a.jsonl", row), *fields, "-o", "-", metric=make)
    assert json.loads(result.stdout)["score"] == 0
    assert metrics[0].references == [["g"]]


def test_settings_reach_the_metric(tmp_path):
    seen = {}

    def make(**settings):
        seen.update(settings)
        return Overlap()

    score(
        jsonl(tmp_path / "a.jsonl", GOOD), "--model", "m", "--device", "d", "--compatibility", "reference", metric=make
    )
    assert seen == {"model": "m", "device": "d", "compatibility": "reference"}


@pytest.mark.parametrize(
    ("rows", "options", "code"),
    [
        ([GOOD], (), 0),
        ([GOOD], ("--fail-under", "-0.34"), 0),
        ([GOOD], ("--fail-under", "-0.33"), 1),
        ([{**GOOD, "summary": ""}], (), 0),
        ([{**GOOD, "summary": ""}], ("--fail-under", "-9"), 1),
        ([GOOD, "not json"], (), 4),
        ([GOOD, "not json"], ("--fail-under", "-9"), 1),
        ([{**GOOD, "document": "BOOM"}], (), 4),
        ([GOOD], ("--fail-under", "nan"), 2),
        ([GOOD], ("--fail-under", "101%"), 2),
        ([GOOD], ("--fail-under", "5 %%"), 2),
        ([GOOD], ("--resume",), 2),
        ([GOOD], ("-o", "x.xlsx"), 2),
        ([GOOD, "not json"], ("--limit", "1"), 0),
        ([GOOD], ("--limit", "0"), 2),
        ([GOOD], ("--document", "d.txt"), 2),
        ([GOOD], ("--batch-rows", "0"), 2),
    ],
)
def test_exit_codes(tmp_path, rows, options, code):
    assert score(jsonl(tmp_path / "a.jsonl", *rows), *options).exit_code == code


@pytest.mark.parametrize("arguments", [(), ("--document", "d.txt")])
def test_usage_without_a_file(arguments):
    assert score(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.jsonl", "", "a.jsonl: holds no rows"),
        ("a.jsonl", '{"a": 1}', "no field named document or"),
        ("a.parquet", "", "cannot be read as Parquet"),
        ("a.txt", "", "unknown suffix"),
    ],
)
def test_runs_that_cannot_be_done(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    result = score(path)
    assert isinstance(result.exception, InputError)
    assert message in str(result.exception)


def test_a_file_that_is_not_there_exits_with_3(tmp_path):
    command = [sys.executable, "-m", "quals.cli.main", "score", str(tmp_path / "none.jsonl")]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr == f"quals: {tmp_path}/none.jsonl: cannot be read: No such file or directory\n"


def test_the_input_is_not_written_over(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", GOOD)
    assert "is the input file" in str(score(path, "-o", path).exception)
    assert read_jsonl(path) == [GOOD]


def test_bad_rows_are_told_of_and_kept(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", GOOD, {"id": "x2", "document": "D"}, {**GOOD, "document": "BOOM"}, GOOD)
    result = score(path, "-o", tmp_path / "o.jsonl")
    complaint = f"{path}:2: summary: missing; the row has: id, document"
    assert result.stderr.splitlines() == [f"quals: {complaint}", f"quals: {path}:3: RuntimeError: boom"]
    made = read_jsonl(tmp_path / "o.jsonl")
    assert [row["status"] for row in made] == ["ok", "invalid-row", "error", "ok"]
    assert made[1].items() >= {"id": "x2", "score": None, "reason": complaint}.items()
    assert "2 scored; 2 without a score (invalid-row 1, error 1)" in result.stdout


def test_a_flood_of_bad_rows_is_cut_short(tmp_path):
    result = score(jsonl(tmp_path / "a.jsonl", GOOD, *["?"] * 100), "-o", tmp_path / "o.jsonl")
    assert len(result.stderr.splitlines()) == 21


@pytest.mark.parametrize("name", ["o.jsonl", "o.parquet"])
def test_resume(tmp_path, name):
    path, output = jsonl(tmp_path / "a.jsonl", *[{**GOOD, "id": n} for n in range(9)]), tmp_path / name

    class Fails(Overlap):
        def _score(self, documents, summaries, references, explain):
            if len(self.calls) == 2:
                raise KeyboardInterrupt
            return super()._score(documents, summaries, references, explain)

    result = score(path, "-o", output, "--batch-rows", 2, metric=Fails)
    assert (result.exit_code, "--resume goes on" in result.stderr) == (130, True)
    assert output.exists() == (name == "o.jsonl")
    metrics = []

    def make(**settings):
        metrics.append(Overlap())
        return metrics[0]

    result = score(path, "-o", output, "--resume", metric=make)
    assert "9 scored" in result.stdout
    assert sum(metrics[0].calls) == 5
    made = read_jsonl(output) if name == "o.jsonl" else pq.read_table(output).to_pylist()
    assert [row["id"] for row in made] == list(range(9))


def test_a_reader_that_stops_reading_ends_the_run_quietly(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", *[GOOD] * 5000)
    for options in ((), ("-o", "-")):
        process = subprocess.Popen(
            [*OVERLAP, "score", path, *options],
            env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait() == 141


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_the_progress_bar_on_a_terminal(tmp_path, format):
    path = tmp_path / f"a.{format}"
    lines = [json.dumps(GOOD)] * 30 if format == "jsonl" else ["document,summary", *["a,a"] * 30]
    path.write_text("\n".join(lines))
    terminal, end = pty.openpty()
    command = [*OVERLAP, "score", path, "-o", tmp_path / "o.jsonl"]
    process = subprocess.Popen(command, env={**environment(), "TERM": "xterm"}, stdout=subprocess.DEVNULL, stderr=end)
    os.close(end)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that the other end is closed
        while part := os.read(terminal, 10_000):
            shown += part
    os.close(terminal)
    assert process.wait() == 0
    assert "30/30" in shown.decode()
    assert "rows/s" in shown.decode()


def test_a_stream_that_lacks_the_characters_of_a_text(tmp_path):
    path = jsonl(tmp_path / "a.jsonl", {"document": "雪", "summary": "雪"})
    environ = {**environment(), "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*OVERLAP, "score", path], env=environ, capture_output=True, text=True, check=True)
    assert "\\u96ea" in done.stdout


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_stopped_run_leaves_whole_rows_and_goes_on(tmp_path, sign, code):
    path, output = jsonl(tmp_path / "a.jsonl", *[{**GOOD, "id": n} for n in range(20_000)]), tmp_path / "o.jsonl"
    process = subprocess.Popen(
        [*OVERLAP, "score", path, "-o", output], env=environment(), stderr=subprocess.DEVNULL,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored where tests run in the background
    )  # fmt: skip
    while not (output.exists() and output.stat().st_size):
        time.sleep(0.01)
    process.send_signal(sign)
    assert process.wait() == code
    done = len(output.read_bytes().split(b"\n")) - 1
    assert 0 < done < 20_000
    assert score(path, "-o", output, "--resume").exit_code == 0
    assert [row["id"] for row in read_jsonl(output)] == list(range(20_000))


def test_help_needs_no_heavy_imports():
    code = "import sys; from quals.cli import score; print({'torch', 'transformers', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_the_example_file_has_ten_pairs_that_differ_in_one_fact():
    rows = read_jsonl(ROOT / "examples" / "news.jsonl")
    assert len(rows) == 20
    for right, wrong in zip(rows[::2], rows[1::2], strict=True):
        assert (right["label"], wrong["label"]) == (1, 0)
        assert (right["id"].removesuffix("-consistent"), right["document"]) == (
            wrong["id"].removesuffix("-inconsistent"), wrong["document"],
        )  # fmt: skip
        before, after = wrong["summary"].split(wrong["changed"])
        assert right["summary"].startswith(before)
        assert right["summary"].endswith(after)
        assert right["summary"] != wrong["summary"]
        assert wrong["error"] in ("swapped-name", "wrong-number", "wrong-date")


def test_an_input_without_rows_leaves_the_output_as_it_was(tmp_path):
    for name in ("o.jsonl", "o.csv", "o.parquet"):
        (tmp_path / name).write_text("precious")
        result = score(jsonl(tmp_path / "a.jsonl"), "-o", tmp_path / name)
        assert "holds no rows" in str(result.exception)
        assert (tmp_path / name).read_text() == "precious"


def test_what_falls_short_is_said(tmp_path):
    done = score(jsonl(tmp_path / "a.jsonl", GOOD), "--quiet", "--fail-under", "5")
    assert (done.exit_code, "have a lower score, the lowest -0.3" in done.stderr) == (1, True)


def test_which_fields_were_read_is_told_where_it_had_to_be_guessed(tmp_path):
    row = {"source": "https://example.org", "text": "the mayor left", "answer": "the mayor stayed"}
    file = jsonl(tmp_path / "a.jsonl", row)
    told = "quals: document from 'text', summary from 'answer'; --document-field names another field"
    assert told in score(file).stderr
    assert told in score(file, "--quiet").stderr
    assert "from" not in score(file, "--document-field", "text", "--summary-field", "answer").stderr
    assert "from" not in score(jsonl(tmp_path / "b.jsonl", GOOD)).stderr
    file.write_text("{broken\n" * 64 + json.dumps(row) + "\n")  # which the first rows do not tell
    assert told in score(file).stderr


def test_a_limit_counts_rows_of_the_file(tmp_path):
    listed = {"id": "many", "document": "the mayor left", "summary": ["the mayor", "a mayor"]}
    file, output = jsonl(tmp_path / "a.jsonl", listed, GOOD, GOOD), tmp_path / "o.jsonl"
    score(file, "--limit", "2", "-o", output)
    assert [json.loads(line)["id"] for line in output.read_text().splitlines()] == ["many", "many", "x1"]
    score(file, "--limit", "3", "-o", output, "--resume")
    assert [json.loads(line)["id"] for line in output.read_text().splitlines()] == ["many", "many", "x1", "x1"]


def test_explain_without_a_file_is_told(tmp_path):
    assert "--explain has no effect without --output" in score(jsonl(tmp_path / "a.jsonl", GOOD), "--explain").stderr
