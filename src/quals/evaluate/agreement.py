"""How far a metric's scores agree with human labels on one data set."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from quals.evaluate import statistics
from quals.evaluate.bootstrap import Bootstrap, Estimate, Rows, UndefinedError, clusters
from quals.evaluate.statistics import Flags, Floats

# key -> heading, in the order of the table
MEASURES = {
    "pearson": "Pearson r",
    "partial": "r at equal copying",
    "spearman": "Spearman ρ",
    "kendall": "Kendall τ-b",
    "roc_auc": "ROC-AUC",
    "balanced_accuracy": "balanced accuracy",
    "pairs": "pairs in order",
}
FOLDS = 5


@dataclass(frozen=True)
class Labelled:
    """What people said of each row: columns of equal length.

    Attributes:
        documents: the row's document; rows of one document are drawn together.
        labels: the higher, the more consistent.
        pairs: for files of minimal pairs, what ties a summary to its twin; else None. In a file without any, every
            two summaries of one document are a pair.
        copying: the copying baseline's score of each row, `quals.metrics.Rouge2Precision`, or None; empty if it is not
            to be looked at.
    """

    documents: Sequence[str]
    labels: Sequence[float]
    pairs: Sequence[str | None] = field(default=())
    copying: Sequence[float | None] = field(default=())


@dataclass(frozen=True)
class Agreement:
    """All measures of one metric on one data set.

    Attributes:
        rows: how many rows there are; ``scored`` of them have a score, and only those are counted.
        documents: how many documents the scored rows have.
        estimates: one for each key of `MEASURES` that applies; ``pairs`` only where two summaries can be compared,
            ``partial`` only where copying is known.
    """

    rows: int
    scored: int
    documents: int
    estimates: dict[str, Estimate]


def agreement(
    scores: Sequence[float | None],
    labelled: Labelled,
    *,
    positive_from: float = 1.0,
    tuned_threshold: float | UndefinedError | None = None,
    bootstrap: Bootstrap | None = None,
) -> Agreement:
    """Compare scores with labels; rows without a score (None) are left out and counted.

    Args:
        scores: higher is more consistent.
        labelled: documents, labels and pairs of the same rows.
        positive_from: a label of at least this counts as "consistent" for ROC-AUC and balanced accuracy.
        tuned_threshold: score from which a summary counts as consistent, chosen on other data (see
            `statistics.best_threshold`), or why there is none; without either it is cross-fitted (see `cross_fitted`).
        bootstrap: how intervals are made; 1,000 resamples, 95 %, unless given.
    """
    bootstrap = bootstrap or Bootstrap()
    kept = [row for row, score in enumerate(scores) if score is not None]
    x = np.array([scores[row] for row in kept], dtype=float)
    y = np.array([labelled.labels[row] for row in kept], dtype=float)
    documents = [labelled.documents[row] for row in kept]
    positive: Flags = y >= positive_from

    statistic_of: dict[str, Callable[[Rows], float]] = {
        "pearson": lambda rows: statistics.pearson(x[rows], y[rows]),
        "spearman": lambda rows: statistics.spearman(x[rows], y[rows]),
        "kendall": lambda rows: statistics.kendall(x[rows], y[rows]),
        "roc_auc": lambda rows: statistics.roc_auc(x[rows], positive[rows]),
    }
    estimates = {name: bootstrap.estimate(statistic, documents) for name, statistic in statistic_of.items()}
    if labelled.copying:
        estimates["partial"] = _partial(scores, labelled, bootstrap)
    estimates["balanced_accuracy"] = _balanced_accuracy(x, positive, documents, tuned_threshold, bootstrap)
    if pairs := _pairs(scores, labelled, bootstrap):
        estimates["pairs"] = pairs
    return Agreement(len(scores), len(kept), len(set(documents)), estimates)


def cross_fitted(scores: Floats, positive: Flags, documents: Sequence[str], *, seed: int) -> Flags:
    """Predict each row with a threshold chosen on other documents (`FOLDS` folds, split by document).

    Raises:
        UndefinedError: the documents outside some fold have labels of one kind only.
    """
    groups = clusters(documents)
    if len(groups) < 2:
        raise UndefinedError("a threshold cannot be chosen on other documents: there are none")
    order = np.random.default_rng(seed).permutation(len(groups))
    predicted = np.zeros(len(scores), dtype=bool)
    for fold in range(FOLDS):
        if not len(chosen := order[fold::FOLDS]):
            continue  # fewer documents than folds
        inside = np.concatenate([groups[group] for group in chosen])
        outside = np.ones(len(scores), dtype=bool)
        outside[inside] = False
        predicted[inside] = scores[inside] >= statistics.best_threshold(scores[outside], positive[outside])
    return predicted


def comparisons(
    labels: Sequence[float], documents: Sequence[str], pairs: Sequence[str | None]
) -> list[tuple[int, int]]:
    """The (better, worse) rows to compare: of one pair, with unequal labels; of one document, if there are no pairs.

    A pair's name need be unique only within its document. Files of pairs often keep a summary that belongs to
    several pairs only once. A row that is alone in its pair, which has lost its other side, is compared with the
    rows of the same document that it could have belonged with, if there is exactly one; otherwise it is left out.
    """
    by_pair: dict[tuple[str, str], list[int]] = defaultdict(list)
    by_document: dict[str, list[int]] = defaultdict(list)
    for row, pair in enumerate(pairs if _has_pairs(pairs) else documents):
        if pair is not None:
            by_pair[documents[row], pair].append(row)
            by_document[documents[row]].append(row)
    found: set[tuple[int, int]] = set()
    for (document, _), rows in by_pair.items():
        if len(rows) > 1:  # of equal labels, they are twins all the same, and there is nothing to compare
            found |= _ordered(rows, rows, labels)
            continue
        others = [row for row in by_document[document] if labels[row] != labels[rows[0]]]
        if len(others) == 1:
            found |= _ordered(rows, others, labels)
    return sorted(found)


def _has_pairs(pairs: Sequence[str | None]) -> bool:
    return any(pair is not None for pair in pairs)


def _ordered(some: Sequence[int], others: Sequence[int], labels: Sequence[float]) -> set[tuple[int, int]]:
    unequal = [(a, b) for a in some for b in others if labels[a] != labels[b]]
    return {(a, b) if labels[a] > labels[b] else (b, a) for a, b in unequal}


def _partial(scores: Sequence[float | None], labelled: Labelled, bootstrap: Bootstrap) -> Estimate:
    columns = zip(scores, labelled.labels, labelled.copying, labelled.documents, strict=True)
    found = [row for row in columns if row[0] is not None and row[2] is not None]
    x, y, copied = np.array([row[:3] for row in found], dtype=float).reshape(-1, 3).T
    documents = [row[3] for row in found]
    estimate = bootstrap.estimate(lambda rows: statistics.partial(x[rows], y[rows], copied[rows]), documents)
    uncompared = sum(score is not None for score in scores) - len(found)
    return _with(estimate, f"{uncompared} scored rows have no copying score" if uncompared else "")


def _balanced_accuracy(
    scores: Floats,
    positive: Flags,
    documents: Sequence[str],
    threshold: float | UndefinedError | None,
    bootstrap: Bootstrap,
) -> Estimate:
    try:
        if isinstance(threshold, UndefinedError):
            raise threshold
        if threshold is None:
            predicted = cross_fitted(scores, positive, documents, seed=bootstrap.seed)
        else:
            predicted = scores >= threshold
    except UndefinedError as gap:
        return Estimate(None, None, None, len(scores), str(gap))
    return bootstrap.estimate(lambda rows: statistics.balanced_accuracy(predicted[rows], positive[rows]), documents)


def _pairs(scores: Sequence[float | None], labelled: Labelled, bootstrap: Bootstrap) -> Estimate | None:
    found = comparisons(labelled.labels, labelled.documents, labelled.pairs)
    if not found and not _has_pairs(labelled.pairs):
        return None
    usable = [(a, b) for a, b in found if scores[a] is not None and scores[b] is not None]
    better = np.array([scores[row] for row, _ in usable], dtype=float)
    worse = np.array([scores[row] for _, row in usable], dtype=float)
    documents = [labelled.documents[row] for row, _ in usable]
    estimate = bootstrap.estimate(lambda rows: statistics.share_in_order(better[rows], worse[rows]), documents)
    twins = {row for both in found for row in both}
    sides = {row: (labelled.documents[row], pair) for row, pair in enumerate(labelled.pairs) if pair is not None}
    rows_of = Counter(sides.values())
    alone = sum(rows_of[side] == 1 and row not in twins for row, side in sides.items())
    nameless = len(labelled.pairs) - len(sides) if sides else 0
    return _with(
        estimate,
        f"{len(found) - len(usable)} comparisons lack a score" if len(usable) < len(found) else "",
        f"{alone} rows have no twin" if alone else "",
        f"{nameless} rows name no pair" if nameless else "",
    )


def _with(estimate: Estimate, *notes: str) -> Estimate:
    """The same, its reason followed by these notes, as far as there are such."""
    return replace(estimate, reason="; ".join(note for note in (estimate.reason, *notes) if note))
