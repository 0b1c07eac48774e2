"""Claims as question-answer pairs, kept in a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, astuple, dataclass
from functools import partial
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import quals
from quals.factcc.asked import question_claims
from quals.factcc.generate import Article, Claim, ClaimSettings, make_claims
from quals.nlp import pipeline_name
from quals.texts import find_answer
from quals.training.data import BasedPair, Passage
from quals.training.kept import Record, kept_records

if TYPE_CHECKING:
    from spacy.language import Language

CONSISTENT, INCONSISTENT = "yes", "no"  # single tokens of the usual vocabularies
# The kinds of all claims made of a summary's sentences, and of all that are made of questions and answers.
RESTATED, ASKED = "restated", "asked"
_RULES = 1  # by which claims are made: another number for a change of them, so that kept claims are made again


@dataclass(frozen=True)
class Slip:
    """Words of a claim that are wrong, and what the document has instead."""

    words: str
    instead: str

    @property
    def verdict(self) -> str:
        """As it is learnt: to say which words are wrong takes more than to say that some are."""
        return f"{INCONSISTENT}: {self.words} / {self.instead}"

    def mend(self, claim: str) -> str:
        """The claim with the right words; unchanged if the wrong ones are not in it."""
        place = find_answer(self.words, claim, words_only=True)
        return claim[: place.start] + self.instead + claim[place.end :] if place else claim

    @classmethod
    def parse(cls, verdict: str) -> Slip | None:
        """Inverse of `verdict`; None for one that names no words."""
        found = re.fullmatch(rf"\s*{INCONSISTENT}: (.+?) / (.*)", verdict)
        return cls(found[1].strip(), found[2].strip()) if found and found[1].strip() else None


@dataclass(frozen=True)
class ClaimPair(BasedPair):
    """A claim as the question, its verdict as the answer.

    The verdict is ``yes``; or ``no``, if it is known what is wrong in the form of a `Slip`.
    ``kind`` is how the sentence was made false, in its true claim too, so that each kind has both; or `RESTATED`;
    or `ASKED`.
    """

    kind: str = ""


def kept_claims(
    texts: Sequence[Article | Passage],
    pipeline: Language,
    settings: ClaimSettings,
    folder: Path,
    workers: int = 1,
) -> list[Passage]:
    """The claims of each text that gives any, kept in ``folder`` (see `kept_records`).

    They are made of the sentences of an article, and of the questions about a passage. ``workers`` processes make them.
    """
    made_by = [quals.__version__, _RULES, pipeline_name(pipeline), asdict(settings)]
    key = [*made_by, [astuple(text) for text in texts]]
    make = partial(_made, pipeline=pipeline, settings=settings, workers=workers)
    records = kept_records(folder, key, texts, make, "claims")
    return [
        Passage(record["document"], tuple(ClaimPair(**claim) for claim in record["claims"]), _title(text, number))
        for number, (text, record) in enumerate(zip(texts, records, strict=True))
        if record["claims"]
    ]


def _title(text: Article | Passage, number: int) -> str:
    """The same for texts that are parts of one article, as far as that is known."""
    if isinstance(text, Article):
        return f"document {number}"
    return f"article {text.title}" if text.title else f"passage {number}"


def _made(
    batches: Sequence[Sequence[Article | Passage]], pipeline: Language, settings: ClaimSettings, workers: int
) -> Iterator[list[Record]]:
    make = partial(_records, settings=settings)
    if workers == 1:
        yield from (make(batch, pipeline=pipeline) for batch in batches)
        return
    # Not forked: what torch and others started before need not survive that.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_take, initargs=(pipeline,))
    try:
        yield from pool.map(make, batches)
    finally:
        pool.shutdown(cancel_futures=True)


_taken: list[Language] = []  # a worker's pipeline


def _take(pipeline: Language) -> None:
    _taken.append(pipeline)


def _records(
    texts: Sequence[Article | Passage], settings: ClaimSettings, pipeline: Language | None = None
) -> list[Record]:
    pipeline = pipeline or _taken[0]
    asked = [text for text in texts if isinstance(text, Passage)]
    if asked:
        claims = question_claims(asked, pipeline, settings)
        passages = [passage_of(text.context, of, ASKED) for text, of in zip(asked, claims, strict=True)]
    else:
        articles = [text for text in texts if isinstance(text, Article)]
        made = make_claims(articles, pipeline, settings)
        of_document = {document: list(group) for document, group in groupby(made, key=lambda claim: claim.document)}
        passages = [passage_of(text.document, of_document.get(text.document, [])) for text in articles]
    return [
        {"document": passage.context, "claims": [asdict(pair) for pair in passage.pairs if isinstance(pair, ClaimPair)]}
        for passage in passages
    ]


def passage_of(document: str, claims: Sequence[Claim], kind: str = "") -> Passage:
    """A document with each sentence's true claim and its false one, which come in turns.

    Their kind is found for each sentence (see `ClaimPair`), unless it is given.
    """
    pairs = [
        ClaimPair(
            claim.claim,
            CONSISTENT if claim.change is None else Slip(claim.change.new, claim.change.old).verdict,
            document.index(claim.basis),
            claim.basis,
            kind or (false.kind if claim.sentence == claim.basis else RESTATED),
        )
        for true, false in zip(claims[::2], claims[1::2], strict=True)
        for claim in (true, false)
    ]
    return Passage(document, tuple(pairs))
