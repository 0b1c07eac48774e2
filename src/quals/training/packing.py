"""Training examples -> packed rows.

All pairs of a context share one row, and so one encoding of the context (`Packer`)::

    row       <prefix> c c c c | <suffix> q q <sep> a | <suffix> q <sep> a a | ...
    position     0     1 2 3 4 |    5     6 7   8   9 |    5     6   7   8 9 | ...
    segment      0     0 0 0 0 |    1     1 1   1   1 |    2     2   2   2 2 | ...

A token sees the tokens before it in segment 0 and in its own segment, so each pair is computed exactly as
if it stood alone behind the context. The order of question and answer, and which of them have a loss, are
the task's (see `quals.lm.format`).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from quals.lm.chunks import chunks
from quals.lm.format import PairFormat, Task, text_ids
from quals.lm.framed import PairModel
from quals.lm.load import Pretrained
from quals.training.data import Passage

log = logging.getLogger(__name__)

IGNORE = -100


def within_room(examples: Sequence[Passage], model: PairModel, most: int) -> list[Passage]:
    """The examples with contexts of at most ``most`` tokens, without the pairs that rest on what is cut off.

    How many are cut is told. An example that has no pair left is left out.

    Raises:
        InputError: such contexts and what is learnt behind them do not fit into the model.
    """
    # Of a context that is no longer in bytes there cannot be more tokens.
    long = [place for place, example in enumerate(examples) if len(example.context.encode()) > most]
    parts = chunks(model, [examples[place].context for place in long], most, 0)
    fitting, lost = list(examples), 0
    cut = {place: first for place, (first, *more) in zip(long, parts, strict=True) if more}
    for place, first in cut.items():
        example, end = examples[place], first.span.end
        pairs = tuple(pair for pair in example.pairs if pair.start < 0 or pair.end <= end)
        fitting[place] = replace(example, context=example.context[:end], pairs=pairs)
        lost += len(example.pairs) - len(pairs)
    if cut:
        log.warning(
            "%d of %d contexts are cut to %d tokens; %d pairs that rest on the rest are left out",
            len(cut),
            len(examples),
            most,
            lost,
        )
    kept = [example for example in fitting if example.pairs]
    if kept:
        longest = max((example.context for example in kept), key=len)
        pair = max(
            (pair for example in kept for pair in example.pairs), key=lambda one: len(one.question) + len(one.answer)
        )
        model.check_room(
            len(text_ids(model.lm.tokenizer, longest)), len(model.target(pair.question, pair.answer)), "max_context"
        )
    return kept


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


@dataclass(frozen=True)
class Blank:
    """Where processes would have unequally many examples: it is read like this one, and nothing is learnt from it."""

    like: Any


def unlearnt(targets: Sequence[Target]) -> list[Target]:
    """The targets without a loss."""
    return [replace(target, given=len(target.tokens)) for target in targets]


class Packer:
    """Packs framed contexts with their targets into the inputs of one forward pass.

    Of a decoder-only model these have ``segments`` in place of the attention mask, which is much larger and quickly
    made of them on the device (`with_mask`).

    Args:
        pretrained: the model; it may have a decoder of its own for the targets.
    """

    def __init__(self, pretrained: Pretrained) -> None:
        self.encoder_decoder, self.decoder_start = pretrained.encoder_decoder, pretrained.decoder_start

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
            "segments": segments,
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
        pretrained: the model.
        form: the frame.
        task: the order of a pair, and what is learnt of it.
    """

    def __init__(self, pretrained: Pretrained, form: PairFormat, task: Task) -> None:
        self.tokenizer, self.form, self.task = pretrained.tokenizer, form, task
        self.pack = Packer(pretrained)

    def __call__(self, examples: Sequence[Passage | Blank]) -> dict[str, Any]:
        """See `Packer`."""
        return self.pack([self._encoded(example) for example in examples])

    def _encoded(self, example: Passage | Blank) -> tuple[list[int], list[Target]]:
        if isinstance(example, Blank):
            context, targets = self._encoded(example.like)
            return context, unlearnt(targets)
        context = self.form.frame(text_ids(self.tokenizer, example.context))
        return context, [self._target(*self.task.halves(pair.question, pair.answer)) for pair in example.pairs]

    def _target(self, first: str, second: str) -> Target:
        tokens = self.form.target(text_ids(self.tokenizer, first), text_ids(self.tokenizer, second))
        return Target(tokens, tokens.index(self.form.separator) + 1 if self.task.given else 0)


def with_mask(inputs: dict[str, Any]) -> dict[str, Any]:
    """What `Packer` made, with the attention mask that the model takes."""
    rest = {name: value for name, value in inputs.items() if name != "segments"}
    return rest | ({"attention_mask": segment_mask(inputs["segments"])} if "segments" in inputs else {})


def segment_mask(segments: torch.Tensor) -> torch.Tensor:
    """Boolean attention mask (batch, 1, length, length) of rows laid out as in the module's figure.

    ``segments`` is (batch, length): 0 for the context, 1, 2, ... for the pairs, -1 for padding. True where
    the token of the row may look at the token of the column.
    """
    places = torch.arange(segments.shape[1], device=segments.device)
    query, key = segments[:, :, None], segments[:, None, :]
    causal = places[:, None] >= places
    visible = causal & (key >= 0) & ((key == 0) | (key == query))
    # A padding token looks at itself, since a softmax over nothing is not a number.
    return (visible | (places[:, None] == places))[:, None]


def _padded(values: Sequence[int], width: int, filler: int, before: int = 0) -> torch.Tensor:
    return torch.tensor([*[filler] * before, *values, *[filler] * (width - before - len(values))])
