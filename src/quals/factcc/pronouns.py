"""Pronoun swap: he for she, her for him, and so on."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from quals.factcc.changes import Change, change_at

if TYPE_CHECKING:
    from spacy.tokens import Span as Sentence
    from spacy.tokens import Token

# Only he and she: other swaps need another form of the verb; "its" and "their" are both said of a company or a team;
# and who reports what others say of themselves writes "they" for "we".
_AS_PRONOUN = {
    "he": "she", "she": "he", "him": "her", "her": "him", "himself": "herself", "herself": "himself",
    "his": "hers", "hers": "his",
}  # fmt: skip
_AS_POSSESSIVE = {"his": "her", "her": "his"}
# How often each stands in 300 news articles.
_SEEN_AS_PRONOUN = {"he": 1063, "she": 385, "him": 171, "her": 91, "himself": 34, "herself": 9}
_SEEN_AS_POSSESSIVE = {"his": 639, "her": 259}


def swap_pronoun(sentence: Sentence, random: Random) -> Change | None:
    """The other pronoun of the same case in place of one.

    News speak of him more often than of her. Were he swapped for her each time, "she" would give a false claim
    away; so a common pronoun is swapped for a rare one only so often that each comes in as often as it goes.
    """
    candidates = [(token, other) for token in sentence if (other := _other(token))]
    if not candidates:
        return None
    token, other = random.choice(candidates)
    seen = _SEEN_AS_POSSESSIVE if token.tag_ == "PRP$" else _SEEN_AS_PRONOUN
    if random.random() * seen.get(token.lower_, 1) >= seen.get(other, 1):
        return None
    start = token.idx - sentence.start_char
    return change_at(sentence, start, start + len(token), other)


def _other(token: Token) -> str | None:
    if token.tag_ == "PRP$":
        return _AS_POSSESSIVE.get(token.lower_)
    return _AS_PRONOUN.get(token.lower_) if token.tag_ == "PRP" else None
