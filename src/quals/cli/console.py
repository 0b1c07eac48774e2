"""The terminal."""

from __future__ import annotations

from collections.abc import Sequence

import click
import rich.console

MOST_COMPLAINTS = 20  # after so many lines the rest are only counted


class Console(rich.console.Console):
    """`rich.console.Console`, but that a reader who goes away is told from trouble (see `quals.cli.exits`)."""

    def on_broken_pipe(self) -> None:
        """Rich itself would exit with 1."""
        raise BrokenPipeError


def complain(problems: Sequence[object], beginning: str = "quals: ") -> None:
    """Tell on standard error what is wrong, a line each, of many only the first."""
    for problem in problems[:MOST_COMPLAINTS]:
        click.echo(f"{beginning}{problem}", err=True)
    if len(problems) > MOST_COMPLAINTS:
        click.echo(f"{beginning}and {len(problems) - MOST_COMPLAINTS} more like these", err=True)
