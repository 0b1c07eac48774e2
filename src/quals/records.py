"""What flows between the stages: small frozen records that every stage takes and gives."""

from __future__ import annotations

import bisect
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

# Below the first a summary is likely inconsistent, from the second on likely consistent.
CUTS = (0.3, 0.7)


class Texts(NamedTuple):
    """What a score is a function of, besides the metric."""

    document: str
    summary: str
    reference: str | None = None


class Status(StrEnum):
    """Why a summary has a score, or has none."""

    OK = "ok"
    EMPTY_DOCUMENT = "empty-document"
    EMPTY_SUMMARY = "empty-summary"
    NO_PAIRS = "no-pairs"  # no generated pair passed the answer filter
    NO_QUESTIONS = "no-questions"  # nothing in the summary to ask about, or no question passed the answer filter
    SUMMARY_TOO_LONG = "summary-too-long"  # more tokens than the model can read at once
    UNSUPPORTED_SCRIPT = "unsupported-script"  # most letters are of a script the model was not trained on
    NO_REFERENCE = "no-reference"  # the metric compares with a reference summary and got none
    INVALID_ROW = "invalid-row"  # the input row could not be read
    ERROR = "error"  # scoring failed; the reason says how


@dataclass(frozen=True)
class Span:
    """Characters ``start:end`` of a text."""

    start: int
    end: int

    def of(self, text: str) -> str:
        """What stands there."""
        return text[self.start : self.end]

    def moved(self, by: int) -> Span:
        """The same characters, ``by`` further on: where the text is a part of another."""
        return Span(self.start + by, self.end + by)


