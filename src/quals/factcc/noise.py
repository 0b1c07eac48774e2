"""Light token noise, on true and false claims alike, so that a slip of the pen is no sign of either."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from quals.factcc.changes import Change
from quals.records import Span

_DROPPED = {"the", "a", "an", "of", "that"}  # without these a sentence still says the same
# Letters only: a number said twice might be another number.
_WORD = re.compile(r"(?<![\w.,])[^\W\d_]+(?:[-'’][^\W\d_]+)*")


def noise(text: str, random: Random, *, rate: float, protected: Span | None = None) -> list[Change]:
    """Words said twice or left out, each word with probability ``rate``, none within ``protected``.

    Only articles, "of" and "that" are left out. The changes speak of the text as given, in order, and do not overlap.
    """
    changes = []
    for match in _WORD.finditer(text):
        inside = protected is not None and match.start() < protected.end and match.end() > protected.start
        if inside or random.random() >= rate:
            continue
        word = match.group()
        if word in _DROPPED and random.random() < 0.5 and text[match.end() : match.end() + 1] == " ":
            changes.append(Change(Span(match.start(), match.end() + 1), word + " ", ""))
        else:
            changes.append(Change(Span(*match.span()), word, f"{word} {word}"))
    return changes


def apply_all(changes: Sequence[Change], text: str) -> str:
    """The text after changes that all speak of it as given."""
    for change in sorted(changes, key=lambda change: change.span.start, reverse=True):
        text = change.apply(text)
    return text
