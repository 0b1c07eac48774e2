"""The comparison as a page: the tables, then the documents with the systems' summaries side by side.

One self-contained HTML file without script; see `quals.report.page`, whose looks and escaping it shares.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from quals.compare import table
from quals.compare.comparison import Comparison, texts
from quals.compare.differences import Piece, differences, pieces
from quals.doubts import Losses, losses
from quals.folders import cache_dir
from quals.io.files import write_whole
from quals.io.scored import evidence_from_dict
from quals.io.systems import Document
from quals.metrics.base import Metric
from quals.report.facts import MetricFacts
from quals.report.marks import visible
from quals.report.page import asset, environment, inline_hash
from quals.report.view import number_text
from quals.scoring.evidence import Pieces, explained
from quals.scoring.progress import Progress, untold_of
from quals.texts import has_words

STYLES = ("report.css", "compare.css")
_MEANINGS = {"word": "not in every summary", "fact": "name or number not in every summary"}
_MEANINGS["stray"] = "name or number not in every summary, and not in the document"


@dataclass(frozen=True)
class Side:
    """One system's summary of a document."""

    system: str
    pieces: tuple[dict[str, Any], ...]
    values: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Entry:
    """A document of the page."""

    number: int
    id: str
    text: str
    reference: str
    sides: tuple[Side, ...]


def write_page(
    comparison: Comparison,
    path: Path,
    *,
    doubting: Metric | None = None,
    limit: int = 50,
    progress: Progress = untold_of,
) -> None:
    """Write the page.

    Args:
        comparison: what it shows.
        path: the file.
        doubting: a metric whose evidence marks doubtful spans, had again for the summaries shown; None for none.
        limit: documents shown, from the first.
        progress: called with what is done and how often.

    Raises:
        MissingExtraError: jinja2 is not installed.
        QualsError: the file cannot be written.
    """
    documents = comparison.systems.documents[:limit]
    evidence = _evidence(comparison, documents, doubting, progress) if doubting else None
    facts = MetricFacts.of(doubting) if doubting else None
    tables = [_table("Systems by metrics", table.headings(comparison), table.rows(comparison))]
    if comparison.others:
        tables.append(_table(f"Against {comparison.baseline}", table.AGAINST, table.against_rows(comparison)))
    context = {
        "title": " · ".join(map(visible, comparison.systems.names)),
        "policy": f"default-src 'none'; style-src {inline_hash(style())}; base-uri 'none'",
        "style": Markup(style()),
        "tables": tables,
        "how": visible(table.how(comparison)),
        "notes": [visible(note) for note in table.notes(comparison)],
        "problems": len(comparison.systems.problems),
        "signatures": {visible(name): visible(line) for name, line in table.signatures(comparison).items()},
        "doubting": doubting.name if doubting else "",
        "total": len(comparison.systems.documents),
        "shown": len(documents),
        "meanings": _MEANINGS,
        "entries": _entries(comparison, documents, evidence, facts),
    }
    stream = environment().get_template("compare.html.j2").stream(**context)
    stream.enable_buffering(500)
    write_whole(path, stream)


def style() -> str:
    """The style of the page, as it stands in it."""
    return "".join(map(asset, STYLES))


def _table(title: str, headings: Sequence[str], rows: table.Rows) -> dict[str, Any]:
    cells = [[visible(cell) for cell in row] for row in rows]
    return {"title": visible(title), "headings": [visible(heading) for heading in headings], "rows": cells}


def _evidence(
    comparison: Comparison, documents: Sequence[Document], metric: Metric, progress: Progress
) -> dict[tuple[str, int], Pieces]:
    """(system, number of the document) -> what the metric's score rests on."""
    places = [(name, number) for number in range(len(documents)) for name in comparison.systems.names]
    name = hashlib.sha256(metric.signature.encode()).hexdigest()[:16]
    found = explained(
        metric,
        [texts(documents[number], system) for system, number in places],
        cache_dir() / f"evidence-{name}.jsonl",
        progress(f"evidence ({metric.name})", len(places)),
    )
    return dict(zip(places, found, strict=True))


def _entries(
    comparison: Comparison,
    documents: Sequence[Document],
    evidence: dict[tuple[str, int], Pieces] | None,
    facts: MetricFacts | None,
) -> Iterator[Entry]:
    for number, document in enumerate(documents):
        summaries = [document.summaries[name] for name in comparison.systems.names]
        sides = []
        for name, summary, differing in zip(
            comparison.systems.names, summaries, differences(document.text, summaries), strict=True
        ):
            found = [evidence_from_dict(piece) for piece in evidence[name, number]] if evidence else []
            doubted = losses(summary, found, facts.range) if facts else Losses([], ())
            shown = tuple(_shown(piece, doubted) for piece in pieces(summary, differing, doubted.places))
            sides.append(Side(visible(name), shown, _values(comparison, name, number)))
        reference = visible(document.reference or "")
        yield Entry(number + 1, visible(document.id), visible(document.text), reference, tuple(sides))


def _shown(piece: Piece, doubted: Losses) -> dict[str, Any]:
    level = doubted.level(piece.loss) if has_words(piece.text) else 0
    titles = [_MEANINGS[piece.kind]] if piece.kind else []
    titles += [f"loses {number_text(piece.loss, 2)}"] if level else []
    classes: list[str] = [piece.kind] if piece.kind else []
    classes += [f"m{level}"] if level else []
    return {"text": piece.text, "classes": " ".join(classes), "title": "; ".join(titles)}


def _values(comparison: Comparison, system: str, number: int) -> tuple[tuple[str, str], ...]:
    found = []
    for measure in comparison.measures:
        value = measure.values[system][number]
        digits = 0 if measure.name == "words" else 3
        found.append((measure.name, "no score" if value is None else number_text(value, digits)))
    return tuple(found)
