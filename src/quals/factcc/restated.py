"""Sentences of a reference summary as claims: what is true in other words than the document's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.tokens import Span as Sentence
    from spacy.tokens import Token

_COVERED = 0.7  # share of a sentence's content words that its basis has to have
_SECOND = 0.05  # by how much more a second sentence has to cover to be worth its length
_FEWEST_WORDS = 3


class Bases:
    """What sentences of a summary may rest on: one of a document's sentences, or two that are neighbours."""

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        self._sentences = sentences
        self._words = [set(_words(sentence)) for sentence in sentences]
        self._said = [{token.lower_ for token in sentence} for sentence in sentences]

    def of(self, sentence: Sentence) -> Sentence | None:
        """The part of the document that has most of a sentence's content words; None if it is not enough of them.

        References do not only say what their documents do. A part without a name, number or date of the sentence is no
        basis of it, whatever its other words: in training, a window round the basis has to bear all of them out.
        """
        words, exact = _words(sentence), {token.lower_ for token in sentence if _exact(token)}
        if len(words) < _FEWEST_WORDS or not self._sentences:
            return None
        places = [(n, m) for m in range(len(self._sentences)) for n in (m, m - 1) if n >= 0]
        if not (places := [(n, m) for n, m in places if exact <= self._said[n] | self._said[m]]):
            return None
        first, last = max(places, key=lambda place: self._covered(words, *place) - _SECOND * (place[1] - place[0]))
        if self._covered(words, first, last) < _COVERED:
            return None
        return self._sentences[first].doc[self._sentences[first].start : self._sentences[last].end]

    def _covered(self, words: Sequence[str], first: int, last: int) -> float:
        return sum(word in self._words[first] or word in self._words[last] for word in words) / len(words)


def _words(sentence: Sentence) -> list[str]:
    return [token.lemma_.lower() for token in sentence if _is_word(token) and not token.is_stop]


def _exact(token: Token) -> bool:
    """A word of a name, a number or a date."""
    return _is_word(token) and not token.is_stop and (token.ent_type_ != "" or token.pos_ in ("PROPN", "NUM"))


def _is_word(token: Token) -> bool:
    return bool(token.is_alpha or token.like_num)
