"""Claims kept in a file, since making them takes a while: made once, gone on with after a kill."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, astuple, dataclass
from functools import partial
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import quals
from quals.factcc.generate import Article, Claim, Settings, make_claims
from quals.nlp import pipeline_name
from quals.texts import find_answer
from quals.training.data import Pair, Passage

if TYPE_CHECKING:
    from spacy.language import Language

Make = Callable[[Sequence[Sequence[Article]]], Iterable[list[Claim]]]  # batches of articles -> the claims of each
CONSISTENT, INCONSISTENT = "yes", "no"  # single tokens of the usual vocabularies
RESTATED = "restated"  # the kind of all claims made of a summary's sentences
_BATCH = 32  # articles between two writes: what a kill can lose


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
        place = find_answer(self.words, claim)
        return claim[: place.start] + self.instead + claim[place.end :] if place else claim

    @classmethod
    def parse(cls, verdict: str) -> Slip | None:
        """Inverse of `verdict`; None for one that names no words."""
        found = re.fullmatch(rf"\s*{INCONSISTENT}: (.+?) / (.*)", verdict)
        return cls(found[1].strip(), found[2].strip()) if found and found[1].strip() else None


@dataclass(frozen=True)
class ClaimPair(Pair):
    """A claim as the question, its verdict as the answer; it rests on ``basis``, which begins at ``start``.

    The verdict is ``yes``; or ``no``, if it is known what is wrong in the form of a `Slip`.
    ``kind`` is how the sentence was made false, in its true claim too, so that each kind has both; or `RESTATED`.
    """

    kind: str = ""
    basis: str = ""

    @property
    def end(self) -> int:
        """The character behind the basis."""
        return self.start + len(self.basis)


def kept_claims(
    articles: Sequence[Article], pipeline: Language, settings: Settings, folder: Path, workers: int = 1
) -> list[Passage]:
    """The claims of each article that gives any, from ``folder`` as far as they are there, made and kept if not.

    ``workers`` processes make them. If several processes ask for the same at once, one makes them and the others
    wait.
    """
    from filelock import FileLock

    if not articles:
        return []
    making = [
        quals.__version__,
        pipeline_name(pipeline),
        asdict(settings),
        [astuple(article) for article in articles],
    ]
    path = folder / f"{hashlib.sha256(json.dumps(making).encode()).hexdigest()[:16]}.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        _complete(path, articles, partial(_made, pipeline=pipeline, settings=settings, workers=workers))
    with path.open(encoding="utf-8") as lines:
        records = [json.loads(line) for line in lines]
    return [
        Passage(record["document"], tuple(ClaimPair(**claim) for claim in record["claims"]), f"document {number}")
        for number, record in enumerate(records)
        if record["claims"]
    ]


def _complete(path: Path, articles: Sequence[Article], make: Make) -> None:
    """Append a line for each article that has none; a last line without an end is made anew."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith(b"\n")]
    with path.open("ab") as stream:
        stream.truncate(sum(map(len, whole)))
        batches = [articles[start : start + _BATCH] for start in range(len(whole), len(articles), _BATCH)]
        for batch, claims in zip(_shown(batches, len(whole), len(articles)), make(batches), strict=True):
            of = {document: list(group) for document, group in groupby(claims, key=lambda claim: claim.document)}
            for article in batch:
                pairs = passage_of(article.document, of.get(article.document, [])).pairs
                record = {"document": article.document, "claims": [asdict(pair) for pair in pairs]}
                stream.write(json.dumps(record).encode() + b"\n")
            stream.flush()


def _made(
    batches: Sequence[Sequence[Article]], pipeline: Language, settings: Settings, workers: int
) -> Iterator[list[Claim]]:
    make = partial(_claims_of, settings=settings)
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


def _claims_of(articles: Sequence[Article], settings: Settings, pipeline: Language | None = None) -> list[Claim]:
    return list(make_claims(articles, pipeline or _taken[0], settings))


def _shown(batches: Sequence[Sequence[Article]], done: int, total: int) -> Iterator[Sequence[Article]]:
    """The batches, with a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if batches:
        print(f"Making claims of {total - done} documents", file=sys.stderr)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("claims", total=total, completed=done)
        for batch in batches:
            yield batch
            bar.advance(task, len(batch))


def passage_of(document: str, claims: Sequence[Claim]) -> Passage:
    """A document with each sentence's true claim and its false one, which come in turns."""
    pairs = [
        ClaimPair(
            claim.claim,
            CONSISTENT if claim.change is None else Slip(claim.change.new, claim.change.old).verdict,
            document.index(claim.basis),
            false.kind if claim.sentence == claim.basis else RESTATED,
            claim.basis,
        )
        for true, false in zip(claims[::2], claims[1::2], strict=True)
        for claim in (true, false)
    ]
    return Passage(document, tuple(pairs))
