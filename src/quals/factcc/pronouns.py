"""Pronoun swap: he for she, they for we, and so on."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from quals.factcc.changes import Change, change_at

if TYPE_CHECKING:
    from spacy.tokens import Span as Sentence
    from spacy.tokens import Token

# Only swaps that need no other form of the verb: he and she, we and they. "Its" and "their" are not
# swapped, since both are said of a company or a team.
_AS_PRONOUN = {
    "he": "she", "she": "he", "him": "her", "her": "him", "himself": "herself", "herself": "himself",
    "his": "hers", "hers": "his",
    "we": "they", "they": "we", "us": "them", "them": "us", "ourselves": "themselves", "themselves": "ourselves",
    "ours": "theirs", "theirs": "ours",
}  # fmt: skip
_AS_POSSESSIVE = {"his": "her", "her": "his", "our": "their", "their": "our"}


def swap_pronoun(sentence: Sentence, random: Random) -> Change | None:
    """Another pronoun of the same case and number in place of one."""
    candidates = [(token, other) for token in sentence if (other := _other(token))]
    if not candidates:
        return None
    token, other = random.choice(candidates)
    start = token.idx - sentence.start_char
    return change_at(sentence, start, start + len(token), other)


def _other(token: Token) -> str | None:
    if token.tag_ == "PRP$":
        return _AS_POSSESSIVE.get(token.lower_)
    if token.tag_ == "PRP" and token.text != "US":
        return _AS_PRONOUN.get(token.lower_)
    return None
