"""How time and memory of QUALS grow: with the document, the summary, summaries of one document, and rows.

    python benchmarks/growth.py examples/news.jsonl --threads 2 -o benchmarks/results/growth.json \\
        --plot docs/images/growth.png

The file holds JSONL rows {document, summary}; texts of the wanted lengths are cut from its documents, put end to end.
Every point runs in a process of its own, so that the peak of its memory is its own. Linux only.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import torch
from common import file_argument, machine, output_option, today, write

import quals
from quals.errors import InputError
from quals.io.text import json_lines
from quals.lm.format import text_ids

USUAL = {"document": 400, "summary": 40, "summaries": 1, "rows": 1}
POINTS = {
    "document": (100, 500, 1000, 2000, 4000, 8000),  # tokens
    "summary": (20, 40, 80, 160, 320),  # tokens
    "summaries": (1, 2, 4, 7, 16),  # of one document
    "rows": (1, 4, 16, 64),
}


def measure(texts: Sequence[str], quantity: str, value: int, threads: int) -> dict[str, float]:
    """Seconds, tokens and peak memory of one `Quals.score`, the model loaded and warm."""
    if threads:
        torch.set_num_threads(threads)
    metric = quals.Quals(device="cpu")
    sizes = {**USUAL, quantity: value}
    documents, summaries = cut(metric, texts, sizes)
    metric.score(documents[:1], ["The mayor resigned on Monday."])
    Path("/proc/self/clear_refs").write_text("5")  # from here on: the peak while loading is not of interest
    idle = _memory("VmRSS")
    before, started = metric.qagen.lm.evaluated, time.perf_counter()
    metric.score(documents, summaries)
    seconds, tokens = time.perf_counter() - started, metric.qagen.lm.evaluated - before
    return {"value": value, "seconds": round(seconds, 3), "tokens": tokens, "peak_mib": round(_memory("VmHWM") - idle)}


def cut(metric: quals.Quals, texts: Sequence[str], sizes: dict[str, int]) -> tuple[list[str], list[str]]:
    """Documents and summaries of the wanted sizes and numbers, all different but for shared documents."""
    tokenizer = metric.qagen.lm.tokenizer
    ids = text_ids(tokenizer, " ".join(texts))
    ids *= 1 + (sizes["rows"] * sizes["document"] + 8000) // len(ids)

    def piece(start: int, length: int) -> str:
        text: str = tokenizer.decode(ids[start : start + length])
        return text

    starts = [row * sizes["document"] for row in range(sizes["rows"]) for _ in range(sizes["summaries"])]
    documents = [piece(start, sizes["document"]) for start in starts]
    return documents, [piece(start + 7 * i, sizes["summary"]) for i, start in enumerate(starts)]


def _memory(field: str) -> float:
    """MiB that this process has now (``VmRSS``) or had at most since the last reset (``VmHWM``); Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024


def plot(results: dict[str, list[dict[str, float]]], path: Path) -> None:
    """Seconds, and below them memory, against each quantity."""
    import matplotlib.pyplot as plt

    size = (3.2 * len(results), 4.8)
    figure, axes = plt.subplots(2, len(results), figsize=size, sharex="col", squeeze=False, layout="constrained")
    for (above, below), (quantity, points) in zip(axes.T, results.items(), strict=True):
        values = [point["value"] for point in points]
        above.plot(values, [point["seconds"] for point in points], "o-")
        below.plot(values, [point["peak_mib"] for point in points], "s--")
        above.set(ylim=(0, None))
        below.set(ylim=(0, None), xlabel=quantity + (", tokens" if quantity in ("document", "summary") else ""))
    axes[0, 0].set(ylabel="seconds")
    axes[1, 0].set(ylabel="peak MiB above idle")
    figure.savefig(path, metadata={"Date": None})


@click.command(help=__doc__)
@file_argument
@click.option("--threads", default=1, show_default=True, help="CPU threads.")
@click.option("--only", type=click.Choice(list(POINTS)), multiple=True, help="Not all quantities; repeatable.")
@output_option
@click.option("--plot", "picture", type=click.Path(path_type=Path), help="Where the plot goes: SVG or PNG.")
def growth(file: str, threads: int, only: tuple[str, ...], output: Path | None, picture: Path | None) -> None:
    texts = [row["document"] for _, row in json_lines(file) if not isinstance(row, InputError)]
    results: dict[str, Any] = {}
    for quantity in only or POINTS:
        click.echo(f"\n{quantity:>10s}    seconds     tokens   peak MiB above idle")
        results[quantity] = []
        for value in POINTS[quantity]:
            with multiprocessing.get_context("spawn").Pool(1) as process:
                point = process.apply(measure, (texts, quantity, value, threads))
            results[quantity].append(point)
            click.echo(f"{value:10d} {point['seconds']:10.2f} {point['tokens']:10.0f} {point['peak_mib']:10.0f}")
    measured = {"date": today(), "machine": f"{machine()}, {threads} threads"}
    write(output, {**measured, "usual": USUAL, **results})
    if picture:
        plot(results, picture)


if __name__ == "__main__":
    growth()
