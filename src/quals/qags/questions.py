"""Writing questions to given answers, and choosing those worth asking."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from quals.lm.beam import BeamSettings
from quals.lm.format import QG, Task
from quals.lm.framed import PairModel
from quals.qags.candidates import Candidate
from quals.qags.f1 import normalized
from quals.texts import gist


@dataclass(frozen=True)
class Question:
    """A question, the answer it was written for, and its mean log-probability per token, in nats."""

    text: str
    candidate: Candidate
    log_prob: float


class QuestionGenerator(PairModel):
    """A model that reads a text and an answer and writes the question."""

    task: ClassVar[Task] = QG

    def write(
        self, texts: Sequence[str], wanted: Sequence[Sequence[Candidate]], settings: BeamSettings
    ) -> list[list[Question]]:
        """Questions about each text by beam search, ``settings.width`` of them to each answer wanted."""
        answers = [[candidate.answer for candidate in group] for group in wanted]
        found = self.complete([self.frame(text) for text in texts], answers, settings)
        return [
            [
                Question(self.decode(hypothesis.tokens[:-1]).strip(), candidate, hypothesis.mean)
                for candidate, hypotheses in zip(group, beams, strict=True)
                for hypothesis in hypotheses
            ]
            for group, beams in zip(wanted, found, strict=True)
        ]

    def sample(self, context: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """The answers of ``pairs`` with the model's own questions."""
        answers = [answer for _, answer in pairs]
        (found,) = self.complete([self.frame(context)], [answers], BeamSettings(width=4))
        return [
            (self.decode(best.tokens[:-1]).strip(), answer) for (best, *_), answer in zip(found, answers, strict=True)
        ]


def can_be_asked(question: Question) -> bool:
    """Whether it ends in "?" and has at least 3 tokens, words and punctuation marks counted."""
    return question.text.endswith("?") and len(re.findall(r"\w+|[^\w\s]", question.text)) >= 3


def is_answered_by(question: Question, answer: str) -> bool:
    """Whether ``answer`` is the one expected, as SQuAD's normalisation sees it."""
    return normalized(answer) == normalized(question.candidate.answer)


def most_probable(questions: Iterable[Question], count: int) -> list[Question]:
    """The best ``count``, best first; of near-duplicates (see `gist`) only the best."""
    chosen: dict[str, Question] = {}
    for question in sorted(questions, key=lambda question: -question.log_prob):
        chosen.setdefault(gist(question.text), question)
    return list(chosen.values())[:count]
