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

ROOT = -1


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
