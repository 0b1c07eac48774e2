"""Files that are there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def appearing_whole(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes ``target`` when all is written; if that fails, nothing of it stays."""
    partial = target.with_name(f"{target.name}.partial")
    try:
        yield partial
        os.replace(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_whole(target: Path, text: str) -> None:
    """Write a text file so; line ends stay as they are."""
    with appearing_whole(target) as partial:
        partial.write_text(text, encoding="utf-8", newline="")
