"""``quals agree``: how far metrics agree with people, on files of judged summaries."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from quals.cli.fields import document_field, reference_field, summary_field
from quals.cli.metrics import load_metrics, settings_option, workers_option
from quals.cli.outputs import check_endings, check_outputs, progress_bars, write_tables
from quals.cli.ranges import FiniteRange
from quals.terminal import complain

if TYPE_CHECKING:
    from quals.evaluate.report import Report


@click.command()
@click.argument("files", nargs=-1, required=True)
@click.option("--metric", "-m", "names", default="quals,rouge2-precision", show_default=True, help="Comma-separated.")
@settings_option
@workers_option
@click.option("--label", default="label", show_default=True, help="Field with the human label; higher is better.")
@document_field
@summary_field
@reference_field
@click.option(
    "--positive-from",
    default=1.0,
    show_default=True,
    type=FiniteRange(),
    help="Labels of at least this mean consistent.",
)
@click.option(
    "--tune-on",
    multiple=True,
    metavar="FILE",
    help="Choose the threshold for balanced accuracy here, not on other documents of each file; repeatable.",
)
@click.option("--limit", type=click.IntRange(min=1), help="Only N documents of each file, with all their summaries.")
@click.option(
    "--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the draw, the folds and the resamples."
)
@click.option("--resamples", default=1000, show_default=True, type=click.IntRange(min=1), help="For the intervals.")
@click.option(
    "--output",
    "-o",
    "outputs",
    multiple=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the table as .md, .json or .csv; repeatable.",
)
def agree(
    files: Sequence[str],
    names: str,
    settings: Sequence[str],
    workers: int,
    label: str,
    document_field: str | None,
    summary_field: str | None,
    reference_field: str | None,
    positive_from: float,
    tune_on: Sequence[str],
    limit: int | None,
    seed: int,
    resamples: int,
    outputs: Sequence[Path],
) -> None:
    """How far metrics agree with people on FILES of judged summaries.

    Each FILE is JSONL, CSV or TSV (also .gz) or Parquet with the fields document, summary and label (or what the
    options name), and where there are such, reference and pair. Scores are kept in the cache folder: a second table
    costs nothing.
    """
    from quals.evaluate.table import FORMATS

    check_endings(outputs, FORMATS)
    check_outputs({"--output": outputs}, [*files, *tune_on])
    metrics = load_metrics(names, settings, workers=workers)

    from quals.evaluate.report import Options, make_report
    from quals.io.rows import FieldNames
    from quals.scoring.cache import ScoreCache

    fields = FieldNames(document_field, summary_field, reference_field)
    options = Options(label, positive_from, limit, seed, resamples, fields=fields)
    with progress_bars() as progress:
        report = make_report(files, metrics, options, ScoreCache(), progress, tune_on)
    write_tables(report, outputs, FORMATS)  # first: who reads the table may stop
    show(report)


def show(report: Report) -> None:
    """The table on standard output (Markdown if that is no terminal), what was wrong on standard error."""
    from quals.cli.console import Console
    from quals.evaluate.table import notes, to_markdown, to_terminal

    console = Console(emoji=False)
    if console.is_terminal:
        console.print(to_terminal(report))
        for note in notes(report):
            console.print(note, highlight=False, markup=False)
    else:
        click.echo(to_markdown(report), nl=False)
    complain(report.problems)
