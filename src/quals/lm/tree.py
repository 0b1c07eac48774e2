"""Token sequences as prefix trees, so that a shared beginning is computed once.

targets      a b c        tree   a - b - c
             a b d                    `- d
             e                   e
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

ROOT = -1
Ids = Sequence[int]
Ints = npt.NDArray[np.int64]


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
