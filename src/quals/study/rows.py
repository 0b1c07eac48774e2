"""Reading the systems' summaries, and the metrics' scores, from JSONL, CSV, TSV or Parquet files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from quals.errors import InputError
from quals.io.numbers import finite
from quals.io.rows import DEFAULT_FIELDS, FieldNames, Row, entries, field_among
from quals.io.scored import several_scores
from quals.io.systems import Systems, document_id, name_of, read_systems, split_source, system_of
from quals.io.values import is_text, joined_passages
from quals.signature import parse


def read_documents(sources: Sequence[str], names: FieldNames | None = None) -> Systems:
    """The documents that every system has summarized; their ids are those that `read_scores` finds scores by.

    Args:
        sources: see `quals.io.systems.read_systems`.
        names: the fields that hold the texts.

    Raises:
        InputError: a file cannot be read at all, or there are not two systems with documents in common.
    """
    found = read_systems(sources, names, _presentable)
    if len(found.names) < 2:
        raise InputError("a study needs the summaries of two systems or more", file=", ".join(sources))
    return found


def _presentable(row: Row) -> Row:
    """With nothing around the summary, which would show who wrote it; see `read_documents`."""
    texts = {row.names.document or "document": row.document, row.names.summary or "summary": row.summary}
    for name, text in texts.items():
        if not text.strip():
            raise InputError("expected text that is not empty", field=name)
    named = {name: str(value) for name, value in row.fields.items() if field_among([name], ("id", "system"))}
    for name, text in {**texts, **named}.items():
        if "\0" in text:
            raise InputError("holds a NUL, which no database stores", field=name)
    return replace(row, summary=row.summary.strip())


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
        system, file = split_source(source)
        for line, row, error in entries(file):
            try:
                if error:
                    raise error
                _add_scores(found, _document_names(row), system or system_of(row), _numbers(row))
            except InputError as wrong:
                found.problems.append(wrong.at(file, line))
    if not found.metrics:
        raise found.problems[0] if found.problems else InputError("no column holds a number", file=", ".join(sources))
    return found


def _document_names(row: Mapping[str, Any]) -> list[str]:
    """What a study may call the row's document: by its id, and by its text, as far as the row has them."""
    by_id, name = document_id(row), field_among(row, DEFAULT_FIELDS["document"])
    text = joined_passages(row[name]) if name else None
    by_text = name_of(text) if isinstance(text, str) and text.strip() and is_text(text) else None
    if not (by_id or by_text):
        raise InputError("missing, and there is no id", field=name or "document")
    return [found for found in (by_id, by_text) if found]


def _add_scores(found: MetricScores, documents: Sequence[str], system: str, numbers: Mapping[str, float]) -> None:
    known = [found.scores.get((document, system), {}) for document in documents]
    for name, number in numbers.items():
        if known[0].get(name, number) != number:  # ids may tell rows of one text apart
            raise InputError(f"'{system}' already has another score of this document", field=name)
    found.metrics.update(dict.fromkeys(numbers))
    for document, scores in zip(documents, known, strict=True):
        found.scores[document, system] = {**numbers, **scores}


_NOT_METRICS = ("id", "document", "summary", "system", "reference", "evidence_count", "chunks")


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    named = parse(str(row.get("signature") or "")).get("metric")
    cells: Mapping[str, Any]
    if several := row.get("scores"):
        cells = {name: of.get("score") for name, of in several_scores(several).items()}
    else:
        cells = {named: row.get("score")} if named else row
    numbers = {name: _number(value) for name, value in cells.items() if name.strip().casefold() not in _NOT_METRICS}
    return {name: value for name, value in numbers.items() if value is not None}


def _number(value: object) -> float | None:
    return None if isinstance(value, bool) else finite(value)
