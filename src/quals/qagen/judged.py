"""What QAGen writes about true claims and false ones: pairs that a document bears out, and others, to learn from."""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import quals
from quals.factcc.changes import change_at
from quals.factcc.entities import NAMES
from quals.factcc.verdict import CONSISTENT, RESTATED, ClaimPair, Slip
from quals.lm.search import Beam, SearchSettings
from quals.qagen.model import QAGen
from quals.qagen.select import choose, parse
from quals.texts import padded_words, words
from quals.training.data import BasedPair, Pair, Passage
from quals.training.kept import Record, kept_records

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc
    from spacy.tokens import Span as Entity

FOREIGN = "foreign"  # the kind of a document's claims with a name, number or date of another document
_SWAPPED = NAMES | {"CARDINAL", "ORDINAL", "DATE", "TIME", "MONEY", "PERCENT", "QUANTITY"}
# By themselves these say nothing wrong.
_SMALL = {"a", "an", "the", "of", "in", "on", "at", "to", "for", "by", "and", "or", "from", "with", "as"}
_DENIALS = {"not", "t", "cannot"}  # "didn't" is two words
_RULES = 2  # of what is supported: a change of them is a change of kept pairs
_BEAMS, _PAIRS = 16, 6  # of a claim: fewer than of a summary, since a claim is one sentence
_POOL = 300  # texts of one label that a foreign one is drawn from, those of the latest documents


@dataclass(frozen=True)
class JudgedPair(BasedPair):
    """A pair that QAGen wrote about a claim, and whether the document of the claim bears it out.

    Attributes:
        claim: what it was written about.
        kind: how that was made, as of a `ClaimPair`.
        log_prob: its mean log-probability per token given the claim, in nats.
        supported: true unless it speaks of what makes the claim false.
    """

    claim: str = ""
    kind: str = ""
    log_prob: float = 0.0
    supported: bool = True


def with_foreign(passages: Sequence[Passage], pipeline: Language, *, share: float, seed: int) -> list[Passage]:
    """The passages with about a ``share`` of their true claims once more, made false by what another document has.

    A name, number or date is replaced by one with the same label in spaCy that does not occur in the document: what
    summaries make up need not stand anywhere in it.
    """
    chance, pools = random.Random(seed), defaultdict[str, deque[str]](lambda: deque(maxlen=_POOL))
    true = [[pair for pair in _claims(passage) if pair.answer == CONSISTENT] for passage in passages]
    parsed = pipeline.pipe([pair.question for pairs in true for pair in pairs])
    made = []
    for passage, pairs in zip(passages, true, strict=True):
        said, docs = padded_words(passage.context), list(islice(parsed, len(pairs)))
        foreign = [
            _foreign(pair, doc, pools, said, chance)
            for pair, doc in zip(pairs, docs, strict=True)
            if chance.random() < share
        ]
        made.append(replace(passage, pairs=(*passage.pairs, *filter(None, foreign))))
        for entity in (entity for doc in docs for entity in _swapped(doc)):
            pools[entity.label_].append(entity.text)
    return made


def _foreign(
    claim: ClaimPair, doc: Doc, pools: Mapping[str, Iterable[str]], said: str, chance: random.Random
) -> ClaimPair | None:
    """The claim with something of another document in place of something of its own; None if nothing fits."""
    choices = [(old, [new for new in pools[old.label_] if padded_words(new) not in said]) for old in _swapped(doc)]
    if not (choices := [(old, new) for old, new in choices if new]):
        return None
    old, fitting = chance.choice(choices)
    change = change_at(doc[:], old.start_char, old.end_char, chance.choice(fitting))
    if change is None:
        return None
    slip = Slip(change.new, change.old)
    kind = claim.kind if claim.kind == RESTATED else FOREIGN
    return replace(claim, question=change.apply(doc.text), answer=slip.verdict, kind=kind)


def _swapped(doc: Doc) -> list[Entity]:
    return [entity for entity in doc.ents if entity.label_ in _SWAPPED]


def _claims(passage: Passage) -> list[ClaimPair]:
    return [pair for pair in passage.pairs if isinstance(pair, ClaimPair)]


