"""Questions that a context does not answer, hard to tell from those it does.

They are questions about the passages of the same article that share the most rare words with the context;
where no article is known, about the most alike passages of all. If the context is a window cut from a passage,
those about the rest of that passage are among them. A context counts as not answering a question if its text
does not contain the answer.
"""

from __future__ import annotations

import math
import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from quals.texts import plain
from quals.training.data import Pair, Passage

_NEAREST = 10  # passages that questions are taken from, the context's own among them
_COMMON = 200  # passages: a word that more of them have says nothing of likeness


class ForeignQuestions:
    """Finds questions for contexts that do not answer them.

    Args:
        passages: where the questions come from; the contexts may be among them, or be parts of them.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = passages
        articles: dict[str, list[int]] = defaultdict(list)
        having: dict[str, list[int]] = defaultdict(list)
        for number, passage in enumerate(passages):
            articles[passage.title].append(number)
            for word in _words(plain(passage.context)):
                having[word].append(number)
        self.articles = {title: np.array(numbers) for title, numbers in articles.items()}
        self.having = {word: np.array(numbers) for word, numbers in having.items() if len(numbers) <= _COMMON}

    def about(self, passage: Passage) -> list[Pair]:
        """The questions of the passages nearest to this one that it does not answer, with the empty answer."""
        context = plain(passage.context)
        near = [pair for number in self._nearest(passage.title, context) for pair in self.passages[number].pairs]
        answered = {pair.question for pair in near if plain(pair.answer) in context}
        # An answer that does not even stand in its own passage may stand here in other words.
        return [Pair(pair.question, "") for pair in near if pair.start >= 0 and pair.question not in answered]

    def _nearest(self, title: str, context: str) -> list[int]:
        having = [self.having[word] for word in _words(context) if word in self.having]
        numbers = np.concatenate([np.empty(0, int), *having])
        rarity = [math.log(len(self.passages) / len(each)) for each in having]
        weights = np.repeat(rarity, [len(each) for each in having])
        likeness = np.bincount(numbers, weights, len(self.passages))
        found = self.articles.get(title, numbers[:0]) if title else np.unique(numbers)
        nearest: list[int] = found[np.lexsort((found, -likeness[found]))][:_NEAREST].tolist()
        return nearest


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
