"""QUALS: is what the summary says as likely given the document as it is given the summary?

    QUALS(D, S) = mean over pairs (q, a) of  [ ll(q, a | D) - ll(q, a | S) ]
    ll(y | x)   = mean over tokens t of log p(y_t | y_<t, x)

The pairs are written by QAGen from the summary (Nan et al. 2021, arXiv 2105.04623, section 3).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import ClassVar, Literal

from quals.errors import InputError
from quals.lm.search import SearchSettings
from quals.metrics.base import Metric
from quals.qagen.format import text_ids
from quals.qagen.model import QAGen
from quals.qagen.select import GeneratedPair, choose, parse
from quals.records import PairEvidence, Span, Status, SummaryScore
from quals.signature import signature

Compatibility = Literal["clean", "reference"]


@dataclass(frozen=True)
class QualsSettings:
    """Everything that changes the number, besides the model.

    Attributes:
        search: the diverse beam search over the summary.
        pairs: pairs kept for scoring.
        chunk: tokens of a document read at a time; a longer one is split and each pair takes its best chunk.
        overlap: tokens that neighbouring chunks share.
        compatibility: ``clean``, or ``reference`` for the authors' release: penalised summary scores, answers
            not stripped, near-duplicates kept.
    """

    search: SearchSettings = field(default_factory=SearchSettings)
    pairs: int = 10
    chunk: int = 512
    overlap: int = 64
    compatibility: Compatibility = "clean"

    def __post_init__(self) -> None:
        if self.compatibility not in ("clean", "reference"):
            raise InputError(f"'{self.compatibility}' is neither clean nor reference", field="compatibility")
        if not 0 <= self.overlap < self.chunk:
            raise InputError(f"must be at least 0 and less than the chunk, {self.chunk}", field="overlap")


@dataclass(frozen=True)
class _Chunk:
    """A piece of a document: framed token ids and the characters they cover."""

    ids: list[int]
    span: Span


class Quals(Metric):
    """The QUALS metric.

    Args:
        model: a shipped name, a local folder or a Hub id of a QAGen model, or a `QAGen` in memory.
        device: see `QAGen.load`.
        settings: see `QualsSettings`.
        compatibility: shorthand for ``settings`` that differ in nothing else.
    """

    name: ClassVar[str] = "quals"
    range: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))
    reading: ClassVar[str] = (
        "Nats per token that the summary's facts lose when they are looked for in the document: usually below 0, "
        "near 0 or above for a consistent summary, and lower the more is unsupported. Compare summaries of the same "
        "document first: the scale shifts from document to document."
    )

    def __init__(
        self,
        model: str | QAGen = "quals-small",
        device: str = "auto",
        *,
        settings: QualsSettings | None = None,
        compatibility: Compatibility = "clean",
    ) -> None:
        self.settings = settings or QualsSettings(compatibility=compatibility)
        self.qagen = model if isinstance(model, QAGen) else QAGen.load(model, device=device)

    @property
    def signature(self) -> str:
        """See `quals.signature`."""
        search = self.settings.search
        return signature(
            self.name,
            {
                "model": self.qagen.name,
                "revision": self.qagen.revision,
                "beams": search.groups,
                "diversity": search.strength,
                "length": f"{search.min_length}-{search.max_length}",
                "pairs": self.settings.pairs,
                "chunk": f"{self.settings.chunk}/{self.settings.overlap}",
                "compatibility": self.settings.compatibility,
                "dtype": str(self.qagen.lm.model.dtype).removeprefix("torch."),
            },
        )

    def _score(
        self, documents: Sequence[str], summaries: Sequence[str], references: Sequence[str] | None = None
    ) -> list[SummaryScore]:
        rows = list(zip(documents, summaries, strict=True))
        results = {row: problem for row in dict.fromkeys(rows) if (problem := self._problem(*row))}
        sound = list(dict.fromkeys(row for row in rows if row not in results))
        texts = list(dict.fromkeys(summary for _, summary in sound))
        pairs = dict(zip(texts, self.pairs(texts), strict=True))
        wanted: dict[str, dict[str, list[GeneratedPair]]] = {}
        for document, summary in sound:
            if pairs[summary]:
                wanted.setdefault(document, {})[summary] = pairs[summary]
            else:
                reason = "the model wrote no pair whose answer stands in the summary"
                results[document, summary] = self._without(Status.NO_PAIRS, reason)
        for document, scores in self._compare(wanted).items():
            results |= {(document, summary): score for summary, score in scores.items()}
        return [results[row] for row in rows]

    def pairs(self, summaries: Sequence[str]) -> list[list[GeneratedPair]]:
        """For each summary, the question-answer pairs it is scored with."""
        reference = self.settings.compatibility == "reference"
        beams = self.qagen.search(summaries, self.settings.search)
        found = [parse(self.qagen, *both, reference=reference) for both in zip(summaries, beams, strict=True)]
        return [choose(pairs, self.settings.pairs, reference=reference) for pairs in found]

    def _compare(self, wanted: dict[str, dict[str, list[GeneratedPair]]]) -> dict[str, dict[str, SummaryScore]]:
        """Score the pairs of all summaries of each document; each chunk is read once for all of them."""
        chunks = {document: list(self._chunks(document)) for document in wanted}
        targets = {
            document: [pair.tokens for pairs in of.values() for pair in pairs] for document, of in wanted.items()
        }
        scored = iter(
            self.qagen.log_probs(
                [chunk.ids for document in wanted for chunk in chunks[document]],
                [targets[document] for document in wanted for _ in chunks[document]],
            )
        )
        return {
            document: self._assemble(of, chunks[document], [next(scored) for _ in chunks[document]])
            for document, of in wanted.items()
        }

    def _assemble(
        self, pairs_of: dict[str, list[GeneratedPair]], chunks: list[_Chunk], by_chunk: list[list[list[float]]]
    ) -> dict[str, SummaryScore]:
        """Results per summary; ``by_chunk`` holds per chunk, per pair of all summaries, per token."""
        results, at = {}, 0
        for summary, pairs in pairs_of.items():
            evidence = []
            for pair in pairs:
                best = max(range(len(chunks)), key=lambda i: fmean(by_chunk[i][at]))
                evidence.append(self._evidence(pair, by_chunk[best][at], chunks[best].span))
                at += 1
            results[summary] = self._result(evidence, len(chunks))
        return results

    def _evidence(self, pair: GeneratedPair, document_log_probs: list[float], span: Span) -> PairEvidence:
        return PairEvidence(
            score=fmean(document_log_probs) - fmean(pair.log_probs),
            summary_span=pair.span,
            document_span=span,
            question=pair.question,
            answer=pair.answer,
            tokens=tuple(self.qagen.decode([token]) for token in pair.tokens),
            summary_logprobs=pair.log_probs,
            document_logprobs=tuple(document_log_probs),
        )

    def _result(self, evidence: list[PairEvidence], chunks: int) -> SummaryScore:
        value = fmean(piece.score for piece in evidence)
        note = "" if chunks == 1 else f"document read in {chunks} overlapping chunks; each pair takes its best"
        return SummaryScore(value, Status.OK, note, tuple(evidence), chunks, self.signature)

    def _chunks(self, document: str) -> Iterator[_Chunk]:
        """The document in overlapping windows of tokens; one window if it fits."""
        lead = len(document) - len(document.lstrip())
        encoded = self.qagen.lm.tokenizer(
            " " + document.strip(), add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True
        )
        ids, offsets, size = encoded.input_ids, encoded.offset_mapping, self.settings.chunk
        for start in range(0, max(1, len(ids) - self.settings.overlap), size - self.settings.overlap):
            window = slice(start, start + size)
            first, last = offsets[window][0][0], offsets[window][-1][1]
            # Offsets count the space put in front.
            span = Span(max(0, first - 1) + lead, last - 1 + lead)
            yield _Chunk(self.qagen.form.frame(ids[window]), span)

    def _problem(self, document: str, summary: str) -> SummaryScore | None:
        """Why this row cannot be scored, if it cannot."""
        if not document.strip():
            return self._without(Status.EMPTY_DOCUMENT, "the document is empty")
        if not summary.strip():
            return self._without(Status.EMPTY_SUMMARY, "the summary is empty")
        for name, text in (("document", document), ("summary", summary)):
            if any("\ud800" <= character <= "\udfff" for character in text):
                return self._without(Status.ERROR, f"the {name} holds half a surrogate pair, which is not text")
            if not _mostly_latin(text):
                return self._without(
                    Status.UNSUPPORTED_SCRIPT, f"most letters of the {name} are not Latin; the model reads English"
                )
        length, limit = len(text_ids(self.qagen.lm.tokenizer, summary)), self.qagen.lm.limit
        room = limit - self.settings.search.max_length - 8
        if length > room:
            return self._without(
                Status.SUMMARY_TOO_LONG, f"the summary has {length} tokens, the model reads at most {room}"
            )
        return None

    def _without(self, status: Status, reason: str) -> SummaryScore:
        return SummaryScore(None, status, reason, signature=self.signature)


def _mostly_latin(text: str) -> bool:
    letters = [character for character in text if character.isalpha()]
    latin = sum(unicodedata.name(character, "").startswith("LATIN") for character in letters)
    return not letters or 2 * latin >= len(letters)
