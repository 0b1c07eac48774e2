"""QAGS: do summary and document give the same answers to questions about the summary?

    QAGS(D, S) = mean over questions q of  F1( answer(q, D), answer(q, S) )

The questions are written from the summary, to answers chosen in it, and kept if the summary gives that answer
(Wang, Cho and Lewis 2020, arXiv 2004.04228, section 3). Where too few are kept, none are made up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import ClassVar

from quals.lm.beam import BeamSettings
from quals.lm.chunks import Chunk, chunks
from quals.lm.format import text_ids
from quals.metrics.grouped import GroupedMetric, Problem
from quals.nlp import PIPELINE, load_pipeline, pipeline_name
from quals.qags.answer import GREEDY, Answer, QuestionAnswerer
from quals.qags.candidates import Candidate, candidates
from quals.qags.f1 import token_f1
from quals.qags.questions import Question, QuestionGenerator, can_be_asked, is_answered_by, most_probable
from quals.records import QuestionEvidence, Span, Status, SummaryScore
from quals.settings import Settings, setting
from quals.signature import signature
from quals.texts import find_answer


@dataclass(frozen=True)
class QagsSettings(Settings):
    """Everything that changes the number, besides the models and the spaCy pipeline.

    Attributes:
        candidates: answers chosen from the summary.
        search: the beam search for questions; its width is the number of questions to each answer.
        questions: questions kept, at most.
        chunk: tokens of a document read at a time; from a longer one each question takes its most probable answer.
        overlap: tokens that neighbouring chunks share.
    """

    candidates: int = setting(10, "Answers chosen from the summary.", least=1)
    search: BeamSettings = field(default_factory=BeamSettings)
    questions: int = setting(20, "Questions kept, at most.", least=1)
    chunk: int = setting(384, "Tokens of a document read at a time.", least=1)
    overlap: int = setting(128, "Tokens that neighbouring chunks share.", least=0, below="chunk")


@dataclass(frozen=True)
class Asked:
    """A question with the summary's answer to it, which is the expected one but for articles and the like."""

    question: Question
    answer: str


