"""Random continuations of texts: top-k (Fan et al. 2018), nucleus (Holtzman et al. 2020), temperature.

Every continuation has its own stream of random numbers, one for each token, that depends on nothing but its
seed; a token is found where its number falls in the distribution. So what is drawn does not depend on which
other texts share the batch, or on how many continuations are asked for.

All continuations of a text are branches of one tree: the text is encoded once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from quals.lm.beam import Hypothesis
from quals.lm.constraints import Constraints
from quals.lm.model import Ids, LanguageModel


@dataclass(frozen=True)
class SamplingSettings:
    """Settings of the draw; lengths are in tokens before the end token, which is forced at the maximum."""

    top_k: int = 50  # only the most probable so many; 0: all
    top_p: float = 1.0  # only the most probable that together have this probability
    temperature: float = 1.0
    min_length: int = 0
    max_length: int = 60


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
    walks = [[_Walk(_numbers(seed, settings.max_length)) for seed in group] for group in seeds]
    live = [list(group) for group in walks]
    log_probs, owners = session.first, [row for row, group in enumerate(live) for _ in group]
    for step in range(settings.max_length + 1):
        flat = [walk for group in live for walk in group]
        _advance(flat, log_probs[owners], step, end, settings, constraints)
        steps = [[(place, walk) for place, walk in enumerate(group) if not walk.done] for group in live]
        live = [[walk for _, walk in group] for group in steps]
        if not any(live):
            break
        # After the first token, the node that a walk follows is its own.
        parents = [[place if step else 0 for place, _ in group] for group in steps]
        log_probs = session.extend(parents, [[walk.tokens[-1] for walk in group] for group in live])
        owners = list(range(len(log_probs)))
    return [[Hypothesis(tuple(walk.tokens), tuple(walk.log_probs)) for walk in group] for group in walks]


@dataclass
class _Walk:
    """A continuation under way, with a number in [0, 1) for each of its tokens."""

    numbers: npt.NDArray[np.float64]
    tokens: list[int] = field(default_factory=list)
    log_probs: list[float] = field(default_factory=list)
    done: bool = False


def _numbers(seed: int, count: int) -> npt.NDArray[np.float64]:
    return np.random.Generator(np.random.PCG64(seed)).random(count)


def _advance(
    walks: Sequence[_Walk],
    log_probs: torch.Tensor,
    step: int,
    end: int,
    settings: SamplingSettings,
    constraints: Constraints,
) -> None:
    if step == settings.max_length:
        tokens = [end] * len(walks)
    else:
        allowed = constraints.apply(log_probs, [walk.tokens for walk in walks])
        if step < settings.min_length:
            allowed[:, end] = -torch.inf
        numbers = torch.tensor([walk.numbers[step] for walk in walks], device=allowed.device)
        tokens = draw(allowed, numbers, settings).tolist()
    own = log_probs[range(len(walks)), tokens].tolist()
    for walk, token, log_prob in zip(walks, tokens, own, strict=True):
        walk.tokens.append(token)
        walk.log_probs.append(log_prob)
        walk.done = token == end


def draw(log_probs: torch.Tensor, numbers: torch.Tensor, settings: SamplingSettings) -> torch.Tensor:
    """The token of each row at which the cumulative probability passes the row's number.

    Args:
        log_probs: (rows, vocabulary), not necessarily normalised.
        numbers: (rows), float64 in [0, 1).
        settings: see `SamplingSettings`.
    """
    size = log_probs.shape[1]
    values, tokens = (log_probs / settings.temperature).topk(min(settings.top_k or size, size), dim=1)
    weights = values.double().softmax(1)
    before = weights.cumsum(1) - weights
    weights = torch.where(before < settings.top_p, weights, 0.0)
    # By token id: two tokens that rounding puts now in this order, now in that, must not change the draw.
    tokens, order = tokens.sort(dim=1)
    passed = weights.gather(1, order).cumsum(1)
    chosen = torch.searchsorted(passed, (numbers * passed[:, -1])[:, None], right=True)
    return tokens.gather(1, chosen.clamp(max=tokens.shape[1] - 1)).squeeze(1)
