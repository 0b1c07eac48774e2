"""What a trained model says of itself: ``quals.json`` for the program, ``README.md`` for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quals.io.files import write_whole
from quals.lm.format import FACTCC, QA, QAGEN, QG, PairFormat, Task
from quals.lm.framed import CARD
from quals.training.data import Passage
from quals.training.settings import TrainSettings

_ABOUT = {
    QAGEN: "A QAGen model: it reads a text and writes question-answer pairs about it, for the QUALS metric.",
    QG: "A question generation model: it reads a text and an answer and writes the question, for the QAGS metric.",
    QA: "A question answering model: it reads a text and a question and writes the answer, or nothing if the text "
    "has none, for the QAGS metric.",
    FACTCC: "A classifier: it reads a text and a claim and tells whether the text bears it out, for the FactCC metric.",
}

_COLUMNS = {
    "contexts": "contexts seen",
    "hours": "hours",
    "both": "held-out loss (nats/token)",
    "question": "question tokens",
    "answer": "answer tokens",
}


def write_card(
    folder: Path,
    task: Task,
    form: PairFormat,
    settings: TrainSettings,
    passages: Sequence[Passage],
    count: int,
    history: Sequence[dict[str, Any]],
) -> None:
    """Write both files into the model's folder."""
    card = {"task": task.name, "format": form.to_dict(), "training": settings.to_dict()}
    parts = [
        f"# {folder.resolve().name}",
        f"{_ABOUT[task]} Fine-tuned from `{settings.model}` by `quals train {settings.command or task.name}`.",
        "## Data",
        f"{sum(len(passage.pairs) for passage in passages)} pairs on {len(passages)} contexts; "
        f"{count} training examples were drawn from them.",
        "## Settings",
        table(["setting", "value"], [[name, value] for name, value in settings.to_dict().items()]),
        "## Results",
        _results(history),
    ]
    write_both(folder, card, parts)


def write_both(folder: Path, card: dict[str, Any], parts: Sequence[str]) -> None:
    """Write both files; ``quals.json`` last, for a folder that has it is taken for a model that is finished."""
    write_whole(folder / "README.md", "\n\n".join(parts) + "\n")
    write_whole(folder / CARD, json.dumps(card, indent=1) + "\n")


def _results(history: Sequence[dict[str, Any]]) -> str:
    measured = [record for record in history if "both" in record or "figures" in record]
    if not measured:
        return "No validation data was looked at."
    columns = [column for column in _COLUMNS if measured[-1].get(column) is not None]
    figures = list(measured[-1].get("figures", ()))
    seen = [record | record.get("figures", {}) for record in measured]
    losses = table(
        [*(_COLUMNS[column] for column in columns), *figures],
        [[_number(record.get(name, "")) for name in (*columns, *figures)] for record in seen],
    )
    samples = measured[-1].get("samples", ())
    pairs = [f"- {question} | {answer}" for sample in samples for question, answer in sample["pairs"]]
    if not pairs:
        return losses
    return "\n\n".join([losses, "What it made of held-out contexts at the end (question | answer):", "\n".join(pairs)])


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)


def _number(value: float | str) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
