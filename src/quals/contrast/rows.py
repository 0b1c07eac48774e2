"""Rows with a document, its reference summary and candidate summaries."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from quals.errors import InputError
from quals.io.rows import DEFAULT_FIELDS, Entry, entries, field_among, row_id
from quals.io.values import described, document_text, is_text, single_text, text_value
from quals.records import Status

# Training data keeps its reference in the field that elsewhere holds the summary to judge.
FIELDS = {
    "document": DEFAULT_FIELDS["document"],
    "reference": DEFAULT_FIELDS["reference"] + DEFAULT_FIELDS["summary"][:2],
    "samples": ("summaries", "samples"),
}


@dataclass(frozen=True)
class Example:
    """A document with its reference and what a model wrote about it.

    Attributes:
        id: the row's ``id``, or its line.
        line: where the row stands in the file.
        reference: None if the row has none, and need not have one.
        samples: in the order of the row; empty if nothing could be written.
        note: the row's ``reason``: why there are no samples, or fewer than were asked for.
    """

    id: str
    line: int
    document: str
    reference: str | None
    samples: tuple[str, ...]
    note: str = ""

    def repeats(self, place: int) -> bool:
        """Whether a sample is the reference, word for word: it cannot be a bad example and a good one."""
        return self.reference is not None and self.samples[place].split() == self.reference.split()


def read_examples(
    path: str | Path,
    fields: Mapping[str, str | None],
    *,
    format: str | None = None,
    limit: int | None = None,
    references: bool = True,
) -> tuple[list[Example], list[InputError]]:
    """All readable rows of a file, and what is wrong with the others.

    Args:
        path: JSONL, CSV, TSV or Parquet, as `quals.io.rows.read_rows` takes it.
        fields: for ``document``, ``reference`` and ``samples``, the field that holds it; None stands for the first
            of `FIELDS` that occurs in the file.
        format: instead of what the file's suffix says.
        limit: only so many rows, from the first.
        references: whether each row must have one.

    Raises:
        InputError: the file cannot be read, holds no usable row, or lacks a field altogether.
        MissingExtraError: the file is Parquet and pyarrow is not installed.
    """
    found = list(islice(entries(path, format), limit))
    if not found:
        raise InputError("holds no rows", file=str(path))
    failure = next((error for _, _, error in found if error), None)
    if failure and not any(row for _, row, _ in found):  # there are no names to tell then
        raise failure
    names = _resolve(fields, found, str(path), needed=FIELDS if references else ("document", "samples"))
    examples, problems = [], []
    for line, row, error in found:
        try:
            if error:
                raise error
            examples.append(_example(row, names, line, references))
        except InputError as wrong:
            problems.append(error or wrong.at(str(path), line))
    if not examples:
        raise problems[0]
    return examples, problems


def check_fields(
    path: str | Path,
    fields: Mapping[str, str | None],
    *,
    format: str | None = None,
    limit: int | None = None,
    references: bool = True,
) -> None:
    """See, before samples are written, that the file has what else is needed; arguments as of `read_examples`.

    Raises:
        InputError: it lacks one of the fields.
    """
    needed = ("document", "reference") if references else ("document",)
    _resolve(fields, islice(entries(path, format), limit), str(path), needed=needed)


def _resolve(
    fields: Mapping[str, str | None], found: Iterable[Entry], path: str, *, needed: Iterable[str]
) -> dict[str, str]:
    """Role -> field, for those that are needed, and the reference's if there is one."""
    there = dict.fromkeys(name for _, row, _ in found for name in row)
    names = {}
    for role in dict.fromkeys((*needed, "reference")):
        asked = fields.get(role)
        sought = (asked,) if asked else FIELDS[role]
        name = field_among(there, sought) if not asked or asked in there else None
        if name is None and not asked and role not in needed:
            continue
        if name is None:
            message = f"no field named {' or '.join(sought)}; there are: {', '.join(there) or 'none'}"
            hint = ", or let a model write them: --model" if role == "samples" else ""
            raise InputError(f"{message}. Name it with --{role}-field{hint}", file=path)
        names[role] = name
    return names


def _example(row: Mapping[str, Any], names: Mapping[str, str], line: int, references: bool) -> Example:
    if row.get("status") == Status.INVALID_ROW:  # so `quals summarize` hands on what it could not read
        raise InputError(str(row.get("reason", "")))
    return Example(
        row_id(row) or f"line {line}",
        line,
        document_text(row.get(names["document"]), names["document"]),
        _reference(row, names, references),
        _samples(row.get(names["samples"]), names["samples"]),
        str(row.get("reason") or ""),
    )


def _reference(row: Mapping[str, Any], names: Mapping[str, str], needed: bool) -> str | None:
    field = names.get("reference", "")
    value = row.get(field)
    if not needed and not (isinstance(value, str) and is_text(value)):
        return None
    return single_text(value, field)


def _samples(value: Any, field: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise InputError(f"expected a list of texts, found {described(value)}", field=field)
    return tuple(text_value(text, f"{field}[{place}]") for place, text in enumerate(value))
