"""Documents in, claims out: sentences of the document or its summary, true as they stand or made false by one edit.

A sentence gives both a true and a false claim or none, so that what kind of sentence it is tells nothing
of the label; and both may be noised, so that noise tells nothing either.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
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
from quals.factcc.restated import Bases
from quals.io.numbers import judgement
from quals.io.text import json_lines
from quals.io.values import text_value
from quals.records import Span
from quals.texts import padded_words, plain
from quals.training.data import readable

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
_NO_NEWS = "Media playback is "  # supported, or not, on your device
_BETWEEN = "\n\n"  # a document and its summary

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ClaimSettings:
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
class Article:
    """A document, with its reference summary if there is one."""

    document: str
    summary: str = ""


@dataclass(frozen=True)
class Claim:
    """A sentence to be checked against its document.

    Attributes:
        kind: which transformation made it false, or ``none``.
        basis: the part of the document that bears out what is true in it.
        sentence: what it was made from: the basis itself, or a sentence of the summary that says the same.
        change: what made it false, in terms of ``sentence``; None for a true claim.
    """

    document: str
    claim: str
    kind: str
    basis: str
    sentence: str
    change: Change | None

    @property
    def consistent(self) -> bool:
        """The label."""
        return self.change is None


def read_articles(paths: Iterable[str | Path], left_out: list[InputError] | None = None) -> Iterator[Article]:
    """The ``document`` of each row of JSONL files, plain or gzipped, and its ``summary``, where there is one.

    A row with a ``label`` below 0.5 is an error, for what a summary says counts as true.

    For ``left_out`` see `readable`.

    Raises:
        InputError: a file cannot be read, or a row; names file, line and field.
    """
    return readable((_article(row, str(path), line) for path in paths for line, row in json_lines(path)), left_out)


def _article(row: dict[str, Any] | InputError, path: str, line: int) -> Article | InputError:
    if isinstance(row, InputError):
        return row
    if row.get("summary") is None:
        row["summary"] = ""
    try:
        label = judgement(row.get("label"))
        if row["summary"] and label is not None and label < 0.5:
            raise InputError("the summary is wrong, so no reference: is this a file of labelled claims?", field="label")
        return Article(*(text_value(row.get(field), field) for field in ("document", "summary")))
    except InputError as error:
        return error.at(path, line)


def make_claims(
    articles: Iterable[Article], pipeline: Language, settings: ClaimSettings | None = None
) -> Iterator[Claim]:
    """True and false claims of each article, as many of the one as of the other."""
    settings = settings or ClaimSettings()
    # Parsed as one text, so that a change of the summary can take a name from the document.
    texts = ((_BETWEEN.join((one.document, one.summary)) if one.summary else one.document, one) for one in articles)
    for parsed, article in pipeline.pipe(_short_enough(texts, pipeline.max_length), as_tuples=True, batch_size=16):
        yield from _claims_of(parsed, article.document, settings)


def _short_enough(texts: Iterable[tuple[str, Article]], most: int) -> Iterator[tuple[str, Article]]:
    for text, article in texts:
        if len(text) <= most:
            yield text, article
        else:
            log.warning("left out: %d characters, the pipeline takes %d: '%s...'", len(text), most, plain(text[:60]))


def _claims_of(parsed: Doc, document: str, settings: ClaimSettings) -> Iterator[Claim]:
    random = Random(f"{settings.seed}:{document}")
    said, made = padded_words(parsed.text), 0
    for sentence, basis in _sources(parsed, document, random):
        if made == settings.pairs:
            return
        if (false := make_false(sentence, random, said)) is None:
            continue
        made += 1
        kind, change = false
        for label, edit in (("none", None), (kind, change)):
            yield _claim(document, basis, sentence.text, edit, label, random, settings)


def _sources(parsed: Doc, document: str, random: Random) -> Iterator[tuple[Sentence, str]]:
    """Sentences to make claims of, and what they rest on: first the summary's, then the document's."""
    sentences, said = [_trimmed(one) for one in _sentences(parsed, len(document))], padded_words(document)
    own = [sentence for sentence in sentences if sentence.end_char <= len(document)]
    bases = Bases(own)
    summary = [sentence for sentence in sentences if sentence.start_char > len(document) and _is_claim(sentence)]
    for sentence in summary:
        if padded_words(sentence.text) not in said and (basis := bases.of(sentence)):
            yield sentence, basis.text
    own = [sentence for sentence in own if _is_claim(sentence)]
    random.shuffle(own)
    yield from ((sentence, sentence.text) for sentence in own)


def _sentences(parsed: Doc, end: int) -> Iterator[Sentence]:
    """Its sentences; one that goes on beyond the end of the document, into the summary, is two."""
    cut = next((token.i for token in parsed if token.idx >= end), len(parsed))
    for sentence in parsed.sents:
        if sentence.start < cut < sentence.end:
            yield from (parsed[sentence.start : cut], parsed[cut : sentence.end])
        else:
            yield sentence


def make_false(sentence: Sentence, random: Random, said: str) -> tuple[str, Change] | None:
    """One change that makes the sentence false, with its kind; None if the draw leaves it as it is.

    Transformations are tried in an order drawn by their weights, until one applies or it is left. So common ones
    of small weight are passed over, even where no other applies.
    A result that the document (``said``, as `padded_words` gives it) contains as well is not false.
    """
    weights = {kind: weight for kind, (_, weight) in TRANSFORMATIONS.items()} | {_LEFT: _LEFT_WEIGHT}
    keys = {kind: random.random() ** (1 / weight) for kind, weight in weights.items()}  # Efraimidis, Spirakis 2006
    for kind in sorted(keys, key=keys.__getitem__, reverse=True):
        if kind == _LEFT:
            return None
        change = TRANSFORMATIONS[kind][0](sentence, random)
        if change is not None and padded_words(change.apply(sentence.text)) not in said:
            return kind, change
    return None


def _claim(
    document: str, basis: str, sentence: str, change: Change | None, kind: str, random: Random, settings: ClaimSettings
) -> Claim:
    text = change.apply(sentence) if change else sentence
    protected = Span(change.span.start, change.span.start + len(change.new)) if change else None
    if random.random() < settings.noised:
        text = apply_all(noise(text, random, rate=settings.noise_rate, protected=protected), text)
    return Claim(document, text, kind, basis, sentence, change)


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
    whole = (text[:1].isupper() or text[:1] in _OPENING) and not text.startswith(_NO_NEWS)
    has_verb = any(token.pos_ in ("VERB", "AUX") for token in sentence)
    return _FEWEST_WORDS <= words <= _MOST_WORDS and whole and has_verb and text[-1:] in _ENDING and "\n" not in text
