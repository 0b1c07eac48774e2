"""Reading back what ``quals score`` wrote."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from quals.errors import InputError
from quals.io.numbers import whole
from quals.io.rows import PLACES, FieldNames, Row, Sentence, read_rows
from quals.records import (
    Band,
    ClaimEvidence,
    Doubt,
    Evidence,
    PairEvidence,
    QuestionEvidence,
    Reading,
    Span,
    Status,
    SummaryScore,
    WordEvidence,
)
from quals.signature import parse

_KINDS: tuple[type[Evidence], ...] = (PairEvidence, QuestionEvidence, ClaimEvidence, WordEvidence)
_COMMON = {each.name for each in fields(Evidence)}


@dataclass(frozen=True)
class OtherEvidence(Evidence):
    """Evidence of a kind that is not known here: its further fields as they were."""

    facts: Mapping[str, Any] = field(default_factory=dict)


def read_scored(
    path: str | Path, names: FieldNames | None = None, *, metric: str | None = None
) -> Iterator[tuple[Row, SummaryScore]]:
    """Yield each row of a file of scores with its score; evidence and doubts where they were written, too.

    A row that cannot be read has `Status.INVALID_ROW` and the reason.

    Args:
        path: what ``quals score`` wrote: JSONL, CSV and TSV, plain or gzipped, Parquet, or ``-`` for standard input.
        names: the fields that hold the texts.
        metric: whose scores, where there are several; by default the first one's.

    Raises:
        InputError: the file cannot be read.
        MissingExtraError: the file is Parquet and pyarrow is not installed.
    """
    for row in read_rows(path, names or FieldNames()):
        # A row that was already invalid when it was scored has a result all the same.
        unread = row.error and not {"status", "scores"} & set(row.fields)
        score = SummaryScore(None, Status.INVALID_ROW, str(row.error)) if unread else _score(row, metric)
        yield _placed(row), score


def _placed(row: Row) -> Row:
    """With the place in a list of summaries, and in a summary, that the row had when it was scored."""
    given = ((name, whole(row.fields.get(name))) for name in PLACES)
    found = {name: number for name, number in given if number is not None}
    sentence = [found[name] for name in PLACES[1:] if name in found]
    return replace(
        row, summary_index=found.get(PLACES[0]), sentence=Sentence(*sentence) if len(sentence) == 3 else None
    )


def _score(row: Row, metric: str | None) -> SummaryScore:
    try:
        return score_from_dict(result_of(row.fields, metric))
    except InputError as error:
        return SummaryScore(None, Status.INVALID_ROW, str(error.at(row.file, row.line)))
    except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as error:
        what = f"not a row of 'quals score': {type(error).__name__} {error}"
        return SummaryScore(None, Status.INVALID_ROW, str(InputError(what, file=row.file, line=row.line)))


def result_of(row: Mapping[str, Any], metric: str | None = None) -> Mapping[str, Any]:
    """What a metric says of a row that ``quals score`` wrote, be it alone there or one of several; or else the first.

    Raises:
        InputError: the row has no score by it.
    """
    if "score" in row or not row.get("scores"):
        alone = parse(str(row.get("signature", ""))).get("metric", metric)
        if metric is not None and alone != metric:
            raise InputError(f"no score by {metric}, but by {alone}", field="score")
        return row
    several = several_scores(row["scores"])
    name = next(iter(several), "") if metric is None else metric
    if (scored := several.get(name)) is None:
        there = ", ".join(several) or "none"
        raise InputError(f"no score by {name} (there are: {there})", field="scores")
    return scored


def several_scores(value: Any) -> dict[str, dict[str, Any]]:
    """What the column ``scores`` holds, by metric; in CSV it is JSON.

    Raises:
        InputError: it is something else.
    """
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(of, dict) for of in found.values()):
        raise InputError("expected the scores of several metrics, as quals score writes them", field="scores")
    return found


def score_from_dict(row: Mapping[str, Any]) -> SummaryScore:
    """Inverse of `SummaryScore.to_dict`; further keys are ignored.

    Raises:
        KeyError, TypeError, ValueError, OverflowError, AttributeError: something is missing or of the wrong kind.
    """
    value, probability, count = map(_optional, (row["score"], row.get("probability"), row.get("evidence_count")))
    evidence = tuple(evidence_from_dict(piece) for piece in _list(row.get("evidence")))
    return SummaryScore(
        value=value,
        status=Status(row["status"]),
        reason=str(row.get("reason") or ""),  # what other programs wrote again may have nulls
        evidence=evidence,
        chunks=int(row.get("chunks", 1)),
        signature=str(row.get("signature") or ""),
        reading=None if probability is None else Reading(probability, Band.of(probability)),
        doubts=tuple(_doubt(doubt) for doubt in _list(row.get("doubts"))),
        evidence_count=None if count is None or count == len(evidence) else int(count),
    )


def evidence_from_dict(piece: Mapping[str, Any]) -> Evidence:
    """Inverse of `Evidence.to_dict`: of the kind that has just these fields; if there is none, an `OtherEvidence`.

    Raises:
        KeyError, TypeError, ValueError, OverflowError, AttributeError: something is missing, of the wrong kind or not a
            number.
    """
    # A Parquet column gives each piece the fields of all kinds, those of the other kinds without a value.
    piece = {name: value for name, value in piece.items() if value is not None}
    common: dict[str, Any] = {
        "score": _number(piece["score"]),
        "summary_span": _span(piece.get("summary_span")),
        "document_span": _span(piece.get("document_span")),
    }
    own = {name: value for name, value in piece.items() if name not in _COMMON}
    kind = next((kind for kind in _KINDS if {each.name for each in fields(kind)} - _COMMON == own.keys()), None)
    if kind is None:
        return OtherEvidence(**common, facts=own)
    typed = {each.name: _AS[str(each.type)](own[each.name]) for each in fields(kind) if each.name in own}
    if lengths := [len(value) for value in typed.values() if isinstance(value, tuple)]:
        tokens, *others = lengths
        if any(length != tokens for length in others):
            raise ValueError(f"{tokens} tokens with {' and '.join(map(str, others))} log-probabilities")
    return kind(**common, **typed)


def _list(value: Any) -> Sequence[Any]:
    if isinstance(value, str) and value:  # CSV, or a Parquet column whose rows have no type in common
        value = json.loads(value)
    return value or ()


def _optional(value: Any) -> float | None:
    return None if value in (None, "") else float(value)  # CSV has no null


def _number(value: Any) -> float:
    number = float(value)
    if math.isnan(number):
        raise ValueError(f"{value} in the evidence")
    return number


def _span(value: Mapping[str, Any] | None) -> Span | None:
    return None if value is None else Span(int(value["start"]), int(value["end"]))


def _doubt(value: Mapping[str, Any]) -> Doubt:
    span = Span(int(value["start"]), int(value["end"]))
    return Doubt(str(value["text"]), span, _number(value["loss"]), int(value["level"]))


# How a field of evidence is made, by its type as it is written there.
_AS: dict[str, Callable[[Any], Any]] = {
    "str": str,
    "float": _number,
    "tuple[str, ...]": lambda values: tuple(map(str, values)),
    "tuple[float, ...]": lambda values: tuple(map(_number, values)),
}
