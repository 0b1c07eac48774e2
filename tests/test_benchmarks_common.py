"""What the benchmarks have in common."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from quals.evaluate.labelled import DataSet, JudgedRow
from quals.records import Texts

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from common import share_at_highest, tell_versions
from marks import Judged, figures
from sentences import located


def test_ties_favour_nobody() -> None:
    assert share_at_highest([0.0, 2.0, 1.0], {1}) == 1
    assert share_at_highest([0.0, 2.0, 1.0], {0, 2}) == 0
    assert share_at_highest([2.0, 2.0, 1.0, 2.0], {0, 2}) == pytest.approx(1 / 3)


def test_the_first_word_does_not_lose_most_where_none_is_doubted() -> None:
    assert figures([Judged([0.0] * 4, [0] * 4, {0})])["first"] == 0.25


def test_the_first_of_equal_sentences_is_not_the_lowest() -> None:
    one, two, right = (Texts("d", text) for text in ("one", "two", "right"))
    assert located([(0, [one, two], right)], {one: 0.2, two: 0.2, right: 0.9})["lowest"] == 0.5


def test_versions_of_a_document_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    def told(*documents: str) -> str:
        rows = tuple(JudgedRow(Texts(document, "s"), 1.0, None) for document in documents)
        tell_versions(DataSet("set", "set.jsonl", rows, 0, ()))
        return capsys.readouterr().err

    assert told("Sold for $40.", "Sold for $42.", "Sold for\n$45.", "Another.") == (
        "set: its 4 documents are versions of 2\n"
    )
    assert told("Sold for $40.", "Sold for $40.", "Bought for $42.") == ""
