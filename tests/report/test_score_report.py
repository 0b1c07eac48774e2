import json
from unittest import mock

import pytest
from click.testing import CliRunner
from word_pairs import DOCUMENT, SUMMARIES, WordPairs

from quals.cli.main import cli
from quals.metrics import registry


def score(*arguments):
    with mock.patch.object(registry, "load", return_value=WordPairs()):
        return CliRunner().invoke(cli, ["score", *map(str, arguments)])


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "in.jsonl"
    path.write_text(json.dumps({"document": DOCUMENT, "summary": SUMMARIES}) + '\n{"broken\n')
    return path


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
def test_score_writes_the_page_that_report_makes_of_its_output(source, tmp_path, suffix):
    done = score(source, "--report", tmp_path / "a.html", "-o", tmp_path / f"out.{suffix}", "--explain")
    assert done.exit_code == 4, done.output  # one row is broken
    again = CliRunner().invoke(cli, ["report", str(tmp_path / f"out.{suffix}"), "-o", str(tmp_path / "b.html")])
    assert again.exit_code == 0, again.output
    one, other = ((tmp_path / name).read_text() for name in ("a.html", "b.html"))
    assert "<title>in.jsonl" in one
    assert one.count('<li class="row"') == other.count('<li class="row"') == 5
    assert one.count('<li class="pair"') == other.count('<li class="pair"') > 10
    assert "invalid-row" in one
    printed = CliRunner().invoke(cli, ["report", str(tmp_path / f"out.{suffix}"), "-o", "-"])
    assert printed.stdout == other


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--report", "r.html", "--resume", "-o", "out.jsonl"], 2, "run `quals report`"),
        (["--report", "in.jsonl"], 1, "in.jsonl"),
        (["--report", "missing/r.html"], 1, "there is no folder missing"),
    ],
)
def test_where_a_page_cannot_go(source, monkeypatch, arguments, code, says):
    monkeypatch.chdir(source.parent)
    done = score("in.jsonl", *arguments)
    assert done.exit_code == code
    assert says in done.output + str(done.exception)
    assert json.loads(source.read_text().splitlines()[0])["document"] == DOCUMENT


def test_a_file_without_scores_makes_no_page(tmp_path):
    source, target = tmp_path / "in.jsonl", tmp_path / "r.html"
    source.write_text('{"document": "The mayor resigned.", "summary": "The mayor."}\n')
    done = CliRunner().invoke(cli, ["report", str(source), "-o", str(target)])
    assert "no row has a score" in str(done.exception)
    assert not target.exists()
