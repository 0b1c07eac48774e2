"""Answering questions from a text, or finding that it has no answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from quals.lm.beam import BeamSettings
from quals.lm.chunks import in_parts
from quals.lm.format import QA, Task
from quals.lm.framed import PairModel

GREEDY = BeamSettings(width=1, max_length=32)


@dataclass(frozen=True)
class Answer:
    """What a text answers; an empty ``text`` means that it does not. ``log_prob`` is of the whole answer, in nats."""

    text: str
    log_prob: float

    def __bool__(self) -> bool:
        return bool(self.text)


class QuestionAnswerer(PairModel):
    """A model that reads a text and a question and writes the answer, or nothing."""

    task: ClassVar[Task] = QA

    def answer(self, texts: Sequence[list[int]], questions: Sequence[Sequence[str]]) -> list[list[Answer]]:
        """The most probable answer, token by token, to each question about each framed text.

        Each text is read once for all of its questions.
        """
        found = self.complete(texts, questions, GREEDY)
        return [[self._answer(best.tokens, best.log_prob) for (best,) in group] for group in found]

    def answer_in_parts(
        self, texts: Sequence[Sequence[list[int]]], questions: Sequence[Sequence[str]]
    ) -> list[list[tuple[Answer, int]]]:
        """The same for texts in several parts, each framed: the best answer and the part it is from."""
        return in_parts(self.answer, texts, questions, best_answer)

    def sample(self, context: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """The questions of ``pairs`` with the model's own answers."""
        questions = [question for question, _ in pairs]
        (answers,) = self.answer([self.frame(context)], [questions])
        return [(question, answer.text) for question, answer in zip(questions, answers, strict=True)]

    def _answer(self, tokens: Sequence[int], log_prob: float) -> Answer:
        return Answer(self.decode(tokens[:-1]).strip(), log_prob)


def best_answer(answers: Sequence[Answer]) -> tuple[Answer, int]:
    """The most probable real answer and its place; unanswerable only if all are."""
    place = max(range(len(answers)), key=lambda i: (bool(answers[i]), answers[i].log_prob))
    return answers[place], place
