"""``quals calibrate``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="LABELLED.jsonl...")
@click.option("-o", "--output", default="calibration.json", show_default=True, help="Where the calibration goes.")
@click.option("--label", default="label", show_default=True, help="Field with the label: 1 consistent, 0 not.")
@click.option("--method", type=click.Choice(["logistic", "isotonic"]), default="logistic", show_default=True)
@click.option(
    "--folds", default=5, show_default=True, type=click.IntRange(2), help="Of the cross-validation that judges it."
)
@click.option("--name", "names", multiple=True, help="Name of the data, for the record; default: the file names.")
def calibrate(files: tuple[str, ...], output: str, label: str, method: str, folds: int, names: tuple[str, ...]) -> None:
    """Learn from labelled scores what a score means: the probability that the summary is consistent.

    LABELLED.jsonl is what `quals score` wrote for rows that carry a label. The result serves
    `quals report --calibration` and `quals serve --calibration`, for scores made with the same settings only.
    """
    from quals.calibrate import fit
    from quals.calibrate.labelled import read_labelled
    from quals.io.results import refuse_same_file

    refuse_same_file(output, files)
    rows = read_labelled(files, label=label)
    for fault in rows.faults:
        click.echo(f"left out: {fault}", err=True)
    fitted = fit(
        rows.scores,
        rows.labels,
        signature=rows.signature,
        data=names or [Path(file).name for file in files],
        groups=rows.documents,
        method=method,
        folds=folds,
    )
    fitted.save(output)
    left_out = (
        f", {len(rows.faults)} faulty and {rows.unscored} unscored left out" if rows.faults or rows.unscored else ""
    )
    click.echo(
        f"{output}: {method}, {fitted.rows} rows{left_out}; held-out Brier score {fitted.brier:.4f} "
        f"(always saying {fitted.base_rate:.0%}: {fitted.brier_base_rate:.4f}), log loss {fitted.log_loss:.4f}"
    )
