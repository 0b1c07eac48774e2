"""How commands that stream rows end: their exit codes, Ctrl-C, and readers that go away."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import NoReturn

import click

EXIT_TROUBLED, EXIT_INTERRUPTED, EXIT_BROKEN_PIPE = 4, 130, 141


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
