"""Summaries -> their sentences, each a row of its own: a false one cannot hide among true ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from quals.io.rows import Row, Sentence
from quals.nlp import sentences
from quals.records import Span

if TYPE_CHECKING:
    from spacy.language import Language


def by_sentence(rows: Iterable[Row], pipeline: Language) -> Iterator[Row]:
    """Each sentence of each summary as a row, in order; a row without any, or too long for the pipeline, as it is.

    Raises:
        ModelError: the pipeline finds no sentences.
    """
    for row in rows:
        spans = sentence_spans(row.summary, pipeline)
        for index, span in enumerate(spans):
            text = span.of(row.summary)
            sentence = Sentence(index, span.start, span.end)
            yield replace(row, fields={**row.fields, row.summary_field: text}, summary=text, sentence=sentence)
        if not spans:
            yield row


def sentence_spans(summary: str, pipeline: Language) -> list[Span]:
    """Where the sentences of a summary stand; none in a text without words, or too long for the pipeline.

    Raises:
        ModelError: the pipeline finds no sentences.
    """
    return sentences(pipeline, [summary])[0] if len(summary) <= pipeline.max_length else []
