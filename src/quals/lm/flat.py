"""Trees of continuations behind many texts, read in one flat row: what all architectures have in common.

Every node of a tree sees its text, its ancestors and itself, at the position it would have if it stood alone,
so the numbers are those of separate rows while the text and every shared beginning are computed once::

    text text text | a b c d          d sees: text, a, b, d
    position 0 1 2   3 4 5 5

How tokens find what they may see is told in `quals.lm.attention`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence

import torch
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from quals.errors import ModelError
from quals.lm.attention import NAME, Memory, Reading, Rows
from quals.lm.load import Pretrained
from quals.lm.model import Ids, LanguageModel, Session
from quals.lm.tree import PrefixTree

_ROWS = 512  # of logits that are summed up at a time
# What a model is tried on; any tokens would do.
_TEXTS, _TARGETS = [[5, 6, 7], [8, 9]], [[[6, 7, 8], [6, 9, 5]], [[7, 8, 5]]]


class FlatModel(LanguageModel):
    """A model that reads trees of continuations in one flat row."""

    def __init__(self, pretrained: Pretrained, limit: int) -> None:
        super().__init__(pretrained, limit)
        try:
            self._check()
        except Exception as error:
            raise ModelError(f"the architecture of '{pretrained.name}' cannot be used: {error}") from error

    @abstractmethod
    def open(self, texts: Sequence[Ids]) -> FlatSession:
        """A session that has read the texts, but nothing behind them."""

    @abstractmethod
    def plain(self, text: Ids, target: Ids) -> torch.Tensor:
        """Logits that predict each token of one target, by `transformers` alone."""

    def log_probs(self, texts: Sequence[Ids], targets: Sequence[Sequence[Ids]]) -> list[list[list[float]]]:
        """See `LanguageModel.log_probs`; the targets of all texts go through as prefix trees, in a single pass."""
        trees = [PrefixTree() for _ in texts]
        paths = [[tree.add_path(target) for target in group] for tree, group in zip(trees, targets, strict=True)]
        values = iter(self.open(texts).read(trees))
        of_nodes = [[next(values) for _ in tree.tokens] for tree in trees]
        return [[[of[node] for node in path] for path in group] for of, group in zip(of_nodes, paths, strict=True)]

    def _check(self) -> None:
        """Refuse a model that says something else in a flat row, for instance because it counts positions itself."""
        expected = torch.cat(
            [
                _log_probs(self.plain(text, target), torch.arange(len(target)), torch.tensor(target))
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


class FlatSession(Session):
    """Nodes are kept in a `Memory`; a node's path is where its ancestors and it stand in there.

    A subclass has read the texts when it is made, and says how a row of nodes is read.

    Args:
        lm: the model.
        memory: of the texts.
        starts: position of the first node behind each text.
        logits: after each text; None if something has to be read before the model says what follows.
    """

    def __init__(self, lm: FlatModel, memory: Memory, starts: torch.Tensor, logits: torch.Tensor | None) -> None:
        self.lm, self.memory, self.starts, self.logits = lm, memory, starts, logits
        # Of the nodes of the latest call; at first there is nothing but each text. A path ends at its node's depth,
        # and is filled up to that of the deepest.
        self.counts, self.depths = torch.ones_like(starts), torch.zeros_like(starts)
        self.paths = torch.zeros(len(starts), 0, dtype=torch.long)
        self.ends: torch.Tensor | None = None  # logits after each prompt, once these have been followed

    @abstractmethod
    def forward(self, tokens: Sequence[int], positions: torch.Tensor, keep: torch.Tensor | None) -> torch.Tensor:
        """Logits after the nodes to ``keep`` of a flat row; after all of them if not given."""

    @property
    def first(self) -> torch.Tensor:
        """See `Session.first`."""
        assert self.ends is not None
        return self.ends.float().log_softmax(-1)

    def extend(self, parents: Sequence[Sequence[int]], tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        """See `Session.extend`."""
        starts = (self.counts.cumsum(0) - self.counts).tolist()
        follows = torch.tensor([s + node for s, row in zip(starts, parents, strict=True) for node in row])
        places, columns = self.memory.nodes_read + torch.arange(len(follows)), self.depths[follows]
        self.counts, self.depths = torch.tensor([len(row) for row in tokens]), columns + 1
        depth = int(self.depths.max())
        self.paths = pad(self.paths[follows], (0, 1))[:, :depth]
        self.paths[torch.arange(len(follows)), columns] = places
        reading = Reading(
            self.counts.tolist(),
            self.lm.tensor(self.paths),
            Rows(places[:, None], None, self.lm.device),
            None if bool((self.depths == depth).all()) else self.lm.tensor(columns),
        )
        return self._read(reading, columns, [token for row in tokens for token in row]).float().log_softmax(-1)

    def follow(self, prompts: Sequence[Sequence[Ids]]) -> None:
        """Read the prompts of each text (see `LanguageModel.begin`); for a session that has read no node yet."""
        trees = [PrefixTree() for _ in prompts]
        nodes = [[tree.add_path(prompt) for prompt in group] for tree, group in zip(trees, prompts, strict=True)]
        place = _places(range(len(tree)) for tree in trees)
        owners = torch.tensor([i for i, group in enumerate(nodes) for _ in group])
        paths = [torch.tensor([place[i, node] for node in path]) for i, group in enumerate(nodes) for path in group]
        read = [i for i, path in enumerate(paths) if len(path)]
        if self.logits is not None:
            self.ends = self.logits[self.lm.tensor(owners)]
        if read:
            self.counts = torch.tensor([len(tree) for tree in trees])
            tokens = [token for tree in trees for token in tree.tokens]
            logits = self._read(*self._along(trees, place), tokens, torch.stack([paths[i][-1] for i in read]))
            if self.ends is None:
                self.ends = logits
            else:
                self.ends[read] = logits
        self.counts = torch.tensor([len(group) for group in prompts])
        self.depths = torch.tensor([len(path) for path in paths])
        self.paths = pad_sequence(paths, batch_first=True).long()

    def read(self, trees: Sequence[PrefixTree]) -> list[float]:
        """Log-probability of every node of each text's tree, tree by tree; for a session that has read no node yet.

        It is 0 for a tree's first node if that is the first the model reads at all.
        """
        inner = [tree.inner() for tree in trees]
        place = _places(inner)
        parents = torch.tensor(
            [place.get((i, parent), ~i) for i, tree in enumerate(trees) for parent in tree.parents], dtype=torch.long
        )
        tokens = torch.tensor([token for tree in trees for token in tree.tokens], dtype=torch.long)
        values = torch.zeros(len(tokens))
        if self.logits is not None:
            values[parents < 0] = _log_probs(self.logits, ~parents[parents < 0], tokens[parents < 0])
        if place:
            self.counts = torch.tensor([len(nodes) for nodes in inner])
            flat = [trees[i].tokens[node] for i, node in place]
            logits = self._read(*self._along(trees, place), flat)
            values[parents >= 0] = _log_probs(logits, parents[parents >= 0], tokens[parents >= 0])
        return values.tolist()

    def _along(self, trees: Sequence[PrefixTree], place: dict[tuple[int, int], int]) -> tuple[Reading, torch.Tensor]:
        """The nodes of trees on the paths to the leaves, and the column of each."""
        followed = {(i, trees[i].parents[node]) for i, node in place}
        leaves = [pair for pair in place if pair not in followed]
        paths = pad_sequence(
            [torch.tensor([place[i, node] for node in trees[i].path_to(leaf)]) for i, leaf in leaves],
            batch_first=True,
            padding_value=-1,
        )
        row, column = (paths >= 0).nonzero(as_tuple=True)
        # A node that stands on several paths is read off one of them: in all of them it sees the same.
        back, columns = torch.empty(2, len(place), dtype=torch.long)
        back[paths[row, column]], columns[paths[row, column]] = row * paths.shape[1] + column, column
        paths = paths.clamp(min=0)
        rows = Rows(paths, back, self.lm.device)
        return Reading(self.counts.tolist(), self.lm.tensor(paths), rows, self.lm.tensor(columns)), columns

    def _read(
        self, reading: Reading, columns: torch.Tensor, tokens: Sequence[int], keep: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Logits after the new nodes to ``keep``, or all; ``columns`` as for `Reading`."""
        positions = self.starts.repeat_interleave(self.counts) + columns
        self.memory.reading, self.memory.reach = reading, int(positions.max()) + 1
        self.memory.nodes_read += len(tokens)
        self.lm.evaluated += len(tokens)
        return self.forward(tokens, positions, keep)


def _places(nodes: Iterable[Iterable[int]]) -> dict[tuple[int, int], int]:
    """(text, node) -> where the node stands in the flat row of the given nodes of each text's tree."""
    pairs = ((i, node) for i, of in enumerate(nodes) for node in of)
    return {pair: at for at, pair in enumerate(pairs)}


def _log_probs(logits: torch.Tensor, rows: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Log-probability of each token in its row of logits."""
    rows, tokens = rows.to(logits.device), tokens.to(logits.device)
    # Some rows at a time: on the way, torch makes another matrix of that size.
    totals = torch.cat([part.float().logsumexp(-1) for part in torch.split(logits, _ROWS)])
    return (logits[rows, tokens].float() - totals[rows]).cpu()
