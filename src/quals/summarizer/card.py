"""What a trained summarizer says of itself: ``quals.json`` for the program, ``README.md`` for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quals.lm.format import PairFormat
from quals.summarizer.data import Data, Encoding
from quals.summarizer.model import SUMMARIZER
from quals.summarizer.settings import FitSettings
from quals.training.card import table, write_both


@dataclass(frozen=True)
class DataUsed:
    """One lot of data and how it came to be used.

    Attributes:
        role: what it was to the training.
        learnt: of validation data, how many rows have a document that was trained on.
    """

    role: str
    data: Data
    encoding: Encoding
    learnt: int = 0

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "sources": list(self.data.sources),
            "examples": len(self.encoding.examples),
            "left_out": dict(self.data.counts),
            "documents_cut": self.encoding.cut,
            "share_of_tokens_cut": round(self.encoding.lost, 4),
            **({"also_trained_on": self.learnt} if self.learnt else {}),
        }

    def __str__(self) -> str:
        text = f"{self.role}: {self.data.report()}"
        if self.encoding.cut:
            text += f"; {self.encoding.cut} documents lost their tail, {self.encoding.lost:.1%} of all tokens"
        if self.learnt:
            text += f"; the documents of {self.learnt} are trained on, too: for these the loss is not held out"
        return text


def write_card(
    folder: Path,
    command: str,
    form: PairFormat,
    settings: FitSettings,
    used: Sequence[DataUsed],
    history: Sequence[dict[str, Any]],
) -> None:
    """Write both files into the model's folder."""
    card = {
        "task": SUMMARIZER.name,
        "format": form.to_dict(),
        "training": {"command": command, **settings.to_dict()},
        "data": {each.role: each.to_dict() for each in used},
    }
    parts = [
        f"# {folder.resolve().name}",
        "A summarizer: it reads a document and writes a summary (`quals summarize`). "
        f"Trained from `{settings.model}` by `quals train {command}`.",
        "## Data",
        "\n".join(f"- {each}" for each in used),
        "## Settings",
        table(["setting", "value"], list(settings.to_dict().items())),
        "## Results",
        _results(history),
    ]
    write_both(folder, card, parts)


def _results(history: Sequence[dict[str, Any]]) -> str:
    measured = [record for record in history if "loss" in record]
    if not measured:
        return "No validation data was looked at."
    rows = [
        (record["step"], record["examples"], f"{record['hours']:.3f}", f"{record['loss']:.3f}") for record in measured
    ]
    samples = [
        f"> reference: {_line(sample['reference'])}\n>\n> written: {_line(sample['summary'] or '')}"
        for sample in measured[-1]["samples"]
    ]
    header = ["step", "examples", "hours", "held-out loss (nats/token)"]
    return "\n\n".join([table(header, rows), "Summaries of held-out documents at the end:", *samples])


def _line(text: str) -> str:
    return " ".join(text.split())
