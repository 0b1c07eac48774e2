"""Going on with an interrupted run: which of its rows are done, and are they really of this run?"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from quals.errors import InputError
from quals.io.results import RESULT_FIELDS, SEVERAL_FIELDS, input_fields, json_line
from quals.io.rows import PLACES, Row
from quals.metrics.base import Metric
from quals.records import Status
from quals.scoring.tally import Tally


def skip_finished(
    path: Path, rows: Iterator[Row], tallies: Sequence[Tally], *, metrics: Sequence[Metric], explain: bool
) -> int:
    """Take the rows from ``rows`` whose results already stand in ``path``, count them, and return how many.

    ``tallies`` are those of the metrics, in their order.

    A last line that was not written to its end is cut off the file, so that the next result can follow.

    Raises:
        InputError: a result is not that of its row, was made in another way, or cannot be read; the file
            is left as it was.
    """

    def count(line: bytes, row: Row | None, number: int) -> None:
        scores = _checked(line, row, str(path), number, metrics, explain)
        assert row is not None
        for tally, score in zip(tallies, scores, strict=True):
            tally.add(row, score, _worst(score, tally.keep), score.get("doubts", ()))

    return take_finished(path, rows, count)


def take_finished(path: Path, rows: Iterator[Row], take: Callable[[bytes, Row | None, int], None]) -> int:
    """Give ``take`` each whole line of ``path`` with its row and its number; returns how many there were.

    A last line that was not written to its end is cut off the file. ``take`` raises for a line that is not the
    result of its row; then the file is left as it was.
    """
    if not path.exists():
        return 0
    number = whole = 0
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                number -= 1
                break
            take(line, next(rows, None), number)
            whole += len(line)
    with path.open("r+b") as file:
        file.truncate(whole)
    return number


def _checked(
    line: bytes, row: Row | None, file: str, number: int, metrics: Sequence[Metric], explain: bool
) -> list[dict[str, Any]]:
    """The scores on a line of the output, if they are those that this run would have written for ``row``."""

    def refuse(message: str, field: str = "") -> InputError:
        return InputError(f"{message}; cannot resume", file=file, line=number, field=field)

    try:
        done = json.loads(line)
        scores = [done] if "score" in done else list(done["scores"].values())
        statuses = [(score["score"], Status(score["status"])) for score in scores]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise refuse("not a result of this command") from error
    if row is None:
        raise refuse("there are more results than rows in the input")
    made_with, signatures = [str(score.get("signature")) for score in scores], [metric.signature for metric in metrics]
    if made_with != signatures:
        raise refuse(f"made with {' and '.join(made_with)}, not with {' and '.join(signatures)}", "signature")
    if any(("evidence" in score) != explain for score in scores):
        raise refuse("written without --explain" if explain else "written with --explain", "evidence")
    same_error = all((status is Status.INVALID_ROW) == (row.error is not None) for _, status in statuses)
    reserved = RESULT_FIELDS if "score" in done else SEVERAL_FIELDS
    input_part = {name: value for name, value in done.items() if name not in reserved}
    if input_part != json.loads(json_line(input_fields(row, reserved))) or not same_error:
        raise refuse(f"the result of another row than {row.file}:{row.line}")
    if {name: done[name] for name in PLACES if name in done} != row.places or any(
        (value is None) == (status is Status.OK) for value, status in statuses
    ):
        raise refuse("not a result of this command")
    for score, metric in zip(scores, metrics, strict=True):
        known = metric.calibration
        reading = known.apply(score["score"], metric.signature, row.document) if known else None
        found, expected = score.get("probability"), reading.probability if reading else None
        # On another machine the last digit can differ.
        if found != expected and (found is None or expected is None or not math.isclose(found, expected)):
            message = "made with another calibration (give the same --calibration, or begin anew)"
            raise refuse(message, "probability")
    return scores


def _worst(done: dict[str, Any], count: int) -> list[dict[str, Any]]:
    return sorted(done.get("evidence", ()), key=lambda piece: piece["score"])[:count]