class Qags(GroupedMetric[Asked]):
    """The QAGS metric.

    Args:
        question_model: a shipped name, a local folder or a Hub id of a model trained by ``quals train qg``, or
            a `QuestionGenerator` in memory.
        answer_model: the same for ``quals train qa`` and `QuestionAnswerer`.
        device, dtype: see `FramedModel.load`.
        pipeline: name or folder of a spaCy pipeline that finds entities and noun chunks.
        settings: see `QagsSettings`.

    Raises:
        InputError: the answer model reads too little for a chunk, a question and its answer.
    """

    name: ClassVar[str] = "qags"
    settings_type = QagsSettings
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    meaning: ClassVar[str] = (
        "How far document and summary give the same answers to questions about the summary: 1 if all answers agree, "
        "0 if none shares a word."
    )

    def __init__(
        self,
        question_model: str | QuestionGenerator = "qg-small",
        answer_model: str | QuestionAnswerer = "qa-small",
        device: str = "auto",
        *,
        dtype: str = "float32",
        pipeline: str = PIPELINE,
        settings: QagsSettings | None = None,
    ) -> None:
        self.settings = QagsSettings.given(settings)
        self.pipeline = load_pipeline(pipeline)
        self.generator = (
            question_model
            if isinstance(question_model, QuestionGenerator)
            else QuestionGenerator.load(question_model, device=device, dtype=dtype)
        )
        self.answerer = (
            answer_model
            if isinstance(answer_model, QuestionAnswerer)
            else QuestionAnswerer.load(answer_model, device=device, dtype=dtype)
        )
        self.device = self.answerer.lm.device.type
        self.answerer.check_room(self.settings.chunk, self._behind, "chunk")

    @property
    def signature(self) -> str:
        """See `quals.signature`."""
        settings, search = self.settings, self.settings.search
        return signature(
            self.name,
            {
                "questions": f"{self.generator.name}@{self.generator.revision}",
                "answers": f"{self.answerer.name}@{self.answerer.revision}",
                "spacy": pipeline_name(self.pipeline),
                "candidates": settings.candidates,
                "beams": search.width,
                "length": f"{search.min_length}-{search.max_length}{'-patient' if search.patient else ''}",
                "kept": settings.questions,
                "chunk": f"{settings.chunk}/{settings.overlap}",
                "dtype": "/".join(dict.fromkeys(model.dtype for model in (self.generator, self.answerer))),
            },
        )

    @property
    def _behind(self) -> int:
        """Tokens that have to fit behind a text: a question, an answer, and what parts them."""
        return self.settings.search.max_length + GREEDY.max_length + 1

    def _problem(self, summary: str) -> Problem | None:
        for model in (self.generator, self.answerer):
            length, room = len(text_ids(model.lm.tokenizer, summary)), model.room(self._behind)
            if length > room:
                return Status.SUMMARY_TOO_LONG, f"the summary has {length} tokens, '{model.name}' reads at most {room}"
        return None

    def _find(self, summaries: Sequence[str]) -> list[list[Asked] | Problem]:
        found = dict(zip(summaries, candidates(self.pipeline, summaries, self.settings.candidates), strict=True))
        return [
            asked or (Status.NO_QUESTIONS, _reason(found[summary]))
            for summary, asked in zip(summaries, self.ask(found), strict=True)
        ]

    def ask(self, found: Mapping[str, Sequence[Candidate]]) -> list[list[Asked]]:
        """For each summary with its answer candidates, the questions it is scored with, most probable first."""
        summaries = list(found)
        written = self.generator.write(summaries, list(found.values()), self.settings.search)
        askable = [[question for question in group if can_be_asked(question)] for group in written]
        texts = [list(dict.fromkeys(question.text for question in group)) for group in askable]
        answers = self.answerer.answer([self.answerer.frame(summary) for summary in summaries], texts)
        return [
            self._filter(group, dict(zip(asked, given, strict=True)))
            for group, asked, given in zip(askable, texts, answers, strict=True)
        ]

    def _filter(self, questions: Sequence[Question], answers: Mapping[str, Answer]) -> list[Asked]:
        kept = [question for question in questions if is_answered_by(question, answers[question.text].text)]
        best = most_probable(kept, self.settings.questions)
        return [Asked(question, answers[question.text].text) for question in best]

    def _compare(
        self, wanted: Mapping[str, Mapping[str, list[Asked]]], explain: bool
    ) -> dict[str, dict[str, SummaryScore]]:
        """Answer the questions of all summaries of each document; each chunk is read once for all of them."""
        size, overlap = self.settings.chunk, self.settings.overlap
        parts = chunks(self.answerer, list(wanted), size, overlap)
        questions = [
            list(dict.fromkeys(asked.question.text for group in of.values() for asked in group))
            for of in wanted.values()
        ]
        answers = self.answerer.answer_in_parts([[part.ids for part in each] for each in parts], questions)
        return {
            document: self._assemble(document, of, each, dict(zip(texts, given, strict=True)))
            for (document, of), each, texts, given in zip(wanted.items(), parts, questions, answers, strict=True)
        }

    def _assemble(
        self,
        document: str,
        asked_of: Mapping[str, list[Asked]],
        parts: list[Chunk],
        answers: Mapping[str, tuple[Answer, int]],
    ) -> dict[str, SummaryScore]:
        results = {}
        for summary, group in asked_of.items():
            evidence = []
            for asked in group:
                answer, part = answers[asked.question.text]
                evidence.append(_evidence(asked, answer, document, parts[part].span))
            value = fmean(piece.score for piece in evidence)
            results[summary] = self._result(value, evidence, len(parts), "the most probable answer counts")
        return results


def _evidence(asked: Asked, answer: Answer, document: str, chunk: Span) -> QuestionEvidence:
    return QuestionEvidence(
        score=token_f1(answer.text, asked.answer),
        summary_span=asked.question.candidate.span,
        document_span=_place(answer, document, chunk),
        question=asked.question.text,
        expected_answer=asked.question.candidate.answer,
        summary_answer=asked.answer,
        document_answer=answer.text,
    )


def _place(answer: Answer, document: str, chunk: Span) -> Span | None:
    if not answer:
        return None
    found = find_answer(answer.text, chunk.of(document))
    return found.moved(chunk.start) if found else chunk


def _reason(found: Sequence[Candidate]) -> str:
    if not found:
        return "spaCy finds no entity and no noun chunk in the summary to ask about"
    return f"no question to any of the {len(found)} answers chosen from the summary is answered so by the summary"
