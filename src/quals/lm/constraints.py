"""Tokens that a text may not go on with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

FILLER = -1  # stands before what is written, where other rows have more


@dataclass(frozen=True)
class Constraints:
    """What is forbidden in all that is written after a text.

    Attributes:
        tokens: ids that are never written.
        ngram: no sequence of so many tokens is written twice; 0 allows it.
    """

    tokens: tuple[int, ...] = ()
    ngram: int = 0

    def apply(self, log_probs: torch.Tensor, written: Any) -> torch.Tensor:
        """Log-probabilities with minus infinity for what is forbidden.

        Args:
            log_probs: (rows, vocabulary).
            written: (rows, tokens), what each row goes on from, with `FILLER` before the shorter ones.
        """
        device = log_probs.device
        allowed = log_probs.index_fill(1, torch.tensor(self.tokens, dtype=torch.long, device=device), -torch.inf)
        written = torch.as_tensor(written, device=device).long()
        if self.ngram and written.shape[1] >= self.ngram:
            self._forbid_repeats(allowed, written)
        return allowed

    def _forbid_repeats(self, allowed: torch.Tensor, written: torch.Tensor) -> None:
        """Forbid the tokens that would complete an n-gram which is there already; changes ``allowed``."""
        ngrams = written.unfold(1, self.ngram, 1)
        ending = written[:, written.shape[1] - self.ngram + 1 :]
        repeated = (ngrams[..., :-1] == ending[:, None]).all(-1) & (ngrams != FILLER).all(-1)
        # Without asking the device which these are: the least of what a token has and what is put on it stays.
        change = torch.where(repeated, -torch.inf, torch.inf).to(allowed.dtype)
        allowed.scatter_reduce_(1, ngrams[..., -1].clamp(min=0), change, "amin")
