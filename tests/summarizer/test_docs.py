"""The guide's commands are real: each is run, in order, in a folder with the files it names."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import datasets
import pytest
from tiny import save_tiny

from tests.summarizer.conftest import FAST, read, rows, run, write

GUIDE = Path(__file__).parents[2] / "docs" / "summarizer.md"
COMMANDS = re.findall(r"^ {4}quals (.+)$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_command_of_the_guide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_tiny(Path("base"))
    for name in ("train", "valid", "news", "positives", "negatives"):
        write(Path(f"{name}.jsonl"), rows(4))
    lines = ["body,teaser", *(f"{row['document']},{row['summary']}" for row in rows(4))]
    Path("news.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: datasets.Dataset.from_list(rows(4)))
    assert len(COMMANDS) == 9
    for command in COMMANDS:
        arguments = shlex.split(command)
        if arguments[0] == "train":
            small = ["--lora-rank", "4", "--max-document", "40", *FAST]
            arguments += small if "--model" in arguments else ["--model", "base", *small]
        done = run(*arguments)
        assert done.exit_code == 0, f"{command}: {done.output} {done.exception!r}"
    assert len(read(Path("summaries.jsonl"))) == 4
    assert [len(row["summaries"]) for row in read(Path("samples.jsonl"))] == [6] * 4
    assert (Path("runs") / "conseq" / "adapter_model.safetensors").is_file()
