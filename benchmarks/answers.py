"""How well scores of single sentences tell the false ones of the example answers from the true ones.

    for name in answers answers-more; do
        quals score examples/$name.jsonl --metric factcc,ensemble,quals --sentences -o $name.scored.jsonl
    done
    python benchmarks/answers.py answers.scored.jsonl answers-more.scored.jsonl -o benchmarks/results/answers.json

Each row has ``sentences``, which say what is true: text, label, and kind (of a true one, copied or reworded). A part
of a sentence counts as the sentence, and two that were not told apart as one, false if either is. For each file and
metric: how many false ones, and how many true ones of each kind, are below a probability of one half, with the ROC-AUC
of that kind against the false ones; how many are above, and how many of these are true; and in how many wrong answers
the sentence with the lowest score is false.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from common import files_argument, machine, output_option, today, write

from quals.evaluate.statistics import roc_auc
from quals.io.scored import read_scored, several_scores
from quals.records import SummaryScore


def kind_of(row: Mapping[str, Any], sentence: str) -> str:
    """The kind of a true sentence; of a false one, "false"."""
    known = [each for each in row["sentences"] if sentence in each["text"] or each["text"] in sentence]
    assert known, sentence
    kinds = [str(each["kind"]) if each["label"] else "false" for each in known]
    return next((kind for kind in ("false", "reworded") if kind in kinds), kinds[0])


def figures(rows: list[tuple[str, str, SummaryScore]]) -> dict[str, object]:
    """Of (answer, kind, score) for each sentence."""
    values: dict[str, list[float]] = defaultdict(list)
    below: dict[str, int] = defaultdict(int)
    answers: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for answer, kind, score in rows:
        assert score.value is not None
        assert score.reading is not None
        values[kind].append(score.value)
        below[kind] += score.reading.probability < 0.5
        answers[answer].append((score.value, kind))
    wrong = [of for of in answers.values() if any(kind == "false" for _, kind in of)]
    found: dict[str, object] = {
        kind: {"sentences": len(of), "below half": below[kind]} | ({} if kind == "false" else {"auc": auc(of, values)})
        for kind, of in values.items()
    }
    found["all true"] = {"auc": auc([value for kind, of in values.items() if kind != "false" for value in of], values)}
    sure = [(kind != "false") for _, kind, score in rows if score.reading and score.reading.probability >= 0.5]
    found["half and above"] = {"sentences": len(sure), "true": sum(sure)}
    found["wrong answers"] = {"answers": len(wrong), "lowest is false": sum(min(of)[1] == "false" for of in wrong)}
    return found


def auc(true: list[float], values: dict[str, list[float]]) -> float:
    scores = np.array([*true, *values["false"]])
    return round(roc_auc(scores, np.arange(len(scores)) < len(true)), 3)


@click.command(help=__doc__)
@files_argument
@output_option
def main(files: Sequence[str], output: Path | None) -> None:
    content: dict[str, object] = {"date": today(), "machine": machine()}
    for file in files:
        first = json.loads(Path(file).read_text(encoding="utf-8").splitlines()[0])
        of_file: dict[str, object] = {}
        for name in several_scores(first["scores"]):
            scored = list(read_scored(file, metric=name))
            kinds = [(str(row.fields["id"]), kind_of(row.fields, row.summary), score) for row, score in scored]
            of_file[name] = {"signature": scored[0][1].signature, **figures(kinds)}
        content[Path(file).name.partition(".")[0]] = of_file
    click.echo(json.dumps(content, indent=1))
    write(output, content)


if __name__ == "__main__":
    main()
