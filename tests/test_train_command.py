"""``quals train`` and the scripts that train the shipped models."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from pretend import pretending, same_weights, train_there
from tiny import save_tiny

from quals.cli.main import cli

SCRIPTS = Path(__file__).parents[1] / "benchmarks"
ROWS = [
    {"context": "The mayor resigned on Friday.", "question": "Who resigned?", "answer": "The mayor", "title": "Mayor"},
    {
        "context": "The chief resigned in Paris.",
        "question": "Where did he go?",
        "answer": "Paris",
        "title": "Mayor",
    },
]


def write_rows(path: Path, rows: list[dict[str, object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("task", ["qagen", "qg", "qa"])
def test_every_task_trains_from_the_command_line(task: str, tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "base")
    data, output = write_rows(tmp_path / "data.jsonl", ROWS), tmp_path / "model"
    options = ["--model", str(base), "--contexts", "16", "--lora-rank", "4", "--device", "cpu", "--batch", "4"]
    arguments = ["train", task, str(data), "--valid", str(data), "-o", str(output), *options]
    done = CliRunner().invoke(cli, [*arguments, *(["--unanswerable", "0.5"] if task == "qa" else [])])
    assert done.exit_code == 0, done.output
    card = json.loads((output / "quals.json").read_text())
    assert card["task"] == task
    assert card["training"].get("unanswerable") == (0.5 if task == "qa" else None)
    assert (output / "adapter_model.safetensors").is_file()
    (record,) = [json.loads(line) for line in (output / "history.jsonl").read_text().splitlines()]
    halves = {name for name in ("question", "answer") if record[name] is not None}
    assert halves == {"qagen": {"question", "answer"}, "qg": {"question"}, "qa": {"answer"}}[task]


def test_rows_that_cannot_be_read_are_told_and_left_out(tmp_path: Path) -> None:
    save_tiny(tmp_path / "base")
    data = write_rows(tmp_path / "data.jsonl", [ROWS[0], {"context": "It rained.", "question": "What fell?"}, ROWS[1]])
    options = ["--model", str(tmp_path / "base"), "--contexts", "4", "--batch", "4", "--device", "cpu"]
    done = CliRunner().invoke(cli, ["train", "qagen", str(data), "-o", str(tmp_path / "model"), *options])
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert f"quals: left out: {data}:2: answer: missing or not a text\n" in done.stderr
    assert "2 pairs on 2 contexts" in (tmp_path / "model" / "README.md").read_text()
    bad = tmp_path / "bad.jsonl"
    bad.write_text("{broken\n[1]\n")
    done = CliRunner().invoke(cli, ["train", "qg", str(bad), "--valid", str(data), "-o", str(tmp_path / "none")])
    assert "no question-answer pairs to train on" in str(done.exception)
    assert f"left out: {bad}:2: expected a JSON object, found list\n" in done.stderr
    assert "quals: 3 left out in all\n" in done.stderr
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(data.read_bytes(), mtime=0)[:-9])
    done = CliRunner().invoke(cli, ["train", "qa", str(data), str(cut), "-o", str(tmp_path / "none")])
    assert f"{cut}:" in str(done.exception)
    assert "cannot be read any further" in str(done.exception)


@pytest.mark.parametrize("task", ["qagen", "qa"])
def test_training_on_a_device_gives_the_weights_of_the_cpu(
    task: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_tiny(tmp_path / "base")
    data = write_rows(tmp_path / "data.jsonl", ROWS)
    for where in ("cpu", "there"):
        if where == "there":
            train_there(monkeypatch)
        options = ["--model", str(tmp_path / "base"), "--contexts", "16", "--lora-rank", "4", "--batch", "4"]
        options += ["--micro-batch", "4", "--loaders", "0" if where == "cpu" else "2", "--lowercase", "0.5"]
        options += ["--joined", "0.2", "--crop", "0.5", "--warmup", "1"]
        options += ["--valid", str(data), "-o", str(tmp_path / where), "--device", "cpu" if where == "cpu" else "auto"]
        with pretending() as counts:
            done = CliRunner().invoke(cli, ["train", task, str(data), *options])
        assert done.exit_code == 0, done.output + repr(done.exception)
    assert counts["sent"] > 20
    same_weights(tmp_path / "cpu", tmp_path / "there")


@pytest.mark.parametrize(
    ("task", "option", "value", "message"),
    [
        ("qagen", "--contexts", "0", "--contexts: must be at least 1"),
        ("qg", "--learning-rate", "0", "--learning-rate: must be above 0"),
        ("qa", "--unanswerable", "1.2", "--unanswerable: must be at least 0 and at most 1"),
        ("factcc", "--lora-rank", "-1", "--lora-rank: must be at least 0"),
        ("grounding", "--batch", "0", "--batch: must be at least 1"),
        ("qagen", "--window-min", "80", "--window-min: must be at least 1 and at most window_max"),
        ("qa", "--joined-max", "100", "--joined-min: must be at least 1 and at most joined_max"),
        ("summarizer", "--epochs", "0", "--epochs: must be above 0"),
    ],
)
def test_settings_out_of_range(task: str, option: str, value: str, message: str, tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text("{broken")  # it is told before any data is read
    done = CliRunner().invoke(cli, ["train", task, str(data), "-o", str(tmp_path / "model"), option, value])
    assert done.exit_code == 2
    assert message in done.output
    assert not (tmp_path / "model").exists()


FAKE = """#!/usr/bin/env bash
[[ "$*" == *" quals train "* ]] || exec "$PYTHON" "$@"
echo "$@" >> "$LOG"
[[ "$*" != *" --claims-only"* ]] || exit 0
[[ "$*" == *" train $FIRST "* ]] && rm "$FAIL" && exit 1
while [ "$1" != --output ]; do shift; done
mkdir -p "$2" && echo '{}' > "$2/quals.json"
"""


def script(
    name: str, folder: Path, *options: str, first: str, times: int, at_once: str = "no"
) -> tuple[list[int], list[str]]:
    """Exit codes of a training script that is run so often, and what it would train; its ``first`` task fails once."""
    data, output, log, fail = (folder / part for part in ("data", "models", "log", "fail"))
    (folder / "bin").mkdir()
    for fake in (folder / "bin" / name for name in ("python", "torchrun")):
        fake.write_text(FAKE)
        fake.chmod(0o755)
    environment = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "LOG": str(log), "FAIL": str(fail)}
    environment |= {"PYTHON": sys.executable, "AT_ONCE": at_once, "FIRST": first}
    fail.touch()
    command = [str(SCRIPTS / name), str(data), str(output), *options]
    done = [subprocess.run(command, env=environment, capture_output=True, check=False) for _ in range(times)]
    return [run.returncode for run in done], log.read_text().splitlines()


def task(run: str) -> str:
    return run.split(" train ")[1].split()[0]


def write_questions(data: Path) -> None:
    write_rows(data / "train" / "qamr_wiki.jsonl.gz", [ROWS[0] | {"agree": 0}, ROWS[1] | {"agree": 2}])
    tokens = "The `` Hall '' ( 2015 ) , in Ann - Arbor , was n't Bob 's ."
    swapped = {"context": tokens, "question": "who owned it?", "answer": "Bob 's", "answer_start": tokens.index("Bob")}
    write_rows(data / "train" / "nq_swap.jsonl.gz", [swapped])


def test_the_qags_script_goes_on_where_it_stopped(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_questions(data)
    codes, runs = script("train_qags.sh", tmp_path, "2", "--seed", "3", first="qg", times=3)
    assert codes == [1, 0, 0]
    # The failed one again, then the other; nothing the third time.
    assert [task(run) for run in runs] == ["qg", "qg", "qa"]
    assert all(run.startswith("--nproc-per-node 2 ") and run.endswith("--seed 3") for run in runs)
    assert all(str(data / "train" / "squadshifts_new_wiki.jsonl.gz") in run for run in runs)
    assert all(f"--valid {data}/heldout/squad_v11_dev.jsonl.gz" in run for run in runs)
    kept = (tmp_path / "models" / "qg-small" / "qamr_agreed.jsonl").read_text().splitlines()
    assert [json.loads(line)["agree"] for line in kept] == [2]
    (written,) = map(json.loads, (tmp_path / "models" / "qa-small" / "nq_swap_written.jsonl").read_text().splitlines())
    assert written["context"] == "The \"Hall\" (2015), in Ann-Arbor, wasn't Bob's."
    assert written["context"][written["answer_start"] :] == "Bob's."
    assert ["nq_swap_written.jsonl" in run for run in runs] == [False, False, True]


@pytest.mark.parametrize("at_once", ["no", "yes"])
def test_one_script_trains_everything(at_once: str, tmp_path: Path) -> None:
    write_questions(tmp_path / "data" / "qa")
    news = tmp_path / "data" / "summarization"
    for name in ("cnndm", "xsum"):
        write_rows(news / f"{name}.jsonl.gz", [{"document": f"{name} {number}"} for number in range(300)])
    codes, runs = script("train_all.sh", tmp_path, "1", "--seed", "3", first="qagen", times=3, at_once=at_once)
    assert codes == [1, 0, 0]
    assert all(" --seed 3" in run for run in runs)
    claims = [run for run in runs if run.endswith(" --claims-only")]
    assert [task(run) for run in claims] == (["factcc"] if at_once == "yes" else [])
    trained = [run for run in runs if run not in claims]
    # The first fails, which does not stop the others, and is trained by the second call.
    order = ["qagen", "qg", "qa", "factcc", "qagen", "grounding"]
    found = [task(run) for run in trained]
    assert found == order if at_once == "no" else sorted(found) == sorted(order)
    assert found.index("qa") < found.index("factcc")
    assert found[-2:] == ["qagen", "grounding"]
    assert trained[-1].endswith(f" --seed 3 --model {tmp_path / 'models' / 'quals-first'}")
    output, factcc = tmp_path / "models" / "factcc-small", trained[found.index("factcc")]
    assert f"{news}/cnndm.jsonl.gz {news}/xsum.jsonl.gz --valid {output}/heldout.jsonl" in factcc
    assert factcc.endswith(f" --model {tmp_path / 'models' / 'qa-small'}")
    held_out = [json.loads(line)["document"] for line in (output / "heldout.jsonl").read_text().splitlines()]
    assert held_out == [f"{name} {number}" for name in ("cnndm", "xsum") for number in range(50, 300)]
