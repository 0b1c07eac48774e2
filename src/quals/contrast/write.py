"""The sets as files: for `quals train conseq`, and as trl's preference and unpaired-feedback data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from quals.contrast.sets import OutputRow, Sets
from quals.errors import InputError
from quals.io.files import write_whole
from quals.io.results import json_line

PROMPT = "{document}\n\nTL;DR:"  # a completion follows after a blank, so that its first word is a whole token


_ROWS = ("positives.jsonl", "negatives.jsonl", "dpo.jsonl", "kto.jsonl", "aside.jsonl")
FILES = (*_ROWS, "summary.json", "evidence.jsonl")  # all that a run writes into its folder


def check_prompt(prompt: str) -> None:
    """See that the document has its place in a prompt.

    Raises:
        InputError: it has none, or more than one.
    """
    if prompt.count("{document}") != 1:
        raise InputError(f"expected {{document}} once in the prompt, found '{prompt}'", field="--prompt")


def write_sets(sets: Sets, folder: Path, prompt: str, settings: dict[str, Any]) -> None:
    """Write all files of the folder, each whole or not at all, the summary last.

    Raises:
        InputError: the prompt has no place for the document.
    """
    check_prompt(prompt)
    preferences, feedback = preference_rows(sets, prompt), feedback_rows(sets, prompt)
    for name, rows in zip(_ROWS, (sets.positives, sets.negatives, preferences, feedback, sets.aside), strict=True):
        write_whole(folder / name, (json_line(row) for row in rows))
    selection = sets.selection
    summary = {
        "settings": settings,
        "counts": {**sets.counts, "dpo": len(preferences), "kto": len(feedback), "aside": len(sets.aside)},
        "means": sets.means,
        "copying": sets.copying,
        "thresholds": {"positive_from": selection.positive_from, "negative_to": selection.negative_to},
        "eligible": {"positives": selection.eligible_positives, "negatives": selection.eligible_negatives},
    }
    write_whole(folder / "summary.json", [json.dumps(summary, indent=2, ensure_ascii=False, allow_nan=False) + "\n"])


def preference_rows(sets: Sets, prompt: str) -> list[OutputRow]:
    """trl's preference format: a prompt with a chosen and a rejected completion, for documents in both sets."""
    chosen = dict(zip(sets.selection.positives, sets.positives, strict=True))
    return [
        {
            "id": row["id"],
            "prompt": _prompt(row, prompt),
            "chosen": f" {chosen[document]['summary']}",
            "rejected": f" {row['summary']}",
        }
        for document, row in zip(sets.selection.negatives, sets.negatives, strict=True)
        if document in chosen
    ]


def feedback_rows(sets: Sets, prompt: str) -> list[OutputRow]:
    """trl's unpaired format: prompt, completion and whether it is good."""
    return [
        {"id": row["id"], "prompt": _prompt(row, prompt), "completion": f" {row['summary']}", "label": good}
        for good, rows in ((True, sets.positives), (False, sets.negatives))
        for row in rows
    ]


def _prompt(row: OutputRow, prompt: str) -> str:
    return prompt.replace("{document}", row["document"])  # a document may hold braces of its own
