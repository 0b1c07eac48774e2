"""Scores with labels, as arrays and as rows of `quals score`."""

import json

import numpy as np

SIGNATURE = "metric:quals|model:m|beams:60|version:0.1.0"


def labelled(rows=2000, slope=2.0, intercept=1.5, seed=0):
    """Scores whose true probability of consistency is logistic, and labels drawn with it."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(-0.8, 0.7, rows)
    labels = rng.random(rows) < 1 / (1 + np.exp(-(slope * scores + intercept)))
    return scores.tolist(), labels.astype(float).tolist()


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" if isinstance(row, dict) else row + "\n" for row in rows))
    return str(path)


def scored(count=200, document="document", **more):
    """Labelled rows as ``quals score`` writes them, two for each document."""
    return [
        {"score": s, "label": bool(y), "status": "ok", "signature": SIGNATURE, document: f"d{i // 2}", **more}
        for i, (s, y) in enumerate(zip(*labelled(count), strict=True))
    ]
