"""Beam search, from any number of beginnings of each text at once.

Each step ranks all continuations of the live beams by the sum of their log-probabilities. Of the best
``2 * width``, those that end are finished if they are among the first ``width``, and the best ``width`` of
the others live on. The search is over as soon as ``width`` sequences are finished, or if it is patient, when
moreover no live beam is better than the worst of them. They are ranked by mean log-probability per token, as
is usual since Wu et al. 2016 (arXiv 1609.08144, section 7).

The beginnings of a text (its prompts) are branches of one tree, read in a single pass, and all their beams go on
from there: the text is encoded once, and whatever prompts or beams share is read once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from quals.lm.constraints import Constraints
from quals.lm.model import Ids, LanguageModel
from quals.lm.search import best_tokens
from quals.lm.tree import ROOT, PrefixTree
from quals.settings import Settings, setting


@dataclass(frozen=True)
class BeamSettings(Settings):
    """Settings of the search; a width of 1 is greedy search.

    If it is not patient, a few short sequences can end it before a better, longer one is done.
    """

    width: int = setting(10, "Beams.", least=1)
    min_length: int = setting(0, "Tokens before the end token, at least.", least=0)
    max_length: int = setting(40, "Tokens before the end token, which is then forced.", least=0)
    patient: bool = setting(False, "Go on while a beam is better than the worst finished one.")


@dataclass(frozen=True)
class Hypothesis:
    """A finished sequence after its prompt, end token included, with one log-probability per token."""

    tokens: tuple[int, ...]
    log_probs: tuple[float, ...]

    @property
    def log_prob(self) -> float:
        """Of the whole sequence, in nats."""
        return math.fsum(self.log_probs)

    @property
    def mean(self) -> float:
        """Nats per token: what hypotheses are ranked by."""
        return self.log_prob / len(self.log_probs)


def beam_search(
    lm: LanguageModel,
    texts: Sequence[Ids],
    prompts: Sequence[Sequence[Ids]],
    end: int,
    settings: BeamSettings | None = None,
    constraints: Constraints | None = None,
) -> list[list[list[Hypothesis]]]:
    """For each text, for each of its prompts, the best continuations, best first.

    Args:
        lm: the model.
        texts: framed token ids.
        prompts: for each text, what the sequences begin with; may be empty.
        end: the token that ends a sequence.
        settings: see `BeamSettings`; ``width`` hypotheses are found for each prompt.
        constraints: what is never written; a prompt counts as written.
    """
    settings = settings or BeamSettings()
    if not any(prompts):
        return [[] for _ in texts]
    searches = [_Text(group, end, settings) for group in prompts]
    session = lm.begin(texts, [search.written() for search in searches])
    log_probs = session.first
    while True:
        if constraints:
            log_probs = constraints.apply(log_probs, [path for search in searches for path in search.written()])
        best = best_tokens(log_probs, 2 * settings.width + 1)
        found = zip(*best, log_probs[:, end].tolist(), strict=True)
        for search in searches:
            search.advance([_Next(*next(found)) for _ in search.frontier])
        if not any(search.frontier for search in searches):
            return [search.hypotheses() for search in searches]
        parents, tokens = zip(*(search.reading() for search in searches), strict=True)
        log_probs = session.extend(parents, tokens)


@dataclass
class _Next:
    """What may follow a node: the most probable tokens, and the end token, which may not be among them."""

    tokens: npt.NDArray[np.int64]
    log_probs: npt.NDArray[np.float32]
    end: float


class _Text:
    """The searches from one text: a tree with a node for each token read or written."""

    def __init__(self, prompts: Sequence[Ids], end: int, settings: BeamSettings) -> None:
        self.tree, self.log_probs = PrefixTree(), dict[int, float]()
        self.branches = [_Branch(self, prompt, end, settings) for prompt in prompts]
        self.frontier = _distinct(self.branches)  # nodes that have just been read, or are to be read next
        self.before: list[int] = []  # the frontier of the step before

    def advance(self, found: Sequence[_Next]) -> None:
        """Take every branch one token further; ``found`` is what may follow the nodes of the frontier."""
        after = dict(zip(self.frontier, found, strict=True))
        for branch in self.branches:
            branch.advance(after)
        self.before, self.frontier = self.frontier, _distinct(self.branches)

    def reading(self) -> tuple[list[int], list[int]]:
        """Parents and tokens of the nodes to read next; see `Session.extend`."""
        place = {node: i for i, node in enumerate(self.before)}
        return (
            [place[self.tree.parents[node]] for node in self.frontier],
            [self.tree.tokens[node] for node in self.frontier],
        )

    def write(self, node: int, token: int, log_prob: float) -> int:
        """The node for a token that the model writes."""
        child = self.tree.add(node, token)
        self.log_probs[child] = log_prob
        return child

    def written(self) -> list[list[int]]:
        """What stands before each node of the frontier, the node included; at first, the different prompts."""
        return [[self.tree.tokens[at] for at in self.tree.path_to(node)] for node in self.frontier]

    def hypotheses(self) -> list[list[Hypothesis]]:
        return [branch.finished for branch in self.branches]


def _distinct(branches: Iterable[_Branch]) -> list[int]:
    """The nodes where they are."""
    return list(dict.fromkeys(node for branch in branches for node, _ in branch.live))


class _Branch:
    """The search from one prompt; ``live`` holds each beam's node and log-probability so far."""

    def __init__(self, text: _Text, prompt: Ids, end: int, settings: BeamSettings) -> None:
        self.text, self.prompt, self.end, self.settings = text, prompt, end, settings
        self.live: list[tuple[int, float]] = [((ROOT, *text.tree.add_path(prompt))[-1], 0.0)]
        self.finished: list[Hypothesis] = []
        self.step = 0

    def advance(self, after: dict[int, _Next]) -> None:
        if not self.live:
            return
        width, live, self.live = self.settings.width, self.live, []
        beams, tokens, log_probs, totals = self._continuations(live, after)
        # Of equals, the earlier beam first, then the lower token: the order they come in.
        for rank, i in enumerate(np.argsort(-totals, kind="stable")[: 2 * width]):
            node, token = live[beams[i]][0], int(tokens[i])
            if token != self.end:
                if len(self.live) < width:
                    self.live.append((self.text.write(node, token, float(log_probs[i])), float(totals[i])))
            elif rank < width:
                self._finish(self.text.write(node, token, float(log_probs[i])))
        self.finished = sorted(self.finished, key=lambda hypothesis: -hypothesis.mean)[:width]
        if self.step == self.settings.max_length or (len(self.finished) == width and not self._promising()):
            self.live = []
        self.step += 1

    def _promising(self) -> bool:
        """Whether some live beam is better, per token so far, than the worst finished sequence."""
        worst, length = self.finished[-1].mean, self.step + 1
        return self.settings.patient and any(total / length > worst for _, total in self.live)

    def _continuations(
        self, live: Sequence[tuple[int, float]], after: dict[int, _Next]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Beam, token, log-probability of the token and of the whole, of everything that may come next."""
        tokens, log_probs = zip(*(self._allowed(after[node]) for node, _ in live), strict=True)
        counts = [len(found) for found in tokens]
        own = np.concatenate(log_probs)
        before = np.repeat([total for _, total in live], counts)
        return np.repeat(np.arange(len(live)), counts), np.concatenate(tokens), own, own + before

    def _allowed(self, found: _Next) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """No end before the minimum length, nothing but the end at the maximum."""
        if self.step == self.settings.max_length:
            return np.array([self.end]), np.array([found.end])
        tokens, log_probs = found.tokens, found.log_probs.astype(np.float64)
        if self.step < self.settings.min_length:
            tokens, log_probs = tokens[tokens != self.end], log_probs[tokens != self.end]
        return tokens, log_probs

    def _finish(self, node: int) -> None:
        nodes = self.text.tree.path_to(node)[len(self.prompt) :]
        tokens, log_probs = self.text.tree.tokens, self.text.log_probs
        self.finished.append(
            Hypothesis(tuple(tokens[node] for node in nodes), tuple(log_probs[node] for node in nodes))
        )
