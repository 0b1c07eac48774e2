"""Spans of a text -> pieces to show one after the other, some of them marked."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from quals.doubts import clip, covered
from quals.records import Span
from quals.texts import words

# Control characters have no glyph, and browsers drop or replace some; U+2400.. are pictures of them.
_VISIBLE = {code: 0x2400 + code for code in range(32) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
_VISIBLE |= dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)  # lone surrogates cannot be written as UTF-8
_CLOSING = "\"'”’»)\\]"  # may stand between the end of a sentence and the space after it
# Possessive throughout, for trying again from every dot of a long row of them would take the square of its length.
_SENTENCE = re.compile(
    rf"\S(?:[^.!?…\n]++|[.!?…]++(?![{_CLOSING}]*+(?:\s|$)))*+(?:[.!?…]++[{_CLOSING}]*+)?", re.MULTILINE
)


def visible(text: str) -> str:
    """The text with a picture for each control character, so that none is lost and no place moves."""
    return text.translate(_VISIBLE)


@dataclass(frozen=True)
class Marked:
    """A piece of text, the mean loss of the spans that cover it, and the numbers of those that end with it."""

    text: str
    loss: float = 0.0
    ends: tuple[int, ...] = ()


def mark(text: str, losses: Sequence[tuple[Span, float]], numbered: Sequence[Span | None] = ()) -> list[Marked]:
    """Cut a text where spans begin or end; each piece gets the mean loss of those covering it (`doubts.covered`).

    ``numbered`` are spans to refer to, numbered from 0; None is nowhere.
    """
    targets = [(clip(span, len(text)), number) for number, span in enumerate(numbered) if span]
    pieces = []
    for piece, loss in covered(len(text), losses, [span for span, _ in targets]):
        ends = tuple(number for span, number in targets if span.start < span.end == piece.end)
        pieces.append(Marked(visible(piece.of(text)), loss, ends))
    return pieces


def sentences(text: str) -> list[Span]:
    """Roughly the sentences of a text, without the space between them."""
    return [Span(*match.span()) for match in _SENTENCE.finditer(text)]


class Passages:
    """Finds, for a question and its answer, the sentence of a document that shares most words with them."""

    def __init__(self, document: str) -> None:
        self.spans = sentences(document)
        self._words = [set(words(span.of(document))) for span in self.spans]
        self._frequency = Counter(word for sentence in self._words for word in sentence)

    def nearest(self, texts: Iterable[str], within: Span | None) -> Span | None:
        """The sentence with the most shared words, each weighing less the more sentences have it; None if none has any.

        A pointer for the reader only: the score rests on the whole passage the model read.
        """
        wanted = {word for text in texts for word in words(text)}
        best, found = 0.0, None
        for span, sentence in zip(self.spans, self._words, strict=True):
            if within and not (span.start < within.end and within.start < span.end):
                continue
            shared = sum(1 / self._frequency[word] for word in sentence & wanted)
            if shared > best:
                best, found = shared, span
        return found
