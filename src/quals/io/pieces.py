"""What a stray quote in CSV leaves of a row: pieces of a quoted text, which look like rows of their own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING

from quals.errors import InputError

if TYPE_CHECKING:
    from quals.io.rows import Entry

_SOUND = 20  # rows of the right length, one after another, are no lines of a text


class RowLines(Iterator[str]):
    """Lines, of which those of the row being read are kept; ``number`` counts them from 1."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._row: list[str] = []
        self.number = 0

    def __next__(self) -> str:
        line = next(self._lines)
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
            self._lines = chain([self._row.pop()], self._lines)
            self.number -= 1


def without_pieces(rows: Iterator[tuple[Entry, str, bool]], path: str, delimiter: str) -> Iterator[Entry]:
    """Yield the rows, those that may be pieces of one that failed with an error; each comes with its text and whether
    it failed.

    Rows that follow one that failed are held back until it is clear what they are. An odd number of quotes means that
    a text may go on: up to a row that begins with a quote, or one in which a quote ends a cell, they are pieces. After
    an even number they are pieces only if one of them holds the end of a quoted cell and the beginning of the next.
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
            if failed:
                damaged, odd, right = damaged or line, odd != is_odd, 0
            elif quoted and not error:
                yield from _pieces(held, path, damaged) if odd else held
                yield entry
                held, damaged, odd, right = [], 0, False, 0
                continue
            elif not quoted and (end_of_cell.search(text) if odd else between in text):
                yield from _pieces([*held, entry], path, damaged)
                held, odd, right = [], odd != is_odd, 0
                continue
            else:
                right = 0 if error else right + 1
            held.append(entry)
            if right == _SOUND:
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
