"""A summarizer in use: documents in, summaries out."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from quals.errors import InputError
from quals.io.values import is_text
from quals.lm import store
from quals.lm.batching import in_batches
from quals.lm.beam import BeamSettings, Hypothesis, beam_search
from quals.lm.constraints import Constraints
from quals.lm.format import Task, text_ids
from quals.lm.framed import FramedModel, read_card
from quals.lm.sampling import SamplingSettings, sample
from quals.records import Status
from quals.signature import signature
from quals.summarizer.settings import GenerationSettings

SUMMARIZER = Task("summarizer", "to summarize")
WINDOW = 512  # tokens of a document that a model reads unless it was trained otherwise


@dataclass(frozen=True)
class Summaries:
    """What was written about one document.

    Attributes:
        texts: the summaries: the most probable first, or samples in the order they were drawn; those that came
            out empty are left out, and ``status`` is `Status.OK` exactly if some are left.
        log_probs: of each text, the mean log-probability of its tokens under the model, in nats.
        status: why there are no summaries, if there are none.
        reason: the same for people; or a note, such as that only the document's beginning was read.
        document_tokens: length of the document.
        read_tokens: how many of them the model read, from the first.
    """

    texts: tuple[str, ...]
    log_probs: tuple[float, ...]
    status: Status
    reason: str = ""
    document_tokens: int = 0
    read_tokens: int = 0


@dataclass
class Summarizer(FramedModel):
    """A model that reads a document and writes a summary.

    Attributes:
        window: tokens of a document that it was trained to read.
    """

    task: ClassVar[Task] = SUMMARIZER

    window: int = WINDOW

    @classmethod
    def load(cls, name: str, *, device: str = "auto", dtype: str = "float32") -> Self:
        """See `FramedModel.load`; half precision is faster on a GPU, but see `summarize`."""
        model = super().load(name, device=device, dtype=dtype)
        model.window = read_card(store.resolve(name), name, cls.task)["training"]["max_document"]
        return model

    def signature(self, settings: GenerationSettings) -> str:
        """How summaries written with these settings come about (see `quals.signature`)."""
        parts = {"model": self.name, "revision": self.revision, **_relevant(settings)}
        return signature("summary", parts | {"max_document": settings.max_document or self.window})

    def summarize(self, documents: Sequence[str], settings: GenerationSettings | None = None) -> list[Summaries]:
        """Summaries of each document, in order.

        What is written about a document depends on that document, the settings and the model alone, not on the
        other documents. (Half precision rounds differently in other batches: there a draw between tokens can
        come out differently.)

        Raises:
            InputError: the settings ask for more tokens than the model can hold.
        """
        settings = GenerationSettings.given(settings)
        if isinstance(documents, str):
            raise InputError("expected a sequence of texts", field="documents")
        window = settings.max_document or self.window
        self.check_room(window, settings.max_length, "max_document")
        problems = [_problem(document) for document in documents]
        ids = [
            text_ids(self.lm.tokenizer, document)
            for document, problem in zip(documents, problems, strict=True)
            if not problem
        ]
        texts = [self.form.frame(document[:window]) for document in ids]
        cost = settings.count if settings.sample else settings.beams
        written = iter(
            in_batches(
                texts,
                lambda batch: self._write(batch, settings),
                cost=lambda text: len(text) + cost * settings.max_length,
                budget=self.budget,
            )
        )
        lengths = iter(map(len, ids))
        return [
            Summaries((), (), *problem) if problem else self._result(next(written), next(lengths), window)
            for problem in problems
        ]

    def _write(self, texts: list[list[int]], settings: GenerationSettings) -> list[list[Hypothesis]]:
        constraints = Constraints(self._never_written(), settings.no_repeat_ngram)
        if not settings.sample:
            beam = BeamSettings(settings.beams, settings.min_length, settings.max_length, patient=True)
            found = beam_search(self.lm, texts, [[()]] * len(texts), self.form.end, beam, constraints)
            return [hypotheses[: settings.count] for (hypotheses,) in found]
        seeds = [[_seed(settings.seed, text, number) for number in range(settings.count)] for text in texts]
        drawn = SamplingSettings(
            settings.top_k, settings.top_p, settings.temperature, settings.min_length, settings.max_length
        )
        return sample(self.lm, texts, seeds, self.form.end, drawn, constraints)

    def _never_written(self) -> tuple[int, ...]:
        """The frame and all special tokens but the end: no summary holds them."""
        special = {id for id, token in self.lm.tokenizer.added_tokens_decoder.items() if token.special}
        frame = {*self.form.prefix, *self.form.suffix, self.form.separator}
        return tuple(sorted((special | frame) - {self.form.end}))

    def _result(self, found: Sequence[Hypothesis], length: int, window: int) -> Summaries:
        written = [(text, hypothesis.mean) for hypothesis in found if (text := self._text(hypothesis))]
        read, empty = min(length, window), len(found) - len(written)
        notes = [f"{empty} of {len(found)} summaries came out empty"] if empty else []
        if read < length:
            notes.append(f"only the first {read} of the document's {length} tokens were read")
        return Summaries(
            tuple(text for text, _ in written),
            tuple(mean for _, mean in written),
            Status.OK if written else Status.EMPTY_SUMMARY,
            "; ".join(notes),
            length,
            read,
        )

    def _text(self, hypothesis: Hypothesis) -> str:
        return self.decode(hypothesis.tokens[:-1]).strip()


def _problem(document: str) -> tuple[Status, str] | None:
    if not document.strip():
        return Status.EMPTY_DOCUMENT, "the document is empty"
    if not is_text(document):
        return Status.ERROR, "the document holds half a surrogate pair, which is not text"
    return None


def _relevant(settings: GenerationSettings) -> dict[str, Any]:
    """The settings that the outcome depends on."""
    unused = ("beams",) if settings.sample else ("top_k", "top_p", "temperature", "seed")
    return {name: value for name, value in settings.to_dict().items() if name not in unused}


def _seed(seed: int, text: Sequence[int], number: int) -> int:
    """A number of 64 bits from the seed, the text and the place of the summary among those of the text."""
    content = ",".join(map(str, (seed, number, *text)))
    return int.from_bytes(hashlib.sha256(content.encode()).digest()[:8])
