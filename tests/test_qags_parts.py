"""The parts of QAGS that need no language model: candidates, choice of questions, comparison of answers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import spacy

from quals.errors import ModelError
from quals.nlp import PIPELINE, load_pipeline, pipeline_name
from quals.qags.answer import Answer, best_answer
from quals.qags.candidates import Candidate, candidates
from quals.qags.f1 import normalized, token_f1
from quals.qags.questions import Question, can_be_asked, is_answered_by, most_probable
from quals.records import Span


# Official values: the F1 of SQuAD's own evaluation script on these pairs.
@pytest.mark.parametrize(
    ("one", "other", "f1"),
    [
        ("the mayor", "Mayor", 1.0),
        ("The U.S. Senate!", "us senate", 1.0),
        ("3 May", "4 May", 0.5),
        ("mayor of Springfield", "the mayor", 0.5),
        ("a b b", "b b b", 0.8),  # "a" is an article: {b, b} and {b, b, b} share two
        ("mayor", "chief", 0.0),
        ("", "", 1.0),
        ("the", "a", 1.0),
        ("mayor", "", 0.0),
        ("", "mayor", 0.0),
    ],
)
def test_token_f1(one: str, other: str, f1: float) -> None:
    assert token_f1(one, other) == pytest.approx(f1)
    assert token_f1(other, one) == pytest.approx(f1)


def test_normalized_keeps_articles_inside_words() -> None:
    assert normalized("  An  ant, the theme & a-b ") == "ant theme ab"


def test_candidates_are_entities_then_noun_chunks() -> None:
    text = "The new mayor of Springfield met Anna Berg on Friday. She praised the mayor, and Springfield's old hall."
    (found,) = candidates(load_pipeline(), [text], 10)
    answers = [candidate.answer for candidate in found]
    assert {"Springfield", "Anna Berg", "Friday"} <= set(answers[:4])
    assert "The new mayor" in answers
    assert "She" not in answers
    assert len({normalized(answer) for answer in answers}) == len(answers)
    assert all(text[candidate.span.start : candidate.span.end] == candidate.answer for candidate in found)
    assert [len(group) for group in candidates(load_pipeline(), [text, "", text], 3)] == [3, 0, 3]


def test_a_pipeline_without_a_parser_is_refused() -> None:
    import spacy

    with pytest.raises(ModelError, match=r"'en_pipeline@.*' finds no noun chunks"):
        candidates(spacy.blank("en"), ["The mayor resigned."], 10)


def question(text: str, answer: str = "x", log_prob: float = -1.0) -> Question:
    return Question(text, Candidate(answer, Span(0, 1)), log_prob)


@pytest.mark.parametrize(
    ("text", "sound"),
    [("Who resigned?", True), ("Who?", False), ("Who resigned", False), ("?", False), ("", False), ("Why no ?", True)],
)
def test_what_can_be_asked(text: str, sound: bool) -> None:
    assert can_be_asked(question(text)) is sound


def test_the_expected_answer_is_compared_as_squad_does() -> None:
    assert is_answered_by(question("Who?", "The mayor"), "mayor.")
    assert not is_answered_by(question("Who?", "The mayor"), "the old mayor")
    assert not is_answered_by(question("Who?", "The mayor"), "")


def test_the_most_probable_questions_once_each() -> None:
    made = [question("Who left?", "a", -3), question("who  LEFT ??", "b", -1), question("When?", "c", -2)]
    assert most_probable(made, 5) == [made[1], made[2]]
    assert most_probable(made, 1) == [made[1]]


def test_an_answer_beats_none_however_probable() -> None:
    answers = [Answer("", -0.1), Answer("chief", -3.0), Answer("mayor", -2.0), Answer("", -0.2)]
    assert best_answer(answers) == (answers[2], 2)
    assert best_answer(answers[::3]) == (answers[0], 0)


def test_pipelines_of_folders_have_names_of_their_own(tmp_path: Path) -> None:
    """Not all of them version 0.0.0, and a changed copy not that of its original; the same anywhere."""
    names = []
    for number, mark in enumerate((".", "!", ".")):
        pipeline = spacy.blank("en")
        pipeline.add_pipe("sentencizer", config={"punct_chars": [mark]})
        pipeline.to_disk(tmp_path / str(number))
        for path in (tmp_path / str(number) / "vocab").iterdir():  # what spaCy writes in no certain order
            path.write_bytes((tmp_path / "0" / "vocab" / path.name).read_bytes())
        names.append(pipeline_name(load_pipeline(str(tmp_path / str(number)))))
    assert names[0] == names[2] != names[1]
    assert re.fullmatch(r"en_pipeline@0\.0\.0\+[0-9a-f]{8}", names[0])
    assert re.fullmatch(rf"{PIPELINE}@[0-9.]+", pipeline_name(load_pipeline()))
