"""Questions that a context does not answer."""

from __future__ import annotations

from quals.training.data import Pair, Passage
from quals.training.negatives import ForeignQuestions, with_unanswerable


def passage(context: str, *pairs: tuple[str, str], title: str = "") -> Passage:
    return Passage(context, tuple(Pair(question, answer, context.find(answer)) for question, answer in pairs), title)


RACE = passage(
    "Anna Berg won the marathon in Oslo on Sunday. Maria Costa came second.",
    ("Who won the marathon?", "Anna Berg"),
    ("Who came second?", "Maria Costa"),
)
RAIN = passage(
    "Rain delayed the marathon in Oslo. Anna Berg had trained in Kenya.",
    ("What delayed the start?", "Rain"),
    ("Where did she train?", "Kenya"),
    ("Who had trained?", "Anna Berg"),
)
MAYOR = passage("Mayor Hale resigned after a fire.", ("Who resigned?", "Mayor Hale"))


def questions(passages: list[Passage], about: Passage) -> set[str]:
    pairs = ForeignQuestions(passages).about(about)
    assert {pair.answer for pair in pairs} <= {""}
    return {pair.question for pair in pairs}


def test_questions_come_from_passages_alike_in_words_that_lack_the_answer() -> None:
    # "Anna Berg" stands in both texts, and nothing links the mayor to the race.
    assert questions([RACE, RAIN, MAYOR], RACE) == {"What delayed the start?", "Where did she train?"}
    assert questions([RACE, RAIN, MAYOR], RAIN) == {"Who came second?"}
    assert questions([MAYOR, passage("Nobody spoke.")], MAYOR) == set()


def test_an_article_is_kept_to_where_it_is_known() -> None:
    made = [
        Passage(each.context, each.pairs, title)
        for each, title in ((RACE, "Races"), (RAIN, "Weather"), (MAYOR, "Races"))
    ]
    assert questions(made, made[0]) == {"Who resigned?"}
    assert questions(made, made[1]) == set()


def test_a_window_does_not_answer_questions_about_the_rest() -> None:
    window = Passage("Maria Costa came second.", RACE.pairs[1:])
    assert questions([RACE], window) == {"Who won the marathon?"}
    assert questions([RACE], RACE) == set()


def test_a_question_with_two_answers_is_answered_by_either() -> None:
    twice = passage(RACE.context, ("Who won the marathon?", "Anna Berg"), ("Who won the marathon?", "Berg won"))
    assert questions([twice], Passage("Anna Berg won.", ())) == set()
    assert questions([twice], Passage("Anna Berg was first on Sunday.", ())) == set()


def test_an_answer_in_other_words_proves_nothing() -> None:
    loose = Passage("The marathon in Oslo was wet.", (Pair("What was the weather?", "rainy"),))
    assert questions([RACE, loose], RACE) == set()


def test_the_nearest_passages_come_first() -> None:
    others = [passage(f"Oslo marathon fact {n}.", (f"What is fact {n}?", f"fact {n}")) for n in range(30)]
    asked = questions([RACE, RAIN, *others], RACE)
    assert {"What delayed the start?", "Where did she train?"} < asked
    assert len(asked) == 2 + 8  # ten passages, the context's own and the rainy one among them


def test_the_share_is_kept_and_seeded() -> None:
    examples = [RACE, RAIN] * 500
    made = with_unanswerable(examples, [RACE, RAIN], share=0.3, seed=1)
    assert made == with_unanswerable(examples, [RACE, RAIN], share=0.3, seed=1)
    assert made != with_unanswerable(examples, [RACE, RAIN], share=0.3, seed=2)
    both = zip(examples, made, strict=True)
    pairs = [(before, after) for b, a in both for before, after in zip(b.pairs, a.pairs, strict=True)]
    foreign = [after for before, after in pairs if after != before]
    assert 0.25 < len(foreign) / len(pairs) < 0.35
    assert {pair.answer for pair in foreign} == {""}
    assert with_unanswerable(examples, [RACE, RAIN], share=0.0, seed=1) == examples
