"""Opening text files: plain or gzipped, UTF-8, or standard input as ``-``."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from quals.errors import InputError


def open_text(path: str | Path) -> TextIO:
    """Open a file for reading as UTF-8 (a byte-order mark is skipped); ``-`` is standard input.

    Raises:
        InputError: the file cannot be opened.
    """
    if str(path) == "-":
        return sys.stdin
    try:
        raw = gzip.open(path) if str(path).endswith(".gz") else Path(path).open("rb")
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=str(path)) from error
    return io.TextIOWrapper(raw, encoding="utf-8-sig", newline="")


def json_lines(path: str | Path) -> Iterator[tuple[int, dict[str, Any] | InputError]]:
    """Yield ``(line number, object)`` for each line of a JSONL file; blank lines are skipped.

    A line that is not a JSON object comes as an `InputError` in place of the object, so that one bad line
    does not end the file.
    """
    with open_text(path) as stream:
        lines = iter(stream)
        number = 0
        while True:
            number += 1
            try:
                line = next(lines)
            except StopIteration:
                return
            except UnicodeDecodeError as error:
                # The decoder has lost its place: what follows cannot be told apart from what was damaged.
                raise InputError(f"not UTF-8 text ({error.reason})", file=str(path), line=number) from error
            if line.strip():
                yield number, _json_object(line, str(path), number)


def _json_object(line: str, file: str, number: int) -> dict[str, Any] | InputError:
    try:
        value = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        return InputError(f"not valid JSON: {error}", file=file, line=number)
    if not isinstance(value, dict):
        return InputError(f"expected a JSON object, found {type(value).__name__}", file=file, line=number)
    return value
