"""Questions with their answers -> statements: "Who founded Rome?", "Romulus" -> "Romulus founded Rome."

People who ask about a text put much of it in words of their own, so what question and answer say together is what the
text says in other words.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spacy.tokens import Doc, Token

Forms = Mapping[tuple[str, str], str]  # lemma and tag (VBD, VBZ) of a verb -> its form

_ASKING = {"who", "whom", "what", "which", "when", "where", "why", "how"}
_NOT_STATED = {"long", "often", "far", "soon", "come", "well"}  # behind "how": an answer seldom fits what is asked
_NAMING = {"called", "named", "titled", "nicknamed"}
_PERIODS = {"year", "decade", "century", "month", "day", "date"}
_SUBJECTS = {"nsubj", "nsubjpass", "csubj", "csubjpass", "expl"}
_MOST_WORDS = 14  # of an answer
# An answer to "when" or "where" takes the one of these that stands before it in the text.
_LINKS = {
    "in", "on", "at", "from", "to", "by", "during", "near", "with", "since", "until", "after", "before", "under", "for",
    "between", "around", "within", "through",
}  # fmt: skip
_ADVERBIAL = _LINKS | {"when", "while", "where", "throughout", "across", "inside", "outside", "today", "now"}
_REASONS = ("because", "to ", "due to", "so that", "as ", "in order", "since", "for ")
_MANNERS = ("by ", "through ", "via ", "with ", "using ", "in ", "as ", "on ", "from ")
_YEAR = re.compile(r"(?:early |late |mid-)?(?:1\d|20)\d\ds?\b")
_MONTH = re.compile(r"(?:January|February|March|April|May|June|July|August|September|October|November|December)\b")
_DAY = re.compile(r" \d{1,2}(?:,|$)")
_VERB = re.compile(  # at the start of an answer: it is no noun phrase
    r"(?:could|can|would|will|should|may|might|must|is|are|was|were|has|have|had|did|does|do|be|been|being)\b"
)


@dataclass(frozen=True)
class Statement:
    """A sentence, in which the answer is from character ``start`` to ``end``."""

    text: str
    start: int
    end: int


def statement(question: Doc, answer: str, before: str = "", forms: Forms | None = None) -> Statement | None:
    """What a question and its answer say together; None if there is no rule for a question of this form.

    Args:
        question: parsed by an English pipeline.
        answer: as it stands in the text.
        before: the word that stands before it there.
        forms: of verbs that stand behind a "did" or "does". A verb that is not among them stays behind it.
    """
    tokens = [token for token in question if not token.is_space]
    while tokens and tokens[-1].text.strip("?.") == "":
        tokens.pop()
    place = next((n for n, token in enumerate(tokens[:2]) if token.lower_ in _ASKING and token.tag_[0] == "W"), None)
    whole = answer and not _VERB.match(answer) and len(answer.split()) <= _MOST_WORDS
    if place is None or not whole or any(token.text in "?;" for token in tokens):
        return None
    given = tokens[0].lower_ if place else ""  # "in which year": the preposition goes with the answer
    last = _last_of_phrase(tokens, place)
    phrase, rest = tokens[place : last + 1], tokens[last + 1 :]
    if len(rest) < 2 or (given and tokens[0].pos_ not in ("ADP", "SCONJ")):
        return None
    asked = _Asked(phrase, rest, given, answer, before.lower(), forms or {})
    return None if asked.how in _NOT_STATED else asked.stated()


def _last_of_phrase(tokens: Sequence[Token], place: int) -> int:
    """Where the phrase ends that asks: at "music" in "what type of music do they play"."""
    word, noun = tokens[place], tokens[place]
    if word.lower_ in ("what", "which") and word.dep_ in ("det", "nmod", "amod", "poss", "compound"):
        noun = word.head
    elif word.lower_ == "how" and word.head.tag_[0] in "JR" and word.head.i == word.i + 1:
        counted = word.head.dep_ in ("amod", "nummod", "det", "quantmod") and word.head.head.i > word.i
        noun = word.head.head if counted else word.head
    end = next((n for n, token in enumerate(tokens) if token.i == noun.i), place)
    after = tokens[end + 1 : end + 2]
    if end > place and after and after[0].lower_ == "of" and after[0].head.i == noun.i:
        return next((n for n, token in enumerate(tokens) if token.head.i == after[0].i and token.dep_ == "pobj"), end)
    return max(end, place)


@dataclass(frozen=True)
class _Asked:
    """A question in its parts: the phrase that asks, and the rest."""

    phrase: list[Token]
    rest: list[Token]
    given: str
    answer: str
    before: str
    forms: Forms

    @property
    def word(self) -> str:
        return str(self.phrase[0].lower_)

    @property
    def how(self) -> str:
        """The word behind "how", wherever that ends."""
        return str([*self.phrase, *self.rest][1].lower_) if self.word == "how" else ""

    @property
    def adverbial(self) -> bool:
        """Whether it asks when, where, why or in what manner, so that the answer needs a word to go with it."""
        manner = self.word == "how" and len(self.phrase) == 1
        return bool(self.given) or manner or self.word in ("when", "where", "why") or self.period

    @property
    def period(self) -> bool:
        return self.phrase[-1].lower_ in _PERIODS

    def stated(self) -> Statement | None:
        first = self.rest[0]
        if any(token.dep_ in _SUBJECTS for token in self.phrase) and first.lower_ not in ("did", "does", "do"):
            return self._of_subject()
        return self._inverted() if first.pos_ == "AUX" or first.lemma_ in ("be", "do", "have") else None

    def _of_subject(self) -> Statement | None:
        """Who did it?"""
        first, second = self.rest[:2]
        verb = second if first.pos_ == "ADV" else first
        if verb.pos_ not in ("VERB", "AUX") or self.given or self.word not in ("who", "what", "which", "how"):
            return None
        if first.dep_ in ("aux", "auxpass") and second.pos_ not in ("VERB", "AUX", "ADV", "PART"):
            return None  # a subject follows after all
        return _joined("", self._counted(), _text(self.rest))

    def _inverted(self) -> Statement | None:
        """An auxiliary, the subject and what follows it: "did", "the war", "end in Europe"."""
        auxiliary = self.rest[0]
        verb = auxiliary.head if auxiliary.dep_ in ("aux", "auxpass") else auxiliary
        subject = next(
            (one for one in self.rest[1:] if one.dep_ in _SUBJECTS and one.head.i in (verb.i, auxiliary.i)), None
        ) or next((one for one in self.rest[1:] if one.dep_ == "attr" and one.head.i == auxiliary.i), None)
        if subject is None:
            return None
        inside = {token.i for token in subject.subtree}
        size = next((n for n, token in enumerate(self.rest[1:]) if token.i not in inside), len(self.rest) - 1)
        subjects, after = self.rest[1 : size + 1], self.rest[size + 1 :]
        if not subjects or subjects[0].i != min(inside) or any(token.i in inside for token in after):
            return None
        if verb is auxiliary and auxiliary.lemma_ == "be":
            return self._of_state(subjects, after)
        return self._of_deed(subjects, after, verb) if any(token.i == verb.i for token in after) else None

    def _of_state(self, subject: list[Token], after: list[Token]) -> Statement | None:
        """What is it? Where is it? What is it called?"""
        # A participle taken for a part of the subject: "the firm based".
        last = subject[-1]
        if len(subject) > 1 and last.tag_ in ("VBN", "VBD") and (self.adverbial or last.lower_ in _NAMING):
            subject, after = subject[:-1], [last, *after]
        lead = f"{_text(subject)} {self.rest[0].text} "
        if subject[-1].pos_ == "ADP" or (after and after[0].pos_ not in ("ADP", "ADV", "SCONJ", "VERB", "ADJ")):
            return None
        if self.adverbial:
            stated = self.word != "why" and self.how in ("", "many", "much")
            return self._with_adverbial(lead + _text(after)) if stated else None
        if after and after[0].lower_ in _NAMING:
            return _joined(lead + after[0].text, self._counted(), _text(after[1:]))
        return _joined(lead + _text(after), self._counted(), "") if _text(after) in ("", "about", "for", "of") else None

    def _of_deed(self, subject: list[Token], after: list[Token], verb: Token) -> Statement | None:
        """What did they do? The answer goes where what was asked for is missing."""
        auxiliary, place = self.rest[0], next(n for n, token in enumerate(after) if token.i == verb.i)
        words = [token.text_with_ws for token in after]
        front = f"{auxiliary.text} "
        if auxiliary.lemma_ == "do" and not any(token.dep_ == "neg" for token in after):
            tag = {"did": "VBD", "does": "VBZ"}.get(auxiliary.lower_)
            if form := self.forms.get((verb.lemma_, tag)) if tag else verb.text:
                words[place], front = form + verb.whitespace_, ""
        lead = f"{_text(subject)} {front}"
        if self.adverbial:
            return self._with_adverbial(lead + "".join(words))
        cut = self._gap(after, place, verb)
        return _joined(lead + "".join(words[:cut]), self._counted(), "".join(words[cut:]))

    def _gap(self, after: list[Token], place: int, verb: Token) -> int:
        """Behind a preposition left alone, behind the verb whose object is asked for, or at the end."""
        for n, token in enumerate(after):
            alone = token.dep_ == "prep" and not list(token.children)
            if alone and (n + 1 == len(after) or after[n + 1].pos_ in ("ADP", "SCONJ", "ADV")):
                return n + 1
        asked = self.phrase[-1]
        if asked.dep_ not in ("dobj", "obj", "attr", "oprd") or asked.head.i != verb.i:
            return len(after)
        return next((n for n in range(place + 1, len(after)) if after[n].dep_ != "prt"), len(after))

    def _counted(self) -> str:
        """The answer, with the noun that it counts: "how many men", "four" -> "four men"."""
        noun, few = self.phrase[-1], len(self.answer.split()) <= 3
        if self.word != "how" or noun.pos_ != "NOUN" or not few or not re.fullmatch(r"[\w,.\s-]*", self.answer):
            return self.answer
        if noun.lower_ in self.answer.lower() or noun.lemma_.lower() in self.answer.lower().split():
            return self.answer
        return f"{self.answer} {_text([token for token in self.phrase[1:] if token.lower_ not in ('many', 'much')])}"

    def _with_adverbial(self, lead: str) -> Statement | None:
        link = self._link()
        return None if link is None else _joined(f"{lead.strip()} {link}", self._counted(), "")

    def _link(self) -> str | None:
        """The preposition that the answer needs before it, "" if none; None if it is not known which."""
        answer = self.answer.lower()
        if self.given:
            return "" if answer.startswith(f"{self.given} ") else self.given
        if self.word in ("why", "how"):
            return "" if answer.startswith(_REASONS if self.word == "why" else _MANNERS) else None
        if answer.split()[0] in _ADVERBIAL or self.rest[-1].pos_ == "ADP":  # "where is he from"
            return ""
        if self.before in _LINKS:
            return self.before
        if self.word == "where":
            return "in" if self.answer[0].isupper() else None
        if _MONTH.match(self.answer):
            return "on" if _DAY.search(self.answer) else "in"
        return "in" if _YEAR.match(answer) else None


def _text(tokens: Sequence[Token]) -> str:
    return "".join(token.text_with_ws for token in tokens).strip()


def _joined(before: str, answer: str, after: str) -> Statement:
    before, after = before.strip(), after.strip()
    before += " " if before else ""
    after = f" {after}" if after and after[0] not in ",'’" else after
    text = f"{before}{answer}{after}".rstrip(" ,") + "."
    made = Statement(text, len(before), len(before) + len(answer))
    return made if text[1:2].isupper() else replace(made, text=text[0].upper() + text[1:])
