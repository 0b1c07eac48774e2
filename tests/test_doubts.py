import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.doubts import WORD_LOSSES, doubts, losses, word_losses
from quals.records import Doubt, Evidence, PairEvidence, Span


def pair(tokens, lost, answer, span, question=""):
    given_document = tuple(-1.0 - loss for loss in lost)
    return PairEvidence(0.0, span, None, question, answer, tuple(tokens), (-1.0,) * len(lost), given_document)


SUMMARY = "The mayor of Ulm, Ann Lee, resigned on Tuesday. The mayor was tired."
WHO = pair(
    [" Who", " resigned", " on", " Tues", "day", "?", "<file_sep>", " Ann", " Lee", "<|endoftext|>"],
    [0.1, 0.2, 0.3, 2.0, 3.0, 0.4, 0.5, 4.0, 6.0, 9.0],
    "Ann Lee",
    Span(18, 25),
)


def by_text(summary, found):
    return [(summary[span.start : span.end], round(loss, 6)) for span, loss in found]


def test_punctuation_is_not_doubted():
    evidence = [Evidence(0.1, Span(0, 12), None), Evidence(0.9, Span(0, 4), None), Evidence(0.9, Span(6, 9), None)]
    found = doubts("John, Ann --", evidence, (-math.inf, 1.0))
    assert found == ()
    found = doubts("John, Ann --", [Evidence(-1.0, Span(0, 12), None), *evidence[1:]], (-math.inf, 1.0))
    assert [doubt.text for doubt in found] == ["John", "Ann"]


def test_a_word_loses_what_its_tokens_lose():
    assert by_text(SUMMARY, word_losses(SUMMARY, [WHO])) == [
        ("resigned", 0.2),
        ("on", 0.3),
        ("Tuesday", 5.0),
        ("Ann", 4.0),
        ("Lee", 6.0),
    ]


def test_a_word_that_stands_twice_is_placed_only_where_it_is_the_answer():
    question = [" Was", " the", " mayor", " tired", "?", "<file_sep>", " the", " mayor", "<|endoftext|>"]
    found = word_losses(SUMMARY, [pair(question, range(9), "the mayor", Span(48, 57))])
    assert [(span, loss) for span, loss in found] == [
        (Span(58, 61), 0.0),
        (Span(62, 67), 3.0),
        (Span(48, 51), 6.0),
        (Span(52, 57), 7.0),
    ]


def test_other_cases_and_vocabularies_and_words_that_are_not_there():
    for separator, end in (("<|sep|>", "</s>"), ("<file_sep>", "<|endoftext|>"), ("\ufffd", "<|endoftext|>")):
        tokens = [" where", " is", " UL", "M", " and", " Bonn", "?", separator, "Tuesday", end]
        found = word_losses(SUMMARY, [pair(tokens, [1.0] * 10, "Tuesday", Span(39, 46))])
        assert by_text(SUMMARY, found) == [("Ulm", 2.0), ("Tuesday", 1.0)]


def test_letters_that_some_vocabularies_write_for_spaces():
    summary = "Ġorġ Borg met Ċensa."
    tokens = [" Who", " met", " Ċ", "ensa", "?", "<file_sep>", " Ġ", "or", "ġ", "<|endoftext|>"]
    found = word_losses(summary, [pair(tokens, [1.0] * 10, "Ġorġ", Span(0, 4))])
    assert by_text(summary, found) == [("met", 1.0), ("Ċensa", 2.0), ("Ġorġ", 3.0)]


def test_a_letter_of_several_tokens_belongs_to_its_word():
    summary = "Łukasz Đỗ met Nguyễ."
    tokens = [" Who", " met", " Nguy", "ễ", "", "?", "<file_sep>", "Ł", "", "ukasz", " Đ", "ỗ", "", "<|endoftext|>"]
    found = word_losses(summary, [pair(tokens, [float(2**n) for n in range(14)], "Łukasz Đỗ", Span(0, 9))])
    assert by_text(summary, found) == [("met", 2.0), ("Nguyễ", 28.0), ("Łukasz", 896.0), ("Đỗ", 7168.0)]


