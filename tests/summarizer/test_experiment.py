"""The experiment's one command, end to end with a tiny model; a metric of words stands in for the one of models."""

from __future__ import annotations

import gzip
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result
from summarizer.conftest import read, rows, run

from quals.lm import store
from quals.metrics import registry
from quals.summarizer.settings import ConseqSettings, SummarizerSettings

FOLDER = Path(__file__).parents[2] / "benchmarks" / "conseq"
ROOT = Path(__file__).parents[2]


def module(name: str) -> ModuleType:
    return importlib.import_module(name)


@pytest.fixture(autouse=True)
def _own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv("QUALS_CACHE", str(tmp_path / "cache"))
    for name in ("quals", "factcc", "ensemble"):
        monkeypatch.setitem(registry.METRICS, name, "word_pairs:WordPairs")
    monkeypatch.setattr(module("run"), "METRICS", "rouge1,rouge2,rougeL,quals")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two files of documents that differ, one of which comes twice."""
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("xsum", "cnndm"):
        made = [row | {"id": f"{name}-{n}", "document": f"{row['document']} It was number {n}."} for n, row in each()]
        text = "".join(json.dumps(row) + "\n" for row in [*made, made[0]])
        (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    return folder


def each() -> list[tuple[int, dict[str, Any]]]:
    return list(enumerate(rows(13)))


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands, which are run in this process."""
    made: list[str] = []
    programs: dict[str, Callable[[Sequence[str]], Result]] = {
        "quals": lambda words: run(*words),
        "split": lambda words: CliRunner().invoke(module("split").main, words),
        "dpo": lambda words: CliRunner().invoke(module("dpo").main, [*words, "--device", "cpu"]),
        "lead": lambda words: CliRunner().invoke(module("lead").main, words),
    }

    def start(command: Sequence[str], log: Path | None) -> Ended:
        made.append(" ".join(Path(word).name for word in command[:3]))
        done = programs[command[0]](command[1:])
        assert done.exit_code == 0, (command, done.output, done.exception)
        return Ended(done.exit_code)

    monkeypatch.setattr(module("run"), "start", start)
    return made


@dataclass
class Ended:
    """What stands in for a process."""

    returncode: int

    def poll(self) -> int:
        return self.returncode


def experiment(data: Path, base: Path, *more: str) -> Result:
    output, results = data.parent / "output", data.parent / "results"
    words = [data, output, "--smoke", "--model", base, "--results", results, *more]
    return CliRunner().invoke(module("run").main, list(map(str, words)), catch_exceptions=False)


SYSTEMS = ["mle", "rouge", "conseq", "conseq-alike", "dpo", "lead"]
STAGES = ["split", "mle", "samples", "cool", "sets-rouge", "sets-quals", "sets-alike"]
STAGES += SYSTEMS[1:-1]
STAGES += [f"{part}-{system}" for part in ("summaries", "scores") for system in SYSTEMS] + ["table", "against-rouge"]


