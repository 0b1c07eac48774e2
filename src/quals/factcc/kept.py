"""Claims as question-answer pairs, kept in a file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, astuple, dataclass
from functools import partial
from itertools import groupby, takewhile
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import quals
from quals.factcc.generate import Article, Claim, ClaimSettings, make_claims
from quals.nlp import pipeline_name
from quals.texts import find_answer
from quals.training.data import BasedPair, Passage
from quals.training.kept import Record, kept_records

if TYPE_CHECKING:
    from spacy.language import Language

CONSISTENT, INCONSISTENT = "yes", "no"  # single tokens of the usual vocabularies
# The kinds of all claims made of a summary's sentences, and of all that somebody judged.
RESTATED, LABELLED = "restated", "labelled"
_LONGEST_SLIP = 34  # words, of both sides; the model writes no more than so many tokens (`LONGEST_VERDICT`)
_STOPS = ".,;:!?"
_RULES = 3  # by which claims are made: another number for a change of them, so that kept claims are made again


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
    def between(cls, wrong: str, right: str) -> Slip | None:
        """What a claim has wrong, by its correction: from the first to the last word that differs.

        Where nothing has to go, or to come in, the word beside it is part of it. None if nothing differs, or too much.
        """
        ours, theirs = wrong.split(), right.split()
        same = _alike(ours, theirs)
        behind = _alike(ours[same:][::-1], theirs[same:][::-1])
        if same + behind == len(ours) == len(theirs):
            return None
        if same + behind == min(len(ours), len(theirs)):
            same, behind = (same - 1, behind) if same else (same, max(0, behind - 1))
        words, instead = (" ".join(of[same : len(of) - behind]).strip(_STOPS) for of in (ours, theirs))
        short = len(words.split()) + len(instead.split()) <= _LONGEST_SLIP
        return cls(words, instead) if short and words and instead and words != instead else None

    @classmethod
    def parse(cls, verdict: str) -> Slip | None:
        """Inverse of `verdict`; None for one that names no words."""
        found = re.fullmatch(rf"\s*{INCONSISTENT}: (.+?) / (.*)", verdict)
        return cls(found[1].strip(), found[2].strip()) if found and found[1].strip() else None


def _alike(some: Sequence[str], others: Sequence[str]) -> int:
    """How many words both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(some, others, strict=False)))


@dataclass(frozen=True)
class ClaimPair(BasedPair):
    """A claim as the question, its verdict as the answer.

    The verdict is ``yes``; or ``no``, if it is known what is wrong in the form of a `Slip`.
    ``kind`` is how the sentence was made false, in its true claim too, so that each kind has both; or `RESTATED`, or
    `LABELLED`.
    """

    kind: str = ""


def kept_claims(
    articles: Sequence[Article], pipeline: Language, settings: ClaimSettings, folder: Path, workers: int = 1
) -> list[Passage]:
    """The claims of each article that gives any, kept in ``folder`` (see `kept_records`).

    ``workers`` processes make them.
    """
    made_by = [quals.__version__, _RULES, pipeline_name(pipeline), asdict(settings)]
    key = [*made_by, [astuple(article) for article in articles]]
    make = partial(_made, pipeline=pipeline, settings=settings, workers=workers)
    records = kept_records(folder, key, articles, make, "claims")
    return [
        Passage(record["document"], tuple(ClaimPair(**claim) for claim in record["claims"]), f"document {number}")
        for number, record in enumerate(records)
        if record["claims"]
    ]


def _made(
    batches: Sequence[Sequence[Article]], pipeline: Language, settings: ClaimSettings, workers: int
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


def _records(articles: Sequence[Article], settings: ClaimSettings, pipeline: Language | None = None) -> list[Record]:
    claims = make_claims(articles, pipeline or _taken[0], settings)
    of = {document: list(group) for document, group in groupby(claims, key=lambda claim: claim.document)}
    passages = [passage_of(article.document, of.get(article.document, [])) for article in articles]
    return [
        {"document": passage.context, "claims": [asdict(pair) for pair in passage.pairs if isinstance(pair, ClaimPair)]}
        for passage in passages
    ]


def passage_of(document: str, claims: Sequence[Claim]) -> Passage:
    """A document with each sentence's true claim and its false one, which come in turns."""
    pairs = [
        ClaimPair(
            claim.claim,
            CONSISTENT if claim.change is None else Slip(claim.change.new, claim.change.old).verdict,
            document.index(claim.basis),
            claim.basis,
            false.kind if claim.sentence == claim.basis else RESTATED,
        )
        for true, false in zip(claims[::2], claims[1::2], strict=True)
        for claim in (true, false)
    ]
    return Passage(document, tuple(pairs))
