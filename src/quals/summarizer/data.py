"""Documents with summaries: files, folders and Hub ids -> examples -> token ids; what is left out is counted."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from quals.errors import InputError
from quals.io.hub import hub_entries
from quals.io.results import json_line
from quals.io.rows import FORMATS, FieldNames, Row, read_rows, rows_of
from quals.io.text import suffix_of
from quals.io.values import joined_passages
from quals.lm.format import PairFormat, text_ids
from quals.summarizer.boilerplate import boilerplate


@dataclass(frozen=True)
class Example:
    """A document with a summary of it, and the row they are from."""

    document: str
    summary: str
    row: Row


@dataclass
class Data:
    """The examples of some sources, and the rows that were left out of them, by reason."""

    sources: tuple[str, ...]
    examples: list[Example] = field(default_factory=list)
    dropped: list[tuple[Row, str, str]] = field(default_factory=list)  # row, kind, reason for people

    @property
    def counts(self) -> Counter[str]:
        """How many rows were left out for which kind of reason."""
        return Counter(kind for _, kind, _ in self.dropped)

    def drop(self, row: Row, kind: str, reason: str) -> None:
        """Leave a row out."""
        self.dropped.append((row, kind, reason))

    def report(self) -> str:
        """How many rows there are and were left out, and why."""
        left_out = ", ".join(f"{kind} {count}" for kind, count in self.counts.most_common())
        text = f"{len(self.examples)} rows of {', '.join(self.sources)}"
        return text + (f"; {len(self.dropped)} left out ({left_out})" if self.dropped else "")

    def write_dropped(self, path: Path) -> None:
        """Write the rows left out, each with its place, ``dropped`` and ``reason``; no file if there are none."""
        if not self.dropped:
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as stream:
            for row, kind, reason in self.dropped:
                place = {"dropped": kind, "reason": reason, "file": row.file, "line": row.line}
                stream.write(json_line({**row.fields, **place}))


def read_data(sources: Iterable[str], names: FieldNames, *, split: str = "train", filter_corrupt: bool = False) -> Data:
    """Read examples from files, folders of `datasets`, and Hub ids.

    Rows that cannot be read, or lack a text, are left out; with ``filter_corrupt`` also those that a scraper
    spoilt (see `boilerplate`).

    Args:
        sources: files as `read_rows` takes them; else folders or ids as `hub_entries` takes them.
        names: the fields of document and summary.
        split: of folders and Hub ids.
        filter_corrupt: whether to look for boilerplate.

    Raises:
        InputError: a source cannot be read.
        MissingExtraError: it needs a library that is not installed.
    """
    data = Data(tuple(sources))
    for source in data.sources:
        for row in _rows(source, names, split):
            if problem := _problem(row, filter_corrupt):
                data.drop(row, *problem)
            else:
                data.examples.append(Example(row.document, row.summary, row))
    return data


def _rows(source: str, names: FieldNames, split: str) -> Iterator[Row]:
    if Path(source).is_file():
        if (suffix := suffix_of(source)) not in FORMATS:
            raise InputError(f"unknown suffix '{suffix}'; training reads {', '.join(FORMATS)}", file=source)
        return read_rows(source, names)
    if not Path(source).is_dir() and (source.startswith((".", "/", "~")) or source.count("/") != 1):
        raise InputError("no such file; nor is it a folder or the id of a Hub data set (owner/name)", file=source)
    return rows_of(hub_entries(source, split), source, names)


def _problem(row: Row, filter_corrupt: bool) -> tuple[str, str] | None:
    if row.error:
        return "unreadable", str(row.error)
    for name, text in (("document", row.document), ("summary", row.summary)):
        if not text.strip():
            return f"empty-{name}", f"the {name} is empty"
    if filter_corrupt and (pattern := boilerplate(row.document, row.summary)):
        return f"boilerplate-{pattern}", f"scraped boilerplate: {pattern}"
    return None


Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Encoded:
    """An example as the model reads it: the framed document, and the summary with the end token."""

    document: Ids
    summary: Ids


@dataclass(frozen=True)
class Encoding:
    """Encoded examples, and what did not fit.

    Attributes:
        examples: in the order they were read.
        cut: documents that lost their tail.
        lost: share of all documents' tokens that were lost so.
    """

    examples: list[Encoded]
    cut: int
    lost: float

    def fingerprint(self) -> str:
        """A hash of all token ids."""
        digest = hashlib.sha256()
        for example in self.examples:
            digest.update(example.document.tobytes() + b"|" + example.summary.tobytes() + b"\n")
        return digest.hexdigest()[:16]


def encode(data: Data, tokenizer: Any, form: PairFormat, *, max_document: int, max_summary: int) -> Encoding:
    """Token ids of the examples; documents are cut at ``max_document`` tokens, and see `drop_long_summaries`."""
    drop_long_summaries(data, tokenizer, max_summary)
    encoded = []
    total = read = cut = 0
    for example in data.examples:
        summary, document = (text_ids(tokenizer, text) for text in (example.summary, example.document))
        total, read = total + len(document), read + min(len(document), max_document)
        cut += len(document) > max_document
        framed = form.frame(document[:max_document])
        encoded.append(Encoded(np.array(framed, np.int32), np.array([*summary, form.end], np.int32)))
    return Encoding(encoded, cut, 1 - read / total if total else 0.0)


def drop_long_summaries(data: Data, tokenizer: Any, most: int) -> None:
    """Leave out the rows whose summary has more tokens than ``most``.

    It is not cut, for a model would learn to stop in the middle of a sentence.
    """
    kept = []
    for example in data.examples:
        if (length := len(text_ids(tokenizer, example.summary))) > most:
            data.drop(example.row, "summary-too-long", f"the summary has {length} tokens, over {most}")
        else:
            kept.append(example)
    data.examples = kept


def keep_together(one: Data, other: Data) -> None:
    """Leave out of each the rows whose counterpart, the other's row of the same document, was left out there."""
    lost = [_lost(data) for data in (one, other)]
    for data, gone in zip((one, other), reversed(lost), strict=True):
        for example in data.examples:
            if example.document in gone:
                data.drop(example.row, "counterpart-left-out", "the other file's row of this document was left out")
        data.examples = [example for example in data.examples if example.document not in gone]


def _lost(data: Data) -> set[str]:
    """The documents of which only rows left out are left."""
    # Of a row that could not be read the document is still one of the fields.
    fields = (joined_passages(value) for row, _, _ in data.dropped for value in row.fields.values())
    left_out = {text for text in fields if isinstance(text, str)}
    return left_out - {example.document for example in data.examples}
