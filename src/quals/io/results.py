"""Writing results: the input row, with the score and what goes with it, as JSONL, CSV, TSV or Parquet."""

from __future__ import annotations

import base64
import json
import math
import os
import sys
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager, nullcontext
from datetime import date, time
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from quals.errors import InputError, QualsError
from quals.io.files import locks, open_alone
from quals.io.rows import FORMATS, PLACES, Row, format_of
from quals.io.separated import jsonl_to_separated
from quals.io.values import is_text
from quals.records import Result, Scores

if TYPE_CHECKING:
    import pyarrow as pa

RESULT_FIELDS = (
    *PLACES,
    *("score", "probability", "band", "status", "reason", "evidence_count", "chunks", "signature"),
    *("evidence", "doubts"),
)
SEVERAL_FIELDS = ("scores", *RESULT_FIELDS)  # reserved where there are several metrics


class Writer(Protocol):
    """Takes results in order."""

    def write(self, row: Row, result: Result) -> None:
        """Write one result."""


def input_fields(row: Row, reserved: Collection[str] = RESULT_FIELDS) -> dict[str, Any]:
    """The input row as it goes into the output.

    A result field always has its own name, one of ``reserved``; an input field of that name goes by
    ``input_<name>``.
    """
    taken = {*reserved, *row.fields}
    return {_free(name, taken) if name in reserved else name: value for name, value in row.fields.items()}


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name = f"input_{name}"
    return name


def output_row(row: Row, result: Result, *, explain: bool = False) -> dict[str, Any]:
    """The input row, its `Row.places`, and the result's ``to_dict``."""
    reserved = SEVERAL_FIELDS if isinstance(result, Scores) else RESULT_FIELDS
    return {**input_fields(row, reserved), **row.places, **result.to_dict(explain=explain)}


def json_line(row: dict[str, Any]) -> str:
    """A row as one line of strict JSON, ending in a newline.

    NaN and infinities become null, dates and times ISO 8601, decimals text, bytes Base64; lone surrogates
    are escaped.
    """
    try:
        line = json.dumps(row, ensure_ascii=False, allow_nan=False, default=_plain)
    except ValueError:
        row = _finite(row)
        line = json.dumps(row, ensure_ascii=False, allow_nan=False, default=_plain)
    return (line if is_text(line) else json.dumps(row, default=_plain)) + "\n"


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return value.isoformat() if isinstance(value, (date, time)) else str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


class JsonlWriter:
    """Writes each result as a line, at once; ``-`` is standard output. To be used with ``with``.

    From the beginning no other run can write to the file: whoever goes on with one opens the writer before looking at
    what is there.

    Raises:
        QualsError: the file cannot be written, or another run is writing to it.
    """

    def __init__(self, path: str | Path, *, explain: bool = False, append: bool = False) -> None:
        self._path, self._explain = path, explain
        try:
            self._opened: AbstractContextManager[BinaryIO] = (
                nullcontext(sys.stdout.buffer) if str(path) == "-" else open_alone(Path(path), append=append)
            )
        except OSError as error:
            raise QualsError(f"{path}: cannot be written: {error.strerror}") from error

    def __enter__(self) -> JsonlWriter:
        self._stream = self._opened.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._opened.__exit__(kind, error, trace)
        except OSError as failure:  # what could not be written is tried again on closing
            if error is None:
                raise QualsError(f"{self._path}: cannot be written: {failure.strerror}") from failure

    def write(self, row: Row, result: Result) -> None:
        """Write one result, through to the operating system."""
        self.write_row(output_row(row, result, explain=self._explain))

    def write_row(self, row: dict[str, Any]) -> None:
        """Write an output row as it is, through to the operating system."""
        try:
            self._stream.write(json_line(row).encode())
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise QualsError(f"{self._path}: cannot be written: {error.strerror}") from error


class TableWriter(JsonlWriter):
    """Collects results beside the output, as JSONL, and turns them into Parquet, CSV or TSV when all are there.

    So the output appears whole or not at all, its columns are known before its first row is written, and
    an interrupted run can be resumed. ``schema`` gives input columns the types they had in a Parquet input.
    """

    def __init__(
        self, path: str | Path, *, explain: bool = False, append: bool = False, schema: pa.Schema | None = None
    ) -> None:
        self._target, self._schema = Path(path), schema
        self._parquet = self._target.suffix.lower() == ".parquet"
        if self._parquet:
            from quals.io.parquet import require_pyarrow

            require_pyarrow()
        super().__init__(rows_path(path), explain=explain, append=append)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        spool = rows_path(self._target)
        try:  # while no other run can write to the rows
            if kind is None and self._parquet:
                from quals.io.parquet import jsonl_to_parquet

                jsonl_to_parquet(spool, self._target, self._schema)
            elif kind is None:
                jsonl_to_separated(spool, self._target)
            if kind is None and locks:
                spool.unlink()
        finally:
            super().__exit__(kind, error, trace)
        if kind is None and not locks:  # an open file cannot be removed
            spool.unlink()


def results_writer(
    output: str | Path,
    *,
    explain: bool = False,
    append: bool = False,
    source: str | None = None,
    format: str | None = None,
) -> JsonlWriter:
    """The writer for the kind of file that ``output`` names; the rows come from ``source``, of this format."""
    if not is_table(output):
        return JsonlWriter(output, explain=explain, append=append)
    schema = None
    if Path(output).suffix.lower() == ".parquet" and source and (format or format_of(source)) == "parquet":
        from quals.io.parquet import parquet_schema

        schema = parquet_schema(source)
        names = input_fields(Row(dict.fromkeys(schema.names), source, 0), SEVERAL_FIELDS)
        for place, name in enumerate(names):  # results have types of their own
            schema = schema.set(place, schema.field(place).with_name(name))
    return TableWriter(output, explain=explain, append=append, schema=schema)


def is_table(path: str | Path) -> bool:
    """Whether an output path asks for Parquet, CSV or TSV.

    Raises:
        InputError: it asks for none of them, nor for JSONL.
    """
    suffix = Path(path).suffix.lower()
    if str(path) != "-" and suffix not in FORMATS:
        raise InputError("results go to a file ending in .jsonl, .csv, .tsv or .parquet, or to -", file=str(path))
    return FORMATS.get(suffix, "jsonl") != "jsonl"


def rows_path(output: str | Path) -> Path:
    """The JSONL file that finished rows are kept in: the output, or while it is being made, its stand-in."""
    return Path(f"{output}.partial.jsonl") if is_table(output) else Path(output)


def refuse_same_file(path: str | Path, inputs: Iterable[str | Path]) -> None:
    """Make sure that a file to write is none of the inputs.

    Raises:
        InputError: it is.
    """
    for source in map(Path, inputs):
        if Path(path).exists() and source.exists() and os.path.samefile(path, source):
            raise InputError("is the input file; write the results to another", file=str(path))
