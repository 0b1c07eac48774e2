"""How fast QUALS is, beside itself written the plain way and beside QAGS, in one process on the same summaries.

    python benchmarks/speed.py FILE --rows 100                          # JSONL rows {document, summary}
    python benchmarks/speed.py examples/news.jsonl --quick              # two minutes on two cores

Systems: ``quals`` (rows together, as `quals score` runs them), ``quals-plain`` (benchmarks/quals_plain.py), ``qags``
(rows together), ``qags-plain`` (benchmarks/qags_plain.py, one example at a time), and, where they are asked for,
``pmi``, ``factcc`` and ``ensemble`` (rows together). They take turns, block of rows by block, so that whatever else the
machine does falls on all of them; what is reported are the ratios within blocks, of seconds a summary. Where the first
systems need hundreds of rows at a time to show what they can, as on a GPU, the plain ones, which take one at a time
anyway, can be given a few rows of each block. Scores of a system and of its plain twin are compared in the same run.

    python benchmarks/speed.py FILE --rows 2000 --block 250 --plain-rows 2 --dtype bfloat16    # on a GPU
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import click
import torch
from common import file_argument, machine, output_option, today, write
from qags_plain import PlainQags
from quals_plain import PlainQuals

import quals
from quals.errors import InputError
from quals.io.text import json_lines
from quals.lm.chunks import chunks
from quals.lm.device import pick_device
from quals.lm.linear import speed_up
from quals.metrics import registry
from quals.metrics.ensemble import Ensemble
from quals.metrics.pmi import Pmi
from quals.metrics.qags import Qags

TextPair = tuple[str, str]
OTHERS = ("pmi", "factcc", "ensemble")  # metrics without a plain twin here
CLOSE = 1e-3  # two ways to add up the same numbers may choose another beam of two that are as good
CLOSE_HALF = 1e-1  # in half precision they round differently


@dataclass
class System:
    """Something that scores rows, and what it took to do so, block by block."""

    run: Callable[[Sequence[TextPair]], list[float | None]]
    tokens: Callable[[], int]
    signature: str
    most: int | None = None  # rows of a block, from its first; all, if None
    counts: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    evaluated: list[int] = field(default_factory=list)
    scores: dict[int, float | None] = field(default_factory=dict)  # by the number of the row

    def take(self, rows: Sequence[TextPair], start: int) -> None:
        """Score a block, whose first row has this number."""
        rows = rows[: self.most]
        before, started = self.tokens(), time.perf_counter()
        found = self.run(rows)
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.seconds.append(time.perf_counter() - started)
        self.evaluated.append(self.tokens() - before)
        self.counts.append(len(rows))
        self.scores.update(enumerate(found, start))

    def each(self) -> list[float]:
        """Seconds a summary, block by block."""
        return [seconds / count for seconds, count in zip(self.seconds, self.counts, strict=True)]


def systems(
    names: Sequence[str],
    metric: quals.Quals | None,
    make_qags: Callable[[], Qags],
    most: int | None,
    device: str,
    dtype: str,
) -> dict[str, System]:
    """The systems to compare; plain ones share the models of their twins, and take ``most`` rows of a block."""
    found: dict[str, System] = {}
    if metric:
        plain = PlainQuals(metric)
        found["quals"] = System(_together(metric), lambda: metric.qagen.lm.evaluated, metric.signature)
        found["quals-plain"] = System(_one_by_one(plain), lambda: plain.evaluated, metric.signature, most)
    if any(name.startswith("qags") for name in names):
        qags = make_qags()
        both = (qags.generator.lm, qags.answerer.lm)
        plain_qags = PlainQags(qags)
        found["qags"] = System(_together(qags), lambda: sum(lm.evaluated for lm in both), qags.signature)
        found["qags-plain"] = System(_one_by_one(plain_qags), lambda: plain_qags.evaluated, qags.signature, most)
    for name in names:
        if name in OTHERS:
            found[name] = _other(registry.load(name, device=device, dtype=dtype))
    return {name: found[name] for name in names}


def _other(metric: Any) -> System:
    parts: Sequence[Any] = metric.parts if isinstance(metric, Ensemble) else (metric,)
    lms = [part.reader.lm if isinstance(part, Pmi) else part.checker.lm for part in parts]
    return System(_together(metric), lambda: sum(lm.evaluated for lm in lms), metric.signature)


def _together(metric: Any) -> Callable[[Sequence[TextPair]], list[float | None]]:
    return lambda rows: [result.value for result in metric.score(*map(list, zip(*rows, strict=True)))]


def _one_by_one(plain: Any) -> Callable[[Sequence[TextPair]], list[float | None]]:
    return lambda rows: [plain.score(*row) for row in rows]


def compare(found: dict[str, System], rows: Sequence[TextPair], block: int) -> None:
    """Let the systems take turns on the rows."""
    for system in found.values():
        system.run(rows[:1])  # warm up
    for start in range(0, len(rows), block):
        for system in found.values():
            system.take(rows[start : start + block], start)


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of a large matrix multiplication, as the models do it: the best of several."""
    size, best = 2048 if device.type == "cpu" else 8192, float("inf")
    layer = torch.nn.Linear(size, size, bias=False, device=device, dtype=dtype).requires_grad_(False)
    speed_up(layer)
    rows = torch.randn(size, size, device=device, dtype=dtype)
    for _ in range(5):
        started = time.perf_counter()
        layer(rows).sum().item()
        best = min(best, time.perf_counter() - started)
    return 2.0 * size * size * size / best


