"""Entity swap: another person, place, organisation of the same document in place of one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from random import Random
from typing import TYPE_CHECKING

from quals.factcc.changes import Change, change_at
from quals.factcc.places import one_party, one_place, wider

if TYPE_CHECKING:
    from spacy.tokens import Span as Sentence

NAMES = {"PERSON", "ORG", "GPE", "LOC", "NORP", "FAC", "EVENT", "PRODUCT"}  # spaCy's labels of what is swapped
_ALWAYS_ONE = {"PERSON", "GPE", "LOC"}  # singular, whatever they are tagged: Leeds, Abrams
_TITLES = {"mr", "mrs", "ms", "miss", "dr", "sir", "lord", "lady", "dame", "prof", "professor", "president", "judge"}
_HERS = ("mrs", "ms", "miss")
_ALIAS = ("known as ", "alias ", "real name is ", "real name was ", "real name, ")
_SMALL = {"the", "of", "and", "for", "de", "la", "al", "st", "new", "north", "south", "east", "west"}
_ALIKE = 0.8  # share of letters in common from which two names are taken for spellings of one
_CORE = re.compile(rf"(?:the\s+)?(?:(?:{'|'.join(_TITLES)})\.?\s+)*(.*?)(?:['’]s?)?", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Mention:
    """A name in the document, without a leading "the" or title or a final 's; ``start`` in the document."""

    text: str
    label: str
    tag: str
    start: int
    with_the: bool
    modifies: bool  # "US" in "US troops", where not every name can stand


@dataclass(frozen=True)
class _Said:
    """The document's text, and the words of each of its names."""

    text: str
    names: set[frozenset[str]]


def swap_entity(sentence: Sentence, random: Random) -> Change | None:
    """A name of the same kind, from elsewhere in the document, in place of one in the sentence.

    The new one is no other name of anything in the sentence (see `same_thing`), is used with or without
    "the" and before a noun as the old one is, and agrees with it in number.
    """
    here, text = list(_mentions(sentence)), sentence.doc.text  # spaCy puts the text together at each call
    elsewhere = {(_use(mention), mention.text): mention for mention in _mentions(sentence.doc[:])}
    said = _Said(text, {frozenset(_words(mention.text)) - _SMALL for mention in elsewhere.values()})
    choices = []
    for old in here:
        names = {new.text for new in elsewhere.values() if _fits(old, new, here, sentence, said)}
        if title := _title(sentence.text[: old.start - sentence.start_char]):
            names = {name.split()[-1] for name in names if _with_title(title, name, text)}
        if names:
            choices.append((old, sorted(names)))
    if not choices:
        return None
    old, fitting = random.choice(choices)
    new = random.choice(fitting)
    start = old.start - sentence.start_char
    return change_at(sentence, start, start + len(old.text), new)


def same_thing(one: str, other: str) -> bool:
    """Whether two names may mean the same: a shared word, an acronym, another spelling, a capital for its state.

    Or another name of a party. In doubt yes: a swap that changes nothing would be labelled false though it is true.
    """
    ours, theirs = _words(one), _words(other)
    if set(ours) - _SMALL & set(theirs) - _SMALL or set(ours) <= _SMALL or set(theirs) <= _SMALL:
        return True
    joined, joined_other = "".join(ours), "".join(theirs)
    if joined in joined_other or joined_other in joined:
        return True
    if _initials(ours, joined_other) or _initials(theirs, joined):
        return True
    plain, plain_other = " ".join(ours), " ".join(theirs)
    if one_place(plain, plain_other) or one_party(plain, plain_other):
        return True
    return SequenceMatcher(None, joined, joined_other).ratio() >= _ALIKE


def _mentions(part: Sentence) -> Iterator[Mention]:
    words = {token.text for token in part.doc}
    for entity in part.ents:
        core = _CORE.fullmatch(entity.text)
        if entity.label_ not in NAMES or core is None or not (name := core.group(1).strip()):
            continue
        if _part_of_longer_name(entity):
            continue
        if any(name.count(one) != name.count(other) for one, other in ("()", "[]")):
            continue  # "CNN)Cleveland"
        if "\n" in name or not name[0].isupper() or name.lower() in words:
            continue  # a word that also stands in small letters is no name: "the Group"
        before = entity.doc[entity.start - 1].lower_ if entity.start else ""
        with_the = "the" in (before, entity[0].lower_)
        start = entity.start_char + core.start(1)
        modifies = entity.root.dep_ in ("compound", "amod", "nmod")
        yield Mention(name, entity.label_, entity.root.tag_, start, with_the, modifies)


