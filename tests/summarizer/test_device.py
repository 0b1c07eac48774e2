"""Training summarizers on a GPU: here on a device that only pretends to be one."""

from __future__ import annotations

from pathlib import Path

import pytest
from pretend import pretending, same_weights, train_there

from tests.summarizer.conftest import contrast_files, run


@pytest.mark.parametrize("command", ["summarizer", "conseq"])
def test_training_on_a_device_gives_the_weights_of_the_cpu(
    command: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = contrast_files(tmp_path, 8)
    files = [good] if command == "summarizer" else [good, bad]
    options = ["--model", trained, "--valid", good, "--evaluate-every", 2, "--batch", 4, "--micro-batch", 2]
    options += ["--max-document", 60, "--lora-rank", 4, "--warmup", 1]
    done = run("train", command, *files, "-o", tmp_path / "cpu", *options, "--device", "cpu")
    assert done.exit_code == 0, done.output + repr(done.exception)
    train_there(monkeypatch)
    with pretending() as counts:
        done = run("train", command, *files, "-o", tmp_path / "there", *options)
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert counts["sent"] > 20
    same_weights(tmp_path / "cpu", tmp_path / "there")
