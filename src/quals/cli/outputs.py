"""What commands that write files have in common: outputs checked beforehand, progress, and files of tables."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from quals.errors import InputError
from quals.io.files import write_whole
from quals.io.results import refuse_same_file, rows_path

if TYPE_CHECKING:
    from quals.scoring.progress import Advance

Made = TypeVar("Made")


def check_outputs(outputs: Mapping[str, Iterable[str | Path | None]], inputs: Iterable[str | None]) -> None:
    """Tell, before hours are spent on it, of an output that could not be written, or would destroy something.

    Args:
        outputs: the files, by the options that name them; None for an option that was not given.
        inputs: the files that the command reads; None likewise.

    Raises:
        InputError: a file is in no folder, may not be written, is a folder, an input, or another option's output.
    """
    options: dict[Path, str] = {}
    sources = [source for source in inputs if source is not None]
    for option, paths in outputs.items():
        for path in (Path(path) for path in paths if path is not None):
            if not path.parent.is_dir():
                raise InputError(f"there is no folder {path.parent}", file=str(path), field=option)
            if path.is_dir():
                raise InputError("is a folder", file=str(path), field=option)
            if not os.access(written := _written(path), os.W_OK):
                raise InputError(f"no right to write to {written}", file=str(path), field=option)
            if (other := options.setdefault(path.resolve(), option)) != option:
                raise InputError(f"is the {other} file, too", file=str(path), field=option)
            refuse_same_file(path, sources)


def _written(path: Path) -> Path:
    """What the right to write is needed for: most files are made beside the output, and then take its place."""
    in_place = path.suffix.lower() in (".jsonl", ".ndjson") or not path.is_file()
    return path if path.exists() and in_place else path.resolve().parent


def check_endings(outputs: Iterable[Path], endings: Collection[str]) -> None:
    """Tell of a file of tables whose ending says nothing.

    Raises:
        UsageError: there is one.
    """
    for path in outputs:
        if path.suffix.lower() not in endings:
            raise click.UsageError(f"{path}: expected an ending among {', '.join(endings)}")


def results_files(output: str | None) -> set[Path]:
    """The files that rows with results are written to; none for standard output.

    Raises:
        UsageError: the output's ending says nothing.
    """
    try:
        return set() if output in (None, "-") else {Path(output), rows_path(output)}
    except InputError as error:
        raise click.UsageError(str(error)) from error


def tell_beginning(output: str) -> None:
    """Tell who wants to go on with a run whose table is finished that it is made anew."""
    if Path(output).exists() and not rows_path(output).exists():
        click.echo(f"quals: {output} is finished, so that there is nothing to go on with: it is made anew", err=True)


@contextlib.contextmanager
def progress_bars() -> Iterator[Callable[[str, int], Advance]]:
    """Bars on standard error, one for each step, such as a metric; none if that is no terminal."""
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
        write_whole(path, formats[path.suffix.lower()](made))
