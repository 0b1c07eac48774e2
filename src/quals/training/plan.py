"""Passages -> training examples: which, in what order, cut, joined or in lower case."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from quals.training.data import Passage

_SENTENCE_START = re.compile(
    r"(?<=[.!?])\s+(?=[\"'“A-Z0-9])"  # behind a full stop
    r"|\n\s*\n\s*|\n\s*(?=[-*#|•]|\d+[.)])"  # a paragraph, heading, item of a list or row of a table
)
_POOL = 16  # batches that are made of likes together: the more, the less padding and the less alike in order


def plan_examples(
    passages: Sequence[Passage],
    *,
    count: int,
    max_pairs: int,
    crop: float,
    seed: int,
    window: tuple[int, int] = (12, 60),
    joined: float = 0.0,
    span: tuple[int, int] = (150, 380),
) -> list[Passage]:
    """Choose ``count`` training examples: whole epochs over the passages, each epoch in a new order.

    An example keeps at most ``max_pairs`` random pairs. With probability ``crop`` its context is cut to a
    window of whole sentences around one answer, keeping the pairs answered inside. ``window`` is the range
    its number of words is drawn from, as short by default as the summaries that questions are written about.

    With probability ``joined`` a context is not cut but joined with its neighbours, to a number of words drawn from
    ``span``: as long as the chunks in which documents are read. Pairs are then of all that was joined.
    """
    chance, rows = random.Random(seed), _articles(passages)
    examples: list[Passage] = []
    while passages and len(examples) < count:
        for number in chance.sample(range(len(passages)), len(passages)):
            drawn, example = chance.random(), passages[number]
            if drawn < crop:
                example = _crop(example, chance, window)
            elif drawn < crop + joined:
                example = _join(*rows[number], chance, span)
            pairs = chance.sample(example.pairs, min(max_pairs, len(example.pairs)))
            examples.append(replace(example, pairs=tuple(pairs)))
    return examples[:count]


def _crop(passage: Passage, chance: random.Random, window: tuple[int, int]) -> Passage:
    anchors = [pair for pair in passage.pairs if pair.start >= 0]
    if not anchors:
        return passage
    starts = sentence_starts(passage.context)
    anchor = chance.choice(anchors)
    first = max(i for i, start in enumerate(starts) if start <= anchor.start)
    last = min(i for i, start in enumerate(starts) if start >= anchor.end)
    words = chance.randint(*window)
    while len(passage.context[starts[first] : starts[last]].split()) < words and (first or last + 1 < len(starts)):
        if first and (last + 1 == len(starts) or chance.random() < 0.5):
            first -= 1
        else:
            last += 1
    begin, end = starts[first], starts[last]
    kept = [replace(pair, start=pair.start - begin) for pair in anchors if begin <= pair.start and pair.end <= end]
    kept += [pair for pair in passage.pairs if not pair.answer]  # what the whole does not answer, no part of it does
    return Passage(passage.context[begin:end].rstrip(), tuple(kept), passage.title)


def sentence_starts(text: str) -> list[int]:
    """Where its sentences begin, as punctuation, capitals and lines tell, and where the text ends."""
    return [0, *(match.end() for match in _SENTENCE_START.finditer(text)), len(text)]


def _articles(passages: Sequence[Passage]) -> list[tuple[list[Passage], int]]:
    """For each passage its neighbours in order, itself among them, and its place there.

    They are those of the same article; all passages without a title count as one.
    """
    articles: dict[str, list[Passage]] = defaultdict(list)
    places = []
    for passage in passages:
        places.append((articles[passage.title], len(articles[passage.title])))
        articles[passage.title].append(passage)
    return places


def _join(row: Sequence[Passage], place: int, chance: random.Random, span: tuple[int, int]) -> Passage:
    """The passage with those beside it in the row, until there are as many words as were drawn."""
    first, last, words = place, place + 1, chance.randint(*span)
    counted = len(row[place].context.split())
    while counted < words and (first or last < len(row)):
        before = first > 0 and (last == len(row) or chance.random() < 0.5)
        counted += len(row[first - 1 if before else last].context.split())
        if counted > span[1]:
            break  # what stands behind the most that the model is given would be cut off, with its answers
        first, last = first - before, last + (not before)
    between, context, pairs = chance.choice((" ", "\n")), "", []
    for passage in row[first:last]:
        context += between if context else ""
        shift = len(context)
        pairs += [
            replace(pair, start=pair.start + shift if pair.start >= 0 else -1)
            for pair in passage.pairs
            if pair.answer or last - first == 1  # what one passage does not answer, another may
        ]
        context += passage.context
    return Passage(context, tuple(pairs), row[place].title)


def lower_cased(examples: Sequence[Passage], *, share: float, seed: int) -> list[Passage]:
    """The examples with about a ``share`` of them wholly in lower case, as many texts are."""
    chance = random.Random(seed)
    return [_lower(example) if chance.random() < share else example for example in examples]


def _lower(example: Passage) -> Passage:
    pairs = (replace(pair, question=pair.question.lower(), answer=pair.answer.lower()) for pair in example.pairs)
    return replace(example, context=example.context.lower(), pairs=tuple(pairs))


def of_like_length(examples: Sequence[Passage], batch: int, seed: int) -> list[Passage]:
    """The examples in another order: those of a batch are about equally long, and batches follow each other at random.

    It takes the padding out of batches without changing by much what is learnt when.
    """
    chance, ordered = random.Random(seed), []
    for start in range(0, len(examples), _POOL * batch):
        pool = sorted(examples[start : start + _POOL * batch], key=_length)
        batches = [pool[first : first + batch] for first in range(0, len(pool), batch)]
        short = [batches.pop()] if len(pool) % batch else []  # a batch that is not full has to stay the last
        ordered += [example for each in [*chance.sample(batches, len(batches)), *short] for example in each]
    return ordered


def _length(example: Passage) -> int:
    return len(example.context) + sum(len(pair.question) + len(pair.answer) for pair in example.pairs)
