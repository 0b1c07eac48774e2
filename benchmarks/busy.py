"""How long scoring takes beside other busy processes, with threads that soon sleep and with PyTorch's own waiting.

    python benchmarks/busy.py examples/news.jsonl --rows 2 -o benchmarks/results/busy.json

Threads that wait for each other in a loop take the cores from whoever has the work to do, once there are more of them
than cores. `import quals` shortens the loop (GOMP_SPINCOUNT); 300000 is what GNU's OpenMP does by itself. Each run is a
process of its own, in turn: loading, then the rows, which alone are timed. The scores must be the same. The others are
in sessions of their own, as other people's programs are, which many a scheduler gives a fair share of the machine.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import click
from common import file_argument, machine, output_option, rounds_option, today, write

WAITS = {"quals": {}, "pytorch": {"GOMP_SPINCOUNT": "300000"}}
SCORE = """
import sys, time
from itertools import islice
from quals import Quals
from quals.io.rows import read_rows
metric, rows = Quals(device="cpu"), list(islice(read_rows(sys.argv[1]), int(sys.argv[2])))
texts = [row.document for row in rows], [row.summary for row in rows]
metric.score(texts[0][:1], texts[1][:1])
started = time.perf_counter()
scores = metric.score(*texts)
print(time.perf_counter() - started, *(score.value for score in scores))
"""


def run(file: str, count: int, setting: dict[str, str]) -> tuple[float, list[float]]:
    """Seconds and scores of one process."""
    unset = {name: value for name, value in os.environ.items() if name not in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")}
    arguments = [sys.executable, "-c", SCORE, file, str(count)]
    said = subprocess.run(arguments, env=unset | setting, check=True, capture_output=True, text=True).stdout
    seconds, *scores = map(float, said.split())
    return seconds, scores


@click.command(help=__doc__)
@file_argument
@click.option("--rows", "count", default=2, show_default=True, type=click.IntRange(1))
@rounds_option
@click.option("--others", default=os.cpu_count(), show_default="one a core", help="Busy processes beside it.")
@output_option
def main(file: str, count: int, rounds: int, others: int, output: Path | None) -> None:
    seconds: dict[str, list[float]] = {f"{wait}, {beside} others": [] for beside in (0, others) for wait in WAITS}
    first: list[float] = []
    for _ in range(rounds):
        for beside in (0, others):
            with ExitStack() as running:
                for _ in range(beside):
                    process = running.enter_context(
                        subprocess.Popen([sys.executable, "-c", "while True: pass"], start_new_session=True)
                    )
                    running.callback(process.kill)
                for wait, setting in WAITS.items():
                    took, scores = run(file, count, setting)
                    first = first or scores
                    assert all(abs(a - b) < 1e-3 for a, b in zip(first, scores, strict=True)), (first, scores)
                    seconds[f"{wait}, {beside} others"].append(took)
    for name, all_took in seconds.items():
        click.echo(f"{name}: {statistics.median(all_took):.1f} s ({min(all_took):.1f} to {max(all_took):.1f})")
    for beside in (0, others):
        ratios = [b / a for a, b in zip(*(seconds[f"{wait}, {beside} others"] for wait in WAITS), strict=True)]
        click.echo(
            f"{beside} others: {statistics.median(ratios):.2f} times as fast ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    write(output, {"date": today(), "machine": machine(), "rows": count, "seconds": seconds})


if __name__ == "__main__":
    main()
