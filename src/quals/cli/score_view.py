"""What ``quals score`` shows: a line per summary, the report after the run."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from rich.cells import set_cell_size
from rich.text import Text

from quals.cli.console import plain_console
from quals.io.rows import Row
from quals.metrics.base import Metric
from quals.records import Result, Scores, Status, SummaryScore, scores_of
from quals.scoring.tally import Suspicion, Tally
from quals.terminal import one_line

_PIPE_WIDTH = 120  # columns, where no terminal says how many there are
_MOST, _DOUBT = 5, 40  # doubts shown of a summary, columns of each
_ROW, _SCORE, _SHARE, _BAND, _STATUS, _EVIDENCE = 18, 9, 4, 24, 19, 8


class View:
    """Shows results on standard output, or on standard error where the results themselves go out.

    ``calibrated`` names the metrics whose scores have a probability.
    """

    def __init__(self, calibrated: Collection[str] = (), *, stderr: bool = False) -> None:
        self.calibrated = calibrated
        self.console = plain_console(stderr=stderr)
        self._width = self.console.width if self.console.is_terminal else _PIPE_WIDTH
        self._started = False

    def write(self, row: Row, result: Result) -> None:
        """Show a result as one line of a table."""
        if not self._started:
            self._line("row", "summary", self._header(result), style="bold")
            self._started = True
        sound = all(score.status is Status.OK for score in scores_of(result))
        cells = self._several(result) if isinstance(result, Scores) else self._single(result)
        self._line(row.name(), row.summary, cells, style="" if sound else "yellow")

    def _line(self, row: str, summary: str, cells: str, *, style: str) -> None:
        width = max(10, self._width - (_ROW + len(cells) + 2))
        self.console.print(Text(" ".join((_cut(row, _ROW), _cut(summary, width), cells)), style=style))

    def _header(self, result: Result) -> str:
        if not isinstance(result, Scores):
            read = f" {'consistent':<{_BAND}}" if self.calibrated else ""
            return f"{'score':>{_SCORE}}{read} {'status':<{_STATUS}} {'evidence':>{_EVIDENCE}}"
        return " ".join(f"{name:>{self._width_of(name)}}" for name in result.by_metric)

    def _single(self, score: SummaryScore) -> str:
        value = "" if score.value is None else f"{score.value:.3f}"
        words = f"{score.reading.probability:4.0%} {score.reading.band}" if score.reading else ""
        if score.value is not None and not score.reading:
            words = "  no probability"
        read = f" {words:<{_BAND}}" if self.calibrated else ""
        return f"{value:>{_SCORE}}{read} {score.status:<{_STATUS}} {len(score.evidence):>{_EVIDENCE}}"

    def _several(self, result: Scores) -> str:
        """The scores in columns under the metrics' names, with their probabilities; a dash where there is none."""
        return " ".join(
            f"{self._cell(name, score):>{self._width_of(name)}}" for name, score in result.by_metric.items()
        )

    def _cell(self, name: str, score: SummaryScore) -> str:
        value = "-" if score.value is None else f"{score.value:.3f}"
        share = f"{score.reading.probability:.0%}" if score.reading else "-"
        return f"{value} {share:>{_SHARE}}" if name in self.calibrated else value

    def _width_of(self, name: str) -> int:
        return max(_SCORE + (1 + _SHARE) * (name in self.calibrated), len(name))

    def report(self, tally: Tally, metric: Metric, *, named: bool = False) -> None:
        """Show what the run came to, how to read it, and the most suspicious evidence; ``named``: by which metric."""
        if named:
            self.console.print(Text(f"\n{metric.name}", style="bold"), end="")
        without: dict[Status, int] = {
            status: count for status, count in tally.statuses.items() if status is not Status.OK
        }
        parts = [f"{tally.statuses[Status.OK]} scored"]
        parts += [f"{sum(without.values())} without a score ({_counts(without)})"] if without else []
        parts += [f"mean {tally.mean:.3f}, lowest {tally.lowest:.3f}"] if tally.mean is not None else []
        self.console.print(f"\n{'; '.join(parts)}")
        self.console.print(f"{metric.meaning} {_bounds(*metric.range)}; higher is {metric.higher}.")
        if metric.name in self.calibrated and tally.unread:
            self.console.print(tally.unread)
        self.console.print(f"signature {metric.signature}")
        if tally.worst:
            self.console.print(Text("\nMost suspicious", style="bold"))
        for suspicion in tally.worst:
            for line in _suspicion(suspicion):
                self.console.print(line)


def _counts(statuses: Mapping[Status, int]) -> str:
    return ", ".join(f"{status} {count}" for status, count in statuses.items())


def _cut(text: str, width: int) -> str:
    """``text`` on one line of exactly ``width`` columns, without what could move the cursor."""
    line = one_line(text[: 4 * width])
    cut = set_cell_size(line, width)
    return cut if cut.rstrip() == line else set_cell_size(set_cell_size(line, width - 1).rstrip() + "…", width)


def _suspicion(suspicion: Suspicion) -> Iterator[str]:
    """The evidence: its score and its texts, its log-probabilities, the summary it is about, what is doubted there."""
    evidence = suspicion.evidence
    yield f"{evidence['score']:9.3f}  {' — '.join(_texts(evidence))}"
    given = {name: _mean(evidence.get(f"{name}_logprobs")) for name in ("summary", "document")}
    if all(value is not None for value in given.values()):
        means = ", ".join(f"{value:.3f} given the {name}" for name, value in given.items())
        yield f"           log-probability per token: {means}"
    yield f"           {suspicion.row.name()}: {_cut(suspicion.row.summary, 90).rstrip()}"
    worst = sorted(suspicion.doubts, key=lambda doubt: -doubt["loss"])[:_MOST]
    if worst:
        texts = (_cut(doubt["text"], _DOUBT).rstrip() for doubt in worst)
        yield f"           doubted most: {', '.join(texts)}"


def _texts(evidence: Mapping[str, Any]) -> list[str]:
    """What was looked at, then what was found: an answer as it is, several findings each with its name."""
    first, *found = [(name, one_line(text)) for name, text in evidence.items() if isinstance(text, str)]
    if len(found) > 1:
        found = [
            (name, f"{name.replace('_', ' ')}: {text or 'none'}") for name, text in found if any(dict(found).values())
        ]
    return [text for _, text in (first, *found)]


def _mean(values: Any) -> float | None:
    return sum(values) / len(values) if values else None


def _bounds(low: float, high: float) -> str:
    if math.isfinite(low):
        return f"Range {low:g} to {high:g}"
    return f"At most {high:g}" if math.isfinite(high) else "No lowest or highest value"
