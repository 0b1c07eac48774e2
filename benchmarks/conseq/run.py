"""CONSEQ beside maximum likelihood, ROUGE-contrastive training and DPO, on XSUM and on CNN/DailyMail.

    python benchmarks/conseq/run.py DATA OUTPUT --small     # two cores, hours
    python benchmarks/conseq/run.py DATA OUTPUT --full      # one large GPU

DATA holds xsum.jsonl.gz and cnndm.jsonl.gz, rows {document, summary}. The stages for each, all of them commands that
anybody can run:

    split  mle  samples  sets-quals  sets-rouge  conseq  rouge  dpo  (summaries by each)  table  against-rouge

Give the command again: a finished stage is skipped, an interrupted one goes on, and one whose command or input is
another than before (a size was edited, a metric has come) starts anew. OUTPUT/stages.jsonl tells when which stage
started and ended. The tables go to benchmarks/results/; pages with the summaries stay in OUTPUT.

No summarizer is trained on what is held out. But factcc-small learnt from claims made of documents of the same files,
some of these among them: a document it knows, though no summary of it, and the same for all systems.
"""

from __future__ import annotations

import datetime
import json
import runpy
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
from stages import SIZES, Plan, Stage

from quals.cli.exits import EXIT_TROUBLED
from quals.lm.store import BASE_MODEL

HERE = Path(__file__).parent
DATA_SETS = ("xsum", "cnndm")  # names of the files and of the presets of `quals summarize`
PROGRAMS = {"quals": ["-m", "quals.cli.main"], "split": [str(HERE / "split.py")], "dpo": [str(HERE / "dpo.py")]}
METRICS = "rouge1,rouge2,rougeL,quals,qags,factcc"  # of the tables
Row = dict[str, Any]


@dataclass(frozen=True)
class Ledger:
    """The file that tells when which stage started and ended."""

    path: Path
    size: str
    data: str

    def events(self, stage: str) -> list[Row]:
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


def call(command: Sequence[str]) -> int:
    """Run a stage's command in a process of its own; its exit code."""
    return subprocess.run([sys.executable, *PROGRAMS[command[0]], *command[1:]], check=False).returncode


def do(stage: Stage, key: str, ledger: Ledger) -> None:
    """Run a stage, or what is left of it.

    Raises:
        ClickException: it failed.
    """
    before = next(iter(reversed(ledger.events(stage.name))), {"key": key, "event": ""})
    title = f"{ledger.data} {stage.name}"
    if before["key"] != key:
        click.echo(f"{title}: its command or input has changed, it starts anew", err=True)
        remove(stage.result)
    elif before["event"] == "finished" and stage.result.exists():
        click.echo(f"{title}: finished before", err=True)
        return
    ledger.add(stage.name, "started", key=key)
    click.echo(f"{title}: {' '.join(stage.command)}", err=True)
    started = time.monotonic()
    code = call(stage.command)
    event = "finished" if code in (0, EXIT_TROUBLED) else "failed"
    ledger.add(stage.name, event, key=key, seconds=round(time.monotonic() - started, 1), code=code)
    if event == "failed":
        raise click.ClickException(f"{title}: exit code {code}; give the same command again to go on")


def remove(path: Path) -> None:
    """Delete a file or a folder, if there is one."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def publish(folder: Path, ledger: Ledger, found: Sequence[Stage], settings: Row, results: Path) -> None:
    """Put the tables together with how they were made; no text of the data goes into them."""

    def read(name: str) -> Any:
        text = (folder / name).read_text(encoding="utf-8")
        return json.loads(text.replace(str(folder), ""))  # no paths of this machine

    sets = {name: read(f"{name}/summary.json") for name in ("sets-quals", "sets-rouge")}
    content = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": machine(),
        "settings": settings,
        "sets": {name: {part: each[part] for part in ("counts", "thresholds")} for name, each in sets.items()},
        "stages": {stage.name: told(ledger.events(stage.name)) for stage in found},
        **{name: read(f"{name}.json") for name in ("table", "against-rouge")},
    }
    results.mkdir(parents=True, exist_ok=True)
    target = results / f"conseq-{ledger.size}-{ledger.data}"
    target.with_suffix(".json").write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    tables = [(folder / f"{name}.md").read_text(encoding="utf-8") for name in ("table", "against-rouge")]
    target.with_suffix(".md").write_text("\n".join(markdown(ledger, content, *tables)), encoding="utf-8")
    click.echo(f"written: {target}.md and .json; page: {folder / 'page.html'}")


def markdown(ledger: Ledger, content: Row, table: str, against_rouge: str) -> Iterator[str]:
    """The published table, block by block."""
    yield f"# {ledger.data}, size {ledger.size}\n\n{content['date']}, {content['machine']}\n"
    yield table
    yield f"## CONSEQ against ROUGE-contrastive\n\n{against_rouge}"
    yield "## Settings\n\n| setting | value |\n| --- | ---: |"
    yield from (f"| {name} | {value} |" for name, value in content["settings"].items())
    yield "\n## Contrast sets\n\n| set | documents | samples | S+ | S- |\n| --- | ---: | ---: | ---: | ---: |"
    for name, each in content["sets"].items():
        counts = [each["counts"][count] for count in ("documents", "samples", "positives", "negatives")]
        yield f"| {name} | {' | '.join(map(str, counts))} |"
    yield "\n## Stages\n\n| stage | seconds of the last piece | pieces |\n| --- | ---: | ---: |"
    yield from (f"| {name} | {each['seconds']} | {each['pieces']} |" for name, each in content["stages"].items())
    yield ""


def told(events: Sequence[Row]) -> Row:
    """How long a stage took, and in how many pieces it was done; of what was killed the time is not known."""
    last = events[-1]
    pieces = sum(event["event"] == "started" and event["key"] == last["key"] for event in events)
    return {"seconds": last["seconds"], "pieces": pieces}


def machine() -> str:
    """As in benchmarks/agreement.py, with the GPU if one is used."""
    import torch

    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    processor: str = runpy.run_path(str(HERE.parent / "agreement.py"))["machine"]()
    return processor + gpu


@click.command(help=__doc__)
@click.argument("data", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("output", type=click.Path(file_okay=False, path_type=Path))
@click.option("--small", "size", flag_value="small", help="For two cores.")
@click.option("--full", "size", flag_value="full", help="For one large GPU.")
@click.option("--smoke", "size", flag_value="smoke", help="To see that it runs, with a tiny --model.")
@click.option("--only", type=click.Choice(DATA_SETS), help="One data set; two runs can go at the same time.")
@click.option("--model", default=BASE_MODEL, show_default=True, help="What the summarizers are made from.")
@click.option("--results", default=HERE.parent / "results", type=click.Path(file_okay=False, path_type=Path))
def main(data: Path, output: Path, size: str | None, only: str | None, model: str, results: Path) -> None:
    if not size:
        raise click.UsageError("say how much: --small, --full or --smoke")
    base = str(Path(model).resolve()) if Path(model).is_dir() else model
    for name in (only,) if only else DATA_SETS:
        folder = output.resolve() / f"{size}-{name}"
        folder.mkdir(parents=True, exist_ok=True)
        ledger = Ledger(output / "stages.jsonl", size, name)
        plan = Plan(SIZES[size], data.resolve() / f"{name}.jsonl.gz", folder, name, base, METRICS)
        found, keys = plan.stages(), plan.keys()
        for stage in found:
            do(stage, keys[stage.name], ledger)
        settings = {"model": Path(model).name, **asdict(SIZES[size])}
        publish(folder, ledger, found, settings, results)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the stage at work is ended, too
    main()
