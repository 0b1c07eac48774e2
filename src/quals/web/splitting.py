"""The sentences of a summary, for requests that want each scored by itself."""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import TYPE_CHECKING

from quals.errors import MissingExtraError
from quals.nlp import load_pipeline, sentences
from quals.records import Span
from quals.web.refusal import Refusal

if TYPE_CHECKING:
    from spacy.language import Language

_one_at_a_time = Lock()  # what a pipeline learns of a text is kept in tables that all threads share


def sentence_spans(summary: str) -> list[Span]:
    """Where its sentences stand; none in a text without words, or too long for the pipeline. It may take a while.

    Raises:
        Refusal: the extra that finds sentences is not installed (422).
    """
    try:
        with _one_at_a_time:
            pipeline = _pipeline()
            (spans,) = sentences(pipeline, [summary]) if len(summary) <= pipeline.max_length else ([],)
    except MissingExtraError as error:
        raise Refusal(422, str(error), field="sentences") from error
    return spans


@cache
def _pipeline() -> Language:
    return load_pipeline()
