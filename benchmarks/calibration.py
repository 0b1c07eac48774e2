"""Fit the calibration that a model ships with, on summaries that people have judged.

    python benchmarks/calibration.py dev/{frank_xsum,polytope,qags_cnndm,qags_xsum,summeval,xsumfaith}.jsonl.gz \\
        --limit 46 -o models/quals-small/calibration.json

Scores come through the score cache, so that what `benchmarks/agreement.py` has scored costs nothing. A file weighs as
much as it has rows; pairs of an original and an edited summary should be left out, since nobody wrote such edits.
A summary is consistent if its label is 1: nothing in it was found wrong, by the rules of its set. How far such a curve
holds for another set, each file shows, read by the curve of all others, without documents that it shares with them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
from common import files_argument, tell_versions

from quals.calibrate import Calibration, fit
from quals.cli.outputs import progress_bars
from quals.evaluate.labelled import DataSet, JudgedRow, read_judged, with_unique_names
from quals.metrics import registry
from quals.metrics.base import Metric
from quals.scoring.cache import ScoreCache, score_rows

CONSISTENT = 1.0  # the label from which a summary is consistent
Scored = list[tuple[float, JudgedRow]]  # the rows that have a score, with it


@click.command(help=__doc__)
@files_argument
@click.option("--metric", "name", default="quals", show_default=True)
@click.option("--method", type=click.Choice(["logistic", "isotonic"]), default="logistic", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), help="Documents of each file, drawn with a fixed seed.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
def main(files: Sequence[str], name: str, method: str, limit: int | None, output: Path) -> None:
    whole = with_unique_names([read_judged(file) for file in files])
    for each in whole:
        tell_versions(each)
    metric = registry.load(name)
    sets = {data.name: scored(metric, data.sample(limit, 0) if limit else data) for data in whole}
    # Documents of these sets that were not drawn are like those that were.
    fitted = fitted_on(sets, metric, method).knowing([row.texts.document for data in whole for row in data.rows])
    fitted.save(output)
    click.echo(
        f"{fitted.rows} rows with a score, {fitted.base_rate:.0%} consistent; held-out Brier score "
        f"{fitted.brier:.4f}, always saying {fitted.base_rate:.0%} {fitted.brier_base_rate:.4f}; {output}"
    )
    for left_out, rows in sets.items() if len(sets) > 1 else ():
        known = {row.texts.document for _, row in rows}
        others = {
            data: [each for each in of if each[1].texts.document not in known]
            for data, of in sets.items()
            if data != left_out
        }
        curve = fitted_on(others, metric, method).curve
        found = np.array([curve(value) for value, _ in rows])
        labels = np.array([row.label >= CONSISTENT for _, row in rows], dtype=float)
        click.echo(
            f"{left_out}, by the others: {found.mean():.0%} expected, {labels.mean():.0%} of {len(rows)} consistent; "
            f"Brier score {((found - labels) ** 2).mean():.4f}, always saying {labels.mean():.0%} {labels.var():.4f}"
        )


def scored(metric: Metric, data: DataSet) -> Scored:
    with progress_bars() as progress:
        advance = progress(f"{metric.name}, {data.name}", len(data.rows))
        scores = score_rows(metric, [row.texts for row in data.rows], ScoreCache(), advance)
    return [(score.value, row) for score, row in zip(scores, data.rows, strict=True) if score.value is not None]


def fitted_on(sets: Mapping[str, Scored], metric: Metric, method: str) -> Calibration:
    rows = [each for of in sets.values() for each in of]
    return fit(
        [value for value, _ in rows],
        [row.label for _, row in rows],
        signature=metric.signature,
        data=list(sets),
        groups=[row.texts.document for _, row in rows],
        method=method,
        positive_from=CONSISTENT,
    )


if __name__ == "__main__":
    main()
