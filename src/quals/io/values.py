"""Checking the values of rows: texts, and lists of passages that make one."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

from quals.errors import InputError

NOT_UTF8 = "not text: it holds a lone surrogate or bytes that are not UTF-8"
_LIST_OF_TEXTS = re.compile(r'\s*\[\s*["\]]')  # how such a list begins as JSON


def is_text(text: str) -> bool:
    """Whether ``text`` can be encoded: lone surrogates, which JSON can spell out, are no characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def text_value(value: Any, field: str) -> str:
    """The value of a row's field, if it is a text.

    Raises:
        InputError: it is none, or cannot be encoded.
    """
    if not isinstance(value, str):
        raise InputError(f"expected text, found {described(value)}", field=field)
    if not is_text(value):
        raise InputError(NOT_UTF8, field=field)
    return value


def single_text(value: Any, field: str) -> str:
    """The same, and no list as Python or JSON writes it: tables made with pandas hold such cells.

    Raises:
        InputError: it is one, or see `text_value`.
    """
    text = text_value(value, field)
    if _is_written_list(text):
        raise InputError("a list written out as text; a list needs JSONL or Parquet", field=field)
    return text


def document_text(value: Any, field: str) -> str:
    """The same of a document, which may be a list of passages (see `joined_passages`).

    Raises:
        InputError: see `single_text`.
    """
    text = text_value(joined_passages(_written_passages(value)), field)
    if _is_written_list(text):
        message = (
            "passages written as Python writes a list; in CSV write them as JSON (json.dumps), or use JSONL or Parquet"
        )
        raise InputError(message, field=field)
    return text


def _is_written_list(text: str) -> bool:
    if not text.strip().startswith(("['", '["', "[ ")):
        return False
    try:
        return isinstance(ast.literal_eval(text.strip()), list)
    except (SyntaxError, TypeError, ValueError, RecursionError, MemoryError):
        return False


def joined_passages(value: Any) -> Any:
    """One text made of a list of texts, such as the passages that were retrieved, with a blank line between them.

    Where none were retrieved it is empty. The list may be written as JSON, as it is in CSV files. Whatever else
    ``value`` is comes back as it is.
    """
    passages = _written_passages(value)
    if isinstance(passages, list) and all(isinstance(passage, str) for passage in passages):
        return "\n\n".join(passages)
    return value


def _written_passages(value: Any) -> Any:
    """The list that a text is, written as JSON; else the value as it is."""
    if not isinstance(value, str) or not _LIST_OF_TEXTS.match(value):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return value


def described(value: Any) -> str:
    """What stands where a text, or a list of texts, was to stand."""
    if not isinstance(value, list):
        return "null" if value is None else type(value).__name__
    strange = next((place for place, part in enumerate(value) if not isinstance(part, str)), None)
    if strange is None:
        return "a list of texts" if value else "an empty list"
    return f"a list with {described(value[strange])} at place {strange}"
