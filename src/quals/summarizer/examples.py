"""Encoded examples -> the inputs of one training pass.

A decoder-only model reads `prefix document suffix summary end` in one row, an encoder-decoder model the document
in its encoder; only the summary and the end token have a loss, and only for them the vocabulary is scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from quals.lm.load import Pretrained
from quals.summarizer.data import Encoded
from quals.training.examples import Packer, Target


@dataclass(frozen=True)
class Contrast:
    """A positive and a negative example, learnt from in the same step."""

    positive: Encoded
    negative: Encoded


class Collator:
    """Examples, plain or contrasted, -> model inputs (see `Packer`)."""

    def __init__(self, pretrained: Pretrained) -> None:
        start = getattr(pretrained.model.config, "decoder_start_token_id", None) or 0
        self.pack = Packer(encoder_decoder=pretrained.encoder_decoder, decoder_start=start)

    def __call__(self, examples: Sequence[Encoded | Contrast]) -> dict[str, Any]:
        """Inputs of one forward pass."""
        return self.pack([row for example in examples for row in _rows(example)])


def _rows(example: Encoded | Contrast) -> list[tuple[list[int], list[Target]]]:
    if isinstance(example, Encoded):
        return [(example.document.tolist(), [Target(example.summary.tolist())])]
    good, bad = Target(example.positive.summary.tolist()), Target(example.negative.summary.tolist(), negative=True)
    documents = example.positive.document, example.negative.document
    if np.array_equal(*documents):  # read once for both
        return [(documents[0].tolist(), [good, bad])]
    return [(documents[0].tolist(), [good]), (documents[1].tolist(), [bad])]


def contrasted(positives: Sequence[Encoded], negatives: Sequence[Encoded], seed: int) -> list[Contrast]:
    """Pairs of a positive and a negative, as many as the longer list has.

    Lists of one length are paired in their order, so that the two of a document stay together. Otherwise the
    shorter list is gone through again and again, each time in a new random order, until the longer is used up.
    """
    if len(positives) == len(negatives):
        return [Contrast(*pair) for pair in zip(positives, negatives, strict=True)]
    count = max(len(positives), len(negatives))
    pairs = zip(_filled(positives, count, seed), _filled(negatives, count, seed + 1), strict=True)
    return [Contrast(*pair) for pair in pairs]


def _filled(examples: Sequence[Encoded], count: int, seed: int) -> list[Encoded]:
    chance = np.random.default_rng(seed)
    order: list[int] = []
    while len(order) < count:
        order += chance.permutation(len(examples)).tolist()
    return [examples[i] for i in order[:count]]
