"""A stream of rows through a summarizer: documents in, the same rows with their summaries out."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from quals.errors import InputError
from quals.io.results import input_fields, json_line
from quals.io.rows import Row, take
from quals.records import Status
from quals.salvage import salvage
from quals.scoring.resume import take_finished
from quals.scoring.run import windows
from quals.summarizer.model import Summaries, Summarizer
from quals.summarizer.settings import GenerationSettings

_LAST_FIELDS = ("status", "reason", "signature")
ONE, SEVERAL = ("summary", "log_prob"), ("summaries", "log_probs")


@dataclass
class Tally:
    """What a run came to: how many rows ended in which status, and how many summaries come with a note."""

    statuses: Counter[Status] = field(default_factory=Counter)
    noted: int = 0

    @property
    def troubled(self) -> int:
        """How many rows could not be read, or made the model fail."""
        return self.statuses[Status.INVALID_ROW] + self.statuses[Status.ERROR]

    def add(self, status: Status, reason: str) -> None:
        """Count one row."""
        self.statuses[status] += 1
        self.noted += status is Status.OK and bool(reason)

    def __str__(self) -> str:
        without = ", ".join(f"{status} {count}" for status, count in self.statuses.items() if status is not Status.OK)
        parts = [f"{self.statuses[Status.OK]} documents summarized"]
        parts += [f"{self.noted} of them with a note in `reason`"] if self.noted else []
        parts += [f"without a summary: {without}"] if without else []
        return "; ".join(parts)


def summarized(
    rows: Iterable[Row], model: Summarizer, settings: GenerationSettings, *, window: int = 64
) -> Iterator[tuple[Row, Summaries]]:
    """Yield each row with its summaries, in order, holding no more than ``window`` rows at a time.

    A row that could not be read gets `Status.INVALID_ROW`. If the model fails on a window, that is
    halved until the rows it fails on are alone; they get `Status.ERROR`.

    Raises:
        QualsError: the model cannot work at all; or after the last row that could be read, that ``rows`` breaks off.
    """
    rows = iter(rows)
    for size in windows(window):
        batch, failure = take(rows, size)  # what was read before a file breaks off counts
        results = iter(_summaries(model, [row.document for row in batch if not row.error], settings))
        for row in batch:
            yield row, Summaries((), (), Status.INVALID_ROW, str(row.error)) if row.error else next(results)
        if failure:
            raise failure
        if len(batch) < size:
            return


def _summaries(model: Summarizer, documents: Sequence[str], settings: GenerationSettings) -> list[Summaries]:
    def failed(error: BaseException) -> Summaries:
        return Summaries((), (), Status.ERROR, f"{type(error).__name__}: {error}")

    return salvage(lambda part: model.summarize(part, settings), documents, failed)


def output_row(row: Row, result: Summaries, settings: GenerationSettings, signature: str) -> dict[str, Any]:
    """The input row followed by what was written about it, and how it came about.

    One summary stands in ``summary``, its log-probability in ``log_prob``; several are lists, ``summaries`` and
    ``log_probs``. Where one is written, a ``summary`` that the row had already makes way: it becomes its
    ``reference``, unless the row has one.
    """
    text, log_prob = _names(settings)
    if settings.count == 1:
        written: dict[str, Any] = {
            text: next(iter(result.texts), None),
            log_prob: next(iter(result.log_probs), None),
        }
    else:
        written = {text: list(result.texts), log_prob: list(result.log_probs)}
    end = {"status": str(result.status), "reason": result.reason, "signature": signature}
    return {**_input(row, settings), **written, **end}


def skip_summarized(
    path: Path, rows: Iterator[Row], tally: Tally, settings: GenerationSettings, signature: str
) -> None:
    """Take the rows from ``rows`` whose summaries already stand in ``path``, and count them.

    Raises:
        InputError: a line is not what this run would have written for its row; the file is left as it was.
    """

    def count(line: bytes, row: Row | None, number: int) -> None:
        try:
            done = json.loads(line)
            status, reason = Status(done["status"]), done["reason"]
            message = _mismatch(done, row, settings, signature)
        except (ValueError, TypeError, KeyError):
            message = "not a result of this command"
        if message:
            raise InputError(f"{message}; cannot resume", file=str(path), line=number)
        tally.add(status, reason)

    take_finished(path, rows, count)


def _mismatch(done: dict[str, Any], row: Row | None, settings: GenerationSettings, signature: str) -> str:
    """Why a line of the output is not that of the row; empty if it is."""
    if row is None:
        return "there are more results than rows in the input"
    if done["signature"] != signature:
        return f"made with {done['signature']}, not with {signature}"
    reserved = (*_names(settings), *_LAST_FIELDS)
    fields = {name: value for name, value in done.items() if name not in reserved}
    same_error = (done["status"] == Status.INVALID_ROW) == (row.error is not None)
    if fields != json.loads(json_line(_input(row, settings))) or not same_error:
        return f"the result of another row than {row.file}:{row.line}"
    return ""


def _names(settings: GenerationSettings) -> tuple[str, str]:
    return ONE if settings.count == 1 else SEVERAL


def _input(row: Row, settings: GenerationSettings) -> dict[str, Any]:
    if settings.count == 1 and "summary" in row.fields and "reference" not in row.fields:
        fields = {"reference" if name == "summary" else name: value for name, value in row.fields.items()}
        row = replace(row, fields=fields)
    return input_fields(row, (*_names(settings), *_LAST_FIELDS))
