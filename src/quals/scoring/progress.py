"""How whoever waits is told how far a long job is."""

from __future__ import annotations

from collections.abc import Callable

Advance = Callable[[int], object]  # is given how many more rows are done
Progress = Callable[[str, int], Advance]  # is given what is done with how many rows, before it begins


def untold(rows: int) -> None:
    """The `Advance` where nobody is told."""


def untold_of(what: str, rows: int) -> Advance:
    """The `Progress` where nobody is told."""
    return untold
