"""Finding and comparing pieces of text, such as answers, and what texts are like."""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from quals.records import Span


def find_answer(answer: str, text: str, *, words_only: bool = False) -> Span | None:
    """Where ``answer`` occurs in ``text``, both case-folded; as characters of ``text`` itself.

    Of several places the first where it stands as words of their own, if there is one ("May", not "Mayor"), and of
    those rather one in the same case. With ``words_only`` other places are none, unless a number stands beside its
    unit ("2.48bn").
    """
    folded, starts = _folded(text)
    wanted = answer.casefold()
    if not wanted:
        return None
    places = (match.start() for match in re.finditer(f"(?={re.escape(wanted)})", folded))
    spans = [Span(starts[at], starts[at + len(wanted) - 1] + 1) for at in places]
    if words_only:
        spans = [span for span in spans if not _inside_word(span, text, units=True)]
    return min(spans, key=lambda span: (_inside_word(span, text), span.of(text) != answer), default=None)


@lru_cache(maxsize=64)  # many answers are looked for in one text
def _folded(text: str) -> tuple[str, Sequence[int]]:
    """A text case-folded, and of each of its characters which of the text it comes from."""
    folded = text.casefold()
    if len(folded) == len(text):
        return folded, range(len(text))
    # Some characters have become longer: "ß" folds to "ss".
    return folded, [i for i, character in enumerate(text) for _ in character.casefold()]


def _inside_word(span: Span, text: str, *, units: bool = False) -> bool:
    """Whether a word goes on across one of the edges; with ``units`` none does from a digit to a letter, or back."""
    beside = [(text[edge - 1], text[edge]) for edge in (span.start, span.end) if 0 < edge < len(text)]
    return any(
        one.isalnum() and other.isalnum() and not (units and one.isdigit() != other.isdigit()) for one, other in beside
    )


def has_words(text: str) -> bool:
    """Whether there is a letter or a digit in a text."""
    return any(map(str.isalnum, text))


def words(text: str) -> list[str]:
    """The words of a text, in lower case, accents in the letters they belong to."""
    return re.findall(r"\w+", unicodedata.normalize("NFC", text).casefold())


def plain(text: str) -> str:
    """A text without case and superfluous blanks."""
    return " ".join(text.casefold().split())


def padded_words(text: str) -> str:
    """Words only, without case, with a space before and after each, so that "he left" is not found in "she left"."""
    return f" {' '.join(words(text))} "


def length(text: str) -> int:
    """Words, as blanks separate them."""
    return len(text.split())


def novel_bigrams(document: str, summary: str) -> float | None:
    """Share of the summary's word pairs that the document lacks, 0 (all copied) to 1; None below two words.

    Words are runs of letters and digits without regard to case; a pair that occurs twice counts twice
    (as in See et al. 2017, arXiv 1704.04368, section 6).
    """
    known = set(pairwise(words(document)))
    pairs = list(pairwise(words(summary)))
    return sum(pair not in known for pair in pairs) / len(pairs) if pairs else None


def gist(text: str) -> str:
    """A text without case, superfluous blanks, and punctuation at its end: equal for near-duplicates."""
    return plain(text).rstrip(string.punctuation + " ")


class Composed:
    """A text with its accents in the letters they belong to (Unicode's NFC), as models and word lists have them.

    PDFs and file systems often hold "é" as two characters.

    Attributes:
        text: the text in that form.
        given: the text as it was.
    """

    def __init__(self, given: str) -> None:
        self.given, self._letters = given, None if unicodedata.is_normalized("NFC", given) else _letters(given)
        self.text = given if self._letters is None else unicodedata.normalize("NFC", given)

    def span(self, span: Span) -> Span:
        """Where what stands here in ``text`` stands in ``given``, letters being whole."""
        if not self._letters or span.start == span.end:
            return span
        return Span(self._letters[span.start].start, self._letters[span.end - 1].end)


def _letters(text: str) -> list[Span] | None:
    """Of each character of a composed text, the letter with accents that it is of; None if that cannot be told."""
    composed, letters, start = "", [], 0
    for end in range(1, len(text) + 1):
        if end == len(text) or not unicodedata.combining(text[end]):
            letter = unicodedata.normalize("NFC", text[start:end])
            composed += letter
            letters += [Span(start, end)] * len(letter)
            start = end
    # Some scripts compose letters with each other.
    return letters if composed == unicodedata.normalize("NFC", text) else None
