"""What can go wrong, as one tree.

    QualsError                 anything this package raises on purpose
    ├── InputError             the user's rows or options: names file, line and field
    ├── ModelError             a model that is missing, damaged or of the wrong kind
    └── MissingExtraError      an optional dependency is not installed

A row that cannot be scored is not an exception: it is a result with a status (see `records.Status`).
"""

from __future__ import annotations

from typing import Self


class QualsError(Exception):
    """Base of every error raised on purpose; its message is meant for the user."""


class InputError(QualsError):
    """Input that cannot be read, with its place: ``file:line: field: what is wrong``."""

    def __init__(self, message: str, *, file: str = "", line: int = 0, field: str = "") -> None:
        self.message, self.file, self.line, self.field = message, file, line, field
        place = f"{file}:{line}" if file and line else file
        super().__init__(": ".join(part for part in (place, field, message) if part))

    def at(self, file: str, line: int = 0) -> Self:
        """The same error, with a place: it was found in a value by code that is not told where that stands."""
        return type(self)(self.message, file=file, line=line, field=self.field)


class ModelError(QualsError):
    """A model that cannot be found, fetched, verified or used for the task asked of it."""


class MissingExtraError(QualsError):
    """An optional dependency is missing; the message is the line that installs it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(what, extra)  # both, so that it can go from one process to another

    def __str__(self) -> str:
        what, extra = self.args
        return f"{what} needs the extra '{extra}': in a checkout, pip install '.[{extra}]'"
