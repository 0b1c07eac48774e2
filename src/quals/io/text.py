"""Opening text files: plain or gzipped, UTF-8, or standard input as ``-``."""

from __future__ import annotations

import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, TextIO, cast

from quals.errors import InputError
from quals.io.values import is_text

_UTF16 = ("\udcff\udcfe", "\udcfe\udcff")  # its byte-order marks, read as UTF-8
_GZIP = "\x1f\udc8b"
_OVER_LINES = re.compile(r"\s*(?:[\[{]|\[\s*\{.*)\s*")  # how JSON begins that is no JSONL
_DEEPEST = 100  # structures within structures; all that is done with them goes as deep


def open_text(path: str | Path, *, errors: str = "strict") -> TextIO:
    """Open a file for reading as UTF-8 (a byte-order mark is skipped); ``-`` is standard input.

    ``errors`` says what becomes of bytes that are not UTF-8, as for `open`.

    Raises:
        InputError: the file cannot be opened, or is standard input and has been read already.
    """
    if str(path) == "-" and sys.stdin.buffer.closed:
        raise InputError("standard input can be read only once", file="-")
    try:
        raw = _open_binary(path)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", file=str(path)) from error
    return io.TextIOWrapper(raw, encoding="utf-8-sig", errors=errors, newline="")


def suffix_of(path: str | Path) -> str:
    """What a file's name ends with, in small letters and without the ``.gz`` of a gzipped one; may be empty."""
    name = Path(str(path).lower())
    return Path(name.stem).suffix if name.suffix == ".gz" else name.suffix


def _open_binary(path: str | Path) -> BinaryIO:
    if str(path) == "-":
        return sys.stdin.buffer
    raw = gzip.open(path) if str(path).lower().endswith(".gz") else Path(path).open("rb")
    return cast(BinaryIO, raw)


def text_lines(path: str | Path) -> Iterator[str]:
    """Yield the lines of a file with their ends; bytes that are not UTF-8 come as lone surrogates (`is_text`).

    Raises:
        InputError: the file cannot be opened, is UTF-16, or reading it fails on the way.
    """
    number = 0
    with open_text(path, errors="surrogateescape") as stream:
        try:
            for number, line in enumerate(stream, 1):
                if number == 1 and line.startswith(_UTF16):
                    raise InputError("this is UTF-16 text; save it as UTF-8", file=str(path))
                if number == 1 and line.startswith(_GZIP):
                    raise InputError("this is gzipped: name it .gz, or unpack it with zcat", file=str(path))
                yield line
        except (OSError, EOFError, zlib.error) as error:
            message = f"cannot be read any further: {error}"
            raise InputError(message, file=str(path), line=number + 1) from error


def whole_text(path: str | Path) -> str:
    """All of a file.

    Raises:
        InputError: it cannot be read, or is not UTF-8.
    """
    try:
        with open_text(path) as stream:
            return stream.read()
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text ({error.reason})", file=str(path)) from error
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot be read: {error}", file=str(path)) from error


def json_lines(path: str | Path) -> Iterator[tuple[int, dict[str, Any] | InputError]]:
    """Yield ``(line number, object)`` for each line of a JSONL file; blank lines are skipped.

    A line that is not UTF-8 or not a JSON object comes as an `InputError` in place of the object, so that
    one bad line does not end the file.

    Raises:
        InputError: the first line begins a list of objects, or an object that goes on; and see `text_lines`.
    """
    begun = False
    for number, line in enumerate(text_lines(path), 1):
        if not begun and _OVER_LINES.fullmatch(line):
            message = "JSON, but not with one object on each line, as JSONL has it (jq -c '.[]' writes a list so)"
            raise InputError(message, file=str(path), line=number)
        if line.strip():
            begun = True
            yield number, _json_object(line, str(path), number)


def _json_object(line: str, file: str, number: int) -> dict[str, Any] | InputError:
    if not is_text(line):
        return InputError("not UTF-8 text", file=file, line=number)
    try:
        # The mark is that of a file that was appended to another.
        value = _JSON.decode(line.rstrip("\r\n").removeprefix("\ufeff"))
    except json.JSONDecodeError as error:
        message = f"not valid JSON at column {error.colno}: {error.msg.removesuffix(' at')}"
        return InputError(message, file=file, line=number)
    except (ValueError, RecursionError) as error:  # a number too long, brackets too deep, a field twice
        return InputError(f"not readable as JSON: {error}", file=file, line=number)
    if line.count("[") + line.count("{") > _DEEPEST and _depth(value) > _DEEPEST:
        return InputError(f"brackets within brackets, over {_DEEPEST} of them", file=file, line=number)
    if not isinstance(value, dict):
        return InputError(f"expected a JSON object, found {type(value).__name__}", file=file, line=number)
    return value


def _object(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(fields)
    if len(value) < len(fields):
        names = [name for name, _ in fields]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object has two fields '{twice}'")
    return value


_JSON = json.JSONDecoder(object_pairs_hook=_object)  # made once, since `json.loads` would make one for each line


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level:
        depth += 1
        inside = (part.values() if isinstance(part, dict) else part for part in level if isinstance(part, dict | list))
        level = [one for parts in inside for one in parts]
    return depth - 1
