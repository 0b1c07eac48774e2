"""Tokens that a text may not go on with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from quals.lm.model import Ids


@dataclass(frozen=True)
class Constraints:
    """What is forbidden in all that is written after a text.

    Attributes:
        tokens: ids that are never written.
        ngram: no sequence of so many tokens is written twice; 0 allows it.
    """

    tokens: tuple[int, ...] = ()
    ngram: int = 0

    def apply(self, log_probs: torch.Tensor, written: Sequence[Ids]) -> torch.Tensor:
        """Log-probabilities with minus infinity for what is forbidden; one row for each of ``written``."""
        allowed = log_probs.index_fill(
            1, torch.tensor(self.tokens, dtype=torch.long, device=log_probs.device), -torch.inf
        )
        repeated = [(row, token) for row, tokens in enumerate(written) for token in self._repeated(tokens)]
        if repeated:
            allowed[tuple(torch.tensor(repeated, device=log_probs.device).T)] = -torch.inf
        return allowed

    def _repeated(self, written: Ids) -> list[int]:
        """The tokens that would complete an n-gram which is there already."""
        size = self.ngram
        if not size or len(written) < size:
            return []
        text = tuple(written)
        ending = text[len(text) - size + 1 :]
        return [text[i + size - 1] for i in range(len(text) - size + 1) if text[i : i + size - 1] == ending]
