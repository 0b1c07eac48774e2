"""How often what a QAGen writes can be used."""

from __future__ import annotations

from collections.abc import Sequence

from quals.lm.search import SearchSettings
from quals.qagen.model import QAGen
from quals.qagen.select import parse


def answer_filter_share(qagen: QAGen, texts: Sequence[str]) -> float:
    """Share of the pairs written about ``texts`` whose answer stands in the text."""
    search = SearchSettings()
    beams = qagen.search(texts, search)
    kept = sum(len(parse(qagen, text, found)) for text, found in zip(texts, beams, strict=True))
    return kept / (search.groups * len(texts))
