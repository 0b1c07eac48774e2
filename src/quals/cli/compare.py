"""``quals compare``: systems by metrics, with tests against a baseline."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quals.cli.fields import document_field, reference_field, summary_field
from quals.cli.metrics import load_metrics, metric_names, one_metric, settings_option, workers_option
from quals.cli.outputs import check_endings, check_outputs, progress_bars, write_tables
from quals.cli.ranges import FiniteRange
from quals.terminal import complain

if TYPE_CHECKING:
    from quals.compare.comparison import Comparison


@click.command()
@click.argument("sources", metavar="[SYSTEM=]FILE...", nargs=-1, required=True)
@click.option("--baseline", help="The system that the others are compared with; default: the first.")
@click.option(
    "--metric", "-m", "names",
    help="Comma-separated; default: quals and, if there are references, rouge1, rouge2 and rougeL.",
)  # fmt: skip
@settings_option
@workers_option
@click.option(
    "--resamples", default=10_000, show_default=True, type=click.IntRange(100), help="For intervals and tests."
)
@click.option("--level", default=0.95, show_default=True, type=FiniteRange(0.5, 0.999), help="Of the intervals.")
@click.option("--tolerance", default=1e-4, show_default=True, type=FiniteRange(0), help="Differences up to this tie.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of the draws.")
@click.option(
    "-o", "--output", "outputs", multiple=True, type=click.Path(dir_okay=False, path_type=Path),
    help="Write the table as .md, .tex or .json; repeatable.",
)  # fmt: skip
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path), help="Write a page with the summaries, too.")
@click.option("--page-rows", default=50, show_default=True, type=click.IntRange(0), help="Documents on the page.")
@click.option("--doubts", help="Mark what this metric doubts; default: quals, if it is among the metrics.")
@document_field
@summary_field
@reference_field
def compare(sources: Sequence[str], **options: Any) -> None:
    """Compare systems on the documents that all of them have summarized.

    FILEs (JSONL, CSV, TSV, Parquet) have rows with document and summary, a reference for metrics that need one, and
    a system unless the file is given as SYSTEM=FILE. Rows are matched by id or, if any lacks one, by the text of
    the document. Scores are kept in the cache folder: a second table costs nothing.
    """
    from quals.compare.comparison import compare as make_comparison
    from quals.compare.paired import Resampling
    from quals.compare.table import FORMATS
    from quals.io.rows import FieldNames
    from quals.io.systems import read_systems, split_source
    from quals.scoring.cache import ScoreCache

    _check(options, [split_source(source)[1] for source in sources])
    names = FieldNames(*(options[f"{role}_field"] for role in ("document", "summary", "reference")))
    found = read_systems(sources, names)
    complain(found.problems)
    usual = "quals,rouge" if any(each.reference for each in found.documents) else "quals"
    metrics = load_metrics(options["names"] or usual, options["settings"], workers=options["workers"])
    resampling = Resampling(*(options[name] for name in ("resamples", "seed", "level", "tolerance")))
    baseline = options["baseline"] or found.names[0]
    with progress_bars() as progress:
        comparison = make_comparison(found, metrics, baseline, resampling, ScoreCache(), progress)
    write_tables(comparison, options["outputs"], FORMATS)  # files first: who reads the table may stop
    if options["page"]:
        from quals.compare.page import write_page

        wanted = one_metric(options["doubts"] or "quals", "--doubts")
        doubting = next((metric for metric in metrics if metric.name == wanted), None)
        with progress_bars() as progress:  # for its evidence, texts are scored once more
            write_page(comparison, options["page"], doubting=doubting, limit=options["page_rows"], progress=progress)
    _show(comparison)


def _check(options: dict[str, Any], inputs: Iterable[str]) -> None:
    """Tell what could not be done, or would destroy an input, before hours are spent."""
    from quals.compare.table import FORMATS

    page = options["page"]
    check_endings(options["outputs"], FORMATS)
    check_outputs({"--output": options["outputs"], "--page": [page]}, inputs)
    names = metric_names(options["names"] or "quals")
    if options["doubts"] and one_metric(options["doubts"], "--doubts") not in names:
        raise click.UsageError(f"--doubts: '{options['doubts']}' is not among the metrics")
    if options["doubts"] and not page:
        raise click.UsageError("--doubts marks words on a page: give --page")
    if page:
        from quals.report.page import environment

        environment()


def _show(comparison: Comparison) -> None:
    """The tables on standard output, Markdown if that is no terminal."""
    from quals.cli.console import Console
    from quals.compare.table import how, notes, to_markdown, to_terminal

    console = Console(emoji=False)
    if not console.is_terminal:
        click.echo(to_markdown(comparison), nl=False)
        return
    for table in to_terminal(comparison):
        console.print(table)
        console.print()
    for line in (how(comparison), *notes(comparison)):
        console.print(line, highlight=False, markup=False)
