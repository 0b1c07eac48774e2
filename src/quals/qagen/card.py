"""What a trained model says of itself: ``quals.json`` for the program, ``README.md`` for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quals.qagen.data import Passage
from quals.qagen.format import PairFormat
from quals.qagen.settings import TrainSettings


def write_card(
    folder: Path,
    form: PairFormat,
    settings: TrainSettings,
    passages: Sequence[Passage],
    history: Sequence[dict[str, Any]],
) -> None:
    """Write both files into the model's folder."""
    card = {"task": "qagen", "format": form.to_dict(), "training": settings.to_dict()}
    (folder / "quals.json").write_text(json.dumps(card, indent=1) + "\n")
    parts = [
        f"# {folder.name}",
        "A QAGen model: it reads a text and writes question-answer pairs about it, for the QUALS metric. "
        f"Fine-tuned from `{settings.model}` by `quals train qagen`.",
        "## Data",
        f"{sum(len(passage.pairs) for passage in passages)} pairs on {len(passages)} contexts; "
        f"{settings.contexts} training examples were drawn from them.",
        "## Settings",
        _table(["setting", "value"], [[name, value] for name, value in settings.to_dict().items()]),
        "## Results",
        _results(history),
    ]
    (folder / "README.md").write_text("\n\n".join(parts) + "\n")


def _results(history: Sequence[dict[str, Any]]) -> str:
    measured = [record for record in history if "both" in record]
    if not measured:
        return "No validation data was given."
    columns = ["contexts", "hours", "both", "question", "answer"]
    table = _table(
        ["contexts seen", "hours", "held-out loss (nats/token)", "question tokens", "answer tokens"],
        [[_number(record[column]) for column in columns] for record in measured],
    )
    pairs = [f"- {question} | {answer}" for sample in measured[-1]["samples"] for question, answer in sample["pairs"]]
    return "\n\n".join([table, "Pairs written about held-out contexts at the end:", "\n".join(pairs)])


def _table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def _number(value: float) -> str:
    return f"{value:.3f}" if isinstance(value, float) else str(value)
