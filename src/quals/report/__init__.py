"""From scores to something people can look at.

rows.py      scored rows, and reading them back
facts.py     what a reader must know of the metric
marks.py     spans of texts -> what to mark, and where
overview.py  the whole file in a few numbers
view.py      one row -> everything its part of the page shows
page.py      the page; `Report`
figure.py    a pair as a figure for papers (matplotlib)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quals.report.facts import MetricFacts
from quals.report.rows import ScoredRow, read_rows

if TYPE_CHECKING:
    from quals.report.figure import pair_figure, save_pair_figure
    from quals.report.page import Report

__all__ = [
    "MetricFacts",
    "Report",
    "ScoredRow",
    "pair_figure",
    "read_rows",
    "save_pair_figure",
]
_HOMES = {
    "Report": "quals.report.page",
    "pair_figure": "quals.report.figure",
    "save_pair_figure": "quals.report.figure",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'quals.report' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