def test_accents_may_be_characters_of_their_own():
    summary = "Jose\u0301 left."
    found = word_losses(
        summary, [pair([" Who", "?", "<file_sep>", " Jos", "\xe9", "</s>"], [1.0] * 6, "Jos\xe9", Span(0, 5))]
    )
    assert found == [(Span(0, 5), 2.0)]


def test_several_pairs_about_one_word():
    other = pair([" When", "?", "<file_sep>", " Tuesday", "<|endoftext|>"], [0, 0, 0, 1.0, 0], "Tuesday", Span(39, 46))
    found = word_losses(SUMMARY, [WHO, other])
    assert [loss for span, loss in found if span == Span(39, 46)] == [5.0, 1.0]


@given(st.text(max_size=20), st.lists(st.text(max_size=5), max_size=8), st.text(max_size=5), st.integers(0, 9))
def test_any_tokens(summary, tokens, answer, start):
    found = word_losses(summary, [pair(tokens, [1.0] * len(tokens), answer, Span(start, start + 4))])
    assert all(0 <= span.start < span.end <= len(summary) for span, _ in found)
    assert sum(loss for _, loss in found) >= 0


ANY, SHARE = (-math.inf, math.inf), (0.0, 1.0)


def test_of_pairs_words_are_doubted():
    found = losses(SUMMARY, [WHO], ANY)
    assert found.places == word_losses(SUMMARY, [WHO])
    assert [found.level(loss) for loss in (2.9, *WORD_LOSSES)] == [0, 1, 2, 3]
    assert doubts(SUMMARY, [WHO], ANY) == (
        Doubt("Ann", Span(18, 21), 4.0, 1),
        Doubt("Lee", Span(22, 25), 6.0, 2),
        Doubt("Tuesday", Span(39, 46), 5.0, 2),
    )


def test_of_other_evidence_its_places_are():
    evidence = [Evidence(0.25, Span(0, 9), None), Evidence(0.75, Span(4, 9), None), Evidence(0.0, None, None)]
    assert doubts(SUMMARY, evidence, SHARE) == (Doubt("The ", Span(0, 4), 0.75, 2), Doubt("mayor", Span(4, 9), 0.5, 1))
    assert doubts(SUMMARY, [Evidence(-2.5, Span(0, 3), None)], ANY) == (Doubt("The", Span(0, 3), 2.5, 2),)


def test_a_blank_between_words_is_nothing_to_doubt():
    words = [Evidence(-1.0, Span(18, 21), None), Evidence(-2.0, Span(22, 25), None)]
    found = doubts(SUMMARY, [*words, Evidence(-5.0, Span(18, 25), None)], ANY)
    assert found == (Doubt("Ann", Span(18, 21), 3.0, 3), Doubt("Lee", Span(22, 25), 3.5, 3))


@pytest.mark.parametrize("evidence", [[], [Evidence(0.0, None, None)], [Evidence(0.9, Span(0, 3), None)]])
def test_no_doubts(evidence):
    assert doubts(SUMMARY, evidence, SHARE) == ()


def test_words_of_an_answer_are_marked_only_inside_it():
    tokens = [" Who", "?", "<file_sep>", " The", " mayor", "<|endoftext|>"]
    found = word_losses(SUMMARY, [pair(tokens, range(6), "The mayor", Span(0, 9))])
    assert [span for span, _ in found] == [Span(0, 3), Span(4, 9)]
    tokens = [" Who", " resigned", "?", "<file_sep>", " Ann", "<|endoftext|>"]  # the answer is not in its tokens
    assert (Span(27, 35), 1.0) in word_losses(SUMMARY, [pair(tokens, range(6), "Bob", Span(18, 25))])
