"""Fit the calibration that a model ships with, on summaries that people have judged.

    python benchmarks/calibration.py dev/{frank_xsum,polytope,qags_cnndm,qags_xsum,summeval,xsumfaith}.jsonl.gz \\
        --limit 46 -o models/quals-small/calibration.json --try test/qags_cnndm.jsonl.gz --try test/summeval.jsonl.gz

Scores come through the score cache, so that what `benchmarks/agreement.py` has scored costs nothing. A file weighs as
much as it has rows; pairs of an original and an edited summary should be left out, since nobody wrote such edits.
A summary is consistent if its label is 1: every judge called all of it consistent.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from common import files_argument, tell_versions

from quals.calibrate import fit
from quals.cli.outputs import progress_bars
from quals.evaluate.labelled import JudgedRow, read_judged
from quals.metrics import registry
from quals.metrics.base import Metric
from quals.scoring.cache import ScoreCache, score_rows

CONSISTENT = 1.0  # the label from which a summary is consistent


@click.command(help=__doc__)
@files_argument
@click.option("--metric", "name", default="quals", show_default=True)
@click.option("--method", type=click.Choice(["logistic", "isotonic"]), default="logistic", show_default=True)
@click.option("--limit", type=click.IntRange(min=1), help="Documents of each file, drawn with a fixed seed.")
@click.option("--try", "others", multiple=True, metavar="FILE", help="Other judged summaries, to try the result on.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
def main(files: Sequence[str], name: str, method: str, limit: int | None, others: Sequence[str], output: Path) -> None:
    whole, tried = ([read_judged(file) for file in some] for some in (files, others))
    for each in [*whole, *tried]:
        tell_versions(each)
    sets = [data.sample(limit, 0) if limit else data for data in whole]
    metric = registry.load(name)
    scored = _scored(metric, [row for data in sets for row in data.rows])
    fitted = fit(
        [value for value, _ in scored],
        [row.label for _, row in scored],
        signature=metric.signature,
        data=[data.name for data in sets],
        groups=[row.texts.document for _, row in scored],
        method=method,
        positive_from=CONSISTENT,
    )
    # Documents of the same sets, drawn or not, are like those it was fitted on.
    fitted = fitted.knowing([row.texts.document for data in whole for row in data.rows])
    fitted.save(output)
    click.echo(
        f"{fitted.rows} rows with a score, {fitted.base_rate:.0%} consistent; held-out Brier score "
        f"{fitted.brier:.4f}, always saying {fitted.base_rate:.0%} {fitted.brier_base_rate:.4f}; {output}"
    )
    for data in tried:
        rows = _scored(metric, data.rows)
        found = np.array([fitted.curve(value) for value, _ in rows])
        labels = np.array([row.label >= CONSISTENT for _, row in rows], dtype=float)
        click.echo(
            f"{data.name}: of {len(rows)} {labels.mean():.0%} consistent, on average {found.mean():.0%} expected; "
            f"Brier score {((found - labels) ** 2).mean():.4f}, always saying {labels.mean():.0%} {labels.var():.4f}"
        )


def _scored(metric: Metric, rows: Sequence[JudgedRow]) -> list[tuple[float, JudgedRow]]:
    """The rows that have a score, with it."""
    with progress_bars() as progress:
        scores = score_rows(metric, [row.texts for row in rows], ScoreCache(), progress(metric.name, len(rows)))
    return [(score.value, row) for score, row in zip(scores, rows, strict=True) if score.value is not None]


if __name__ == "__main__":
    main()
