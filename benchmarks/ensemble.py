"""What PMI and FactCC gain by being put together, and what weights fitted on judgements would do instead.

    python benchmarks/ensemble.py dev/*.jsonl.gz --limit 46 --results benchmarks/results/ensemble-dev-DATE.json

The formula of `metrics/ensemble.py` was chosen on some documents of each file, those that --limit draws; each file is
read on these and on its other documents, of which no row of any file had a say (of PolyTope's 451, 32 are of articles
drawn in another version, which differs in one number). Beside it stands a weighted sum of PMI and FactCC's log-odds,
whose weights are those of a logistic regression on the drawn documents of the other files, with a constant of its own
for each file; files of pairs, whose errors were edited in, are left out of it. Scores come through the score cache.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import numpy.typing as npt
from common import files_argument, tell_versions, today, write
from scipy.optimize import minimize

from quals.evaluate.agreement import Labelled, agreement
from quals.evaluate.labelled import DataSet, JudgedRow, read_judged
from quals.metrics import registry
from quals.metrics.base import Metric
from quals.scoring.cache import ScoreCache, score_rows

Floats = npt.NDArray[np.float64]
METRICS = ("pmi", "factcc", "ensemble", "rouge2-precision")
EDGE = 0.001  # probabilities nearer to 0 or 1 say no more


@dataclass(frozen=True)
class Scored:
    """Rows that all metrics have a score for; ``values`` (rows, metrics)."""

    rows: list[JudgedRow]
    values: Floats

    def of(self, documents: set[str], *, others: bool = False) -> Scored:
        """The rows of these documents, or those of all others."""
        kept = [place for place, row in enumerate(self.rows) if (row.texts.document in documents) != others]
        return Scored([self.rows[place] for place in kept], self.values[kept])

    @property
    def terms(self) -> Floats:
        """(rows, 2): PMI, and FactCC's log-odds."""
        probability = np.clip(self.values[:, METRICS.index("factcc")], EDGE, 1 - EDGE)
        return np.stack([self.values[:, METRICS.index("pmi")], np.log(probability / (1 - probability))], 1)


def score(data: DataSet, metrics: Iterable[Metric], cache: ScoreCache) -> Scored:
    texts = [row.texts for row in data.rows]
    found = [[score.value for score in score_rows(metric, texts, cache)] for metric in metrics]
    kept = [place for place, values in enumerate(zip(*found, strict=True)) if None not in values]
    columns = [[values[place] for place in kept] for values in found]
    return Scored([data.rows[place] for place in kept], np.array(columns, dtype=float).T)


def weights(sets: Sequence[Scored]) -> Floats:
    """Of the two terms."""
    terms = np.concatenate([each.terms for each in sets])
    labels = np.array([row.label for each in sets for row in each.rows])
    own = np.repeat(np.eye(len(sets)), [len(each.rows) for each in sets], axis=0)
    inputs = np.concatenate([terms, own], 1)

    def loss(found: Floats) -> float:
        z = inputs @ found
        return float(np.sum(np.logaddexp(0, z) - labels * z) + 0.5 * found @ found)

    return np.array(minimize(loss, np.zeros(inputs.shape[1]), method="BFGS").x[:2])


def told(data: Scored, weighted: Floats) -> dict[str, Any]:
    """How far each metric, and the weighted sum, agree with people on these rows, with intervals."""
    rows = data.rows
    of = Labelled([row.texts.document for row in rows], [row.label for row in rows], [row.pair for row in rows])
    columns = dict(zip(METRICS, data.values.T, strict=True)) | {"weighted sum": data.terms @ weighted}
    return {"rows": len(rows)} | {
        name: {measure: asdict(found) for measure, found in agreement(values.tolist(), of).estimates.items()}
        for name, values in columns.items()
    }


@click.command(help=__doc__)
@files_argument
@click.option("--limit", type=click.IntRange(min=1), required=True, help="Documents of each file, with a fixed seed.")
@click.option("--results", type=click.Path(path_type=Path), help="Where what was measured goes, as JSON.")
def main(files: Sequence[str], limit: int, results: Path | None) -> None:
    cache, sets = ScoreCache(), [read_judged(file) for file in files]
    for each in sets:
        tell_versions(each)
    metrics = [registry.load(name) for name in METRICS]
    scored = {data.name: score(data, metrics, cache) for data in sets}
    chosen = {data.name: {row.texts.document for row in data.sample(limit, 0).rows} for data in sets}
    drawn = set().union(*chosen.values())
    report: dict[str, Any] = {
        "date": today(),
        "signatures": {metric.name: metric.signature for metric in metrics},
        "sets": {},
    }
    for name, rows in scored.items():
        here = {row.texts.document for row in rows.rows}
        rest = [scored[one].of(chosen[one] - here) for one in scored if one != name]
        weighted = weights([each for each in rest if each.rows and not any(row.pair for row in each.rows)])
        parts = {"drawn": rows.of(chosen[name]), "others": rows.of(drawn, others=True)}
        found = {part: told(data, weighted) for part, data in parts.items() if data.rows}
        report["sets"][name] = {"weights": weighted.tolist(), **found}
        for part, data in found.items():
            cells = [f"{metric} {_shown(data[metric])}" for metric in (*METRICS, "weighted sum")]
            click.echo(f"{name} ({data['rows']}, {part}): " + "; ".join(cells))
    write(results, report)


def _shown(found: dict[str, Any]) -> str:
    numbers = [found.get(measure, {}).get("value") for measure in ("pearson", "roc_auc", "pairs")]
    return " ".join("-" if value is None else f"{value:.2f}" for value in numbers)


if __name__ == "__main__":
    main()
