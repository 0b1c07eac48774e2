"""Accents that are characters of their own: the same text, so the same score, and places in it as it was given."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.metrics.base import Metric
from quals.records import Evidence, Span, Status, SummaryScore
from quals.texts import Composed

DOCUMENT, SUMMARY = "Ana Núñez met Łukasz Żak in Kraków.", "Ana Núñez met Łukasz Żak in Zamość."


class Words(Metric):
    """The share of words that the document has; evidence for each word, with where it stands in both."""

    name, range, meaning, signature = "words", (0.0, 1.0), "", "words"

    def _score(
        self, documents: Sequence[str], summaries: Sequence[str], references: Sequence[str] | None, explain: bool
    ) -> list[SummaryScore]:
        return [self._one(*row) for row in zip(documents, summaries, strict=True)]

    def _one(self, document: str, summary: str) -> SummaryScore:
        found = []
        for word in summary.split():
            begin, there = summary.index(word), document.find(word)
            span = None if there < 0 else Span(there, there + len(word))
            found.append(Evidence(float(there >= 0), Span(begin, begin + len(word)), span))
        mean = sum(piece.score for piece in found) / len(found)
        return SummaryScore(mean, Status.OK, evidence=tuple(found), signature=self.signature)


@pytest.mark.parametrize("forms", [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD"), ("NFKD", "NFD")])
def test_the_same_text_has_the_same_score_and_its_own_places(forms: tuple[str, str]) -> None:
    plain = Words().score(DOCUMENT, SUMMARY)
    document, summary = (unicodedata.normalize(*of) for of in zip(forms, (DOCUMENT, SUMMARY), strict=True))
    found = Words().score([document], [summary])[0]
    assert found.value == plain.value == 6 / 7
    words = [(summary[p.summary_span.start : p.summary_span.end], p) for p in found.evidence if p.summary_span]
    assert [word for word, _ in words] == summary.split()
    for word, piece in words:
        there = piece.document_span and document[piece.document_span.start : piece.document_span.end]
        assert there is None or unicodedata.normalize("NFC", there) == unicodedata.normalize("NFC", word)
    (doubt,) = found.doubts
    assert doubt.text == summary[doubt.span.start : doubt.span.end] == summary.split()[-1]


@given(st.text(st.sampled_from("ae n\u0301\u0303\u0327\u0958éñ가\u1100\u1161\u11a8"), max_size=12))
def test_places_hold_what_they_are_of(text: str) -> None:
    composed = Composed(text)
    if composed.text != unicodedata.normalize("NFC", text):  # letters that compose with each other: left as they are
        assert composed.text == text
        return
    for place, letter in enumerate(composed.text):
        span = composed.span(Span(place, place + 1))
        assert letter in unicodedata.normalize("NFC", text[span.start : span.end])
    assert composed.span(Span(0, len(composed.text))) == Span(0, len(text))
