"""Questions that a context does not answer, hard to tell from those it does.

They are questions about other passages of the same article; where no article is known, about the passages
that share the most rare words with the context. A passage counts as not answering a question if its text
does not contain the answer.
"""

from __future__ import annotations

import math
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from quals.training.data import Pair, Passage

_NEAREST = 10  # passages that questions are taken from
_COMMON = 200  # passages: a word that more of them have says nothing of likeness


class ForeignQuestions:
    """Finds questions for contexts that do not answer them.

    Args:
        passages: where the questions come from; the contexts may be among them, or be parts of them.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages, self.plain = passages, [_plain(passage.context) for passage in passages]
        self.articles: dict[str, list[int]] = defaultdict(list)
        self.having: dict[str, list[int]] = defaultdict(list)
        for number, passage in enumerate(passages):
            self.articles[passage.title].append(number)
            for word in _words(self.plain[number]):
                self.having[word].append(number)

    def about(self, passage: Passage) -> list[Pair]:
        """The questions of the passages nearest to this one that it does not answer, with the empty answer."""
        context = _plain(passage.context)
        return [
            Pair(pair.question, "")
            for number in self._nearest(passage.title, context)
            for pair in self.passages[number].pairs
            if _plain(pair.answer) not in context
        ]

    def _nearest(self, title: str, context: str) -> list[int]:
        likeness: dict[int, float] = dict.fromkeys(self.articles[title] if title else (), 0.0)
        for word in _words(context):
            having = self.having.get(word, [])
            if len(having) <= _COMMON:
                for number in having:
                    if number in likeness or not title:
                        likeness[number] = likeness.get(number, 0.0) + math.log(len(self.passages) / len(having))
        nearest = sorted(likeness, key=lambda number: (-likeness[number], number))
        return [number for number in nearest[: _NEAREST + 1] if context not in self.plain[number]][:_NEAREST]


def with_unanswerable(
    examples: Sequence[Passage], passages: Sequence[Passage], *, share: float, seed: int
) -> list[Passage]:
    """The examples with about a ``share`` of their pairs replaced by questions that they do not answer.

    ``passages`` are where those questions come from. A pair stays where none can be found.
    """
    chance, foreign = random.Random(seed), ForeignQuestions(passages)
    made = []
    for example in examples:
        questions = foreign.about(example)
        pairs = [chance.choice(questions) if chance.random() < share and questions else pair for pair in example.pairs]
        made.append(replace(example, pairs=tuple(pairs)))
    return made


def _words(text: str) -> list[str]:
    return sorted(set(re.findall(r"\w+", text)))  # in order, since sums of floats depend on it


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
