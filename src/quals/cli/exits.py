"""How commands end: their exit codes, Ctrl-C, and readers that go away."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import NoReturn

import click

EXIT_BELOW, EXIT_ERROR, EXIT_TROUBLED, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 1, 3, 4, 130, 141


def exit_codes(below: str = "") -> str:
    """The end of the help of a command over rows; ``below`` says when it exits with `EXIT_BELOW`, if ever."""
    lines = {
        0: "every row was read and dealt with",
        EXIT_BELOW: below,
        2: "the command line is wrong",
        EXIT_ERROR: "the run could not be done: unreadable file, missing model",
        EXIT_TROUBLED: "finished, but some rows were malformed or failed (their results say why)",
        EXIT_INTERRUPTED: "interrupted; the rows finished by then are kept, and --resume goes on",
        EXIT_BROKEN_PIPE: "whoever read the output stopped reading",
    }
    return "\n".join(["\b", "Exit codes:", *(f"  {code:<3}  {line}" for code, line in lines.items() if line)])


def finish(work: Callable[[], int], *, resumable: bool) -> NoReturn:
    """Exit with what ``work`` returns; ``resumable`` tells whether --resume can go on after Ctrl-C."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal may lack the characters of a text
    try:
        code = work()
    except KeyboardInterrupt:
        click.echo("quals: interrupted" + ("; --resume goes on from here" if resumable else ""), err=True)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python's last flush complains
        code = EXIT_BROKEN_PIPE
    sys.exit(code)
