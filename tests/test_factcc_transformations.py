from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from quals.factcc.dates import swap_date
from quals.factcc.entities import same_thing, swap_entity
from quals.factcc.negation import affirm, deny
from quals.factcc.numbers import swap_number, with_suffix
from quals.factcc.places import one_place, wider
from quals.factcc.pronouns import swap_pronoun
from quals.nlp import load_pipeline

Outcomes = set[tuple[str, str]]


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return load_pipeline()


@pytest.fixture(scope="module")
def outcomes(pipeline: Any) -> Callable[..., Outcomes]:
    """What a transformation does to the first sentence of a text, over many seeds."""

    def all_of(transformation: Any, text: str) -> Outcomes:
        sentence = next(pipeline(text).sents)
        made = {transformation(sentence, Random(seed)) for seed in range(60)} - {None}
        for change in made:
            assert change.apply(sentence.text) != sentence.text
        return {(change.old, change.new) for change in made}

    return all_of


# ---- pronouns

PRONOUNS = [
    ("She told him that her car was gone.", {("She", "He"), ("him", "her"), ("her", "his")}),
    ("The police gave her a lift.", {("her", "him")}),
    ("We hurt ourselves.", {("We", "They"), ("ourselves", "themselves")}),
    ("They lost it in our garden.", {("They", "We"), ("our", "their")}),
    ("The company cut its forecast for the US market.", set()),
    ("The mayor resigned on Monday.", set()),
]


@pytest.mark.parametrize(("text", "expected"), PRONOUNS)
def test_pronoun_swap(outcomes: Any, text: str, expected: Outcomes) -> None:
    assert outcomes(swap_pronoun, text) == expected


def test_no_pronoun_is_put_in_more_often_than_taken_out(pipeline: Any) -> None:
    """Were sentences with "he" 1063 and those with "she" 385, as many would change one way as the other."""
    rates = {}
    for text in ("He left.", "She left."):
        sentence = next(pipeline(text).sents)
        rates[text] = sum(swap_pronoun(sentence, Random(seed)) is not None for seed in range(500)) / 500
    assert rates["She left."] == 1
    assert rates["He left."] == pytest.approx(385 / 1063, abs=0.06)


# ---- dates


def test_date_from_the_document_keeps_its_form(outcomes: Any) -> None:
    text = (
        "The factory in Leeds opened on 3 May 2014. "
        "It closed on 12 June 2016 after a fire. The owners had promised in 2011 that it would stay open."
    )
    made = outcomes(swap_date, text)
    assert {pair for pair in made if pair[0] != "3"} == {("May", "June"), ("2014", "2016"), ("2014", "2011")}
    assert all(1 <= int(new) <= 28 and new != "3" for old, new in made if old == "3")


INVENTED_DATES = [
    ("The vote will be held on Monday.", "Monday", r"(Tues|Wednes|Thurs|Fri|Satur|Sun)day"),
    ("Sales fell last year.", "year", "week|month"),
    ("The war began in the 1990s.", "1990", "1980|1970|1960"),
    ("She was born on Sept. 21st in Hull.", "Sept", "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Oct|Nov|Dec"),
    ("She was born on the 21st of July 1969.", "21st", r"\d+(st|nd|rd|th)"),
]


@pytest.mark.parametrize(("text", "old", "pattern"), INVENTED_DATES)
def test_invented_dates(outcomes: Any, text: str, old: str, pattern: str) -> None:
    new = {new for before, new in outcomes(swap_date, text) if before == old}
    assert new
    assert all(re.fullmatch(pattern, one) and one != old for one in new)


def test_september_is_no_other_month_than_sept(outcomes: Any) -> None:
    made = outcomes(swap_date, "The trial began in September 2015 in Hull. It was to start on 2 Sept 2015 or in March.")
    assert {new for old, new in made if old == "September"} == {"March"}


@pytest.mark.parametrize("text", ["The 2014-15 season was their best.", "He is 29 years old.", "It is over today."])
def test_no_date_to_swap(outcomes: Any, text: str) -> None:
    assert outcomes(swap_date, text) == set()


# ---- numbers


