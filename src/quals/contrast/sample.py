"""Samples from a summarizer, kept in a file from which an interrupted run goes on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from quals.contrast.rows import Example
from quals.errors import InputError
from quals.io.results import json_line
from quals.summarizer import GenerationSettings, Summarizer

BATCH = 16  # documents sampled between two writes: what a kill can lose


def sampled(
    examples: Sequence[Example],
    model: Summarizer,
    settings: GenerationSettings,
    path: Path,
    advance: Callable[[int], object] = lambda rows: None,
) -> list[Example]:
    """The examples with summaries that the model wrote; those in the file from an earlier run are taken from it.

    Raises:
        InputError: the file holds samples of other documents, or made in another way.
    """
    signature = model.signature(settings)
    kept = _kept(examples, signature, path)
    advance(len(kept))
    with path.open("a", encoding="utf-8", newline="\n") as stream:
        for start in range(len(kept), len(examples), BATCH):
            batch = examples[start : start + BATCH]
            written = model.summarize([example.document for example in batch], settings)
            for example, summaries in zip(batch, written, strict=True):
                note = summaries.reason if len(summaries.texts) < settings.count else ""
                kept.append(replace(example, samples=summaries.texts, note=note))
                stream.write(json_line(_row(kept[-1], signature)))
            stream.flush()
            advance(len(batch))
    return kept


def _row(example: Example, signature: str) -> dict[str, Any]:
    return {
        "id": example.id,
        "document": example.document,
        "reference": example.reference,
        "summaries": list(example.samples),
        "note": example.note,
        "sampled_with": signature,
    }


def _kept(examples: Sequence[Example], signature: str, path: Path) -> list[Example]:
    """The finished examples of an earlier run; a last line that was not written to its end is cut off the file."""
    if not path.exists():
        return []
    kept: list[Example] = []
    whole = 0
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                break
            kept.append(_checked(json.loads(line), examples, len(kept), signature, path))
            whole += len(line)
    with path.open("r+b") as file:
        file.truncate(whole)
    return kept


def _checked(row: dict[str, Any], examples: Sequence[Example], place: int, signature: str, path: Path) -> Example:
    def refuse(message: str) -> InputError:
        return InputError(f"{message}; choose another folder, or delete the file", file=str(path), line=place + 1)

    if row["sampled_with"] != signature:
        raise refuse(f"sampled with {row['sampled_with']}, not with {signature}")
    if place >= len(examples):
        raise refuse("there are more samples than rows in the input")
    example = examples[place]
    if (row["document"], row["reference"]) != (example.document, example.reference):
        raise refuse(f"samples of another document than that of line {example.line} of the input")
    return replace(example, samples=tuple(row["summaries"]), note=row["note"])
