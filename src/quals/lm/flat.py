"""Trees of continuations behind many texts, read in one flat row: what all architectures have in common.

Every node of a tree sees its text, its ancestors and itself, at the position it would have if it stood alone,
so the numbers are those of separate rows while the text and every shared beginning are computed once::

    text text text | a b c d          d sees: text, a, b, d
    position 0 1 2   3 4 5 5

How tokens find what they may see is told in `quals.lm.attention`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch.nn.functional import pad

from quals.errors import ModelError
from quals.lm.attention import NAME, Memory, Reading, Rows
from quals.lm.load import Pretrained
from quals.lm.model import Ids, LanguageModel, Session
from quals.lm.tree import Forest, padded

_ROWS = 2048  # of logits that are summed up at a time
# What a model is tried on; any tokens would do.
_TEXTS, _TARGETS = [[5, 6, 7], [8, 9]], [[[6, 7, 8], [6, 9, 5]], [[7, 8, 5]]]


class FlatModel(LanguageModel):
    """A model that reads trees of continuations in one flat row.

    Attributes:
        root: tokens that stand before every continuation, as a decoder's start token does.
    """

    root: Ids = ()

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

    def begin(self, texts: Sequence[Ids], prompts: Sequence[Sequence[Ids]] | None = None) -> Session:
        """See `LanguageModel.begin`."""
        session = self.open(texts)
        session.follow([[[*self.root, *prompt] for prompt in group] for group in prompts or [[[]]] * len(texts)])
        return session

    def log_probs(self, texts: Sequence[Ids], targets: Sequence[Sequence[Ids]]) -> list[list[list[float]]]:
        """See `LanguageModel.log_probs`; the targets of all texts go through as prefix trees, in a single pass."""
        rooted = [[[*self.root, *target] for target in group] for group in targets]
        values, first = iter(self.open(texts).read(rooted).tolist()), len(self.root)
        return [[next(values)[first : first + len(target)] for target in group] for group in targets]

    def _check(self) -> None:
        """Refuse a model that says something else in a flat row, for instance because it counts positions itself."""
        expected = torch.cat(
            [
                _chosen(self.plain(text, target), torch.tensor(target)).cpu()
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

    def __init__(self, lm: FlatModel, memory: Memory, starts: Sequence[int], logits: torch.Tensor | None) -> None:
        self.lm, self.memory, self.logits = lm, memory, logits
        self.starts, self.lengths = lm.tensor(starts), np.array(starts)
        # Of the nodes of the latest call; at first there is nothing but each text. A path ends at its node's depth,
        # and is filled up to one that none exceeds; depths are None if all paths are as long as that.
        self.counts: Sequence[int] = [1] * len(starts)
        self.paths = torch.zeros(len(starts), 0, dtype=torch.long, device=lm.device)
        self.depths: torch.Tensor | None = None
        self.ends: torch.Tensor | None = None  # logits after each prompt, once these have been followed

    @abstractmethod
    def forward(self, tokens: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Logits after the nodes of a flat row; tokens and positions are (1, nodes)."""

    @property
    @torch.inference_mode()
    def first(self) -> torch.Tensor:
        """See `Session.first`."""
        assert self.ends is not None
        return self.ends.float().log_softmax(-1)

    @torch.inference_mode()
    def grow(self, counts: Sequence[int], parents: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """See `Session.grow`."""
        parents, first = self.lm.tensor(parents), self.memory.nodes_read
        places = torch.arange(first, first + sum(counts), device=self.lm.device)
        paths, columns = self.paths[parents], None
        if self.depths is None:
            self.paths = torch.cat([paths, places[:, None]], 1)
        else:
            columns = self.depths[parents]
            self.paths = pad(paths, (0, 1)).scatter(1, columns[:, None], places[:, None])
            self.depths = columns + 1
        self.counts, depth = counts, paths.shape[1]
        reading = Reading(counts, self.paths, Rows(places[:, None], None, self.lm.device), columns)
        self.memory.reach = int(self.lengths[np.array(counts) > 0].max()) + depth + 1
        return self._read(reading, depth if columns is None else columns, tokens).float().log_softmax(-1)

    @torch.inference_mode()
    def follow(self, prompts: Sequence[Sequence[Ids]]) -> None:
        """Read the prompts of each text (see `LanguageModel.begin`); for a session that has read no node yet."""
        forest = Forest.of(prompts)
        lengths = (forest.paths >= 0).sum(1)
        if self.logits is not None:
            self.ends = self.logits[self.lm.tensor(forest.owners)]
        if (after := self._along(forest)) is not None:
            read = lengths.nonzero()[0]
            logits = after[self.lm.tensor(forest.paths[read, lengths[read] - 1])]
            if self.ends is None:
                self.ends = logits
            else:
                self.ends[self.lm.tensor(read)] = logits
        self.counts = [len(group) for group in prompts]
        self.paths = self.lm.tensor(forest.paths.clip(0))
        if (lengths < forest.paths.shape[1]).any():
            self.depths = self.lm.tensor(lengths)

    @torch.inference_mode()
    def read(self, targets: Sequence[Sequence[Ids]]) -> torch.Tensor:
        """Log-probability of each token of all targets, one text's after the other's: (targets, longest), on the CPU.

        For a session that has read no node yet. It is 0 behind a target's end, and for the first token if that is the
        first the model reads at all.
        """
        # A last token is not read: nothing follows it.
        forest = Forest.of([[target[:-1] for target in group] for group in targets])
        tokens = padded([target for group in targets for target in group])
        rows, columns = (tokens >= 0).nonzero()
        # The node that a token follows; for a first token, which may be all there is, its text.
        before, behind = ~forest.owners[rows], columns > 0
        before[behind] = forest.paths[rows[behind], columns[behind] - 1]
        values = torch.zeros(tokens.shape)
        for logits, wanted in ((self.logits, before < 0), (self._along(forest), before >= 0)):
            if logits is None or not wanted.any():
                continue
            at = np.maximum(before[wanted], ~before[wanted])
            found = _chosen(logits, self.lm.tensor(tokens[rows[wanted], columns[wanted]]), self.lm.tensor(at))
            values[rows[wanted], columns[wanted]] = found.cpu()
        return values

    def _along(self, forest: Forest) -> torch.Tensor | None:
        """Logits after all nodes of trees, read on the paths to the leaves; None if there are no nodes."""
        if not len(forest.tokens):
            return None
        paths = forest.paths[forest.leaves()]
        row, column = (paths >= 0).nonzero()
        # A node that stands on several paths is read off one of them: in all of them it sees the same.
        back = np.empty_like(forest.tokens)
        back[paths[row, column]] = row * paths.shape[1] + column
        places, columns = self.lm.tensor(paths.clip(0)), self.lm.tensor(forest.depths)
        reading = Reading(forest.counts, places, Rows(places, self.lm.tensor(back), self.lm.device), columns)
        texts = np.repeat(np.arange(len(forest.counts)), forest.counts)
        self.memory.reach = int((self.lengths[texts] + forest.depths).max()) + 1
        return self._read(reading, columns, self.lm.tensor(forest.tokens))

    def _read(self, reading: Reading, columns: torch.Tensor | int, tokens: torch.Tensor) -> torch.Tensor:
        """Logits after the new nodes; ``columns`` are their places on their paths."""
        self.memory.reading = reading
        self.memory.nodes_read += len(tokens)
        self.lm.evaluated += len(tokens)
        return self.forward(self.lm.tensor(tokens)[None], (self.starts[reading.owners] + columns)[None])


def _chosen(logits: torch.Tensor, tokens: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
    """Log-probability of each token in its row of logits; without rows, in the row at its own place."""
    # Some rows at a time: on the way, torch makes another matrix of that size.
    totals = torch.cat([part.float().logsumexp(-1) for part in torch.split(logits, _ROWS)])
    rows = torch.arange(len(tokens), device=logits.device) if rows is None else rows
    return logits[rows, tokens.to(logits.device)].float() - totals[rows]
