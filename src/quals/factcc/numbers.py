"""Number swap: another amount, percentage, count, age or rank, written the way the old one was."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from random import Random
from typing import TYPE_CHECKING

from quals.factcc.changes import Change, change_at

if TYPE_CHECKING:
    from spacy.tokens import Span as Sentence

WORDS = (
    "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty", "thirty", "forty", "fifty",
    "sixty", "seventy", "eighty", "ninety",
)  # fmt: skip
RANKS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")

_COUNTED = {"CARDINAL", "MONEY", "PERCENT", "QUANTITY"}
_DURATION = re.compile(
    r"\b(?:years?|months?|weeks?|days?|hours?|minutes?|seconds|decades?)\b|(?<=\d-)second\b|^\d\d$", re.IGNORECASE
)
YEAR = re.compile(r"(?<![\w–/-])(?:1[5-9]|20)\d\d\b(?![–/-]\d)")
# Not part of a score (28-24), a date (9/11), a time (10:30), a name (B52, 3rdEyeGirl) or a rank (21st).
_UNIT = r"(?:m|bn|tn|k|p|c|g|km|kg|ft|cm|mm|mph|lb|lbs)?"
_DIGITS = re.compile(rf"(?<![\w.,/:–-])(?:\d{{1,3}}(?:,\d{{3}})+|\d+)(?:\.\d+)?(?={_UNIT}(?!\w))(?![.,]\d|[–/:-]\d)")
_SECOND = rf"-(?:one|{'|'.join((*WORDS, *RANKS))})\b|[ -](?:thirds|quarters|fifths)\b"  # of twenty-five, of two thirds
_WORD = re.compile(rf"(?<![\w-])(?:{'|'.join(WORDS)})(?!\w|{_SECOND})", re.IGNORECASE)
_RANK_WORD = re.compile(rf"(?<![\w-])(?:{'|'.join(RANKS)})(?![\w-]| (?:aid|names?)\b)", re.IGNORECASE)
_RANK_DIGITS = re.compile(r"(?<![\w-])\d+(?:st|nd|rd|th)\b")
_PATTERNS = {"digits": _DIGITS, "word": _WORD, "rank word": _RANK_WORD, "rank digits": _RANK_DIGITS}
_ABOVE = "(?:more than|in excess of|exceed(?:s|ed|ing)?)"
_BELOW = "(?:less|fewer) than"
_NOT = r"(?:no|not|cannot|never|\w+n['’]t) "
_NO_NOT = r"(?<!\bno )(?<!not )(?<!\bnever )(?<!n['’]t )"
_MORE = rf"(?:{_NO_NOT}{_ABOVE}|{_NOT}{_BELOW})"
_LESS = rf"(?:{_NO_NOT}{_BELOW}|{_NOT}{_ABOVE})"
_SIGN = r"\s+(?:[A-Z]{1,3})?[£$€]?$"
_NEXT = " the (?:next|last|past|first)"
_AT_LEAST = re.compile(rf"\b(?:at least|{_MORE}|over|above|a minimum of){_SIGN}", re.IGNORECASE)
_AT_MOST = re.compile(
    rf"\b(?:at most|{_LESS}|under|below|within(?:{_NEXT})?|in{_NEXT} \w+ to|up to|as many as|a maximum of){_SIGN}",
    re.IGNORECASE,
)
# Either way: what is higher than 20 feet is higher than 10; what children younger than 6 need, those younger than 4 do.
_COMPARED = re.compile(rf"(?<!\bfew)er than{_SIGN}", re.IGNORECASE)
# So is what is said of all who are over, or under, an age.
_AGED = re.compile(
    r"\b(?:over|above|under|below) the age of\s+$"
    r"|\b(?:aged|people|men|women|children|boys|girls|adults|anyone|those|(?:offend|work|driv|teenag|prison)ers"
    r"|patients|pupils|students|residents|voters|pensioners) (?:over|above|under|below)\s+$",
    re.IGNORECASE,
)
# The heaviest in 40 years is the heaviest in 20, and since 2008 the heaviest since 2014.
RECORD = r"\b(?:\w{2,}est|first|most|least)\b(?:\s+[\w'’-]+){0,5}\s+"
_IN_YEARS = re.compile(
    rf"{RECORD}(?:in|for)(?: (?:the (?:last|past)|almost|nearly|about|over|more than))?\s+$", re.IGNORECASE
)
_FACTORS = ("0.4", "0.5", "0.6", "0.75", "1.25", "1.5", "2", "2.5", "3")


@dataclass(frozen=True)
class Numeral:
    """A number in a text: how it is written, what kind of thing it counts, and where (in the document)."""

    text: str
    style: str
    label: str
    start: int


def swap_number(sentence: Sentence, random: Random) -> Change | None:
    """Another number of the same kind in the document, or else an invented one, in place of one.

    One is never swapped, in or out: the nouns and verbs around it would have to follow. A number that the old
    one may imply is not put in: who says at least 20 says at least 10.
    """
    numerals = list(_numerals(sentence))
    if not numerals:
        return None
    chosen = random.choice(numerals)
    new = _from_document(chosen, sentence, random) or _invented(chosen, random)
    start = chosen.start - sentence.start_char
    if new is None or _still_true(sentence.text[:start], chosen, new):
        return None
    return change_at(sentence, start, start + len(chosen.text), new)


def _still_true(before: str, chosen: Numeral, new: str) -> bool:
    """Whether the old number implies the new, or may: at least 20 are at least 10, the most in 20 years in 10."""
    larger = _value(new, chosen.style) > _value(chosen.text, chosen.style)
    if chosen.label == "DURATION" and not larger and _IN_YEARS.search(before):
        return True
    either = _COMPARED.search(before) or _AGED.search(before)
    return bool(either or (_AT_MOST if larger else _AT_LEAST).search(before))


def _numerals(sentence: Sentence) -> Iterator[Numeral]:
    for entity in sentence.ents:
        label = "DURATION" if entity.label_ in ("DATE", "TIME") else entity.label_
        if label == "DURATION" and not _DURATION.search(entity.text):
            continue
        if label not in _COUNTED | {"DURATION", "ORDINAL"}:
            continue
        if label == "ORDINAL" and entity.root.dep_ != "amod":
            continue  # "first" in "it was first seen" is no rank
        for style, pattern in _PATTERNS.items():
            if style.startswith("rank") == (label == "ORDINAL"):
                yield from _found(sentence, entity, pattern, style, label)


def _found(sentence: Sentence, entity: Sentence, pattern: re.Pattern[str], style: str, label: str) -> Iterator[Numeral]:
    # Searched in the whole sentence: what stands right before and after the entity counts.
    first = entity.start_char - sentence.start_char
    for match in pattern.finditer(sentence.text):
        inside = first <= match.start() and match.end() <= first + len(entity.text) + _glued(sentence, entity)
        year = label == "DURATION" and YEAR.fullmatch(match.group())  # in "the 2013 tax year"
        if inside and not year and _value(match.group(), style) != 1:
            yield Numeral(match.group(), style, label, sentence.start_char + match.start())


def _glued(sentence: Sentence, entity: Sentence) -> int:
    """How many characters of digits follow the entity without a space (the tokenizer split a number)."""
    rest = sentence.text[entity.end_char - sentence.start_char :]
    return len(rest) - len(rest.lstrip("0123456789.,"))


def _value(text: str, style: str) -> Decimal:
    text = text.lower()
    if style == "word":
        place = WORDS.index(text)
        return Decimal(place + 2 if place < 19 else 10 * (place - 16))
    if style == "rank word":
        return Decimal(RANKS.index(text) + 100)  # ranks are never 1: "first" may be swapped
    if style == "rank digits":
        return Decimal(text[:-2]) + 100
    return Decimal(text.replace(",", ""))


def _from_document(chosen: Numeral, sentence: Sentence, random: Random) -> str | None:
    """Another number of the document that is written alike and counts the same kind of thing."""
    value = _value(chosen.text, chosen.style)
    here = {_value(numeral.text, chosen.style) for numeral in _numerals(sentence) if numeral.style == chosen.style}
    others = {
        numeral.text
        for other in sentence.doc.sents
        for numeral in _numerals(other)
        if (numeral.style, numeral.label) == (chosen.style, chosen.label)
        and _value(numeral.text, numeral.style) not in here
        and _decimals(numeral.text) == _decimals(chosen.text)
        and value / 20 <= _value(numeral.text, numeral.style) <= value * 20
    }
    return random.choice(sorted(others)).lower() if others else None


def _invented(chosen: Numeral, random: Random) -> str | None:
    if chosen.style == "word":
        return _neighbour(chosen.text, WORDS, random)
    if chosen.style == "rank word":
        return _neighbour(chosen.text, RANKS, random)
    if chosen.style == "rank digits":
        return with_suffix(max(2, int(chosen.text[:-2]) + random.choice((-3, -2, -1, 1, 2, 3))))
    return _scaled(chosen, random)


def _neighbour(text: str, words: tuple[str, ...], random: Random) -> str:
    place = words.index(text.lower())
    return random.choice([word for near, word in enumerate(words) if 0 < abs(near - place) <= 4])


def _scaled(chosen: Numeral, random: Random) -> str | None:
    """Times a simple factor, rounded as the old one was; a share stays below 100, an age too."""
    value, decimals = _value(chosen.text, "digits"), _decimals(chosen.text)
    capped = chosen.label in ("PERCENT", "DURATION") and value <= 100
    made = [(value * Decimal(factor)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP) for factor in _FACTORS]
    fitting = [new for new in made if new not in (0, 1, value) and not (capped and new >= 100)]
    fitting = [new for new in fitting if not decimals or new % 1]  # nobody writes 27.0
    if not fitting:
        return None
    new = random.choice(fitting)
    grouped = "," in chosen.text or value < 1000
    return f"{new:,}" if grouped else f"{new}"


def _decimals(text: str) -> int:
    return len(text.partition(".")[2])


def with_suffix(number: int) -> str:
    """21 -> 21st."""
    teen = 10 <= number % 100 <= 20
    return f"{number}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"
