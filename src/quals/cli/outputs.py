"""What commands with tables have in common: outputs checked beforehand, progress, and files of tables."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from quals.errors import InputError
from quals.io.files import write_whole

if TYPE_CHECKING:
    from quals.scoring.progress import Advance

Made = TypeVar("Made")


def check_outputs(outputs: Iterable[Path], endings: Collection[str] | None, inputs: Iterable[str]) -> None:
    """Tell of an output that could not be written, or would destroy an input, before hours are spent on it."""
    from quals.io.results import refuse_same_file

    for path in outputs:
        if endings is not None and path.suffix not in endings:
            raise click.UsageError(f"{path}: expected an ending among {', '.join(endings)}")
        if not path.parent.is_dir():
            raise InputError(f"there is no folder {path.parent}", file=str(path), field="--output")
        refuse_same_file(path, inputs)


@contextlib.contextmanager
def progress_bars() -> Iterator[Callable[[str, int], Advance]]:
    """One bar on standard error for each metric, with rate and time left; none if that is no terminal."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from quals.cli.console import Console

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:

        def progress(metric: str, rows: int) -> Advance:
            task = bars.add_task(metric, total=rows)
            return lambda done: bars.advance(task, done)

        yield progress


def write_tables(made: Made, outputs: Iterable[Path], formats: Mapping[str, Callable[[Made], str]]) -> None:
    """Write to each file what it is to hold by its ending."""
    for path in outputs:
        write_whole(path, formats[path.suffix](made))
