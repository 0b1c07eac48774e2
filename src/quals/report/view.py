"""One scored row -> everything its part of the page shows, as plain text and numbers for the templates."""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from quals.doubts import FRAME_TOKEN, Losses, clip, losses
from quals.numbers import fixed
from quals.records import ClaimEvidence, Evidence, PairEvidence, QuestionEvidence, Reading, Span, Status
from quals.report.facts import MetricFacts
from quals.report.marks import Marked, Passages, mark, visible
from quals.report.overview import MEANINGS
from quals.report.rows import ScoredRow, facts_of
from quals.texts import find_answer, has_words


@dataclass(frozen=True)
class TokenView:
    """A token, its probability under both texts in percent, and the difference in log-probability."""

    text: str
    summary: int
    document: int
    change: str
    level: int


@dataclass(frozen=True)
class EvidenceView:
    """A piece of evidence: a question-answer pair with its tokens, or whatever another metric has to show."""

    number: int
    anchor: str
    question: str
    answer: str
    score: str
    words: str
    level: int
    sentence: str  # anchor of the nearest sentence, or empty
    passage: str  # the part of the document the model read, where that is known and not all of it
    tokens: tuple[TokenView, ...]
    means: tuple[str, str]
    facts: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Piece:
    """A piece of the summary or the document."""

    text: str
    level: int = 0
    questions: tuple[int, ...] = ()
    anchor: str = ""
    title: str = ""


@dataclass(frozen=True)
class RowView:
    """A row of the page."""

    number: int
    anchor: str
    id: str
    value: float | None
    score: str
    reading: Reading | None
    level: int
    status: Status
    reason: str
    chunks: int
    summary: tuple[Piece, ...]
    document: tuple[Piece, ...]
    evidence: tuple[EvidenceView, ...]


def view_row(row: ScoredRow, number: int, facts: MetricFacts) -> RowView:
    """What the page shows of the row with this number in its file; evidence comes worst first."""
    anchor = f"r{number}"
    evidence = row.score.worst(len(row.score.evidence))
    passages = Passages(row.document)
    nearest = [passages.nearest(_texts(piece), piece.document_span) for piece in evidence]
    shown = tuple(
        _evidence(piece, place, anchor, sentence, row.document, facts)
        for place, (piece, sentence) in enumerate(zip(evidence, nearest, strict=True), start=1)
    )
    return RowView(
        number=number,
        anchor=anchor,
        id=visible(row.id),
        value=row.score.value,
        score="no score" if row.score.value is None else number_text(row.score.value),
        reading=facts.read(row.score, row.document),
        level=max((piece.level for piece in shown), default=0),
        status=row.score.status,
        reason=visible(row.score.reason or ("" if row.score.value is not None else MEANINGS[row.score.status])),
        chunks=row.score.chunks,
        summary=_summary(row.summary, evidence, facts),
        document=_document(row.document, nearest, anchor),
        evidence=shown,
    )


def number_text(value: float, digits: int = 3) -> str:
    """A number with a true minus sign, and none before a zero."""
    return fixed(value, digits).replace("-", "−")


def _texts(piece: Evidence) -> list[str]:
    return [value for value in facts_of(piece).values() if isinstance(value, str)]


def _summary(text: str, evidence: Sequence[Evidence], facts: MetricFacts) -> tuple[Piece, ...]:
    found = losses(text, evidence, facts.range)
    pieces = mark(text, found.places, [piece.summary_span for piece in evidence])
    return tuple(_marked(piece, found) for piece in pieces)


def _marked(piece: Marked, found: Losses) -> Piece:
    numbers = tuple(number + 1 for number in piece.ends)
    title = f"loses {number_text(piece.loss, 2)} on average"
    level = found.level(piece.loss) if has_words(piece.text) else 0
    return Piece(piece.text, level, numbers, title=title)


def _document(text: str, nearest: Sequence[Span | None], anchor: str) -> tuple[Piece, ...]:
    questions: dict[Span, list[int]] = {}
    for number, span in enumerate(nearest, start=1):
        if span:
            questions.setdefault(span, []).append(number)
    pieces, done = [], 0
    for span in sorted(questions, key=lambda span: span.start):
        pieces.append(Piece(visible(text[done : span.start])))
        sentence = visible(span.of(text))
        pieces.append(Piece(sentence, questions=tuple(questions[span]), anchor=f"{anchor}-s{span.start}"))
        done = span.end
    return tuple(piece for piece in (*pieces, Piece(visible(text[done:]))) if piece.text)


def _evidence(
    piece: Evidence, number: int, anchor: str, sentence: Span | None, document: str, facts: MetricFacts
) -> EvidenceView:
    pair = piece if isinstance(piece, PairEvidence) else None
    return EvidenceView(
        number=number,
        anchor=f"{anchor}-q{number}",
        question=visible(pair.question) if pair else "",
        answer=visible(pair.answer) if pair else "",
        score=number_text(piece.score),
        words=factor_text(pair.score) if pair else "",
        level=facts.level(piece),
        sentence=f"{anchor}-s{sentence.start}" if sentence else "",
        passage=_passage(piece, document),
        tokens=_tokens(pair) if pair else (),
        means=_means(pair) if pair else ("", ""),
        facts=() if pair else tuple((visible(key), _plain(value)) for key, value in facts_of(piece).items()),
    )


def factor_text(score: float) -> str:
    """A pair's score in words: the factor by which its tokens' probability changes, as geometric mean."""
    if abs(score) < 0.05:
        return "as likely given the document as given the summary"
    factor = math.exp(min(abs(score), 50))
    size = f"{factor:.1f}" if factor < 10 else f"{factor:,.0f}"
    return f"{size} times {'less' if score < 0 else 'more'} likely per token given the document"


def _passage(piece: Evidence, document: str) -> str:
    if (span := piece.document_span) is None or (span := clip(span, len(document))) == Span(0, len(document)):
        return ""
    if find_answer(_found(piece), unicodedata.normalize("NFC", document[span.start : span.end])):
        return ""  # the place of these words, and not what the model read
    return f"characters {span.start + 1:,} to {span.end:,} of {len(document):,}"


def _found(piece: Evidence) -> str:
    """What the evidence has found in the document, whose place it then gives; mostly nothing."""
    if isinstance(piece, ClaimEvidence):
        return piece.instead
    return piece.document_answer if isinstance(piece, QuestionEvidence) else ""


def _means(pair: PairEvidence) -> tuple[str, str]:
    both = (pair.summary_logprobs, pair.document_logprobs)
    given = [number_text(sum(values) / len(values)) if values else "" for values in both]
    return given[0], given[1]


def _tokens(pair: PairEvidence) -> tuple[TokenView, ...]:
    rows = zip(pair.tokens, pair.summary_logprobs, pair.document_logprobs, strict=True)
    last = len(pair.tokens) - 1
    return tuple(
        TokenView(
            token_text(token, last=place == last),
            round(100 * math.exp(min(given_summary, 0))),
            round(100 * math.exp(min(given_document, 0))),
            number_text(given_document - given_summary, 1),
            sum(given_summary - given_document >= step for step in (1, 2, 4)),
        )
        for place, (token, given_summary, given_document) in enumerate(rows)
    )


def token_text(token: str, *, last: bool) -> str:
    """A token as people can read it: the frame's own tokens by their role, space made visible where alone."""
    if FRAME_TOKEN.fullmatch(token):
        return "end" if last else "answer:"
    token = token or "…"  # the rest of a letter
    return visible(token.strip() or token.replace("\n", "↵").replace(" ", "␣"))


def _plain(value: object) -> str:
    return visible(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
