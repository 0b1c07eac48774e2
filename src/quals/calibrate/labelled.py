"""Reading scored rows that people have labelled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quals.errors import InputError
from quals.io.numbers import finite
from quals.io.text import json_lines
from quals.signature import comparable


@dataclass
class Labelled:
    """Scores with labels, all made with one signature; and what could not be used."""

    scores: list[float] = field(default_factory=list)
    labels: list[float] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)
    signature: str = ""
    unscored: int = 0  # rows whose status says why they have no score
    faults: list[InputError] = field(default_factory=list)


def read_labelled(paths: Iterable[str | Path], *, label: str = "label") -> Labelled:
    """Read the rows of ``quals score``'s output that carry a label in 0..1 (or true/false).

    Rows without a score are counted, rows with a fault are listed; neither stops the reading.

    Raises:
        InputError: a file cannot be read, or two rows were scored with different settings.
    """
    found = Labelled()
    for path, line, row in _rows(paths):
        if isinstance(row, InputError):
            found.faults.append(row)
        elif row.get("score") is None and row.get("status", "ok") != "ok":
            found.unscored += 1
        else:
            _add(found, row, label, str(path), line)
    return found


def _rows(paths: Iterable[str | Path]) -> Iterator[tuple[str | Path, int, dict[str, Any] | InputError]]:
    for path in paths:
        for line, row in json_lines(path):
            yield path, line, row


def _add(found: Labelled, row: dict[str, Any], label: str, file: str, line: int) -> None:
    try:
        score = _number(row, "score", file, line)
        target = _number(row, label, file, line)
        if not 0 <= target <= 1:
            raise InputError(f"{target:g} is not in 0..1", file=file, line=line, field=label)
    except InputError as fault:
        found.faults.append(fault)
        return
    signature = str(row.get("signature", ""))
    found.signature = found.signature or signature
    if not comparable(signature, found.signature):
        raise InputError(
            f"{signature!r} differs from {found.signature!r}: one calibration is for one way of scoring",
            file=file,
            line=line,
            field="signature",
        )
    found.scores.append(score)
    found.labels.append(target)
    found.documents.append(str(row.get("document") or f"{file}:{line}"))


def _number(row: dict[str, Any], field: str, file: str, line: int) -> float:
    value = finite(row.get(field))
    if value is None:
        raise InputError("missing or not a number", file=file, line=line, field=field)
    return value
