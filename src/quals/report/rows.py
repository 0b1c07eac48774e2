"""Scored rows: what a page is made of, and reading them back from what ``quals score --explain`` wrote."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from quals.errors import InputError
from quals.io import rows
from quals.io.results import Writer, result_of
from quals.io.rows import FieldNames, Row
from quals.records import Evidence, PairEvidence, Result, Span, Status, SummaryScore, scores_of


@dataclass(frozen=True)
class ScoredRow:
    """A summary, its document, its score, and the name it goes by in the user's file (may be empty)."""

    document: str
    summary: str
    score: SummaryScore
    id: str = ""


@dataclass(frozen=True)
class OtherEvidence(Evidence):
    """Evidence of a kind this module knows nothing of: its further fields as they were."""

    facts: Mapping[str, Any] = field(default_factory=dict)


def read_rows(
    path: str | Path, names: FieldNames | None = None, *, id: str = "id", metric: str | None = None
) -> Iterator[ScoredRow]:
    """Yield the rows of a file of scores; one that cannot be read comes with `Status.INVALID_ROW` and the reason.

    Args:
        path: what ``quals score`` wrote: JSONL, CSV and TSV, plain or gzipped, Parquet, or ``-`` for standard input.
        names: the fields that hold the texts; see `quals.io.rows.FieldNames`.
        id: the field that holds a row's name.
        metric: whose scores, where there are several; by default the first one's.

    Raises:
        InputError: the file cannot be read.
        MissingExtraError: the file is Parquet and pyarrow is not installed.
    """
    for row in rows.read_rows(path, names or FieldNames()):
        # A row that was already invalid when it was scored has a result all the same.
        unread = row.error and not {"status", "scores"} & set(row.fields)
        score = SummaryScore(None, Status.INVALID_ROW, str(row.error)) if unread else _score(row, metric)
        yield scored_row(_placed(row), score, id=id)


def _placed(row: Row) -> Row:
    """With the place in a list of summaries, and in a summary, that the row had when it was scored."""
    summary, sentence = (str(row.fields.get(name, "")) for name in ("summary_index", "sentence_index"))
    return replace(
        row,
        summary_index=int(summary) if summary.isdecimal() else None,
        sentence_index=int(sentence) if sentence.isdecimal() else None,
    )


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


def _score(row: Row, metric: str | None) -> SummaryScore:
    try:
        return score_from_dict(result_of(row.fields, metric))
    except InputError as error:
        return SummaryScore(None, Status.INVALID_ROW, str(error.at(row.file, row.line)))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        what = f"not a row of 'quals score': {type(error).__name__} {error}"
        return SummaryScore(None, Status.INVALID_ROW, str(InputError(what, file=row.file, line=row.line)))


def score_from_dict(row: Mapping[str, Any]) -> SummaryScore:
    """Inverse of `SummaryScore.to_dict`, but for what follows from the rest: the reading and the doubts.

    Further keys are ignored.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: something is missing or of the wrong kind.
    """
    value, evidence = row["score"], row.get("evidence") or ()
    if isinstance(evidence, str):  # a Parquet column whose rows have no type in common
        evidence = json.loads(evidence)
    return SummaryScore(
        value=None if value in (None, "") else float(value),  # CSV has no null
        status=Status(row["status"]),
        reason=str(row.get("reason", "")),
        evidence=tuple(evidence_from_dict(piece) for piece in evidence),
        chunks=int(row.get("chunks", 1)),
        signature=str(row.get("signature", "")),
    )


def evidence_from_dict(piece: Mapping[str, Any]) -> Evidence:
    """A `PairEvidence` if it has all its fields, else an `OtherEvidence` that keeps what there is.

    Raises:
        KeyError, TypeError, ValueError, OverflowError: something is missing, of the wrong kind or not a number.
    """
    # A Parquet column gives each piece the fields of all kinds, those of the other kinds without a value.
    piece = {name: value for name, value in piece.items() if value is not None}
    common: dict[str, Any] = {
        "score": _number(piece["score"]),
        "summary_span": _span(piece.get("summary_span")),
        "document_span": _span(piece.get("document_span")),
    }
    if not all(field.name in piece or field.name in common for field in fields(PairEvidence)):
        return OtherEvidence(**common, facts={key: value for key, value in piece.items() if key not in common})
    tokens = tuple(str(token) for token in piece["tokens"])
    summary, document = (tuple(map(_number, piece[name])) for name in ("summary_logprobs", "document_logprobs"))
    if not len(tokens) == len(summary) == len(document):
        raise ValueError(f"{len(tokens)} tokens with {len(summary)} and {len(document)} log-probabilities")
    return PairEvidence(
        **common,
        question=str(piece["question"]),
        answer=str(piece["answer"]),
        tokens=tokens,
        summary_logprobs=summary,
        document_logprobs=document,
    )


def facts_of(evidence: Evidence) -> Mapping[str, Any]:
    """What a kind of evidence shows beside its score and places."""
    if isinstance(evidence, OtherEvidence):
        return evidence.facts
    common = {field.name for field in fields(Evidence)}
    return {name: getattr(evidence, name) for field in fields(evidence) if (name := field.name) not in common}


def _number(value: Any) -> float:
    number = float(value)
    if math.isnan(number):
        raise ValueError(f"{value} in the evidence")
    return number


def _span(value: Mapping[str, Any] | None) -> Span | None:
    return None if value is None else Span(int(value["start"]), int(value["end"]))
