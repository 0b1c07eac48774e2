"""How well automatic metrics predict what people prefer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from quals.errors import MissingExtraError
from quals.study.records import ATTRIBUTES, Judgement
from quals.study.stats import majority, sign_test, wilson
from quals.study.votes import by_pair, by_systems, votes

try:
    from scipy.stats import kendalltau
except ImportError as error:
    raise MissingExtraError("quals study report", "study") from error

Scores = Mapping[tuple[str, str], Mapping[str, float]]
_Points = list[tuple[float, float, int]]  # score difference, mean preference, majority


def metric_rows(judgements: Sequence[Judgement], scores: Scores, metrics: Sequence[str]) -> list[dict[str, Any]]:
    """One row per metric, question and pair of systems.

    ``accuracy`` is the share of pairs on which the metric prefers the summary that most people prefer, among
    those where both prefer one; ``tau`` is Kendall's tau-b of score difference and mean preference on all.
    """
    return [
        {
            "metric": metric,
            "attribute": attribute,
            "system": first,
            "against": second,
            **_measure(group, metric, scores, attribute),
        }
        for (first, second), group in by_systems(judgements).items()
        for metric in metrics
        for attribute in ATTRIBUTES
    ]


def _measure(judgements: Sequence[Judgement], metric: str, scores: Scores, attribute: str) -> dict[str, Any]:
    points: _Points = []
    missing = 0
    for group in by_pair(judgements).values():
        preferences, pair = votes(group, attribute), group[0]
        first, second = (scores.get((pair.document, system), {}).get(metric) for system in (pair.first, pair.second))
        if preferences and (first is None or second is None):
            missing += 1
        elif preferences and first is not None and second is not None:
            points.append((first - second, mean(preferences), majority(preferences)))
    decided = [(difference, preference) for difference, _, preference in points if preference]
    right = sum(difference * preference > 0 for difference, preference in decided)
    wrong = sum(difference * preference < 0 for difference, preference in decided)
    accuracy = wilson(right, right + wrong)
    return {
        "pairs": len(points),
        "missing": missing,
        "right": right,
        "wrong": wrong,
        "metric_ties": len(decided) - right - wrong,
        "accuracy": accuracy.value,
        "low": accuracy.low,
        "high": accuracy.high,
        "sign_p": sign_test(right, wrong),
        "tau": _tau(points),
    }


def _tau(points: _Points) -> float | None:
    if len(points) < 2:
        return None
    tau = kendalltau([point[0] for point in points], [point[1] for point in points]).statistic
    return float(tau) if math.isfinite(tau) else None
