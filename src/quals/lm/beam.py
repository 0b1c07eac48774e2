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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from quals.lm.constraints import FILLER, Constraints
from quals.lm.search import best_tokens
from quals.lm.tree import Ids, Ints
from quals.settings import Settings, setting

if TYPE_CHECKING:
    from quals.lm.model import LanguageModel


@dataclass(frozen=True)
class BeamSettings(Settings):
    """Settings of the search; a width of 1 is greedy search.

    If it is not patient, a few short sequences can end it before a better, longer one is done.
    """

    width: int = setting(10, "Beams.", least=1)
    min_length: int = setting(0, "Tokens before the end token, at least.", least=0, most="max_length")
    max_length: int = setting(40, "Tokens before the end token, which is then forced.", least=0)
    patient: bool = setting(False, "Go on while a beam is better than the worst finished one.")


@dataclass(frozen=True)
class Hypothesis:
    """A finished sequence after its prompt, end token included, with one log-probability (natural log) per token."""

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
    settings: BeamSettings,
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
    if not any(prompts):
        return [[] for _ in texts]
    different = [list(dict.fromkeys(map(tuple, group))) for group in prompts]
    session = lm.begin(texts, different)
    search = _Search([prompt for group in different for prompt in group], end, settings)
    log_probs = session.first
    while True:
        if constraints:
            log_probs = constraints.apply(log_probs, search.written)
        search.advance(*best_tokens(log_probs, 2 * settings.width + 1), log_probs[:, end].cpu().numpy())
        if not len(search.beams):
            break
        log_probs = session.extend(search.follows, search.written[:, -1])
    found = iter(search.finished)
    of_prompts = [{prompt: next(found) for prompt in group} for group in different]
    return [[of[tuple(prompt)] for prompt in group] for of, group in zip(of_prompts, prompts, strict=True)]


class _Search:
    """The searches from all prompts, each a step further with every call of `advance`.

    Attributes:
        beams: for each live beam, the number of its prompt, in ascending order, those of a prompt best first.
        totals: their log-probabilities so far.
        written: (beams, tokens), their prompts and what has been written, with a filler before the shorter ones.
        log_probs: (beams, step), of the tokens written.
        follows: which of the beams before the step each goes on from.
        finished: for each prompt, the best finished sequences, best first.
    """

    def __init__(self, prompts: Sequence[Ids], end: int, settings: BeamSettings) -> None:
        self.end, self.settings, self.step = end, settings, 0
        self.beams = self.follows = np.arange(len(prompts))
        self.totals, self.log_probs = np.zeros(len(prompts)), np.zeros((len(prompts), 0))
        longest = max(map(len, prompts))
        self.written = np.array([[*[FILLER] * (longest - len(prompt)), *prompt] for prompt in prompts], np.int64)
        self.finished: list[list[Hypothesis]] = [[] for _ in prompts]

    def advance(self, tokens: Ints, log_probs: npt.NDArray[np.float32], ends: npt.NDArray[np.float32]) -> None:
        """Take every beam a token further.

        Args:
            tokens, log_probs: (beams, candidates), what may follow each, in ascending order of the token.
            ends: log-probabilities of the end token, which may not be among them.

        Raises:
            FloatingPointError: they are no numbers, since something in the model was too large for its type.
        """
        if np.isnan(log_probs).any():
            raise FloatingPointError("the model's numbers are not finite")
        width = self.settings.width
        follows, written, own, totals = self._ranked(*self._allowed(tokens, log_probs, ends))
        there = follows >= 0
        ended = there & (written == self.end)
        going = there & ~ended
        going &= going.cumsum(1) <= width
        for prompt, rank in np.argwhere(ended[:, :width]).tolist():
            self._finish(prompt, int(follows[prompt, rank]), float(own[prompt, rank]))
        going[self._over(np.where(going, totals, -np.inf).max(1))] = False
        self.beams, self.follows = going.nonzero()[0], follows[going]
        self.totals = totals[going]
        self.written = np.column_stack([self.written[self.follows], written[going]])
        self.log_probs = np.column_stack([self.log_probs[self.follows], own[going]])
        self.step += 1

    def _allowed(
        self, tokens: Ints, log_probs: npt.NDArray[np.float32], ends: npt.NDArray[np.float32]
    ) -> tuple[Ints, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """What may follow each beam, (beams, candidates): tokens, their log-probabilities and those of the whole.

        No end before the minimum length, nothing but the end at the maximum.
        """
        if self.step == self.settings.max_length:
            tokens, log_probs = np.full((len(ends), 1), self.end), ends[:, None]
        own = log_probs.astype(np.float64)
        totals = own + self.totals[:, None]
        if self.step < self.settings.min_length:
            totals[tokens == self.end] = np.nan
        return tokens, own, totals

    def _ranked(
        self, tokens: Ints, log_probs: npt.NDArray[np.float64], totals: npt.NDArray[np.float64]
    ) -> tuple[Ints, ...]:
        """The best of each prompt, (prompts, ranks): beam (-1: there are no more), token and both log-probabilities."""
        width, count = self.settings.width, tokens.shape[1]
        place = np.arange(len(self.beams)) - np.searchsorted(self.beams, self.beams)
        places = np.full((len(self.finished), width, count), np.nan)
        places[self.beams, place] = totals
        grid = places.reshape(len(places), -1)
        # Of equals, the earlier beam first, then the lower token: the order they come in. What is not there is last.
        order = np.argsort(-grid, axis=1, kind="stable")[:, : 2 * width]
        ranked = np.take_along_axis(grid, order, 1)
        follows = np.searchsorted(self.beams, np.arange(len(grid)))[:, None] + order // count
        follows = np.where(np.isnan(ranked), -1, follows)
        return follows, tokens[follows, order % count], log_probs[follows, order % count], ranked

    def _finish(self, prompt: int, beam: int, log_prob: float) -> None:
        """A beam is at its end, which has this log-probability."""
        length = self.log_probs.shape[1]
        tokens = self.written[beam, self.written.shape[1] - length :].tolist()
        found = Hypothesis((*tokens, self.end), (*self.log_probs[beam].tolist(), log_prob))
        ranked = sorted([*self.finished[prompt], found], key=lambda hypothesis: -hypothesis.mean)
        self.finished[prompt] = ranked[: self.settings.width]

    def _over(self, best: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Which searches end with this step; ``best`` is the log-probability of each one's best live beam."""
        if self.step == self.settings.max_length:
            return np.ones(len(best), bool)
        full = np.array([len(found) == self.settings.width for found in self.finished])
        if self.settings.patient:
            worst = [found[-1].mean if found else -np.inf for found in self.finished]
            full &= ~(best / (self.step + 1) > worst)
        return full
