"""Intervals by resampling documents.

Several systems' summaries of one document are not independent: a document that is hard to summarize, or
an odd one for the metric, moves all of its rows together. So whole documents are drawn, each with all its
rows (the cluster bootstrap; Field and Welsh 2007). Drawing rows instead gives intervals that are too
narrow wherever documents differ.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]

USABLE_SHARE = 0.9  # of the resamples must have a value, else the interval would speak of the others only
_ROUNDING = 1e-9  # by which equal values may differ


class UndefinedError(Exception):
    """A statistic has no value for these rows; the message says why, for people."""


@dataclass(frozen=True)
class Estimate:
    """A statistic with its interval.

    Attributes:
        value: None where the statistic is not defined, with the reason; never NaN.
        low, high: ends of the percentile interval, or None where it cannot be had, with the reason.
        count: of how many rows (or comparisons) it speaks.
        reason: why something is missing; empty if nothing is.
    """

    value: float | None
    low: float | None
    high: float | None
    count: int
    reason: str = ""


@dataclass(frozen=True)
class Bootstrap:
    """How intervals are made: ``resamples`` draws, seeded, covering the middle ``level`` of them."""

    resamples: int = 1000
    seed: int = 0
    level: float = 0.95

    def estimate(self, statistic: Callable[[Rows], float], documents: Sequence[str]) -> Estimate:
        """The statistic of all rows, and its interval over resampled documents.

        Args:
            statistic: takes row numbers (with repeats) and gives a number or raises `UndefinedError`.
            documents: which document each row belongs to.
        """
        count = len(documents)
        try:
            value = statistic(np.arange(count))
        except UndefinedError as gap:
            return Estimate(None, None, None, count, str(gap))
        low, high, reason = self._interval(statistic, clusters(documents))
        return Estimate(value, low, high, count, reason)

    def _interval(
        self, statistic: Callable[[Rows], float], groups: list[Rows]
    ) -> tuple[float | None, float | None, str]:
        if len(groups) < 2:
            return None, None, "no interval: all rows belong to one document"
        values = [value for rows in self.draws(groups) if (value := _or_none(statistic, rows)) is not None]
        if len(values) < USABLE_SHARE * self.resamples:
            return (
                None,
                None,
                f"no interval: {self.resamples - len(values)} of {self.resamples} resamples have no value",
            )
        tail = (1 - self.level) / 2
        low, high = np.quantile(values, [tail, 1 - tail])
        if high - low < _ROUNDING:
            return None, None, "no interval: (nearly) all resamples have the same value"
        return float(low), float(high), ""

    def draws(self, groups: list[Rows]) -> Iterator[Rows]:
        """``resamples`` times the rows of as many documents as there are, drawn with replacement."""
        generator = np.random.default_rng(self.seed)
        for _ in range(self.resamples):
            yield np.concatenate([groups[i] for i in generator.integers(len(groups), size=len(groups))])


def clusters(documents: Sequence[str]) -> list[Rows]:
    """The row numbers of each document, documents in order of first appearance."""
    places: dict[str, list[int]] = {}
    for row, document in enumerate(documents):
        places.setdefault(document, []).append(row)
    return [np.array(rows, dtype=np.intp) for rows in places.values()]


def _or_none(statistic: Callable[[Rows], float], rows: Rows) -> float | None:
    try:
        return statistic(rows)
    except UndefinedError:
        return None
