from __future__ import annotations

import re
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from quals.factcc import dates, entities, negation, numbers
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
    ("He blamed himself, not them.", {("He", "She"), ("himself", "herself")}),
    ("The firm said it had little choice but to go to court to protect our innovations.", set()),
    ("Residents said they had heard a large explosion.", set()),
    ('"We took it by force," the government said.', set()),
    ("The house is his.", {("his", "hers")}),
    ("The company cut its forecast for the US market.", set()),
    ("The mayor resigned on Monday.", set()),
]


@pytest.mark.parametrize(("text", "expected"), PRONOUNS)
def test_pronoun_swap(outcomes: Any, text: str, expected: Outcomes) -> None:
    assert outcomes(swap_pronoun, text) == expected


def test_no_pronoun_is_put_in_more_often_than_taken_out(pipeline: Any) -> None:
    """Were sentences with "he" 1063 and those with "she" 385, as many would change one way as the other."""
    expected = {
        "He left.": 385 / 1063, "She left.": 1,
        "Tom saw him.": 91 / 171, "Tom saw her.": 1,
        "His car was gone.": 259 / 639, "Her car was gone.": 1,
    }  # fmt: skip
    for text, rate in expected.items():
        sentence = next(pipeline(text).sents)
        made = [swap_pronoun(sentence, Random(seed)) is not None for seed in range(500)]
        assert sum(made) / 500 == pytest.approx(rate, abs=0.06 if rate < 1 else 0)


# ---- dates


def test_date_from_the_document_keeps_its_form(outcomes: Any) -> None:
    text = (
        "The factory in Leeds opened on 3 May 2014. "
        "It closed on 12 June 2016 after a fire. The owners had promised in 2011 that it would stay open."
    )
    made = outcomes(swap_date, text)
    assert "3" in {old for old, _ in made}
    assert {pair for pair in made if pair[0] != "3"} == {("May", "June"), ("2014", "2016"), ("2014", "2011")}
    assert all(1 <= int(new) <= 28 and new != "3" for old, new in made if old == "3")


INVENTED_DATES = [
    ("The vote will be held on Monday.", "Monday", r"(Tues|Wednes|Thurs|Fri|Satur|Sun)day"),
    ("Sales fell last year.", "year", "week|month"),
    ("The war began in the 1990s.", "1990", "1980|1970|1960"),
    ("She was born on Sept. 21st in Hull.", "Sept", "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Oct|Nov|Dec"),
    ("She was born on Sept. 21st in Hull.", "21st", r"\d+(st|nd|rd|th)"),
    ("She was born on the 21st of July 1969.", "21st", r"\d+(st|nd|rd|th)"),
    ("She was born on 21st of July 1969.", "21st", r"\d+(st|nd|rd|th)"),
    ("She was born on May 21st 1969.", "21st", r"\d+(st|nd|rd|th)"),
    ("The ship sank in 1588.", "1588", r"15[78]\d"),
    ("The war began in the 1590s.", "1590", "15[678]0"),
]


@pytest.mark.parametrize(("text", "old", "pattern"), INVENTED_DATES)
def test_invented_dates(outcomes: Any, text: str, old: str, pattern: str) -> None:
    new = {new for before, new in outcomes(swap_date, text) if before == old}
    assert new
    assert all(re.fullmatch(pattern, one) and one != old for one in new)


MARCH = {
    "January",
    "February",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
}
ALL_DATES = [
    ("The trial began in March.", "March", MARCH),
    ("The mayor left in 2011.", "2011", {"2010", "2009", "2008", "2007", "2006", "2003", "2001"}),
    ("He left in spring.", "spring", {"summer", "autumn", "winter"}),
    ("Spring 2014 was cold.", "Spring", {"Summer", "Autumn", "Winter"}),
    ("He left on Monday night.", "night", {"morning", "afternoon"}),
    ("He left on Monday evening.", "evening", {"morning", "afternoon"}),
    ("He left on Saturday Night.", "Night", {"Morning", "Afternoon"}),
    ("He left on Monday morning.", "morning", {"afternoon", "evening"}),
    ("The trial begins next month.", "month", {"week", "year"}),
    ("Last week the mayor left.", "week", {"month", "year"}),
    ("The vote is on Monday. It was to be on Friday.", "Monday", {"Friday"}),
    ("It began on 2 Sept 2015. It ended in March.", "Sept", {"Mar"}),
]


