"""How much faster oneDNN multiplies float32 matrices here than PyTorch's MKL, and what scores gain by it.

    OMP_NUM_THREADS=1 python benchmarks/linear.py examples/news.jsonl -o benchmarks/results/linear.json

Both in turn, in one process: the shapes of the base model's layers, with as many rows as a step of a search has and as
a document; then rows scored with either. The scores must be equal to 1e-3. Which of the two is used where, and why:
src/quals/lm/linear.py.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import click
import torch
from common import file_argument, machine, output_option, rounds_option, today, write
from torch import nn
from workers import furthest, timed

from quals.io.rows import read_rows
from quals.lm.linear import Linear, worthwhile
from quals.metrics import Quals

KINDS: dict[str, type[nn.Linear]] = {"MKL": nn.Linear, "oneDNN": Linear}
SHAPES = ((576, 1536), (1536, 576), (576, 49152))  # of SmolLM2-135M: up, down, vocabulary
ROWS = (16, 60, 500)


def rate(run: Callable[[], object], operations: int) -> float:
    """10^9 operations a second, measured for a fifth of a second."""
    run()
    started, count = time.perf_counter(), 0
    while time.perf_counter() < started + 0.2:
        run()
        count += 1
    return operations * count / (time.perf_counter() - started) / 1e9


@torch.inference_mode()
def rates(rows: int, size: int, out: int, rounds: int) -> dict[str, list[float]]:
    """Of a layer of this shape, by kind."""
    inputs, found = torch.randn(rows, size), {kind: list[float]() for kind in KINDS}
    layers = {kind: made(size, out, bias=False) for kind, made in KINDS.items()}
    for _ in range(rounds):
        for kind, layer in layers.items():
            found[kind].append(rate(partial(layer, inputs), 2 * rows * size * out))
    return found


def told(times: Mapping[str, Sequence[float]]) -> str:
    """oneDNN over MKL, with the spread."""
    ratios = [fast / usual for usual, fast in zip(times["MKL"], times["oneDNN"], strict=True)]
    return f"{statistics.median(ratios):.2f} times ({min(ratios):.2f} to {max(ratios):.2f})"


@click.command(help=__doc__)
@file_argument
@click.option("--rows", "count", default=20, show_default=True, type=click.IntRange(1))
@rounds_option
@output_option
def main(file: str, count: int, rounds: int, output: Path | None) -> None:
    layers: list[dict[str, Any]] = []
    for size, out in SHAPES:
        for rows in ROWS:
            found = rates(rows, size, out, rounds)
            layers.append({"rows": rows, "in": size, "out": out, "rates": found})
            click.echo(f"{rows} x {size} x {out}: {told(found)}, {statistics.median(found['oneDNN']):.0f} GFLOP/s")
    texts = list(islice(read_rows(file), count))
    metric = Quals(device="cpu")
    modules = [module for module in metric.qagen.lm.model.modules() if isinstance(module, nn.Linear)]
    seconds, scores = {kind: list[float]() for kind in KINDS}, {}
    for turn in range(rounds + 1):
        for kind, made in KINDS.items():
            for module in modules:
                module.__class__ = made
            taken, scores[kind] = timed(metric, texts)
            seconds[kind] += [taken] if turn else []  # the first warms up
    apart = furthest(*scores.values())
    content = {
        "date": today(),
        "machine": machine(),
        "threads": torch.get_num_threads(),
        "used": "oneDNN" if worthwhile() else "MKL",
        "layers": layers,
        "file": Path(file).name,
        "rows": len(texts),
        "signature": metric.signature,
        "seconds": seconds,
        "furthest": apart,
    }
    speeds = {kind: [1 / each for each in times] for kind, times in seconds.items()}
    click.echo(f"QUALS of {len(texts)} rows: {told(speeds)}; scores at most {apart:.2g} apart")
    click.echo(f"used on this machine: {content['used']}")
    write(output, content)
    if apart > 1e-3:
        raise click.ClickException("the scores differ")


if __name__ == "__main__":
    main()
