"""Seconds and tokens per summary of QUALS on one file.

python benchmarks/speed.py examples/news.jsonl --limit 20
"""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path
from statistics import median

import click
import torch

import quals
from quals.errors import InputError
from quals.io.text import json_lines


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--model", default="quals-small", show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--limit", default=20, show_default=True, help="Rows, from the first.")
@click.option("--threads", default=0, help="CPU threads; 0 leaves torch's choice.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where the raw figures go, as JSON.")
def speed(file: str, model: str, device: str, limit: int, threads: int, output: Path | None) -> None:
    """Score the rows of FILE one at a time and print what each took."""
    if threads:
        torch.set_num_threads(threads)
    rows = [row for _, row in json_lines(file) if not isinstance(row, InputError)][:limit]
    started = time.perf_counter()
    metric = quals.Quals(model, device=device)
    metric.score(rows[0]["document"], rows[0]["summary"])
    first = time.perf_counter() - started
    seconds, tokens, pairs = [], [], []
    for row in rows:
        before, started = metric.qagen.lm.evaluated, time.perf_counter()
        result = metric.score(row["document"], row["summary"])
        seconds.append(time.perf_counter() - started)
        tokens.append(metric.qagen.lm.evaluated - before)
        pairs.append(len(result.evidence))
    figures = {
        "file": Path(file).name,
        "rows": len(rows),
        "signature": metric.signature,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, {metric.qagen.lm.device.type}",
        "load_and_first_score_s": round(first, 2),
        "seconds_per_summary": [round(value, 3) for value in seconds],
        "tokens_per_summary": tokens,
        "pairs_per_summary": pairs,
    }
    click.echo(f"load and first score   {first:.1f} s")
    click.echo(f"seconds per summary    median {median(seconds):.2f}, {min(seconds):.2f} to {max(seconds):.2f}")
    click.echo(f"tokens per summary     median {median(tokens):.0f}, {min(tokens)} to {max(tokens)}")
    click.echo(metric.signature)
    if output:
        output.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    speed()
