"""Attention over texts and the trees of continuations behind them, without padding and without masks as wide.

All nodes read in one step stand one after another in a single row, and so do the texts of a decoder-only model:
the linear layers compute nothing but real tokens, many at a time. Only here they part:

* a text's token looks at the text before it;
* a node looks at its whole text, and at its own ancestors, which are gathered from the store of nodes::

      text text text            a - b - c      the row of this step:   c      d
                                  `- d         c looks at:   text, a, b, c      d looks at:   text, a, d

`transformers` calls `attend` for each layer of a model whose attention implementation is `NAME`, and passes it the
`Memory` that the model was called with. Calls without one, as in training, go to PyTorch's own attention.

Memory              finds the ancestors of nodes
├── TextMemory      ... and the texts before them, read by the same layers (`quals.lm.decoder`)
└── CrossMemory     ... and the encoder's states of their texts (`quals.lm.seq2seq`)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch.nn.functional import pad
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

from quals.errors import ModelError

NAME = "quals-tree"


def attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    memory: Memory | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """The attention of one layer, as `transformers` asks for it; (1, tokens, heads, size) with a ``memory``.

    Raises:
        ModelError: the layer does something else than softmax attention to all that a token may look at.
    """
    if memory is None:
        output: tuple[torch.Tensor, torch.Tensor | None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, **kwargs
        )
        return output
    _refuse_variants(memory, kwargs)
    query = query[0] * (kwargs.get("scaling") or query.shape[-1] ** -0.5)
    return memory.look(module, query, key, value, kwargs.get("position_bias"))[None], None


def _refuse_variants(memory: Memory, asked: dict[str, Any]) -> None:
    for variant in ("softcap", "s_aux"):  # scores that are squashed, attention that goes nowhere
        if asked.get(variant) is not None:
            raise ModelError(f"attention with '{variant}' is not known here")
    window = asked.get("sliding_window")
    if window and memory.reach > window:
        raise ModelError(f"the model looks only {window} tokens back, too few for a sequence of {memory.reach}")


AttentionInterface.register(NAME, attend)
AttentionMaskInterface.register(NAME, sdpa_mask)


class Padded:
    """Where the tokens of a flat row go if every text has a row of its own, and back."""

    def __init__(self, counts: list[int], device: torch.device) -> None:
        self.rows, self.width = len(counts), max(counts)
        columns = torch.arange(self.width)
        real = columns < torch.tensor(counts)[:, None]
        self.full = bool(real.all())
        self.real = real.to(device)
        # Flat index of each padded place (0 where there is nothing), and padded place of each flat index.
        starts = torch.tensor([0, *counts[:-1]]).cumsum(0)[:, None]
        self._to = torch.where(real, starts + columns, 0).flatten().to(device)
        self._back = real.flatten().nonzero().squeeze(1).to(device)

    def spread(self, flat: torch.Tensor) -> torch.Tensor:
        """(heads, tokens, ...) to (heads, rows, width, ...)."""
        padded = flat if self.full else flat.index_select(1, self._to)
        return padded.reshape(len(flat), self.rows, self.width, *flat.shape[2:])

    def collect(self, padded: torch.Tensor) -> torch.Tensor:
        """The inverse of `spread`."""
        flat = padded.flatten(1, 2)
        return flat if self.full else flat.index_select(1, self._back)


class Reading:
    """The nodes of one step.

    Args:
        counts: nodes of each text.
        paths: (nodes, depth) places in the store of each node's ancestors and, last, of itself.
        real: (nodes, depth) False where a shorter path is filled up; None if all are of one length.
    """

    def __init__(self, counts: list[int], paths: torch.Tensor, real: torch.Tensor | None) -> None:
        self.padded = Padded(counts, paths.device)
        self.paths, self.real = paths, real


class Memory(ABC):
    """What nodes may look at: the texts of a batch and, layer by layer, keys and values of every node behind them.

    Attributes:
        reading: the nodes that the model is reading; None while it reads the texts.
        reach: the most tokens that one of those that are being read looks at in its own row.
        nodes_read: places of the store in use.
    """

    def __init__(self, lengths: list[int], device: torch.device) -> None:
        self.reading: Reading | None = None
        self.reach, self.nodes_read = max(lengths), 0
        self._padded = Padded(lengths, device)
        self._of_nodes: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    @property
    def mask(self) -> torch.Tensor:
        """(texts, length), False where a shorter text is filled up."""
        return self._padded.real

    @abstractmethod
    def look(
        self, module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """What the tokens of the row see in one layer, (tokens, heads, size).

        Args:
            module: the layer's attention.
            query: (heads, tokens, size), scaled.
            key: as the layer made it or, if the model was called with a cache, as the cache returned it.
            value: likewise.
            bias: what the model adds to the scores for the distance of two tokens, if it does.
        """

    def paths(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Store the nodes' keys and values, (heads, nodes, size); returns those of each path, (.., depth, size)."""
        assert self.reading is not None
        paths, store = self.reading.paths, self._keep(layer, key, value)
        keys, values = (
            part.index_select(1, paths.flatten()).reshape(len(part), *paths.shape, part.shape[2]) for part in store
        )
        return keys, values

    def _keep(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        start, end = self.nodes_read - key.shape[1], self.nodes_read
        keys, values = self._of_nodes.get(layer, (key[:, :0], value[:, :0]))
        if missing := max(0, end - keys.shape[1]):
            more = (0, 0, 0, max(missing, keys.shape[1]))  # at least twice as much, so that it is rarely copied
            keys, values = self._of_nodes[layer] = pad(keys, more), pad(values, more)
        keys[:, start:end], values[:, start:end] = key, value
        return keys, values


def share_keys(query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
    """(heads, nodes, size) to (key heads, nodes, share, size): the heads that look at the same keys side by side."""
    return query.reshape(len(key), -1, *query.shape[1:]).transpose(1, 2)
