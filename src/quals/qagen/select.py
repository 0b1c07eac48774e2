"""Beams -> the pairs worth asking: the answer filter and the round-robin choice (Nan et al. 2021, section 3)."""

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
    stands in the text (see `find_answer`). ``log_prob`` is what pairs are ranked by: the sum over all tokens.
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
    separator, special = qagen.form.separator, set(qagen.lm.tokenizer.all_special_ids)
    whole = [beam for beam in beams if _is_pair(beam.tokens, separator, special)]
    middles = [beam.tokens.index(separator) for beam in whole]
    halves = [beam.tokens[:middle] for beam, middle in zip(whole, middles, strict=True)]
    halves += [beam.tokens[middle + 1 : -1] for beam, middle in zip(whole, middles, strict=True)]
    texts = qagen.decode_all(halves)
    found = zip(whole, texts[: len(whole)], texts[len(whole) :], strict=True)
    return [pair for beam, question, answer in found if (pair := _pair(text, beam, question, answer, reference))]


def _is_pair(tokens: Sequence[int], separator: int, special: set[int]) -> bool:
    """Whether there is one separator before the end, and no other special token."""
    written = tokens[:-1]
    return written.count(separator) == 1 and not set(written) & (special - {separator})


def _pair(text: str, beam: Beam, question: str, answer: str, reference: bool) -> GeneratedPair | None:
    log_probs = beam.log_probs
    if reference:
        log_probs = tuple(own - penalty for own, penalty in zip(log_probs, beam.penalties, strict=True))
    else:
        question, answer = question.strip(), answer.strip()
    span = find_answer(answer, text)
    if span is None or not question.strip() or not answer.strip():
        return None
    return GeneratedPair(question, answer, beam.tokens, log_probs, math.fsum(log_probs), span)


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
