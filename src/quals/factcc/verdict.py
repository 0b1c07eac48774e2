"""Verdicts on claims: consistent or not, and which words are wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from quals.texts import find_answer
from quals.training.data import BasedPair

CONSISTENT, INCONSISTENT = "yes", "no"  # single tokens of the usual vocabularies
# The kinds of all claims made of a summary's sentences, and of all that somebody judged.
RESTATED, LABELLED = "restated", "labelled"
_LONGEST_SLIP = 34  # words, of both sides; the model writes no more than so many tokens (`LONGEST_VERDICT`)
_STOPS = ".,;:!?"


@dataclass(frozen=True)
class Slip:
    """Words of a claim that are wrong, and what the document has instead."""

    words: str
    instead: str

    @property
    def verdict(self) -> str:
        """As it is learnt: to say which words are wrong takes more than to say that some are."""
        return f"{INCONSISTENT}: {self.words} / {self.instead}"

    def mend(self, claim: str) -> str:
        """The claim with the right words; unchanged if the wrong ones are not in it."""
        place = find_answer(self.words, claim, words_only=True)
        return claim[: place.start] + self.instead + claim[place.end :] if place else claim

    @classmethod
    def between(cls, wrong: str, right: str) -> Slip | None:
        """What a claim has wrong, by its correction: from the first to the last word that differs.

        Where nothing has to go, or to come in, the word beside it is part of it. None if nothing differs, or too much.
        """
        ours, theirs = wrong.split(), right.split()
        same = _alike(ours, theirs)
        behind = _alike(ours[same:][::-1], theirs[same:][::-1])
        if same + behind == len(ours) == len(theirs):
            return None
        if same + behind == min(len(ours), len(theirs)):
            same, behind = (same - 1, behind) if same else (same, max(0, behind - 1))
        words, instead = (" ".join(of[same : len(of) - behind]).strip(_STOPS) for of in (ours, theirs))
        short = len(words.split()) + len(instead.split()) <= _LONGEST_SLIP
        return cls(words, instead) if short and words and instead and words != instead else None

    @classmethod
    def parse(cls, verdict: str) -> Slip | None:
        """Inverse of `verdict`; None for one that names no words."""
        found = re.fullmatch(rf"\s*{INCONSISTENT}: (.+?) / (.*)", verdict)
        return cls(found[1].strip(), found[2].strip()) if found and found[1].strip() else None


def _alike(some: Sequence[str], others: Sequence[str]) -> int:
    """How many words both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(some, others, strict=False)))


@dataclass(frozen=True)
class ClaimPair(BasedPair):
    """A claim as the question, its verdict as the answer.

    The verdict is ``yes``; or ``no``, if it is known what is wrong in the form of a `Slip`.
    ``kind`` is how the sentence was made false, in its true claim too, so that each kind has both; or `RESTATED`, or
    `LABELLED`.
    """

    kind: str = ""
