"""Files of summaries that people have judged: rows with document, summary and a label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from quals.errors import InputError
from quals.evaluate.bootstrap import clusters
from quals.io.numbers import judgement
from quals.io.rows import DEFAULT_FIELDS, FORMATS, FieldNames, entries_by_suffix, field_among, row_id, text_field
from quals.io.text import suffix_of
from quals.io.values import document_text, is_text, single_text, text_value
from quals.records import Texts

_LARGEST = 1e100  # of a label; the squares of larger ones could not be summed up


@dataclass(frozen=True)
class JudgedRow:
    """One summary, what people said of it (higher is more consistent), and its pair in a file of pairs."""

    texts: Texts
    label: float
    pair: str | None


@dataclass(frozen=True)
class DataSet:
    """The usable rows of one file, and what was wrong with the others.

    Attributes:
        name: the file's name without folder and endings.
        file: as given.
        unlabelled: rows whose label is absent or null; nobody judged them.
        problems: rows that could not be read, each with its place.
        guesses: what was taken for a text though it is called otherwise: role and field.
    """

    name: str
    file: str
    rows: tuple[JudgedRow, ...]
    unlabelled: int
    problems: tuple[InputError, ...]
    guesses: tuple[tuple[str, str], ...] = ()

    @property
    def documents(self) -> list[str]:
        """The document of each row."""
        return [row.texts.document for row in self.rows]

    def sample(self, documents: int, seed: int) -> DataSet:
        """Only the rows of so many documents, drawn with this seed, in file order."""
        groups = clusters(self.documents)
        chosen = np.random.default_rng(seed).permutation(len(groups))[:documents]
        places = sorted(int(place) for group in chosen for place in groups[group])
        return replace(self, rows=tuple(self.rows[place] for place in places))


def read_judged(path: str | Path, label: str = "label", names: FieldNames | None = None) -> DataSet:
    """Read a file with a document, a summary and perhaps a reference, a label, perhaps ``pair``.

    Args:
        path: of a JSONL, CSV, TSV (also ``.gz``) or Parquet file; without such a suffix it is JSONL.
        label: the field that holds the label, a number; its case may differ.
        names: the fields that hold the texts; by default each row's first of `DEFAULT_FIELDS`.

    Raises:
        InputError: the file cannot be read, or no row of it has this label.
    """
    rows: list[JudgedRow] = []
    problems: list[InputError] = []
    unlabelled = 0
    fields: set[str] = set()
    guesses: dict[tuple[str, str], None] = {}
    names = names or FieldNames()
    for line, row, error in entries_by_suffix(path):
        try:
            if error:
                raise error
            fields |= row.keys()
            field = field_among(row, [label]) or label
            if row.get(field) in (None, ""):  # CSV has no null
                unlabelled += 1
            else:
                judged, taken = _judged(row, field, names)
                rows.append(judged)
                guesses |= dict.fromkeys(taken)
        except InputError as problem:
            problems.append(error or problem.at(str(path), line))
    if not rows:
        raise problems[0] if len(problems) > unlabelled else _nothing_labelled(str(path), label, fields)
    return DataSet(_name(path), str(path), tuple(rows), unlabelled, tuple(problems), tuple(guesses))


def with_unique_names(sets: Sequence[DataSet]) -> list[DataSet]:
    """Data sets whose names are alike go by folder and name."""
    names = [one.name for one in sets]
    return [
        replace(one, name=f"{Path(one.file).resolve().parent.name}/{one.name}") if names.count(one.name) > 1 else one
        for one in sets
    ]


def _judged(row: dict[str, Any], label: str, names: FieldNames) -> tuple[JudgedRow, list[tuple[str, str]]]:
    """The row, and which fields were taken for what, where that had to be guessed."""
    document, summary = text_field(row, "document", names.document), text_field(row, "summary", names.summary)
    texts = document_text(row[document], document), single_text(row[summary], summary)
    field, reference = _reference(row, label, names.reference)
    number = judgement(row[label])
    if number is None or abs(number) > _LARGEST:
        raise InputError(f"expected a number, found {_kind(row[label])}", field=label)
    taken = {"document": document, "summary": summary, "reference": field if reference else "reference"}
    guesses = [(role, name) for role, name in taken.items() if name != role and not getattr(names, role)]
    return JudgedRow(Texts(*texts, reference), number, row_id(row, "pair")), guesses


def _reference(row: dict[str, Any], label: str, asked: str | None) -> tuple[str, str | None]:
    """The field, and its text if there is one."""
    if asked:
        name = text_field(row, "reference", asked)
        return name, None if row[name] is None else text_value(row[name], name)
    field = field_among([name for name in row if name != label], DEFAULT_FIELDS["reference"])
    found = row[field] if field is not None else None
    return field or "", found if isinstance(found, str) and is_text(found) else None  # it may hold something else


def _name(path: str | Path) -> str:
    name = Path(path).with_suffix("") if Path(path).suffix.lower() == ".gz" else Path(path)
    return name.stem if suffix_of(path) in FORMATS else name.name


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return "one that is too large"
    return str(value) if isinstance(value, float) else type(value).__name__


def _nothing_labelled(file: str, label: str, fields: set[str]) -> InputError:
    there = f"fields: {', '.join(sorted(fields))}" if fields else "the file has no rows"
    return InputError(f"no row has this label ({there}); name the field with --label", file=file, field=label)
