"""Diverse beam search with Hamming diversity (Vijayakumar et al. 2016, arXiv 1610.02424, section 4).

Every group holds one beam. At each step the groups choose in turn, and a token costs a later group
``strength`` for each earlier group that has just chosen it. Beams with the same history share one node of
a prefix tree and part when they choose differently; a finished beam leaves the computation.

A group's choice is certain to lie among the ``groups`` most probable tokens of its node: fewer groups than
that choose before it, so at least one of those tokens carries no penalty and beats all that follow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from quals.lm.model import Ids, LanguageModel
from quals.lm.tree import ROOT, PrefixTree
from quals.settings import Settings, setting


@dataclass(frozen=True)
class SearchSettings(Settings):
    """Settings of the search; the defaults are those of the QUALS paper."""

    groups: int = setting(60, "Groups, each of one beam.", least=1)
    strength: float = setting(0.5, "Nats that a token costs for each earlier group which chose it.", least=0)
    min_length: int = setting(8, "Tokens before the end token, at least.", least=0)
    max_length: int = setting(60, "Tokens before the end token, which is then forced.", least=1)


@dataclass(frozen=True)
class Beam:
    """A finished sequence, its end token included.

    ``log_probs`` are the model's own, one per token; ``penalties`` what diversity took from each choice.
    """

    tokens: tuple[int, ...]
    log_probs: tuple[float, ...]
    penalties: tuple[float, ...]


@dataclass(frozen=True)
class Candidates:
    """The most probable tokens of each row in ascending order of token id, and their log-probabilities.

    Both are (rows, candidates).
    """

    tokens: npt.NDArray[np.int64]
    log_probs: npt.NDArray[np.float32]


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

    def places(self) -> list[int]:
        """Where in the frontier each group stands; -1 if it is done."""
        place = {node: i for i, node in enumerate(self.frontier)}
        return [-1 if group.done else place[group.node] for group in self.groups]

    def advance(self, tokens: list[int], log_probs: list[float], penalties: list[float]) -> tuple[list[int], list[int]]:
        """Take what each group has chosen; returns parents and tokens of the nodes to read next."""
        place = {node: i for i, node in enumerate(self.frontier)}
        for group, token, log_prob, penalty in zip(self.groups, tokens, log_probs, penalties, strict=True):
            if group.done:
                continue
            group.penalties.append(penalty)
            group.node = self.tree.add(group.node, token)
            if group.node == len(self.log_probs):
                self.log_probs.append(log_prob)
            group.done = token == self.end
        self.frontier = list(dict.fromkeys(group.node for group in self.groups if not group.done))
        return (
            [place[self.tree.parents[node]] for node in self.frontier],
            [self.tree.tokens[node] for node in self.frontier],
        )

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
    counts = np.zeros((len(texts), log_probs.shape[1]), np.int32)
    while True:
        found = best_tokens(_constrained(log_probs, end, step, settings), settings.groups)
        rows = _rows(searches)
        chosen, penalties = choose(found, rows, counts, settings.strength)
        taken = (values[rows, chosen].tolist() for values in (found.tokens, found.log_probs))
        steps = [search.advance(*of) for search, *of in zip(searches, *taken, penalties.tolist(), strict=True)]
        if not any(tokens for _, tokens in steps):
            return [search.beams() for search in searches]
        log_probs = session.extend([parents for parents, _ in steps], [tokens for _, tokens in steps])
        step += 1


def _rows(searches: Sequence[_Text]) -> npt.NDArray[np.int64]:
    """The row with the candidates of each group of each text; -1 for a group that is done."""
    starts = np.cumsum([0, *(len(search.frontier) for search in searches[:-1])])[:, None]
    places = np.array([search.places() for search in searches])
    return np.where(places < 0, -1, places + starts)


def choose(
    found: Candidates, rows: npt.NDArray[np.int64], counts: npt.NDArray[np.int32], strength: float
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """What each group takes: one group after the other, and that group of all texts at a time.

    Args:
        found: the candidates.
        rows: (texts, groups), the row with a group's candidates; -1 for a group that is done.
        counts: (texts, vocabulary), how many groups have taken a token: zeros, and zeros again afterwards.
        strength: see `SearchSettings`.

    Returns:
        The place of the choice among its candidates (of equals, the lowest token id), and what diversity took from it;
        (texts, groups) each.
    """
    chosen, penalties = np.zeros_like(rows), np.zeros(rows.shape)
    for group in range(rows.shape[1]):
        texts = np.flatnonzero(rows[:, group] >= 0)
        at, here = rows[texts, group], np.arange(len(texts))
        tokens = found.tokens[at]
        penalty = strength * counts[texts[:, None], tokens]
        best = (found.log_probs[at] - penalty.astype(np.float32)).argmax(1)
        chosen[texts, group], penalties[texts, group] = best, penalty[here, best]
        counts[texts, tokens[here, best]] += 1
    texts, groups = np.nonzero(rows >= 0)
    counts[texts, found.tokens[rows[texts, groups], chosen[texts, groups]]] = 0
    return chosen, penalties


def _constrained(log_probs: torch.Tensor, end: int, step: int, settings: SearchSettings) -> torch.Tensor:
    """No end before the minimum length, nothing but the end at the maximum; changes ``log_probs``."""
    if step < settings.min_length:
        log_probs[:, end] = -torch.inf
    elif step >= settings.max_length:
        log_probs[:, torch.arange(log_probs.shape[1], device=log_probs.device) != end] = -torch.inf
    return log_probs


def best_tokens(log_probs: torch.Tensor, count: int) -> Candidates:
    """The ``count`` most probable tokens of each row; of equals at the border, the lowest token ids."""
    size = log_probs.shape[1]
    count = min(count, size)
    found = log_probs.topk(min(2 * count, size), dim=1)  # more, since others may be as good as the last
    # Here a step waits for the GPU, once; float32 holds all token ids below 2^24.
    values, tokens = torch.stack([found.values, found.indices.float()]).cpu().numpy()
    tokens = tokens.astype(np.int64)
    best = np.lexsort((tokens, -values))[:, :count]
    border, last = np.take_along_axis(values, best, 1)[:, -1], values[:, -1]
    values, tokens = (np.take_along_axis(each, best, 1) for each in (values, tokens))
    # Still others as good, further down? What cannot be chosen at all does not matter.
    ties = np.flatnonzero((border == last) & (2 * count < size) & np.isfinite(border))
    if len(ties):
        ranked = log_probs[ties].sort(dim=1, descending=True, stable=True)
        values[ties], tokens[ties] = ranked.values[:, :count].cpu(), ranked.indices[:, :count].cpu()
    order = tokens.argsort(1)
    return Candidates(np.take_along_axis(tokens, order, 1), np.take_along_axis(values, order, 1))
