"""Attention over texts and the trees behind them, without padding tokens and without a full attention mask.

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
from collections.abc import Sequence
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
    """The attention of one layer, as `transformers` asks for it.

    With a ``memory`` it takes (1, heads, tokens, size) and gives (1, tokens, heads, size).

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


class Rows:
    """Where the tokens of a flat row go when they are put into rows of their own, and back.

    Args:
        places: (rows, width) which token stands there; a token may stand at several places, or at none for filling.
        back: for each token one of its places, counted row by row; None if the flat row need only be cut up.
    """

    def __init__(self, places: torch.Tensor, back: torch.Tensor | None) -> None:
        self.count, self.width = places.shape
        self._places = None if back is None else places.flatten()
        self._back = back

    def spread(self, flat: torch.Tensor) -> torch.Tensor:
        """(heads, tokens, ...) to (heads, rows, width, ...)."""
        padded = flat if self._places is None else flat.index_select(1, self._places)
        return padded.reshape(len(flat), self.count, self.width, *flat.shape[2:])

    def collect(self, padded: torch.Tensor) -> torch.Tensor:
        """The inverse of `spread`."""
        flat = padded.flatten(1, 2)
        return flat if self._back is None else flat.index_select(1, self._back)

    def meet(self, own: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Each token's ``own``, (heads, tokens, share, a), times its row's, (heads, rows, a, b).

        Returns:
            (heads, tokens, share, b).
        """
        products = self.spread(own).flatten(2, 3) @ others
        return self.collect(products.reshape(*products.shape[:2], self.width, -1, products.shape[-1]))


def by_text(counts: Sequence[int], device: torch.device) -> tuple[Rows, torch.Tensor | None, torch.Tensor]:
    """Rows for tokens of several texts, a row for each; where they are real, None if everywhere; each token's text.

    Made on the device, which nobody has to wait for: only the counts are known before.
    """
    width, total = max(counts), sum(counts)
    lengths, columns = torch.tensor(counts, device=device), torch.arange(width, device=device)
    ends, tokens = lengths.cumsum(0), torch.arange(total, device=device)
    starts, owners = ends - lengths, torch.searchsorted(ends, tokens, right=True)
    if width * len(counts) == total:
        return Rows(starts[:, None] + columns, None), None, owners
    real = columns < lengths[:, None]
    places = torch.where(real, starts[:, None] + columns, 0)
    return Rows(places, owners * width + tokens - starts[owners]), real, owners


class Nodes:
    """The nodes of one step, on their paths.

    A path is a row of places in the store of nodes. In a search every node has a path of its own, which it ends.
    In a tree that is read at once, a path goes to each of the leaves, and the nodes stand along it.

    Args:
        counts: nodes of each text; ``owners`` will hold the text of each node.
        paths: (rows, depth) places of nodes, the first of the path in the first column.
        rows: the paths as rows of the nodes that are read.
        columns: (nodes) each node's column in its row; None if all end their own paths.
        single: whether it is one path for each text, with all of its nodes in the row.
    """

    def __init__(
        self,
        counts: Sequence[int],
        paths: torch.Tensor,
        rows: Rows,
        columns: torch.Tensor | None,
        *,
        single: bool = False,
    ) -> None:
        self.texts, _, self.owners = by_text(counts, paths.device)
        self.paths, self.rows, self.single = paths, rows, single
        depth = paths.shape[1]
        # Column of the path that has the given distance from the end of it as each column has from the node.
        self._shifted: torch.Tensor | None = None
        if columns is not None:
            self._shifted = torch.arange(depth, device=paths.device) + (depth - 1 - columns)[:, None]

    def hide(self, scores: torch.Tensor) -> torch.Tensor:
        """Leave (.., nodes, share, depth) scores only where the node or an ancestor of it stands."""
        if self._shifted is None:
            return scores
        return scores.masked_fill((self._shifted >= scores.shape[-1])[:, None], -torch.inf)

    def shift(self, bias: torch.Tensor) -> torch.Tensor:
        """From a bias of the last place of a path, (heads, depth), to that of each node, (heads, 1 or nodes, depth)."""
        if self._shifted is None:
            return bias[:, None]
        return bias[:, self._shifted.clamp(max=bias.shape[1] - 1)]


class Memory(ABC):
    """What nodes may look at: the texts of a batch and, layer by layer, keys and values of every node behind them.

    Attributes:
        reading: the nodes that the model is reading; None while it reads the texts.
        reach: the most tokens that one of those that are being read looks at in its own row.
        nodes_read: places of the store in use.
    """

    def __init__(self, lengths: list[int], device: torch.device) -> None:
        self.reading: Nodes | None = None
        self.reach, self.nodes_read = max(lengths), 0
        self._texts, self._real, _ = by_text(lengths, device)
        self._of_nodes: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

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
        """Store the nodes' keys and values, (heads, nodes, size); returns (heads, rows, depth, size) of the paths."""
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
