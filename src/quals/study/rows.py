"""Reading the systems' summaries, and the metrics' scores, from JSONL, CSV, TSV or Parquet files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from quals.errors import InputError
from quals.io.numbers import finite
from quals.io.results import several_scores
from quals.io.rows import DEFAULT_FIELDS, entries, field_among
from quals.io.text import joined_passages, single_text, text_value
from quals.signature import parse
from quals.study.records import Document

Row = dict[str, Any]
_NAMES = {
    "document": DEFAULT_FIELDS["document"],
    "summary": DEFAULT_FIELDS["summary"],
    "id": ("id",),
    "system": ("system",),
}


@dataclass
class Intake:
    """The documents every system has summarized, and what was wrong with the other rows."""

    documents: list[Document]
    systems: list[str]
    problems: list[InputError]


@dataclass
class _Gathered:
    texts: dict[str, str] = field(default_factory=dict)
    summaries: dict[str, dict[str, str]] = field(default_factory=dict)
    systems: list[str] = field(default_factory=list)


def read_documents(sources: Sequence[str]) -> Intake:
    """Gather the systems' summaries of the same documents.

    Args:
        sources: files of rows with document, summary (`DEFAULT_FIELDS`), ``system`` and perhaps ``id``; a source
            written ``NAME=FILE`` gives all its rows the system NAME. Rows belong to the same document if
            they have the same ``id``, or, without one, the same ``document``.

    Raises:
        InputError: a file cannot be read at all, or there are not two systems with documents in common.
    """
    gathered, problems = _Gathered(), []
    for source in sources:
        system, file = _split(source)
        for line, row, error in entries(file):
            if error:
                problems.append(error)
                continue
            try:
                _add(gathered, _named(row) if system is None else {**_named(row), "system": system})
            except InputError as wrong:
                problems.append(wrong.at(file, line))
    return _complete(gathered, problems)


@dataclass
class MetricScores:
    """What metrics say of the summaries, and what was wrong with the other rows.

    Attributes:
        scores: the score by each metric, under document id and system.
        metrics: the metrics' names, in the order they were met.
        problems: rows that could not be read or used, each with its place.
    """

    scores: dict[tuple[str, str], dict[str, float]] = field(default_factory=dict)
    metrics: dict[str, None] = field(default_factory=dict)
    problems: list[InputError] = field(default_factory=list)


def read_scores(sources: Sequence[str]) -> MetricScores:
    """Gather scores by metrics, from what ``quals score`` wrote or from any file with a column for each metric.

    Sources are written as for `read_documents`. In a row with a ``signature`` the ``score`` goes by the name of its
    metric, and nothing else in it is one; ``scores`` holds those of several metrics. In any other row every number is
    a metric's score, but for the columns that name the row. Higher is taken to be better. Cells without a finite number
    are left out.

    Raises:
        InputError: a file cannot be read at all, or holds no number.
    """
    found = MetricScores()
    for source in sources:
        system, file = _split(source)
        for line, row, error in entries(file):
            try:
                if error:
                    raise error
                row = _named(row)
                _add_scores(found, (document_id(row), system or _text(row, "system")), _numbers(row))
            except InputError as wrong:
                found.problems.append(wrong.at(file, line))
    if not found.metrics:
        raise found.problems[0] if found.problems else InputError("no column holds a number", file=", ".join(sources))
    return found


def _add_scores(found: MetricScores, key: tuple[str, str], numbers: dict[str, float]) -> None:
    known = found.scores.setdefault(key, {})
    found.metrics.update(dict.fromkeys(numbers))
    for name, number in numbers.items():
        if known.setdefault(name, number) != number:
            raise InputError(f"'{key[1]}' already has another score of this document", field=name)


def document_id(row: Row) -> str:
    """The row's ``id`` as text; without one, a name made from the document's text.

    Raises:
        InputError: the id is neither text nor a whole number, or there is no document either.
    """
    if row.get("id") not in (None, ""):
        if isinstance(row["id"], bool) or not isinstance(row["id"], str | int):
            raise InputError("expected text or a whole number", field="id")
        return _storable(text_value(str(row["id"]), "id"), "id")
    return "text-" + hashlib.sha256(_text(row, "document").encode()).hexdigest()[:12]


def _named(row: Row) -> Row:
    """With the usual names of the fields: ``document`` for ``article`` or ``Document``."""
    found = {field_among(row, names): role for role, names in _NAMES.items()}
    named = {found.get(name, name): value for name, value in row.items()}
    return named | ({"document": joined_passages(named["document"])} if "document" in named else {})


def _split(source: str) -> tuple[str | None, str]:
    name, equals, file = source.partition("=")
    return (name, file) if equals and name and not Path(source).exists() else (None, source)


def _add(gathered: _Gathered, row: Row) -> None:
    text, summary, system = (_text(row, name) for name in ("document", "summary", "system"))
    summary = summary.strip()  # a blank in front would show which system wrote it
    key = document_id(row)
    if gathered.texts.setdefault(key, text) != text:
        raise InputError(f"differs from the document given before under the id '{key}'", field="document")
    summaries = gathered.summaries.setdefault(key, {})
    if summaries.setdefault(system, summary) != summary:
        raise InputError(f"'{system}' already has another summary of this document", field="summary")
    if system not in gathered.systems:
        gathered.systems.append(system)


def _complete(gathered: _Gathered, problems: list[InputError]) -> Intake:
    if len(gathered.systems) < 2:
        raise problems[0] if problems else InputError("a study needs the summaries of two systems or more")
    documents = []
    for key, summaries in gathered.summaries.items():
        missing = [system for system in gathered.systems if system not in summaries]
        if missing:
            problems.append(InputError(f"document '{key}' is left out: no summary by {', '.join(missing)}"))
        else:
            documents.append(Document(key, gathered.texts[key], summaries))
    if not documents:
        raise InputError("no document has a summary of every system; do the ids or documents agree?")
    return Intake(documents, gathered.systems, problems)


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InputError("missing" if value is None else "expected text that is not empty", field=name)
    return _storable(single_text(value, name), name)


def _storable(text: str, name: str) -> str:
    if "\0" in text:
        raise InputError("holds a NUL, which no database stores", field=name)
    return text


_NOT_METRICS = ("id", "document", "summary", "system", "reference", "evidence_count", "chunks")


def _numbers(row: Row) -> dict[str, float]:
    named = parse(str(row.get("signature") or "")).get("metric")
    if several := row.get("scores"):
        cells = {name: of.get("score") for name, of in several_scores(several).items()}
    else:
        cells = {named: row.get("score")} if named else row
    numbers = {name: _number(value) for name, value in cells.items() if name not in _NOT_METRICS}
    return {name: value for name, value in numbers.items() if value is not None}


def _number(value: object) -> float | None:
    return None if isinstance(value, bool) else finite(value)