@pytest.mark.parametrize(("text", "old", "expected"), ALL_DATES)
def test_all_that_can_stand_for_a_part_of_a_date(outcomes: Any, text: str, old: str, expected: set[str]) -> None:
    assert {new for before, new in outcomes(swap_date, text) if before == old} == expected


def test_a_day_becomes_one_that_every_month_has() -> None:
    assert {dates._other_day("3", Random(seed)) for seed in range(500)} == {str(day) for day in range(1, 29)} - {"3"}


def test_a_record_since_a_year_is_one_since_a_later_year(outcomes: Any) -> None:
    for text in ("It was the weakest period since 2008.", "It rained for the first time since March 2008."):
        made = {new for old, new in outcomes(swap_date, f"{text} It rose in 2004 and in 2014.") if old == "2008"}
        assert made == {"2004"}


def test_days_of_a_span_stay(outcomes: Any) -> None:
    assert {old for old, _ in outcomes(swap_date, "It runs from May 3-5 in Hull.")} == {"May"}


def test_september_is_no_other_month_than_sept(outcomes: Any) -> None:
    made = outcomes(swap_date, "The trial began in September 2015 in Hull. It was to start on 2 Sept 2015 or in March.")
    assert {new for old, new in made if old == "September"} == {"March"}


NO_DATES = [
    "The 2014-15 season was their best.",
    "The 2014-2015 season was their best.",
    "It rained for the past 10 days.",
    "He is 29 years old.",
    "It is over today.",
    "Last night one accountant described the mood.",
    "It is cold at night.",
    "The work was to be done by night.",
]


@pytest.mark.parametrize("text", NO_DATES)
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
    ("It has 40k readers.", "40", {"16", "20", "24", "30", "50", "60", "80", "100", "120"}),
    ("It took two decades.", "two", {"three", "four", "five", "six"}),
    ("The sum is 4,000,000.", "4,000,000", {f"{n},000" for n in
     ("1,600", "2,000", "2,400", "3,000", "5,000", "6,000", "8,000", "10,000", "12,000")}),
    ("It weighs 30kg.", "30", {"12", "15", "18", "23", "38", "45", "60", "75", "90"}),
    ("After 1,800 years it was found.", "1,800",
     {"720", "900", "1,080", "1,350", "2,250", "2,700", "3,600", "4,500", "5,400"}),
    ("The 20-second spot was shown.", "20", {"8", "10", "12", "15", "25", "30", "40", "50", "60"}),
    ("It lasted 30 minutes.", "30", {"12", "15", "18", "23", "38", "45", "60", "75", "90"}),
    ("She is 50.", "50", {"20", "25", "30", "38", "63", "75"}),
    ("It rose 100%.", "100", {"40", "50", "60", "75"}),
    ("It rose 120%.", "120", {"48", "60", "72", "90", "150", "180", "240", "300", "360"}),
    ("He had 2 of them.", "2", {"3", "4", "5", "6"}),
    ("The price is 1500 pounds.", "1500", {"600", "750", "900", "1125", "1875", "2250", "3000", "3750", "4500"}),
    ("It took ten years.", "ten", {"six", "seven", "eight", "nine", "eleven", "twelve", "thirteen", "fourteen"}),
    ("It was her tenth win.", "tenth", {"sixth", "seventh", "eighth", "ninth"}),
    ("Third place went to Anna.", "Third", {"First", "Second", "Fourth", "Fifth", "Sixth", "Seventh"}),
    ("The second man left.", "second", {"first", "third", "fourth", "fifth", "sixth"}),
    ("The bridge cost $900.", "900", {"360", "450", "540", "675", "1,125", "1,350", "1,800", "2,250", "2,700"}),
    ("It was her 2nd win.", "2nd", {"3rd", "4th", "5th"}),
    ("It was his 21st goal.", "21st", {"18th", "19th", "20th", "22nd", "23rd", "24th"}),
    ("He lost 40% of it. She has 50 cars.", "40", {"16", "20", "24", "30", "50", "60", "80"}),
    ("He scored five goals. Anna scored 7 goals.", "five", {"two", "three", "four", "six", "seven", "eight", "nine"}),
    ("About 250 people came. Then 6,000 came.", "250",
     {"100", "125", "150", "188", "313", "375", "500", "625", "750"}),
    ("About 250 people came. Then 5,000 came.", "250", {"5,000"}),
    ("About 250 people came. Then 12 came.", "250", {"100", "125", "150", "188", "313", "375", "500", "625", "750"}),
    ("It lasted 45 seconds. It took 12 hours.", "45", {"12"}),
    ("He met three men. Four men came.", "three", {"four"}),
    ("It fell to 5.2%. It fell to 7%.", "5.2", {"2.1", "2.6", "3.1", "3.9", "6.5", "7.8", "10.4", "15.6"}),
    ("He sold 12 cars and 30 vans. She sold 50 cars.", "12", {"50"}),
    ("He sold five cars and 30 vans. She sold 50 cars.", "30", {"50"}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "old", "expected"), INVENTED_NUMBERS)
