"""CONSEQ beside maximum likelihood, ROUGE-contrastive training, DPO and first sentences, on XSUM and CNN/DailyMail.

    python benchmarks/conseq/run.py DATA OUTPUT --small     # two cores, hours
    python benchmarks/conseq/run.py DATA OUTPUT --full      # one large GPU

DATA holds xsum.jsonl.gz and cnndm.jsonl.gz, rows {document, summary}. The stages for each, all of them commands that
anybody can run:

    split  mle  samples  cool  (contrast sets)  rouge  conseq  conseq-alike  dpo  (summaries by each, and their scores)
    table  against-rouge

Give the command again: a finished stage is skipped, an interrupted one goes on, and one whose command or input is
another than before (a size was edited, a metric has come, or a shipped model is a new one) starts anew.
OUTPUT/stages.jsonl tells when which stage started and ended. The tables go to benchmarks/results/; pages with the
summaries stay in OUTPUT.

On a GPU many small processes are at work most of the time on the CPU, so that several do more: `--jobs 6` runs stages
beside each other, what each says goes to a file .log in OUTPUT, and `--only` in two runs takes both data sets at once.
Each stage then fills .08 of the GPU's memory with its batches, or what QUALS_GPU_SHARE says. `--until cool` stops
where the metrics come in.

No summarizer is trained on what is held out. But factcc-small, and a successor of quals-small by train_grounding.sh,
learnt from claims about documents of the same files, some of these among them: they know such a document, though no
system's summary of it, and the same for all systems.
"""

from __future__ import annotations

import datetime
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from stages import Plan, Stage, size_for

from quals.cli.exits import EXIT_TROUBLED
from quals.lm.store import BASE_MODEL

HERE = Path(__file__).parent
COMMON = runpy.run_path(str(HERE.parent / "common.py"))
DATA_SETS = ("xsum", "cnndm")  # names of the files and of the presets of `quals summarize`
PROGRAMS = {"quals": ["-m", "quals.cli.main"]}
PROGRAMS |= {name: [str(HERE / f"{name}.py")] for name in ("split", "dpo", "lead")}
METRICS = "rouge1,rouge2,rougeL,quals,qags,factcc"  # of the tables
_SMALL_SHARE = "0.08"  # of a GPU's memory, for each of the stages that run beside each other, also for both data sets
_OF_SETS = ("counts", "means", "copying", "thresholds")  # of their summary.json
_PAUSE = 0.1  # seconds between looks at the stages at work
Json = dict[str, Any]


@dataclass(frozen=True)
class Ledger:
    """The file that tells when which stage started and ended."""

    path: Path
    size: str
    data: str

    def events(self, stage: str) -> list[Json]:
        """What is known of a stage, oldest first."""
        lines = self.path.read_text().splitlines() if self.path.is_file() else []
        mine = {"size": self.size, "data": self.data, "stage": stage}
        return [event for event in map(json.loads, lines) if mine.items() <= event.items()]

    def add(self, stage: str, event: str, **more: object) -> None:
        """Write a line."""
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        line = {"time": now, "size": self.size, "data": self.data, "stage": stage, "event": event, **more}
        with self.path.open("a") as stream:
            stream.write(json.dumps(line) + "\n")


def start(command: Sequence[str], log: Path | None) -> subprocess.Popen[bytes]:
    """Start a stage's command in a process of its own; what it says goes to a file, if one is given."""
    words = [sys.executable, *PROGRAMS[command[0]], *command[1:]]
    if log is None:
        return subprocess.Popen(words)
    # What is trained beside does not keep to a share: it has to find room all the same.
    shared = {"QUALS_GPU_SHARE": _SMALL_SHARE, **os.environ}
    with log.open("ab") as stream:
        return subprocess.Popen(words, stdout=stream, stderr=stream, env=shared)


