"""A second opinion on chosen pairs: what another metric does not order the same way is dropped.

Each metric errs in ways of its own, and what is chosen for an extreme score is chosen for its errors, too. Only the
chosen texts are scored, so that a cheap metric may propose what a dear one confirms.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from quals.contrast.candidates import Candidates
from quals.contrast.score import Scored
from quals.contrast.select import Selection
from quals.metrics.base import Metric
from quals.records import Texts
from quals.scoring.cache import ScoreCache, score_rows


def confirmed(
    metric: Metric,
    scored: Sequence[Scored],
    found: Sequence[Candidates],
    selection: Selection,
    cache: ScoreCache,
    advance: Callable[[int], object],
) -> tuple[Selection, dict[int, str]]:
    """The selection without the pairs whose good example the metric does not score above the bad one.

    Args:
        metric: another one than that which chose.
        scored, found: all examples, and what of them may be good or bad.
        selection: a paired one.
        cache: where scores are looked up and kept.
        advance: called with the number of texts scored since the last call.

    Returns:
        what is left of the selection, and for each document that is not, why.
    """
    rows = []
    for place, bad in selection.negatives.items():
        example, (better, _) = scored[place].example, found[place].better(scored[place])
        texts = (better or "", example.samples[bad])
        rows += [Texts(example.document, text, example.reference) for text in texts]
    scores = iter(score_rows(metric, rows, cache, advance))
    refused = {}
    for place in selection.negatives:
        good_score, bad_score = next(scores), next(scores)
        if good_score.value is None or bad_score.value is None:
            lacking = good_score if good_score.value is None else bad_score
            refused[place] = f"{metric.name} has no score: {lacking.reason or lacking.status}"
        elif good_score.value <= bad_score.value:
            refused[place] = f"{metric.name}: {bad_score.value:.3f}, and {good_score.value:.3f} for the good one"
    left = replace(
        selection,
        positives=tuple(place for place in selection.positives if place not in refused),
        negatives={place: bad for place, bad in selection.negatives.items() if place not in refused},
    )
    return left, refused
