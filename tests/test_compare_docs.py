"""The commands of the guides around contrast sets and comparisons are real: each is run, in order, on small data."""

from __future__ import annotations

import json
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_contrast import row, summarizer  # noqa: F401  # a fixture
from tiny import save_tiny
from word_pairs import DOCUMENT

from quals.cli.main import cli
from quals.metrics import registry

ROOT = Path(__file__).parents[1]


def commands(guide: str) -> list[str]:
    text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
    return re.findall(r"^    ((?:quals|python) .+)$", text, re.MULTILINE)


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and a metric of words in place of those of models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUALS_CACHE", str(tmp_path / "cache"))
    for name in ("quals", "ensemble"):
        monkeypatch.setitem(registry.METRICS, name, "word_pairs:WordPairs")


def run(command: str, *more: str) -> None:
    program, *arguments = *shlex.split(command), *more
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, (program, result.output)


def run_script(command: str, *more: str) -> None:
    """A command that begins with ``python``."""
    arguments = [*shlex.split(command)[1:], *more]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", arguments)
        with pytest.raises(SystemExit) as end:
            runpy.run_path(str(ROOT / arguments[0]), run_name="__main__")
    assert end.value.code == 0, command


@pytest.mark.filterwarnings("ignore")
def test_guide_to_contrast_sets(tmp_path, summarizer):  # noqa: F811
    (tmp_path / "runs").mkdir()
    Path(summarizer).rename(tmp_path / "runs" / "mle")
    rows = [row(n) | {"summaries": [f"{w} {n}" for w in ("x", "a0 b0", "c")]} for n in range(12)]
    alone = [{"document": one["document"]} for one in rows]
    files = {"samples": rows, "news": [one | {"summaries": None} for one in rows], "documents": alone}
    for name, made in files.items():
        Path(f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in made))
    found = commands("contrast.md")
    assert [shlex.split(command)[0] for command in found] == ["quals"] * 10 + ["python"]
    for command in found[:-1]:
        run(command)
    for folder in (
        "sets",
        "sets-rouge",
        "sets-unpaired",
        "sets-model",
        "sets-own",
        "sets-samples",
        "sets-alike",
        "sets-confirmed",
    ):
        assert json.loads(Path(folder, "summary.json").read_text())["counts"]["documents"] == 12
    run("quals contrast samples.jsonl -o sets --positives 1 --negatives 1")  # twelve are few for 30 % of 30 %
    run_script(found[-1], "--device", "cpu")
    assert Path("runs/dpo/quals.json").is_file()


def test_guide_to_comparisons():
    for name in ("mle", "conseq", "dpo"):
        rows = [
            {
                "id": n,
                "document": f"{DOCUMENT} {n}",
                "summary": f"The mayor {name} resigned.",
                "reference": "The mayor.",
            }
            for n in range(8)
        ]
        Path(f"{name}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    found = commands("compare.md")
    assert len(found) == 3
    for command in found:
        run(command)
    assert all(Path(name).is_file() for name in ("table.md", "table.tex", "table.json", "summaries.html"))


@pytest.mark.filterwarnings("ignore")
def test_guide_to_a_better_summarizer():
    save_tiny(Path("base"))
    rows = [{"id": n, "document": f"{DOCUMENT} {n}", "summary": f"The mayor resigned {n}."} for n in range(13)]
    Path("mine.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    # What makes each command small enough; the rest is as the guide has it.
    train = ["--device", "cpu", "--max-document", "60", "--lora-rank", "4"]
    small = {
        "split.py": ["--heldout", "3", "--valid", "2", "--sampled", "5"],
        "dpo.py": ["--device", "cpu"],
        "train summarizer": ["--model", "base", *train],
        "train conseq": train,
        "summarize": ["--max-length", "20"],
        "contrast": ["--positives", "1", "--negatives", "1"],  # of five documents, half by half may be none
    }
    found = commands("better-summarizer.md")
    assert len(found) == 11
    for command in found:
        more = next((options for name, options in small.items() if name in command), [])
        (run if command.startswith("quals") else run_script)(command, *more)
    assert [json.loads(line)["id"] for line in Path("mle.jsonl").open()] == [
        json.loads(line)["id"] for line in Path("parts/heldout.jsonl").open()
    ]
    assert "| mle (baseline) |" in Path("table.md").read_text()
    assert all(Path(name).is_file() for name in ("mle.html", "mle-scored.jsonl", "summaries.html", "sets/dpo.jsonl"))
