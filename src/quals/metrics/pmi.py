"""PMI: how much of what the summary says does the document account for?

    PMI(D, S) = 1 - log p(S | D) / log p(S)

The pointwise mutual information of document and summary, log p(S | D) - log p(S), as a share of the summary's own
information, -log p(S) (a single value of what Theil's uncertainty coefficient is the mean of). A language model that
was not trained for it reads the document and is asked how likely it finds each word of the summary behind it, and again
without. Unlike other measures that ask for the likelihood of the summary (BARTScore, Yuan et al. 2021, arXiv
2106.11520, section 3; CoP, She et al. 2023, arXiv 2212.01611), a share does not depend on how rare its words are.
"""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import fsum
from operator import itemgetter
from typing import ClassVar

from quals.errors import ModelError
from quals.lm import store
from quals.lm.chunks import Chunk, chunks, in_parts
from quals.lm.device import pick_device, pick_dtype
from quals.lm.format import PairFormat, text_ids
from quals.lm.framed import FramedModel
from quals.lm.load import load_pretrained
from quals.metrics.grouped import GroupedMetric, Problem
from quals.records import Span, Status, SummaryScore, WordEvidence
from quals.settings import Settings, setting
from quals.signature import signature

_BETWEEN = "\n\nSummary:"  # document and summary
_WORD = re.compile(r"\s*\S+")
_CORE = re.compile(r"\w\S*\w|\w")  # of a word, without the punctuation around it
_ANY = re.compile(r"\S+")
_LEAST_SUMMARY = 64  # tokens that there has to be room for
_LEAST_INFORMATION = 1e-6  # nats; a model that was certain of every word would leave nothing to divide by


@dataclass(frozen=True)
class PmiSettings(Settings):
    """Everything that changes the number, besides the model."""

    chunk: int = setting(1800, "Tokens of a document read at a time.", least=1)
    overlap: int = setting(200, "Tokens that neighbouring chunks share.", least=0, below="chunk")


@dataclass(frozen=True)
class Word:
    """A word of a summary, with the punctuation that belongs to it.

    Attributes:
        span: where it stands in the summary, without punctuation at its edges if there is more to it.
        tokens: their ids.
        alone: its log-probability (natural log) behind the words before it, without a document.
    """

    span: Span
    tokens: tuple[int, ...]
    alone: float


