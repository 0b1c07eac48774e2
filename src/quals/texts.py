"""Finding and comparing short pieces of text, such as answers."""

from __future__ import annotations

import string

from quals.records import Span


def find_answer(answer: str, text: str) -> Span | None:
    """Where ``answer`` first occurs in ``text``, both case-folded; as characters of ``text`` itself."""
    starts, folded = [], []
    for i, character in enumerate(text):
        piece = character.casefold()  # may be longer than the character: "ß" folds to "ss"
        folded.append(piece)
        starts += [i] * len(piece)
    wanted = answer.casefold()
    at = "".join(folded).find(wanted)
    if at < 0 or not wanted:
        return None
    return Span(starts[at], starts[at + len(wanted) - 1] + 1)


def gist(text: str) -> str:
    """A text without case, superfluous blanks, and punctuation at its end: equal for near-duplicates."""
    return " ".join(text.casefold().split()).rstrip(string.punctuation + " ")
