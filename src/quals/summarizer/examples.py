"""Encoded examples -> the inputs of one training pass.

A decoder-only model reads `prefix document suffix summary end` in one row, an encoder-decoder model the document
in its encoder; only the summary and the end token have a loss, and only for them the vocabulary is scored.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quals.lm.load import Pretrained
from quals.summarizer.data import Encoded
from quals.training.packing import Blank, Packer, Target, unlearnt


@dataclass(frozen=True)
class Contrast:
    """A positive and a negative example, learnt from in the same step."""

    positive: Encoded
    negative: Encoded


class Collator:
    """Examples, plain or contrasted, -> model inputs (see `Packer`)."""

    def __init__(self, pretrained: Pretrained) -> None:
        self.pack = Packer(pretrained)

    def __call__(self, examples: Sequence[Encoded | Contrast | Blank]) -> dict[str, Any]:
        """Inputs of one forward pass."""
        return self.pack([row for example in examples for row in _rows(example)])


def _rows(example: Encoded | Contrast | Blank) -> list[tuple[list[int], list[Target]]]:
    if isinstance(example, Blank):
        return [(document, unlearnt(targets)) for document, targets in _rows(example.like)]
    if isinstance(example, Encoded):
        return [(example.document.tolist(), [Target(example.summary.tolist())])]
    good, bad = Target(example.positive.summary.tolist()), Target(example.negative.summary.tolist(), negative=True)
    documents = example.positive.document, example.negative.document
    if np.array_equal(*documents):  # read once for both
        return [(documents[0].tolist(), [good, bad])]
    return [(documents[0].tolist(), [good]), (documents[1].tolist(), [bad])]


def contrasted(positives: Sequence[Encoded], negatives: Sequence[Encoded], seed: int) -> list[Contrast]:
    """Pairs of a positive and a negative, as many as the longer list has.

    Those of the same document come together, wherever they stand. The others are put together at random, and
    where the shorter list is used up it is gone through again and again, each time in a new order.
    """
    pairs, good, bad = _matched(positives, negatives)
    count = max(len(good), len(bad))
    rest = zip(_filled(good, positives, count, seed), _filled(bad, negatives, count, seed + 1), strict=True)
    return pairs + [Contrast(*pair) for pair in rest]


def _matched(
    positives: Sequence[Encoded], negatives: Sequence[Encoded]
) -> tuple[list[Contrast], list[Encoded], list[Encoded]]:
    """The pairs of the same document, and what has no counterpart."""
    waiting: dict[bytes, deque[Encoded]] = defaultdict(deque)
    for negative in negatives:
        waiting[negative.document.tobytes()].append(negative)
    pairs, alone = [], []
    for positive in positives:
        if same := waiting[positive.document.tobytes()]:
            pairs.append(Contrast(positive, same.popleft()))
        else:
            alone.append(positive)
    return pairs, alone, [negative for left in waiting.values() for negative in left]


def _filled(alone: Sequence[Encoded], every: Sequence[Encoded], count: int, seed: int) -> list[Encoded]:
    """So many: first those that are alone, then all of the list over and over."""
    chance = np.random.default_rng(seed)
    found = [alone[i] for i in chance.permutation(len(alone))]
    while len(found) < count:
        found += [every[i] for i in chance.permutation(len(every))]
    return found[:count]