class Pmi(GroupedMetric[Word]):
    """The share of the summary's information that the document accounts for.

    Args:
        model: a shipped name, a local folder or a Hub id of any decoder-only language model.
        device, dtype: see `FramedModel.load`.
        settings: see `PmiSettings`.

    Raises:
        ModelError: the model cannot be loaded, or has an encoder.
        InputError: it reads too little for a chunk and a summary.
    """

    name: ClassVar[str] = "pmi"
    settings_type = PmiSettings
    range: ClassVar[tuple[float, float]] = (float("-inf"), 1.0)
    meaning: ClassVar[str] = (
        "Share of the summary's information that the document accounts for: 1 is all of it, 0 none, and below 0 the "
        "document makes the summary less likely. Summaries that reword their document score lower than those that copy."
    )

    def __init__(
        self,
        model: str = store.BASE_MODEL,
        device: str = "auto",
        *,
        dtype: str = "float32",
        settings: PmiSettings | None = None,
    ) -> None:
        self.settings = PmiSettings.given(settings)
        weights, device = pick_dtype(dtype), pick_device(device)
        pretrained = load_pretrained(model)
        if pretrained.encoder_decoder:
            raise ModelError(f"'{model}' has an encoder; PMI takes a decoder-only model")
        between = pretrained.tokenizer(_BETWEEN, add_special_tokens=False).input_ids
        form = replace(PairFormat.choose(pretrained.tokenizer, encoder_decoder=False), suffix=tuple(between))
        self.reader = FramedModel.of(pretrained, form, store.short_name(model), store.revision(store.resolve(model)))
        self.reader.lm.to(device, weights)
        self.reader.check_room(self.settings.chunk, _LEAST_SUMMARY, "chunk")
        self.device = self.reader.lm.device.type

    @property
    def signature(self) -> str:
        """See `quals.signature`."""
        return signature(
            self.name,
            {
                "model": self.reader.name,
                "revision": self.reader.revision,
                "chunk": f"{self.settings.chunk}/{self.settings.overlap}",
                "dtype": self.reader.dtype,
            },
        )

    def _problem(self, summary: str) -> Problem | None:
        length, room = len(text_ids(self.reader.lm.tokenizer, summary)), self.reader.room(self.settings.chunk)
        if length > room:
            return Status.SUMMARY_TOO_LONG, f"the summary has {length} tokens, the model reads at most {room}"
        return None

    def _find(self, summaries: Sequence[str]) -> list[list[Word] | Problem]:
        """The words of each summary, and how likely they are without a document."""
        if not summaries:
            return []
        written = [text_ids(self.reader.lm.tokenizer, summary) for summary in summaries]
        (alone,) = self.reader.log_probs([self.reader.frame("")], [written])
        pieces = self.reader.pieces(written)
        return [list(_words(*of)) for of in zip(summaries, written, pieces, alone, strict=True)]

    def _compare(
        self, wanted: Mapping[str, Mapping[str, list[Word]]], explain: bool
    ) -> dict[str, dict[str, SummaryScore]]:
        """Read all summaries behind each document; each chunk of it is read once for all of them."""
        parts = chunks(self.reader, list(wanted), self.settings.chunk, self.settings.overlap)
        written = [[[id for word in words for id in word.tokens] for words in of.values()] for of in wanted.values()]
        read = in_parts(self.reader.log_probs, [[part.ids for part in each] for each in parts], written, list)
        return {
            document: {
                summary: self._score_of(summary, words, each, by_chunk)
                for (summary, words), by_chunk in zip(of.items(), found, strict=True)
            }
            for (document, of), each, found in zip(wanted.items(), parts, read, strict=True)
        }

    def _score_of(
        self, summary: str, words: Sequence[Word], parts: Sequence[Chunk], by_chunk: Sequence[Sequence[float]]
    ) -> SummaryScore:
        """From what each chunk says of the summary's tokens."""
        information = max(-fsum(word.alone for word in words), _LEAST_INFORMATION)
        evidence, at = [], 0
        for word in words:
            here = slice(at, at + len(word.tokens))
            at = here.stop
            found, part = max(zip((fsum(values[here]) for values in by_chunk), parts, strict=True), key=itemgetter(0))
            evidence.append(
                WordEvidence(
                    score=1 + len(words) * found / information,
                    summary_span=word.span,
                    document_span=part.span,
                    word=word.span.of(summary),
                    log_prob_alone=word.alone,
                    log_prob=found,
                )
            )
        value = 1 + fsum(piece.log_prob for piece in evidence) / information
        return self._result(value, evidence, len(parts), "each word takes its best")


def _words(summary: str, tokens: Sequence[int], pieces: Sequence[str], log_probs: Sequence[float]) -> Iterator[Word]:
    """The tokens word by word; the blanks before a word are its own."""
    text = "".join(pieces)
    # A tokenizer's text may have a blank in front that the summary has not, or lack those that it has.
    shift = len(summary) - len(summary.lstrip()) - (len(text) - len(text.lstrip()))
    words = list(_WORD.finditer(text))
    ends = [word.end() for word in words]
    starts = [0, *itertools.accumulate(map(len, pieces))][:-1]
    of = [bisect_right(ends, max(0, start - (not piece))) for start, piece in zip(starts, pieces, strict=True)]
    for number, places in itertools.groupby(range(len(pieces)), key=of.__getitem__):
        here = list(places)
        word = words[min(number, len(words) - 1)]
        core = _CORE.search(text, word.start(), word.end()) or _ANY.search(text, word.start(), word.end())
        assert core is not None
        yield Word(
            Span(core.start() + shift, core.end() + shift),
            tuple(tokens[place] for place in here),
            fsum(log_probs[place] for place in here),
        )
