"""Scores already made, kept by how they were made and for what text; only what was never scored is scored.

A signature says that equal signatures mean equal numbers for equal input, so a score can be taken from
the last run. Only value, status and reason are kept, not the evidence.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from quals.errors import QualsError
from quals.folders import cache_dir
from quals.metrics.base import Metric
from quals.metrics.combined import CombinedMetric
from quals.metrics.safe import as_read, rows_at_once, safe_scores
from quals.records import Status, SummaryScore, Texts
from quals.scoring.progress import Advance, untold

_TABLE = """CREATE TABLE IF NOT EXISTS scores (
    key BLOB PRIMARY KEY, value REAL, status TEXT NOT NULL, reason TEXT NOT NULL, chunks INTEGER NOT NULL
) WITHOUT ROWID"""
_AT_ONCE = 500  # keys in one query; SQLite allows 999 variables in its oldest builds
_PATIENCE = 60  # seconds to wait while another process writes


class ScoreCache:
    """An SQLite file of scores. Several processes may use it at once; the last writer wins; all write equal values.

    Args:
        path: the file; by default ``scores.sqlite`` in the cache folder. It is made when missing; where that folder
            cannot be written to, nothing more is kept, and standard error says so.

    Raises:
        QualsError: the file is not an SQLite database, or cannot be written.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path: Path | str = path or cache_dir() / "scores.sqlite"
        self._writable = True
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._connected() as database:
                database.execute("DELETE FROM scores WHERE key IS NULL")  # nothing, but it has to be allowed
        except (OSError, QualsError) as error:
            if path is not None or os.access(self.path.parent, os.W_OK):
                raise
            print(f"quals: scores are not kept: {error}; QUALS_CACHE names another folder", file=sys.stderr)
            self._writable = False
            if not os.access(self.path, os.R_OK):
                self.path = ":memory:"

    def get(self, signature: str, rows: Sequence[Texts]) -> list[SummaryScore | None]:
        """The kept score of each row, or None where there is none."""
        keys = [key(signature, row) for row in rows]
        found: dict[bytes, SummaryScore] = {}
        with self._connected() as database:
            for start in range(0, len(keys), _AT_ONCE):
                part = keys[start : start + _AT_ONCE]
                query = f"SELECT * FROM scores WHERE key IN ({','.join('?' * len(part))})"
                for name, value, status, reason, chunks in database.execute(query, part):
                    found[name] = SummaryScore(value, Status(status), reason, (), chunks, signature)
        return [found.get(name) for name in keys]

    def put(self, signature: str, scored: Iterable[tuple[Texts, SummaryScore]]) -> None:
        """Keep scores; one that failed (`Status.ERROR`) is not kept, since it may succeed next time."""
        if not self._writable:
            return
        lines = [
            (key(signature, row), score.value, str(score.status), score.reason, score.chunks)
            for row, score in scored
            if score.status is not Status.ERROR
        ]
        with self._connected() as database:
            database.executemany("INSERT OR REPLACE INTO scores VALUES (?, ?, ?, ?, ?)", lines)

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        # A connection for each use: none is shared between threads, or held while a metric computes.
        try:
            with closing(sqlite3.connect(self.path, timeout=_PATIENCE)) as database, database:
                database.execute(_TABLE)
                yield database
        except sqlite3.DatabaseError as error:
            raise QualsError(f"score cache {self.path}: {error}; it can be deleted without loss") from error


def key(signature: str, row: Texts) -> bytes:
    """sha256 over signature, document, summary and reference, such that no two rows run together."""
    return hashlib.sha256(json.dumps([signature, *row]).encode()).digest()


def score_rows(
    metric: Metric, rows: Sequence[Texts], cache: ScoreCache, advance: Advance = untold
) -> list[SummaryScore]:
    """One score for each row, in order; only those not in the cache are computed, each once.

    A row that makes the metric fail gets `Status.ERROR`, and the others their scores. Rows of one document are
    scored together, wherever they stand, since metrics share work among them. A metric made of others has their
    scores looked up and kept, so that it costs nothing beside them.
    """
    if isinstance(metric, CombinedMetric):
        last = metric.parts[-1]
        of_parts = [score_rows(part, rows, cache, advance if part is last else untold) for part in metric.parts]
        return [metric.combine(scores) for scores in zip(*of_parts, strict=True)]
    rows = as_read(metric, rows)
    known = {row: score for row, score in zip(rows, cache.get(metric.signature, rows), strict=True) if score}
    together: dict[str, dict[Texts, None]] = {}
    for row in rows:
        if row not in known:
            together.setdefault(row.document, {})[row] = None
    missing = [row for of in together.values() for row in of]
    advance(sum(row in known for row in rows))
    times = Counter(rows)
    size = rows_at_once(metric)
    for start in range(0, len(missing), size):
        batch = missing[start : start + size]
        found = [replace(score, evidence_count=None) for score in safe_scores(metric, batch, explain=False)]  # not kept
        scored = list(zip(batch, found, strict=True))
        cache.put(metric.signature, scored)
        known.update(scored)
        advance(sum(times[row] for row in batch))
    return [known[row] for row in rows]
