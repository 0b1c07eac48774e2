"""The terminal."""

from __future__ import annotations

import rich.console


class Console(rich.console.Console):
    """`rich.console.Console`, but that a reader who goes away is told from trouble (see `quals.cli.exits`)."""

    def on_broken_pipe(self) -> None:
        """Rich itself would exit with 1."""
        raise BrokenPipeError


def plain_console(*, stderr: bool) -> Console:
    """For texts of rows: shown as they are, and cut by nobody."""
    return Console(stderr=stderr, highlight=False, soft_wrap=True, markup=False, emoji=False)
