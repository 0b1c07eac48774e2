"""Files of several systems' summaries -> the documents that all of them have summarized."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quals.errors import InputError
from quals.io.rows import FieldNames, Row, field_among, read_rows, row_id
from quals.io.values import text_value


@dataclass(frozen=True)
class Document:
    """A document with each system's summary of it.

    Attributes:
        id: the rows' ``id``; where they were matched by their texts, a name made from that (`name_of`).
        text: the document.
        summaries: system -> summary.
        reference: of the first row that has one; None if none has.
    """

    id: str
    text: str
    summaries: Mapping[str, str]
    reference: str | None = None


@dataclass(frozen=True)
class Systems:
    """What was read.

    Attributes:
        names: of the systems, in the order in which they were given or met.
        documents: those that every system has summarized, in the order of the rows.
        matched_by: ``id`` or ``document``.
        problems: rows that could not be read or used, and documents that a system lacks.
    """

    names: tuple[str, ...]
    documents: tuple[Document, ...]
    matched_by: str
    problems: tuple[InputError, ...] = ()


def split_source(source: str) -> tuple[str | None, str]:
    """System and file of ``SYSTEM=FILE``; no system for a file without one, whose name may have an equals sign."""
    name, equals, file = source.partition("=")
    return (name, file) if equals and name and not Path(source).exists() else (None, source)


def read_systems(
    sources: Sequence[str], names: FieldNames | None = None, prepare: Callable[[Row], Row] | None = None
) -> Systems:
    """Read the summaries of several systems and bring those of a document together.

    Rows belong to the same document if they have the same ``id``, provided that all rows of all files have one;
    otherwise if they have the same document text.

    Args:
        sources: files as `quals.io.rows.read_rows` takes them. One written ``SYSTEM=FILE`` holds summaries of that
            system; in any other each row names its own, in the field ``system``.
        names: the fields that hold the texts.
        prepare: makes of each row what is kept of it; raises `InputError` for one that cannot be used.

    Raises:
        InputError: a file cannot be read, or the systems have no document in common.
    """
    problems: list[InputError] = []
    rows: dict[str, list[Row]] = {}
    for source in sources:
        system, file = split_source(source)
        if system is not None:
            rows.setdefault(system, [])
        for row in read_rows(file, names or FieldNames()):
            try:
                if row.error:
                    raise row.error
                own = system or system_of(row.fields)
                document_id(row.fields)
                kept = prepare(row) if prepare else row
            except InputError as wrong:
                problems.append(wrong.at(file, row.line))
            else:
                rows.setdefault(own, []).append(kept)
    by_id = all(document_id(row.fields) is not None for each in rows.values() for row in each)
    gathered = _gathered(rows, by_id, problems)
    lacking = [_lacking(each, rows) for each in gathered if len(each.summaries) < len(rows)]
    documents = tuple(each.document(by_id, problems) for each in gathered if len(each.summaries) == len(rows))
    if not documents:
        first = f"; the first of {len(problems)} rows that could not be used: {problems[0]}" if problems else ""
        raise InputError(f"the systems have no document in common{first}", file=", ".join(sources))
    return Systems(tuple(rows), documents, "id" if by_id else "document", (*problems, *lacking))


def document_id(fields: Mapping[str, object]) -> str | None:
    """What the row calls its document, in a field ``id``; None if it does not.

    Raises:
        InputError: something else than a text or a number.
    """
    name = field_among(fields, ("id",)) or "id"
    if isinstance(fields.get(name), bool | list | dict):
        raise InputError("expected text or a number", field=name)
    found = row_id(fields, name)
    return None if found is None else text_value(found, name)


def name_of(text: str) -> str:
    """What a document without an id is called: a name made from its text."""
    return "text-" + hashlib.sha256(text.encode()).hexdigest()[:12]


def system_of(fields: Mapping[str, object]) -> str:
    """The system that the row names, in a field ``system``.

    Raises:
        InputError: it names none.
    """
    name = field_among(fields, ("system",))
    if name is None or fields[name] in (None, ""):
        raise InputError("missing; or give the file as SYSTEM=FILE", field=name or "system")
    return text_value(fields[name], name)


@dataclass
class _Gathered:
    """The rows of one document."""

    first: Row
    summaries: dict[str, Row] = field(default_factory=dict)

    def document(self, by_id: bool, problems: list[InputError]) -> Document:
        given = [row for row in self.summaries.values() if row.reference]
        for row in given[1:]:
            if row.reference != given[0].reference:
                message = f"differs from that in {_place(given[0])}, which is taken"
                problems.append(InputError(message, file=row.file, line=row.line, field=row.names.reference or ""))
        return Document(
            (by_id and document_id(self.first.fields)) or name_of(self.first.document),
            self.first.document,
            {system: row.summary for system, row in self.summaries.items()},
            given[0].reference if given else None,
        )


def _gathered(rows: Mapping[str, Sequence[Row]], by_id: bool, problems: list[InputError]) -> list[_Gathered]:
    """The rows by document; one that contradicts an earlier one is a problem."""
    found: dict[str, _Gathered] = {}
    for system, each in rows.items():
        for row in each:
            key = (document_id(row.fields) or "") if by_id else row.document
            gathered = found.setdefault(key, _Gathered(row))
            if row.document != gathered.first.document:
                message = f"differs from the document with the id '{key}' in {_place(gathered.first)}"
                problems.append(InputError(message, file=row.file, line=row.line, field=row.names.document or ""))
                continue
            first = gathered.summaries.setdefault(system, row)
            if row.summary != first.summary:
                message = f"another one by '{system}' of the document in {_place(first)}; the first counts"
                problems.append(InputError(message, file=row.file, line=row.line, field=row.names.summary or ""))
    return list(found.values())


def _lacking(gathered: _Gathered, systems: Mapping[str, object]) -> InputError:
    row = gathered.first
    lacking = ", ".join(system for system in systems if system not in gathered.summaries)
    return InputError(f"left out: no usable summary of this document by {lacking}", file=row.file, line=row.line)


def _place(row: Row) -> str:
    return f"{row.file}:{row.line}"
