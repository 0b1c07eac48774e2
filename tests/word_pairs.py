"""A small real metric for tests: a word is likely given a text if the text has it."""

import re
from collections.abc import Sequence

from quals.metrics.base import Metric
from quals.records import PairEvidence, Span, Status, SummaryScore
from quals.report import ScoredRow
from quals.signature import signature

LIKELY, UNLIKELY = -0.1, -16.0


class WordPairs(Metric):
    name = "word-pairs"
    range = (float("-inf"), float("inf"))
    meaning = "Mean difference in log-probability of question-answer pairs given the document and given the summary."

    def __init__(self, *, answers: int = 8) -> None:
        self.answers = answers
        self.batches: list[int] = []

    @property
    def signature(self) -> str:
        return signature(self.name, {"model": "words", "answers": self.answers})

    def _score(
        self, documents: Sequence[str], summaries: Sequence[str], references: Sequence[str] | None, explain: bool
    ) -> list[SummaryScore]:
        self.batches.append(len(documents))
        return [self._one(*texts) for texts in zip(documents, summaries, strict=True)]

    def _one(self, document: str, summary: str) -> SummaryScore:
        for text, status in ((document, Status.EMPTY_DOCUMENT), (summary, Status.EMPTY_SUMMARY)):
            if not text.strip():
                return SummaryScore(None, status, "the text is empty", signature=self.signature)
        pairs = [self._pair(document, match) for match in self._candidates(summary)]
        if not pairs:
            return SummaryScore(None, Status.NO_PAIRS, "the summary has no word to ask for", signature=self.signature)
        value = sum(pair.score for pair in pairs) / len(pairs)
        return SummaryScore(value, Status.OK, evidence=tuple(pairs), signature=self.signature)

    def _candidates(self, summary: str) -> list[re.Match[str]]:
        found = sorted(re.finditer(r"\w+", summary), key=lambda match: (-len(match[0]), match.start()))
        return sorted(found[: self.answers], key=lambda match: match.start())

    def _pair(self, document: str, match: re.Match[str]) -> PairEvidence:
        answer = match[0]
        before = match.string[: match.start()].split()[-4:]
        question = " ".join(["What", "follows", *before]) + "?"
        tokens = (*question.split(), "<sep>", answer, "</s>")
        known = {word.casefold() for word in re.findall(r"\w+", document)}
        given_document = tuple(
            UNLIKELY if token == answer and token.casefold() not in known else LIKELY for token in tokens
        )
        given_summary = (LIKELY,) * len(tokens)
        score = sum(given_document) / len(tokens) - LIKELY
        return PairEvidence(
            score=score,
            summary_span=Span(*match.span()),
            document_span=Span(0, len(document)),
            question=question,
            answer=answer,
            tokens=tokens,
            summary_logprobs=given_summary,
            document_logprobs=given_document,
        )


DOCUMENT = "The mayor of Rivermouth resigned on Tuesday. Her deputy will lead the council.\n\nThe ferry sails daily."
SUMMARIES = [
    "The mayor resigned on Friday after the ferry sank.",
    "The mayor of Rivermouth resigned on Tuesday.",
    "",
    "The deputy will lead the council.",
]


def scored(summaries=SUMMARIES, document=DOCUMENT, metric=None):
    scores = (metric or WordPairs()).score([document] * len(summaries), summaries)
    ids = [f"row-{number}" for number in range(len(summaries))]
    return [ScoredRow(document, *row) for row in zip(summaries, scores, ids, strict=True)]
