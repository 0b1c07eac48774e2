"""The chart of a study: better / equal / worse per question, one bar for each pair of systems."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from quals.errors import MissingExtraError
from quals.study.records import ATTRIBUTES

try:
    from matplotlib import rc_context
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingExtraError("the chart of a study", "study") from error

# Told apart by people who see colours differently, and by lightness when printed in grey.
_COLOURS = {"better": "#2166ac", "equal": "#d9d9d9", "worse": "#e08214"}
_TEXT = {"better": "white", "equal": "#222222", "worse": "#222222"}
_CAPTION = "Pairs, by the majority of their judgements. Lines: 95 % intervals of better (above) and worse (below)."
_LEAST_LABELLED = 0.05


def draw_chart(results: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw the majority results as stacked bars, as SVG or PNG by the file's ending.

    The lines are Wilson intervals: over a bar that of "better" (from the left), under it that of "worse" (from
    the right).
    """
    rows = [row for row in results if row["unit"] == "majority" and row["n"]]
    pairs = list(dict.fromkeys((row["system"], row["against"]) for row in rows))
    # Without a date and with a fixed salt, equal results give equal files.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "quals", "font.size": 10}):
        figure = Figure(figsize=(8, 1.1 + len(pairs) * 1.75), layout="constrained")
        panels = figure.subplots(len(pairs), 1, squeeze=False)[:, 0]
        for panel, pair in zip(panels, pairs, strict=True):
            _draw_pair(panel, pair, [row for row in rows if (row["system"], row["against"]) == pair])
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, title=_CAPTION)
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, dpi=200, metadata=metadata)


def _draw_pair(panel: Axes, pair: tuple[str, str], rows: Sequence[dict[str, Any]]) -> None:
    rows = list(reversed(rows))  # the first question on top
    left = [0.0] * len(rows)
    for name in ("better", "equal", "worse"):
        shares = [row[f"{name}_share"] for row in rows]
        panel.barh(range(len(rows)), shares, left=left, height=0.5, color=_COLOURS[name], label=name, linewidth=0)
        for place, (start, share) in enumerate(zip(left, shares, strict=True)):
            if share >= _LEAST_LABELLED:
                middle = start + share / 2
                panel.text(middle, place, f"{share:.0%}", ha="center", va="center", color=_TEXT[name])
        left = [start + share for start, share in zip(left, shares, strict=True)]
    for place, row in enumerate(rows):
        whiskers = [row["better_low"], row["better_high"]], [1 - row["worse_high"], 1 - row["worse_low"]]
        for height, bounds in zip((place + 0.34, place - 0.34), whiskers, strict=True):
            panel.plot(bounds, [height, height], color="#222222", linewidth=1, marker="|", markersize=4)
    panel.set_yticks(range(len(rows)), [f"{ATTRIBUTES[row['attribute']]} (n = {row['n']})" for row in rows])
    # A system's name is plain text: without this, "$" in it would start a formula.
    panel.set_title(f"{pair[0]} against {pair[1]}", loc="left", parse_math=False)
    panel.set_xlim(0, 1)
    panel.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.tick_params(left=False)
