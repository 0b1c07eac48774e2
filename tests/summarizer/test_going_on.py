"""Runs that were stopped, that are given again, and that several processes share."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch
from pretend import same_weights
from safetensors.torch import load_file

from quals.training.run import newest_checkpoint
from tests.summarizer.conftest import FAST, TINY, contrast_files, read, rows, run, write

ROOT = Path(__file__).parents[2]


SLOW = """
import sys, time
from quals.training.monitor import Watcher
def wait(self, args, state, control, **_):
    print("STEP", state.global_step, flush=True)
    time.sleep(60 if state.global_step == 5 else 0)
Watcher.on_step_begin = wait
from quals.cli.main import main
main(sys.argv[1:])
"""


def killed_at_step_5(arguments: list[str]) -> None:
    """Run a command in a process of its own and kill it without warning in its sixth step."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}", "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert any(line == "STEP 5\n" for line in process.stdout)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("command", ["summarizer", "conseq"])
def test_a_killed_run_ends_with_the_weights_of_an_uninterrupted_one(
    command: str, base: Path, trained: Path, tmp_path: Path
) -> None:
    if command == "summarizer":
        start = [write(tmp_path / "data.jsonl", rows(32)), "--model", base]
    else:
        start = [*contrast_files(tmp_path, 16), "--model", trained, "--learning-rate", 1e-3]
    options = [*TINY, "--save-every", 2, "--epochs", 1 if command == "summarizer" else 2]
    arguments = [str(argument) for argument in ("train", command, *start, *options)]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert run(*arguments, "-o", whole).exit_code == 0
    killed_at_step_5([*arguments, "-o", str(stopped)])
    checkpoints = sorted(path.name for path in (stopped / "checkpoints").glob("checkpoint-*"))
    assert checkpoints == ["checkpoint-2", "checkpoint-4"]
    (stopped / "checkpoints" / "checkpoint-6").mkdir()  # as if killed while writing it
    assert not (stopped / "quals.json").exists()
    done = run(*arguments, "-o", stopped)
    assert done.exit_code == 0, done.output
    one, other = (load_file(folder / "adapter_model.safetensors") for folder in (whole, stopped))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)
    steps = [record["step"] for record in read(stopped / "history.jsonl")]
    assert steps == sorted(set(steps))


def test_a_stopped_run_goes_on_with_smaller_batches_and_more_checkpoints(base: Path, tmp_path: Path) -> None:
    data, folder = write(tmp_path / "data.jsonl", rows(15)), tmp_path / "m"
    arguments = ["train", "summarizer", data, "-o", folder, "--model", base, *TINY, "--learning-rate", 1e-3]
    assert run(*arguments, "--save-every", 2, "--epochs", 2).exit_code == 0
    shutil.copytree(folder, tmp_path / "whole")
    for name in ("checkpoint-6", "checkpoint-8"):
        assert (folder / "checkpoints" / name).is_dir()
    shutil.rmtree(folder / "checkpoints" / "checkpoint-8")  # as if stopped in the second epoch
    for name in ("quals.json", "adapter_model.safetensors"):
        (folder / name).unlink()
    done = run(*arguments, "--save-every", 1, "--epochs", 2, "--micro-batch", 1)
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in (folder / "checkpoints").glob("checkpoint-*")) == [
        "checkpoint-7",
        "checkpoint-8",
    ]
    same_weights(tmp_path / "whole", folder)


def test_a_finished_run_stays_as_it_is(base: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "data.jsonl", rows(16))
    options = ["-o", tmp_path / "m", "--model", base, *TINY, "--epochs", 1.5]
    assert run("train", "summarizer", data, *options).exit_code == 0
    weights = (tmp_path / "m" / "adapter_model.safetensors").read_bytes()
    newest = newest_checkpoint(tmp_path / "m")
    assert run("train", "summarizer", data, *options).exit_code == 0
    assert (tmp_path / "m" / "adapter_model.safetensors").read_bytes() == weights
    assert newest_checkpoint(tmp_path / "m") == newest


def test_a_folder_of_another_run_is_refused(base: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "data.jsonl", rows(4))
    arguments = ["train", "summarizer", data, "-o", tmp_path / "m", "--model", base, *TINY]
    assert run(*arguments).exit_code == 0
    assert run(*arguments, "--evaluate-every", 3).exit_code == 0
    refused = run(*arguments, "--epochs", 2)
    assert "holds a run with epochs 1.0, not 2.0; choose another --output" in str(refused.exception)
    write(data, rows(5))
    assert "holds a run with training data" in str(run(*arguments).exception)


def test_training_on_two_processes_gives_the_weights_of_one(base: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "data.jsonl", rows(17))  # of the last step one process has a blank, and then both
    options = ["--model", base, "--batch", 8, "--max-document", 40, "--lora-rank", 4, "--learning-rate", 1e-3]
    options += ["--micro-batch", 2, "--epochs", 2, "--save-every", 1]
    arguments = [str(argument) for argument in ("train", "summarizer", data, *options, *FAST)]
    one, two = tmp_path / "one", tmp_path / "two"
    assert run(*arguments, "-o", one).exit_code == 0

    def on_two() -> None:
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
        running = subprocess.Popen(
            [*command, "-m", "quals.cli.main", *arguments, "-o", str(two)],
            env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            told, _ = running.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            parent = psutil.Process(running.pid)
            for process in (*parent.children(recursive=True), parent):
                process.send_signal(signal.SIGABRT)  # which makes it say where it stands
            told, _ = running.communicate(timeout=60)
        assert running.returncode == 0, told[-20_000:]

    on_two()
    same_weights(one, two)
    shutil.rmtree(two / "checkpoints" / "checkpoint-6")  # as if stopped in the second epoch
    for name in ("quals.json", "adapter_model.safetensors"):
        (two / name).unlink()
    on_two()
    same_weights(one, two)
