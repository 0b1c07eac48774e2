"""What is told on standard error."""

from __future__ import annotations

import sys
from collections.abc import Sequence

MOST_COMPLAINTS = 20  # after so many lines the rest are only counted


def one_line(text: str) -> str:
    """A text on one line, without what could move the cursor or do worse to a terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def complain(problems: Sequence[object], beginning: str = "quals: ") -> None:
    """Tell on standard error what is wrong, a line each, of many only the first."""
    for problem in problems[:MOST_COMPLAINTS]:
        print(f"{beginning}{one_line(str(problem))}", file=sys.stderr)
    if len(problems) > MOST_COMPLAINTS:
        print(f"{beginning}and {len(problems) - MOST_COMPLAINTS} more like these", file=sys.stderr)
