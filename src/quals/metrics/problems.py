"""Texts that the metrics of language models cannot score, found before any model reads them."""

from __future__ import annotations

import unicodedata

from quals.records import Status


def problem_of(document: str, summary: str) -> tuple[Status, str] | None:
    """Why this row cannot be scored, with the reason for people; None if nothing is wrong with it."""
    if not document.strip():
        return Status.EMPTY_DOCUMENT, "the document is empty"
    if not summary.strip():
        return Status.EMPTY_SUMMARY, "the summary is empty"
    for name, text in (("document", document), ("summary", summary)):
        if any("\ud800" <= character <= "\udfff" for character in text):
            return Status.ERROR, f"the {name} holds half a surrogate pair, which is not text"
        if not _mostly_latin(text):
            return Status.UNSUPPORTED_SCRIPT, f"most letters of the {name} are not Latin; the model reads English"
    return None


def _mostly_latin(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    latin = sum(unicodedata.name(character, "").startswith("LATIN") for character in letters)
    return not letters or 2 * latin >= len(letters)