@pytest.mark.filterwarnings("ignore")
def test_the_whole_experiment(
    data: Path, base: Path, calls: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = experiment(data, base)
    assert done.exit_code == 0, done.output
    output, results = tmp_path / "output", tmp_path / "results"
    finished = [event for event in read(output / "stages.jsonl") if event["event"] == "finished"]
    for name in ("xsum", "cnndm"):
        assert [event["stage"] for event in finished if event["data"] == name] == STAGES
        folder = output / f"smoke-{name}"
        parts = {
            part: {row["id"] for row in read(folder / "split" / f"{part}.jsonl")} for part in module("stages").PARTS
        }
        assert [len(parts[part]) for part in ("heldout", "valid", "train", "sampled")] == [3, 2, 8, 4]
        assert not (parts["heldout"] | parts["valid"]) & parts["train"]
        assert parts["sampled"] < parts["train"]
        assert {row["id"] for row in read(folder / "sets-quals" / "positives.jsonl")} <= parts["sampled"]
        cool = {row["id"]: row["summaries"] for row in read(folder / "cool.jsonl")}
        good, bad = (read(folder / "sets-alike" / f"{sign}.jsonl") for sign in ("positives", "negatives"))
        assert good
        assert all(row["summary"] == cool[row["id"]][row["sample"]] for row in (*good, *bad))
        table = json.loads((results / f"conseq-smoke-{name}.json").read_text())
        assert table["table"]["systems"] == SYSTEMS
        assert set(table["table"]["documents"]) == parts["heldout"]
        measures = ["rouge1", "rouge2", "rougeL", "word-pairs", "novel 2-grams", "words"]
        assert list(table["table"]["values"]) == measures
        assert table["against-rouge"]["baseline"] == "rouge"
        assert table["sets"]["sets-rouge"]["counts"]["samples"] == 24
        assert table["settings"]["train"] == 8
        assert list(table["stages"]) == STAGES
        page = (results / f"conseq-smoke-{name}.md").read_text()
        assert "| mle (baseline) |" in page
        assert "| sampled | 4 |" in page
        for text in (page, json.dumps(table)):
            assert str(tmp_path) not in text
            assert "resigned" not in text  # no text of the data
        assert (folder / "page.html").is_file()
        for row in read(folder / "summaries-lead.jsonl"):
            assert row["document"].startswith(row["summary"])
            assert row["summary"].count(".") == module("stages").LEAD[name]
            assert row["reference"]
    assert sum(event["seconds"] for event in finished) > 0

    # Again: nothing is done but what has changed.
    calls.clear()
    before = (results / "conseq-smoke-xsum.md").read_text()
    assert experiment(data, base).exit_code == 0
    assert calls == []
    assert (results / "conseq-smoke-xsum.md").read_text() == before
    (output / "smoke-xsum" / "summaries-dpo.jsonl").unlink()
    assert experiment(data, base, "--only", "xsum").exit_code == 0
    assert calls == ["quals summarize heldout.jsonl"]
    calls.clear()
    sizes = module("stages").SIZES
    monkeypatch.setitem(sizes, "smoke", replace(sizes["smoke"], contrast_epochs=2, dpo_epochs=2))
    done = experiment(data, base, "--only", "xsum")
    assert "xsum dpo: its command or input has changed, it starts anew" in done.output
    assert (
        calls
        == [
            *["quals train conseq"] * 3,
            "dpo mle dpo.jsonl",
            *["quals summarize heldout.jsonl"] * 4,  # not those of mle and lead
            *[f"quals compare summaries-{name}.jsonl" for name in (*SYSTEMS[1:-1], "mle", "rouge")],
        ]
    )


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 1)])
def test_a_killed_run_goes_on_where_it_was(
    sent: signal.Signals, code: int, data: Path, base: Path, tmp_path: Path
) -> None:
    """In processes of its own: ended by a signal while the second stage is at work, and started as in a background."""
    words = [FOLDER / "run.py", data, tmp_path / "output", "--smoke", "--only", "xsum", "--model", base]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, *map(str, words), "--results", str(tmp_path / "results")]
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for what it starts in the background
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    signal.signal(signal.SIGINT, before)
    assert process.stderr is not None
    assert any(line.startswith("xsum mle: quals train summarizer") for line in process.stderr)
    process.send_signal(sent)
    assert process.wait(30) == code
    events = [(event["stage"], event["event"]) for event in read(tmp_path / "output" / "stages.jsonl")]
    assert events == [("split", "started"), ("split", "finished"), ("mle", "started")]


