"""Agreement as a table: for the terminal, as Markdown, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from quals.evaluate.agreement import MEASURES
from quals.evaluate.bootstrap import Estimate
from quals.evaluate.measure import Measured
from quals.evaluate.report import Report
from quals.numbers import fixed

if TYPE_CHECKING:
    from rich.table import Table


def to_json(report: Report) -> str:
    """Everything, at full precision."""
    content = {
        "options": asdict(report.options),
        "files": [asdict(file) for file in report.files],
        "tuned_on": [asdict(file) for file in report.tuned_on],
        "results": [_flat(result) for result in report.results],
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_csv(report: Report) -> str:
    """One line for each data set and metric; an absent number is an empty field."""
    stream = io.StringIO()
    ends = [f"{name}{end}" for name in MEASURES for end in ("", "_low", "_high")]
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["data", "metric", "rows", "scored", "documents", *ends, "signature"])
    for result in report.results:
        numbers: list[float | None] = [result.agreement.rows, result.agreement.scored, result.agreement.documents]
        for name in MEASURES:
            found = result.agreement.estimates.get(name)
            numbers += [found.value, found.low, found.high] if found else [None] * 3
        writer.writerow([result.data, result.metric, *numbers, result.signature])
    return stream.getvalue()


def to_markdown(report: Report) -> str:
    """The table, how it was made, why numbers are absent, and the signatures."""
    measures = _measures(report)
    headings = ["data", "metric", "scored/rows", *(MEASURES[name] for name in measures)]
    lines = [_line(headings), _line(["---"] * len(headings))]
    for result in report.results:
        cells = [" ".join(_cell(result.agreement.estimates.get(name))) for name in measures]
        lines.append(_line([result.data, result.metric, _scored(result), *cells]))
    lines += ["", how(report), ""]
    lines += [f"- {note}" for note in notes(report)]
    signatures = dict.fromkeys((result.metric, result.signature) for result in report.results)
    lines += [f"- {metric}: `{signature}`" for metric, signature in signatures]
    return "\n".join(lines) + "\n"


FORMATS: dict[str, Callable[[Report], str]] = {".md": to_markdown, ".json": to_json, ".csv": to_csv}


def to_terminal(report: Report) -> Table:
    """A rich table, each interval under its value and metric and rows under their data, to fit 80 columns."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    measures = _measures(report)
    table = Table(box=SIMPLE_HEAD, padding=0, show_edge=False, caption=how(report), caption_justify="left")
    table.add_column("data\nmetric\nscored/rows", no_wrap=True, overflow="fold")
    for name in measures:
        table.add_column(MEASURES[name], justify="right", min_width=8)
    for result in report.results:
        cells = ["\n".join(map(_narrow, _cell(result.agreement.estimates.get(name)))) for name in measures]
        table.add_row(f"{result.data}\n{result.metric}\n{_scored(result)}", *cells)
    return table


def how(report: Report) -> str:
    """In a few sentences, what the numbers are."""
    options = report.options
    tuned = ", ".join(file.data for file in report.tuned_on) or "other documents of the same file"
    return (
        f"Intervals: {100 * options.level:g}% of {options.resamples:,} resamples of documents "
        f"(seed {options.seed}). Consistent means {options.label} ≥ {options.positive_from:g}. "
        f"The threshold for balanced accuracy was chosen on {tuned}."
    )


def notes(report: Report) -> list[str]:
    """What was guessed, what is missing, and why, and how often the probability's words are right."""
    found = []
    for file in [*report.files, *report.tuned_on]:
        if file.guesses:
            found.append(f"{file.data}: " + ", ".join(f"{role} from '{name}'" for role, name in file.guesses))
        for count, what in ((file.unlabelled, "have no label"), (file.unreadable, "could not be read")):
            if count:
                found.append(f"{file.data}: {count} further rows {what}")
    for result in report.results:
        where = f"{result.data}, {result.metric}"
        for status, count in result.unscored.items():
            found.append(f"{where}: {count} of {result.agreement.rows} rows have no score ({status})")
        if result.agreement.scored:
            found += [f"{where}, {measures}: {reason}" for reason, measures in _gaps(result).items()]
        if result.unread:
            which = f"{result.unread} of {result.agreement.scored} scored rows"
            found.append(f"{where}: {which} have no probability: the calibration knows no such documents")
    return found + [f"{result.data}, {result.metric}: {_called(result)}" for result in report.results if result.bands]


def _called(result: Measured) -> str:
    """What the calibration calls summaries that people call consistent, and what the others."""
    return "; ".join(
        f"of {(count := sum(bands.values()))} {kind} summaries "
        + ", ".join(f"{number / count:.0%} {band}" for band, number in bands.items())
        for kind, bands in result.bands.items()
    )


def _gaps(result: Measured) -> dict[str, str]:
    """Reason -> the measures that lack something for it."""
    measures: dict[str, list[str]] = {}
    for name, estimate in result.agreement.estimates.items():
        if estimate.reason:
            measures.setdefault(estimate.reason, []).append(MEASURES[name])
    return {reason: ", ".join(names) for reason, names in measures.items()}


def _measures(report: Report) -> list[str]:
    """Those that apply to some data set: not every file has two summaries of a document that differ in their labels."""
    return [name for name in MEASURES if any(name in result.agreement.estimates for result in report.results)]


def _scored(result: Measured) -> str:
    return f"{result.agreement.scored}/{result.agreement.rows}"


def _cell(estimate: Estimate | None) -> list[str]:
    """Value and interval, as far as there are such."""
    if estimate is None:
        return []
    if estimate.value is None:
        return ["–"]
    if estimate.low is None or estimate.high is None:
        return [fixed(estimate.value, 3)]
    return [fixed(estimate.value, 3), f"({fixed(estimate.low, 2)}–{fixed(estimate.high, 2)})"]


def _narrow(cell: str) -> str:
    """(0.46–1.00) as .46–1"""
    return re.sub(r"\b1\.00\b", "1", cell.strip("()").replace("0.", "."))


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _flat(result: Measured) -> dict[str, Any]:
    content = asdict(result)
    counts_and_estimates = content.pop("agreement")
    if content["threshold"] is not None and math.isinf(content["threshold"]):
        content["threshold"] = str(content["threshold"])  # JSON knows no infinity
    return {**content, **counts_and_estimates}
