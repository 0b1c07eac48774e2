"""How well a model answers questions, and whether it knows when a text has no answer.

    python benchmarks/qa.py HELDOUT.jsonl.gz --model qa-small

Each sampled question is asked about its own context; and each of these contexts is asked one question that it
does not answer, made as in training (`quals.training.negatives`).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import click
from common import FILE, output_option, write

from quals.errors import InputError
from quals.qags.answer import QuestionAnswerer
from quals.qags.f1 import normalized, token_f1
from quals.training.data import Passage, read_passages
from quals.training.negatives import ForeignQuestions


def measure(answerer: QuestionAnswerer, passages: Sequence[Passage], *, count: int) -> dict[str, float]:
    """Figures over ``count`` answerable questions and as many that are not.

    ``f1`` and ``exact_match`` are SQuAD's, over the answerable ones, with the best of the known answers; no
    answer counts 0. ``answered`` is the share of answerable questions that get an answer, ``refused`` that of
    the others that get none, ``accuracy`` the mean of both.
    """
    chance, foreign = random.Random(0), ForeignQuestions(passages)
    known = [(passage, question) for passage in passages for question in _answers(passage)]
    asked = chance.sample(known, min(count, len(known)))
    given = _ask(answerer, [(passage, question) for passage, question in asked])
    known_answers = [_answers(passage)[question] for passage, question in asked]
    unanswerable = [
        (passage, chance.choice(questions).question) for passage, _ in asked if (questions := foreign.about(passage))
    ]
    if not unanswerable:
        raise InputError("no question that one of these contexts does not answer can be made from so few")
    refused = [not answer for answer in _ask(answerer, unanswerable)]
    answered = [bool(answer) for answer in given]
    pairs = list(zip(given, known_answers, strict=True))
    return {
        "questions": len(given),
        "unanswerable": len(refused),
        "f1": fmean(max(token_f1(answer, gold) for gold in golds) for answer, golds in pairs),
        "exact_match": fmean(any(normalized(answer) == normalized(gold) for gold in golds) for answer, golds in pairs),
        "answered": fmean(answered),
        "refused": fmean(refused),
        "accuracy": (fmean(answered) + fmean(refused)) / 2,
    }


def _answers(passage: Passage) -> dict[str, list[str]]:
    answers: dict[str, list[str]] = {}
    for pair in passage.pairs:
        answers.setdefault(pair.question, []).append(pair.answer)
    return answers


def _ask(answerer: QuestionAnswerer, asked: Sequence[tuple[Passage, str]]) -> list[str]:
    """One answer per question; each context is read once."""
    grouped: dict[str, list[str]] = {}
    for passage, question in asked:
        grouped.setdefault(passage.context, []).append(question)
    found = answerer.answer([answerer.frame(context) for context in grouped], list(grouped.values()))
    answers = {
        (context, question): answer.text
        for (context, questions), group in zip(grouped.items(), found, strict=True)
        for question, answer in zip(questions, group, strict=True)
    }
    return [answers[passage.context, question] for passage, question in asked]


@click.command(help=__doc__)
@click.argument("heldout", type=FILE)
@click.option("--model", default="qa-small", show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--questions", default=1000, show_default=True, help="A seeded sample.")
@output_option
def main(heldout: str, model: str, device: str, questions: int, output: Path | None) -> None:
    answerer = QuestionAnswerer.load(model, device=device)
    figures = measure(answerer, read_passages([heldout]), count=questions)
    click.echo(f"F1           {figures['f1']:.1%} on {figures['questions']} answerable questions")
    click.echo(f"exact match  {figures['exact_match']:.1%}")
    click.echo(
        f"accuracy     {figures['accuracy']:.1%} answerable or not: {figures['answered']:.1%} of the answerable "
        f"answered, {figures['refused']:.1%} of {figures['unanswerable']} others refused"
    )
    write(output, {"model": answerer.name, "revision": answerer.revision, "file": Path(heldout).name, **figures})


if __name__ == "__main__":
    main()