def test_an_interrupted_stage_goes_on_and_a_failed_one_stops_the_run(
    data: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def start(command: Sequence[str], log: Path | None) -> Ended:
        stage = next(stage for stage in plan_stages if list(stage.command) == list(command))
        made.append(stage.name)
        kept = stage.result.parent / f"{stage.name}.kept"
        if stage.name == "mle" and not kept.exists():
            kept.touch()
            stage.result.mkdir()
            (stage.result / "checkpoint").touch()
            raise KeyboardInterrupt
        if stage.name == "samples":
            return Ended(3)
        stage.result.mkdir(exist_ok=True)
        return Ended(0)

    monkeypatch.setattr(module("run"), "start", start)
    size, folder = module("stages").SIZES["smoke"], tmp_path / "output" / "smoke-xsum"
    plan = module("stages").Plan(size, data / "xsum.jsonl.gz", folder, "xsum", str(base), "rouge1,rouge2,rougeL,quals")
    plan_stages = plan.stages()
    assert "Aborted" in experiment(data, base, "--only", "xsum").output
    assert made == ["split", "mle"]
    done = experiment(data, base, "--only", "xsum")
    assert done.exit_code == 1
    assert "xsum samples: exit code 3; give the same command again to go on" in done.output
    assert made == ["split", "mle", "mle", "samples"]
    assert (folder / "mle" / "checkpoint").is_file()  # what there was is gone on from
    pieces = module("run").told(
        module("run").Ledger(tmp_path / "output" / "stages.jsonl", "smoke", "xsum").events("mle")
    )
    assert pieces["pieces"] == 2


def test_stages_run_beside_each_other_as_soon_as_they_can(
    data: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size, folder = module("stages").SIZES["smoke"], tmp_path / "output" / "smoke-xsum"
    plan = module("stages").Plan(size, data / "xsum.jsonl.gz", folder, "xsum", str(base), "rouge1,rouge2,rougeL,quals")
    stages = plan.stages()
    running: list[str] = []
    seen: list[set[str]] = []

    class Slow:
        """A process that ends when it has been looked at twice."""

        returncode, looks = 0, 0

        def __init__(self, stage: Any) -> None:
            self.stage = stage

        def poll(self) -> int | None:
            self.looks += 1
            if self.looks < 2:
                return None
            running.remove(self.stage.name)
            self.stage.result.touch()
            return 0

    def start(command: Sequence[str], log: Path | None) -> Slow:
        stage = next(stage for stage in stages if list(stage.command) == list(command))
        assert log == folder / f"{stage.name}.log"
        for other in stages:
            assert not (stage.reads(other.result) and other is not stage) or other.result.exists()
        running.append(stage.name)
        seen.append({*running})
        return Slow(stage)

    monkeypatch.setattr(module("run"), "start", start)
    monkeypatch.setattr(module("run"), "_PAUSE", 0)
    done = experiment(data, base, "--only", "xsum", "--jobs", "3", "--until", "samples")
    assert done.exit_code == 0, done.output
    assert seen == [{"split"}, {"mle"}, {"samples"}]
    seen.clear()
    assert experiment(data, base, "--only", "xsum", "--jobs", "3", "--until", "against-rouge").exit_code == 0
    assert seen[2] == {"cool", "sets-rouge", "summaries-lead"}
    assert {"sets-quals", "sets-alike", "rouge"} in seen
    assert {"table", "against-rouge"} in seen
    assert max(map(len, seen)) == 3
    assert len(seen) == len(stages) - 3
    assert not (tmp_path / "results").exists()
    assert experiment(data, base, "--until", "nothing").exit_code == 2


def test_parts_do_not_depend_on_order_and_share_no_document(tmp_path: Path) -> None:
    split = module("split")
    made = [{"id": n, "document": f"Text {n // 2} here.", "summary": "x"} for n in range(40)]
    made[1]["document"] = " text 0  HERE."
    source = tmp_path / "news.jsonl"
    parts = []
    for order in (made, made[::-1]):
        spoilt = {"document": "Share this with Email, Facebook and Messenger. A text.", "summary": "x"}
        lines = [json.dumps(row) for row in (*order, spoilt)]
        source.write_text("\n".join([*lines, '{"document": " ", "summary": "x"}', '{"']) + "\n")
        options = ["--heldout", "5", "--valid", "3"]
        done = CliRunner().invoke(split.main, [str(source), str(tmp_path / "parts"), *options])
        assert done.exit_code == 0, done.exception
        told, left_out = done.output.strip().split("; left out: ")
        assert told == "heldout 5, valid 3, train 12, sampled 12"
        assert left_out == "2 rows that lack a text or cannot be read, 1 with scraped boilerplate"
        found = {part: read(tmp_path / "parts" / f"{part}.jsonl") for part in ("heldout", "valid", "train")}
        parts.append({part: [row["document"].casefold().split() for row in each] for part, each in found.items()})
    assert parts[0] == parts[1]
    texts = [" ".join(text) for part in parts[0].values() for text in part]
    assert len(texts) == len(set(texts)) == 20
    source.write_text("".join(json.dumps({"document": "It rained. " * n, "summary": "x"}) + "\n" for n in range(1, 31)))
    words = [str(source), str(tmp_path / "short"), "--heldout", "5", "--valid", "3", "--max-words", "20"]
    done = CliRunner().invoke(split.main, words)
    assert done.output.startswith("heldout 5, valid 3, train 2, sampled 2; left out: 0 rows")
    assert done.output.endswith("0 with scraped boilerplate, 20 with longer documents\n")
    kept = [row for part in ("heldout", "valid", "train") for row in read(tmp_path / "short" / f"{part}.jsonl")]
    assert max(len(row["document"].split()) for row in kept) == 20
    source.write_text("".join(json.dumps(row) + "\n" for row in made))
    done = CliRunner().invoke(split.main, [str(source), str(tmp_path / "parts"), "--heldout", "18"])
    assert done.exit_code == 1
    assert "20 documents: too few to hold out 18 and 40" in done.stderr


def test_the_file_is_none_of_its_parts(tmp_path: Path) -> None:
    source = tmp_path / "train.jsonl"
    whole = "".join(json.dumps({"document": f"Text {n}.", "summary": "x"}) + "\n" for n in range(9))
    source.write_text(whole)
    done = CliRunner().invoke(module("split").main, [str(source), str(tmp_path), "--heldout", "2", "--valid", "1"])
    assert "train.jsonl: is the input file" in str(done.exception)
    assert source.read_text() == whole


def test_a_size_must_be_named(data: Path, base: Path) -> None:
    words = [str(data), str(data.parent / "output")]
    done = CliRunner().invoke(module("run").main, words)
    assert done.exit_code == 2
    assert "--small, --full or --smoke" in done.output


def test_a_stage_starts_anew_when_the_data_is_another_and_none_loses_what_it_reads(data: Path, tmp_path: Path) -> None:
    stages = module("stages")

    def plan(folder: Path) -> Any:
        return stages.Plan(stages.SIZES["smoke"], data / "xsum.jsonl.gz", folder, "xsum", "base", "rouge1")

    found = plan(tmp_path / "out")
    before = found.keys()
    assert plan(tmp_path / "a=b" / "out").keys() == before  # the folder is not what a system is called
    with gzip.open(data / "xsum.jsonl.gz", "at") as stream:
        stream.write(json.dumps(rows(1)[0]) + "\n")
    after = found.keys()
    assert all(after[name] != before[name] for name in before)


def test_what_scores_starts_anew_with_another_model(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stages, weights = module("stages"), tmp_path / "shipped" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"old")
    monkeypatch.setattr(store, "shipped_models", lambda: {"quals-small": weights.parent})
    plan = stages.Plan(stages.SIZES["smoke"], data / "xsum.jsonl.gz", tmp_path / "out", "xsum", "base", "rouge1")
    before = plan.keys()
    weights.write_bytes(b"new")
    same = [name for name, key in plan.keys().items() if key == before[name]]
    assert same == ["split", "mle", "samples", "cool", "summaries-mle", "summaries-lead"]


def test_a_full_training_has_checkpoints_before_its_half() -> None:
    size = module("stages").SIZES["full"]
    pairs = 450  # of the documents sampled, about so many are in the contrast sets
    steps = [
        size.train * size.epochs / SummarizerSettings().batch,
        pairs * size.contrast_epochs / ConseqSettings().batch,
        pairs * size.dpo_epochs / ConseqSettings().batch,
    ]
    assert size.save_every < min(steps) / 2


def test_negative_numbers_of_documents_and_too_few_are_refused_in_a_line(data: Path, tmp_path: Path) -> None:
    for options, message in (
        (("--valid", "-2"), "-2 is not in the range"),
        (("--heldout", "99"), "too few to hold out"),
    ):
        words = [str(data / "xsum.jsonl.gz"), str(tmp_path / "parts"), *options]
        done = CliRunner().invoke(module("split").main, words)
        assert message in done.stderr
        assert not done.exception or isinstance(done.exception, SystemExit)


def test_first_sentences_keep_the_reference_and_tell_what_they_leave_out(tmp_path: Path) -> None:
    file, output = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    row = {"document": "It rains. It pours.", "summary": "Water.", "reference": "Rain."}
    file.write_text(json.dumps(row) + "\n{broken\n" + json.dumps({**row, "reference": None}) + "\n")
    done = CliRunner().invoke(module("lead").main, [str(file), "--sentences", "1", "-o", str(output)])
    assert [(one["summary"], one["reference"]) for one in read(output)] == [
        ("It rains.", "Rain."),
        ("It rains.", "Water."),
    ]
    assert f"left out: {file}:2: not valid JSON" in done.stderr
