"""Sentences that somebody judged -> claims with labels, as training data."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import pairwise
from math import fsum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quals.errors import InputError
from quals.factcc.verdict import CONSISTENT, INCONSISTENT, LABELLED, ClaimPair, Slip
from quals.io.labels import COPIED, SentenceLabels, label_of
from quals.io.rows import FieldNames, entries_by_suffix, field_among, text_field
from quals.io.values import document_text, single_text
from quals.nlp import sentences
from quals.records import Span
from quals.texts import words
from quals.training.data import Passage
from quals.training.plan import sentence_starts

if TYPE_CHECKING:
    from spacy.language import Language

log = logging.getLogger(__name__)

_CORRECTION = "correction"


def labelled_claims(
    paths: Iterable[str | Path],
    pipeline: Language,
    most: int,
    left_out: list[InputError],
    names: FieldNames | None = None,
) -> list[Passage]:
    """Rows with a document, a claim and a label, brought together by document.

    Args:
        paths: of JSONL, CSV, TSV or Parquet files. The claim is a summary, an answer or a sentence of it; a
            label of 0.5 or more means that it is consistent. A wrong claim may have a ``correction``, which is a
            claim, too, and tells which words are wrong.
        pipeline: finds the sentences of claims that have several. What is right is right in each of them; of what is
            wrong it cannot be known which one is, so that no claim is made of it.
        most: words of the part of a longer document that a claim is taken to rest on.
        left_out: what is wrong with rows that could not be used is added here.
        names: the fields of document and claim; by default each row's first of `DEFAULT_FIELDS`.

    Raises:
        InputError: a file cannot be read.
    """
    verdicts: dict[str, dict[str, str]] = {}
    labels = SentenceLabels()
    for path in paths:
        for line, row, error in entries_by_suffix(path):
            try:
                if error:
                    raise error
                label = label_of(row)
                document, found = _judged(row, label, pipeline, names or FieldNames())
                known = verdicts.setdefault(document, {})
                if any(
                    (known.get(claim, verdict) == CONSISTENT) != (verdict == CONSISTENT)
                    for claim, verdict in found.items()
                ):
                    raise InputError("another row says the opposite of the same text", field="label")
            except InputError as problem:
                left_out.append(error or problem.at(str(path), line))
                labels.add(row, None)
            else:
                labels.add(row, label)
                # Of two verdicts the longer one says what is wrong.
                known.update({claim: max(verdict, known.get(claim, ""), key=len) for claim, verdict in found.items()})
    if labels.copied:
        log.warning(COPIED)
    return [
        Passage(document, tuple(_pairs(document, of, most)), f"labelled {number}")
        for number, (document, of) in enumerate(verdicts.items())
    ]


def _judged(row: dict[str, Any], label: float, pipeline: Language, names: FieldNames) -> tuple[str, dict[str, str]]:
    """A row's document, and its claims with their verdicts."""
    field = text_field(row, "document", names.document)
    document = document_text(row[field], field)
    if not words(document):
        raise InputError("has no words", field=field)
    field = text_field(row, "summary", names.summary)
    claims = _sentences(row, field, pipeline)
    if label >= 0.5:
        return document, dict.fromkeys(claims, CONSISTENT)
    if len(claims) > 1:
        raise InputError(f"which of its {len(claims)} sentences is wrong? Each needs a label of its own", field=field)
    field = field_among(row, [_CORRECTION]) or _CORRECTION
    if not row.get(field):
        return document, {claims[0]: INCONSISTENT}
    corrected = _sentences(row, field, pipeline)
    slip = Slip.between(claims[0], " ".join(corrected))
    return document, dict.fromkeys(corrected, CONSISTENT) | {claims[0]: slip.verdict if slip else INCONSISTENT}


def _sentences(row: dict[str, Any], field: str, pipeline: Language) -> list[str]:
    text = single_text(row.get(field), field)
    if len(text) > pipeline.max_length:
        raise InputError(f"has {len(text)} characters, spaCy reads at most {pipeline.max_length}", field=field)
    (spans,) = sentences(pipeline, [text])
    if not spans:
        raise InputError("has no words", field=field)
    return [span.of(text) for span in spans]


def _pairs(document: str, verdicts: dict[str, str], most: int) -> Iterator[ClaimPair]:
    stretches = _Stretches(document, most)
    for claim, verdict in verdicts.items():
        span = stretches.about(claim)
        yield ClaimPair(claim, verdict, span.start, span.of(document), LABELLED)


class _Stretches:
    """Parts of a document, of whole sentences and at most ``most`` words; a sentence of more is one by itself."""

    def __init__(self, document: str, most: int) -> None:
        starts = sentence_starts(document)
        said = [words(document[start:end]) for start, end in pairwise(starts)]
        self._sentences_with = Counter(word for sentence in said for word in set(sentence))
        self._found: list[tuple[Span, set[str]]] = []
        for first in range(len(said)):
            last, count = first + 1, len(said[first])
            while last < len(said) and (count := count + len(said[last])) <= most:
                last += 1
            self._found.append((Span(starts[first], starts[last]), set().union(*said[first:last])))
            if last == len(said):
                break

    def about(self, claim: str) -> Span:
        """The one that has most of a claim's words, rare ones above all."""
        sought = set(words(claim))
        # fsum: the order of a set is another one in every process.
        return max(self._found, key=lambda one: fsum(1 / self._sentences_with[word] for word in sought & one[1]))[0]
