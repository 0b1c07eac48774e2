"""What a summary is like, whatever it says."""

from __future__ import annotations

from itertools import pairwise

from quals.texts import words


def novel_bigrams(document: str, summary: str) -> float | None:
    """Share of the summary's word pairs that the document lacks, 0 (all copied) to 1; None below two words.

    Words are runs of letters and digits without regard to case; a pair that occurs twice counts twice
    (as in See et al. 2017, arXiv 1704.04368, section 6).
    """
    known = set(pairwise(words(document)))
    pairs = list(pairwise(words(summary)))
    return sum(pair not in known for pair in pairs) / len(pairs) if pairs else None


def length(summary: str) -> int:
    """Words, as blanks separate them."""
    return len(summary.split())
