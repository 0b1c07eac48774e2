"""Telling English from other languages written in Latin letters."""

from __future__ import annotations

import re

# They make up about a fifth of nearly all English prose and are rare in other languages. "in", "a", "is", "at" and
# "to" are left out: they are frequent in others, too.
_FUNCTION_WORDS = (
    "the of and that with from they their which this were been have has not but it she his him you your what who would "
    "when there about after said"
)
_NEEDED = frozenset(_FUNCTION_WORDS.split())
_LEAST = 0.04
_WORD = re.compile(r"[^\W\d_]+")


def looks_english(text: str) -> bool:
    """Whether at least one word in 25 is one that English needs; under 20 words are too few to say no."""
    words = _WORD.findall(text.casefold())
    return len(words) < 20 or sum(word in _NEEDED for word in words) >= _LEAST * len(words)
