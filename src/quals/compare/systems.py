"""Files of several systems' summaries -> the documents that all of them have summarized."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quals.errors import InputError
from quals.io.rows import FieldNames, Row, read_rows, row_id


@dataclass(frozen=True)
class Document:
    """A document with each system's summary of it.

    Attributes:
        id: the rows' ``id``, or the line in the first system's file.
        text: the document.
        reference: of the first system whose row has one; None if none has.
        summaries: system -> summary.
    """

    id: str
    text: str
    reference: str | None
    summaries: Mapping[str, str]


@dataclass(frozen=True)
class Systems:
    """What was read.

    Attributes:
        names: of the systems, in the order given.
        documents: those that every system has summarized, in the order of the first file.
        matched_by: ``id`` or ``document``.
        problems: rows that could not be read or used, and documents that a system lacks.
    """

    names: tuple[str, ...]
    documents: tuple[Document, ...]
    matched_by: str
    problems: tuple[InputError, ...]


def read_systems(files: Mapping[str, str], names: FieldNames | None = None) -> Systems:
    """Read a file for each system and bring the rows together.

    Rows belong to the same document if they have the same ``id``, provided that all rows of all files have one;
    otherwise if they have the same document text.

    Args:
        files: system -> file, as `quals.io.rows.read_rows` takes it.
        names: the fields that hold the texts.

    Raises:
        InputError: a file cannot be read; rows of one id have different documents; or the systems have no
            document in common.
    """
    rows: dict[str, list[Row]] = {}
    problems: list[InputError] = []
    for system, file in files.items():
        found = list(read_rows(file, names or FieldNames()))
        problems += [row.error for row in found if row.error]
        rows[system] = [row for row in found if not row.error]
    by_id = all(row_id(row.fields) is not None for each in rows.values() for row in each)
    keyed = {system: _keyed(each, by_id, problems) for system, each in rows.items()}
    texts = _texts(keyed)
    documents = []
    for key in texts:
        lacking = [system for system in files if key not in keyed[system]]
        if lacking:
            row = next(of[key] for of in keyed.values() if key in of)
            message = f"left out: no usable summary of this document by {', '.join(lacking)}"
            problems.append(InputError(message, file=row.file, line=row.line))
        else:
            documents.append(_document({system: keyed[system][key] for system in files}, problems))
    if not documents:
        raise InputError("the systems have no document in common", file=", ".join(files.values()))
    return Systems(tuple(files), tuple(documents), "id" if by_id else "document", tuple(problems))


def _keyed(rows: Sequence[Row], by_id: bool, problems: list[InputError]) -> dict[str, Row]:
    """The rows by what they are matched by; a second summary of the same document is a problem."""
    keyed: dict[str, Row] = {}
    for row in rows:
        key = str(row_id(row.fields)) if by_id else row.document
        first = keyed.setdefault(key, row)
        if first is not row:
            _refuse_other(key, row, first)
            message = f"a second summary of the document of line {first.line}; the first counts"
            problems.append(InputError(message, file=row.file, line=row.line))
    return keyed


def _texts(keyed: Mapping[str, Mapping[str, Row]]) -> dict[str, Row]:
    """Each document once; two documents under one id are no comparison."""
    first: dict[str, Row] = {}
    for rows in keyed.values():
        for key, row in rows.items():
            _refuse_other(key, row, first.setdefault(key, row))
    return first


def _refuse_other(key: str, row: Row, first: Row) -> None:
    if first.document != row.document:
        message = f"differs from the document with the id '{key}' in {first.file}:{first.line}"
        raise InputError(message, file=row.file, line=row.line, field="document")


def _document(rows: Mapping[str, Row], problems: list[InputError]) -> Document:
    given = [row for row in rows.values() if row.reference]
    for row in given[1:]:
        if row.reference != given[0].reference:
            message = f"differs from that in {given[0].file}:{given[0].line}, which is taken"
            problems.append(InputError(message, file=row.file, line=row.line, field="reference"))
    first = next(iter(rows.values()))
    return Document(
        row_id(first.fields) or f"line {first.line}",
        first.document,
        given[0].reference if given else None,
        {system: row.summary for system, row in rows.items()},
    )
