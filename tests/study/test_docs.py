"""The guide's commands are real: each is run, in order, in a folder with the files it names."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from quals.cli.main import cli
from quals.study.store import Store
from tests.study.conftest import make_documents
from tests.study.test_report import fill

GUIDE = Path(__file__).parents[2] / "docs" / "study.md"
COMMANDS = re.findall(r"^ {4,}quals (study .+)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)


def write_inputs() -> None:
    everything = ["document,summary,system"]
    for system in ("conseq", "mle"):
        rows = [{"id": d.id, "document": d.text, "summary": d.summaries[system]} for d in make_documents(8)]
        Path(f"{system}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        scores = [{"id": row["id"], "score": len(row["summary"]), "signature": "metric:length|"} for row in rows]
        Path(f"{system}-scores.jsonl").write_text("".join(json.dumps(row) + "\n" for row in scores))
        everything += [f"{row['document']},{row['summary']},{system}" for row in rows]
    Path("all.csv").write_text("\n".join(everything) + "\n")


def test_every_command_of_the_guide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    write_inputs()
    served: list[object] = []
    monkeypatch.setattr("quals.cli.study._run", lambda *arguments: served.append(arguments))  # it would not return
    database = request.getfixturevalue("postgres")()
    assert len(COMMANDS) == 9
    for command in COMMANDS:
        arguments = shlex.split(command.replace("postgresql://quals@localhost/study", database))
        result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
        assert result.exit_code == 0, result.output
        if "serve" in arguments and len(served) == 1:
            fill(Store.open("study.sqlite"), lambda name, pair: 1 if pair % 3 else -1)
    assert len(served) == 2
    assert (tmp_path / "report" / "chart.svg").exists()
