"""The sentences of a summary, for requests that want each scored by itself."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from quals.errors import MissingExtraError
from quals.nlp import load_pipeline
from quals.records import Span
from quals.scoring.sentences import sentence_spans
from quals.web.refusal import Refusal

if TYPE_CHECKING:
    from spacy.language import Language


def split(summary: str) -> list[Span]:
    """See `sentence_spans`. It may take a while.

    Raises:
        Refusal: the extra that finds sentences is not installed (422).
    """
    try:
        return sentence_spans(summary, _pipeline())
    except MissingExtraError as error:
        raise Refusal(422, str(error), field="sentences") from error


@cache
def _pipeline() -> Language:
    return load_pipeline()
