"""Where the summaries of one document say different things.

Three kinds of word are told apart: a *fact* is a number or a name; a *stray* is a fact that the document lacks;
any other word of content is a *word*. One is marked if some other system's summary of the document lacks it.
A pointer for the reader only: it knows words, not meanings.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from quals.records import Span
from quals.report.marks import mark, sentences
from quals.texts import Composed

_TOKEN = re.compile(r"\d+(?:[.,:/]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*")
_NUMBERS = re.compile(
    "two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|(hundred|thousand|million|billion|trillion)s?|"
    "first|second|third|half|twice"
)
# Words without content of their own, unless they are names ("May", "WHO").
_EMPTY = re.compile(
    "a|about|after|all|also|an|and|any|are|as|at|be|because|been|before|being|between|but|by|can|could|did|do|does|"
    "for|from|had|has|have|he|her|him|his|how|i|if|in|into|is|its?|it's|may|might|more|most|no|not|of|off|on|one|or|"
    "our|out|over|own|said|says?|she|should|so|some|such|than|that|the|their|them|then|there|these|they|this|those|"
    "through|to|under|up|was|we|were|what|when|where|which|while|whom?|whose|why|will|with|would|your?"
)
Kind = Literal["", "word", "fact", "stray"]  # weakest first; the first is none


@dataclass(frozen=True)
class Word:
    """A word of a text: its place, what it is compared by, and whether it is a number or a name."""

    span: Span
    key: str
    fact: bool


@dataclass(frozen=True)
class Piece:
    """A piece of a summary as the page shows it.

    Attributes:
        kind: how it differs from the other summaries.
        loss: how far a metric doubts it; 0 is not at all.
    """

    text: str
    kind: Kind = ""
    loss: float = 0.0


def differences(document: str, summaries: Sequence[str]) -> list[list[tuple[Span, Kind]]]:
    """For each summary, what some other summary lacks, with its kind, in order."""
    source, composed = Composed(document).text, [Composed(summary) for summary in summaries]
    usage = Usage.of(source, [summary.text for summary in composed])
    known = {word.key for word in words(source, usage)}
    found = [list(words(summary.text, usage)) for summary in composed]
    keys = [{word.key for word in each} for each in found]
    return [
        [
            (summary.span(word.span), _kind(word, known))
            for word in each
            if any(word.key not in other for place, other in enumerate(keys) if place != own)
        ]
        for own, (summary, each) in enumerate(zip(composed, found, strict=True))
    ]


@dataclass(frozen=True)
class Usage:
    """How words are written: those that stand in lower case somewhere, and those the document has in upper case."""

    lower: frozenset[str]
    upper: frozenset[str]

    @classmethod
    def of(cls, document: str, summaries: Sequence[str]) -> Usage:
        """That of a document and its summaries."""
        lower = {token for text in (document, *summaries) for token in _TOKEN.findall(text) if token.islower()}
        return cls(frozenset(lower), frozenset(_key(token) for token in _TOKEN.findall(document) if token[0].isupper()))


def words(text: str, usage: Usage) -> Iterator[Word]:
    """The numbers, names and words of content of a text.

    A capitalised word is a name unless it stands in lower case somewhere. The first of a sentence is one only
    if the document has it, too, or another capital follows.
    """
    tokens = list(_TOKEN.finditer(text))
    starts = {span.start for span in sentences(text)}
    for place, match in enumerate(tokens):
        token, key = match[0], _key(match[0])
        following = tokens[place + 1][0] if place + 1 < len(tokens) else ""
        named = match.start() not in starts or key in usage.upper or following[:1].isupper()
        name = token[0].isupper() and key not in usage.lower and named
        number = token[0].isdigit() or _NUMBERS.fullmatch(key) is not None
        sure = name and len(token) > 1 and (match.start() not in starts or token.isupper())
        if number or sure or (not _EMPTY.fullmatch(key) and (name or len(key) > 1)):
            yield Word(Span(*match.span()), key, number or name)


def pieces(text: str, differing: Sequence[tuple[Span, Kind]], doubts: Sequence[tuple[Span, float]]) -> list[Piece]:
    """The text cut where its marking changes: `marks.mark` for the doubts, cut again at the differences."""
    found, at = [], 0
    for doubted in mark(text, doubts):
        end = at + len(doubted.text)
        inside = [(span, kind) for span, kind in differing if span.start < end and at < span.end]
        cuts = sorted({at, end, *(min(max(edge, at), end) for span, _ in inside for edge in (span.start, span.end))})
        for start, stop in pairwise(cuts):
            own: Kind = next((kind for span, kind in inside if span.start <= start and stop <= span.end), "")
            found.append(Piece(doubted.text[start - at : stop - at], own, doubted.loss))
        at = end
    return _joined(found)


def _joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbours of equal marking as one."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and (last.kind, last.loss) == (piece.kind, piece.loss):
            joined[-1] = replace(last, text=last.text + piece.text)
        else:
            joined.append(piece)
    return joined


def _kind(word: Word, known: set[str]) -> Kind:
    if not word.fact:
        return "word"
    return "fact" if word.key in known else "stray"


def _key(token: str) -> str:
    return token.casefold().replace("’", "'").replace(",", "").removesuffix("'s")
