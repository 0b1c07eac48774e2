"""Attention over texts and the trees of continuations behind them, without padding and without masks as wide.

All texts of a batch, and all nodes read in one step, stand one after another in a single row, so that the
linear layers compute nothing but real tokens, many at a time. Only here they part:

* a text's token looks at the text before it;
* a node looks at its whole text, and at its own ancestors, which are gathered from the store of nodes::

      text text text            a - b - c      the row of this step:   c      d
                                  `- d         c looks at:   text, a, b, c      d looks at:   text, a, d

`transformers` calls `attend` for each layer of a model whose attention implementation is `NAME`, and passes it the
`Memory` that the model was called with. Calls without one, as in training, go to PyTorch's own attention.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn.functional import pad, scaled_dot_product_attention
from transformers import AttentionInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import AttentionMaskInterface, sdpa_mask

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
    """The attention of one layer, as `transformers` asks for it; (1, tokens, heads, size) with a ``memory``."""
    if memory is None:
        output: tuple[torch.Tensor, torch.Tensor | None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, **kwargs
        )
        return output
    scale = kwargs.get("scaling") or query.shape[-1] ** -0.5
    look = memory.texts if memory.reading is None else memory.nodes
    return look(module.layer_idx, query[0], key[0], value[0], scale)[None], None


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


class Memory:
    """Keys and values, layer by layer, of the texts of a batch and of every node read behind them.

    Attributes:
        reading: the nodes that the model is reading; None while it reads the texts.
        nodes_read: places of the store in use.
    """

    def __init__(self, lengths: list[int], device: torch.device) -> None:
        self.reading: Reading | None = None
        self.nodes_read = 0
        self._padded = Padded(lengths, device)
        self._of_texts: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}
        self._of_nodes: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def texts(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Texts look at themselves; their keys and values are kept. (heads, tokens, size) to (tokens, heads, size)."""
        keys, values = (self._padded.spread(part).transpose(0, 1).contiguous() for part in (key, value))
        self._of_texts[layer] = keys, values
        share = query.shape[0] // key.shape[0]
        # The padding stands behind the text, where a causal look does not reach it.
        seen = scaled_dot_product_attention(
            self._padded.spread(query).transpose(0, 1),
            keys.repeat_interleave(share, 1),
            values.repeat_interleave(share, 1),
            is_causal=True,
            scale=scale,
        )
        return self._padded.collect(seen.transpose(0, 1)).transpose(0, 1)

    def nodes(
        self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, scale: float
    ) -> torch.Tensor:
        """Nodes look at their text and their path. (heads, nodes, size) to (nodes, heads, size)."""
        assert self.reading is not None
        heads, count, size = key.shape
        query = (query * scale).reshape(heads, -1, count, size).transpose(1, 2)  # (key heads, nodes, share, size)
        paths, padded = self.reading.paths, self.reading.padded
        text_keys, text_values = self._of_texts[layer]
        path_keys, path_values = (
            part.index_select(1, paths.flatten()).reshape(heads, *paths.shape, size)
            for part in self._keep(layer, key, value)
        )
        on_path = query @ path_keys.transpose(-1, -2)
        if self.reading.real is not None:
            on_path = on_path.masked_fill(~self.reading.real[:, None], -torch.inf)
        on_text = self._spread(padded, query) @ text_keys.transpose(-1, -2)
        if not self._padded.full:
            on_text = on_text.masked_fill(~self._padded.real[:, None, None], -torch.inf)
        on_text = self._collect(padded, on_text)
        weights = torch.cat([on_text, on_path], -1).softmax(-1, dtype=torch.float32).to(value.dtype)
        on_text, on_path = weights[..., : text_keys.shape[2]], weights[..., text_keys.shape[2] :]
        seen = on_path @ path_values + self._collect(padded, self._spread(padded, on_text) @ text_values)
        return seen.permute(1, 0, 2, 3).reshape(count, -1, size)

    def _keep(self, layer: int, key: torch.Tensor, value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Add keys and values of the nodes to the store; returns the store."""
        start, end = self.nodes_read - key.shape[1], self.nodes_read
        store = self._of_nodes.get(layer, (key[:, :0], value[:, :0]))
        if end > store[0].shape[1]:
            store = tuple(pad(part, (0, 0, 0, 2 * end - part.shape[1])) for part in store)  # type: ignore[assignment]
            self._of_nodes[layer] = store
        for part, new in zip(store, (key, value), strict=True):
            part[:, start:end] = new
        return store

    @staticmethod
    def _spread(padded: Padded, flat: torch.Tensor) -> torch.Tensor:
        """(key heads, nodes, share, n) to (texts, key heads, width * share, n)."""
        return padded.spread(flat).transpose(0, 1).flatten(2, 3)

    @staticmethod
    def _collect(padded: Padded, rows: torch.Tensor) -> torch.Tensor:
        """The inverse of `_spread`."""
        texts, heads, _, n = rows.shape
        return padded.collect(rows.reshape(texts, heads, padded.width, -1, n).transpose(0, 1))
