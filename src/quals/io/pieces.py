"""What a stray quote in CSV leaves of a row: pieces of a quoted text, which look like rows of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from quals.errors import InputError

if TYPE_CHECKING:
    from quals.io.rows import Entry

_SOUND = 20  # rows of the right length, one after another, are no lines of a text
_LONGEST = 200  # lines that a text may have, and rows that are held back at most


class RowLines(Iterator[str]):
    """Lines, of which those of the row being read are kept; ``number`` counts them from 1."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._row: list[str] = []
        self._again: str | None = None
        self.number = 0

    def __next__(self) -> str:
        line, self._again = self._again if self._again is not None else next(self._lines), None
        self.number += 1
        self._row.append(line)
        return line

    @property
    def text(self) -> str:
        """The lines of the row."""
        return "".join(self._row)

    def begin_row(self) -> None:
        """Forget the row that was read."""
        self._row.clear()

    def give_back(self) -> None:
        """Of a row that failed, read the last line again if it may begin a row: an open quote had taken it in."""
        if len(self._row) > 1 and self._row[-1].startswith('"'):
            self._again = self._row.pop()
            self.number -= 1


def without_pieces(rows: Iterator[tuple[Entry, str, bool]], path: str, delimiter: str) -> Iterator[Entry]:
    """Yield the rows, those that may be pieces of one that failed with an error; each comes with its text and whether
    it failed.

    Rows that follow one that failed are held back until it is clear what they are. An odd number of quotes means that
    a text may go on: up to a row that begins with a quote, or one in which the text's quote ends a cell, they are
    pieces. After an even number they are pieces only if one of them holds the end of that cell and the beginning of the
    next. The row that ends a text has an odd number of quotes: a sound one opens as many cells as it closes.
    """
    between = f'"{delimiter}"'
    end_of_cell = re.compile(rf'"(?:{re.escape(delimiter)}|\s*\Z)')
    damaged, odd, right = 0, False, 0  # the line of the row that failed, and how many of the right length are held
    held: list[Entry] = []
    try:
        for entry, text, failed in rows:
            if not damaged and not failed:
                yield entry
                continue
            line, _, error = entry
            is_odd = text.count('"') % 2 == 1
            quoted = text.startswith('"')
            ends = not quoted and is_odd and bool(end_of_cell.search(text) if odd else between in text)
            if failed:
                damaged, odd, right = damaged or line, odd != is_odd, 0
            elif quoted and not error:
                yield from _pieces(held, path, damaged) if odd else held
                yield entry
                held, damaged, odd, right = [], 0, False, 0
                continue
            elif ends:
                yield from _pieces([*held, entry], path, damaged)
                held, damaged, odd, right = [], 0, False, 0
                continue
            else:
                right = 0 if error else right + 1
            held.append(entry)
            if right == _SOUND or len(held) == _LONGEST:
                yield from held
                held, damaged, odd, right = [], 0, False, 0
    except InputError:  # the file breaks off
        yield from held
        raise
    yield from held


def _pieces(held: list[Entry], path: str, damaged: int) -> Iterator[Entry]:
    for line, fields, error in held:
        yield (
            line,
            fields,
            error or InputError(f"may belong to the damaged row of line {damaged}", file=path, line=line),
        )
