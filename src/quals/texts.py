"""Finding and comparing short pieces of text, such as answers."""

from __future__ import annotations

import re
import string

from quals.records import Span


def find_answer(answer: str, text: str) -> Span | None:
    """Where ``answer`` occurs in ``text``, both case-folded; as characters of ``text`` itself.

    Of several places the first where it stands as words of their own, if there is one ("May", not "Mayor"), and of
    those rather one in the same case.
    """
    starts, folded = [], []
    for i, character in enumerate(text):
        piece = character.casefold()  # may be longer than the character: "ß" folds to "ss"
        folded.append(piece)
        starts += [i] * len(piece)
    wanted = answer.casefold()
    if not wanted:
        return None
    places = (match.start() for match in re.finditer(f"(?={re.escape(wanted)})", "".join(folded)))
    spans = [Span(starts[at], starts[at + len(wanted) - 1] + 1) for at in places]
    return min(spans, key=lambda span: (_inside_word(span, text), text[span.start : span.end] != answer), default=None)


def _inside_word(span: Span, text: str) -> bool:
    """Whether a word goes on across one of the edges."""
    return any(
        0 < edge < len(text) and text[edge - 1].isalnum() and text[edge].isalnum() for edge in (span.start, span.end)
    )


def gist(text: str) -> str:
    """A text without case, superfluous blanks, and punctuation at its end: equal for near-duplicates."""
    return " ".join(text.casefold().split()).rstrip(string.punctuation + " ")
