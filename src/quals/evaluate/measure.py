"""Data sets and metrics in, agreement out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from quals.calibrate.calibration import Band
from quals.errors import InputError
from quals.evaluate import statistics
from quals.evaluate.agreement import Agreement, Labelled, agreement
from quals.evaluate.bootstrap import Bootstrap, UndefinedError, clusters
from quals.evaluate.cache import ScoreCache, Texts, as_read
from quals.evaluate.labelled import DataSet, JudgedRow
from quals.metrics.base import Metric
from quals.metrics.combined import CombinedMetric
from quals.metrics.rouge import Rouge2Precision
from quals.records import Status, SummaryScore
from quals.scoring.progress import Advance, untold
from quals.scoring.run import rows_at_once, safe_scores


@dataclass(frozen=True)
class Result:
    """How far one metric agrees with people on one data set.

    Attributes:
        unscored: how many rows have no score, by status.
        threshold: the score from which a summary counted as consistent, if it was chosen on other files.
        bands: what the metric's calibration calls them: of ``consistent`` and of ``inconsistent`` summaries, how many
            are in each band; empty if it has none.
    """

    data: str
    metric: str
    signature: str
    agreement: Agreement
    unscored: dict[str, int]
    threshold: float | None
    bands: dict[str, dict[str, int]]


def measure(
    metric: Metric,
    sets: Sequence[DataSet],
    tuning: Sequence[DataSet],
    cache: ScoreCache,
    *,
    positive_from: float = 1.0,
    bootstrap: Bootstrap | None = None,
    advance: Advance = untold,
) -> Iterator[Result]:
    """Score each set with the metric, through the cache, and compare with its labels.

    Args:
        metric: what to measure.
        sets: where it is measured.
        tuning: other sets, on all of whose rows together the threshold for balanced accuracy is chosen;
            with none it is cross-fitted within each set.
        cache: where scores are looked up and kept.
        positive_from: a label of at least this counts as consistent.
        bootstrap: how intervals are made.
        advance: called with the number of rows done since the last call.

    Raises:
        MissingExtraError: scipy or rouge-score-rs is not installed; told before anything is scored.
        InputError: a set of ``tuning`` has documents of ``sets``, which is told as early; or no threshold can be
            chosen on ``tuning``: its scored rows have labels of one kind.
    """
    statistics.scipy_stats()
    _keep_apart(sets, tuning)
    copying = Rouge2Precision()
    threshold = _tuned(metric, tuning, cache, positive_from, advance) if tuning else None
    for data in sets:
        scores = score_rows(metric, [row.texts for row in data.rows], cache, advance)
        compared = agreement(
            [score.value for score in scores],
            Labelled(
                data.documents,
                [row.label for row in data.rows],
                [row.pair for row in data.rows],
                [score.value for score in score_rows(copying, [row.texts for row in data.rows], cache)],
            ),
            positive_from=positive_from,
            tuned_threshold=threshold,
            bootstrap=bootstrap,
        )
        unscored = Counter(str(score.status) for score in scores if score.status is not Status.OK)
        bands = _bands(metric, data.rows, scores, positive_from)
        yield Result(data.name, metric.name, metric.signature, compared, dict(unscored), threshold, bands)


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
    together = (rows[place] for group in clusters([row.document for row in rows]) for place in group)
    missing = list(dict.fromkeys(row for row in together if row not in known))
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


def _bands(
    metric: Metric, rows: Sequence[JudgedRow], scores: Sequence[SummaryScore], positive_from: float
) -> dict[str, dict[str, int]]:
    """See `Result.bands`; a summary whose document the calibration says nothing of is in none."""
    if (calibration := metric.calibration) is None:
        return {}
    found: dict[str, Counter[str]] = {"consistent": Counter(), "inconsistent": Counter()}
    for row, score in zip(rows, scores, strict=True):
        if reading := calibration.apply(score.value, metric.signature, row.texts.document):
            kind = "consistent" if row.label >= positive_from else "inconsistent"
            found[kind][reading.band] += 1
    return {kind: {str(band): counts[band] for band in Band} for kind, counts in found.items() if counts}


def _keep_apart(sets: Sequence[DataSet], tuning: Sequence[DataSet]) -> None:
    """No document that is judged has a say in the threshold."""
    judged = {document for data in sets for document in data.documents}
    for data in tuning:
        if shared := len(judged & set(data.documents)):
            what = "document of this file is" if shared == 1 else "documents of this file are"
            message = f"{shared} {what} among those to be judged; choose the threshold on others"
            raise InputError(message, file=data.file, field="--tune-on")


def _tuned(
    metric: Metric, tuning: Sequence[DataSet], cache: ScoreCache, positive_from: float, advance: Advance
) -> float:
    """The best threshold on all scored rows of these sets."""
    rows = [row for data in tuning for row in data.rows]
    scores = score_rows(metric, [row.texts for row in rows], cache, advance)
    scored = [(score.value, row.label) for score, row in zip(scores, rows, strict=True) if score.value is not None]
    values, labels = np.array(scored, dtype=float).reshape(-1, 2).T
    try:
        return statistics.best_threshold(values, labels >= positive_from)
    except UndefinedError as gap:
        raise InputError(f"no threshold can be chosen on the tuning files: {gap}") from gap
