"""What a summary can be asked about: its named entities and noun chunks, as spaCy finds them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from quals.errors import ModelError
from quals.nlp import pipeline_name
from quals.qags.f1 import normalized
from quals.records import Span

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc


@dataclass(frozen=True)
class Candidate:
    """An answer that a question shall have, and where it first stands in the summary."""

    answer: str
    span: Span


def candidates(pipeline: Language, summaries: Sequence[str], count: int = 10) -> list[list[Candidate]]:
    """The first ``count`` of each summary: entities before noun chunks, each in the order of the text.

    Candidates that SQuAD's normalisation makes equal are one; a lone pronoun is none.

    Raises:
        ModelError: the pipeline does not find noun chunks.
    """
    try:
        return [list(islice(_distinct(_found(doc)), count)) for doc in pipeline.pipe(summaries)]
    except (ValueError, NotImplementedError) as error:  # no parser; a language without noun chunks
        raise ModelError(f"the spaCy pipeline '{pipeline_name(pipeline)}' finds no noun chunks: {error}") from error


def _found(doc: Doc) -> Iterator[Candidate]:
    for span in [*doc.ents, *doc.noun_chunks]:
        if len(span) > 1 or span.root.pos_ != "PRON":
            yield Candidate(span.text, Span(span.start_char, span.end_char))


def _distinct(found: Iterable[Candidate]) -> Iterator[Candidate]:
    seen = {""}
    for candidate in found:
        gist = normalized(candidate.answer)
        if gist not in seen:
            seen.add(gist)
            yield candidate
