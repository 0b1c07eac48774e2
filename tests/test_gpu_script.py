"""benchmarks/on_gpu.sh: which commands it gives, in which order; what these do is tested elsewhere."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
# Notes its arguments; fails if they hold what FAIL says, or if it would find another package than the checkout's.
FAKE = """#!/bin/sh
[ "${PYTHONPATH%%:*}" = "$CHECKOUT/src" ] || exit 1
echo "$QUALS_GPU_SHARE $*" >> "$LOG"
case "$*" in *$FAIL*) exit 1 ;; esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one shipped model, and a folder with a newly trained one."""
    (tmp_path / "benchmarks").mkdir()
    shutil.copy(BENCHMARKS / "on_gpu.sh", tmp_path / "benchmarks")
    for folder, files in {
        "models/quals-small": ("README.md", "quals.json", "adapter_model.safetensors", "calibration.json"),
        "out/models/quals-small": ("README.md", "quals.json", "adapter_config.json", "adapter_model.safetensors"),
        "out/models/qa-small": ("qa-small.log",),  # not finished
    }.items():
        (tmp_path / folder).mkdir(parents=True)
        for name in files:
            (tmp_path / folder / name).write_text(folder)
    (tmp_path / "data" / "summarization").mkdir(parents=True)
    with gzip.open(tmp_path / "data" / "summarization" / "cnndm.jsonl.gz", "wt") as stream:
        stream.write("{}\n" * 3000)
    for fake in (tmp_path / "python", tmp_path / "benchmarks" / "train_all.sh"):
        fake.write_text(
            FAKE if fake.name == "python" else '#!/bin/sh\necho "$QUALS_GPU_SHARE train_all.sh $*" >> "$LOG"\n'
        )
        fake.chmod(0o755)
    return tmp_path


def run(checkout: Path, *parts: str, fail: str = "nothing") -> tuple[subprocess.CompletedProcess[str], list[str]]:
    """What the script ends with and the commands that it gave, after one that fetches the base model."""
    log = checkout / "log"
    environment = os.environ | {"PATH": f"{checkout}:{os.environ['PATH']}", "LOG": str(log), "FAIL": fail}
    environment |= {"CHECKOUT": str(checkout)}
    command = [checkout / "benchmarks" / "on_gpu.sh", checkout / "data", checkout, checkout / "out", *parts]
    done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True, check=False)
    first, *commands = log.read_text().splitlines()
    assert "base_model_folder" in first
    return done, commands


def test_new_models_take_the_place_of_old_ones(checkout: Path) -> None:
    done, commands = run(checkout, "adopt")
    assert (done.returncode, commands) == (0, [])
    there = {path.name: path.read_text() for path in (checkout / "models" / "quals-small").iterdir()}
    new = dict.fromkeys(("quals.json", "adapter_config.json", "adapter_model.safetensors"), "out/models/quals-small")
    assert there == {"README.md": "models/quals-small", **new}  # its calibration was of other scores
    calibration = checkout / "models" / "quals-small" / "calibration.json"
    calibration.write_text("of these")
    (checkout / "log").unlink()
    assert run(checkout, "adopt")[0].returncode == 0
    assert calibration.read_text() == "of these"


def test_training_and_figures(checkout: Path) -> None:
    (checkout / "out" / "models" / "factcc-small").mkdir()
    (checkout / "out" / "models" / "factcc-small" / "heldout.jsonl").touch()
    done, commands = run(checkout, "train+figures", fail="qagen.py")
    assert done.returncode == 1
    assert "train: done" in done.stdout
    assert "figures: failed" in done.stdout
    scripts = sorted(script for command in commands for script in re.findall(r"(\w+)\.(?:py|sh) ", command))
    assert scripts == ["factcc", "qa", "qagen", "train_all"]
    assert f"train_all.sh {checkout / 'data'} {checkout / 'out' / 'models'}" in [
        each.split(" ", 1)[1] for each in commands
    ]


def test_without_the_base_model_nothing_is_started(checkout: Path) -> None:
    done, commands = run(checkout, fail="base_model_folder")
    assert (done.returncode, commands) == (1, [])


def test_parts_follow_each_other_and_one_that_fails_is_named(checkout: Path) -> None:
    done, commands = run(checkout, "summarizers", "speed", "readings+conseq", fail="--metric factcc")
    assert done.returncode == 1
    assert [line.partition(",")[0] for line in done.stdout.splitlines()[:2]] == ["summarizers: done", "speed: done"]
    assert f"readings: failed, see {checkout}/out/logs/readings.log" in done.stdout
    assert all(each.endswith("--jobs 2 --until cool") for each in commands[:2])
    assert "speed.py" in commands[2]
    assert "workers.py" in commands[3]
    assert len((checkout / "out" / "speed.jsonl").read_text().splitlines()) == 2000
    assert sum("quals agree" in each for each in commands[4:]) == 4
    assert sum("--jobs 6" in each for each in commands[4:]) == 2


@pytest.mark.parametrize("group", ["train+summarizers", "figures+readings+conseq"])
def test_what_shares_the_gpu_is_given_no_more_than_there_is(group: str, checkout: Path) -> None:
    _, commands = run(checkout, group)
    given: dict[str, float] = {}
    for command in commands:
        share, words = float(command.split()[0]), command.partition(" ")[2]
        at_once = 3 if "train_all.sh" in words else int((re.findall(r"--jobs (\d+)", words) or [1])[0])
        # Both data sets run beside each other; what is done one after the other counts once.
        apart = re.findall(r"--only \w+|agree|train_all", words) or ["figures"]
        given[apart[0]] = share * at_once
    assert len(given) == len(group.split("+")) + 1
    assert 0.5 < sum(given.values()) <= 1


def test_an_unknown_part_is_refused_before_anything_is_done(checkout: Path) -> None:
    command = [checkout / "benchmarks" / "on_gpu.sh", checkout, checkout, checkout / "out", "adopt", "speed+fly"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no part 'fly'" in done.stderr