def judged_pairs(passages: Sequence[Passage], qagen: QAGen, folder: Path) -> list[Passage]:
    """The same documents with the pairs that ``qagen`` writes about their claims, kept in ``folder``.

    See `kept_records`. Claims of which it is not known which words are wrong are left out, and so are documents without
    a pair.
    """
    key = [quals.__version__, _RULES, qagen.revision, _BEAMS, _PAIRS, [asdict(passage) for passage in passages]]
    records = kept_records(folder, key, passages, partial(_made, qagen=qagen), "pairs")
    return [
        replace(passage, pairs=tuple(JudgedPair(**pair) for pair in record["pairs"]))
        for passage, record in zip(passages, records, strict=True)
        if record["pairs"]
    ]


def _made(batches: Sequence[Sequence[Passage]], qagen: QAGen) -> Iterator[list[Record]]:
    for batch in batches:
        claims = [[claim for claim in _claims(passage) if _wrong(claim) is not None] for passage in batch]
        texts = [claim.question for of in claims for claim in of]
        beams = iter(qagen.search(texts, SearchSettings(groups=_BEAMS)))
        judged = [[pair for claim in of for pair in _judged(claim, qagen, next(beams))] for of in claims]
        yield [{"pairs": [asdict(pair) for pair in pairs]} for pairs in judged]


def _wrong(claim: ClaimPair) -> set[str] | None:
    """The words that make a claim false, none of a true one; None if that is not known."""
    if claim.answer == CONSISTENT:
        return set()
    slip = Slip.parse(claim.answer)
    found = {*words(claim.question)} - {*words(slip.mend(claim.question))} - _SMALL if slip else set()
    return found & _DENIALS or found or None  # of "did not resign" only "not" is wrong


def _judged(claim: ClaimPair, qagen: QAGen, beams: list[Beam]) -> Iterator[JudgedPair]:
    """The pairs about a claim: those that have a word which makes it false are not supported."""
    wrong = _wrong(claim) or set()
    for pair in choose(parse(qagen, claim.question, beams), _PAIRS):
        yield JudgedPair(
            pair.question,
            pair.answer,
            claim.start,
            claim.basis,
            claim.question,
            claim.kind,
            round(fmean(pair.log_probs), 5),
            wrong.isdisjoint((*words(pair.question), *words(pair.answer))),
        )


def about_claims(passages: Sequence[Passage]) -> list[Passage]:
    """Each claim as a passage of its own, with the pairs about it: of that text all are true."""
    found: list[Passage] = []
    for passage in passages:
        of = defaultdict[str, dict[Pair, None]](dict)
        for pair in passage.pairs:
            if isinstance(pair, JudgedPair):
                of[pair.claim][Pair(pair.question, pair.answer)] = None
        found += [Passage(claim, tuple(pairs), passage.title) for claim, pairs in of.items()]
    return found


def twins(
    examples: Sequence[Passage], passages: Sequence[Passage], *, most: int, outside: float, seed: int
) -> list[Passage]:
    """The examples, windows of ``passages``, with the pairs about claims of up to ``most`` bases.

    Of each basis there are a true claim and a false one, if it has both; true is one of which the document supports all
    pairs. With the probability ``outside`` there is a pair about a sentence that stands elsewhere in the document, too,
    if there is one whose answer the window lacks: as in use, where most chunks lack what a pair is about. What a
    summary says stands in more than one place, so it gives none of these. An example that has but one kind of pairs is
    left out.
    """
    chance, whole = random.Random(seed), {passage.title: passage for passage in passages}
    made = []
    for example in examples:
        bases = defaultdict[str, dict[str, list[JudgedPair]]](dict)
        for pair in example.pairs:
            if isinstance(pair, JudgedPair):
                bases[pair.basis].setdefault(pair.claim, []).append(pair)
        kept: list[JudgedPair] = []
        for basis in chance.sample(list(bases), min(most, len(bases))):
            sides: dict[bool, list[list[JudgedPair]]] = {True: [], False: []}
            for claim in bases[basis].values():
                sides[all(pair.supported for pair in claim)].append(claim)
            kept += [pair for side in sides.values() if side for pair in chance.choice(side)]
        if len({pair.supported for pair in kept}) < 2:
            continue
        if chance.random() < outside:
            said = padded_words(example.context)
            others = [
                replace(pair, supported=False, start=-1)
                for pair in whole[example.title].pairs
                if isinstance(pair, JudgedPair) and pair.kind != RESTATED
                if padded_words(pair.basis) not in said and padded_words(pair.answer) not in said
            ]
            kept += [chance.choice(others)] if others else []
        made.append(replace(example, pairs=tuple(kept)))
    return made
