"""The progress bar of a run over rows, and what is told meanwhile of rows that went wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich import progress as bars
from rich.text import Text

from quals.cli.console import Console, plain_console
from quals.io.results import Writer
from quals.io.rows import Row
from quals.records import Result, Status, scores_of
from quals.terminal import MOST_COMPLAINTS, one_line


class Outcome(Protocol):
    """What became of a row."""

    @property
    def status(self) -> Status:
        """Whether all went well, and if not what went wrong."""

    @property
    def reason(self) -> str:
        """The same for people."""


class _Rate(bars.ProgressColumn):
    def render(self, task: bars.Task) -> Text:
        return Text(f"{task.speed:.2f} rows/s" if task.speed else "")


class Watch:
    """Follows a run: moves the progress bar, and tells of rows that went wrong.

    The bar is on standard error, where that is a terminal; if ``console``, on which results are shown, is the same
    terminal, it is used, so that the bar and the results do not write over each other.
    """

    def __init__(self, console: Console, *, quiet: bool) -> None:
        shared = console.is_terminal and sys.stderr.isatty()
        self._console = console if shared else plain_console(stderr=True)
        columns = (bars.BarColumn(), bars.MofNCompleteColumn(), _Rate(), bars.TimeRemainingColumn())
        self.shown = self._console.is_terminal and not quiet
        self._bar = bars.Progress(
            *columns, console=self._console, disable=not self.shown, redirect_stdout=False, redirect_stderr=False
        )
        self._line = self._complaints = 0

    @contextmanager
    def running(self, total: int | None) -> Iterator[None]:
        """Show the bar; ``total`` is the number of input rows, if it is known."""
        self._task = self._bar.add_task("", total=total)
        with self._bar:
            yield

    def rows(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows, moving the bar as they are taken."""
        for row in rows:
            self._passed(row)
            yield row

    def writer(self, writer: Writer) -> Writer:
        """A writer that writes to ``writer`` and moves the bar."""
        return _Watched(self, writer)

    def _passed(self, row: Row) -> None:
        if row.line != self._line:
            self._line = row.line
            self._bar.advance(self._task)

    def seen(self, row: Row, *outcomes: Outcome) -> None:
        """Take note of a row that has been written, and of what became of it."""
        self._passed(row)
        troubled = [outcome for outcome in outcomes if outcome.status in (Status.INVALID_ROW, Status.ERROR)]
        for reason in dict.fromkeys(outcome.reason for outcome in troubled):
            self._complain(row, reason)

    def _complain(self, row: Row, reason: str) -> None:
        self._complaints += 1
        if self._complaints <= MOST_COMPLAINTS:
            place = "" if row.error else f"{row.place}: "
            self._console.print(f"quals: {place}{one_line(reason)}")
        elif self._complaints == MOST_COMPLAINTS + 1:
            self._console.print("quals: there are more such rows; see their results")


class _Watched:
    def __init__(self, watch: Watch, writer: Writer) -> None:
        self._watch, self._writer = watch, writer

    def write(self, row: Row, result: Result) -> None:
        self._writer.write(row, result)
        self._watch.seen(row, *scores_of(result))