@dataclass
class Runner:
    """Runs the stages of a plan, so many at a time, each as soon as all that it reads is there."""

    ledger: Ledger
    keys: Mapping[str, str]
    jobs: int

    def run(self, stages: Sequence[Stage]) -> None:
        """Run them, or what is left of them.

        Raises:
            ClickException: one failed; those that were at work then have been waited for.
        """
        waiting, running, failed = list(stages), list[Running](), list[str]()
        try:
            while running or (waiting and not failed):
                while not failed and (ready := self._ready(waiting, running)):
                    for stage in ready:
                        waiting.remove(stage)
                        if not self._done(stage):
                            running.append(self._begin(stage))
                for each in ended(running):
                    running.remove(each)
                    failed += self._end(each)
        finally:
            for each in running:  # a signal has come
                each.process.kill()
                each.process.wait()
        if failed:
            raise click.ClickException(f"{'; '.join(failed)}; give the same command again to go on")

    def _ready(self, waiting: Sequence[Stage], running: Sequence[Running]) -> list[Stage]:
        """The next that can be started: nothing they read is still to be made."""
        unmade = [*waiting, *(each.stage for each in running)]
        found = [stage for stage in waiting if not any(stage.reads(other.result) for other in unmade if other != stage)]
        return found[: self.jobs - len(running)]

    def _title(self, stage: Stage) -> str:
        return f"{self.ledger.data} {stage.name}"

    def _done(self, stage: Stage) -> bool:
        """Whether it finished before; what it made from something else is deleted."""
        key = self.keys[stage.name]
        before = next(iter(reversed(self.ledger.events(stage.name))), {"key": key, "event": ""})
        if before["key"] != key:
            click.echo(f"{self._title(stage)}: its command or input has changed, it starts anew", err=True)
            remove(stage.result)
        elif before["event"] == "finished" and stage.result.exists():
            click.echo(f"{self._title(stage)}: finished before", err=True)
            return True
        return False

    def _begin(self, stage: Stage) -> Running:
        self.ledger.add(stage.name, "started", key=self.keys[stage.name])
        click.echo(f"{self._title(stage)}: {' '.join(stage.command)}", err=True)
        log = stage.result.parent / f"{stage.name}.log" if self.jobs > 1 else None
        return Running(stage, time.monotonic(), start(stage.command, log))

    def _end(self, done: Running) -> list[str]:
        """Note how a stage ended; what to say if it failed."""
        code, seconds = done.process.returncode, round(time.monotonic() - done.started, 1)
        event = "finished" if code in (0, EXIT_TROUBLED) else "failed"
        self.ledger.add(done.stage.name, event, key=self.keys[done.stage.name], seconds=seconds, code=code)
        if self.jobs > 1:
            click.echo(f"{self._title(done.stage)}: {event} after {seconds} s", err=True)
        return [f"{self._title(done.stage)}: exit code {code}"] if event == "failed" else []


@dataclass(frozen=True)
class Running:
    """A stage at work."""

    stage: Stage
    started: float
    process: subprocess.Popen[bytes]


def ended(running: Sequence[Running]) -> list[Running]:
    """Those that have ended, as soon as there is one."""
    while not (found := [each for each in running if each.process.poll() is not None]) and running:
        time.sleep(_PAUSE)
    return found


