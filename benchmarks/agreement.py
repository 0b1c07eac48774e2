"""Agreement of metrics with people, with the raw numbers kept.

    python benchmarks/agreement.py dev/*.jsonl.gz --metric quals,rouge2-precision --name quals-small-dev

Prints a Markdown table and keeps everything at full precision in ``benchmarks/results/``, with the
signatures, the date and the machine. Interpretation is for the documentation; nothing is chosen here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
from common import FILE, files_argument, machine, today

from quals.cli.metrics import load_metrics
from quals.cli.outputs import progress_bars
from quals.evaluate.report import Options, make_report
from quals.evaluate.table import to_json, to_markdown
from quals.scoring.cache import ScoreCache

RESULTS = Path(__file__).parent / "results"


@click.command(help=__doc__)
@files_argument
@click.option("--metric", "names", default="quals,rouge2-precision", show_default=True)
@click.option("--set", "settings", multiple=True, metavar="METRIC.NAME=VALUE")
@click.option("--tune-on", multiple=True, type=FILE)
@click.option("--limit", type=click.IntRange(min=1))
@click.option("--label", default="label", show_default=True)
@click.option("--positive-from", default=1.0, show_default=True)
@click.option("--name", default="agreement", show_default=True, help="Of the file in benchmarks/results/.")
def main(
    files: Sequence[str],
    names: str,
    settings: Sequence[str],
    tune_on: Sequence[str],
    limit: int | None,
    label: str,
    positive_from: float,
    name: str,
) -> None:
    metrics = load_metrics(names, settings)
    with progress_bars() as progress:
        options = Options(label=label, positive_from=positive_from, limit=limit)
        report = make_report(files, metrics, options, ScoreCache(), progress, tune_on)
    date = today()
    content = {"date": date, "machine": machine(), **json.loads(to_json(report))}
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}-{date}.json"
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    click.echo(f"{date}, {machine()}\n\n{to_markdown(report)}\nRaw: {path}")


if __name__ == "__main__":
    main()
