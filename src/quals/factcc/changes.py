"""One edit of a sentence, and what the words around it require."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from quals.records import Span

if TYPE_CHECKING:
    from spacy.tokens import Span as Sentence


@dataclass(frozen=True)
class Change:
    """Characters ``span`` of a sentence, which read ``old``, are to read ``new``."""

    span: Span
    old: str
    new: str

    def apply(self, text: str) -> str:
        """The sentence after the change.

        Raises:
            ValueError: ``old`` does not stand at ``span``.
        """
        if self.span.of(text) != self.old:
            raise ValueError(f"'{self.old}' does not stand at {self.span.start}:{self.span.end}")
        return text[: self.span.start] + self.new + text[self.span.end :]


def change_at(sentence: Sentence, start: int, end: int, new: str) -> Change | None:
    """Characters ``start:end`` of the sentence replaced, in its case and with a fitting a or an before it.

    None if that would change nothing.
    """
    text = sentence.text
    old = text[start:end]
    new = in_case_of(old, new)
    if old.casefold() == new.casefold():
        return None
    return _with_article(text, Change(Span(start, end), old, new))


def in_case_of(old: str, new: str) -> str:
    """``new`` with a capital first letter if ``old`` has one; never with a smaller one."""
    return new[0].upper() + new[1:] if old[:1].isupper() else new


_ARTICLE = re.compile(r"\b(an?)\s+[£$€]?$", re.IGNORECASE)
# Spelled with a consonant and spoken with a vowel first, or the other way round.
_VOWEL_SOUND = re.compile(r"(?:hour|honest|honou?r|heir)|(?:8|11(?!\d)|18(?!\d))", re.IGNORECASE)
_CONSONANT_SOUND = re.compile(r"(?:uni(?!n|m)|use|usu|euro|eu|one\b|once\b|ukr|uga|uru|uta|uz)", re.IGNORECASE)
_LETTERS = re.compile(r"[A-Z](?=[A-Z0-9.&]|\b)")  # spoken letter by letter: an MP, a UN envoy
_AS_WORDS = re.compile(r"(?:FEMA|FIFA|NAFTA|NASA|NATO)\b")
_VOWEL_LETTERS = "AEFHILMNORSX"


def starts_with_vowel_sound(text: str) -> bool:
    """Whether English says "an" before this text (a guess from its spelling)."""
    if _LETTERS.match(text) and not _AS_WORDS.match(text):
        return text[0] in _VOWEL_LETTERS
    if _VOWEL_SOUND.match(text):
        return True
    return text[:1].lower() in "aeiou" and not _CONSONANT_SOUND.match(text)


def _with_article(text: str, change: Change) -> Change:
    """Widen the change to an article right before it that would no longer fit."""
    before = _ARTICLE.search(text[: change.span.start])
    if before is None:
        return change
    article = before.group(1)
    fitting = article[0] + ("n" if starts_with_vowel_sound(change.new) else "")
    if fitting == article.lower() or fitting == article:
        return change
    gap = text[before.end(1) : change.span.start]
    return replace(
        change,
        span=Span(before.start(1), change.span.end),
        old=article + gap + change.old,
        new=fitting + gap + change.new,
    )
