"""Metrics that find something in each summary and look it up in its document."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, TypeVar

from quals.metrics.base import Metric
from quals.metrics.problems import problem_of
from quals.records import Evidence, Status, SummaryScore

Piece = TypeVar("Piece")  # of what is found in a summary: a question, a sentence, ...
Problem = tuple[Status, str]  # why there is no score, and the same for people


class GroupedMetric(Metric, Generic[Piece]):
    """Does the work on each summary once, and that on each document once for all of its summaries.

    A subclass says what cannot be scored, what it looks for in summaries, and how that is looked up.
    """

    @abstractmethod
    def _problem(self, summary: str) -> Problem | None:
        """Why this summary cannot be scored, beside what `problem_of` sees, if it cannot."""

    @abstractmethod
    def _find(self, summaries: Sequence[str]) -> list[list[Piece] | Problem]:
        """What each summary is scored by, or why there is nothing."""

    @abstractmethod
    def _compare(
        self, wanted: Mapping[str, Mapping[str, list[Piece]]], explain: bool
    ) -> dict[str, dict[str, SummaryScore]]:
        """The scores of the summaries of each document, given what was found in each; see `Metric._score`."""

    def _score(
        self, documents: Sequence[str], summaries: Sequence[str], references: Sequence[str] | None, explain: bool
    ) -> list[SummaryScore]:
        rows = list(zip(documents, summaries, strict=True))
        problems = {row: problem_of(*row) or self._problem(row[1]) for row in dict.fromkeys(rows)}
        texts = list(dict.fromkeys(summary for (_, summary), problem in problems.items() if not problem))
        found = dict(zip(texts, self._find(texts), strict=True))
        wanted: dict[str, dict[str, list[Piece]]] = {}
        for (document, summary), problem in problems.items():
            pieces = problem or found[summary]
            if isinstance(pieces, tuple):
                problems[document, summary] = pieces
            else:
                wanted.setdefault(document, {})[summary] = pieces
        scores = self._compare(wanted, explain)
        return [
            scores[document][summary] if not (problem := problems[document, summary]) else self.without(*problem)
            for document, summary in rows
        ]

    def _result(self, value: float, evidence: Sequence[Evidence], chunks: int, takes: str) -> SummaryScore:
        """The result of a document read in so many chunks; ``takes`` says which of them counts for what."""
        note = "" if chunks == 1 else f"document read in {chunks} overlapping chunks; {takes}"
        return SummaryScore(value, Status.OK, note, tuple(evidence), chunks, self.signature)
