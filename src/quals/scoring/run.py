"""The engine: rows -> scores -> writer and tally, a window of rows at a time.

>>> from quals.io.rows import read_rows
>>> for row, result in scored(read_rows("news.jsonl"), quals.Quals()):  # doctest: +SKIP
...     print(row.line, result.value, result.status)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from quals.io.results import Writer
from quals.io.rows import Row, take
from quals.metrics.base import Metric
from quals.metrics.safe import safe_scores
from quals.records import Scores, Status, SummaryScore
from quals.scoring.tally import Tally


def windows(most: int) -> Iterator[int]:
    """How many rows to take at a time: growing, so that the first results come soon, and few batches are small."""
    size = min(most, max(4, most // 16))
    while True:
        yield size
        size = min(2 * size, most)


def scored(rows: Iterable[Row], metric: Metric, *, window: int = 64) -> Iterator[tuple[Row, SummaryScore]]:
    """Yield each row with its score, in order, holding no more than ``window`` rows at a time.

    A row that could not be read gets `Status.INVALID_ROW`, and one that the metric fails on `Status.ERROR`.

    Raises:
        QualsError: the metric cannot work at all, for instance for want of its model; or after the last row that could
            be read, that ``rows`` breaks off.
    """
    for row, (score,) in scored_by(rows, [metric], window=window):
        yield row, score


def scored_by(
    rows: Iterable[Row], metrics: Sequence[Metric], *, window: int = 64
) -> Iterator[tuple[Row, list[SummaryScore]]]:
    """The same with several metrics: each row with its score by each of them, in their order.

    Each metric scores a window before the next metric does.
    """
    for batch in _batches(rows, window):
        yield from score_batch(batch, metrics)


def _batches(rows: Iterable[Row], window: int) -> Iterator[list[Row]]:
    """Windows that end between two documents if they can: a document is read once for all of its summaries in one."""
    rows, held = iter(rows), list[Row]()
    for size in windows(window):
        batch, failure = take(chain(held, rows), size + 1)  # what was read before a file breaks off counts
        cut = len(batch)
        if cut > size:
            cut = next((at for at in range(size, 0, -1) if batch[at - 1].document != batch[size].document), size)
        yield batch[:cut]
        if failure:
            raise failure
        if len(batch) <= size:
            return
        held = batch[cut:]


def score_batch(
    rows: Sequence[Row], metrics: Sequence[Metric], *, explain: bool = True
) -> Iterator[tuple[Row, list[SummaryScore]]]:
    """Rows at hand with their scores; see `scored_by` and `Metric.score`."""
    sound = [row for row in rows if not row.error]
    found = [iter(safe_scores(metric, sound, explain=explain)) for metric in metrics]
    for row in rows:
        if row.error:
            yield row, [metric.without(Status.INVALID_ROW, str(row.error)) for metric in metrics]
        else:
            yield row, [next(scores) for scores in found]


def run(rows: Iterable[Row], metric: Metric, writer: Writer, *, window: int = 64, tally: Tally | None = None) -> Tally:
    """Score the rows, write each result as soon as it is there, and count.

    ``tally`` goes on from an earlier part of the run; see `scored` for the rest.
    """
    tally = tally or Tally()
    run_all(rows, [metric], writer, window=window, tallies=[tally])
    return tally


def run_all(
    rows: Iterable[Row], metrics: Sequence[Metric], writer: Writer, *, window: int = 64, tallies: Sequence[Tally]
) -> None:
    """The same with one metric or several, each counted in its own tally; of several, `Scores` are written."""
    for row, scores in scored_by(rows, metrics, window=window):
        names = [metric.name for metric in metrics]
        writer.write(row, scores[0] if len(scores) == 1 else Scores(dict(zip(names, scores, strict=True))))
        for tally, score in zip(tallies, scores, strict=True):
            evidence = [piece.to_dict() for piece in score.worst(tally.keep)]
            tally.add(row, score.to_dict(), evidence, [doubt.to_dict() for doubt in score.doubts])
