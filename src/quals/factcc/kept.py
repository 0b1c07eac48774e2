"""Claims as question-answer pairs, kept in a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, astuple
from functools import partial
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import quals
from quals.factcc.generate import Article, Claim, ClaimSettings, make_claims
from quals.factcc.verdict import CONSISTENT, RESTATED, ClaimPair, Slip
from quals.nlp import pipeline_name
from quals.training.data import Passage
from quals.training.kept import Record, kept_records

if TYPE_CHECKING:
    from spacy.language import Language

_RULES = 4  # by which claims are made: another number for a change of them, so that kept claims are made again


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