def test_invented_numbers(outcomes: Any, text: str, old: str, expected: set[str]) -> None:
    assert {new for before, new in outcomes(swap_number, text) if before == old} == expected


def test_article_follows_a_number(outcomes: Any) -> None:
    made = outcomes(swap_number, "An 18-year-old man was arrested. A 30-year-old was freed.")
    assert made == {("An 18", "A 30")}
    made = outcomes(swap_number, "The police offered an $11,000 reward. It had been a $33,000 reward.")
    assert made == {("an $11,000", "a $33,000")}


NO_NUMBERS = [
    "One man was arrested.",
    "They won 28-24 on Sunday.",
    "The singer of 3rdEyeGirl left.",
    "It was first seen in Hull.",
    "The B52 flew over Hull.",
    "The attacks of 9/11 were recalled.",
    "Two thirds of voters agreed.",
    "Twenty-five men left.",
    "It was his first-class seat.",
    "She won in 2014.",
    "They won 28–24 on Sunday.",
    "The firm sells version 3.1.1 of it.",
    "The bill is $1.",
    "It rained for a second day.",
    "She came 21st in the race.",
    "It was his twenty-first goal.",
    "This notice is limited to the 2013 tax year.",
    "It was held since the second half of 2014.",
    "Tides measuring higher than 20 feet were seen.",
    "Children younger than 6 should stop eating it.",
]


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_no_number_to_swap(outcomes: Any, text: str) -> None:
    assert outcomes(swap_number, text) == set()


def test_equal_value_is_no_other_number(outcomes: Any) -> None:
    made = outcomes(swap_number, "The firm lost 1500 jobs. It had said that 1,500 jobs would go, then 2,500 jobs.")
    assert made == {("1500", "2,500")}


def test_a_number_that_the_old_one_implies_is_not_put_in(outcomes: Any) -> None:
    bounds = {"at least": True, "More than": True, "over": True, "above": True, "Up to": False, "fewer than": False,
              "less than": False, "under": False, "below": False, "at most": False, "no fewer than": True,
              "no less than": True, "a minimum of": True, "no more than": False, "as many as": False, "within": False,
              "in excess of": True, "exceeding": True, "not exceeding": False, "never more than": False}  # fmt: skip
    for bound, larger in bounds.items():
        for text in ("The mayor said that {} 60 people were hurt.", "The mayor said that it cost {} £60."):
            made = outcomes(swap_number, text.format(bound))
            assert made
            assert all((int(new) > 60) is larger for _, new in made)


BOUNDED = [
    ("Congress would be required to vote within 48 hours.", {"19", "24", "29", "36"}),
    ("The cost will exceed £60m.", {"75", "90", "120", "150", "180"}),
    ("The ship will return within the next 60 minutes.", {"24", "30", "36", "45"}),
    ("The mayor will leave in the next week to 10 days.", {"4", "5", "6", "8"}),
    ("It was the heaviest rainfall in 40 years.", {"50", "60", "80"}),
    ("Children under the age of 18 should be treated equally.", set()),
    ("The law says that workers aged over 25 will receive more.", set()),
    ("Offenders above 16 will be named.", set()),
    ("The cost can't exceed £60m.", {"24", "30", "36", "45"}),
    ("The debt of the country never exceeded 60% in that time.", {"24", "30", "36", "45"}),
]


@pytest.mark.parametrize(("text", "expected"), BOUNDED)
def test_what_bounds_a_number(outcomes: Any, text: str, expected: set[str]) -> None:
    assert {new for _, new in outcomes(swap_number, text)} == expected


