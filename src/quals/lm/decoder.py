"""Decoder-only models: texts, and trees of continuations behind them, in one flat row.

Every node of a tree sees its text, its ancestors and itself, at the position it would have if it stood alone,
so the numbers are those of separate rows while the text and every shared beginning are computed once::

    text text text | a b c d          d sees: text, a, b, d
    position 0 1 2   3 4 5 5

How tokens find what they may see is told in `quals.lm.attention`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from quals.lm.attention import NAME, Memory, Reading
from quals.lm.load import Pretrained
from quals.lm.model import Ids, LanguageModel, Session
from quals.lm.tree import PrefixTree


class DecoderModel(LanguageModel):
    """SmolLM2, Llama-like models, GPT-2."""

    def __init__(self, pretrained: Pretrained, limit: int) -> None:
        super().__init__(pretrained, limit)
        self.model.config._attn_implementation = NAME

    def begin(self, texts: Sequence[Ids]) -> Session:
        """See `LanguageModel.begin`."""
        return _TreeSession(self, texts)

    def log_probs(self, texts: Sequence[Ids], targets: Sequence[Sequence[Ids]]) -> list[list[list[float]]]:
        """See `LanguageModel.log_probs`; the targets of all texts go through as prefix trees, in a single pass."""
        trees = [PrefixTree() for _ in texts]
        paths = [[tree.add_path(target) for target in group] for tree, group in zip(trees, targets, strict=True)]
        values = iter(_TreeSession(self, texts).read(trees))
        of_nodes = [[next(values) for _ in tree.tokens] for tree in trees]
        return [[[of[node] for node in path] for path in group] for of, group in zip(of_nodes, paths, strict=True)]


class _TreeSession(Session):
    """Texts and nodes are kept in a `Memory`; a node's path is where its ancestors and it stand in there."""

    def __init__(self, lm: DecoderModel, texts: Sequence[Ids]) -> None:
        self.lm, self.lengths = lm, torch.tensor([len(text) for text in texts])
        self.memory = Memory(self.lengths.tolist(), lm.device)
        positions = torch.cat([torch.arange(len(text)) for text in texts])
        self.logits = self._forward([token for text in texts for token in text], positions, self.lengths.cumsum(0) - 1)
        # Of the nodes of the latest call; at first there is nothing but each text.
        self.counts = torch.ones_like(self.lengths)
        self.paths = torch.zeros(len(texts), 0, dtype=torch.long)

    @property
    def first(self) -> torch.Tensor:
        return self.logits.float().log_softmax(-1)

    def extend(self, parents: Sequence[Sequence[int]], tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        starts = (self.counts.cumsum(0) - self.counts).tolist()
        follows = [start + parent for start, row in zip(starts, parents, strict=True) for parent in row]
        places = self.memory.nodes_read + torch.arange(len(follows))
        self.counts = torch.tensor([len(row) for row in tokens])
        self.paths = torch.cat([self.paths[follows], places[:, None]], 1)
        logits = self._read(self.paths, None, [token for row in tokens for token in row])
        return logits.float().log_softmax(-1)

    def read(self, trees: Sequence[PrefixTree]) -> list[float]:
        """Log-probability of every node of each text's tree, tree by tree; for a session that has read no node yet."""
        inner = [tree.inner() for tree in trees]
        place = {pair: i for i, pair in enumerate((i, node) for i, nodes in enumerate(inner) for node in nodes)}
        parents = torch.tensor(
            [place.get((i, parent), ~i) for i, tree in enumerate(trees) for parent in tree.parents], dtype=torch.long
        )
        tokens = torch.tensor([token for tree in trees for token in tree.tokens], dtype=torch.long)
        after_text, logits = self.logits, self.logits[:0]
        if place:
            paths = [torch.tensor([place[i, step] for step in trees[i].path_to(node)]) for i, node in place]
            self.counts = torch.tensor([len(nodes) for nodes in inner])
            real = torch.nn.utils.rnn.pad_sequence([torch.ones_like(path).bool() for path in paths], batch_first=True)
            flat = [trees[i].tokens[node] for i, node in place]
            logits = self._read(torch.nn.utils.rnn.pad_sequence(paths, batch_first=True), real, flat)
        values = torch.empty(len(tokens))
        values[parents >= 0] = _log_probs(logits, parents[parents >= 0], tokens[parents >= 0])
        values[parents < 0] = _log_probs(after_text, ~parents[parents < 0], tokens[parents < 0])
        return values.tolist()

    def _read(self, paths: torch.Tensor, real: torch.Tensor | None, tokens: Sequence[int]) -> torch.Tensor:
        """Logits after each new node; ``paths`` and ``real`` as for `Reading`."""
        depths = paths.shape[1] if real is None else real.sum(1)
        positions = self.lengths.repeat_interleave(self.counts) + depths - 1
        self.memory.nodes_read += len(tokens)
        self.memory.reading = Reading(
            self.counts.tolist(), self.lm.tensor(paths), None if real is None else self.lm.tensor(real)
        )
        return self._forward(tokens, positions, 0)

    @torch.inference_mode()
    def _forward(self, tokens: Sequence[int], positions: torch.Tensor, keep: torch.Tensor | int) -> torch.Tensor:
        """Logits at the tokens to ``keep`` of one flat row; 0 keeps all."""
        self.lm.evaluated += len(tokens)
        logits: torch.Tensor = self.lm.model(
            input_ids=self.lm.tensor([tokens]),
            position_ids=self.lm.tensor(positions[None]),
            attention_mask=torch.empty(1, 1, 0, 0),  # none is to be made: `Memory` knows who sees whom
            logits_to_keep=keep,
            use_cache=False,
            memory=self.memory,
        ).logits[0]
        return logits


def _log_probs(logits: torch.Tensor, rows: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """Log-probability of each token in its row of logits."""
    rows, tokens = rows.to(logits.device), tokens.to(logits.device)
    return (logits[rows, tokens].float() - logits.float().logsumexp(-1)[rows]).cpu()
