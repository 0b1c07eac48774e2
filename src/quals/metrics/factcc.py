"""FactCC: how probably does the document bear out each sentence of the summary?

    FactCC(D, S) = mean over sentences s of  max over chunks d of D of  P( consistent | d, s )

The probability is a classifier's that was trained on sentences made false by small edits (Kryscinski et al.
2020, arXiv 1910.12840). Where theirs cuts the end off a long document, ours reads it in overlapping chunks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import ClassVar

from quals.factcc.model import LONGEST_VERDICT, ClaimChecker
from quals.factcc.verdict import Slip
from quals.lm.chunks import Chunk, chunks
from quals.lm.format import text_ids
from quals.metrics.grouped import GroupedMetric, Problem
from quals.nlp import PIPELINE, load_pipeline, pipeline_name, sentences
from quals.records import ClaimEvidence, Span, Status, SummaryScore
from quals.settings import Settings, setting
from quals.signature import signature
from quals.texts import find_answer


@dataclass(frozen=True)
class FactCCSettings(Settings):
    """Everything that changes the number, besides the model and the spaCy pipeline.

    Attributes:
        chunk: tokens of a document read at a time; in a longer one each sentence takes its best chunk.
        overlap: tokens that neighbouring chunks share.
    """

    chunk: int = setting(320, "Tokens of a document read at a time.", least=1)
    overlap: int = setting(64, "Tokens that neighbouring chunks share.", least=0, below="chunk")


class FactCC(GroupedMetric[Span]):
    """The FactCC metric.

    Args:
        model: a shipped name, a local folder or a Hub id of a model trained by ``quals train factcc``, or a
            `ClaimChecker` in memory.
        device, dtype: see `FramedModel.load`.
        pipeline: name or folder of a spaCy pipeline that finds sentences.
        settings: see `FactCCSettings`.

    Raises:
        InputError: the model reads too little beside a chunk.
    """

    name: ClassVar[str] = "factcc"
    settings_type = FactCCSettings
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)
    meaning: ClassVar[str] = (
        "Mean probability, over the summary's sentences, that the document bears them out: 1 if it surely does, 0 if "
        "it surely does not. The classifier learnt from small slips, such as a wrong name, number or date."
    )

    def __init__(
        self,
        model: str | ClaimChecker = "factcc-small",
        device: str = "auto",
        *,
        dtype: str = "float32",
        pipeline: str = PIPELINE,
        settings: FactCCSettings | None = None,
    ) -> None:
        self.settings = FactCCSettings.given(settings)
        self.pipeline = load_pipeline(pipeline)
        self.checker = (
            model if isinstance(model, ClaimChecker) else ClaimChecker.load(model, device=device, dtype=dtype)
        )
        self.device = self.checker.lm.device.type
        self.checker.check_room(self.settings.chunk, _LEAST_CLAIM + LONGEST_VERDICT, "chunk")

    @property
    def signature(self) -> str:
        """See `quals.signature`."""
        return signature(
            self.name,
            {
                "model": self.checker.name,
                "revision": self.checker.revision,
                "spacy": pipeline_name(self.pipeline),
                "chunk": f"{self.settings.chunk}/{self.settings.overlap}",
                "dtype": self.checker.dtype,
            },
        )

    def _problem(self, summary: str) -> Problem | None:
        if len(summary) > self.pipeline.max_length:
            most = self.pipeline.max_length
            return Status.SUMMARY_TOO_LONG, f"the summary has {len(summary)} characters, spaCy reads at most {most}"
        return None

    def _find(self, summaries: Sequence[str]) -> list[list[Span] | Problem]:
        """The sentences of each summary."""
        found = zip(summaries, sentences(self.pipeline, summaries), strict=True)
        return [self._too_long(summary, spans) or spans or _WORDLESS for summary, spans in found]

    def _too_long(self, summary: str, spans: Sequence[Span]) -> Problem | None:
        room = self.checker.room(self.settings.chunk) - LONGEST_VERDICT
        length = max((len(text_ids(self.checker.lm.tokenizer, span.of(summary))) for span in spans), default=0)
        if length <= room:
            return None
        return (
            Status.SUMMARY_TOO_LONG,
            f"a sentence of the summary has {length} tokens, the model reads at most {room} beside a chunk",
        )

    def _compare(
        self, wanted: Mapping[str, Mapping[str, list[Span]]], explain: bool
    ) -> dict[str, dict[str, SummaryScore]]:
        """Check the sentences of all summaries of each document; each chunk is read once for all of them."""
        size, overlap = self.settings.chunk, self.settings.overlap
        parts = chunks(self.checker, list(wanted), size, overlap)
        claims = [
            list(dict.fromkeys(span.of(summary) for summary, spans in of.items() for span in spans))
            for of in wanted.values()
        ]
        checked = self.checker.check_in_parts([[part.ids for part in each] for each in parts], claims)
        best_of = [
            {text: (value, each[part]) for text, (value, part) in zip(texts, found, strict=True)}
            for each, texts, found in zip(parts, claims, checked, strict=True)
        ]
        slips_of = self._slips(best_of) if explain else [{} for _ in best_of]
        results: dict[str, dict[str, SummaryScore]] = {}
        for (document, of), each, best, slips in zip(wanted.items(), parts, best_of, slips_of, strict=True):
            for summary, spans in of.items():
                evidence = [self._evidence(document, span, span.of(summary), best, slips) for span in spans]
                mean = fmean(piece.score for piece in evidence)
                result = self._result(mean, evidence, len(each), "each sentence takes its best")
                results.setdefault(document, {})[summary] = result
        return results

    def _slips(self, best_of: Sequence[Mapping[str, tuple[float, Chunk]]]) -> list[dict[str, Slip | None]]:
        """For each document, what is wrong in the claims that are more probably false than true."""
        doubtful: dict[tuple[int, Span], tuple[list[int], dict[str, float]]] = {}
        for i, best in enumerate(best_of):
            for text, (value, chunk) in best.items():
                if value < 0.5:
                    doubtful.setdefault((i, chunk.span), (chunk.ids, {}))[1][text] = value
        chunk_ids, values = [ids for ids, _ in doubtful.values()], [of for _, of in doubtful.values()]
        slips: list[dict[str, Slip | None]] = [{} for _ in best_of]
        for (i, _), found in zip(doubtful, self.checker.slips(chunk_ids, values), strict=True):
            slips[i].update(found)
        return slips

    def _evidence(
        self,
        document: str,
        sentence: Span,
        claim: str,
        best: Mapping[str, tuple[float, Chunk]],
        slips: Mapping[str, Slip | None],
    ) -> ClaimEvidence:
        value, chunk = best[claim]
        if not (slip := slips.get(claim)):
            return ClaimEvidence(value, sentence, chunk.span, claim)
        words = find_answer(slip.words, claim, words_only=True)
        there = find_answer(slip.instead, chunk.span.of(document)) if slip.instead else None
        return ClaimEvidence(
            score=value,
            summary_span=words.moved(sentence.start) if words else sentence,
            document_span=there.moved(chunk.span.start) if there else chunk.span,
            claim=claim,
            doubted=words.of(claim) if words else "",
            instead=slip.instead if there else "",
        )


_LEAST_CLAIM = 64  # tokens that there has to be room for
_WORDLESS: Problem = (Status.EMPTY_SUMMARY, "the summary has no words")
