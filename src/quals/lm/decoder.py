"""Decoder-only models: text and continuations in one row, kept apart by the attention mask.

A tree of continuations lives in a single row behind its text. Every node sees the text, its ancestors and
itself, at the position it would have if it stood alone, so the numbers are those of separate rows while
the text and every shared beginning are computed once::

    text text text | a b c d e          d sees: text, a, b, d
    position 0 1 2   3 4 5 5 3
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from quals.lm.model import Ids, LanguageModel, Session
from quals.lm.tree import ROOT, PrefixTree


class DecoderModel(LanguageModel):
    """SmolLM2, Llama-like models, GPT-2."""

    def begin(self, texts: Sequence[Ids]) -> Session:
        """See `LanguageModel.begin`."""
        return _TreeSession(self, texts)

    @torch.inference_mode()
    def log_probs(self, texts: Sequence[Ids], targets: Sequence[Sequence[Ids]]) -> list[list[list[float]]]:
        """See `LanguageModel.log_probs`; one forward pass over text and prefix tree."""
        trees = [PrefixTree() for _ in texts]
        paths = [[tree.add_path(target) for target in group] for tree, group in zip(trees, targets, strict=True)]
        inner = [tree.inner() for tree in trees]
        width, span = max(map(len, texts)), max(map(len, inner))
        tokens = torch.zeros(len(texts), width + span, dtype=torch.long)
        positions = torch.zeros_like(tokens)
        visible = torch.eye(width + span, dtype=torch.bool).repeat(len(texts), 1, 1)
        for row, (text, tree, nodes) in enumerate(zip(texts, trees, inner, strict=True)):
            start, end = width - len(text), width + len(nodes)  # texts end, and trees begin, in the same column
            tokens[row, start:end] = torch.tensor([*text, *(tree.tokens[node] for node in nodes)])
            positions[row, start:end] = torch.tensor(
                [*range(len(text)), *(len(text) + tree.depths[node] for node in nodes)]
            )
            visible[row, start:width, start:width] = torch.ones(len(text), len(text), dtype=torch.bool).tril()
            visible[row, width:end, start:width] = True
            visible[row, width:end, width:end] = torch.from_numpy(tree.visibility(nodes))
            self.evaluated += end - start
        logits = self.model(
            input_ids=self.tensor(tokens),
            position_ids=self.tensor(positions),
            attention_mask=self.tensor(visible[:, None]),
            logits_to_keep=span + 1,  # the last token of the text, then the tree
            use_cache=False,
        ).logits
        return [
            _read_off(logits[row], tree, nodes, group)
            for row, (tree, nodes, group) in enumerate(zip(trees, inner, paths, strict=True))
        ]


def _read_off(
    logits: torch.Tensor, tree: PrefixTree, inner: Sequence[int], paths: Sequence[Sequence[int]]
) -> list[list[float]]:
    """Log-probability of each node from its parent's row of logits (row 0 is the end of the text)."""
    if not len(tree):
        return [[] for _ in paths]
    row_of = {ROOT: 0, **{node: i + 1 for i, node in enumerate(inner)}}
    rows = torch.tensor([row_of[parent] for parent in tree.parents], device=logits.device)
    chosen = logits[rows, torch.tensor(tree.tokens, device=logits.device)].float()
    values = (chosen - logits.float().logsumexp(-1)[rows]).tolist()
    return [[values[node] for node in path] for path in paths]


class _TreeSession(Session):
    """One cache row per text, which holds the text and every node read so far."""

    @torch.inference_mode()
    def __init__(self, lm: DecoderModel, texts: Sequence[Ids]) -> None:
        from transformers import DynamicCache

        self.lm, self.cache = lm, DynamicCache(config=lm.model.config)
        width = max(map(len, texts))
        tokens = torch.zeros(len(texts), width, dtype=torch.long)
        positions = torch.zeros_like(tokens)
        real = torch.zeros(len(texts), width, dtype=torch.bool)
        for row, text in enumerate(texts):
            tokens[row, width - len(text) :] = torch.tensor(text)
            positions[row, width - len(text) :] = torch.arange(len(text))
            real[row, width - len(text) :] = True
        visible = (real[:, None] & torch.ones(width, width, dtype=torch.bool).tril()) | torch.eye(width).bool()
        self.position = lm.tensor([len(text) for text in texts])
        # What the nodes of the latest call can see: (texts, nodes, columns of the cache).
        self.visible = lm.tensor(real[:, None])
        logits = lm.model(
            input_ids=lm.tensor(tokens),
            position_ids=lm.tensor(positions),
            attention_mask=lm.tensor(visible[:, None]),
            past_key_values=self.cache,
            logits_to_keep=1,
        ).logits
        lm.evaluated += sum(map(len, texts))
        self._first: torch.Tensor = logits[:, 0].float().log_softmax(-1)

    @property
    def first(self) -> torch.Tensor:
        return self._first

    @torch.inference_mode()
    def extend(self, parents: Sequence[Sequence[int]], tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        lm, counts = self.lm, [len(row) for row in tokens]
        width = max(counts)
        follows = lm.tensor([[*row, *[0] * (width - len(row))] for row in parents])
        seen = self.visible.gather(1, follows[..., None].expand(-1, -1, self.visible.shape[2]))
        itself = torch.eye(width, dtype=torch.bool, device=lm.device).expand(len(counts), -1, -1)
        self.visible = torch.cat([seen, itself], dim=2)
        logits = lm.model(
            input_ids=lm.tensor([[*row, *[0] * (width - len(row))] for row in tokens]),
            position_ids=self.position[:, None].expand(-1, width),
            attention_mask=self.visible[:, None],
            past_key_values=self.cache,
        ).logits
        self.position = self.position + 1
        lm.evaluated += sum(counts)
        new: torch.Tensor = torch.cat([logits[row, :count] for row, count in enumerate(counts)]).float()
        return new.log_softmax(-1)
