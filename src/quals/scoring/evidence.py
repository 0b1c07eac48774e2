"""What some scores rest on, kept in a file from which an interrupted run goes on.

The score cache keeps numbers only, for the evidence of all summaries would be large: it is had again for the few
that are shown or handed on.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from quals.errors import InputError
from quals.io.results import json_line
from quals.io.text import json_lines
from quals.metrics.base import Metric
from quals.metrics.safe import as_read, rows_at_once, safe_scores
from quals.records import Status, Texts
from quals.scoring.cache import key
from quals.scoring.progress import Advance, untold

Pieces = list[dict[str, Any]]


def explained(metric: Metric, rows: Sequence[Texts], path: Path, advance: Advance = untold) -> list[Pieces]:
    """The evidence of each row's score as plain JSON values, worst first; none for a metric that gives none."""
    rows = as_read(metric, rows)
    keys = [key(metric.signature, row).hex() for row in rows]
    known = _read(path)
    missing = list({name: row for name, row in zip(keys, rows, strict=True) if name not in known}.items())
    advance(len(keys) - len(missing))
    with _appended(path) as stream:
        if missing and _breaks_off(path):
            stream.write("\n")
        size = rows_at_once(metric)
        for start in range(0, len(missing), size):
            batch = missing[start : start + size]
            scores = safe_scores(metric, [row for _, row in batch])
            for (name, _), score in zip(batch, scores, strict=True):
                known[name] = [piece.to_dict() for piece in score.worst(len(score.evidence))]
                if score.status is not Status.ERROR:  # which may pass
                    stream.write(json_line({"key": name, "evidence": known[name]}))
            stream.flush()
            advance(len(batch))
    return [known[name] for name in keys]


def _read(path: Path) -> dict[str, Pieces]:
    """What the file holds; a line that was not written to its end, or is damaged, is as if it were not there."""
    if not path.exists():
        return {}
    rows = [row for _, row in json_lines(path) if not isinstance(row, InputError)]
    return {row["key"]: row["evidence"] for row in rows if isinstance(row.get("key"), str) and "evidence" in row}


def _appended(path: Path) -> TextIO:
    """The file, to add lines to; nothing where it cannot be written, as `ScoreCache` has told by then."""
    try:
        return path.open("a", encoding="utf-8", newline="\n")
    except OSError:
        return Path(os.devnull).open("w", encoding="utf-8")


def _breaks_off(path: Path) -> bool:
    """Whether the file's last line has no end."""
    if not path.exists():
        return False
    with path.open("rb") as stream:
        if not stream.seek(0, os.SEEK_END):
            return False
        stream.seek(-1, os.SEEK_END)
        return stream.read() != b"\n"
