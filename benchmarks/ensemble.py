"""Fit the weights of an ensemble of QUALS and FactCC on summaries that people have judged, and say what it gains.

    python benchmarks/ensemble.py dev/*.jsonl.gz --fit frank_xsum,polytope,... --limit 46 \\
        -o models/ensemble-small --results benchmarks/results/ensemble-dev-DATE.json

The weights are those of a logistic regression on QUALS and FactCC's log-odds with a constant of its own for each data
set: they say what tells summaries of one set apart, not one set from another. Each set is then read on its documents
that were not drawn from it, with the weights that are written (what was drawn from another set that shares documents is
not left out); where there are none, on all, with weights that were fitted on the other sets. Scores come through the
score cache.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from quals.evaluate.agreement import Labelled, agreement
from quals.evaluate.cache import ScoreCache
from quals.evaluate.labelled import DataSet, JudgedRow, read_judged
from quals.evaluate.measure import score_rows
from quals.metrics import registry
from quals.metrics.ensemble import log_odds

Floats = npt.NDArray[np.float64]
PARTS = ("quals", "factcc")
Set = tuple[list[JudgedRow], Floats, Floats]  # rows, (rows, 2) QUALS and FactCC's log-odds, copying


def scored(data: DataSet, cache: ScoreCache, metrics: dict[str, Any]) -> Set:
    """The rows that both metrics have a score for."""
    texts = [row.texts for row in data.rows]
    found = [[score.value for score in score_rows(metric, texts, cache)] for metric in metrics.values()]
    kept = [i for i, values in enumerate(zip(*found, strict=True)) if None not in values]
    quals, factcc, copying = (np.array([values[i] for i in kept], dtype=float) for values in found)
    odds = np.array([log_odds(value) for value in factcc])
    return [data.rows[i] for i in kept], np.stack([quals, odds], 1), copying


def others(data: DataSet, drawn: set[str]) -> DataSet | None:
    """The rows of documents that were not drawn; None if there are none."""
    rows = tuple(row for row in data.rows if row.texts.document not in drawn)
    return replace(data, rows=rows) if rows else None


def weights(sets: Sequence[Set]) -> Floats:
    """Of QUALS and of FactCC's log-odds."""
    values = np.concatenate([each[1] for each in sets])
    labels = np.array([row.label for each in sets for row in each[0]])
    own = np.repeat(np.eye(len(sets)), [len(each[0]) for each in sets], axis=0)
    inputs = np.concatenate([values, own], 1)

    def loss(found: Floats) -> float:
        z = inputs @ found
        return float(np.sum(np.logaddexp(0, z) - labels * z) + 0.5 * found @ found)

    return np.array(minimize(loss, np.zeros(inputs.shape[1]), method="BFGS").x[:2])


def told(rows: Sequence[JudgedRow], scores: Floats) -> dict[str, Any]:
    """How far scores agree with people, with intervals."""
    of = Labelled([row.texts.document for row in rows], [row.label for row in rows], [row.pair for row in rows])
    return {measure: asdict(found) for measure, found in agreement(scores.tolist(), of).estimates.items()}


@click.command(help=__doc__)
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False))
@click.option("--fit", "fit_on", help="Names of the sets the shipped weights are fitted on; all if not given.")
@click.option("--limit", type=click.IntRange(min=1), help="Documents of each file, drawn with a fixed seed.")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
@click.option("--results", type=click.Path(path_type=Path), help="Where what was measured goes, as JSON.")
def main(files: Sequence[str], fit_on: str | None, limit: int | None, output: Path, results: Path | None) -> None:
    cache = ScoreCache()
    metrics = {name: registry.load(name) for name in (*PARTS, "rouge2-precision")}
    whole = [read_judged(file) for file in files]
    sets = {data.name: scored(data.sample(limit, 0) if limit else data, cache, metrics) for data in whole}
    names = fit_on.split(",") if fit_on else list(sets)
    found = weights([sets[name] for name in names])
    report: dict[str, Any] = {"date": datetime.date.today().isoformat(), "sets": {}}
    for data in whole:
        rest = others(data, {row.texts.document for row in sets[data.name][0]}) if data.name in names else None
        used = found if rest else weights([sets[name] for name in names if name != data.name])
        rows, values, copying = scored(rest, cache, metrics) if rest else sets[data.name]
        columns = {"quals": values[:, 0], "factcc": values[:, 1], "copying": copying, "ensemble": values @ used}
        report["sets"][data.name] = {"read": "other documents" if rest else "other sets", "rows": len(rows)}
        report["sets"][data.name] |= {"weights": used.tolist()}
        report["sets"][data.name] |= {column: told(rows, scores) for column, scores in columns.items()}
    card = {
        "task": "ensemble",
        "models": {name: metrics[name].signature.split("|")[1].partition(":")[2] for name in PARTS},
        "weights": dict(zip(PARTS, found.round(4).tolist(), strict=True)),
        "fitted": {"sets": names, "rows": sum(len(sets[name][0]) for name in names)},
        "signatures": {name: metrics[name].signature for name in PARTS},
    }
    output.mkdir(parents=True, exist_ok=True)
    (output / "quals.json").write_text(json.dumps(card, indent=1) + "\n", encoding="utf-8")
    if results:
        results.write_text(json.dumps({**card, **report}, indent=1) + "\n", encoding="utf-8")
    click.echo(json.dumps(card["weights"]))
    for name, of in report["sets"].items():
        cells = [f"{column} {_shown(of[column])}" for column in ("quals", "factcc", "copying", "ensemble")]
        click.echo(f"{name} ({of['rows']}, {of['read']}): " + "; ".join(cells))


def _shown(found: dict[str, Any]) -> str:
    numbers = [found.get(measure, {}).get("value") for measure in ("pearson", "roc_auc", "pairs")]
    return " ".join("-" if value is None else f"{value:.2f}" for value in numbers)


if __name__ == "__main__":
    main()
