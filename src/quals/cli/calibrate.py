"""``quals calibrate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from quals.cli.fields import document_field
from quals.cli.metrics import one_metric
from quals.cli.outputs import check_outputs
from quals.cli.ranges import FiniteRange
from quals.errors import InputError
from quals.terminal import complain

if TYPE_CHECKING:
    from quals.calibrate.labelled import LabelledScores


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="LABELLED...")
@click.option("-o", "--output", default="calibration.json", show_default=True, help="Where the calibration goes.")
@click.option("--label", default="label", show_default=True, help="Field with the label: 1 consistent, 0 not.")
@document_field
@click.option(
    "--positive-from",
    type=FiniteRange(min=0, max=1, min_open=True),
    help="Labels of at least this are 1, others 0; without it, labels between count in part.",
)
@click.option("--metric", metavar="NAME", help="Whose scores, in a file of several; default: the first one's.")
@click.option("--method", type=click.Choice(["logistic", "isotonic"]), default="logistic", show_default=True)
@click.option(
    "--folds", default=5, show_default=True, type=click.IntRange(2), help="Of the cross-validation that judges it."
)
@click.option("--name", "names", multiple=True, help="Name of the data, for the record; default: the file names.")
def calibrate(
    files: tuple[str, ...],
    output: str,
    label: str,
    document_field: str | None,
    positive_from: float | None,
    metric: str | None,
    method: str,
    folds: int,
    names: tuple[str, ...],
) -> None:
    """Fit a curve from labelled scores to the probability that the summary is consistent.

    LABELLED is what `quals score` wrote for rows that carry a label. Use the result with --calibration of
    `quals score`, `quals report` and `quals serve`, for scores made with the same settings only.
    """
    from quals.calibrate import fit

    whose = one_metric(metric) if metric else None
    check_outputs({"--output": [output]}, files)
    rows = _read(files, label, document_field, whose)
    fitted = fit(
        rows.scores,
        rows.labels,
        signature=rows.signature,
        data=names or [Path(file).name for file in files],
        groups=rows.documents,
        method=method,
        folds=folds,
        positive_from=positive_from,
    )
    if not rows.without_document:
        fitted = fitted.knowing(rows.documents)
    fitted.save(output)
    left_out = (
        f", {len(rows.faults)} faulty and {rows.unscored} unscored left out" if rows.faults or rows.unscored else ""
    )
    if fitted.brier >= fitted.brier_base_rate:
        click.echo(
            f"{output}: of no use: on rows held out it does no better than always saying {fitted.base_rate:.0%}",
            err=True,
        )
    click.echo(
        f"{output}: {method}, {fitted.rows} rows{left_out}; held-out Brier score {fitted.brier:.4f} "
        f"(always saying {fitted.base_rate:.0%}: {fitted.brier_base_rate:.4f}), log loss {fitted.log_loss:.4f}"
    )


def _read(files: tuple[str, ...], label: str, document_field: str | None, metric: str | None) -> LabelledScores:
    """The labelled rows; what is wrong with them on standard error."""
    from quals.calibrate.labelled import read_labelled
    from quals.io.labels import COPIED

    rows = read_labelled(files, label=label, document=document_field, metric=metric)
    complain(rows.faults, "left out: ")
    if rows.faults and not rows.scores:
        document = f", a document in '{document_field}'" if document_field else ""
        raise InputError(
            f"no row has a label in '{label}'{document} and a score; `quals score FILE -o SCORED` makes the scores",
            file=files[0],
        )
    if rows.without_document:
        click.echo(
            f"{rows.without_document} of {len(rows.scores)} rows have no document and are held out one by one, not "
            "together with others of theirs; name its field with --document-field",
            err=True,
        )
    if rows.of_sentences.copied:
        click.echo(COPIED, err=True)
    return rows
