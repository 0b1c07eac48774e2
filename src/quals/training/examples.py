"""Passages -> training examples -> packed rows.

All pairs of a context share one row, and so one encoding of the context (`Packer`)::

    row       <prefix> c c c c | <suffix> q q <sep> a | <suffix> q <sep> a a | ...
    position     0     1 2 3 4 |    5     6 7   8   9 |    5     6   7   8 9 | ...
    segment      0     0 0 0 0 |    1     1 1   1   1 |    2     2   2   2 2 | ...

A token sees the tokens before it in segment 0 and in its own segment, so each pair is computed exactly as
if it stood alone behind the context. The order of question and answer, and which of them have a loss, are
the task's (see `quals.lm.format`).
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from quals.lm.format import PairFormat, Task, text_ids
from quals.training.data import Passage

IGNORE = -100
_SENTENCE_START = re.compile(r"(?<=[.!?])\s+(?=[\"'“A-Z0-9])")


def plan_examples(
    passages: Sequence[Passage],
    *,
    count: int,
    max_pairs: int,
    crop: float,
    seed: int,
    window: tuple[int, int] = (12, 60),
) -> list[Passage]:
    """Choose ``count`` training examples: whole epochs over the passages, each epoch in a new order.

    An example keeps at most ``max_pairs`` random pairs. With probability ``crop`` its context is cut to a
    window of whole sentences around one answer, keeping the pairs answered inside. ``window`` is the range
    its number of words is drawn from, as short by default as the summaries that questions are written about.
    """
    chance = random.Random(seed)
    examples: list[Passage] = []
    while passages and len(examples) < count:
        for passage in chance.sample(passages, len(passages)):
            example = _crop(passage, chance, window) if chance.random() < crop else passage
            pairs = chance.sample(example.pairs, min(max_pairs, len(example.pairs)))
            examples.append(replace(example, pairs=tuple(pairs)))
    return examples[:count]


def _crop(passage: Passage, chance: random.Random, window: tuple[int, int]) -> Passage:
    anchors = [pair for pair in passage.pairs if pair.start >= 0]
    if not anchors:
        return passage
    starts = [0, *(match.end() for match in _SENTENCE_START.finditer(passage.context)), len(passage.context)]
    anchor = chance.choice(anchors)
    first = max(i for i, start in enumerate(starts) if start <= anchor.start)
    last = min(i for i, start in enumerate(starts) if start >= anchor.end)
    words = chance.randint(*window)
    while len(passage.context[starts[first] : starts[last]].split()) < words and (first or last + 1 < len(starts)):
        if first and (last + 1 == len(starts) or chance.random() < 0.5):
            first -= 1
        else:
            last += 1
    begin, end = starts[first], starts[last]
    kept = tuple(replace(pair, start=pair.start - begin) for pair in anchors if begin <= pair.start and pair.end <= end)
    return Passage(passage.context[begin:end].rstrip(), kept, passage.title)


@dataclass(frozen=True)
class Target:
    """What follows a context: tokens, of which the first ``given`` have no loss; perhaps an example to avoid."""

    tokens: Sequence[int]
    given: int = 0
    negative: bool = False

    @property
    def labels(self) -> list[int]:
        """The tokens, `IGNORE` for those that have no loss."""
        return [IGNORE] * self.given + list(self.tokens[self.given :])


class Packer:
    """Packs framed contexts with their targets into the inputs of one forward pass.

    Args:
        encoder_decoder: whether targets go to a decoder of their own.
        decoder_start: first decoder input of an encoder-decoder model.
    """

    def __init__(self, *, encoder_decoder: bool, decoder_start: int) -> None:
        self.encoder_decoder, self.decoder_start = encoder_decoder, decoder_start

    def __call__(self, encoded: Sequence[tuple[list[int], list[Target]]]) -> dict[str, Any]:
        """Model inputs with ``labels``: already shifted, `IGNORE` where there is nothing to predict.

        If some target is negative, ``negative`` is of the same shape, true where a label belongs to such a one.
        """
        inputs = self._seq2seq(encoded) if self.encoder_decoder else self._packed(encoded)
        if not any(target.negative for _, targets in encoded for target in targets):
            del inputs["negative"]
        return inputs

    def _packed(self, encoded: Sequence[tuple[list[int], list[Target]]]) -> dict[str, Any]:
        rows = [_pack(context, targets) for context, targets in encoded]
        # All contexts end in the same column, so that the vocabulary projection is computed for targets alone.
        body = max(len(context) for context, _ in encoded) - 1
        width = max(body - len(context) + 1 + len(row[0]) for (context, _), row in zip(encoded, rows, strict=True))
        tokens, positions, segments, labels, negative = (
            torch.stack(
                [
                    _padded(row[part], width, filler, before=body - len(context) + 1)
                    for (context, _), row in zip(encoded, rows, strict=True)
                ]
            )
            for part, filler in enumerate((0, 0, -1, IGNORE, 0))
        )
        wanted = (labels != IGNORE).any(0).nonzero().squeeze(1)
        return {
            "input_ids": tokens,
            "position_ids": positions,
            "attention_mask": segment_mask(segments),
            "logits_to_keep": wanted,
            "labels": labels[:, wanted],
            "negative": negative[:, wanted].bool(),
        }

    def _seq2seq(self, encoded: Sequence[tuple[list[int], list[Target]]]) -> dict[str, Any]:
        # One row per target; the model is given the context once per target.
        contexts = [context for context, targets in encoded for _ in targets]
        targets = [target for _, targets in encoded for target in targets]
        wide, long = max(map(len, contexts)), max(len(target.tokens) for target in targets)
        starts = [[self.decoder_start, *target.tokens[:-1]] for target in targets]
        return {
            "input_ids": torch.stack([_padded(ids, wide, 0) for ids in contexts]),
            "attention_mask": torch.stack([_padded([1] * len(ids), wide, 0) for ids in contexts]),
            "decoder_input_ids": torch.stack([_padded(ids, long, 0) for ids in starts]),
            "labels": torch.stack([_padded(target.labels, long, IGNORE) for target in targets]),
            "negative": torch.tensor([[target.negative] * long for target in targets]),
        }


def _pack(context: list[int], targets: Sequence[Target]) -> tuple[list[int], ...]:
    """Tokens, positions, segments, labels and negative, laid out as in the module's figure."""
    body, suffix = context[:-1], context[-1]
    tokens, positions = list(body), list(range(len(body)))
    segments, labels, negative = [0] * len(body), [IGNORE] * len(body), [0] * len(body)
    for number, target in enumerate(targets, start=1):
        tokens += [suffix, *target.tokens[:-1]]
        positions += range(len(body), len(body) + len(target.tokens))
        segments += [number] * len(target.tokens)
        labels += target.labels
        negative += [int(target.negative)] * len(target.tokens)
    return tokens, positions, segments, labels, negative


