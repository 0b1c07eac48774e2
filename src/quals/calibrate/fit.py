"""Fitting a calibration: logistic (Platt 1999) or isotonic regression, checked by cross-validation."""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING

from quals.calibrate.calibration import Calibration, Isotonic, Logistic
from quals.errors import InputError, MissingExtraError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Curve = Logistic | Isotonic
LEAST = 10.0  # labelled summaries of each kind, below which no curve is fitted


def fit(
    scores: Sequence[float],
    labels: Sequence[float],
    *,
    signature: str,
    data: Sequence[str],
    groups: Sequence[Hashable] | None = None,
    method: str = "logistic",
    folds: int = 5,
    seed: int = 0,
    positive_from: float | None = None,
) -> Calibration:
    """Fit on all rows, and judge on rows held out in turn.

    Args:
        scores: raw scores, all made with ``signature``; higher is more consistent.
        labels: for each, 1 (consistent) to 0 (inconsistent); in between where annotators disagreed or only
            a part is right, and then in part for either side, unless ``positive_from`` says otherwise.
        signature: of the scores.
        data: names of the labelled data, for the record.
        groups: for each row, what it must share a fold with (its document), so that none is judged by its siblings.
        method: ``logistic`` (two numbers; for hundreds of rows) or ``isotonic`` (any rising curve; for thousands).
        folds: of the cross-validation.
        seed: of the division into folds.
        positive_from: a label of at least this is taken as 1, a lower one as 0: with 1, the probability is that
            nothing is found wrong. None takes labels as they are, and the probability is the label to expect.

    Raises:
        InputError: a score that is no number, a label outside 0 to 1, a ``positive_from`` of 0 or less or above 1,
            fewer than 10 summaries of a kind, fewer groups than folds, scores that do not rise with the labels, be it
            in one fold, or no such method.
        MissingExtraError: scipy is not installed.
    """
    import numpy as np

    fitter = _fitter(method)
    x, y = np.asarray(scores, dtype=float), np.asarray(labels, dtype=float)
    if not np.isfinite(x).all():
        raise InputError("a score is missing or no finite number: leave out summaries that have none")
    if not ((y >= 0) & (y <= 1)).all():
        raise InputError("labels go from 0 (inconsistent) to 1 (consistent)")
    if positive_from is not None:
        if not 0 < positive_from <= 1:
            raise InputError(f"{positive_from:g} is not above 0 and up to 1", field="positive_from")
        y = (y >= positive_from).astype(float)
    if min(y.sum(), len(y) - y.sum()) < LEAST:
        raise InputError(
            f"{len(y)} labelled scores, {y.sum():g} of them consistent: at least {LEAST:g} of either kind are needed"
        )
    place = _folds(range(len(y)) if groups is None else groups, folds, seed)
    curve = fitter(x, y)
    held_out = np.empty_like(y)
    for fold in set(place.tolist()):
        out = place == fold
        try:
            without = fitter(x[~out], y[~out])
        except InputError as error:
            why = "too few rows, or too weak a relation"
            raise InputError(f"in a fold of the cross-validation {error} ({why})") from error
        held_out[out] = [without(score) for score in x[out]]
    safe = np.clip(held_out, 1e-9, 1 - 1e-9)
    return Calibration(
        curve=curve,
        signature=signature,
        data=tuple(data),
        rows=len(y),
        base_rate=float(y.mean()),
        folds=len(set(place.tolist())),
        brier=float(np.mean((held_out - y) ** 2)),
        brier_base_rate=float(np.mean((y.mean() - y) ** 2)),
        log_loss=float(-np.mean(y * np.log(safe) + (1 - y) * np.log(1 - safe))),
        reliability=_reliability(held_out, y),
        positive_from=positive_from,
    )


def _fitter(method: str) -> Callable[[Floats, Floats], Curve]:
    try:
        import scipy.optimize  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("fitting a calibration", "calibrate") from error
    if method == Logistic.method:
        return _logistic
    if method == Isotonic.method:
        return _isotonic
    raise InputError(f"no method {method!r} (known: {Logistic.method}, {Isotonic.method})", field="method")


def _logistic(x: Floats, y: Floats) -> Logistic:
    import numpy as np
    from scipy.optimize import minimize

    if x.min() == x.max():
        raise InputError("all scores are equal: there is nothing to calibrate")
    # Platt's targets keep the probabilities off 0 and 1 when the kinds can be told apart completely.
    positives, negatives = y.sum(), len(y) - y.sum()
    targets = y * (positives + 1) / (positives + 2) + (1 - y) / (negatives + 2)
    centre, spread = x.mean(), x.std() or 1.0

    def loss(weights: Floats) -> float:
        z = weights[0] * (x - centre) / spread + weights[1]
        return float(np.mean(np.logaddexp(0, z) - targets * z))

    slope, intercept = minimize(loss, x0=[1.0, 0.0], method="BFGS").x
    if slope <= 0:
        raise InputError("higher scores do not go with more consistent summaries here: there is nothing to calibrate")
    return Logistic(float(slope / spread), float(intercept - slope * centre / spread))


def _isotonic(x: Floats, y: Floats) -> Isotonic:
    import numpy as np
    from scipy.optimize import isotonic_regression

    # A few labels of one kind prove no certainty: a row of the other kind at either end keeps off 0 and 1.
    x, y = np.append(x, [x.min(), x.max()]), np.append(y, [1.0, 0.0])
    knots, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    means = np.bincount(inverse, weights=y) / counts
    curve = isotonic_regression(means, weights=counts).x
    if curve[-1] <= curve[0]:
        raise InputError("higher scores do not go with more consistent summaries here: there is nothing to calibrate")
    flat = np.flatnonzero((curve[1:-1] == curve[:-2]) & (curve[1:-1] == curve[2:])) + 1
    keep = np.setdiff1d(np.arange(len(knots)), flat)  # knots inside a level stretch say nothing
    return Isotonic(tuple(knots[keep].tolist()), tuple(curve[keep].tolist()))


def _folds(groups: Sequence[Hashable], folds: int, seed: int) -> NDArray[np.int64]:
    import numpy as np

    distinct = list(dict.fromkeys(groups))
    random.Random(seed).shuffle(distinct)
    if folds < 2 or len(distinct) < folds:
        raise InputError(f"{len(distinct)} documents cannot be divided into {folds} folds", field="folds")
    fold_of = {group: place % folds for place, group in enumerate(distinct)}
    return np.array([fold_of[group] for group in groups])


def _reliability(predicted: Floats, observed: Floats) -> tuple[dict[str, float], ...]:
    import numpy as np

    tenth = np.minimum((predicted * 10).astype(int), 9)
    return tuple(
        {
            "predicted": round(float(predicted[tenth == bin].mean()), 4),
            "observed": round(float(observed[tenth == bin].mean()), 4),
            "rows": int((tenth == bin).sum()),
        }
        for bin in sorted(set(tenth.tolist()))
    )
