"""What scores of single sentences say: of their summaries, and of which sentence is wrong.

    python benchmarks/sentences.py dev/{qags_cnndm,pairs_bump}.jsonl.gz --metric factcc,ensemble,quals \\
        -o benchmarks/results/sentences-dev-2026-11-30.json

Of each file: how far the mean and the lowest of a summary's sentence scores agree with people. Where a false summary
differs from a true one of its document in a single sentence: how often that one has the summary's lowest score (where n
sentences have it, it counts as 1/n; and how often a sentence drawn at random is the wrong one), how often it scores
below the sentence it was made from, and the ROC-AUC of all such sentences. Scores come through the score cache.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

import click
import numpy as np
from common import files_argument, machine, output_option, share_at_highest, today, write

from quals.cli.metrics import load_metrics
from quals.cli.outputs import progress_bars
from quals.evaluate.agreement import Labelled, agreement
from quals.evaluate.labelled import DataSet, read_judged
from quals.evaluate.statistics import roc_auc
from quals.nlp import load_pipeline, sentences
from quals.records import Texts
from quals.scoring.cache import ScoreCache, score_rows

Split = list[list[Texts]]  # of each summary, its sentences with the document
Values = Mapping[Texts, float | None]


def split(data: DataSet) -> Split:
    summaries = [row.texts.summary for row in data.rows]
    found = zip(data.rows, sentences(load_pipeline(), summaries), strict=True)
    return [[Texts(row.texts.document, span.of(row.texts.summary)) for span in spans] for row, spans in found]


def agreements(data: DataSet, parts: Split, values: Values) -> dict[str, object]:
    """Of the mean and of the lowest score, with a summary that has a sentence without a score left out."""
    labelled = Labelled(data.documents, [row.label for row in data.rows], [row.pair for row in data.rows])
    each = [[values[part] for part in of] for of in parts]
    known = [[value for value in of if value is not None] for of in each]
    whole = [of if of and len(of) == len(all) else None for of, all in zip(known, each, strict=True)]
    found: dict[str, object] = {}
    for name, take in (("mean", fmean), ("lowest", min)):
        estimates = agreement([take(of) if of else None for of in whole], labelled).estimates
        found[name] = {measure: [e.value, e.low, e.high] for measure, e in estimates.items()}
    return found


def edits(data: DataSet, parts: Split) -> list[tuple[int, list[Texts], Texts]]:
    """The false summaries with one sentence of their own: its place, all sentences, and the one it stands for."""
    true: dict[str, list[list[Texts]]] = defaultdict(list)
    for row, of in zip(data.rows, parts, strict=True):
        if row.label == 1:
            true[row.texts.document].append(of)
    found = []
    for row, of in zip(data.rows, parts, strict=True):
        for original in true[row.texts.document] if row.label == 0 else ():
            own = [place for place, (one, other) in enumerate(zip(of, original, strict=False)) if one != other]
            if len(of) == len(original) and len(own) == 1:
                found.append((own[0], of, original[own[0]]))
                break
    return found


def located(found: Sequence[tuple[int, list[Texts], Texts]], values: Values) -> dict[str, float]:
    scored = [
        (place, of, before)
        for place, of, before in found
        if values[before] is not None and all(values[part] is not None for part in of)
    ]
    first = [share_at_highest([-(values[part] or 0.0) for part in of], {place}) for place, of, _ in scored]
    wrong = np.array([values[of[place]] for place, of, _ in scored], dtype=float)
    right = np.array([values[before] for _, _, before in scored], dtype=float)
    return {
        "summaries": len(scored),
        "lowest": round(fmean(first), 3),
        "chance": round(fmean(1 / len(of) for _, of, _ in scored), 3),
        "below": round(float((wrong < right).mean()), 3),
        "auc": round(roc_auc(np.concatenate([right, wrong]), np.arange(2 * len(scored)) < len(scored)), 3),
    }


@click.command(help=__doc__)
@files_argument
@click.option("--metric", "names", default="factcc,ensemble,quals", show_default=True)
@output_option
def main(files: tuple[str, ...], names: str, output: Path | None) -> None:
    metrics = load_metrics(names, ())
    signatures = {metric.name: metric.signature for metric in metrics}
    content: dict[str, object] = {"date": today(), "machine": machine(), "signatures": signatures}
    for path in files:
        data = read_judged(path)
        parts = split(data)
        rows = list(dict.fromkeys(part for of in parts for part in of))
        changed = edits(data, parts)
        results: dict[str, object] = {"summaries": len(parts), "sentences": len(rows)}
        for metric in metrics:
            with progress_bars() as progress:
                scores = score_rows(metric, rows, ScoreCache(), progress(f"{data.name}, {metric.name}", len(rows)))
            values = dict(zip(rows, (score.value for score in scores), strict=True))
            results[metric.name] = {**agreements(data, parts, values)} | (
                {"edited": located(changed, values)} if changed else {}
            )
        content[data.name] = results
    click.echo(json.dumps(content, indent=1))
    write(output, content)


if __name__ == "__main__":
    main()
