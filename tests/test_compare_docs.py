"""The commands of the guides to contrast sets and comparisons are real: each is run, in order, on small data."""

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
from word_pairs import DOCUMENT

from quals.cli.main import cli
from quals.metrics import registry

ROOT = Path(__file__).parents[1]


def commands(guide: str) -> list[str]:
    text = (ROOT / "docs" / guide).read_text(encoding="utf-8")
    return re.findall(r"^    ((?:quals|python) .+)$", text, re.MULTILINE)


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of its own, and a metric of words in place of the one of models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("QUALS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(registry.METRICS, "quals", "word_pairs:WordPairs")


def run(command: str) -> None:
    program, *arguments = shlex.split(command)
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0, (program, result.output)


@pytest.mark.filterwarnings("ignore")
def test_guide_to_contrast_sets(tmp_path, summarizer, monkeypatch):  # noqa: F811
    (tmp_path / "runs").mkdir()
    Path(summarizer).rename(tmp_path / "runs" / "mle")
    rows = [row(n) | {"summaries": [f"{w} {n}" for w in ("x", "a0 b0", "c")]} for n in range(12)]
    for name, fields in (("samples", {}), ("news", {"summaries": None})):
        Path(f"{name}.jsonl").write_text("".join(json.dumps({**one, **fields}) + "\n" for one in rows))
    found = commands("contrast.md")
    assert [shlex.split(command)[0] for command in found] == ["quals"] * 4 + ["python"]
    for command in found[:-1]:
        run(command)
    for folder in ("sets", "sets-rouge", "sets-unpaired", "sets-model"):
        assert json.loads(Path(folder, "summary.json").read_text())["counts"]["documents"] == 12
    run("quals contrast samples.jsonl -o sets --positives 1 --negatives 1")  # twelve are few for 30 % of 30 %
    monkeypatch.setattr(sys, "argv", [*shlex.split(found[-1])[1:], "--device", "cpu"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(ROOT / sys.argv[0]), run_name="__main__")
    assert end.value.code == 0
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
