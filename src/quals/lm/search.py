"""Diverse beam search with Hamming diversity (Vijayakumar et al. 2016, arXiv 1610.02424, section 4).

Every group holds one beam. At each step the groups choose in turn, and a token costs a later group
``strength`` for each earlier group that has just chosen it. Beams with the same history share one node of
a prefix tree and part when they choose differently; a finished beam leaves the computation.

A group's choice is certain to lie among the ``groups`` most probable tokens of its node: fewer groups than
that choose before it, so at least one of those tokens carries no penalty and beats all that follow.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from quals.lm.model import Ids, LanguageModel
from quals.lm.tree import ROOT, PrefixTree


@dataclass(frozen=True)
class SearchSettings:
    """Settings of the search; the defaults are those of the QUALS paper."""

    groups: int = 60
    strength: float = 0.5  # nats per earlier group with the same token
    min_length: int = 8  # tokens before the end token
    max_length: int = 60  # tokens before the end token, which is then forced


@dataclass(frozen=True)
class Beam:
    """A finished sequence, its end token included.

    ``log_probs`` are the model's own, one per token; ``penalties`` what diversity took from each choice.
    """

    tokens: tuple[int, ...]
    log_probs: tuple[float, ...]
    penalties: tuple[float, ...]


@dataclass
class Candidates:
    """A node's most probable tokens, in ascending order of token id, with their log-probabilities."""

    tokens: npt.NDArray[np.int64]
    log_probs: npt.NDArray[np.float32]

    def best(self, penalty: dict[int, float]) -> int:
        """Index of the best token after penalties; of equals, the lowest token id."""
        scores = self.log_probs
        if penalty:
            scores = scores - np.array([penalty.get(token, 0.0) for token in self.tokens.tolist()], np.float32)
        return int(scores.argmax())


@dataclass
class _Group:
    """A beam under way: its node in the tree and the penalties on the way there."""

    node: int = ROOT
    penalties: list[float] = field(default_factory=list)
    done: bool = False


class _Text:
    """The search from one text."""

    def __init__(self, settings: SearchSettings, end: int) -> None:
        self.settings, self.end = settings, end
        self.tree, self.log_probs = PrefixTree(), list[float]()
        self.groups = [_Group() for _ in range(settings.groups)]
        self.frontier = [ROOT]  # nodes whose candidates are at hand

    def choose(self, candidates: Sequence[Candidates]) -> tuple[list[int], list[int]]:
        """Let every live group take its next token; returns parents and tokens of the nodes to read next."""
        at = {node: found for node, found in zip(self.frontier, candidates, strict=True)}
        place = {node: i for i, node in enumerate(self.frontier)}
        chosen: Counter[int] = Counter()
        for group in self.groups:
            if not group.done:
                self._advance(group, at[group.node], chosen)
        self.frontier = list(dict.fromkeys(group.node for group in self.groups if not group.done))
        return (
            [place[self.tree.parents[node]] for node in self.frontier],
            [self.tree.tokens[node] for node in self.frontier],
        )

    def _advance(self, group: _Group, candidates: Candidates, chosen: Counter[int]) -> None:
        strength = self.settings.strength
        index = candidates.best({token: strength * count for token, count in chosen.items()} if strength else {})
        token = int(candidates.tokens[index])
        group.penalties.append(strength * chosen[token])
        chosen[token] += 1
        group.node = self.tree.add(group.node, token)
        if group.node == len(self.log_probs):
            self.log_probs.append(float(candidates.log_probs[index]))
        group.done = token == self.end

    def beams(self) -> list[Beam]:
        paths = [self.tree.path_to(group.node) for group in self.groups]
        return [
            Beam(
                tuple(self.tree.tokens[node] for node in path),
                tuple(self.log_probs[node] for node in path),
                tuple(group.penalties),
            )
            for path, group in zip(paths, self.groups, strict=True)
        ]


@torch.inference_mode()
def diverse_beam_search(
    lm: LanguageModel, texts: Sequence[Ids], end: int, settings: SearchSettings | None = None
) -> list[list[Beam]]:
    """Search from each text; ``settings.groups`` beams each, in the order of their groups.

    Args:
        lm: the model.
        texts: framed token ids.
        end: the token that ends a sequence.
        settings: see `SearchSettings`.
    """
    settings = settings or SearchSettings()
    session = lm.begin(texts)
    searches = [_Text(settings, end) for _ in texts]
    log_probs, step = session.first, 0
    while True:
        found = iter(best_tokens(_constrained(log_probs, end, step, settings), settings.groups))
        steps = [search.choose([next(found) for _ in search.frontier]) for search in searches]
        if not any(tokens for _, tokens in steps):
            return [search.beams() for search in searches]
        log_probs = session.extend([parents for parents, _ in steps], [tokens for _, tokens in steps])
        step += 1


def _constrained(log_probs: torch.Tensor, end: int, step: int, settings: SearchSettings) -> torch.Tensor:
    """No end before the minimum length, nothing but the end at the maximum; changes ``log_probs``."""
    if step < settings.min_length:
        log_probs[:, end] = -torch.inf
    elif step >= settings.max_length:
        log_probs[:, torch.arange(log_probs.shape[1], device=log_probs.device) != end] = -torch.inf
    return log_probs


def best_tokens(log_probs: torch.Tensor, count: int) -> list[Candidates]:
    """The ``count`` most probable tokens of each row; of equals at the border, the lowest token ids."""
    size = log_probs.shape[1]
    count = min(count, size)
    found = log_probs.topk(min(count + 1, size), dim=1)  # one more, to see whether it is as good
    values, tokens = found.values.cpu().numpy(), found.indices.cpu().numpy()  # here a step waits for the GPU, once
    ties = np.flatnonzero((values[:, count - 1] == values[:, -1]) & (count < size))
    values, tokens = values[:, :count], tokens[:, :count]
    if len(ties):
        ranked = log_probs[ties].sort(dim=1, descending=True, stable=True)
        values[ties], tokens[ties] = ranked.values[:, :count].cpu(), ranked.indices[:, :count].cpu()
    order = tokens.argsort(1)
    tokens, values = np.take_along_axis(tokens, order, 1), np.take_along_axis(values, order, 1)
    return [Candidates(*row) for row in zip(tokens, values, strict=True)]
