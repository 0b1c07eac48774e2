"""How much several processes gain over one: the same rows scored by both in turn.

    python benchmarks/workers.py examples/news.jsonl --workers 2 --rows 20 --rounds 2 -o benchmarks/results/workers.json

The models are loaded, and a first batch scored, before the clock starts, and dropped when it stops, so that a GPU's
memory is free for whoever is next. The scores must be equal to 1e-3 (1e-1 in half precision, where a choice between
beams may tip).
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import click
import torch
from common import file_argument, machine, output_option, rounds_option, today, write

from quals.io.rows import Row, read_rows
from quals.metrics import registry
from quals.metrics.base import Metric
from quals.metrics.workers import pools


def timed(metric: Metric, rows: Sequence[Row]) -> tuple[float, list[float | None]]:
    """Seconds, and the scores."""
    started = time.perf_counter()
    scores = metric.score([row.document for row in rows], [row.summary for row in rows])
    return time.perf_counter() - started, [score.value for score in scores]


def release() -> None:
    """End the processes, and give the memory back that this one keeps of a GPU."""
    for pool in list(pools.values()):
        pool.close()
    gc.collect()
    torch.cuda.empty_cache()


def furthest(one: Sequence[float | None], other: Sequence[float | None]) -> float:
    """The largest difference between scores; infinite where only one of two is there."""
    pairs = list(zip(one, other, strict=True))
    if any((a is None) != (b is None) for a, b in pairs):
        return float("inf")
    return max((abs(a - b) for a, b in pairs if a is not None and b is not None), default=0.0)


@click.command(help=__doc__)
@file_argument
@click.option("--workers", default="2", show_default=True, help="Numbers of processes, comma-separated.")
@click.option("--rows", "count", default=20, show_default=True, type=click.IntRange(1))
@rounds_option
@click.option("--metric", "name", default="quals", show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--dtype", default="float32", show_default=True)
@output_option
def main(
    file: str, workers: str, count: int, rounds: int, name: str, device: str, dtype: str, output: Path | None
) -> None:
    rows = list(islice(read_rows(file), count))
    seconds: dict[int, list[float]] = {n: [] for n in (1, *map(int, workers.split(",")))}
    signature, where, apart = "", "", 0.0
    for turn in range(rounds):
        found = {}
        for n in list(seconds)[:: -1 if turn % 2 else 1]:
            metric = registry.load(name, device=device, workers=n, dtype=dtype)
            signature, where = metric.signature, metric.device
            timed(metric, rows[: 8 * n])
            taken, found[n] = timed(metric, rows)
            seconds[n].append(taken)
            del metric
            release()
        apart = max(apart, *(furthest(found[1], scores) for scores in found.values()))
    content: dict[str, Any] = {
        "date": today(),
        "machine": machine(),
        "file": Path(file).name,
        "rows": len(rows),
        "signature": signature,
        "device": where,
        "seconds": seconds,
        "furthest": apart,
    }
    for n, times in seconds.items():
        ratios = [one / many for one, many in zip(seconds[1], times, strict=True)]
        rate = len(rows) / statistics.median(times)
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        click.echo(f"{n} workers: {rate:.2f} summaries a second, {statistics.median(ratios):.2f} times one ({spread})")
    click.echo(f"scores at most {apart:.2g} apart")
    write(output, content)
    if apart > (1e-3 if dtype == "float32" else 1e-1):
        raise click.ClickException("the scores differ")


if __name__ == "__main__":
    main()