def test_a_number_in_a_foreign_currency_has_bounds(outcomes: Any) -> None:
    made = outcomes(swap_number, "The mayor said that it cost more than US$60m.")
    assert made
    assert all(int(new.strip("US$m")) > 60 for _, new in made)


def test_values_of_words() -> None:
    assert [int(numbers._value(word, "word")) for word in numbers.WORDS] == [*range(2, 20), *range(20, 100, 10)]


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


def test_a_surname_is_not_swapped_with_its_first_name(outcomes: Any) -> None:
    text = (
        "Hussain said that the vote was fair. Iqbal Hussain spoke in Leeds. Iqbal said he was glad. "
        "Anna Berg was not there."
    )
    assert outcomes(swap_entity, text) == {("Hussain", "Anna Berg")}


def test_after_a_title_only_the_last_name(outcomes: Any) -> None:
    made = outcomes(
        swap_entity,
        "Mr Cameron said he was pleased. Angela Merkel was not there. François Hollande did not attend. "
        "Mrs Merkel was ill. Mr. Hollande was in Hull. Laurent Fabius came.",
    )
    assert made == {("Cameron", "Hollande")}


ENTITIES = [
    ("A German minister came. A French minister left.", {("German", "French")}),
    ("A German minister came. He is French.", set()),
    ("Mr. Cameron said he was pleased. Angela Merkel was not there.", set()),
    ("Ms Jones was pleased. Mrs Merkel was not there.", {("Jones", "Merkel")}),
    ("He came from Africa. She came from Asia.", {("Africa", "Asia")}),
    ("He moved to Leeds. She moved to London.", {("Leeds", "London")}),
    ("He won at Wembley Stadium. She won at Wimbledon Park.", {("Wembley Stadium", "Wimbledon Park")}),
    ("He watched the Super Bowl. She watched the World Cup.", {("Super Bowl", "World Cup")}),
    ("He left on Monday. She came on Friday.", set()),
    ("He left Google. She joined eBay.", set()),
    ("He left Microsoft. She ate an apple and joined Apple.", set()),
    ("He moved to Leeds. Tom Field came.", set()),
    ("The Germans won. The French lost.", set()),  # one of them in the plural
    ("He left France. She left the Netherlands.", set()),
    ("He joined US troops. She left France.", set()),
    ("The talks in Russia ended. The mayor of Moscow spoke.", set()),
    ("He went from Russia to Spain. She likes Moscow and Peru.", {("Russia", "Peru"), ("Spain", "Peru")}),
    ("The field belongs to Anna Berg. Tom Field came.", set()),
    ("A power outage spread across Turkey. He comes from Istanbul. She came from Greece.", {("Turkey", "Greece")}),
    ("A British minister came. A Scottish minister left.", set()),
    ("He joined Moscow troops. She left U.S. troops.", set()),
    ("The Conservatives cut jobs. The Tories denied it. The Democrats won.", {("Conservatives", "Democrats")}),
    ("He saw James' house. John Smith left. Thomas Williams came.", {("James", "Thomas Williams")}),
]


@pytest.mark.parametrize(("text", "expected"), ENTITIES)
def test_entity_swap_by_kinds(outcomes: Any, text: str, expected: Outcomes) -> None:
    assert outcomes(swap_entity, text) == expected


CORES = {"the United Nations": "United Nations", "THE BBC": "BBC", "Mr. Cameron": "Cameron", "Prof. Dr. Lund": "Lund",
         "Lord Hall’s": "Hall", "James'": "James", "Presidents": "Presidents"}  # fmt: skip


@pytest.mark.parametrize(("text", "core"), CORES.items())
def test_a_name_stands_between_its_titles_and_its_genitive(text: str, core: str) -> None:
    found = entities._CORE.fullmatch(text)
    assert found
    assert found.group(1) == core


PARTS = [
    ("County Durham is large.", "Durham", "GPE", False),
    ("She lives in Durham City", "Durham", "GPE", False),
    ("She lives in Durham.", "Durham", "GPE", True),
    ("She met Detective Tom Miller.", "Tom Miller", "PERSON", True),
    ("She met Mr Miller.", "Miller", "PERSON", True),
    ("She met Mayor Rahm Emanuel.", "Emanuel", "PERSON", False),
    ("She met (CNN)Miller.", "CNN)Miller", "PERSON", False),
    ("She met Giroud) left.", "Giroud)", "PERSON", False),
    ("She met Miller Field.", "Miller", "PERSON", False),
    ("She met Anna\nBerg.", "Anna\nBerg", "PERSON", False),
]