def scoring_share(metric: quals.Quals, rows: Sequence[TextPair]) -> float:
    """Share of `matmul_rate` that the scoring pass reaches, counting the multiplications it cannot do without."""
    lm, settings = metric.qagen.lm, metric.settings
    pairs = metric.pairs([summary for _, summary in rows])
    parts = chunks(metric.qagen, [document for document, _ in rows], settings.chunk, settings.overlap)
    texts = [chunk.ids for of_one in parts for chunk in of_one]
    targets = [[pair.tokens for pair in found] for found, of_one in zip(pairs, parts, strict=True) for _ in of_one]
    head = lm.model.get_output_embeddings().weight
    body = sum(parameter.numel() for parameter in lm.model.parameters()) - head.numel()
    before, started = lm.evaluated, time.perf_counter()
    metric.qagen.log_probs(texts, targets)
    seconds, tokens = time.perf_counter() - started, lm.evaluated - before
    predicted = tokens - sum(map(len, texts)) + len(texts)  # nodes, and the end of each text
    operations: int = 2 * (body * tokens + head.numel() * predicted)
    return operations / seconds / matmul_rate(lm.device, lm.model.dtype)


def figures(found: dict[str, System], block: int) -> dict[str, Any]:
    """What was measured, raw and as ratios to the first system."""
    first = next(iter(found.values()))
    result: dict[str, Any] = {"block": block, "rows": len(first.scores), "systems": {}, "ratios": {}}
    for name, system in found.items():
        result["systems"][name] = {
            "rows": sum(system.counts),
            "seconds_per_summary": sum(system.seconds) / sum(system.counts),
            "tokens_per_summary": sum(system.evaluated) / sum(system.counts),
            "seconds_per_block": system.seconds,
            "rows_per_block": system.counts,
            "scores": system.scores,
            "signature": system.signature,
        }
        ratios = [own / its for own, its in zip(system.each(), first.each(), strict=True)]
        result["ratios"][name] = {"median": median(ratios), "lowest": min(ratios), "highest": max(ratios)}
    for name in ("quals", "qags"):
        if {name, f"{name}-plain"} <= found.keys():
            scores, plain = found[name].scores, found[f"{name}-plain"].scores
            most = CLOSE if "dtype:float32" in found[name].signature else CLOSE_HALF
            equal = sum(_close(scores[row], value, most) for row, value in plain.items())
            result[f"{name}_scores_equal"] = {"equal": equal, "rows": len(plain)}
    return result


def _close(one: float | None, other: float | None, most: float) -> bool:
    return one is other if one is None or other is None else abs(one - other) < most


@click.command(help=__doc__)
@file_argument
@click.option("--systems", "names", default="quals,quals-plain,qags,qags-plain", show_default=True)
@click.option("--question-model", default="qg-small", show_default=True)
@click.option("--answer-model", default="qa-small", show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--dtype", default="float32", show_default=True, help="Or bfloat16 or float16, for a GPU.")
@click.option("--rows", "limit", default=100, show_default=True, help="From the first.")
@click.option("--block", default=20, show_default=True, help="Rows a system takes at a turn.")
@click.option("--plain-rows", type=click.IntRange(1), help="Rows of a block that plain systems take; default: all.")
@click.option("--threads", default=0, help="CPU threads; 0 leaves torch's choice.")
@click.option("--quick", is_flag=True, help="Two rows, one at a turn.")
@output_option
def speed(
    file: str,
    names: str,
    question_model: str,
    answer_model: str,
    device: str,
    dtype: str,
    limit: int,
    block: int,
    plain_rows: int | None,
    threads: int,
    quick: bool,
    output: Path | None,
) -> None:
    if threads:
        torch.set_num_threads(threads)
    limit, block = (2, 1) if quick else (limit, block)
    read = [row for _, row in json_lines(file) if not isinstance(row, InputError)]
    rows = [(row["document"], row["summary"]) for row in read][:limit]
    result: dict[str, Any] = {
        "date": today(),
        "file": Path(file).name,
        "machine": f"{machine()}, {torch.get_num_threads()} threads, {pick_device(device)}",
    }
    metric, wanted = None, names.split(",")
    if {"quals", "quals-plain"} & set(wanted):
        metric = quals.Quals(device=device, dtype=dtype)
        metric.score(*rows[0])
    make_qags = partial(Qags, question_model, answer_model, device=device, dtype=dtype)
    found = systems(wanted, metric, make_qags, plain_rows, device, dtype)
    compare(found, rows, block)
    result |= figures(found, block)
    if metric:
        result["scoring_pass_share_of_matmul_rate"] = scoring_share(metric, rows[:block])
    _print(result)
    write(output, result)


def _print(result: dict[str, Any]) -> None:
    click.echo(f"{'':12s} rows  s/summary  summaries/s  tokens/summary  time, as a multiple of the first system's")
    for name, system in result["systems"].items():
        ratio = result["ratios"][name]
        digits = 1 if ratio["median"] >= 1 else 2
        spread = "{median:.{0}f} ({lowest:.{0}f} to {highest:.{0}f})".format(digits, **ratio)
        seconds = system["seconds_per_summary"]
        speeds = f"{seconds:9.3f}  {1 / seconds:11.3f}  {system['tokens_per_summary']:14.0f}"
        click.echo(f"{name:12s} {system['rows']:4d}  {speeds}  {spread}")
    for name in ("quals", "qags"):
        if (key := f"{name}_scores_equal") in result:
            click.echo(
                f"{name} and {name}-plain give equal scores for {result[key]['equal']} of {result[key]['rows']} rows"
            )
    if share := result.get("scoring_pass_share_of_matmul_rate"):
        click.echo(f"scoring pass: {share:.0%} of the measured matmul rate")
    click.echo(result["machine"])


if __name__ == "__main__":
    speed()
