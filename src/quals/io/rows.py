"""Reading rows: JSONL, CSV, TSV or Parquet -> one `Row` per summary to score, as a stream.

What is wrong with a single row travels in its ``error``; only what makes the whole file unreadable is raised.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, TypeVar

from quals.errors import InputError
from quals.io.separated import row_count, separated_rows
from quals.io.text import json_lines, suffix_of, text_lines, whole_text
from quals.io.values import document_text, is_text, single_text, text_value
from quals.records import Status

FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet"}
# The first that there is; "source" comes last, as it often holds a publisher or an address, and "answer" after
# "response", beside which it is the right one.
DEFAULT_FIELDS = {
    "document": ("document", "article", "text", "contexts", "retrieved_contexts", "context", "source"),
    "summary": ("summary", "highlights", "hypothesis", "response", "answer"),
    "reference": ("reference", "target", "ground_truth"),
}
PLACES = ("summary_index", "sentence_index", "sentence_start", "sentence_end")  # as they are called in outputs
_PEEK = 64  # rows looked at to find out which default field names the file uses


Taken = TypeVar("Taken")

# A row as it stands in the file: its line, its fields as far as they could be read, and what is wrong with it.
Entry = tuple[int, dict[str, Any], InputError | None]


@dataclass(frozen=True)
class FieldNames:
    """The fields that hold the texts; None stands for the first of `DEFAULT_FIELDS` that the file has."""

    document: str | None = None
    summary: str | None = None
    reference: str | None = None


_ANY_NAMES = FieldNames()


@dataclass(frozen=True)
class Sentence:
    """The place of a sentence in its summary: its number, from 0, and its characters ``start:end``."""

    index: int
    start: int
    end: int

    @property
    def places(self) -> dict[str, int]:
        """By the names of `PLACES`."""
        return dict(zip(PLACES[1:], (self.index, self.start, self.end), strict=True))


@dataclass(frozen=True)
class Row:
    """One summary to score, with the input row it stands in.

    Attributes:
        fields: the input row; where it holds a list of summaries, this one stands in the list's place, and where each
            sentence is scored by itself, the sentence.
        file: the file's name as given; ``-`` for standard input.
        line: the line the row begins on, from 1; in Parquet, the row's number.
        document: the source text; of a list of passages, these with blank lines between them.
        summary: the text to score.
        reference: a reference summary, if the row has one.
        summary_index: the place in the row's list of summaries, from 0; None if the row holds a single text.
        sentence: which of a summary's sentences it is; None if the summary is scored whole.
        names: the fields that the texts are in.
        error: what is wrong with the row; the texts are empty then.
    """

    fields: Mapping[str, Any]
    file: str
    line: int
    document: str = ""
    summary: str = ""
    reference: str | None = None
    summary_index: int | None = None
    sentence: Sentence | None = None
    names: FieldNames = _ANY_NAMES
    error: InputError | None = None

    @property
    def summary_field(self) -> str:
        """The field that the summary is in, or would be."""
        return self.names.summary or DEFAULT_FIELDS["summary"][0]

    @property
    def places(self) -> dict[str, int]:
        """Where it stands in the row, by the names of `PLACES`; nothing where it is all there is."""
        index = {} if self.summary_index is None else {PLACES[0]: self.summary_index}
        return index | (self.sentence.places if self.sentence else {})

    @property
    def place(self) -> str:
        """Where it stands: file, line, and which sentence of the summary it is."""
        sentence = f", sentence_index {self.sentence.index}" if self.sentence else ""
        return f"{self.file}:{self.line}{sentence}"

    def name(self, field: str = "id") -> str:
        """What it calls itself in this field, or its line; "name [0]" is one of a list, "name #0" a sentence."""
        index = "" if self.summary_index is None else f" [{self.summary_index}]"
        sentence = f" #{self.sentence.index}" if self.sentence else ""
        return f"{row_id(self.fields, field) or f'line {self.line}'}{index}{sentence}"


def read_rows(path: str | Path, names: FieldNames = _ANY_NAMES, *, format: str | None = None) -> Iterator[Row]:
    """Open a file and return its rows in order; the file is read as they are taken.

    ``format`` is ``jsonl``, ``csv``, ``tsv`` or ``parquet``; by default the file's suffix says it (before
    ``.gz``, if the file is gzipped text), and standard input, ``-``, is JSONL.

    Raises:
        InputError: the file cannot be read, is of no known format, or has no field of the names sought.
        MissingExtraError: the file is Parquet and pyarrow is not installed.
    """
    return rows_of(entries(path, format), str(path), names)


def rows_of(found: Iterator[Entry], source: str, names: FieldNames = _ANY_NAMES) -> Iterator[Row]:
    """The rows made of entries that come from ``source``; see `read_rows`."""
    known, sure, found = _peek(found)
    asked = {role: getattr(names, role) for role in DEFAULT_FIELDS}
    resolved = FieldNames(**{role: _resolve(role, asked[role], known, source, sure=sure) for role in asked})
    named = names.reference is not None
    return (row for entry in found for row in _rows(entry, resolved, source, named))


def read_documents(path: str | Path, field: str | None = None, *, format: str | None = None) -> Iterator[Row]:
    """Like `read_rows`, but for documents alone: ``summary`` and ``reference`` of the rows stay empty.

    ``field`` holds the document; None stands for the first of `DEFAULT_FIELDS` that the file has.
    """
    known, sure, found = _peek(entries(path, format))
    name = _resolve("document", field, known, str(path), sure=sure)
    return (_with_document(Row(fields, str(path), line, error=error), name) for line, fields, error in found)


def _with_document(row: Row, name: str | None) -> Row:
    try:
        return row if row.error else replace(row, document=_document(row, name or text_field(row.fields, "document")))
    except InputError as error:
        return replace(row, error=error.at(row.file, row.line))


def _peek(found: Iterator[Entry]) -> tuple[list[str], bool, Iterator[Entry]]:
    """The names of the fields in the first rows, whether those tell what the file has, and all the rows."""
    first, failure = take(found, _PEEK)
    if failure and not first:
        raise failure
    known = list(dict.fromkeys(name for _, fields, _ in first for name in fields))
    return known, any(fields and not _unread(fields) for _, fields, _ in first), chain(first, _rest(found, failure))


def _unread(fields: Mapping[str, Any]) -> bool:
    """Whether ``quals score`` wrote this of a row that it could not read, which may lack any field."""
    scores = fields.get("scores")
    result = next(iter(scores.values()), None) if isinstance(scores, dict) else fields
    return isinstance(result, Mapping) and result.get("status") == Status.INVALID_ROW


def _rest(found: Iterator[Entry], failure: InputError | None) -> Iterator[Entry]:
    if failure:
        raise failure
    yield from found


def take(rows: Iterator[Taken], count: int) -> tuple[list[Taken], InputError | None]:
    """The next rows, at most ``count`` of them, and if the file breaks off there, why."""
    taken: list[Taken] = []
    try:
        taken.extend(islice(rows, count))
    except InputError as failure:
        return taken, failure
    return taken, None


def read_texts(document: str | Path, summary: str | Path) -> Row:
    """The row made of two plain text files.

    Raises:
        InputError: a file cannot be read or is not UTF-8.
    """
    texts = {"document": whole_text(document), "summary": whole_text(summary)}
    return Row(texts, str(summary), 1, texts["document"], texts["summary"])


def format_of(path: str | Path) -> str:
    """The format that a file's suffix stands for.

    Raises:
        InputError: it stands for none.
    """
    if str(path) == "-":
        return "jsonl"
    if (suffix := suffix_of(path)) in FORMATS:
        return FORMATS[suffix]
    raise InputError(
        f"unknown suffix '{suffix}'; say what it holds: --format jsonl, csv, tsv or parquet", file=str(path)
    )


def count_rows(path: str | Path, format: str | None = None) -> int | None:
    """How many rows there are; None where that cannot be known beforehand."""
    if not Path(path).is_file():
        return None
    kind = format or format_of(path)
    if kind == "parquet":
        from quals.io import parquet

        return parquet.row_count(path)
    if kind != "jsonl":
        return row_count(str(path), kind)
    try:
        return sum(1 for line in text_lines(path) if line.strip())
    except InputError:
        return None


def entries(path: str | Path, format: str | None = None) -> Iterator[Entry]:
    """The rows of a file as they stand in it, whatever their fields mean; for the rest see `read_rows`."""
    kind = format or format_of(path)
    if kind == "parquet":
        from quals.io.parquet import parquet_rows

        return parquet_rows(str(path))
    return _jsonl(str(path)) if kind == "jsonl" else separated_rows(str(path), kind)


def entries_by_suffix(path: str | Path) -> Iterator[Entry]:
    """Like `entries`, but a file whose suffix says nothing is JSONL."""
    return entries(path, FORMATS.get(suffix_of(path), "jsonl"))


def _jsonl(path: str) -> Iterator[Entry]:
    for line, value in json_lines(path):
        yield (line, {}, value) if isinstance(value, InputError) else (line, value, None)


def row_id(fields: Mapping[str, Any], field: str = "id") -> str | None:
    """What the row calls itself; an empty cell, which is how CSV leaves it out, is nothing."""
    value = fields.get(field_among(fields, (field,)) or field)
    return None if value is None or value == "" else str(value)


def field_among(known: Collection[str], sought: Sequence[str]) -> str | None:
    """The first of the names sought that is known; if none is, the first that differs by case or outer blanks only."""
    alike = {name.strip().casefold(): name for name in reversed(list(known))}
    folded = [name.strip().casefold() for name in sought]
    return next((name for name in sought if name in known), next((alike[n] for n in folded if n in alike), None))


def text_field(fields: Mapping[str, Any], role: str, asked: str | None = None) -> str:
    """The field of a single row that holds the text of a role: the one asked for, or the first of `DEFAULT_FIELDS`.

    Raises:
        InputError: the row has none such.
    """
    name = asked or field_among(fields, DEFAULT_FIELDS[role]) or role
    if name not in fields:
        raise InputError(f"missing; the row has: {', '.join(fields)}. Name it with --{role}-field", field=name)
    return name


def _resolve(role: str, asked: str | None, known: list[str], source: str, *, sure: bool) -> str | None:
    """The field that holds the texts of a role; None for a reference where there is none, or if it is not known yet.

    ``sure`` says that a field which is not ``known`` is not there.
    """
    sought = (asked,) if asked else DEFAULT_FIELDS[role]
    chosen = field_among(known, sought) if not asked or asked in known else None
    if chosen is None and sure and (asked or role != "reference"):
        if len(known) == 1 and re.search(r"[,;|\t]", known[0]):
            raise InputError(
                f"columns are separated by comma, semicolon or tab, in TSV by tab; found: {known[0]}", file=source
            )
        message = f"no field named {' or '.join(sought)}; there are: {', '.join(known)}. Name it with --{role}-field"
        raise InputError(message, file=source)
    return chosen or asked


def _rows(entry: Entry, names: FieldNames, path: str, reference_named: bool) -> Iterator[Row]:
    line, fields, error = entry
    if names.document is None or names.summary is None:  # the first rows did not tell
        known = {role: field_among(fields, DEFAULT_FIELDS[role]) for role in ("document", "summary")}
        names = replace(names, document=names.document or known["document"], summary=names.summary or known["summary"])
    row = Row(fields, path, line, names=names, error=error)
    value = fields.get(summary := row.summary_field)
    if error or not isinstance(value, list):
        yield row if error else _with_texts(row, names, reference_named)
    elif not value:
        yield replace(row, error=InputError("an empty list", file=path, line=line, field=summary))
    else:
        for index, text in enumerate(value):
            one = replace(row, fields={**fields, summary: text}, summary_index=index)
            yield _with_texts(one, names, reference_named)


def _with_texts(row: Row, names: FieldNames, reference_named: bool) -> Row:
    try:
        document = _document(row, names.document or DEFAULT_FIELDS["document"][0])
        summary = single_text(_value(row, row.summary_field), row.summary_field)
        # The first rows may all be without one.
        field = names.reference or field_among(row.fields, DEFAULT_FIELDS["reference"])
        reference = row.fields.get(field) if field else None
        if field and reference is not None and reference_named:
            reference = text_value(reference, field)
    except InputError as error:
        return replace(row, error=error.at(row.file, row.line))
    # A field that merely has a default name, such as "target", may well hold something else.
    reference = reference if isinstance(reference, str) and is_text(reference) else None
    return replace(row, document=document, summary=summary, reference=reference)


def _document(row: Row, field: str) -> str:
    return document_text(_value(row, field), field)


def _value(row: Row, field: str) -> Any:
    if field not in row.fields:
        raise InputError(f"missing; the row has: {', '.join(row.fields)}", field=field)
    return row.fields[field]
