"""What a run came to: counts, the lowest score, and the evidence that speaks most against its summaries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from quals.io.rows import Row
from quals.records import Status


@dataclass(frozen=True)
class Suspicion:
    """A piece of evidence that speaks against a summary, with the row it is from and what is doubted in that summary.

    All as plain JSON values.
    """

    row: Row
    evidence: Mapping[str, Any]
    doubts: Sequence[Mapping[str, Any]] = ()


@dataclass
class Tally:
    """What a run came to.

    Attributes:
        keep: how many of the worst pieces of evidence to keep.
        threshold: what every score is to reach; or every probability, with ``of_probability``.
        statuses: how many summaries ended in which status.
        total: the sum of all scores.
        lowest: the lowest score; None if there is none.
        lowest_at: the first row that has it, as file and line.
        read: how many scores have a probability.
        least_probable: the lowest probability, in 0..1; None if there is none.
        least_probable_at: the first row that has it, as file and line.
        unread: what is said of the first score without a probability.
        below: how many scores, or probabilities, do not reach the threshold.
        worst: the evidence with the lowest scores over all rows, worst first.
    """

    keep: int = 3
    threshold: float | None = None
    of_probability: bool = False
    statuses: Counter[Status] = field(default_factory=Counter)
    total: float = 0.0
    lowest: float | None = None
    lowest_at: str = ""
    read: int = 0
    least_probable: float | None = None
    least_probable_at: str = ""
    unread: str = ""
    below: int = 0
    worst: list[Suspicion] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How many summaries there were, with a score or without."""
        return self.statuses.total()

    @property
    def mean(self) -> float | None:
        """The mean score of the summaries that have one."""
        return self.total / self.statuses[Status.OK] if self.lowest is not None else None

    @property
    def troubled(self) -> int:
        """How many rows could not be read, or made the metric fail."""
        return self.statuses[Status.INVALID_ROW] + self.statuses[Status.ERROR]

    @property
    def shortfall(self) -> str:
        """What is wrong, unless every summary has a score, or a probability, that reaches the threshold; else empty."""
        scored = (self.lowest, self.lowest_at, self.statuses[Status.OK], "score", "")
        read = (self.least_probable, self.least_probable_at, self.read, "probability", self.unread)
        lowest, place, there, what, reason = read if self.of_probability else scored
        wrong = []
        if self.below:
            wrong.append(
                f"{self.below} of {self.count} summaries have a lower {what}, the lowest {lowest:.4g}, in {place}"
            )
        if missing := self.count - there:
            wrong.append(f"{missing} of {self.count} summaries have no {what}{f' ({reason})' if reason else ''}")
        return " and ".join(wrong)

    def add(
        self,
        row: Row,
        score: Mapping[str, Any],
        evidence: Iterable[Mapping[str, Any]],
        doubts: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Count one result (see `SummaryScore.to_dict`); ``evidence`` holds at least its ``keep`` worst pieces."""
        self.statuses[Status(score["status"])] += 1
        value, probability = score["score"], score["probability"]
        least = probability if self.of_probability else value
        self.below += None not in (least, self.threshold) and least < self.threshold
        if value is not None:
            self.total += value
            if self.lowest is None or value < self.lowest:
                self.lowest, self.lowest_at = value, row.place
            if probability is None:
                self.unread = self.unread or score["reason"]
        if probability is not None:
            self.read += 1
            if self.least_probable is None or probability < self.least_probable:
                self.least_probable, self.least_probable_at = probability, row.place
        pieces = self.worst + [Suspicion(row, piece, doubts) for piece in evidence]
        self.worst = sorted(pieces, key=lambda suspicion: suspicion.evidence["score"])[: self.keep]