def test_number_from_the_document_of_the_same_kind(outcomes: Any) -> None:
    text = (
        "Profits rose 27% to $284m, the company said on Monday. "
        "Sales were $310m in the quarter, up 19% on a year ago, and 450 people were hired."
    )
    assert outcomes(swap_number, text) == {("27", "19"), ("284", "310")}


CUT_JOBS = ["480", "600", "720", "900", "1,500", "1,800", "2,400", "3,000", "3,600"]  # 1,200 times a simple factor
INVENTED_NUMBERS = [
    ("The company will cut 1,200 jobs.", "1,200", set(CUT_JOBS)),
    ("Unemployment fell to 5.2%.", "5.2", {"2.1", "2.6", "3.1", "3.9", "6.5", "7.8", "10.4", "15.6"}),
    ("About 60% of voters agreed.", "60", {"24", "30", "36", "45", "75", "90"}),
    ("Three men were arrested.", "Three", {"Two", "Four", "Five", "Six", "Seven"}),
    ("It was her third win.", "third", {"first", "second", "fourth", "fifth", "sixth", "seventh"}),
    ("The project costs £80m.", "80", {"32", "40", "48", "60", "100", "120", "160", "200", "240"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "old", "expected"), INVENTED_NUMBERS)
def test_invented_numbers(outcomes: Any, text: str, old: str, expected: set[str]) -> None:
    assert {new for before, new in outcomes(swap_number, text) if before == old} == expected


def test_article_follows_a_number(outcomes: Any) -> None:
    made = outcomes(swap_number, "An 18-year-old man was arrested. A 30-year-old was freed.")
    assert made == {("An 18", "A 30")}


NO_NUMBERS = [
    "One man was arrested.",
    "They won 28-24 on Sunday.",
    "The singer of 3rdEyeGirl left.",
    "It was first seen in Hull.",
    "The B52 flew over Hull.",
    "The attacks of 9/11 were recalled.",
]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_no_number_to_swap(outcomes: Any, text: str) -> None:
    assert outcomes(swap_number, text) == set()


def test_equal_value_is_no_other_number(outcomes: Any) -> None:
    made = outcomes(swap_number, "The firm lost 1500 jobs. It had said that 1,500 jobs would go, then 2,500 jobs.")
    assert made == {("1500", "2,500")}


def test_a_number_that_the_old_one_implies_is_not_put_in(outcomes: Any) -> None:
    for bound, larger in (("at least", True), ("More than", True), ("up to", False), ("fewer than", False)):
        made = outcomes(swap_number, f"The mayor said that {bound} 60 people were hurt.")
        assert made
        assert all((int(new) > 60) is larger for _, new in made)


def test_rank_suffixes() -> None:
    assert [with_suffix(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 22, 111)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "22nd", "111th"]
    )


# ---- entities

PEOPLE = (
    "Prime Minister David Cameron met Angela Merkel in Berlin on Monday. Mr Cameron said he was pleased. "
    "François Hollande did not attend. Mr Hollande sent Laurent Fabius to Germany instead."
)


def test_entity_swap_takes_another_person_and_never_an_alias(outcomes: Any) -> None:
    made = outcomes(swap_entity, PEOPLE)
    people = {(old, new) for old, new in made if old in ("David Cameron", "Angela Merkel")}
    assert {new for _, new in people} <= {"François Hollande", "Hollande", "Laurent Fabius"}
    assert {old for old, _ in people} == {"David Cameron", "Angela Merkel"}
    assert ("Berlin", "Germany") not in made


def test_after_a_title_only_the_last_name(outcomes: Any) -> None:
    made = outcomes(
        swap_entity, "Mr Cameron said he was pleased. Angela Merkel was not there. François Hollande did not attend."
    )
    assert made == {("Cameron", "Merkel"), ("Cameron", "Hollande")}


def test_article_follows_an_entity(outcomes: Any) -> None:
    made = outcomes(swap_entity, "He is a Microsoft engineer. She was an Apple engineer before that.")
    assert made == {("a Microsoft", "an Apple")}


def test_possessive_stays(outcomes: Any) -> None:
    text = "The profit of Microsoft's London office rose. The loss of Google's office in Europe fell."
    assert ("Microsoft", "Google") in outcomes(swap_entity, text)


