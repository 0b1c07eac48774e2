"""A small world to summarize: who did what, when; the summary says who did it."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tiny import save_tiny

from quals.cli.main import cli

DAYS, NAMES = ("Monday", "Tuesday", "Friday"), ("The mayor", "The chief", "The owner")
FAST = ["--device", "cpu", "--clip", "1", "--warmup", "1"]
TINY = ["--lora-rank", 4, "--batch", 4, "--micro-batch", 2, "--max-document", 40, *FAST]


def rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    chance, made = random.Random(seed), []
    for number in range(count):
        name, day = chance.choice(NAMES), chance.choice(DAYS)
        document = f"{name} resigned on {day} after a fire. Police said that two people were hurt."
        made.append({"id": number, "document": document, "summary": f"{name} resigned."})
    return made


def write(path: Path, made: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def run(*arguments: object, input: str | None = None) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], input=input)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="session")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A summarizer that has learnt the small world."""
    folder = tmp_path_factory.mktemp("summarizer")
    data, held_out = write(folder / "train.jsonl", rows(120)), write(folder / "valid.jsonl", rows(6, seed=1))
    options = ["--model", base, "--lora-rank", 0, "--learning-rate", 1e-2, "--epochs", 8, "--batch", 8]
    options += ["--micro-batch", 8, "--max-document", 60, "--evaluate-every", 60, "--label-smoothing", 0]
    done = run("train", "summarizer", data, "--valid", held_out, "-o", folder / "tiny", *options, *FAST)
    assert done.exit_code == 0, done.output + repr(done.exception)
    return folder / "tiny"


def contrast_files(folder: Path, count: int = 24) -> tuple[Path, Path]:
    """True summaries, and such as tell something else of the same person."""
    good = rows(count, seed=5)
    bad = [row | {"summary": row["summary"].replace("resigned", "was hurt")} for row in good]
    return write(folder / "positives.jsonl", good), write(folder / "negatives.jsonl", bad)
