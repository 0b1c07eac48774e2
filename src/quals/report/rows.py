"""Scored rows: what a page is made of, and reading them back from what ``quals score --explain`` wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from quals.io.results import Writer
from quals.io.rows import FieldNames, Row
from quals.io.scored import OtherEvidence, read_scored
from quals.records import Evidence, Result, SummaryScore, scores_of


@dataclass(frozen=True)
class ScoredRow:
    """A summary, its document, its score, and the name it goes by in the user's file (may be empty)."""

    document: str
    summary: str
    score: SummaryScore
    id: str = ""


def read_rows(
    path: str | Path, names: FieldNames | None = None, *, id: str = "id", metric: str | None = None
) -> Iterator[ScoredRow]:
    """Yield the rows of a file of scores, named by the field ``id``; for the rest see `quals.io.scored.read_scored`."""
    for row, score in read_scored(path, names, metric=metric):
        yield scored_row(row, score, id=id)


def scored_row(row: Row, score: SummaryScore, *, id: str = "id") -> ScoredRow:
    """A row as it was read, with its score; without a name it goes by its line."""
    return ScoredRow(row.document, row.summary, score, row.name(id))


class Collector:
    """Passes results on to a writer, and keeps them for a page."""

    def __init__(self, writer: Writer) -> None:
        self.rows: list[ScoredRow] = []
        self._writer = writer

    def write(self, row: Row, result: Result) -> None:
        """Write one result; of several metrics, the page is about the first."""
        self._writer.write(row, result)
        self.rows.append(scored_row(row, scores_of(result)[0]))


def facts_of(evidence: Evidence) -> Mapping[str, Any]:
    """What a kind of evidence shows beside its score and places."""
    if isinstance(evidence, OtherEvidence):
        return evidence.facts
    common = {field.name for field in fields(Evidence)}
    return {name: getattr(evidence, name) for field in fields(evidence) if (name := field.name) not in common}
