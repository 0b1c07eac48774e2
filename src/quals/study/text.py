"""The report as tables for the terminal: what matters most; the files hold the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby

from rich.markup import escape
from rich.table import Table

from quals.numbers import fixed
from quals.study.report import Report, TableRow

_MOST = 10  # pairs that stand out


def report_tables(report: Report) -> Iterator[Table]:
    """One table after the other, ready to print."""
    yield from _by_systems("", ["by", "n", "better", "equal", "worse", "sign p"], report.results, _result)
    columns = ["pairs", "alpha, ordinal", "nominal"]
    yield from _by_systems("Agreement: ", columns, report.agreement, _agreement)
    columns = ["", "items", "s per item", "checks passed", "same again", "stands out"]
    yield _table("Annotators", columns, [_annotator(row) for row in report.annotators])
    if odd := [row for row in report.items if row["remarks"]]:
        title = f"Pairs that stand out ({len(odd)} of {len(report.items)})"
        yield _table(title, ["document", "systems", ""], [_item(row) for row in odd[:_MOST]])
    columns = ["metric", "right", "of", "accuracy", "tau", "no score"]
    yield from _by_systems("Metrics against the majority: ", columns, report.metrics, _metric)
    columns = ["difference", "ties", "power now", "pairs for 80%"]
    yield from _by_systems("Power: ", columns, report.power, _power)


def how(report: Report) -> str:
    """In a few sentences, what the numbers are."""
    accuracy = ", and of accuracy" if report.metrics else ""
    return (
        "In brackets: 95% intervals, by judgement and of alpha from a bootstrap of pairs, by majority"
        f"{accuracy} Wilson's. sign p: the exact sign test, two-sided, without ties, not corrected for the number of "
        "tests."
    )


def _by_systems(
    title: str, columns: Sequence[str], rows: Sequence[TableRow], show: Callable[[TableRow], list[str]]
) -> Iterator[Table]:
    for (system, against), group in groupby(rows, key=lambda row: (row["system"], row["against"])):
        lines = [[str(row["attribute"]), *show(row)] for row in group]
        yield _table(f"{title}{system} against {against}", ["", *columns], lines)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(
        *columns, title=escape("\n" + title), title_justify="left", title_style="bold", box=None, padding=(0, 1, 0, 0)
    )
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def _result(row: TableRow) -> list[str]:
    # Votes on one pair are not independent: of them only intervals hold that draw whole pairs, and no sign test.
    of_votes = row["unit"] == "judgement"
    low, high = ("bootstrap_low", "bootstrap_high") if of_votes else ("low", "high")
    names = ("better", "equal", "worse")
    shares = [_percent(row, f"{name}_share", f"{name}_{low}", f"{name}_{high}") for name in names]
    p = "-" if of_votes or row["sign_p"] is None else f"{row['sign_p']:.2g}"
    return [row["unit"], str(row["n"]), *shares, p]


def _agreement(row: TableRow) -> list[str]:
    return [
        str(row["pairs"]),
        _plain(row, "alpha", "low", "high"),
        _plain(row, "nominal_alpha", "nominal_low", "nominal_high"),
    ]


def _annotator(row: TableRow) -> list[str]:
    checks, again = _of(row["checks_passed"], row["checks"]), _of(row["same_again"], row["repeated"])
    return [row["annotator"], str(row["items"]), f"{row['median_seconds']:.0f}", checks, again, row["remarks"]]


def _item(row: TableRow) -> list[str]:
    return [row["document"], f"{row['system']} against {row['against']}", row["remarks"]]


def _metric(row: TableRow) -> list[str]:
    tau = "-" if row["tau"] is None else fixed(row["tau"], 2)
    decided = row["right"] + row["wrong"]
    return [
        row["metric"],
        str(row["right"]),
        str(decided),
        _percent(row, "accuracy", "low", "high"),
        tau,
        str(row["missing"]),
    ]


def _power(row: TableRow) -> list[str]:
    return [_share(row["difference"]), _share(row["ties"]), _share(row["power"]), str(row["pairs_needed"] or "-")]


def _of(part: int, whole: int) -> str:
    return f"{part} of {whole}" if whole else "-"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _percent(row: TableRow, value: str, low: str, high: str) -> str:
    if row[value] is None:
        return "-"
    return f"{row[value]:.0%}" + ("" if row[low] is None else f" ({100 * row[low]:.0f}-{100 * row[high]:.0f})")


def _plain(row: TableRow, value: str, low: str, high: str) -> str:
    if row[value] is None:
        return "-"
    return fixed(row[value], 2) + ("" if row[low] is None else f" ({fixed(row[low], 2)} to {fixed(row[high], 2)})")