def remove(path: Path) -> None:
    """Delete a file or a folder, if there is one."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def publish(folder: Path, ledger: Ledger, found: Sequence[Stage], settings: Json, results: Path) -> None:
    """Put the tables together with how they were made; no text of the data goes into them."""

    def read(name: str) -> Any:
        text = (folder / name).read_text(encoding="utf-8")
        return json.loads(text.replace(str(folder), ""))  # no paths of this machine

    sets = {name: read(f"{name}/summary.json") for stage in found if (name := stage.name).startswith("sets-")}
    content = {
        "date": COMMON["today"](),
        "machine": COMMON["machine"](),
        "settings": settings,
        "sets": {name: {part: each[part] for part in _OF_SETS} for name, each in sets.items()},
        "stages": {stage.name: told(ledger.events(stage.name)) for stage in found},
        **{name: read(f"{name}.json") for name in ("table", "against-rouge")},
    }
    results.mkdir(parents=True, exist_ok=True)
    target = results / f"conseq-{ledger.size}-{ledger.data}"
    target.with_suffix(".json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    tables = [(folder / f"{name}.md").read_text(encoding="utf-8") for name in ("table", "against-rouge")]
    target.with_suffix(".md").write_text("\n".join(markdown(ledger, content, *tables)), encoding="utf-8")
    click.echo(f"written: {target}.md and .json; page: {folder / 'page.html'}")


def markdown(ledger: Ledger, content: Json, table: str, against_rouge: str) -> Iterator[str]:
    """The published table, block by block."""
    yield f"# {ledger.data}, size {ledger.size}\n\n{content['date']}, {content['machine']}\n"
    yield table
    yield f"## CONSEQ against ROUGE-contrastive\n\n{against_rouge}"
    yield "## Settings\n\n| setting | value |\n| --- | ---: |"
    yield from (f"| {name} | {value} |" for name, value in content["settings"].items())
    names = (
        "set",
        "documents",
        "samples",
        "S+",
        "S-",
        "mean score of references",
        "of samples",
        "S+ copies",
        "S- copies",
    )
    yield f"\n## Contrast sets\n\n| {' | '.join(names)} |\n| ---{' | ---:' * (len(names) - 1)} |"
    for name, each in content["sets"].items():
        counts = [each["counts"][count] for count in ("documents", "samples", "positives", "negatives")]
        means = [each["means"][kind] for kind in ("references", "samples")]
        shares = [each["copying"][sign] for sign in ("positives", "negatives")]
        numbers = ["–" if number is None else f"{number:.3f}" for number in (*means, *shares)]
        yield f"| {name} | {' | '.join([*map(str, counts), *numbers])} |"
    yield "\n## Stages\n\n| stage | seconds of the last piece | pieces |\n| --- | ---: | ---: |"
    yield from (f"| {name} | {each['seconds']} | {each['pieces']} |" for name, each in content["stages"].items())
    yield ""


def told(events: Sequence[Json]) -> Json:
    """How long a stage took, and in how many pieces it was done; of what was killed the time is not known."""
    last = events[-1]
    pieces = sum(event["event"] == "started" and event["key"] == last["key"] for event in events)
    return {"seconds": last["seconds"], "pieces": pieces}


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("output", type=click.Path(file_okay=False, path_type=Path))
@click.option("--small", "size", flag_value="small", help="For two cores.")
@click.option("--full", "size", flag_value="full", help="For one large GPU.")
@click.option("--smoke", "size", flag_value="smoke", help="To see that it runs, with a tiny --model.")
@click.option("--only", type=click.Choice(DATA_SETS), help="One data set; two runs can go at the same time.")
@click.option("--until", metavar="STAGE", help="Stop after this stage; without the option a later run goes on.")
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(1), help="Stages at a time, on a GPU some 4.")
@click.option("--model", default=BASE_MODEL, show_default=True, help="What the summarizers are made from.")
@click.option("--results", default=HERE.parent / "results", type=click.Path(file_okay=False, path_type=Path))
def main(
    data: Path,
    output: Path,
    size: str | None,
    only: str | None,
    until: str | None,
    jobs: int,
    model: str,
    results: Path,
) -> None:
    if not size:
        raise click.UsageError("say how much: --small, --full or --smoke")
    base = str(Path(model).resolve()) if Path(model).is_dir() else model
    for name in (only,) if only else DATA_SETS:
        folder = output.resolve() / f"{size}-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        ledger = Ledger(output / "stages.jsonl", size, name)
        amount = size_for(size, name)
        plan = Plan(amount, data.resolve() / f"{name}.jsonl.gz", folder, name, base, METRICS)
        found = plan.stages()
        names = [stage.name for stage in found]
        if until and until not in names:
            raise click.UsageError(f"no stage '{until}'; there are {', '.join(names)}")
        Runner(ledger, plan.keys(), jobs).run(found[: names.index(until) + 1] if until else found)
        if not until:
            settings = {"model": Path(model).name, **asdict(amount)}
            publish(folder, ledger, found, settings, results)


if __name__ == "__main__":
    # So that the stages at work are ended, too, also where a shell started this in the background, deaf to Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main()
