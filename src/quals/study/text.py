"""The report as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from quals.study.records import ATTRIBUTES
from quals.study.report import Report, Row


def report_tables(report: Report) -> Iterator[Table]:
    """What matters most, one table after the other; the files hold the rest."""
    head = report.study
    title = f"{head['title']}: {head['judgements']} judgements of {head['pairs']} pairs by {head['annotators']} people"
    columns = ["", "by", "n", "better", "equal", "worse", "sign test"]
    yield _table(title, columns, [_result(row) for row in report.results])
    columns = ["", "pairs", "alpha (ordinal)", "alpha (nominal)"]
    yield _table("Agreement (Krippendorff)", columns, [_agreement(row) for row in report.agreement])
    columns = ["", "items", "s per item", "checks passed", "same again", "stands out"]
    yield _table("Annotators", columns, [_annotator(row) for row in report.annotators])
    if odd := [row for row in report.items if row["remarks"]]:
        title = f"Pairs that stand out ({len(odd)} of {len(report.items)})"
        yield _table(title, ["document", "systems", ""], [_item(row) for row in odd[:_MOST]])
    if report.metrics:
        columns = ["metric", "", "right", "of", "accuracy", "tau", "no score"]
        yield _table("Metrics against the majority", columns, [_metric(row) for row in report.metrics])
    columns = ["", "difference", "ties", "power now", "pairs for 80 %"]
    yield _table("Power of the sign test", columns, [_power(row) for row in report.power])


_MOST = 10


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(*columns, title=escape(title), title_justify="left", title_style="bold")
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def _result(row: Row) -> list[str]:
    shares = [_interval(row, f"{name}_share", f"{name}_low", f"{name}_high") for name in ("better", "equal", "worse")]
    p = "-" if row["sign_p"] is None else f"p = {row['sign_p']:.3g}"
    return [_what(row), row["unit"], str(row["n"]), *shares, p]


def _agreement(row: Row) -> list[str]:
    nominal = _interval(row, "nominal_alpha", "nominal_low", "nominal_high", plain=True)
    return [_what(row), str(row["pairs"]), _interval(row, "alpha", "low", "high", plain=True), nominal]


def _annotator(row: Row) -> list[str]:
    checks, again = _of(row["checks_passed"], row["checks"]), _of(row["same_again"], row["repeated"])
    return [row["annotator"], str(row["items"]), f"{row['median_seconds']:.0f}", checks, again, row["remarks"]]


def _item(row: Row) -> list[str]:
    return [row["document"], f"{row['system']} / {row['against']}", row["remarks"]]


def _metric(row: Row) -> list[str]:
    tau = "-" if row["tau"] is None else f"{row['tau']:.2f}"
    of = str(row["right"] + row["wrong"])
    accuracy = _interval(row, "accuracy", "low", "high")
    return [row["metric"], _what(row), str(row["right"]), of, accuracy, tau, str(row["missing"])]


def _power(row: Row) -> list[str]:
    numbers = [f"{row['difference']:.0%}", _share(row["ties"]), _share(row["power"]), str(row["pairs_needed"] or "-")]
    return [_what(row), *numbers]


def _what(row: Row) -> str:
    return f"{ATTRIBUTES[row['attribute']]}, {row['system']} / {row['against']}"


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole}" if whole else "-"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _interval(row: Row, value: str, low: str, high: str, *, plain: bool = False) -> str:
    def show(number: Any) -> str:
        return f"{number:.2f}" if plain else f"{100 * number:.0f}"

    if row[value] is None:
        return "-"
    unit = "" if plain else " %"
    return f"{show(row[value])}{unit} ({show(row[low])} to {show(row[high])})"