@dataclass(frozen=True)
class Evidence:
    """One thing a score rests on: its own score, and the places it speaks of where they are known.

    Higher is more consistent; unit and range are the metric's. Metrics add what they have to show as further fields of
    a subclass.
    """

    score: float
    summary_span: Span | None
    document_span: Span | None

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """What a metric adds is known to a type checker only where the subclass is."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class PairEvidence(Evidence):
    """A question-answer pair with its log-probabilities (natural log) under both texts.

    ``score`` is the mean of ``document_logprobs`` minus the mean of ``summary_logprobs``. ``tokens``,
    ``summary_logprobs`` and ``document_logprobs`` are of equal length: the question, the separator, the
    answer, the end; a letter of several tokens is its first one's, the others are "". ``summary_span`` is
    where the answer stands in the summary, ``document_span`` the chunk of the document under which the pair
    was most likely.
    """

    question: str
    answer: str
    tokens: tuple[str, ...] = field(repr=False)
    summary_logprobs: tuple[float, ...] = field(repr=False)
    document_logprobs: tuple[float, ...] = field(repr=False)


@dataclass(frozen=True)
class QuestionEvidence(Evidence):
    """A question about the summary with the answers that the summary and the document give; "" for none.

    ``score`` is the token F1 of the two. ``summary_span`` is where the expected answer stands in the summary,
    ``document_span`` where the document's answer stands, or the chunk it was read in if it is worded
    otherwise; None if there is no answer.
    """

    question: str
    expected_answer: str
    summary_answer: str
    document_answer: str


@dataclass(frozen=True)
class ClaimEvidence(Evidence):
    """A sentence of the summary, checked as a claim.

    ``score`` is the probability that it is consistent. If that is below 1/2 and the model names words that are
    wrong, these are ``doubted``, and ``instead`` is what it finds in the document in their place ("" for nothing
    that stands there). ``summary_span`` is the doubted words, or else the sentence; ``document_span`` the words
    found instead, or else the chunk of the document under which the sentence was most probable.
    """

    claim: str
    doubted: str = ""
    instead: str = ""


@dataclass(frozen=True)
class WordEvidence(Evidence):
    """A word of the summary with its log-probability (natural log), with the document before it and without.

    ``score`` is 1 less the share of ``log_prob`` in the mean information of the summary's words: 1 for a word that is
    certain given the document, 0 for one that tells as much as a word of the summary does on average without any
    document, lower for one that tells more. Their mean is the summary's score. ``document_span`` is the chunk of the
    document under which the word was most likely.
    """

    word: str
    log_prob_alone: float
    log_prob: float


@dataclass(frozen=True)
class Doubt:
    """A place of the summary that evidence speaks against.

    Attributes:
        text: what stands there.
        span: where.
        loss: how much speaks against it on average. Of question-answer pairs: natural log, how much less likely the
            word is given the document than given the summary. Of other evidence: what it lacks of the highest score.
        level: 1 slight, 2 clear, 3 strong.
    """

    text: str
    span: Span
    loss: float
    level: int

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {"text": self.text, **asdict(self.span), "loss": self.loss, "level": self.level}


class Band(StrEnum):
    """A probability in plain words."""

    LIKELY_INCONSISTENT = "likely inconsistent"
    LOOK_CLOSER = "look closer"
    LIKELY_CONSISTENT = "likely consistent"

    @classmethod
    def of(cls, probability: float) -> Band:
        """The band a probability falls into; the cuts are 0.3 and 0.7."""
        return list(cls)[bisect.bisect_right(CUTS, probability)]


@dataclass(frozen=True)
class Reading:
    """What a calibration says of one score: a probability of consistency in 0..1, and its band."""

    probability: float
    band: Band


@dataclass(frozen=True)
class SummaryScore:
    """The score of one summary.

    Attributes:
        value: the score, or None where none can be computed; never a stand-in number.
        status: `Status.OK` exactly if ``value`` is a number.
        reason: for people, why there is no score; or a note on how it came about; may be empty.
        evidence: what the score rests on, in the order the metric found it.
        evidence_count: how many pieces of evidence it rests on, where these are not given; else None (see `rests_on`).
        chunks: into how many overlapping pieces the document was split; 1 if it was read whole.
        signature: how the number was made (see `quals.signature`).
        reading: the score as a probability, where there is a calibration for scores made like this one.
        doubts: the places of the summary that the evidence speaks against, in order.
    """

    value: float | None
    status: Status
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    chunks: int = 1
    signature: str = ""
    reading: Reading | None = None
    doubts: tuple[Doubt, ...] = ()
    evidence_count: int | None = None

    def __post_init__(self) -> None:
        if (self.status is Status.OK) != (self.value is not None):
            raise ValueError(f"status {self.status} does not go with value {self.value}")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"{self.value} is not a score")

    @property
    def rests_on(self) -> int:
        """How many pieces of evidence, be they given or not."""
        return len(self.evidence) if self.evidence_count is None else self.evidence_count

    def worst(self, count: int) -> list[Evidence]:
        """The ``count`` pieces of evidence that speak most against the summary, worst first."""
        return sorted(self.evidence, key=lambda piece: piece.score)[:count]

    def to_dict(self, *, explain: bool = False) -> dict[str, Any]:
        """As plain JSON values; with ``explain`` the evidence and the doubts, too."""
        row: dict[str, Any] = {
            "score": self.value,
            "probability": self.reading.probability if self.reading else None,
            "band": str(self.reading.band) if self.reading else None,
            "status": str(self.status),
            "reason": self.reason,
            "evidence_count": self.rests_on,
            "chunks": self.chunks,
            "signature": self.signature,
        }
        if explain:
            row["evidence"] = [piece.to_dict() for piece in self.evidence]
            row["doubts"] = [doubt.to_dict() for doubt in self.doubts]
        return row


@dataclass(frozen=True)
class Scores:
    """The scores of one summary by several metrics: by the metrics' names, in the order they were asked for."""

    by_metric: Mapping[str, SummaryScore]

    def to_dict(self, *, explain: bool = False) -> dict[str, Any]:
        """As plain JSON values: each score as by itself, under the metric's name, all in ``scores``."""
        return {"scores": {name: score.to_dict(explain=explain) for name, score in self.by_metric.items()}}


Result = SummaryScore | Scores


def scores_of(result: Result) -> list[SummaryScore]:
    """A result's scores, be it by one metric or several."""
    return list(result.by_metric.values()) if isinstance(result, Scores) else [result]
