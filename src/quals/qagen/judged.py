"""What QAGen writes about true claims and false ones: pairs that a document bears out, and others, to learn from."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import quals
from quals.factcc.generate import plain
from quals.factcc.kept import CONSISTENT, ClaimPair, Slip
from quals.lm.search import Beam, SearchSettings
from quals.qagen.model import QAGen
from quals.qagen.select import choose, parse
from quals.texts import words
from quals.training.data import BasedPair, Pair, Passage
from quals.training.kept import Record, kept_records

if TYPE_CHECKING:
    from spacy.language import Language

FOREIGN = "foreign"  # the kind of claims with a name, number or date of another document
_SWAPPED = {"PERSON", "ORG", "GPE", "LOC", "NORP", "FAC", "EVENT", "PRODUCT"}
_SWAPPED |= {"CARDINAL", "ORDINAL", "DATE", "TIME", "MONEY", "PERCENT", "QUANTITY"}
_BEAMS, _PAIRS = 16, 6  # of a claim: fewer than of a summary, since a claim is one sentence
_POOL = 300  # texts of one label that a foreign one is drawn from, those of the latest documents


@dataclass(frozen=True)
class JudgedPair(BasedPair):
    """A pair that QAGen wrote about a claim, and whether the document of the claim bears it out.

    Attributes:
        claim: what it was written about.
        log_prob: its mean log-probability per token given the claim, in nats.
        supported: true unless it speaks of what makes the claim false.
    """

    claim: str = ""
    log_prob: float = 0.0
    supported: bool = True


def with_foreign(passages: Sequence[Passage], pipeline: Language, *, share: float, seed: int) -> list[Passage]:
    """The passages with about a ``share`` of their true claims once more, made false by what another document has.

    A name, number or date is replaced by one with the same label in spaCy that does not occur in the document: what
    summaries make up need not stand anywhere in it.
    """
    chance, pools = random.Random(seed), defaultdict[str, list[str]](list)
    true = [[pair for pair in passage.pairs if pair.answer == CONSISTENT] for passage in passages]
    parsed = pipeline.pipe([pair.question for pairs in true for pair in pairs])
    made = []
    for passage, pairs in zip(passages, true, strict=True):
        said, claims, names = plain(passage.context), list(passage.pairs), list[tuple[str, str]]()
        for pair, doc in zip(pairs, parsed, strict=False):
            entities = [entity for entity in doc.ents if entity.label_ in _SWAPPED]
            names += [(entity.label_, entity.text) for entity in entities]
            if not entities or chance.random() >= share or not isinstance(pair, ClaimPair):
                continue
            old = chance.choice(entities)
            if fitting := [new for new in pools[old.label_] if plain(new) not in said]:
                new = chance.choice(fitting)
                claim = pair.question[: old.start_char] + new + pair.question[old.end_char :]
                claims.append(replace(pair, question=claim, answer=Slip(new, old.text).verdict, kind=FOREIGN))
        for label, text in names:
            pools[label] = [*pools[label], text][-_POOL:]
        made.append(replace(passage, pairs=tuple(claims)))
    return made


def judged_pairs(passages: Sequence[Passage], qagen: QAGen, folder: Path) -> list[Passage]:
    """The same documents with the pairs that ``qagen`` writes about their claims, kept in ``folder``.

    See `kept_records`. Claims of which it is not known which words are wrong are left out, and so are documents without
    a pair.
    """
    key = [quals.__version__, qagen.revision, _BEAMS, _PAIRS, [asdict(passage) for passage in passages]]
    records = kept_records(folder, key, passages, partial(_made, qagen=qagen), "pairs") if passages else []
    return [
        replace(passage, pairs=tuple(JudgedPair(**pair) for pair in record["pairs"]))
        for passage, record in zip(passages, records, strict=True)
        if record["pairs"]
    ]


def _made(batches: Sequence[Sequence[Passage]], qagen: QAGen) -> Iterator[list[Record]]:
    for batch in batches:
        claims = [[pair for pair in passage.pairs if isinstance(pair, ClaimPair)] for passage in batch]
        texts = [claim.question for of in claims for claim in of]
        beams = iter(qagen.search(texts, SearchSettings(groups=_BEAMS)))
        judged = [[pair for claim in of for pair in _judged(claim, qagen, next(beams))] for of in claims]
        yield [{"pairs": [asdict(pair) for pair in pairs]} for pairs in judged]


def _judged(claim: ClaimPair, qagen: QAGen, beams: list[Beam]) -> Iterator[JudgedPair]:
    """The pairs about a claim: those that have a word which makes it false are not supported."""
    wrong = set[str]()
    if claim.answer != CONSISTENT:
        slip = Slip.parse(claim.answer)
        wrong = {*words(slip.words)} - {*words(slip.instead)} if slip else wrong
        if not wrong:
            return
    for pair in choose(parse(qagen, claim.question, beams), _PAIRS):
        supported = wrong.isdisjoint((*words(pair.question), *words(pair.answer)))
        log_prob = round(fmean(pair.log_probs), 5)
        yield JudgedPair(pair.question, pair.answer, claim.start, claim.basis, claim.question, log_prob, supported)


def about_claims(passages: Sequence[Passage]) -> list[Passage]:
    """Each claim as a passage of its own, with the pairs about it: of that text all are true."""
    found: list[Passage] = []
    for passage in passages:
        of = defaultdict[str, list[Pair]](list)
        for pair in passage.pairs:
            if isinstance(pair, JudgedPair):
                of[pair.claim].append(Pair(pair.question, pair.answer))
        found += [Passage(claim, tuple(pairs), passage.title) for claim, pairs in of.items()]
    return found


def balanced(
    examples: Sequence[Passage], passages: Sequence[Passage], *, most: int, outside: float, seed: int
) -> list[Passage]:
    """The examples, windows of ``passages``, with as many supported pairs as others, ``most`` in all.

    With the probability ``outside`` one of the others is a pair about a sentence that stands elsewhere in the document,
    as in use, where most chunks lack what a pair is about. An example that has but one kind is left out.
    """
    chance, whole = random.Random(seed), {passage.title: passage for passage in passages}
    made = []
    for example in examples:
        sides: dict[bool, list[Pair]] = {True: [], False: []}
        for pair in example.pairs:
            if isinstance(pair, JudgedPair):
                sides[pair.supported].append(pair)
        count = min(most // 2, *map(len, sides.values()))
        kept = [pair for side in sides.values() for pair in chance.sample(side, count)]
        said = plain(example.context)
        if count and chance.random() < outside:
            others = [
                replace(pair, supported=False, start=-1)
                for pair in whole[example.title].pairs
                if isinstance(pair, JudgedPair) and plain(pair.basis) not in said
            ]
            kept[-1:] = [chance.choice(others)] if others else kept[-1:]
        if count:
            made.append(replace(example, pairs=tuple(kept)))
    return made
