"""Scores by way of the cache: only what was never scored is scored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from quals.metrics.base import Metric
from quals.metrics.combined import CombinedMetric
from quals.metrics.safe import rows_at_once, safe_scores
from quals.records import SummaryScore, Texts
from quals.scoring.cache import ScoreCache, as_read
from quals.scoring.progress import Advance, untold


def score_rows(
    metric: Metric, rows: Sequence[Texts], cache: ScoreCache, advance: Advance = untold
) -> list[SummaryScore]:
    """One score for each row, in order; only those not in the cache are computed, each once.

    A row that makes the metric fail gets `Status.ERROR`, and the others their scores. Rows of one document are
    scored together, wherever they stand, since metrics share work among them. A metric made of others has their
    scores looked up and kept, so that it costs nothing beside them.
    """
    if isinstance(metric, CombinedMetric):
        last = metric.parts[-1]
        of_parts = [score_rows(part, rows, cache, advance if part is last else untold) for part in metric.parts]
        return [metric.combine(scores) for scores in zip(*of_parts, strict=True)]
    rows = as_read(metric, rows)
    known = {row: score for row, score in zip(rows, cache.get(metric.signature, rows), strict=True) if score}
    together: dict[str, dict[Texts, None]] = {}
    for row in rows:
        if row not in known:
            together.setdefault(row.document, {})[row] = None
    missing = [row for of in together.values() for row in of]
    advance(sum(row in known for row in rows))
    times = Counter(rows)
    size = rows_at_once(metric)
    for start in range(0, len(missing), size):
        batch = missing[start : start + size]
        found = [replace(score, evidence_count=None) for score in safe_scores(metric, batch, explain=False)]  # not kept
        scored = list(zip(batch, found, strict=True))
        cache.put(metric.signature, scored)
        known.update(scored)
        advance(sum(times[row] for row in batch))
    return [known[row] for row in rows]
