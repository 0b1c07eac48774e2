"""How far two answers agree: SQuAD's token F1 (Rajpurkar et al. 2016, arXiv 1606.05250, section 6.1).

Answers are compared without case, punctuation, articles and superfluous blanks. "Unanswerable" is the empty
answer, as in SQuAD 2.0: it agrees wholly with itself and not at all with any other.
"""

from __future__ import annotations

import re
import string
from collections import Counter

_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(a|an|the)\b")


def normalized(answer: str) -> str:
    """An answer as SQuAD's evaluation compares it.

    >>> normalized("The  U.S. Senate")
    'us senate'
    """
    return " ".join(_ARTICLES.sub(" ", answer.lower().translate(_PUNCTUATION)).split())


def token_f1(one: str, other: str) -> float:
    """Harmonic mean of the shares of words that two answers have in common; 0 to 1.

    >>> token_f1("the town mayor", "Mayor.")
    0.6666666666666666
    """
    words, others = normalized(one).split(), normalized(other).split()
    if not words or not others:
        return float(words == others)
    shared = (Counter(words) & Counter(others)).total()
    # 2 p r / (p + r) with p = shared / |words| and r = shared / |others|
    return 2 * shared / (len(words) + len(others))
