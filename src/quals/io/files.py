"""Files that are there whole or not at all, and the hash of one."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from quals.errors import QualsError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

locks = fcntl is not None  # whether files can be locked here


def open_alone(path: Path, *, append: bool) -> BinaryIO:
    """Open a file for writing at its end, first emptied unless ``append``; while it is open, no other run can do so.

    Where files cannot be locked, and for what is no file, such as a pipe, nothing keeps another run from it.

    Raises:
        QualsError: another run has it open.
        OSError: it cannot be opened.
    """
    stream = path.open("ab")
    if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        try:
            if fcntl:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            stream.close()
            raise QualsError(f"{path}: another run is writing to it") from error
        except OSError:  # a file system without locks
            pass
        if not path.exists() or not os.path.samestat(os.fstat(stream.fileno()), path.stat()):
            stream.close()  # the run that had it has finished meanwhile, and removed it
            return open_alone(path, append=append)
        if not append:
            stream.truncate(0)
    return stream


def not_written(target: Path, source: Path, error: Exception) -> QualsError:
    """That a table could not be made of the rows in ``source``."""
    safe = f". The results are safe in {source}" if source.exists() else ""
    return QualsError(f"{target}: cannot be written: {error}{safe}")


@contextmanager
def appearing_whole(target: Path) -> Iterator[Path]:
    """A path to write to, which becomes ``target`` when all is written; if that fails, nothing of it stays.

    What is no file, such as a pipe, is written to as it is; of a link, the file that it leads to is another then.
    """
    target = target.resolve()
    if target.exists() and not target.is_file():
        yield target
        return
    partial = target.with_name(f"{target.name}.partial")
    try:
        yield partial
        os.replace(partial, target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_whole(target: str | Path, text: str | Iterable[str]) -> None:
    """Write a text file so, from one text or its pieces; line ends stay as they are.

    Raises:
        QualsError: it cannot be written.
    """
    try:
        with appearing_whole(Path(target)) as partial, partial.open("w", encoding="utf-8", newline="") as stream:
            stream.writelines([text] if isinstance(text, str) else text)
    except OSError as error:
        raise QualsError(f"{target}: cannot be written: {error.strerror or error}") from error


def sha256(path: Path) -> str:
    """Hex digest of a file's content."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
