"""``quals report``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("scores", metavar="SCORES.jsonl")
@click.option("-o", "--output", default="report.html", show_default=True, help="Where the page goes.")
@click.option("--calibration", metavar="FILE", help="From `quals calibrate`; default: the model's own, if it has one.")
@click.option("--title", help="Of the page; default: the file's name.")
@click.option("--rows", "limit", default=5000, show_default=True, help="How many rows to list, lowest scores first.")
@click.option("--document-field", default="document", show_default=True)
@click.option("--summary-field", default="summary", show_default=True)
@click.option("--id-field", default="id", show_default=True)
def report(
    scores: str,
    output: str,
    calibration: str | None,
    title: str | None,
    limit: int,
    document_field: str,
    summary_field: str,
    id_field: str,
) -> None:
    """Make one self-contained page from scores: which words are doubtful, and the evidence.

    SCORES.jsonl is what `quals score --explain` wrote. The page needs no network and works from disk.
    """
    from quals.calibrate import Calibration
    from quals.report import Report, read_rows

    rows = read_rows(scores, document=document_field, summary=summary_field, id=id_field)
    page = Report(rows, title=title or Path(scores).name, limit=limit)
    if calibration:
        page.facts = page.facts.calibrated(Calibration.load(calibration))
    page.write(output)
    click.echo(f"{output}: {len(page.rows)} rows")