SAME = [
    ("David Cameron", "Mr Cameron"), ("BBC", "British Broadcasting Corporation"), ("the UN", "United Nations"),
    ("U.S.", "United States"), ("US", "America"), ("Britain", "UK"), ("Gaddafi", "Gadhafi"), ("al-Qaeda", "al Qaeda"),
    ("Manchester United", "United"), ("Apple's", "Apple"), ("Moscow", "Russia"), ("Bank of England", "the Bank"),
    ("Department of Health", "DoH"),
]  # fmt: skip
DIFFERENT = [
    ("David Cameron", "Angela Merkel"), ("BBC", "ITV"), ("Hull", "York"), ("France", "Germany"), ("Google", "Facebook"),
    ("North Korea", "South Africa"), ("Bank of England", "Department of Health"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_names_of_one_thing(one: str, other: str) -> None:
    assert same_thing(one, other)
    assert same_thing(other, one)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_names_of_different_things(one: str, other: str) -> None:
    assert not same_thing(one, other)
    assert not same_thing(other, one)


def test_places() -> None:
    assert one_place("france", "paris")
    assert not one_place("france", "berlin")
    assert wider("leeds", "england")
    assert wider("german", "european")
    assert not wider("england", "leeds")
    assert not wider("france", "germany")


def test_a_place_is_not_swapped_with_what_contains_it(outcomes: Any) -> None:
    text = (
        "A man was arrested in Chicago on Sunday. He comes from Boston. "
        "The police in Chicago, Illinois, said he had moved from Canada to France in May."
    )
    made = outcomes(swap_entity, text)
    assert {new for old, new in made if old == "Chicago"} == {"Boston"}


# ---- negation

NEGATIONS = [
    ("The hotel was given permission.", {("was", "was not"), ("was", "wasn't")}),
    ("Ministers can change the law.", {("can", "cannot"), ("can", "can't")}),
    ("The team will play on Sunday.", {("will", "will not"), ("will", "won't")}),
    ("The team must play on Sunday.", {("must", "must not")}),
    ("The bank closed three branches.", {("closed", "did not close"), ("closed", "didn't close")}),
    ("She has a house in Hull.", {("has", "does not have"), ("has", "doesn't have")}),
    ("They don't want a deal.", {("don't want", "want")}),
    ("They do not always want a deal.", {("do not", "do")}),
    ("He does not carry a gun.", {("does not carry", "carries")}),
    ("She doesn't have a house in Hull.", {("doesn't have", "has")}),
    ("He didn't go home.", {("didn't", "did")}),
    ("They said they do not.", {("said", "did not say"), ("said", "didn't say"), ("do not", "do")}),
    ("The team won't play on Sunday.", {("won't", "will")}),
    ("He cannot leave the country.", {("cannot", "can")}),
    ("She has never been to Rome.", {("has never", "has")}),
    (
        "The police said the man was armed.",
        {("said", "did not say"), ("said", "didn't say"), ("was", "was not"), ("was", "wasn't")},
    ),
    ('"The man was armed," the police said.', {("was", "was not"), ("was", "wasn't")}),
    ("Nobody was hurt.", set()),
    ("Was he armed?", set()),
    ("It may rain on Sunday.", set()),
    ("Some residents have raised concerns.", set()),
    ("He ran home and called the police.", set()),
    ("They did not find any weapons.", set()),
]


@pytest.mark.parametrize(("text", "expected"), NEGATIONS)
def test_negation(outcomes: Any, text: str, expected: Outcomes) -> None:
    denied, affirmed = outcomes(deny, text), outcomes(affirm, text)
    assert denied | affirmed == expected
    assert all("not" in new or "n't" in new for _, new in denied)
    assert not any("not" in new or "n't" in new for _, new in affirmed)


def test_denials_are_contracted_as_often_as_in_news(pipeline: Any) -> None:
    sentence = next(pipeline("The hotel was given permission.").sents)
    made = [deny(sentence, Random(seed)) for seed in range(500)]
    assert 0.35 < sum(change.new == "wasn't" for change in made if change) / 500 < 0.45
