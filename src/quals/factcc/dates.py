"""Date swap: one part of a date (day, weekday, month, year, season, part of the day) becomes another."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from quals.factcc.changes import Change, change_at
from quals.factcc.numbers import RECORD, YEAR, with_suffix

if TYPE_CHECKING:
    from spacy.tokens import Span as Sentence

WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December"]  # fmt: skip

SEASONS = ["spring", "summer", "autumn", "winter"]
DAY_PARTS = ["morning", "afternoon", "evening", "night"]
UNITS = ["week", "month", "year"]

_SHORT = r"Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec"
_MONTH = rf"(?:{'|'.join(MONTHS)}|(?:{_SHORT})\b)"
_PATTERNS = {
    "weekday": re.compile(rf"\b(?:{'|'.join(WEEKDAYS)})\b"),
    "month": re.compile(rf"\b{_MONTH}"),
    "day": re.compile(rf"\b\d{{1,2}}(?:st|nd|rd|th)?(?= (?:of )?{_MONTH})|(?<= )\d{{1,2}}(?:st|nd|rd|th)?\b(?![:/–-])"),
    "decade": re.compile(r"\b(?:1[5-9]|20)\d0(?=s\b)"),
    "year": YEAR,
    "season": re.compile(rf"\b(?:{'|'.join(SEASONS)})\b", re.IGNORECASE),
    "day part": re.compile(rf"\b(?:{'|'.join(DAY_PARTS)})\b", re.IGNORECASE),
    "unit": re.compile(rf"(?<=\blast )(?:{'|'.join(UNITS)})\b|(?<=\bnext )(?:{'|'.join(UNITS)})\b", re.IGNORECASE),
}
_AFTER_MONTH = re.compile(rf"{_MONTH}\.? $")
_RECORD_SINCE = re.compile(rf"{RECORD}since\s+(?:\w+\s+){{0,2}}$", re.IGNORECASE)
_SET_NIGHT = re.compile(r"\b(?:last|at|by) night\b", re.IGNORECASE)  # nobody writes "last morning", "at afternoon"
_FROM_DOCUMENT = {"weekday", "month", "year"}  # of these a document often names several


@dataclass(frozen=True)
class Part:
    """A part of a date: what kind of part, its text, and where it starts in the document."""

    kind: str
    text: str
    start: int


def swap_date(sentence: Sentence, random: Random) -> Change | None:
    """Another weekday, month, year and so on in place of one; from the document, where it names others.

    The rest of the date stays as it is, so that the result is a date written the same way.
    """
    parts = list(_parts(sentence))
    if not parts:
        return None
    chosen = random.choice(parts)
    new = _from_document(chosen, sentence, random) or _INVENT[chosen.kind](chosen.text, random)
    start = chosen.start - sentence.start_char
    if chosen.kind == "year" and new > chosen.text and _RECORD_SINCE.search(sentence.text[:start]):
        return None
    return change_at(sentence, start, start + len(chosen.text), new)


def _parts(sentence: Sentence) -> Iterator[Part]:
    for entity in sentence.ents:
        if entity.label_ in ("DATE", "TIME"):
            for kind, pattern in _PATTERNS.items():
                for match in pattern.finditer(entity.text):
                    if kind == "day" and not _beside_month(entity.text, match):
                        continue
                    part = Part(kind, match.group(), entity.start_char + match.start())
                    if not _in_set_night(part, sentence):
                        yield part


def _beside_month(text: str, match: re.Match[str]) -> bool:
    before = _AFTER_MONTH.search(text[: match.start()])
    after = re.match(rf" (?:of )?{_MONTH}", text[match.end() :])
    return bool(before or after)


def _in_set_night(part: Part, sentence: Sentence) -> bool:
    start = part.start - sentence.start_char
    return any(match.start() < start < match.end() for match in _SET_NIGHT.finditer(sentence.text))


def _from_document(chosen: Part, sentence: Sentence, random: Random) -> str | None:
    if chosen.kind not in _FROM_DOCUMENT:
        return None
    here = {_known(part) for part in _parts(sentence)}
    others = {part.text for other in sentence.doc.sents for part in _parts(other)
              if part.kind == chosen.kind and _known(part) not in here}  # fmt: skip
    if not others:
        return None
    text = random.choice(sorted(others))
    return _like(chosen.text, MONTHS[_month(text)]) if chosen.kind == "month" else text


def _known(part: Part) -> object:
    """Equal for Sept and September."""
    return _month(part.text) if part.kind == "month" else part.text.casefold()


def _month(text: str) -> int:
    return next(number for number, name in enumerate(MONTHS) if name[:3] == text[:3])


def _like(old: str, month: str) -> str:
    """Short if the old one is; May is both."""
    return month[:3] if old not in MONTHS else month


def _other_of(words: list[str]) -> Callable[[str, Random], str]:
    return lambda text, random: random.choice([word for word in words if word.casefold() != text.casefold()])


def _other_month(text: str, random: Random) -> str:
    return _like(text, random.choice([name for number, name in enumerate(MONTHS) if number != _month(text)]))


def _other_day(text: str, random: Random) -> str:
    number = int(re.sub(r"\D", "", text))
    new = random.choice([day for day in range(1, 29) if day != number])
    return str(new) if text.isdigit() else with_suffix(new)


def _other_day_part(text: str, random: Random) -> str:
    """Not evening for night: these may be the same."""
    late = text.casefold() in ("evening", "night")
    return _other_of(DAY_PARTS[:2] if late else DAY_PARTS[:3])(text, random)


def _other_year(text: str, random: Random) -> str:
    return str(int(text) - random.choice((1, 2, 3, 4, 5, 8, 10)))


def _other_decade(text: str, random: Random) -> str:
    return str(int(text) - random.choice((10, 20, 30)))


_INVENT: dict[str, Callable[[str, Random], str]] = {
    "weekday": _other_of(WEEKDAYS),
    "month": _other_month,
    "day": _other_day,
    "decade": _other_decade,
    "year": _other_year,
    "season": _other_of(SEASONS),
    "day part": _other_day_part,
    "unit": _other_of(UNITS),
}