@pytest.mark.parametrize(("text", "name", "label", "whole"), PARTS)
def test_a_part_of_a_longer_name_is_none(pipeline: Any, text: str, name: str, label: str, whole: bool) -> None:
    doc, start = pipeline(text), text.index(name)
    doc.set_ents([doc.char_span(start, start + len(name), label=label)])
    assert [mention.text for mention in entities._mentions(doc[:])] == [name] * whole


def test_names_side_by_side_are_two(pipeline: Any) -> None:
    doc = pipeline("In Durham Anna Berg spoke.")
    doc.set_ents([doc.char_span(3, 9, label="GPE"), doc.char_span(10, 19, label="PERSON")])
    assert [mention.text for mention in entities._mentions(doc[:])] == ["Durham", "Anna Berg"]


@pytest.mark.parametrize(
    ("text", "name", "with_the"),
    [("She saw the Alps.", "the Alps", True), ("She saw the Alps.", "Alps", True), ("Alps are the", "Alps", False)],
)
def test_whether_a_name_goes_with_the(pipeline: Any, text: str, name: str, with_the: bool) -> None:
    doc, start = pipeline(text), text.index(name)
    doc.set_ents([doc.char_span(start, start + len(name), label="LOC")])
    assert [(mention.text, mention.with_the) for mention in entities._mentions(doc[:])] == [("Alps", with_the)]


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
    ("Department of Health", "DoH"), ("Exxon", "ExxonMobil"), ("Angela Merkel", "Angela Dorothea Merkel"),
    ("South", "Kent"), ("World Bank", "WB"), ("Department of Health", "DH"), ("the Conservatives", "the Tories"),
    ("Conservative Party", "Tory"), ("GOP", "Republicans"), ("U.S. Nuclear Regulatory Commission", "NRC"),
]  # fmt: skip
DIFFERENT = [
    ("David Cameron", "Angela Merkel"), ("BBC", "ITV"), ("Hull", "York"), ("France", "Germany"), ("Google", "Facebook"),
    ("North Korea", "South Africa"), ("Bank of England", "Department of Health"), ("Merkel", "Merrill"),
    ("Mrs Smith", "Mrs Jones"), ("Judge Brown", "Judge Smith"), ("New York", "New Delhi"),
    ("North Korea", "North Yorkshire"), ("Judge", "Merkel"), ("Republicans", "Democrats"), ("US", "NRC"),
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
    assert wider("kenya", "africa")
    assert wider("leeds", "world")
    assert not wider("leeds", "paris")
    assert wider("german", "european")
    assert wider("kenyan", "african")
    assert wider("syrian", "arab")
    assert wider("libyan", "north african")
    assert wider("boston", "massachusetts")
    assert wider("massachusetts", "us")
    assert wider("betteshanger", "kent")
    assert not wider("kent", "essex")
    assert wider("juba", "south sudan")
    assert not wider("england", "leeds")
    assert not wider("france", "germany")


def test_a_place_is_not_swapped_with_what_contains_it(outcomes: Any) -> None:
    text = (
        "A man was arrested in Chicago on Sunday. He comes from Boston. "
        "The police in Chicago, Illinois, said he had moved from Canada to France in May."
    )
    made = outcomes(swap_entity, text)
    assert {new for old, new in made if old == "Chicago"} == {"Boston"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("He left Hull, Yorkshire.", True),
        ("He lives in Hull in Yorkshire.", True),
        ("He left Hull (Yorkshire).", True),
        ("He left Yorkshire's Hull.", True),
        ("He left Yorkshire’s Hull.", True),
        ("He left Hull and Yorkshire.", False),
    ],
)
def test_what_a_document_says_of_places(text: str, expected: bool) -> None:
    assert entities._one_in_other("Hull", "Yorkshire", text) is expected
    assert entities._one_in_other("Yorkshire", "Hull", text) is expected


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Tony Alamo left Hull. Alamo, whose real name is Bernie Hoffman, spoke.", "Bernie Hoffman"),
        ("Tony Alamo left Hull. Alamo, also known as Bernie Hoffman, spoke.", "Bernie Hoffman"),
    ],
)
def test_another_name_of_somebody_is_not_put_in(outcomes: Any, text: str, name: str) -> None:
    assert name not in {new for _, new in outcomes(swap_entity, text)}


