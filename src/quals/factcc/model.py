"""FactCC's classifier in use: does a text bear out a claim?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from quals.errors import ModelError
from quals.factcc.verdict import CONSISTENT, INCONSISTENT, Slip
from quals.lm.beam import BeamSettings
from quals.lm.chunks import in_parts
from quals.lm.format import FACTCC, Task, text_ids
from quals.lm.framed import PairModel

LONGEST_VERDICT = 48  # tokens
_GREEDY = BeamSettings(width=1, max_length=LONGEST_VERDICT)
_GAIN = 1.5


@dataclass
class ClaimChecker(PairModel):
    """A model that reads a text and a claim and writes one of two words, and after "no" what is false.

    P(consistent) is its probability of the one word over that of both, at the first token where they differ.

    Raises:
        ModelError: its tokenizer does not tell the two words apart.
    """

    task: ClassVar[Task] = FACTCC
    common: list[int] = field(init=False)  # tokens that both words begin with
    verdicts: tuple[int, int] = field(init=False)  # the token that follows in either

    def __post_init__(self) -> None:
        words = [text_ids(self.lm.tokenizer, word) for word in (CONSISTENT, INCONSISTENT)]
        place = next((i for i, (one, other) in enumerate(zip(*words, strict=False)) if one != other), None)
        if place is None:
            raise ModelError(f"the tokenizer does not tell '{CONSISTENT}' from '{INCONSISTENT}'")
        self.common, self.verdicts = words[0][:place], (words[0][place], words[1][place])

    def check(self, texts: Sequence[list[int]], claims: Sequence[Sequence[str]]) -> list[list[float]]:
        """P(consistent) of each claim about each framed text; each text is read once for all of its claims."""
        prompts = [[[*self.prompt(claim), *self.common] for claim in group] for group in claims]
        found = self.next_log_probs(texts, prompts, self.verdicts)
        return [[_share(*values) for values in group] for group in found]

    def check_in_parts(
        self, texts: Sequence[Sequence[list[int]]], claims: Sequence[Sequence[str]]
    ) -> list[list[tuple[float, int]]]:
        """The same for texts in several parts, each framed: the highest probability and the part it is from."""
        return in_parts(self.check, texts, claims, _best)

    def slips(self, texts: Sequence[list[int]], claims: Sequence[Mapping[str, float]]) -> list[dict[str, Slip | None]]:
        """What is wrong in each claim about each framed text, if something is; None if that cannot be told.

        The model is made to name words, and what the text has instead. That counts if they are words of the claim, and
        the claim with the other words is `_GAIN` times as probably consistent.

        Args:
            texts: as for `check`.
            claims: for each text, with their P(consistent).
        """
        begun = f"{INCONSISTENT}:"
        written = self.complete(texts, [list(of) for of in claims], _GREEDY, begun=begun)
        named = [[Slip.parse(begun + self.decode(best.tokens[:-1])) for (best,) in group] for group in written]
        mended = [
            [slip.mend(claim) if slip else claim for claim, slip in zip(*both, strict=True)]
            for both in zip(claims, named, strict=True)
        ]
        return [
            {
                claim: slip if new > _GAIN * old else None
                for (claim, old), slip, new in zip(of.items(), slips, values, strict=True)
            }
            for of, slips, values in zip(claims, named, self.check(texts, mended), strict=True)
        ]

    def sample(self, context: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """The claims of ``pairs`` with P(consistent), and in brackets the right verdicts."""
        (found,) = self.check([self.frame(context)], [[claim for claim, _ in pairs]])
        return [(claim, f"{value:.2f} ({verdict})") for (claim, verdict), value in zip(pairs, found, strict=True)]


def _share(one: float, other: float) -> float:
    """e^one / (e^one + e^other)."""
    return 1 / (1 + math.exp(min(other - one, 700)))


def _best(values: Sequence[float]) -> tuple[float, int]:
    place = max(range(len(values)), key=values.__getitem__)
    return values[place], place
