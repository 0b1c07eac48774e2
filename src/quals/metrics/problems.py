"""Texts that the metrics of language models cannot score, found before any model reads them."""

from __future__ import annotations

import unicodedata
from collections import Counter

from quals.io.values import is_text
from quals.records import Status
from quals.texts import has_words


def problem_of(document: str, summary: str) -> tuple[Status, str] | None:
    """Why this row cannot be scored, with the reason for people; None if nothing is wrong with it."""
    for name, text, status in (
        ("document", document, Status.EMPTY_DOCUMENT),
        ("summary", summary, Status.EMPTY_SUMMARY),
    ):
        if not has_words(text):
            return status, f"the {name} has no words" if text.strip() else f"the {name} is empty"
    for name, text in (("document", document), ("summary", summary)):
        if not is_text(text):
            return Status.ERROR, f"the {name} holds half a surrogate pair, which is not text"
        if not _mostly_latin(text):
            return Status.UNSUPPORTED_SCRIPT, f"most letters of the {name} are not Latin; the model reads English"
    return None


def _mostly_latin(text: str) -> bool:
    if text.isascii():
        return True
    counts = Counter(text)
    letters = {character: count for character, count in counts.items() if character.isalpha()}
    latin = sum(n for character, n in letters.items() if unicodedata.name(character, "").startswith("LATIN"))
    return 2 * latin >= sum(letters.values())
