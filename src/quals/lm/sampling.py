"""Random continuations of texts: top-k (Fan et al. 2018), nucleus (Holtzman et al. 2020), temperature.

Every continuation has its own stream of random numbers, one for each token, that depends on nothing but its
seed; a token is found where its number falls in the distribution. So what is drawn does not depend on which
other texts share the batch, or on how many continuations are asked for.

All continuations of a text are branches of one tree: the text is encoded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from quals.lm.beam import Hypothesis
from quals.lm.constraints import Constraints
from quals.lm.tree import Ids, Ints
from quals.settings import Settings, setting

if TYPE_CHECKING:
    from quals.lm.model import LanguageModel

_WITHOUT_DOUBLES = {"mps"}  # devices that have no float64: there the CPU draws


@dataclass(frozen=True)
class SamplingSettings(Settings):
    """Settings of the draw; lengths are in tokens before the end token, which is forced at the maximum."""

    top_k: int = setting(50, "Only the most probable so many tokens; 0: all.", least=0)
    top_p: float = setting(1.0, "Only the most probable tokens that together have this probability.", above=0, most=1)
    temperature: float = setting(1.0, "Below 1 draws are more, above 1 less like the most probable text.", above=0)
    min_length: int = setting(0, "Least tokens of a text.", least=0, most="max_length")
    max_length: int = setting(60, "Most tokens of a text.", least=1)


def sample(
    lm: LanguageModel,
    texts: Sequence[Ids],
    seeds: Sequence[Sequence[int]],
    end: int,
    settings: SamplingSettings,
    constraints: Constraints | None = None,
) -> list[list[Hypothesis]]:
    """For each text a continuation for each of its seeds, in the order of the seeds.

    Args:
        lm: the model.
        texts: framed token ids.
        seeds: for each text, a number for each continuation.
        end: the token that ends a continuation.
        settings: see `SamplingSettings`.
        constraints: what is never written.

    Returns:
        The log-probabilities are the model's own, untouched by settings and constraints.
    """
    constraints = constraints or Constraints()
    session = lm.begin(texts)
    owners = np.repeat(np.arange(len(texts)), list(map(len, seeds)))
    log_probs, follows = session.first[lm.tensor(owners)], owners
    walks = _Walks([seed for group in seeds for seed in group], end, settings, constraints, log_probs.device)
    while True:
        going, tokens = walks.advance(log_probs)
        if not len(going):
            break
        # After the first token, the node that a walk follows is its own.
        log_probs = session.extend(follows[going], tokens)
        follows = np.arange(len(going))
    found = iter(walks.hypotheses())
    return [[next(found) for _ in group] for group in seeds]


class _Walks:
    """Continuations under way, in tensors on the model's device; those that have ended are left as they are."""

    def __init__(
        self, seeds: Sequence[int], end: int, settings: SamplingSettings, constraints: Constraints, device: torch.device
    ) -> None:
        self.end, self.settings, self.constraints = end, settings, constraints
        self.step, self.live = 0, torch.arange(len(seeds), device=device)
        numbers = [_numbers(seed, settings.max_length) for seed in seeds]
        exact = "cpu" if device.type in _WITHOUT_DOUBLES else device
        self.numbers = torch.tensor(np.array(numbers).reshape(len(seeds), -1), device=exact)
        self.tokens = torch.full((len(seeds), settings.max_length + 1), end, device=device)
        self.log_probs = torch.zeros(self.tokens.shape, device=device)

    def advance(self, log_probs: torch.Tensor) -> tuple[Ints, Ints]:
        """Draw a token for each live walk; which of these have not ended with it, and their tokens."""
        if self.step == self.settings.max_length:
            tokens = torch.full_like(self.live, self.end)
        else:
            allowed = self.constraints.apply(log_probs, self.tokens[self.live, : self.step])
            if self.step < self.settings.min_length:
                allowed[:, self.end] = -torch.inf
            numbers = self.numbers[self.live.to(self.numbers.device), self.step]
            tokens = draw(allowed, numbers, self.settings)
        self.tokens[self.live, self.step] = tokens
        self.log_probs[self.live, self.step] = log_probs.gather(1, tokens[:, None]).squeeze(1)
        self.step += 1
        drawn = tokens.cpu().numpy()  # here a step waits for the GPU, once
        going = np.flatnonzero(drawn != self.end)
        self.live = self.live[torch.as_tensor(going, device=self.live.device)]
        return going, drawn[going]

    def hypotheses(self) -> list[Hypothesis]:
        """What has been written, in the order of the seeds."""
        lengths = ((self.tokens != self.end).sum(1) + 1).tolist()
        rows = zip(self.tokens.tolist(), self.log_probs.tolist(), lengths, strict=True)
        return [Hypothesis(tuple(tokens[:length]), tuple(values[:length])) for tokens, values, length in rows]


def _numbers(seed: int, count: int) -> npt.NDArray[np.float64]:
    """A walk's own random numbers in [0, 1), one for each of its tokens."""
    return np.random.Generator(np.random.PCG64(seed)).random(count)


def draw(log_probs: torch.Tensor, numbers: torch.Tensor, settings: SamplingSettings) -> torch.Tensor:
    """The token of each row at which the cumulative probability passes the row's number.

    Args:
        log_probs: (rows, vocabulary), not necessarily normalised.
        numbers: (rows), float64 in [0, 1), on a device that can calculate with these.
        settings: see `SamplingSettings`.
    """
    size = log_probs.shape[1]
    best = (log_probs / settings.temperature).topk(min(settings.top_k or size, size), dim=1)
    values, tokens = (part.to(numbers.device) for part in best)
    weights = values.double().softmax(1)
    before = weights.cumsum(1) - weights
    weights = torch.where(before < settings.top_p, weights, 0.0)
    # By token id: two tokens that rounding puts now in this order, now in that, must not change the draw.
    tokens, order = tokens.sort(dim=1)
    passed = weights.gather(1, order).cumsum(1)
    chosen = torch.searchsorted(passed, (numbers * passed[:, -1])[:, None], right=True)
    return tokens.gather(1, chosen.clamp(max=tokens.shape[1] - 1)).squeeze(1).to(log_probs.device)
