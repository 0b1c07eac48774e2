"""Reading what an annotator's browser sends: nothing in it is trusted."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from quals.errors import InputError
from quals.study.records import ATTRIBUTES, CHOICES, Answer
from quals.study.store import Shown

MAX_BYTES = 100_000
MAX_COMMENT = 5_000  # characters
_MAX_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True)
class Save:
    """One save: an answer, the writes it may build on, and a name for this write to recognize it again."""

    answer: Answer
    bases: list[str]
    write_id: str


def parse_save(body: bytes, shown: Shown) -> Save:
    """Read a save of the item that shows ``shown``.

    Raises:
        InputError: it is not what the page sends; the field says where.
    """
    try:
        sent = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InputError("not valid JSON") from error
    _require(isinstance(sent, dict), "body", "expected an object")
    bases, write_id, comment = sent.get("bases"), sent.get("write"), sent.get("comment", "")
    _require(isinstance(bases, list) and all(isinstance(base, str) for base in bases), "bases", "expected names")
    _require(isinstance(write_id, str) and 8 <= len(write_id) <= 64 and write_id.isalnum(), "write", "expected a name")
    _require(isinstance(comment, str) and len(comment) <= MAX_COMMENT, "comment", "expected text that is not too long")
    answer = Answer(
        choices=_choices(sent.get("choices")),
        comment=comment.replace("\0", "").encode("utf-8", "replace").decode(),
        marks=_marks(sent.get("marks", []), {"left": len(shown.left), "right": len(shown.right)}),
        seconds=_seconds(sent.get("seconds")),
    )
    return Save(answer, bases, write_id)


def _choices(sent: Any) -> dict[str, str]:
    _require(isinstance(sent, dict), "choices", "expected an object")
    for attribute, choice in sent.items():
        _require(attribute in ATTRIBUTES and choice in CHOICES, "choices", "no such question or answer")
    return {attribute: sent[attribute] for attribute in ATTRIBUTES if attribute in sent}


def _marks(sent: Any, lengths: dict[str, int]) -> list[dict[str, Any]]:
    _require(isinstance(sent, list), "marks", "expected a list")
    for mark in sent:
        _require(isinstance(mark, dict) and mark.get("side") in ("left", "right"), "marks", "expected a side")
        start, end = mark.get("start"), mark.get("end")
        length = lengths[mark["side"]]
        _require(_is_count(start, length) and _is_count(end, length) and start < end, "marks", "outside the summary")
    marks = {(mark["side"], mark["start"], mark["end"]) for mark in sent}
    return [{"side": side, "start": start, "end": end} for side, start, end in sorted(marks)]


def _seconds(sent: Any) -> float:
    number = isinstance(sent, int | float) and not isinstance(sent, bool)
    _require(number and 0 <= sent <= _MAX_SECONDS, "seconds", "expected a time")
    return float(sent)


def _is_count(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def _require(condition: bool, field: str, message: str) -> None:
    if not condition:
        raise InputError(message, field=field)
