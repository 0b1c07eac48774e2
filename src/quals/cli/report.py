"""``quals report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from quals.cli.fields import document_field, summary_field
from quals.cli.outputs import check_outputs
from quals.terminal import complain

if TYPE_CHECKING:
    from quals.report.facts import MetricFacts
    from quals.report.rows import ScoredRow


@click.command()
@click.argument("scores", metavar="SCORES")
@click.option(
    "-o", "--output", default="report.html", show_default=True, help="Where the page goes; - is standard output."
)
@click.option("--calibration", metavar="FILE", help="From `quals calibrate`; default: the model's own, if it has one.")
@click.option("--title", help="Of the page; default: the file's name.")
@click.option(
    "--rows",
    "limit",
    default=5000,
    show_default=True,
    type=click.IntRange(0),
    help="How many rows to list, lowest scores first.",
)
@click.option("--metric", metavar="NAME", help="Whose scores, in a file of several; default: the first one's.")
@document_field
@summary_field
@click.option("--id-field", default="id", show_default=True, help="What a row is called by.")
def report(
    scores: str,
    output: str,
    calibration: str | None,
    title: str | None,
    limit: int,
    metric: str | None,
    document_field: str | None,
    summary_field: str | None,
    id_field: str,
) -> None:
    """Make one self-contained page from scores: which words are doubtful, and the evidence.

    SCORES is what `quals score --explain` wrote. The page needs no network and works from disk.
    """
    from quals.calibrate import Calibration
    from quals.cli.metrics import one_metric
    from quals.errors import InputError
    from quals.io.rows import FieldNames
    from quals.records import Status
    from quals.report import Report, read_rows

    whose = one_metric(metric) if metric else None
    check_outputs({"--output": [None if output == "-" else output]}, [scores, calibration])
    rows = read_rows(scores, FieldNames(document_field, summary_field), id=id_field, metric=whose)
    page = Report(rows, title=title or Path(scores).name, limit=limit)
    if page.rows and all(row.score.status is Status.INVALID_ROW for row in page.rows):
        raise InputError("no row has a score; `quals score --explain -o` writes such files", file=scores)
    if calibration:
        page.facts = page.facts.calibrated(Calibration.load(calibration))
    elif any(_other_reading(row, page.facts) for row in page.rows):
        complain(["the probabilities in the file come from another calibration, which --calibration can name"])
    if output == "-":
        for chunk in page.chunks():
            click.echo(chunk, nl=False)
        return
    page.write(output)
    click.echo(f"{output}: {len(page.rows)} rows")


def _other_reading(row: ScoredRow, facts: MetricFacts) -> bool:
    """Whether the row came with a probability that the page will not show."""
    given, shown = row.score.reading, facts.read(row.score, row.document)
    return given is not None and (shown is None or abs(given.probability - shown.probability) > 1e-6)
