"""Which texts are good examples and which samples are bad ones (Nan et al. 2021, arXiv 2105.04623).

    S- = each document's lowest sample, of the documents in the lowest share of those scores
    S+ = each document's reference (or its best sample), of those in the highest share of their scores

Paired, as in the authors' release, only documents in both sets are kept, so each gives one example of either
kind. Since a document's difficulty moves its sample and its reference the same way, that is less than the
product of the two shares.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Pairing = Literal["paired", "unpaired"]


@dataclass(frozen=True)
class Selection:
    """Numbers of documents, and for each negative which sample it is.

    Attributes:
        positives: documents whose reference, or best sample, is a positive, in order.
        negatives: document -> its lowest sample, in the order of documents.
        positive_from: the lowest score among those in the highest share; None if there are none.
        negative_to: the highest score among the samples in the lowest share; None if there are none.
        eligible_positives, eligible_negatives: how many documents the shares were taken of.
    """

    positives: tuple[int, ...]
    negatives: Mapping[int, int]
    positive_from: float | None
    negative_to: float | None
    eligible_positives: int
    eligible_negatives: int


def select(
    samples: Sequence[Mapping[int, float]],
    better: Sequence[float | None],
    *,
    negatives: float = 0.3,
    positives: float = 0.3,
    pairing: Pairing = "paired",
    seed: int = 0,
) -> Selection:
    """Choose by score; what has none takes no part, and shares are of those that have one.

    Args:
        samples: for each document, number of a sample -> its score.
        better: for each document, the score of its reference, or best sample.
        negatives: share of the documents kept in S-, 0 to 1.
        positives: share of these kept in S+, 0 to 1.
        pairing: ``paired`` or ``unpaired``.
        seed: of the draw among equal scores at the edge of a share.
    """
    lowest = {place: min(scores, key=scores.__getitem__) for place, scores in enumerate(samples) if scores}
    low = {place: samples[place][sample] for place, sample in lowest.items()}
    high = {place: score for place, score in enumerate(better) if score is not None}
    bad = _edge(low, negatives, highest=False, seed=seed)
    good = _edge(high, positives, highest=True, seed=seed)
    both = set(bad) & set(good)
    return Selection(
        tuple(sorted(both if pairing == "paired" else good)),
        {place: lowest[place] for place in sorted(both if pairing == "paired" else bad)},
        min((high[place] for place in good), default=None),
        max((low[place] for place in bad), default=None),
        len(high),
        len(low),
    )


def _edge(scores: Mapping[int, float], share: float, *, highest: bool, seed: int) -> list[int]:
    """The share of the keys with the highest (lowest) values; among equal ones at its edge the seed decides."""
    order = list(scores)
    random.Random(f"{seed} {highest}").shuffle(order)  # sorting keeps the order of equals; either set has its own draw
    order.sort(key=scores.__getitem__, reverse=highest)
    return order[: round(share * len(order))]