def _part_of_longer_name(entity: Sentence) -> bool:
    """Durham in County Durham: what stands beside it is a name too, but not of an entity of its own."""
    titled = entity.label_ == "PERSON" and len(entity) > 1  # before a whole name it is a title
    before = entity.start - 1 if not titled else -1
    beside = [entity.doc[place] for place in (before, entity.end) if 0 <= place < len(entity.doc)]
    return any(token.pos_ == "PROPN" and not token.ent_type_ and not _is_title(token.text) for token in beside)


def _is_title(word: str) -> bool:
    return word.lower().rstrip(".") in _TITLES


def _fits(old: Mention, new: Mention, here: list[Mention], sentence: Sentence, said: _Said) -> bool:
    if _use(old) != _use(new):
        return False
    plain, plain_new = " ".join(_words(old.text)), " ".join(_words(new.text))
    if wider(plain, plain_new) or wider(plain_new, plain):
        return False  # what holds of a town may be said of its country, and the other way round
    after = sentence.text[old.start - sentence.start_char + len(old.text) :]
    if re.match(r"['’](?!s)", after) and not new.text.endswith("s"):
        return False  # James' would become John'
    if any(link + new.text in said.text for link in _ALIAS):
        return False  # it may be somebody's in the sentence
    if {*_words(new.text)} - _SMALL & {token.lower_ for token in sentence}:
        return False
    return not any(
        same_thing(one.text, new.text)
        or _one_in_other(one.text, new.text, said.text)
        or _in_one_name(one.text, new.text, said.names)
        for one in here
    )


def _use(mention: Mention) -> tuple[str, str, bool, bool]:
    """What a name must have in common with one that it replaces."""
    tag = "" if mention.label in _ALWAYS_ONE else mention.tag
    return mention.label, tag, mention.with_the, mention.modifies


def _one_in_other(one: str, other: str, text: str) -> bool:
    """Whether the document itself says that one place, or body, is part of the other: "Hull, Yorkshire"."""
    return any(
        f"{a}{link}{b}" in text for a, b in ((one, other), (other, one)) for link in (", ", " in ", " (", "'s ", "’s ")
    )


def _in_one_name(one: str, other: str, names: set[frozenset[str]]) -> bool:
    """Whether a name in the document has words, or the initials, of both: Iqbal and Hussain, of Iqbal Hussain."""
    both = (_words(one), _words(other))
    ours, theirs = ({*words, "".join(word[0] for word in words)} if len(words) > 1 else {*words} for words in both)
    return any(ours & name and theirs & name for name in names)


def _title(before: str) -> str:
    """That of a name, without a full stop, by what stands before it; "" if it has none."""
    words = re.findall(r"[\w.]+", before)
    return words[-1].lower().rstrip(".") if words and _is_title(words[-1]) and before.endswith(" ") else ""


def _with_title(title: str, name: str, text: str) -> bool:
    """Whether the document has such a title before somebody's last name: a Mr is no Mrs, and no NHS."""
    titles = "|".join(_HERS) if title in _HERS else title
    return bool(re.search(rf"\b(?:{titles})\.? {re.escape(name.split()[-1])}\b", text, re.IGNORECASE))


def _words(name: str) -> list[str]:
    plain = re.sub(r"['’]s?\b", "", name.casefold().replace(".", ""))
    words = [word for word in re.findall(r"\w+", plain) if word not in _TITLES]
    return words[1:] if words[:1] == ["the"] else words or [plain]


def _initials(words: list[str], acronym: str) -> bool:
    """Whether the words' first letters, with or without the small words or a country's, spell the acronym."""
    if len(words) < 2:
        return False
    if words[0] in ("us", "uk") and _initials(words[1:], acronym):
        return True  # the NRC is the U.S. Nuclear Regulatory Commission
    big = [word for word in words if word not in _SMALL]
    return acronym in ("".join(word[0] for word in words), "".join(word[0] for word in big))
