"""Training data that takes a while to make, kept in a file: made once, gone on with after a kill."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

Item = TypeVar("Item")
Record = dict[str, Any]
# Batches of items -> for each batch, a record of each of its items, in order.
Make = Callable[[Sequence[Sequence[Item]]], Iterable[Iterable[Record]]]
_BATCH = 32  # items between two writes: what a kill can lose


def kept_records(folder: Path, key: object, items: Sequence[Item], make: Make[Item], what: str) -> list[Record]:
    """A record of each item, from ``folder`` as far as they are there, made and kept if not.

    If several processes ask for the same at once, one makes them and the others wait.

    Args:
        folder: of the files; one for each ``key``.
        key: as plain JSON values, all that the records depend on.
        items: what they are made of.
        make: how.
        what: they are, for the progress that is shown on standard error.
    """
    from filelock import FileLock

    if not items:
        return []
    path = folder / f"{hashlib.sha256(json.dumps(key).encode()).hexdigest()[:16]}.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        _complete(path, items, make, what)
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _complete(path: Path, items: Sequence[Item], make: Make[Item], what: str) -> None:
    """Append a line for each item that has none; a last line without an end is made anew."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith(b"\n")]
    with path.open("ab") as stream:
        stream.truncate(sum(map(len, whole)))
        batches = [items[start : start + _BATCH] for start in range(len(whole), len(items), _BATCH)]
        for batch, records in zip(_shown(batches, len(whole), len(items), what), make(batches), strict=True):
            for _, record in zip(batch, records, strict=True):
                stream.write(json.dumps(record).encode() + b"\n")
            stream.flush()


def _shown(batches: Sequence[Sequence[Item]], done: int, total: int, what: str) -> Iterator[Sequence[Item]]:
    """The batches, with a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if batches:
        print(f"Making {what} of {total - done} documents", file=sys.stderr)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total, completed=done)
        for batch in batches:
            yield batch
            bar.advance(task, len(batch))
