"""Negation: put in a "not" where there is none, or take one out."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from quals.factcc.changes import Change
from quals.records import Span
from quals.texts import has_words

if TYPE_CHECKING:
    from spacy.tokens import Span as Sentence
    from spacy.tokens import Token

_FINITE = {"MD", "VBD", "VBZ", "VBP"}
_DO = {"VBD": "did", "VBZ": "does", "VBP": "do"}
_SUBJECTS = {"nsubj", "nsubjpass", "expl", "csubj"}
_NOT = {"not", "n't", "n’t"}
_CONTRACTED = 0.4  # the share of n't among all denials in news
_CONTRACTIBLE = {"is", "are", "was", "were", "do", "does", "did", "has", "have", "had", "would", "could", "should"}
_IRREGULAR = {"will": "won't", "can": "can't"}
_STEMS = {"wo": "will", "ca": "can", "sha": "shall"}
# With these a second "not" does not simply turn the meaning round.
_NEGATIVE = {"no", "nobody", "none", "nothing", "neither", "nor", "nowhere", "hardly", "barely", "rarely", "seldom"}
# These only stand with a "not", or change what it denies.
_POLAR = {"any", "anyone", "anybody", "anything", "anywhere", "either", "yet", "until", "only", "just", "necessarily",
          "all", "even", "but"}  # fmt: skip
# Beside these nobody puts a "not": "will not also".
_UNDENIED = {"never", *_NOT, "also", "still", "already", "only"}
# Of what some, or a third, have done others may not have done it.
_SOME = {"some", "many", "several", "half"}
_PARTS = {*_SOME, "others", "third", "quarter", "number", "numbers", "hundreds", "thousands", "dozens"}
_OPEN = {"if", "whether", "how", "what", "why"}


def deny(sentence: Sentence, random: Random) -> Change | None:
    """Put a "not", or an "n't" as often as news have one, to the main verb, or to the verb of what is reported."""
    contract = random.random() < _CONTRACTED
    return _one_of([_denied(head, sentence, contract) for head in _heads(sentence)], random)


def affirm(sentence: Sentence, random: Random) -> Change | None:
    """Take the "not" or "never" from the main verb, or from the verb of what is reported."""
    denials = [child for head in _heads(sentence) for child in head.children if child.dep_ == "neg"]
    return _one_of([_without(denial, sentence) for denial in denials], random)


def _one_of(changes: list[Change | None], random: Random) -> Change | None:
    possible = [change for change in changes if change]
    return random.choice(possible) if possible else None


def _heads(sentence: Sentence) -> list[Token]:
    """The verbs that carry what the sentence says, if a "not" would simply turn that round.

    Not where both may be true: "some have" and "some have not", "may" and "may not"; nor where both say the same:
    "ask whether it is" and "ask whether it is not".
    """
    if sentence.text.rstrip("\"'”’ ").endswith("?") or {token.lower_ for token in sentence} & _NEGATIVE:
        return []
    heads = [sentence.root, *(child for child in sentence.root.children if child.dep_ == "ccomp")]
    return [head for head in heads if not any(_leaves_open(child) for child in head.children)]


def _leaves_open(child: Token) -> bool:
    """A verb's subject, auxiliary, conjunction or question word that leaves both open."""
    subject = child.dep_ in _SUBJECTS and (
        child.lower_ in _PARTS or any(word.lower_ in _SOME for word in child.children)
    )
    auxiliary = child.dep_ == "aux" and child.lower_ in ("may", "might")
    return subject or auxiliary or (child.dep_ not in _SUBJECTS and child.lower_ in _OPEN)


