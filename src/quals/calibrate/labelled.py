"""Reading scored rows that people have labelled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quals.errors import InputError
from quals.io.labels import SentenceLabels, label_of
from quals.io.numbers import finite
from quals.io.rows import DEFAULT_FIELDS, entries_by_suffix, field_among
from quals.io.scored import result_of
from quals.io.values import joined_passages
from quals.signature import comparable


@dataclass
class LabelledScores:
    """Scores with labels, all made with one signature; and what could not be used."""

    scores: list[float] = field(default_factory=list)
    labels: list[float] = field(default_factory=list)
    documents: list[str] = field(default_factory=list)  # a row without one has a name of its own
    signature: str = ""
    without_document: int = 0
    unscored: int = 0  # rows whose status says why they have no score
    of_sentences: SentenceLabels = field(default_factory=SentenceLabels)
    faults: list[InputError] = field(default_factory=list)


def read_labelled(
    paths: Iterable[str | Path], *, label: str = "label", document: str | None = None, metric: str | None = None
) -> LabelledScores:
    """Read the rows of ``quals score``'s output that carry a label in 0..1 (or true/false).

    Rows without a score are counted, rows with a fault are listed; neither stops the reading.

    Args:
        paths: of files that `quals score` wrote; Parquet, or JSONL, CSV and TSV, plain or gzipped.
        label: the field that holds the label; its case may differ.
        document: the field that holds the document; None stands for the first of `DEFAULT_FIELDS` that a row has.
        metric: whose scores to take; None stands for the first metric of each row.

    Raises:
        InputError: a file cannot be read, or two rows were scored with different settings.
    """
    found = LabelledScores()
    for path, line, row in _rows(paths):
        if isinstance(row, InputError):
            found.faults.append(row)
            continue
        try:
            scored = result_of(row, metric)
            if scored.get("score") in (None, "") and scored.get("status", "ok") != "ok":  # CSV has no null
                found.unscored += 1
                found.of_sentences.add(row, None)
                continue
            score = _number(finite(scored.get("score")), "score")
            target = label_of(row, label)
            group = _document(row, document)
        except InputError as fault:
            found.faults.append(fault.at(str(path), line))
            found.of_sentences.add(row, None)
            continue
        try:
            _keep_signature(found, str(scored.get("signature") or ""))
        except InputError as fault:
            raise fault.at(str(path), line) from fault
        found.of_sentences.add(row, target)
        found.scores.append(score)
        found.labels.append(target)
        found.documents.append(group or f"{path}:{line}")
        found.without_document += group is None
    return found


def _rows(paths: Iterable[str | Path]) -> Iterator[tuple[str | Path, int, dict[str, Any] | InputError]]:
    for path in paths:
        for line, row, error in entries_by_suffix(path):
            yield path, line, error or row


def _number(value: float | None, field: str) -> float:
    if value is None:
        raise InputError("missing or not a number", field=field)
    return value


def _document(row: dict[str, Any], field: str | None) -> str | None:
    if field is not None and field not in row:
        raise InputError(f"missing; the row has: {', '.join(row)}", field=field)
    name = field or field_among([name for name, value in row.items() if value], DEFAULT_FIELDS["document"])
    return str(joined_passages(row[name])) if name and row[name] else None


def _keep_signature(found: LabelledScores, signature: str) -> None:
    if not signature:
        raise InputError("the row has none: what settings was it scored with?", field="signature")
    found.signature = found.signature or signature
    if not comparable(signature, found.signature):
        raise InputError(
            f"{signature!r} differs from {found.signature!r}: one calibration is for one way of scoring",
            field="signature",
        )
