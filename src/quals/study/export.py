"""Writing results as CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from quals.study.records import ATTRIBUTES, Judgement

_FORMULA = ("=", "+", "-", "@", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the last are full-width forms
_PREFERENCE = {1: "better", 0: "equal", -1: "worse"}


def judgement_dict(judgement: Judgement) -> dict[str, Any]:
    """A judgement as plain JSON values; a choice says how the first system compares with the second."""
    row = asdict(judgement)
    row["choices"] = {attribute: _PREFERENCE[choice] for attribute, choice in judgement.choices.items()}
    return row


def judgement_rows(judgements: Iterable[Judgement]) -> list[dict[str, Any]]:
    """Judgements as flat rows: one column per attribute, empty where the question has no answer."""
    rows = []
    for judgement in judgements:
        row = judgement_dict(judgement)
        choices, marks = row.pop("choices"), row.pop("marks")
        row |= {attribute: choices.get(attribute, "") for attribute in ATTRIBUTES}
        rows.append({**row, "marks": json.dumps(marks) if marks else ""})
    return rows


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows as CSV that a spreadsheet opens without running anything; empty for no rows."""
    if not rows:
        return ""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return stream.getvalue()


def to_json(value: Any) -> str:
    """JSON, indented, with one newline at the end; a number that is not finite is an error."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _cell(value: Any) -> Any:
    # A text that begins like a formula would be run as one; numbers are written by us and are left alone.
    if isinstance(value, str) and (value[:1] in ("\t", "\r", "\n") or value.lstrip()[:1] in _FORMULA):
        return "'" + value
    return value