def test_initials_in_a_longer_name() -> None:
    names = {frozenset({"un", "security", "council"})}
    assert entities._in_one_name("Security Council", "United Nations", names)
    assert not entities._in_one_name("Security Council", "European Union", names)


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
    ("He didn't go home.", set()),
    ("He didn't go home. She went home.", {("didn't go", "went")}),
    ("The firm did not immediately respond. It responded later.", set()),
    ("Just over a third of the seats have been filled.", set()),
    ("Thousands of people have been left homeless.", set()),
    ("Many residents were hurt.", set()),
    ("Half the seats were filled.", set()),
    ("The third man was hurt.", {("was", "was not"), ("was", "wasn't")}),
    ("She asked how the scheme was funded.", {("asked", "did not ask"), ("asked", "didn't ask")}),
    ("The fee is not only high.", set()),
    ("He only wants a deal.", set()),
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
    ("They were late.", {("were", "were not"), ("were", "weren't")}),
    ("He should leave.", {("should", "should not"), ("should", "shouldn't")}),
    ("There was a fire in the hotel.", {("was", "was not"), ("was", "wasn't")}),
    ("There's a fire in the hotel.", {("'s", "'s not")}),
    ("They want a deal.", {("want", "do not want"), ("want", "don't want")}),
    ("They have left.", {("have", "have not"), ("have", "haven't")}),
    ("They shan't go.", {("shan't", "shall")}),
    ("He can't go.", {("can't", "can")}),
    ("They don’t want a deal.", {("don’t want", "want")}),
    ("Do not go home.", {("Do not", "Do")}),
    ("Even Anna did not come. She came.", {("did not come", "came")}),
    ("He saw some men.", {("saw", "did not see"), ("saw", "didn't see")}),
    ("He ran home and the police came.", {("ran", "did not run"), ("ran", "didn't run")}),
    ("Some left.", set()),
    ("Some residents were hurt.", set()),
    ("He might leave.", set()),
    ("Out came the mayor.", set()),
    ("It hardly rained.", set()),
    ("Nor was he there.", set()),
    ("Never go home.", set()),
    ("He knew they did not", {("knew", "did not know"), ("knew", "didn't know"), ("did not", "did")}),
    ("He ain't here.", set()),
    ("He has not left yet.", set()),
    ("He did not take all the money.", set()),
    ("He did not even call.", set()),
    ('"Was he armed?"', set()),
    ("They may not have seen it.", set()),
    ("He might well not come.", set()),
    ("But some prostate cancers don't work that way.", set()),
    ("We must ask if this ancient measure is not applicable.", {("must", "must not")}),
    ("He asked whether the man was armed.", {("asked", "did not ask"), ("asked", "didn't ask")}),
    ("It is not known if the drug works.", {("is not", "is")}),
    ("The technology will also allow councils to plan ahead.", set()),
    ("The force was already tackling the concerns.", set()),
    ("The two still work in the town.", set()),
    ("He still does not want it.", {("does not want", "wants")}),
]


@pytest.mark.parametrize(("text", "expected"), NEGATIONS)
def test_negation(outcomes: Any, text: str, expected: Outcomes) -> None:
    denied, affirmed = outcomes(deny, text), outcomes(affirm, text)
    assert denied | affirmed == expected
    assert all("not" in new or "n't" in new for _, new in denied)
    assert not any("not" in new or "n't" in new for _, new in affirmed)


THIRD_PERSON = {"want": "wants", "have": "has", "say": "says", "buy": "buys", "try": "tries", "go": "goes",
                "pass": "passes", "fix": "fixes", "buzz": "buzzes", "teach": "teaches", "wash": "washes"}  # fmt: skip


@pytest.mark.parametrize(("verb", "expected"), THIRD_PERSON.items())
def test_third_person(verb: str, expected: str) -> None:
    assert negation._third_person(verb) == expected


def test_denials_are_contracted_as_often_as_in_news(pipeline: Any) -> None:
    sentence = next(pipeline("The hotel was given permission.").sents)
    made = [deny(sentence, Random(seed)) for seed in range(500)]
    assert 0.35 < sum(change.new == "wasn't" for change in made if change) / 500 < 0.45
