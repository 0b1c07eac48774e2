"""A pair as a figure for papers: probability per token given the summary and given the document."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from quals.errors import InputError, MissingExtraError, QualsError
from quals.records import Evidence, PairEvidence
from quals.report.marks import visible
from quals.report.view import number_text, token_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colour-blind-safe palette.
_SUMMARY, _DOCUMENT, _LOSS = "#999999", "#0072B2", "#D55E00"
_FORMATS = (".svg", ".png", ".pdf")


def pair_figure(pair: Evidence, *, title: str | None = None) -> Figure:
    """Bars of each token's probability (0..1) under both texts, side by side, over its change in log-probability.

    Args:
        pair: the pair.
        title: above the bars; by default the question, the answer and the pair's score.

    Raises:
        InputError: it is no `PairEvidence`, or has no tokens.
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("a figure", "report") from error
    if not isinstance(pair, PairEvidence):
        raise InputError("only the question-answer pairs of QUALS have a figure")
    if not pair.tokens:
        raise InputError("the pair has no tokens to show")
    import numpy as np

    given_summary, given_document = np.array(pair.summary_logprobs), np.array(pair.document_logprobs)
    place = np.arange(len(pair.tokens))
    # A Figure of its own, not pyplot's: no global state, no window, and it shows itself in notebooks.
    figure = Figure(figsize=(max(4.0, 0.45 * len(place) + 1.2), 3.6), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    above.bar(place - 0.2, np.exp(given_summary), 0.38, color=_SUMMARY, label="given the summary")
    above.bar(place + 0.2, np.exp(given_document), 0.38, color=_DOCUMENT, label="given the document")
    above.set(ylim=(0, 1.02), ylabel="probability")
    above.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1), fontsize=8, borderaxespad=0.1)
    below.bar(place, given_document - given_summary, 0.6, color=_LOSS)
    below.axhline(0, color="black", linewidth=0.6)
    below.set(ylabel="change of\nlog-prob.")
    _label(below, place, pair)
    headline = f"{pair.question} → {pair.answer}\nscore {number_text(pair.score)}" if title is None else title
    figure.suptitle(_literal(visible(headline)), fontsize=10, x=0.02, ha="left", wrap=True)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def save_pair_figure(pair: Evidence, path: str | Path, *, title: str | None = None) -> None:
    """Write `pair_figure` as SVG (its text stays text), PNG (200 dpi) or PDF, by the file's ending.

    Raises:
        InputError: the file's name ends otherwise, or the pair has no tokens.
        MissingExtraError: matplotlib is not installed.
        QualsError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in _FORMATS:
        raise InputError(f"a figure is written as {', '.join(_FORMATS)}", file=str(path))
    figure = pair_figure(pair, title=title)
    import matplotlib

    # Without a date and with fixed ids the same pair gives the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "quals"}):
        try:
            figure.savefig(path, dpi=200, metadata={"Date": None} if path.suffix.lower() == ".svg" else None)
        except OSError as error:
            raise QualsError(f"{path}: cannot be written: {error.strerror or error}") from error


def _label(axes: Any, place: Any, pair: PairEvidence) -> None:
    last = len(pair.tokens) - 1
    labels = [_literal(token_text(token, last=number == last)) for number, token in enumerate(pair.tokens)]
    axes.set_xticks(place, labels, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)


def _literal(text: str) -> str:
    # matplotlib reads what stands between dollar signs as a formula.
    return text.replace("$", r"\$")
