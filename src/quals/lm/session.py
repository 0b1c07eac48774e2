"""Trees of continuations behind many texts, read in one flat row.

Every node of a tree sees its text, its ancestors and itself, at the position it would have if it stood alone,
so the numbers are those of separate rows while the text and every shared beginning are computed once::

    text text text | a b c d          d sees: text, a, b, d
    position 0 1 2   3 4 5 5

How tokens find what they may see is told in `quals.lm.attention`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn.functional import pad

from quals.lm.attention import Memory, Nodes, Rows
from quals.lm.tree import Forest, Ids, Ints, padded

if TYPE_CHECKING:
    from quals.lm.model import LanguageModel

_ROWS = 2048  # of logits that are summed up at a time


class Session(ABC):
    """A search under way over one or more texts, each read once.

    Nodes are kept in a `Memory`; a node's path is where its ancestors and it stand in there. A subclass has read the
    texts when it is made, and says how a row of nodes is read.

    Args:
        lm: the model.
        memory: of the texts.
        starts: position of the first node behind each text.

    Attributes:
        logits: after each text; None if something has to be read before the model says what follows.
        counts: of each text, the nodes of the latest call of `grow`; at first its prompts.
    """

    def __init__(self, lm: LanguageModel, memory: Memory, starts: Sequence[int]) -> None:
        self.lm, self.memory = lm, memory
        self.logits: torch.Tensor | None = None
        self.starts, self.lengths = lm.tensor(starts), np.array(starts)
        # Of the nodes of the latest call; at first there is nothing but each text. A path ends at its node's depth,
        # and is filled up to one that none exceeds; depths are None if all paths are as long as that.
        self.counts: Sequence[int] = [1] * len(starts)
        self.paths = torch.zeros(len(starts), 0, dtype=torch.long, device=lm.device)
        self.depths: torch.Tensor | None = None
        self.ends: torch.Tensor | None = None  # logits after each prompt, once these have been followed

    @abstractmethod
    def forward(self, tokens: torch.Tensor, positions: torch.Tensor, keep: torch.Tensor | None) -> torch.Tensor:
        """Logits after the nodes of a flat row, or after those to ``keep``; tokens and positions are (1, nodes)."""

    @property
    @torch.inference_mode()
    def first(self) -> torch.Tensor:
        """Log-probabilities of the token after each prompt: (prompts, text by text; vocabulary), float32."""
        assert self.ends is not None
        return self.ends.float().log_softmax(-1)

    @torch.inference_mode()
    def grow(self, counts: Sequence[int], parents: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Read one more token on each given branch.

        Args:
            counts: of each text, how many nodes are new.
            parents: (nodes, text by text), which node of the previous call each follows, counted over all texts (in
                the first call, which prompt).
            tokens: (nodes), the new nodes' tokens.

        Returns:
            Log-probabilities of the token after each new node: (nodes; vocabulary), float32.
        """
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
        reading = Nodes(counts, self.paths, Rows(places[:, None], None), columns)
        self.memory.reach = int(self.lengths[np.array(counts) > 0].max()) + depth + 1
        return self._read(reading, depth if columns is None else columns, tokens).float().log_softmax(-1)

    def extend(self, parents: Ints, tokens: Ints) -> torch.Tensor:
        """`grow`, with arrays that are known on the CPU; the counts follow from the parents.

        Args:
            parents, tokens: (nodes), int64, text by text.
        """
        texts = np.repeat(np.arange(len(self.counts)), self.counts)[parents]
        counts = np.bincount(texts, minlength=len(self.counts)).tolist()
        return self.grow(counts, torch.as_tensor(parents), torch.as_tensor(tokens))

    @torch.inference_mode()
    def follow(self, prompts: Sequence[Sequence[Ids]]) -> None:
        """Read the prompts of each text (see `LanguageModel.begin`); for a session that has read no node yet."""
        forest = Forest.of(prompts)
        lengths = (forest.paths >= 0).sum(1)
        if self.logits is not None:
            self.ends = self.logits[self.lm.tensor(forest.owners)]
        read = lengths.nonzero()[0]
        if (logits := self._along(forest, forest.paths[read, lengths[read] - 1])) is not None:
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
            found = chosen(logits, self.lm.tensor(tokens[rows[wanted], columns[wanted]]), self.lm.tensor(at))
            values[rows[wanted], columns[wanted]] = found.cpu()
        return values

    def _along(self, forest: Forest, keep: Ints | None = None) -> torch.Tensor | None:
        """Logits after the nodes of trees to ``keep``, or all, read on the paths to the leaves; None without nodes."""
        if not len(forest.tokens):
            return None
        leaves = forest.leaves()
        paths, single = forest.paths[leaves], np.array_equal(forest.owners[leaves], np.arange(len(forest.counts)))
        row, column = (paths >= 0).nonzero()
        # A node that stands on several paths is read off one of them: in all of them it sees the same.
        back = np.empty_like(forest.tokens)
        back[paths[row, column]] = row * paths.shape[1] + column
        places, columns = self.lm.tensor(paths.clip(0)), self.lm.tensor(forest.depths)
        reading = Nodes(forest.counts, places, Rows(places, self.lm.tensor(back)), columns, single=single)
        texts = np.repeat(np.arange(len(forest.counts)), forest.counts)
        self.memory.reach = int((self.lengths[texts] + forest.depths).max()) + 1
        kept = None if keep is None else self.lm.tensor(keep)
        return self._read(reading, columns, self.lm.tensor(forest.tokens), kept)

    def _read(
        self, reading: Nodes, columns: torch.Tensor | int, tokens: torch.Tensor, keep: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Logits after the new nodes, or those to ``keep``; ``columns`` are their places on their paths."""
        self.memory.reading = reading
        self.memory.nodes_read += len(tokens)
        self.lm.evaluated += len(tokens)
        return self.forward(self.lm.tensor(tokens)[None], (self.starts[reading.owners] + columns)[None], keep)


def chosen(logits: torch.Tensor, tokens: torch.Tensor, rows: torch.Tensor | None = None) -> torch.Tensor:
    """Log-probability of each token in its row of logits; without rows, in the row at its own place."""
    # Some rows at a time: on the way, torch makes another matrix of that size.
    totals = torch.cat([part.float().logsumexp(-1) for part in torch.split(logits, _ROWS)])
    rows = torch.arange(len(tokens), device=logits.device) if rows is None else rows
    return logits[rows, tokens.to(logits.device)].float() - totals[rows]
