"""Questions and answers about a text in, claims out: what they say together, as it is or made false.

Such claims show a model what is true in other words than the text's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from quals.factcc.changes import Change
from quals.factcc.generate import Claim, ClaimSettings, make_false, true_and_false
from quals.factcc.statements import Forms, Statement, statement
from quals.records import Span
from quals.texts import padded_words
from quals.training.data import Passage

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

_EXCHANGED = 0.5  # share of the false claims that have another question's answer, where one fits
_FORMS = {("have", "VBD"): "had", ("have", "VBZ"): "has", ("do", "VBD"): "did", ("do", "VBZ"): "does"}
_BETWEEN = "\n\n"


@dataclass(frozen=True)
class _Stated:
    """A statement, what it was made of, and what kind of answer was asked for."""

    statement: Statement
    question: str
    answer: str
    start: int
    asks: str


def question_claims(passages: Sequence[Passage], pipeline: Language, settings: ClaimSettings) -> Iterator[list[Claim]]:
    """For each passage as many true claims as false ones, made of its questions and answers.

    Questions without an answer in the text give none, nor those of a form for which there is no rule, nor texts that
    are too long for the pipeline.
    """
    # Statements are parsed with their context: twice its length leaves room for them.
    fitting = [passage.context if 2 * len(passage.context) < pipeline.max_length else "" for passage in passages]
    contexts = list(pipeline.pipe(fitting, batch_size=16))
    for passage, context in zip(passages, contexts, strict=True):
        yield list(_claims_of(passage, context, pipeline, settings)) if len(context) else []


def _forms(context: Doc) -> Forms:
    """The forms in which the text has its verbs."""
    verbs = (token for token in context if token.pos_ == "VERB" and token.tag_ in ("VBD", "VBZ"))
    return {(verb.lemma_, verb.tag_): verb.lower_ for verb in verbs} | _FORMS


def _claims_of(passage: Passage, context: Doc, pipeline: Language, settings: ClaimSettings) -> Iterator[Claim]:
    random = Random(f"{settings.seed}:{passage.context}")
    stated = _stated(passage, _forms(context), pipeline)
    random.shuffle(stated)
    # Parsed as one text, so that a change of a statement can take a name from the context.
    parsed = pipeline(_BETWEEN.join((passage.context, *(one.statement.text for one in stated))))
    said, made, end = padded_words(passage.context), 0, len(passage.context)
    for one in stated:
        start = end + len(_BETWEEN)
        end = start + len(one.statement.text)
        sentence, basis = parsed.char_span(start, end, alignment_mode="expand"), _basis(context, one)
        if made == settings.pairs or not basis or sentence.text != one.statement.text:
            continue
        exchanged = _exchanged(one, stated, random)
        first = exchanged if random.random() < _EXCHANGED else None
        if false := first or make_false(sentence, random, said) or exchanged:
            made += 1
            yield from true_and_false(passage.context, basis, sentence.text, false, random, settings)


def _stated(passage: Passage, forms: Forms, pipeline: Language) -> list[_Stated]:
    """The different statements that the pairs give."""
    pairs = [pair for pair in passage.pairs if pair.start >= 0]
    found: dict[str, _Stated] = {}
    for pair, question in zip(pairs, pipeline.pipe([pair.question for pair in pairs]), strict=True):
        answer, before = pair.answer.rstrip(".,;:?! "), passage.context[: pair.start].split()[-1:]
        made = statement(question, answer, "".join(before), forms)
        if made and "\n" not in made.text:
            found.setdefault(made.text, _Stated(made, pair.question, answer, pair.start, _asks(question)))
    return list(found.values())


def _asks(question: Doc) -> str:
    """Who, when, how many, what team: for two that ask the same, an answer of the one is a wrong one of the other."""
    for token in question[:2]:
        if token.lower_ in ("who", "whom", "when", "where"):
            return str(token.lower_).rstrip("m")
        if token.lower_ == "how":
            return str(question[token.i : token.i + 2].text).lower()
        if token.lower_ in ("what", "which"):
            return f"what {token.head.lemma_}" if token.dep_ == "det" else "what"
    return ""


def _exchanged(one: _Stated, stated: Sequence[_Stated], random: Random) -> tuple[str, Change] | None:
    """The answer of another question that asks for the same kind of thing, in place of the statement's own."""
    words = set(padded_words(one.statement.text).split())
    fitting = sorted(
        other.answer
        for other in stated
        if other.asks == one.asks != "" and other.question != one.question and _shape(other) == _shape(one)
        # One that shares a word with the statement may be another name of what it is about.
        if not words & set(padded_words(other.answer).split())
    )
    if not fitting:
        return None
    new, (start, end) = random.choice(fitting), (one.statement.start, one.statement.end)
    new = new[0].upper() + new[1:] if start == 0 else new
    return "answer", Change(Span(start, end), one.statement.text[start:end], new)


def _shape(one: _Stated) -> tuple[bool, bool, bool]:
    """How an answer looks: as a name, a number, a phrase."""
    return one.answer[0].isupper(), any(letter.isdigit() for letter in one.answer), len(one.answer.split()) > 3


def _basis(context: Doc, one: _Stated) -> str:
    """The sentence, or the sentences, of the text in which the answer stands."""
    answer = context.char_span(one.start, one.start + len(one.answer), alignment_mode="expand")
    return str(context[answer[0].sent.start : answer[-1].sent.end].text).strip() if answer else ""
