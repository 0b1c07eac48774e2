"""QUALS: is what the summary says as likely given the document as it is given the summary?

    QUALS(D, S) = mean over pairs (q, a) of  [ ll(q, a | D) - ll(q, a | S) ]
    ll(y | x)   = mean over tokens t of log p(y_t | y_<t, x)

The pairs are written by QAGen from the summary (Nan et al. 2021, arXiv 2105.04623, section 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import repeat
from statistics import fmean
from typing import ClassVar, Literal

from quals.errors import InputError
from quals.lm.chunks import Chunk, chunks, in_parts
from quals.lm.format import text_ids
from quals.lm.search import SearchSettings
from quals.metrics.grouped import GroupedMetric, Problem
from quals.qagen.model import QAGen
from quals.qagen.select import GeneratedPair, choose, parse
from quals.records import PairEvidence, Span, Status, SummaryScore
from quals.settings import Settings, setting
from quals.signature import signature

Compatibility = Literal["clean", "reference"]


@dataclass(frozen=True)
class QualsSettings(Settings):
    """Everything that changes the number, besides the model.

    Attributes:
        search: the diverse beam search over the summary.
        pairs: pairs kept for scoring.
        chunk: tokens of a document read at a time; a longer one is split and each pair takes its best chunk.
        overlap: tokens that neighbouring chunks share.
        compatibility: ``clean``, or ``reference`` for what the authors' release does otherwise: penalised summary
            scores, answers not stripped, near-duplicates kept, documents cut to the size of a chunk.
    """

    search: SearchSettings = field(default_factory=SearchSettings)
    pairs: int = setting(10, "Pairs kept for scoring.", least=1)
    chunk: int = setting(512, "Tokens of a document read at a time.", least=1)
    overlap: int = setting(64, "Tokens that neighbouring chunks share.", least=0, below="chunk")
    compatibility: Compatibility = "clean"

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        if self.compatibility not in ("clean", "reference"):
            raise InputError(f"'{self.compatibility}' is neither clean nor reference", field="compatibility")

    @property
    def reference(self) -> bool:
        """Whether it is done as in the authors' release."""
        return self.compatibility == "reference"


class Quals(GroupedMetric[GeneratedPair]):
    """The QUALS metric.

    Args:
        model: a shipped name, a local folder or a Hub id of a QAGen model, or a `QAGen` in memory.
        device, dtype: see `FramedModel.load`.
        settings: see `QualsSettings`.

    Raises:
        InputError: the model reads too little for a chunk and a pair.
    """

    name: ClassVar[str] = "quals"
    settings_type = QualsSettings
    range: ClassVar[tuple[float, float]] = (float("-inf"), float("inf"))
    meaning: ClassVar[str] = (
        "How much more likely the summary's facts are given the document than given the summary, in nats per token: "
        "usually below 0, and the lower, the more is unsupported. How low depends on the model. Compare summaries of "
        "the same document: the scale shifts between documents."
    )

    def __init__(
        self,
        model: str | QAGen = "quals-small",
        device: str = "auto",
        *,
        dtype: str = "float32",
        settings: QualsSettings | None = None,
    ) -> None:
        self.settings = QualsSettings.given(settings)
        self.qagen = model if isinstance(model, QAGen) else QAGen.load(model, device=device, dtype=dtype)
        self.qagen.check_room(self.settings.chunk, self.settings.search.max_length, "chunk")
        self.device = self.qagen.lm.device.type

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
                "dtype": self.qagen.dtype,
            },
        )

    def _problem(self, summary: str) -> Problem | None:
        length, room = len(text_ids(self.qagen.lm.tokenizer, summary)), self.qagen.room(self.settings.search.max_length)
        if length > room:
            return Status.SUMMARY_TOO_LONG, f"the summary has {length} tokens, the model reads at most {room}"
        return None

    def _find(self, summaries: Sequence[str]) -> list[list[GeneratedPair] | Problem]:
        none = Status.NO_PAIRS, "the model wrote no pair whose answer stands in the summary"
        return [pairs or none for pairs in self.pairs(summaries)]

    def pairs(self, summaries: Sequence[str]) -> list[list[GeneratedPair]]:
        """For each summary, the question-answer pairs it is scored with."""
        beams = self.qagen.search(summaries, self.settings.search)
        found = [
            parse(self.qagen, *both, reference=self.settings.reference) for both in zip(summaries, beams, strict=True)
        ]
        return [choose(pairs, self.settings.pairs, reference=self.settings.reference) for pairs in found]

    def _compare(
        self, wanted: Mapping[str, Mapping[str, list[GeneratedPair]]], explain: bool
    ) -> dict[str, dict[str, SummaryScore]]:
        """Score the pairs of all summaries of each document; each chunk is read once for all of them."""
        size, overlap = self.settings.chunk, self.settings.overlap
        whole = chunks(self.qagen, list(wanted), size, overlap)
        parts = [each[:1] for each in whole] if self.settings.reference else whole
        targets = [[pair.tokens for pairs in of.values() for pair in pairs] for of in wanted.values()]
        pieces = iter(self.qagen.pieces([tokens for group in targets for tokens in group])) if explain else repeat(())
        read = in_parts(self.qagen.log_probs, [[part.ids for part in each] for each in parts], targets, list)
        results = {}
        for (document, of), each, every, found in zip(wanted.items(), parts, whole, read, strict=True):
            results[document] = self._assemble(of, each, iter(found), pieces)
            if len(each) < len(every):
                note = f"the document was cut to its first {size} tokens"
                results[document] = {text: replace(score, reason=note) for text, score in results[document].items()}
        return results

    def _assemble(
        self,
        pairs_of: Mapping[str, list[GeneratedPair]],
        parts: list[Chunk],
        found: Iterator[list[list[float]]],
        pieces: Iterator[tuple[str, ...]],
    ) -> dict[str, SummaryScore]:
        """Results per summary; ``found`` has, for each pair of all summaries, the log-probabilities in each chunk."""
        results = {}
        for summary, pairs in pairs_of.items():
            evidence = []
            for pair in pairs:
                best, part = max(zip(next(found), parts, strict=True), key=lambda one: fmean(one[0]))
                evidence.append(_evidence(pair, next(pieces), best, part.span))
            value = fmean(piece.score for piece in evidence)
            results[summary] = self._result(value, evidence, len(parts), "each pair takes its best")
        return results


def _evidence(
    pair: GeneratedPair, pieces: tuple[str, ...], document_log_probs: list[float], span: Span
) -> PairEvidence:
    return PairEvidence(
        score=fmean(document_log_probs) - fmean(pair.log_probs),
        summary_span=pair.span,
        document_span=span,
        question=pair.question,
        answer=pair.answer,
        tokens=pieces,
        summary_logprobs=pair.log_probs,
        document_logprobs=tuple(document_log_probs),
    )
