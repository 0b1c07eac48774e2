"""The one interface between language models and everything else.

A text is a list of token ids, framed as the model was trained to read it. A target is a list of token ids
the model might write after it. There are two things to ask:

* `LanguageModel.log_probs`: how likely is each token of many given targets?
* `LanguageModel.begin`: a `Session` that grows a tree of continuations step by step, for searches.

A subclass for each kind of architecture says how texts are read; see `quals.lm.architectures`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from functools import partial
from itertools import chain
from typing import Any

import torch

from quals.errors import ModelError
from quals.lm.attention import NAME
from quals.lm.load import Pretrained
from quals.lm.session import Session, chosen
from quals.lm.tree import Ids

# What a model is tried on; any tokens would do.
_TEXTS, _TARGETS = [[5, 6, 7], [8, 9]], [[[6, 7, 8], [6, 9, 5]], [[7, 8, 5]]]


class LanguageModel(ABC):
    """A pretrained model in evaluation mode.

    Attributes:
        name: what it was loaded as.
        tokenizer: its tokenizer.
        limit: the most tokens a text and a target may have together.
        evaluated: tokens read so far, padding not counted.
        root: tokens that stand before every continuation, as a decoder's start token does.

    Raises:
        ModelError: its architecture cannot be used.
    """

    root: Ids = ()

    def __init__(self, pretrained: Pretrained) -> None:
        self.name, self.model, self.tokenizer = pretrained.name, pretrained.model, pretrained.tokenizer
        self.limit, self.evaluated = _limit(pretrained.model.config), 0
        try:
            self._check()
        except Exception as error:
            raise ModelError(f"the architecture of '{pretrained.name}' cannot be used: {error}") from error

    @abstractmethod
    def open(self, texts: Sequence[Ids]) -> Session:
        """A session that has read the texts, but nothing behind them."""

    @abstractmethod
    def plain(self, text: Ids, target: Ids) -> torch.Tensor:
        """Logits that predict each token of one target, (tokens; vocabulary), by `transformers` alone."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.model.device
        return device

    def to(self, device: str, dtype: torch.dtype) -> None:
        """Bring the weights to a device, in this type.

        Half-precision weights keep logits in single precision: rounded, hundreds of tokens would be as good as each
        other.

        Raises:
            ModelError: there it does not go, for instance for want of memory.
        """
        try:
            cast(self.model, dtype, device, exact=_exact(self.model, dtype))
        except RuntimeError as error:
            raise ModelError(f"'{self.name}' cannot be brought to {device}: {error}") from error
        head = self.model.get_output_embeddings()
        if dtype.itemsize == 2 and isinstance(head, torch.nn.Linear):
            head.forward = partial(_logits, head.weight, head.bias)  # type: ignore[method-assign]

    def begin(self, texts: Sequence[Ids], prompts: Sequence[Sequence[Ids]] | None = None) -> Session:
        """Encode the texts and start a search from each, or from prompts behind it.

        ``prompts[i]`` are those of ``texts[i]``, one of them perhaps empty, and for a search all different; they are
        read in a single pass, and what they share is read once. If not given, each text has one, which is empty.
        """
        session = self.open(texts)
        session.follow([[[*self.root, *prompt] for prompt in group] for group in prompts or [[[]]] * len(texts)])
        return session

    def log_probs(self, texts: Sequence[Ids], targets: Sequence[Sequence[Ids]]) -> list[list[list[float]]]:
        """Natural log-probability of every token of every target after its text.

        ``targets[i]`` are the targets of ``texts[i]``; the result has the same shape. Each text is encoded
        once, however many targets it has; those of all texts go through as prefix trees, in a single pass.
        """
        rooted = [[[*self.root, *target] for target in group] for group in targets]
        values, first = iter(self.open(texts).read(rooted).tolist()), len(self.root)
        return [[next(values)[first : first + len(target)] for target in group] for group in targets]

    def tensor(self, values: Any) -> torch.Tensor:
        """A tensor on the model's device."""
        return torch.as_tensor(values, device=self.device)

    def _check(self) -> None:
        """Refuse a model that says something else in a flat row, for instance because it counts positions itself."""
        expected = torch.cat(
            [
                chosen(self.plain(text, target), torch.tensor(target)).cpu()
                for text, group in zip(_TEXTS, _TARGETS, strict=True)
                for target in group
            ]
        )
        self.model.set_attn_implementation(NAME)
        if self.model.config._attn_implementation != NAME:
            raise ModelError("its attention cannot be exchanged")
        found = torch.tensor([values for group in self.log_probs(_TEXTS, _TARGETS) for values in group]).flatten()
        off = float((found - expected).abs().max())
        if not off <= 0.01:
            raise ModelError(f"its log-probabilities are off by {off:.2g}")
        self.evaluated = 0


def cast(model: Any, dtype: torch.dtype, device: str | None = None, *, exact: Collection[str] = ()) -> None:
    """Bring the weights to a type, and perhaps to a device; not to the type those with a part of ``exact`` in the name.

    What is computed and not learnt stays as exact as it is: rounded frequencies of rotary positions would be wrong by
    half a turn after some hundred tokens.
    """
    learnt = model.state_dict().keys()
    kept = {
        name: values.data
        for name, values in chain(model.named_parameters(), model.named_buffers())
        if name not in learnt or any(f".{part}." in f".{name}." for part in exact)
    }
    model.to(device=device, dtype=dtype)
    for name, values in chain(model.named_parameters(), model.named_buffers()):
        if name in kept:
            values.data = kept[name].to(device)


def _exact(model: Any, dtype: torch.dtype) -> set[str]:
    """What `transformers`, too, would not load in this type: T5's sums, for instance, are too large for float16."""
    always, others = (getattr(model, f"_keep_in_fp32_modules{kind}", None) or () for kind in ("_strict", ""))
    return {*(always if dtype.itemsize == 2 else ()), *(others if dtype == torch.float16 else ())}


def _limit(config: Any) -> int:
    """Positions of the model, or its sliding window if that is smaller: longer texts are not supported.

    Nor are those for which LongRoPE takes other frequencies: then it does so for all that is read with them.
    """
    config = config.get_text_config()
    limits = [getattr(config, name, None) for name in ("max_position_embeddings", "sliding_window")]
    rope = getattr(config, "rope_parameters", None) or {}
    for each in (rope, *rope.values()):  # one for all layers, or one for each kind of layer
        if isinstance(each, dict) and each.get("rope_type") == "longrope":
            limits.append(each["original_max_position_embeddings"])
    return min((limit for limit in limits if limit), default=1024)


def _logits(weight: torch.Tensor, bias: torch.Tensor | None, hidden: torch.Tensor) -> torch.Tensor:
    """In single precision, of half-precision weights and states."""
    rows = hidden.flatten(0, -2)
    if weight.is_cuda:
        found = torch.mm(rows, weight.T, out_dtype=torch.float32)
    else:  # which has no such multiplication
        found = rows.float() @ weight.float().T
    if bias is not None:
        found += bias.float()
    return found.view(*hidden.shape[:-1], -1)
