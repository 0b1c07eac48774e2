"""A document longer than a model reads well, in overlapping pieces."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from quals.lm.framed import FramedModel
from quals.records import Span

Asked = TypeVar("Asked")
Result = TypeVar("Result")
Best = TypeVar("Best")


@dataclass(frozen=True)
class Chunk:
    """A piece of a document: framed token ids and the characters they cover."""

    ids: list[int]
    span: Span


def chunks(model: FramedModel, documents: Sequence[str], size: int, overlap: int) -> list[list[Chunk]]:
    """Each document in windows of ``size`` tokens, neighbours sharing ``overlap``; one window if it fits."""
    if not documents:
        return []
    encoded = model.lm.tokenizer(
        [" " + document.strip() for document in documents],
        add_special_tokens=False,
        split_special_tokens=True,
        return_offsets_mapping=True,
    )
    return [
        list(_windows(model, document, ids, offsets, size, overlap))
        for document, ids, offsets in zip(documents, encoded.input_ids, encoded.offset_mapping, strict=True)
    ]


def _windows(
    model: FramedModel, document: str, ids: list[int], offsets: list[tuple[int, int]], size: int, overlap: int
) -> Iterator[Chunk]:
    lead = len(document) - len(document.lstrip())
    for start in range(0, max(1, len(ids) - overlap), size - overlap):
        window = slice(start, start + size)
        first, last = offsets[window][0][0], offsets[window][-1][1]
        # Offsets count the space put in front.
        yield Chunk(model.form.frame(ids[window]), Span(max(0, first - 1) + lead, last - 1 + lead))


def in_parts(
    work: Callable[[Sequence[list[int]], Sequence[Sequence[Asked]]], list[list[Result]]],
    texts: Sequence[Sequence[list[int]]],
    asked: Sequence[Sequence[Asked]],
    best: Callable[[Sequence[Result]], Best],
) -> list[list[Best]]:
    """``work`` on texts in several parts, each framed, and the best of what the parts give for all that is asked.

    Args:
        work: takes framed texts, and what is asked of each.
        texts: the parts of each text.
        asked: of each text.
        best: chooses among the results of all parts, in their order; ``list`` keeps them all.
    """
    flat = [part for parts in texts for part in parts]
    found = iter(work(flat, [group for parts, group in zip(texts, asked, strict=True) for _ in parts]))
    return [[best(results) for results in zip(*(next(found) for _ in parts), strict=True)] for parts in texts]
