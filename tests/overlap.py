"""A small real metric to try commands on: the share of a summary's words that its document has.

Run as a script it is the ``quals`` command with this metric in place of a model.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

from quals.cli.main import cli
from quals.metrics import registry
from quals.metrics.base import Metric
from quals.records import PairEvidence, Status, SummaryScore
from quals.signature import signature


class Overlap(Metric):
    """Each word of the summary is a pair whose answer is the word; its score is 0 if the document has it, else -1.

    ``calls`` holds the number of rows of each call. A document with the word BOOM makes it fail.
    """

    name = "overlap"
    range = (-1.0, 0.0)
    meaning = "Minus the share of words that the document lacks."

    def __init__(self, *, words: int = 5, **_: object) -> None:
        self.words = words
        self.calls: list[int] = []
        self.references: list[Sequence[str] | None] = []

    @property
    def signature(self) -> str:
        return signature("overlap", {"words": self.words})

    def _score(
        self, documents: Sequence[str], summaries: Sequence[str], references: Sequence[str] | None, explain: bool
    ) -> list[SummaryScore]:
        self.calls.append(len(documents))
        self.references.append(references)
        return [self._one(document, summary) for document, summary in zip(documents, summaries, strict=True)]

    def _one(self, document: str, summary: str) -> SummaryScore:
        if "BOOM" in document:
            raise RuntimeError("boom")
        words = summary.split()[: self.words]
        if not words:
            return SummaryScore(None, Status.EMPTY_SUMMARY, "the summary is empty", signature=self.signature)
        have = set(document.split())
        pairs = tuple(self._pair(word, 0.0 if word in have else -1.0) for word in words)
        mean = sum(pair.score for pair in pairs) / len(pairs)
        return SummaryScore(mean, Status.OK, evidence=pairs, signature=self.signature)

    def _pair(self, word: str, score: float) -> PairEvidence:
        return PairEvidence(score, None, None, "Which word?", word, (word,), (math.log(0.5),), (math.log(0.5) + score,))


if __name__ == "__main__":
    registry.load = lambda name, **settings: Overlap(**settings)
    cli(sys.argv[1:])
