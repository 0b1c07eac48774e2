"""Reading and writing CSV and TSV."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quals.errors import InputError
from quals.io.files import appearing_whole, not_written
from quals.io.pieces import RowLines, without_pieces
from quals.io.text import text_lines
from quals.io.values import NOT_UTF8, is_text

if TYPE_CHECKING:
    from quals.io.rows import Entry

_HEADER_LINES = 20  # at most, where quoted names have line ends; a stray quote would have no end
_QUOTED = re.compile(r'"[^"]*"?')
_DELIMITER_LINE = re.compile(r'sep=([^"\w\s]|\t)\s*')  # "sep=;", with which some programs tell spreadsheets


def separated_rows(path: str, format: str) -> Iterator[Entry]:
    """The rows of a file; ``format`` is ``csv`` or ``tsv``.

    Raises:
        InputError: the file or its header cannot be read, or two columns have the same name.
    """
    begun, delimiter = _begun(text_lines(path), format)
    return without_pieces(_rows(RowLines(begun), delimiter, path, format), path, delimiter)


def _rows(lines: RowLines, delimiter: str, path: str, format: str) -> Iterator[tuple[Entry, str, bool]]:
    """The rows, each with its text and whether it is no CSV."""
    reader = _reader(lines, delimiter)
    header: list[str] | None = None
    width = 0
    while True:
        lines.begin_row()
        line = lines.number + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            invalid = InputError(f"not valid {format.upper()}: {error}", file=path, line=line)
            if header is None:  # else the first row would become the header
                raise invalid from error
            lines.give_back()
            yield (line, {}, invalid), lines.text, True
            continue
        if not cells:
            continue
        if header is None:
            header, width = _header(cells, path, line), len(cells)
        else:
            if len(cells) == width and not any(cells[len(header) :]):
                cells = cells[: len(header)]
            fields = dict(zip(header, cells, strict=False))
            wrong = _count_error(header, cells, path, line) or _bytes_error(fields, path, line)
            yield (line, fields, wrong), lines.text, False


def row_count(path: str, format: str) -> int | None:
    """How many rows there are; None for a file that cannot be read to its end."""
    try:
        return sum(1 for cells in _reader(*_begun(text_lines(path), format)) if cells) - 1
    except (InputError, csv.Error):
        return None


def _reader(lines: Iterable[str], delimiter: str) -> Any:  # typeshed's name for it is private
    csv.field_size_limit(2**31 - 1)  # the default, 131,072 characters, is less than a long document
    # Strict, for otherwise a stray quote silently changes the text.
    return csv.reader(lines, strict=True, delimiter=delimiter)


def _begun(lines: Iterable[str], format: str) -> tuple[Iterator[str], str]:
    """The lines, and what separates their columns."""
    begin, quotes = [], 0
    for line in (rest := iter(lines)):
        begin.append(line)
        quotes += line.count('"')
        if line.strip() and (quotes % 2 == 0 or len(begin) >= _HEADER_LINES):
            break
    told = _DELIMITER_LINE.fullmatch(begin[-1]) if begin else None
    delimiter = told[1] if told else _delimiter("".join(begin), format)
    if told:
        begin[-1] = "\n"  # lines keep their numbers
    return chain(begin, rest), delimiter


def _delimiter(header: str, format: str) -> str:
    # Where the decimal point is a comma, spreadsheets write semicolons and still call it CSV.
    delimiters = "\t" if format == "tsv" else ",;\t"
    bare = _QUOTED.sub("", header)
    return next((delimiter for delimiter in delimiters if delimiter in bare), delimiters[0])


def _header(cells: list[str], path: str, line: int) -> list[str]:
    """The names; without several at the end that are empty, as spreadsheets write columns that were used once."""
    if cells.count("") > 1 and any(cells):
        while not cells[-1]:
            cells = cells[:-1]
    for name in cells:
        if cells.count(name) > 1:
            message = "two columns have this name" if name else "two columns have no name"
            raise InputError(message, file=path, line=line, field=name)
    return cells


def _count_error(header: list[str], cells: list[str], path: str, line: int) -> InputError | None:
    if len(cells) == len(header):
        return None
    return InputError(f"{len(cells)} columns, but the header has {len(header)}", file=path, line=line)


def _bytes_error(fields: dict[str, str], path: str, line: int) -> InputError | None:
    broken = next((name for name, text in fields.items() if not is_text(text)), None)
    return (
        InputError(f"{NOT_UTF8}; save it as UTF-8", file=path, line=line, field=broken) if broken is not None else None
    )


def jsonl_to_separated(source: Path, target: Path) -> None:
    """Rewrite JSONL as CSV or, by the suffix, TSV, in constant memory; ``target`` appears when it is whole.

    There is a column for every name in any row. What is neither text nor a number is JSON; nothing is an empty cell.

    Raises:
        QualsError: it cannot be written; ``source`` stays.
    """
    try:
        columns = list(dict.fromkeys(name for row in _objects(source) for name in row))
        with (
            appearing_whole(target) as partial,
            partial.open("w", encoding="utf-8", errors="replace", newline="") as stream,
        ):
            delimiter = "\t" if target.suffix.lower() == ".tsv" else ","
            bare = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
            quoted = csv.writer(stream, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
            for cells in chain([columns], ([_cell(row.get(name)) for name in columns] for row in _objects(source))):
                # A lone carriage return ends a row for many readers, but is not quoted by itself.
                (quoted if any("\r" in cell for cell in cells) else bare).writerow(cells)
    except OSError as error:
        raise not_written(target, source, error) from error


def _objects(source: Path) -> Iterator[dict[str, Any]]:
    with source.open(encoding="utf-8", newline="\n") as lines:
        yield from map(json.loads, lines)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
