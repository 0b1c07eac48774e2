"""The page: one self-contained HTML file, readable from disk, without a network and without script."""

from __future__ import annotations

import base64
import hashlib
import html
import math
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

import quals
from quals.errors import InputError, MissingExtraError
from quals.io.files import write_whole
from quals.metrics.base import Metric, listed
from quals.records import Status, SummaryScore
from quals.report.facts import MetricFacts
from quals.report.marks import visible
from quals.report.overview import MEANINGS, Overview, overview
from quals.report.rows import ScoredRow
from quals.report.view import RowView, TokenView, number_text, view_row
from quals.signature import parse

if TYPE_CHECKING:
    import jinja2

LIMIT = 5_000  # rows listed unless told otherwise; the overview is always of all
_NOTEBOOK_LIMIT = 50
_CLASSES = ("", " class=m1", " class=m2", " class=m3")


class Report:
    """Scored rows as a page.

    Args:
        rows: the rows, in the order of their file.
        facts: of the metric; by default those its signature leads to.
        title: of the page.
        limit: how many rows to list, the lowest scores first; the page says so if it leaves some out.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """

    def __init__(
        self,
        rows: Iterable[ScoredRow],
        facts: MetricFacts | None = None,
        *,
        title: str = "Scores",
        limit: int = LIMIT,
    ) -> None:
        self.rows = list(rows)
        signature = next((row.score.signature for row in self.rows if row.score.signature), "")
        self.facts = facts or MetricFacts.from_signature(signature)
        self.title, self.limit = title, limit

    @classmethod
    def of(
        cls,
        documents: Sequence[str | list[str]],
        summaries: Sequence[str],
        scores: Sequence[SummaryScore],
        metric: Metric,
        *,
        ids: Sequence[str] | None = None,
        title: str = "Scores",
    ) -> Report:
        """From what went into `Metric.score` and what came out of it.

        Raises:
            InputError: they differ in length, or are no texts.
        """
        documents, summaries = listed(documents, "documents"), listed(summaries, "summaries")
        if not len(documents) == len(summaries) == len(scores) == len(ids or scores):
            raise InputError("documents, summaries, scores and ids differ in length")
        rows = map(ScoredRow, documents, summaries, scores, ids or [""] * len(scores))
        return cls(rows, MetricFacts.of(metric), title=title)

    def chunks(self) -> Iterator[str]:
        """The page, piece by piece."""
        template = environment().get_template("report.html.j2")
        summed = overview(self.rows, self.facts)
        # Jinja yields a piece per expression: joining some hundred of them spares as many writes.
        stream = template.stream(**self._context(summed))
        stream.enable_buffering(500)
        yield from stream

    def html(self) -> str:
        """The whole page."""
        return "".join(self.chunks())

    def write(self, path: str | Path) -> None:
        """Write the page to a file (UTF-8).

        Raises:
            QualsError: it cannot be written.
        """
        write_whole(path, self.chunks())

    def _repr_html_(self) -> str:
        """For notebooks: the page in a frame of its own, cut to the 50 lowest scores."""
        limit = min(self.limit, _NOTEBOOK_LIMIT)
        page = Report(self.rows, self.facts, title=self.title, limit=limit).html()
        return (
            f'<iframe srcdoc="{html.escape(page)}" title="{html.escape(visible(self.title))}" '
            'sandbox="allow-scripts" style="width:100%;height:44rem;border:0"></iframe>'
        )

    def _context(self, summed: Overview) -> dict[str, Any]:
        order = sorted(enumerate(self.rows, start=1), key=lambda row: _rank(row[1]))
        listed = order[: self.limit]
        settings = {key: visible(value) for key, value in parse(self.facts.signature).items()}
        return {
            "title": visible(self.title),
            "facts": self.facts,
            "settings": settings,
            "signature": visible(self.facts.signature),
            "signatures": len({row.score.signature for row in self.rows if row.score.signature}),
            "overview": summed,
            "views": (view_row(row, number, self.facts) for number, row in listed),
            "listed": len(listed),
            "policy": policy(),
        }


def row_html(view: RowView) -> str:
    """One row of the list by itself, opened up, for a page that gets its rows one by one."""
    module: Any = environment().get_template("_row.html.j2").module
    return str(module.row(view, lazy=False))


def policy() -> str:
    """The content security policy of a report: its own style and script, told by their hashes, and nothing else."""
    style, script = inline_hash(asset("report.css")), inline_hash(asset("report.js"))
    return (
        f"default-src 'none'; style-src {style}; style-src-attr 'unsafe-inline'; script-src {script}; base-uri 'none'"
    )


@cache
def asset(name: str, package: str = "quals.report") -> str:
    """A file of a package's templates folder, as text."""
    return files(package).joinpath("templates", name).read_text(encoding="utf-8")


@cache
def environment() -> jinja2.Environment:
    """Templates with escaping on; an undefined name is an error.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingExtraError("a report", "report") from error
    made = jinja2.Environment(
        loader=jinja2.PackageLoader("quals.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(score=number_text, bounds=_bounds, tokens=_token_list)
    made.globals.update(
        asset=lambda name: Markup(asset(name)),  # our own files, never a user's text
        meanings=MEANINGS,
        Status=Status,
        version=quals.__version__,
    )
    return made


def _token_list(tokens: Iterable[TokenView]) -> Markup:
    """List items without what HTML lets one leave out; most of a page is made of these."""
    # Only the token's text is not ours; `Markup.format` for each would take most of the time a page takes.
    items = (
        f"<li style=--s:{token.summary};--d:{token.document}{_CLASSES[token.level]}>{escape(token.text)}"
        f"<b>{token.change}</b>"
        for token in tokens
    )
    return Markup("".join(items))


def _rank(row: ScoredRow) -> tuple[bool, float]:
    """Lowest scores first, rows without one last."""
    value = row.score.value
    return value is None, 0.0 if value is None else value


def _bounds(limits: tuple[float, float]) -> str:
    low, high = (f"{limit:g}".replace("-", "−") for limit in limits)
    match [math.isfinite(limit) for limit in limits]:
        case [True, True]:
            return f"Possible values go from {low} to {high}."
        case [True, False]:
            return f"Possible values start at {low}."
        case [False, True]:
            return f"Possible values end at {high}."
    return "There is no lowest and no highest value."


def inline_hash(text: str) -> str:
    """How a content security policy names a style or script that stands in the page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
