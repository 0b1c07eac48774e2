"""Diverse beam search with Hamming diversity (Vijayakumar et al. 2016, arXiv 1610.02424, section 4).

Every group holds one beam. At each step the groups choose in turn, and a token costs a later group
``strength`` for each earlier group that has just chosen it. Beams with the same history share one node of
a prefix tree and part when they choose differently; a finished beam leaves the computation.

A group's choice is certain to lie among the ``groups`` most probable tokens of its node: fewer groups than
that choose before it, so at least one of those tokens carries no penalty and beats all that follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import pad

from quals.lm.tree import Ids
from quals.settings import Settings, setting

if TYPE_CHECKING:
    from quals.lm.model import LanguageModel


@dataclass(frozen=True)
class SearchSettings(Settings):
    """Settings of the search; the defaults are those of the QUALS paper."""

    groups: int = setting(60, "Groups, each of one beam.", least=1)
    strength: float = setting(0.5, "Nats that a token costs for each earlier group which chose it.", least=0)
    min_length: int = setting(8, "Tokens before the end token, at least.", least=0, most="max_length")
    max_length: int = setting(60, "Tokens before the end token, which is then forced.", least=1)


@dataclass(frozen=True)
class Beam:
    """A finished sequence, its end token included.

    ``log_probs`` are the model's own, natural log, one per token; ``penalties`` what diversity took from each choice.
    """

    tokens: tuple[int, ...]
    log_probs: tuple[float, ...]
    penalties: tuple[float, ...]


@dataclass(frozen=True)
class Candidates:
    """Tokens of each row that may be chosen, in ascending order of token id, and their log-probabilities.

    Both are (rows, candidates). ``ties`` is true if others, which are not among them, are as good as the last that
    have to be.
    """

    tokens: torch.Tensor
    log_probs: torch.Tensor
    ties: torch.Tensor


@dataclass(frozen=True)
class _Step:
    """What the groups of each text have chosen, (texts, groups) each.

    ``live`` are those that were not done before, ``earlier`` counts the groups that chose the same token before.
    """

    tokens: torch.Tensor
    log_probs: torch.Tensor
    live: torch.Tensor
    earlier: torch.Tensor


@dataclass(frozen=True)
class _Nodes:
    """The nodes to read next, text by text, and where the groups stand on them.

    ``places`` is (texts, groups), -1 for a group that is done; ``counts`` nodes of each text. ``parents`` and
    ``tokens`` are longer than the nodes are many: how many is not known before somebody has waited for the counts.
    """

    counts: torch.Tensor
    parents: torch.Tensor
    tokens: torch.Tensor
    places: torch.Tensor


@torch.inference_mode()
def diverse_beam_search(
    lm: LanguageModel, texts: Sequence[Ids], end: int, settings: SearchSettings
) -> list[list[Beam]]:
    """Search from each text; ``settings.groups`` beams each, in the order of their groups.

    All of it happens where the model is, for all texts at once; a step waits for one thing, how many nodes there are.

    Args:
        lm: the model.
        texts: framed token ids.
        end: the token that ends a sequence.
        settings: see `SearchSettings`.
    """
    session = lm.begin(texts)
    log_probs, steps = session.first, list[_Step]()
    places = lm.tensor(range(len(texts)))[:, None].expand(-1, settings.groups)
    while True:
        log_probs = _constrained(log_probs, end, len(steps), settings)
        found = candidates(log_probs, settings.groups)
        step, nodes = _advance(found, places, end, log_probs.shape[1], settings)
        *counts, ties = torch.cat([nodes.counts, found.ties[None]]).tolist()
        if ties:
            step, nodes = _advance(_ranked(log_probs, settings.groups), places, end, log_probs.shape[1], settings)
            counts = nodes.counts.tolist()
        steps.append(step)
        if not any(counts):
            return _beams(steps, settings.strength)
        places, total = nodes.places, sum(counts)
        log_probs = session.grow(counts, nodes.parents[:total], nodes.tokens[:total])


def _advance(
    found: Candidates, places: torch.Tensor, end: int, size: int, settings: SearchSettings
) -> tuple[_Step, _Nodes]:
    """Let every group take a token of its node, and make the nodes for what they took."""
    live, at = places >= 0, places.clamp(min=0)
    tokens, log_probs = choose(found.tokens[at], found.log_probs[at], live, size, settings.strength)
    same = (tokens[:, :, None] == tokens[:, None, :]) & live[:, None, :]
    step = _Step(tokens, log_probs, live, same.tril(-1).sum(2))
    return step, _nodes(torch.where(live & (tokens != end), places * size + tokens, places.new_full((), _DONE)), size)


def choose(
    tokens: torch.Tensor, log_probs: torch.Tensor, live: torch.Tensor, size: int, strength: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """What each group takes: one group after the other, and that group of all texts at a time.

    Args:
        tokens: (texts, groups, candidates), ascending.
        log_probs: theirs.
        live: (texts, groups), false for a group that is done, whose choice means nothing.
        size: of the vocabulary.
        strength: see `SearchSettings`.

    Returns:
        The choices (of equals, the lowest token id) and their log-probabilities; (texts, groups) each.
    """
    taken = log_probs.new_zeros(len(tokens), size)  # how many groups have taken a token
    counted, chosen = live.to(taken.dtype), []
    for group in range(tokens.shape[1]):
        own = tokens[:, group]
        scores = torch.sub(log_probs[:, group], taken.gather(1, own), alpha=strength)
        chosen.append(scores.argmax(1, keepdim=True))
        taken.scatter_add_(1, own.gather(1, chosen[-1]), counted[:, group : group + 1])
    best = torch.stack(chosen, 1)
    return tokens.gather(2, best)[..., 0], log_probs.gather(2, best)[..., 0]


_DONE = torch.iinfo(torch.int64).max


def _nodes(keys: torch.Tensor, size: int) -> _Nodes:
    """One node for all groups of a text with the same key: the parent's place times ``size``, plus the token."""
    keys, order = keys.sort(1)
    live = keys != _DONE
    first = live & (keys != pad(keys, (1, -1), value=-1))
    counts = first.sum(1)
    ends = counts.cumsum(0)
    nodes = (ends - counts)[:, None] + first.cumsum(1) - 1
    groups = torch.full_like(keys, -1).scatter(1, order, torch.where(live, nodes, -1))
    # Groups on one node write the same; those that are done write to a place behind all nodes.
    at, nowhere = torch.where(live, nodes, keys.numel()).flatten(), keys.new_zeros(keys.numel() + 1)
    parents = nowhere.scatter(0, at, (keys // size).flatten())
    return _Nodes(counts, parents, nowhere.scatter(0, at, (keys % size).flatten()), groups)


def _beams(steps: Sequence[_Step], strength: float) -> list[list[Beam]]:
    tokens, log_probs, earlier = (
        torch.stack([getattr(step, name) for step in steps], 2).tolist() for name in ("tokens", "log_probs", "earlier")
    )
    lengths = torch.stack([step.live for step in steps]).sum(0).tolist()
    return [
        [
            Beam(tuple(of[0][:length]), tuple(of[1][:length]), tuple(strength * count for count in of[2][:length]))
            for *of, length in zip(*text, strict=True)
        ]
        for text in zip(tokens, log_probs, earlier, lengths, strict=True)
    ]


def _constrained(log_probs: torch.Tensor, end: int, step: int, settings: SearchSettings) -> torch.Tensor:
    """No end before the minimum length, nothing but the end at the maximum; changes ``log_probs``."""
    if step < settings.min_length:
        log_probs[:, end] = -torch.inf
    elif step >= settings.max_length:
        last = log_probs[:, end].clone()
        log_probs.fill_(-torch.inf)
        log_probs[:, end] = last
    return log_probs


def candidates(log_probs: torch.Tensor, count: int) -> Candidates:
    """At least the ``count`` most probable tokens of each row; of equals at the border, the lowest token ids.

    Unless there are ``ties``: then some of the equals at the border may be missing (see `_ranked`).
    """
    size = log_probs.shape[1]
    more = min(2 * count, size)  # tokens that were never trained are all as good as each other
    values, tokens = log_probs.topk(more, dim=1)
    # Others as good, further down? What cannot be chosen at all does not matter.
    last = values[:, -1]
    ties = ((values[:, min(count, size) - 1] == last) & last.isfinite()).any() & (more < size)
    tokens, order = tokens.sort(1)
    return Candidates(tokens, values.gather(1, order), ties)


def _ranked(log_probs: torch.Tensor, count: int) -> Candidates:
    """`candidates` without doubt, and slowly: just as many, all of the vocabulary being put in order."""
    values, tokens = log_probs.sort(dim=1, descending=True, stable=True)
    tokens, order = tokens[:, :count].sort(1)
    return Candidates(tokens, values.gather(1, order), values.new_zeros((), dtype=torch.bool))


def best_tokens(log_probs: torch.Tensor, count: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """The ``count`` most probable tokens of each row in ascending order of token id, and their log-probabilities.

    Of equals at the border they are the lowest token ids. Both are (rows, candidates), on the CPU.
    """
    found = candidates(log_probs, count)
    if found.ties:
        found = _ranked(log_probs, count)
    # They stand in the order of their ids, so of equals a stable sort takes the lowest.
    best = found.log_probs.sort(dim=1, descending=True, stable=True).indices[:, :count].sort(1).values
    # Here one waits for the GPU, as for the ties before; float32 holds all token ids below 2^24.
    both = torch.stack([found.tokens.float(), found.log_probs]).gather(2, best.expand(2, -1, -1)).cpu().numpy()
    return both[0].astype(np.int64), both[1]
