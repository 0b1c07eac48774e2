"""Data sets and metrics in, agreement out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from quals.errors import InputError
from quals.evaluate import statistics
from quals.evaluate.agreement import Agreement, Labelled, agreement
from quals.evaluate.bootstrap import Bootstrap, UndefinedError
from quals.evaluate.labelled import DataSet, JudgedRow
from quals.metrics.base import Metric
from quals.metrics.rouge import Rouge2Precision
from quals.records import Band, Status, SummaryScore
from quals.scoring.cache import ScoreCache, score_rows
from quals.scoring.progress import Advance, Progress, untold_of


@dataclass(frozen=True)
class Measured:
    """How far one metric agrees with people on one data set.

    Attributes:
        unscored: how many rows have no score, by status.
        threshold: the score from which a summary counted as consistent, if it was chosen on other files.
        bands: what the metric's calibration calls them: of ``consistent`` and of ``inconsistent`` summaries, how many
            are in each band; empty if it has none.
        unread: how many scored rows are in no band, since the calibration says nothing of their documents.
    """

    data: str
    metric: str
    signature: str
    agreement: Agreement
    unscored: dict[str, int]
    threshold: float | None
    bands: dict[str, dict[str, int]]
    unread: int


def measure(
    metrics: Sequence[Metric],
    sets: Sequence[DataSet],
    tuning: Sequence[DataSet],
    cache: ScoreCache,
    *,
    positive_from: float = 1.0,
    bootstrap: Bootstrap | None = None,
    progress: Progress = untold_of,
) -> list[Measured]:
    """Score each set with each metric, through the cache, and compare with its labels: set by set, all metrics of each.

    Args:
        metrics: what to measure.
        sets: where it is measured.
        tuning: other sets, on all of whose rows together the threshold for balanced accuracy is chosen;
            with none it is cross-fitted within each set.
        cache: where scores are looked up and kept.
        positive_from: a label of at least this counts as consistent.
        bootstrap: how intervals are made.
        progress: called with a metric's name and its number of rows; gives what is called as rows are done.

    Raises:
        MissingExtraError: scipy or rouge-score-rs is not installed; told before anything is scored.
        InputError: a set of ``tuning`` has documents of ``sets``, or all labels of ``tuning`` are of one kind; told as
            early.
    """
    statistics.scipy_stats()
    _keep_apart(sets, tuning)
    if tuning:
        _both_classes(tuning, positive_from)
    copying = Rouge2Precision()
    labelled = [
        Labelled(
            data.documents,
            [row.label for row in data.rows],
            [row.pair for row in data.rows],
            [score.value for score in score_rows(copying, [row.texts for row in data.rows], cache)],
        )
        for data in sets
    ]
    found: list[list[Measured]] = [[] for _ in sets]
    for metric in metrics:
        advance = progress(metric.name, sum(len(data.rows) for data in [*sets, *tuning]))
        threshold = _tuned(metric, tuning, cache, positive_from, advance) if tuning else None
        for data, of, here in zip(sets, labelled, found, strict=True):
            scores = score_rows(metric, [row.texts for row in data.rows], cache, advance)
            compared = agreement(
                [score.value for score in scores],
                of,
                positive_from=positive_from,
                tuned_threshold=threshold,
                bootstrap=bootstrap,
            )
            unscored = Counter(str(score.status) for score in scores if score.status is not Status.OK)
            bands = _bands(metric, data.rows, scores, positive_from)
            read = sum(sum(counts.values()) for counts in bands.values())
            here.append(
                Measured(
                    data=data.name,
                    metric=metric.name,
                    signature=metric.signature,
                    agreement=compared,
                    unscored=dict(unscored),
                    threshold=None if isinstance(threshold, UndefinedError) else threshold,
                    bands=bands,
                    unread=compared.scored - read if metric.calibration else 0,
                )
            )
    return [one for here in found for one in here]


def _bands(
    metric: Metric, rows: Sequence[JudgedRow], scores: Sequence[SummaryScore], positive_from: float
) -> dict[str, dict[str, int]]:
    """See `Measured.bands`; a summary whose document the calibration says nothing of is in none."""
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


def _both_classes(tuning: Sequence[DataSet], positive_from: float) -> None:
    try:
        statistics.both_classes(np.array([row.label >= positive_from for data in tuning for row in data.rows]))
    except UndefinedError as gap:
        raise InputError(f"no threshold can be chosen on the tuning files: {gap}") from gap


def _tuned(
    metric: Metric, tuning: Sequence[DataSet], cache: ScoreCache, positive_from: float, advance: Advance
) -> float | UndefinedError:
    """The best threshold on all scored rows of these sets, or why there is none."""
    rows = [row for data in tuning for row in data.rows]
    scores = score_rows(metric, [row.texts for row in rows], cache, advance)
    scored = [(score.value, row.label) for score, row in zip(scores, rows, strict=True) if score.value is not None]
    values, labels = np.array(scored, dtype=float).reshape(-1, 2).T
    try:
        return statistics.best_threshold(values, labels >= positive_from)
    except UndefinedError as gap:
        return UndefinedError(f"no threshold can be chosen on the tuning files: {gap}, of those that have a score")
