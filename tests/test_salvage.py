"""Work that fails on some of its items."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from word_pairs import WordPairs

from quals.errors import ModelError, QualsError
from quals.metrics.safe import safe_scores
from quals.records import Status, SummaryScore, Texts
from quals.salvage import salvage


@pytest.mark.parametrize("kind", [ValueError, BaseException])  # the second as libraries in Rust do
@pytest.mark.parametrize("bad", [set(), {0}, {999}, {3, 4, 700}, set(range(1000))])
def test_only_items_at_fault_are_without_a_result(bad: set[int], kind: type[BaseException]) -> None:
    calls = []

    def work(items: Sequence[int]) -> list[str]:
        calls.append(len(items))
        for item in items:
            if item in bad:
                raise kind(f"{item} is bad")
        return [f"{item} is good" for item in items]

    found = salvage(work, range(1000), str)
    assert found == [f"{item} is {'bad' if item in bad else 'good'}" for item in range(1000)]
    assert len(calls) <= min(1999, 1 + 20 * len(bad))  # each half of each half that has one


def test_nothing_to_do_is_no_work() -> None:
    def work(_: Sequence[int]) -> list[int]:
        raise AssertionError

    assert salvage(work, [], lambda _: 0) == []


@pytest.mark.parametrize("error", [ModelError("no model"), KeyboardInterrupt()])
def test_what_stops_all_work_is_raised(error: BaseException) -> None:
    def work(_: Sequence[int]) -> list[int]:
        raise error

    with pytest.raises(type(error)):
        salvage(work, [1, 2], lambda _: 0)


class Failing(WordPairs):
    """Fails on summaries that say so."""

    error: BaseException

    def _score(self, documents: Sequence[str], summaries: Sequence[str], *more: object) -> list[SummaryScore]:
        if "fail" in summaries:
            raise self.error
        return super()._score(documents, summaries, None, True)


@pytest.mark.parametrize("error", [RuntimeError("odd text"), torch.OutOfMemoryError("too long")])
def test_a_row_at_fault_is_one_row(error: Exception) -> None:
    metric = Failing()
    metric.error = error
    rows = [Texts("The mayor.", "The mayor."), Texts("The mayor.", "fail")]
    assert [score.status for score in safe_scores(metric, rows)] == [Status.OK, Status.ERROR]


def test_a_device_that_failed_is_no_rows_fault() -> None:
    metric = Failing()
    metric.error = torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
    with pytest.raises(QualsError, match="the device failed: CUDA error: an illegal"):
        safe_scores(metric, [Texts("The mayor.", "The mayor."), Texts("The mayor.", "fail")])
