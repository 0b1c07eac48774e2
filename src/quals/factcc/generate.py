"""Documents in, claims out: sentences of the document, true as they stand or made false by one edit.

A sentence gives both a true and a false claim or none, so that what kind of sentence it is tells nothing
of the label; and both may be noised, so that noise tells nothing either.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from quals.errors import InputError
from quals.factcc.changes import Change
from quals.factcc.dates import swap_date
from quals.factcc.entities import swap_entity
from quals.factcc.negation import affirm, deny
from quals.factcc.noise import apply_all, noise
from quals.factcc.numbers import swap_number
from quals.factcc.pronouns import swap_pronoun
from quals.io.text import is_text, json_lines
from quals.records import Span

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc
    from spacy.tokens import Span as Sentence

Transformation = Callable[["Sentence", Random], Change | None]

# name -> (how to make a sentence false, its weight in the draw). Nearly every sentence can be denied and few
# have a "not" to lose. Drawn alike, "not" alone would give a false claim away, without a look at the document.
TRANSFORMATIONS: dict[str, tuple[Transformation, float]] = {
    "pronoun": (swap_pronoun, 1.0),
    "date": (swap_date, 4.0),
    "number": (swap_number, 4.0),
    "entity": (swap_entity, 2.0),
    "affirmation": (affirm, 8.0),
    "denial": (deny, 0.07),
}
_LEFT, _LEFT_WEIGHT = "left as it is", 0.3
_OPENING, _ENDING = frozenset("\"“‘'("), frozenset(".!\"”’')")
_FEWEST_WORDS, _MOST_WORDS = 6, 60

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """How claims are made.

    Attributes:
        seed: equal seeds give equal claims of a document, whatever other documents there are.
        pairs: at most so many true and as many false claims of each document.
        noised: share of the claims that get token noise.
        noise_rate: share of the words of such a claim that are repeated or dropped.
    """

    seed: int = 0
    pairs: int = 4
    noised: float = 0.3
    noise_rate: float = 0.05


@dataclass(frozen=True)
class Claim:
    """A sentence to be checked against its document.

    Attributes:
        consistent: the label.
        kind: which transformation made it false, or ``none``.
        sentence: the document's sentence it was made from.
        change: what made it false, in terms of ``sentence``; None for a true claim.
        noise: further changes that leave the meaning alone, in terms of the text after ``change``.
    """

    document: str
    claim: str
    consistent: bool
    kind: str
    sentence: str
    change: Change | None
    noise: tuple[Change, ...]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def read_documents(paths: Iterable[str | Path]) -> Iterator[str]:
    """The ``document`` of each row of JSONL files, plain or gzipped.

    Raises:
        InputError: a row cannot be read; names file, line and field.
    """
    for path in paths:
        for line, row in json_lines(path):
            if isinstance(row, InputError):
                raise row
            if not isinstance(document := row.get("document"), str) or not is_text(document):
                raise InputError("expected text", file=str(path), line=line, field="document")
            yield document


def make_claims(documents: Iterable[str], pipeline: Language, settings: Settings | None = None) -> Iterator[Claim]:
    """True and false claims of each document, as many of the one as of the other."""
    settings = settings or Settings()
    for parsed in pipeline.pipe(_short_enough(documents, pipeline.max_length), batch_size=16):
        yield from _claims_of(parsed, settings)


def _short_enough(documents: Iterable[str], most: int) -> Iterator[str]:
    for number, document in enumerate(documents, 1):
        if len(document) <= most:
            yield document
        else:
            log.warning("document %d left out: %d characters, the pipeline takes %d", number, len(document), most)


def _claims_of(parsed: Doc, settings: Settings) -> Iterator[Claim]:
    text = parsed.text  # spaCy puts it together at each call
    random = Random(f"{settings.seed}:{text}")
    sentences = [sentence for one in parsed.sents if _is_claim(sentence := _trimmed(one))]
    random.shuffle(sentences)
    said, made = plain(text), 0
    for sentence in sentences:
        if made == settings.pairs:
            return
        if (false := make_false(sentence, random, said)) is None:
            continue
        made += 1
        kind, change = false
        yield _claim(text, sentence.text, None, "none", random, settings)
        yield _claim(text, sentence.text, change, kind, random, settings)


def make_false(sentence: Sentence, random: Random, said: str) -> tuple[str, Change] | None:
    """One change that makes the sentence false, with its kind; None if the draw leaves it as it is.

    Transformations are tried in an order drawn by their weights, until one applies or it is left. So common ones
    of small weight are passed over, even where no other applies.
    A result that the document (``said``, as `plain` gives it) contains as well is not false.
    """
    weights = {kind: weight for kind, (_, weight) in TRANSFORMATIONS.items()} | {_LEFT: _LEFT_WEIGHT}
    keys = {kind: random.random() ** (1 / weight) for kind, weight in weights.items()}  # Efraimidis, Spirakis 2006
    for kind in sorted(keys, key=keys.__getitem__, reverse=True):
        if kind == _LEFT:
            return None
        change = TRANSFORMATIONS[kind][0](sentence, random)
        if change is not None and plain(change.apply(sentence.text)) not in said:
            return kind, change
    return None


def _claim(document: str, sentence: str, change: Change | None, kind: str, random: Random, settings: Settings) -> Claim:
    text = change.apply(sentence) if change else sentence
    protected = Span(change.span.start, change.span.start + len(change.new)) if change else None
    slips = []
    if random.random() < settings.noised:
        slips = noise(text, random, rate=settings.noise_rate, protected=protected)
    return Claim(document, apply_all(slips, text), change is None, kind, sentence, change, tuple(slips))


def _trimmed(sentence: Sentence) -> Sentence:
    """Without the line breaks that spaCy counts to the sentence before them."""
    start, end = sentence.start, sentence.end
    while start < end and sentence.doc[start].is_space:
        start += 1
    while end > start and sentence.doc[end - 1].is_space:
        end -= 1
    return sentence.doc[start:end]


def _is_claim(sentence: Sentence) -> bool:
    """A whole sentence, not a heading, a list or a fragment."""
    text = sentence.text
    words = sum(token.is_alpha for token in sentence)
    whole = text[:1].isupper() or text[:1] in _OPENING
    has_verb = any(token.pos_ in ("VERB", "AUX") for token in sentence)
    return _FEWEST_WORDS <= words <= _MOST_WORDS and whole and has_verb and text[-1:] in _ENDING and "\n" not in text


def plain(text: str) -> str:
    """Words only, without case, with a space before and after each, so that "he left" is not found in "she left"."""
    words = re.findall(r"\w+", text.casefold())
    return f" {' '.join(words)} "