class Collator:
    """Passages -> the inputs of one forward pass.

    Args:
        tokenizer: the model's tokenizer.
        form: the frame.
        task: the order of a pair, and what is learnt of it.
        encoder_decoder: whether pairs go to a decoder of their own.
        decoder_start: first decoder input of an encoder-decoder model.
        max_context: tokens of context kept in training; longer ones lose their tail.
    """

    def __init__(
        self,
        tokenizer: Any,
        form: PairFormat,
        task: Task,
        *,
        encoder_decoder: bool,
        decoder_start: int,
        max_context: int = 512,
    ) -> None:
        self.tokenizer, self.form, self.task, self.max_context = tokenizer, form, task, max_context
        self.pack = Packer(encoder_decoder=encoder_decoder, decoder_start=decoder_start)

    def __call__(self, examples: Sequence[Passage]) -> dict[str, Any]:
        """See `Packer`."""
        return self.pack([self._encoded(example) for example in examples])

    def _encoded(self, example: Passage) -> tuple[list[int], list[Target]]:
        context = self.form.frame(text_ids(self.tokenizer, example.context)[: self.max_context])
        return context, [self._target(*self.task.halves(pair.question, pair.answer)) for pair in example.pairs]

    def _target(self, first: str, second: str) -> Target:
        tokens = self.form.target(text_ids(self.tokenizer, first), text_ids(self.tokenizer, second))
        return Target(tokens, tokens.index(self.form.separator) + 1 if self.task.given else 0)


def segment_mask(segments: torch.Tensor) -> torch.Tensor:
    """Boolean attention mask (batch, 1, length, length) of rows laid out as in the module's figure.

    ``segments`` is (batch, length): 0 for the context, 1, 2, ... for the pairs, -1 for padding. True where
    the token of the row may look at the token of the column.
    """
    length = segments.shape[1]
    query, key = segments[:, :, None], segments[:, None, :]
    causal = torch.ones(length, length, dtype=torch.bool).tril()
    visible = causal & (key >= 0) & ((key == 0) | (key == query))
    # A padding token looks at itself, since a softmax over nothing is not a number.
    return (visible | torch.eye(length, dtype=torch.bool))[:, None]


def _padded(values: Sequence[int], width: int, filler: int, before: int = 0) -> torch.Tensor:
    return torch.tensor([*[filler] * before, *values, *[filler] * (width - before - len(values))])
