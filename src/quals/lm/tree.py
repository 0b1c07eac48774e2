"""Many token sequences as one prefix tree, so that a shared beginning is computed once.

targets      a b c        tree   a - b - c
             a b d                    `- d
             e            node   0   1   2
                                         3
                          4 = e
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import numpy.typing as npt

ROOT = -1
Ints = npt.NDArray[np.int64]


@dataclass
class PrefixTree:
    """Nodes in the order they were added: node ``i`` holds ``tokens[i]`` and follows ``parents[i] < i``.

    ``parents[i]`` is `ROOT` for the first token of a sequence; ``depths[i]`` is 0 there and one more with each
    step.
    """

    tokens: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)
    _children: dict[tuple[int, int], int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.tokens)

    def add(self, parent: int, token: int) -> int:
        """The node for ``token`` after ``parent``; made if it does not exist yet."""
        node = self._children.setdefault((parent, token), len(self.tokens))
        if node == len(self.tokens):
            self.tokens.append(token)
            self.parents.append(parent)
            self.depths.append(0 if parent == ROOT else self.depths[parent] + 1)
        return node

    def add_path(self, target: Sequence[int]) -> list[int]:
        """The nodes of a whole sequence."""
        path, node = [], ROOT
        for token in target:
            node = self.add(node, token)
            path.append(node)
        return path

    def path_to(self, node: int) -> list[int]:
        """Nodes from the first to ``node``."""
        path = []
        while node != ROOT:
            path.append(node)
            node = self.parents[node]
        return path[::-1]

    def inner(self) -> list[int]:
        """Nodes that something follows: the only ones a model must read to predict all the others."""
        return sorted({parent for parent in self.parents if parent != ROOT})


@dataclass(frozen=True)
class Forest:
    """A prefix tree for each of several texts, all made at once.

    Attributes:
        counts: nodes of each text.
        tokens: (nodes), text by text.
        parents: (nodes), the node before; `ROOT` for the first of a sequence.
        depths: (nodes), nodes before it.
        owners: (sequences), the text of each.
        paths: (sequences, longest), the node at each place; `ROOT` behind the end.
    """

    counts: list[int]
    tokens: Ints
    parents: Ints
    depths: Ints
    owners: Ints
    paths: Ints

    @classmethod
    def of(cls, groups: Sequence[Sequence[Sequence[int]]]) -> Forest:
        """The tree of each group of sequences."""
        owners = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
        table = padded([sequence for group in groups for sequence in group])
        size, paths = int(table.max(initial=0)) + 1, np.full_like(table, ROOT)
        nodes, made = [np.empty((4, 0), np.int64)], 0  # of each depth: tokens, parents, depths, owners
        above = ~owners  # where each sequence has come to: a node, or ~text before the first
        for depth, column in enumerate(table.T):
            on = np.flatnonzero(column >= 0)
            _, first, which = np.unique(above[on] * size + column[on], return_index=True, return_inverse=True)
            chosen = on[first]
            nodes.append(np.stack([column[chosen], above[chosen], np.full_like(chosen, depth), owners[chosen]]))
            above[on] = paths[on, depth] = made + which
            made += len(chosen)
        tokens, parents, depths, texts = np.concatenate(nodes, 1)
        order = np.argsort(texts, kind="stable")  # text by text
        place = np.append(np.argsort(order), ROOT)  # the last is that of ROOT itself
        return cls(
            np.bincount(texts, minlength=len(groups)).tolist(),
            tokens[order],
            place[np.maximum(parents[order], ROOT)],
            depths[order],
            owners,
            place[paths],
        )

    def leaves(self) -> Ints:
        """One of the sequences that end at each node which nothing follows."""
        lengths = (self.paths >= 0).sum(1)
        some = np.flatnonzero(lengths)
        ends, first = np.unique(self.paths[some, lengths[some] - 1], return_index=True)
        followed = np.zeros(len(self.tokens) + 1, bool)
        followed[self.parents] = True
        leaves: Ints = some[first[~followed[ends]]]
        return leaves


def padded(sequences: Sequence[Sequence[int]]) -> Ints:
    """(sequences, longest) tokens, -1 behind the end."""
    lengths = np.array([len(sequence) for sequence in sequences], dtype=np.int64)
    table = np.full((len(sequences), lengths.max(initial=0)), -1, np.int64)
    table[np.arange(table.shape[1]) < lengths[:, None]] = list(chain.from_iterable(sequences))
    return table
