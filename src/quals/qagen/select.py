"""Beams -> the pairs worth asking: the answer filter and the round-robin choice (spec steps 2 and 3)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quals.lm.search import Beam
from quals.records import Span
from quals.texts import find_answer, gist

if TYPE_CHECKING:
    from quals.qagen.model import QAGen


@dataclass(frozen=True)
class GeneratedPair:
    """A pair the model wrote about a text.

    ``tokens`` and ``log_probs`` run over question, separator, answer and end. ``span`` is where the answer
    first stands in the text. ``log_prob`` is what pairs are ranked by: the sum over all tokens.
    """

    question: str
    answer: str
    tokens: tuple[int, ...]
    log_probs: tuple[float, ...]
    log_prob: float
    span: Span


def parse(qagen: QAGen, text: str, beams: Iterable[Beam], *, reference: bool = False) -> list[GeneratedPair]:
    """The beams that are pairs with an answer that stands in the text (case ignored).

    With ``reference``, answers are compared as decoded, blanks included, and log-probabilities are those of
    the search, diversity penalty included, as in the authors' release.
    """
    pairs = []
    for beam in beams:
        log_probs = beam.log_probs
        if reference:
            log_probs = tuple(own - penalty for own, penalty in zip(log_probs, beam.penalties, strict=True))
        if pair := _pair(qagen, text, beam.tokens, log_probs, reference):
            pairs.append(pair)
    return pairs


def _pair(
    qagen: QAGen, text: str, tokens: tuple[int, ...], log_probs: tuple[float, ...], reference: bool
) -> GeneratedPair | None:
    written, separator = list(tokens[:-1]), qagen.form.separator
    if written.count(separator) != 1 or set(written) & set(qagen.lm.tokenizer.all_special_ids) - {separator}:
        return None
    middle = written.index(separator)
    question, answer = qagen.decode(written[:middle]), qagen.decode(written[middle + 1 :])
    if not reference:
        question, answer = question.strip(), answer.strip()
    span = find_answer(answer, text)
    if span is None or not question.strip() or not answer.strip():
        return None
    return GeneratedPair(question, answer, tokens, log_probs, math.fsum(log_probs), span)


def choose(pairs: Sequence[GeneratedPair], count: int, *, reference: bool = False) -> list[GeneratedPair]:
    """Go round the distinct answers, best first, taking each one's best unused question, until ``count``.

    Answers, and questions of one answer, are distinct if they differ in more than case, blanks and
    punctuation at the end; with ``reference``, if they differ at all, and the count is tested only between
    rounds, so that a few more can be kept.
    """
    by_answer: dict[str, dict[str, GeneratedPair]] = {}
    for pair in sorted(pairs, key=lambda pair: -pair.log_prob):
        questions = by_answer.setdefault(pair.answer if reference else gist(pair.answer), {})
        questions.setdefault(pair.question if reference else gist(pair.question), pair)
    queues = [list(questions.values()) for questions in by_answer.values()]
    chosen: list[GeneratedPair] = []
    while any(queues) and len(chosen) < count:
        chosen += [queue.pop(0) for queue in queues if queue]
    return chosen if reference else chosen[:count]
