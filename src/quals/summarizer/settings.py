"""Options of training summarizers and of using them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from quals.errors import InputError
from quals.settings import setting


@dataclass(frozen=True)
class GenerationSettings:
    """How summaries are written; lengths are in tokens.

    Raises:
        InputError: a value is out of range.
    """

    count: int = setting(1, "Summaries of each document.", short="-n")
    sample: bool = setting(False, "Draw summaries at random instead of searching for the most probable.")
    beams: int = setting(4, "Width of the beam search; 1 is greedy.")
    top_k: int = setting(50, "Sampling: only the K most probable tokens; 0: all.")
    top_p: float = setting(1.0, "Sampling: only the most probable tokens that together have this probability.")
    temperature: float = setting(1.0, "Sampling: below 1 prefers the probable, above 1 evens out.")
    seed: int = setting(0, "Sampling: another seed, other summaries.")
    min_length: int = setting(10, "Least length of a summary.")
    max_length: int = setting(60, "Greatest length of a summary.")
    no_repeat_ngram: int = setting(0, "No sequence of N tokens twice in a summary; 0 allows it.")
    max_document: int = setting(0, "Tokens of a document that are read; 0: as many as in training.")

    def __post_init__(self) -> None:
        """Check the ranges."""
        self._require(self.count >= 1, "count", "must be at least 1")
        self._require(self.beams >= 1, "beams", "must be at least 1")
        self._require(
            self.sample or self.count <= self.beams,
            "count",
            f"{self.beams} beams find {self.beams} summaries, not {self.count}; use more beams or sample",
        )
        self._require(self.top_k >= 0, "top_k", "must be at least 0")
        self._require(0 < self.top_p <= 1, "top_p", "must be above 0 and at most 1")
        self._require(self.temperature > 0, "temperature", "must be above 0")
        self._require(0 <= self.min_length <= self.max_length, "min_length", "must be at least 0, at most max_length")
        self._require(self.max_length >= 1, "max_length", "must be at least 1")
        self._require(self.no_repeat_ngram >= 0, "no_repeat_ngram", "must be at least 0")
        self._require(self.max_document >= 0, "max_document", "must be at least 0")

    def _require(self, fine: bool, field: str, message: str) -> None:
        if not fine:
            raise InputError(message, field=field)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


# Beams and lengths with which BART's authors and those of QUALS decode the two data sets; both forbid
# repeated trigrams.
PRESETS: dict[str, dict[str, Any]] = {
    "xsum": {"beams": 6, "min_length": 10, "max_length": 60, "no_repeat_ngram": 3},
    "cnndm": {"beams": 4, "min_length": 55, "max_length": 140, "no_repeat_ngram": 3},
}


@dataclass(frozen=True)
class FitSettings:
    """Options that all training of summarizers shares."""

    model: str = setting("", "What to start from.")
    epochs: float = setting(1.0, "How often every example is seen.")
    batch: int = setting(16, "Examples a step, over all devices.")
    micro_batch: int = setting(1, "Examples in one forward pass of a device; 1 wastes nothing on padding.")
    learning_rate: float = setting(0.0, "Peak learning rate; 0: what is usual for an adapter or for all weights.")
    warmup: int = setting(20, "Steps of linear warm-up.")
    weight_decay: float = setting(0.01, "Decoupled weight decay.")
    clip: float = setting(0.1, "Greatest norm of the gradient.")
    label_smoothing: float = setting(0.1, "Share of probability spread evenly over the vocabulary.")
    max_document: int = setting(512, "Tokens of a document that are read; the tails of longer ones are cut, counted.")
    max_summary: int = setting(256, "Rows with a longer summary than so many tokens are left out, counted.")
    lora_rank: int = setting(16, "Rank of the adapter; 0 trains all weights. An adapter to go on from keeps its own.")
    seed: int = setting(0, "Seed of the adapter, the order and the dropout.")
    save_every: int = setting(50, "Steps between checkpoints.")
    evaluate_every: int = setting(200, "Steps between looks at the validation data.")
    validate: int = setting(40, "Validation examples looked at.")
    device: str = setting("auto", "cpu, cuda, or auto.")

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            InputError: a value is out of range.
        """
        for name in ("batch", "micro_batch", "max_document", "max_summary", "save_every", "evaluate_every"):
            if getattr(self, name) < 1:
                raise InputError("must be at least 1", field=name)
        for name in ("learning_rate", "warmup", "weight_decay", "lora_rank", "validate"):
            if getattr(self, name) < 0:
                raise InputError("must be at least 0", field=name)
        if not 0 <= self.label_smoothing < 1:
            raise InputError("must be at least 0 and below 1", field="label_smoothing")
        for name in ("epochs", "clip"):
            if getattr(self, name) <= 0:
                raise InputError("must be above 0", field=name)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class SummarizerSettings(FitSettings):
    """Options of ``quals train summarizer``; the rates are 3e-5 for all weights, 4e-4 for an adapter."""

    model: str = setting("smollm2-135m-instruct", "What to fine-tune: a shipped name, a folder or a Hub id.")
    filter_corrupt: bool = setting(False, "Leave out rows with scraped boilerplate.")


@dataclass(frozen=True)
class ConseqSettings(FitSettings):
    """Options of ``quals train conseq``; the rates are 3e-6 for all weights, 4e-5 for an adapter."""

    model: str = setting("", "The summarizer to go on from: a folder made by `quals train summarizer`, or a Hub id.")
    epochs: float = setting(2.0, "How often every example is seen.")
    batch: int = setting(8, "Positives, and as many negatives, a step, over all devices.")
    warmup: int = setting(10, "Steps of linear warm-up; the rate is constant after them.")
    smooth_negatives: bool = setting(False, "Smooth the labels of the negatives too, as the reference does.")


# Peak learning rates. Those for all weights are the reference's; an adapter, whose product of two small matrices
# starts at zero, takes about thirteen times as much.
RATES = {SummarizerSettings: (3e-5, 4e-4), ConseqSettings: (3e-6, 4e-5)}
