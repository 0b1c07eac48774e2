"""The comparison as two tables: systems by measures, and each system against the baseline."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from quals.compare.comparison import Comparison, Measure
from quals.evaluate.bootstrap import Estimate
from quals.numbers import fixed

if TYPE_CHECKING:
    from rich.table import Table

SIGNIFICANT = 0.05
AGAINST = ("measure", "system", "difference", "p", "p (bootstrap)", "wins/ties/losses", "documents", "at equal copying")

Rows = list[list[str]]


def headings(comparison: Comparison) -> list[str]:
    """Of the first table."""
    return ["system", *(measure.name for measure in comparison.measures)]


def rows(comparison: Comparison) -> Rows:
    """Systems by measures: mean, interval, and a star where the difference from the baseline is significant."""
    return [
        [_system(name, comparison), *(_mean(name, measure, comparison) for measure in comparison.measures)]
        for name in comparison.systems.names
    ]


def against_rows(comparison: Comparison) -> Rows:
    """Each system against the baseline, measure by measure, under the headings `AGAINST`."""
    return [_against(name, measure, comparison) for measure in comparison.measures for name in comparison.others]


def how(comparison: Comparison) -> str:
    """In a few sentences, what the numbers are."""
    resampling, systems = comparison.resampling, comparison.systems
    return (
        f"{len(systems.documents)} documents, matched by {systems.matched_by}. In brackets the middle "
        f"{100 * resampling.level:g}% of {resampling.resamples:,} bootstrap draws of documents "
        f"(seed {resampling.seed}). "
        f"* p < {SIGNIFICANT:g} against {comparison.baseline}, by approximate randomisation, two-sided, not corrected "
        f"for the number of tests. A tie is a difference of at most {resampling.tolerance:g}. Higher is better by "
        "every metric; more novel 2-grams or words are neither better nor worse. At equal copying: the difference "
        "expected on a document where both summaries have the same share of novel 2-grams, by a line through all "
        "documents: what a difference loses there goes along with copying more, or less."
    )


def notes(comparison: Comparison) -> list[str]:
    """What has no value, and why: excluded from the means, and as a pair from the comparison."""
    count = len(comparison.systems.documents)
    return [
        f"{measure.name}, {name}: {missing} of {count} documents have no value ({reason})"
        for measure in comparison.measures
        for name in comparison.systems.names
        for reason, missing in measure.unscored[name].items()
    ]


def signatures(comparison: Comparison) -> dict[str, str]:
    """Metric -> how its numbers were made."""
    return {measure.name: measure.signature for measure in comparison.measures if measure.signature}


def to_json(comparison: Comparison) -> str:
    """Everything, at full precision, the values of each document included."""
    systems = comparison.systems
    content = {
        "systems": systems.names,
        "baseline": comparison.baseline,
        "documents": [document.id for document in systems.documents],
        "matched_by": systems.matched_by,
        "resampling": asdict(comparison.resampling),
        "signatures": signatures(comparison),
        "results": [asdict(cell) for cell in comparison.cells.values()],
        "values": {measure.name: dict(measure.values) for measure in comparison.measures},
        "problems": [str(problem) for problem in systems.problems],
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def to_markdown(comparison: Comparison) -> str:
    """Both tables, how they were made, what is missing, and the signatures."""
    lines = [*_markdown(headings(comparison), rows(comparison)), ""]
    if comparison.others:
        lines += [f"Against {_cell(comparison.baseline)}:", "", *_markdown(AGAINST, against_rows(comparison)), ""]
    lines += [how(comparison), ""]
    lines += [f"- {_cell(note)}" for note in notes(comparison)]
    lines += [f"- {name}: `{signature}`" for name, signature in signatures(comparison).items()]
    return "\n".join(lines) + "\n"


def to_latex(comparison: Comparison) -> str:
    """Both tables for the package booktabs."""
    parts = [_latex(headings(comparison), rows(comparison))]
    if comparison.others:
        parts.append(_latex(AGAINST, against_rows(comparison)))
    comments = [how(comparison), *notes(comparison), *(f"{k}: {v}" for k, v in signatures(comparison).items())]
    return "".join(f"% {line}\n" for line in comments) + "\n".join(parts)


FORMATS: dict[str, Callable[[Comparison], str]] = {".md": to_markdown, ".tex": to_latex, ".json": to_json}


def to_terminal(comparison: Comparison) -> list[Table]:
    """Both tables for rich, intervals under their means."""
    tables = [_rich(headings(comparison), rows(comparison))]
    if comparison.others:
        tables.append(_rich(AGAINST, against_rows(comparison)))
    return tables


def _system(name: str, comparison: Comparison) -> str:
    return f"{name} (baseline)" if name == comparison.baseline else name


def _mean(name: str, measure: Measure, comparison: Comparison) -> str:
    cell = comparison.cells[name, measure.name]
    found = cell.against
    star = "*" if found and found.p_randomisation is not None and found.p_randomisation < SIGNIFICANT else ""
    return _estimate(cell.mean, measure.digits, star)


def _against(name: str, measure: Measure, comparison: Comparison) -> list[str]:
    cell = comparison.cells[name, measure.name]
    found, alike = cell.against, cell.at_equal_copying
    assert found is not None
    return [
        measure.name,
        name,
        _estimate(found.difference, measure.digits),
        _p(found.p_randomisation),
        _p(found.p_bootstrap),
        f"{found.wins}/{found.ties}/{found.losses}",
        str(found.difference.count),
        "–" if alike is None else _estimate(alike, measure.digits),
    ]


def _estimate(estimate: Estimate, digits: int, star: str = "") -> str:
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{fixed(estimate.value, digits)}{star}"
    low, high = (fixed(end, digits) for end in (estimate.low, estimate.high))
    return f"{fixed(estimate.value, digits)}{star} ({low} to {high})"


def _p(value: float | None) -> str:
    if value is None:
        return "–"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _markdown(headings: Sequence[str], rows: Rows) -> list[str]:
    aligned = [*["---"], *["---:"] * (len(headings) - 1)]
    return [f"| {' | '.join(map(_cell, row))} |" for row in (headings, aligned, *rows)]


def _cell(text: str) -> str:
    """Text that neither ends a Markdown cell nor opens a tag."""
    return text.replace("|", "/").replace("<", "&lt;").replace("\n", " ")


_LATEX = {ord(character): f"\\{character}" for character in "&%$#_{}"} | {
    ord("\\"): r"\textbackslash{}",
    ord("~"): r"\textasciitilde{}",
    ord("^"): r"\textasciicircum{}",
    ord("<"): r"$<$",
    ord(">"): r"$>$",
    ord("*"): r"\textsuperscript{*}",
    ord("–"): "--",
    ord("\n"): " ",
    ord("["): "{[}",  # at the start of a row it would begin an option of the command before it
}


def _latex(headings: Sequence[str], rows: Rows) -> str:
    head, *body = [" & ".join(map(_latex_cell, row)) + r" \\" for row in (headings, *rows)]
    columns = "l" + "r" * (len(headings) - 1)
    rule = [rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
    return "\n".join(rule) + "\n"


def _latex_cell(text: str) -> str:
    return re.sub(r"(?<!\w)-(?=\d)", "$-$", text.translate(_LATEX))  # a minus, not a hyphen


def _rich(headings: Sequence[str], rows: Rows) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for place, heading in enumerate(headings):
        table.add_column(heading, justify="right" if place else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell.replace(" (", "\n(")) for cell in row))
    return table
