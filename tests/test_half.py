"""Metrics in half precision."""

from __future__ import annotations

import pytest

from quals.metrics import registry
from quals.metrics.ensemble import Ensemble

DOCUMENT = "The mayor of Springfield resigned on 3 May after a fire. Police said that two people were hurt."
SUMMARIES = ["The mayor of Springfield resigned on 3 May.", "The mayor of Paris resigned on 9 June."]


@pytest.mark.parametrize(("name", "settings"), [("ensemble", {}), ("qags", {"search.width": 2, "candidates": 4})])
def test_right_and_wrong_stay_in_order(name: str, settings: dict[str, int]) -> None:
    metric = registry.load(name, device="cpu", dtype="bfloat16", **settings)
    for each in (metric, *(metric.parts if isinstance(metric, Ensemble) else ())):  # PMI and FactCC
        right, wrong = (score.value for score in each.score([DOCUMENT] * 2, SUMMARIES, explain=False))
        assert right is not None
        assert wrong is not None
        assert right > wrong
        assert "dtype:bfloat16" in each.signature
        assert "float32" not in each.signature