def _denied(head: Token, sentence: Sentence, contract: bool) -> Change | None:
    if any(child.lower_ in _UNDENIED for child in head.children):
        return None
    auxiliary = next((child for child in head.children if _is_finite_auxiliary(child) and child.i < head.i), None)
    first = auxiliary or head
    if any(token.lower_ in _UNDENIED for token in sentence.doc[first.i + 1 : min(first.i + 2, sentence.end)]):
        return None  # "is not not only"
    if auxiliary is not None:
        return _replaced(auxiliary, _with_not(auxiliary.text, contract), sentence)
    if head.lemma_ == "be" and head.tag_ in _FINITE:  # in "there was", too, where spaCy takes it for no auxiliary
        return _replaced(head, _with_not(head.text, contract), sentence)
    return _with_do(head, sentence, contract)


def _is_finite_auxiliary(token: Token) -> bool:
    return token.dep_ in ("aux", "auxpass") and token.tag_ in _FINITE


def _with_not(auxiliary: str, contract: bool) -> str:
    if contract and auxiliary in _IRREGULAR:
        return _IRREGULAR[auxiliary]
    if contract and auxiliary.lower() in _CONTRACTIBLE:
        return auxiliary + "n't"
    return auxiliary + ("not" if auxiliary.lower() == "can" else " not")


def _with_do(verb: Token, sentence: Sentence, contract: bool) -> Change | None:
    """ "said" becomes "did not say"; only after a subject, before no second verb, and not after a quotation."""
    subject_before = any(child.dep_ in _SUBJECTS and child.i < verb.i for child in verb.children)
    second = any(
        child.dep_ == "conj"
        and child.tag_ in _FINITE
        and not any(grandchild.dep_ in _SUBJECTS or _is_finite_auxiliary(grandchild) for grandchild in child.children)
        for child in verb.children
    )
    quoted_before = any(child.dep_ == "ccomp" and child.i < verb.i for child in verb.children)
    if quoted_before or verb.pos_ != "VERB" or verb.tag_ not in _DO or not subject_before or second:
        return None
    return _replaced(verb, f"{_with_not(_DO[verb.tag_], contract)} {verb.lemma_.lower()}", sentence)


def _without(denial: Token, sentence: Sentence) -> Change | None:
    if denial.lower_ not in (*_NOT, "never") or denial.i == sentence.start:
        return None
    if {token.lower_ for token in sentence if token.i > denial.i} & _POLAR:
        return None
    before = sentence.doc[denial.i - 1]
    if before.lower_ == "ai" or not has_words(before.text):  # ain't is short for too many things
        return None
    after = sentence.doc[min(denial.i + 1, sentence.end - 1)]
    if before.lower_ in ("do", "does") and before.i > sentence.start and after.tag_ == "VB" and after.lower_ != "be":
        new = after.text if before.lower_ == "do" else _third_person(after.text)
        return _between(before, after, new, sentence)
    if before.lower_ == "did" and denial.head.tag_ == "VB" and denial.head.i > denial.i:
        # "Did ignite" tells a false claim, and only the document can say what the past of "ignite" is.
        past = next((word.lower_ for word in sentence.doc if word.tag_ == "VBD" and word.lemma_ == after.lemma_), None)
        return _between(before, after, past, sentence) if past and after == denial.head else None
    stem = before.text
    if denial.lower_ != "not" and before.lower_ in _STEMS:
        stem = _STEMS[before.lower_] if stem.islower() else _STEMS[before.lower_].capitalize()
    return _between(before, denial, stem, sentence)


def _third_person(verb: str) -> str:
    """know -> knows."""
    if verb == "have":
        return "has"
    if verb.endswith("y") and verb[-2:-1] not in "aeou":
        return verb[:-1] + "ies"
    return verb + ("es" if verb.endswith(("s", "x", "z", "ch", "sh", "o")) else "s")


def _between(first: Token, last: Token, new: str, sentence: Sentence) -> Change:
    start, end = first.idx - sentence.start_char, last.idx + len(last) - sentence.start_char
    return Change(Span(start, end), sentence.text[start:end], new)


def _replaced(token: Token, new: str, sentence: Sentence) -> Change:
    return _between(token, token, new, sentence)
