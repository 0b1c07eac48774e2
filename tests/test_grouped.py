"""Metrics that look up in documents what they find in summaries: each text is worked on once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from quals.metrics.grouped import GroupedMetric, Problem
from quals.records import Status, SummaryScore, WordEvidence


class Words(GroupedMetric[str]):
    """The share of a summary's words that the document has; ``found`` and ``compared`` hold what was asked for."""

    name = "words"
    range = (0.0, 1.0)
    meaning = "The share of words that the document has."

    def __init__(self, chunks: int = 1) -> None:
        self.chunks = chunks
        self.found: list[list[str]] = []
        self.compared: list[tuple[Mapping[str, Mapping[str, list[str]]], bool]] = []

    @property
    def signature(self) -> str:
        return "metric:words"

    def _problem(self, summary: str) -> Problem | None:
        return (Status.SUMMARY_TOO_LONG, "too long") if len(summary) > 20 else None

    def _find(self, summaries: Sequence[str]) -> list[list[str] | Problem]:
        self.found.append(list(summaries))
        return [summary.split() if summary != "Hm." else (Status.NO_PAIRS, "no words") for summary in summaries]

    def _compare(
        self, wanted: Mapping[str, Mapping[str, list[str]]], explain: bool
    ) -> dict[str, dict[str, SummaryScore]]:
        self.compared.append((wanted, explain))
        return {
            document: {summary: self._one(document, words) for summary, words in of.items()}
            for document, of in wanted.items()
        }

    def _one(self, document: str, words: Sequence[str]) -> SummaryScore:
        evidence = [WordEvidence(float(word in document), None, None, word, -1.0, 0.0) for word in words]
        value = sum(piece.score for piece in evidence) / len(evidence)
        return self._result(value, evidence, self.chunks, "each word takes its best")


ROWS = [
    ("It rained.", "It rained."),
    ("It snowed.", "It rained."),
    ("It rained.", "It rained."),
    ("", "It rained."),
    ("It rained.", "Nobody said that it rained."),
    ("It rained.", "Hm."),
    ("It rained.", " "),
    ("It rained.", "It snowed."),
    ("", "Nobody said that it rained."),
]


@pytest.mark.parametrize("explain", [True, False])
def test_each_text_is_worked_on_once_and_rows_stay_in_order(explain: bool) -> None:
    metric = Words()
    documents, summaries = [list(column) for column in zip(*ROWS, strict=True)]
    scores = metric.score(documents, summaries, explain=explain)
    assert metric.found == [["It rained.", "Hm.", "It snowed."]]  # those of which nothing else is known
    both = {"It rained.": ["It", "rained."], "It snowed.": ["It", "snowed."]}
    assert metric.compared == [
        ({"It rained.": both, "It snowed.": {"It rained.": ["It", "rained."]}}, explain),
    ]
    assert [(score.value, score.status) for score in scores] == [
        (1.0, Status.OK),
        (0.5, Status.OK),
        (1.0, Status.OK),
        (None, Status.EMPTY_DOCUMENT),
        (None, Status.SUMMARY_TOO_LONG),
        (None, Status.NO_PAIRS),
        (None, Status.EMPTY_SUMMARY),
        (0.5, Status.OK),
        (None, Status.EMPTY_DOCUMENT),
    ]
    assert [len(score.evidence) for score in scores] == ([2, 2, 2, 0, 0, 0, 0, 2, 0] if explain else [0] * 9)
    assert {score.signature for score in scores} == {"metric:words"}


def test_a_document_in_chunks_is_told() -> None:
    one, two = (Words(chunks).score("It rained.", "It rained.") for chunks in (1, 2))
    assert (one.chunks, one.reason) == (1, "")
    assert (two.chunks, two.reason) == (2, "document read in 2 overlapping chunks; each word takes its best")
