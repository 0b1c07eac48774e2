"""The answer filter and the round-robin choice."""

from __future__ import annotations

import pytest
from tiny import tiny_pretrained

from quals.lm.format import PairFormat
from quals.lm.search import Beam
from quals.qagen.model import QAGen
from quals.qagen.select import GeneratedPair, choose, parse
from quals.records import Span
from quals.texts import find_answer

TEXT = "The mayor resigned on 3 May."


@pytest.fixture(scope="module")
def qagen() -> QAGen:
    pretrained = tiny_pretrained("llama")
    return QAGen.of(pretrained, PairFormat.choose(pretrained.tokenizer, encoder_decoder=False))


def beam(qagen: QAGen, *parts: str, penalty: float = 0.0) -> Beam:
    """A sequence of texts joined by separators, each token with log-probability -1."""
    ids: list[int] = []
    for number, part in enumerate(parts):
        ids += [
            *([qagen.form.separator] if number else []),
            *qagen.lm.tokenizer(part, add_special_tokens=False).input_ids,
        ]
    ids.append(qagen.form.end)
    return Beam(tuple(ids), (-1.0,) * len(ids), (penalty,) * len(ids))


@pytest.mark.parametrize(
    ("parts", "kept"),
    [
        ((" Who resigned?", " The mayor"), ("Who resigned?", "The mayor")),
        ((" Who resigned?", " the MAYOR "), ("Who resigned?", "the MAYOR")),
        ((" When?", " 4 May"), None),
        ((" When?", " "), None),
        (("", " 3 May"), None),
        ((" When?",), None),
        ((" When?", " 3", " May"), None),
    ],
)
def test_filter(qagen: QAGen, parts: tuple[str, ...], kept: tuple[str, str] | None) -> None:
    found = parse(qagen, TEXT, [beam(qagen, *parts)])
    assert [(pair.question, pair.answer) for pair in found] == ([kept] if kept else [])


def test_a_stray_special_token_is_not_an_answer(qagen: QAGen) -> None:
    good = beam(qagen, " When?", " 3 May")
    stray = Beam((*good.tokens[:2], qagen.form.suffix[0], *good.tokens[2:]), (-1.0,) * 20, (0.0,) * 20)
    assert parse(qagen, TEXT, [stray]) == []


def test_reference_reads_answers_unstripped_and_scores_with_penalties(qagen: QAGen) -> None:
    beams = [beam(qagen, " When?", " 3 May", penalty=0.5), beam(qagen, " Who resigned?", " The mayor")]
    clean, reference = parse(qagen, TEXT, beams), parse(qagen, TEXT, beams, reference=True)
    # " The mayor" does not stand in the text, which begins without a blank.
    assert [pair.answer for pair in clean] == ["3 May", "The mayor"]
    assert [pair.answer for pair in reference] == [" 3 May"]
    assert set(clean[0].log_probs) == {-1.0}
    assert set(reference[0].log_probs) == {-1.5}


@pytest.mark.parametrize(
    ("answer", "text", "found"),
    [
        ("3 may", TEXT, "3 May"),
        ("STRASSE 5", "An der Straße 5.", "Straße 5"),
        ("İstanbul", "in İSTANBUL today", "İSTANBUL"),
        ("4 May", TEXT, None),
        ("", TEXT, None),
    ],
)
def test_find_answer(answer: str, text: str, found: str | None) -> None:
    span = find_answer(answer, text)
    assert (text[span.start : span.end] if span else None) == found


@pytest.mark.parametrize(
    ("answer", "text", "start"),
    [
        ("May", "Mayor Smith may resign in May.", 26),
        ("may", "Mayor Smith may resign in May.", 12),
        ("4", "On 14 May 2014 it killed 4 people.", 25),
        ("Lee", "Leeroy Hart was replaced by Lee", 28),
        ("ow", "how, now", 1),
    ],
)
def test_an_answer_is_found_as_words_of_their_own(answer: str, text: str, start: int) -> None:
    assert find_answer(answer, text) == Span(start, start + len(answer))
    assert find_answer(answer, text, words_only=True) == (None if answer == "ow" else find_answer(answer, text))


def pairs(*rows: tuple[str, str, float]) -> list[GeneratedPair]:
    return [GeneratedPair(question, answer, (), (), log_prob, Span(0, 1)) for question, answer, log_prob in rows]


def chosen(made: list[GeneratedPair], count: int, *, reference: bool = False) -> list[tuple[str, str]]:
    return [(pair.question, pair.answer) for pair in choose(made, count, reference=reference)]


def test_round_robin_takes_each_answers_best_question_first() -> None:
    made = pairs(("q1", "a", -1), ("q2", "a", -2), ("q3", "a", -3), ("q4", "b", -4), ("q5", "c", -5), ("q6", "b", -6))
    assert chosen(made, 10) == [("q1", "a"), ("q4", "b"), ("q5", "c"), ("q2", "a"), ("q6", "b"), ("q3", "a")]
    assert chosen(made[::-1], 4) == [("q1", "a"), ("q4", "b"), ("q5", "c"), ("q2", "a")]


def test_reference_tests_the_cap_between_rounds_only() -> None:
    made = pairs(("q1", "a", -1), ("q2", "a", -2), ("q3", "b", -3), ("q4", "b", -4))
    assert len(chosen(made, 3)) == 3
    assert len(chosen(made, 3, reference=True)) == 4


def test_near_duplicates() -> None:
    made = pairs(("When?", "1936", -1), ("When ?", "1936.", -2), ("when?", " 1936", -3), ("What year?", "1936", -4))
    assert chosen(made, 10) == [("When?", "1936"), ("What year?", "1936")]
    assert len(chosen(made, 10, reference=True)) == 4
    same = pairs(("When?", "1936", -1), ("When?", "1936", -2))
    assert len(chosen(same, 10, reference=True)) == 1


@pytest.mark.parametrize(
    ("answer", "text", "start"),
    [
        ("U.S.", "The UxSx and the U.S. agreed.", 17),
        ("$3m (about", "He paid $3m (about", 8),
        ("may", "The mayor came in May.", 18),  # as words of their own, rather than in the same case
        ("a a", "ba a a", 3),
    ],
)
def test_places_of_odd_answers(answer: str, text: str, start: int) -> None:
    assert find_answer(answer, text) == Span(start, start + len(answer))
