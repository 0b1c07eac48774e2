"""Options of training summarizers and of using them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quals.errors import InputError
from quals.settings import Settings, setting
from quals.training.settings import RunSettings


@dataclass(frozen=True)
class GenerationSettings(Settings):
    """How summaries are written; lengths are in tokens.

    Raises:
        InputError: a value is out of range.
    """

    count: int = setting(1, "Summaries of each document.", short="-n", least=1)
    sample: bool = setting(False, "Draw summaries at random instead of searching for the most probable.")
    beams: int = setting(4, "Width of the beam search; 1 is greedy.", least=1)
    top_k: int = setting(50, "Sampling: only the K most probable tokens; 0: all.", least=0)
    top_p: float = setting(
        1.0, "Sampling: only the most probable tokens that together have this probability.", above=0, most=1
    )
    temperature: float = setting(1.0, "Sampling: below 1 prefers the probable, above 1 evens out.", above=0)
    seed: int = setting(0, "Sampling: another seed, other summaries.")
    min_length: int = setting(10, "Least length of a summary.", least=0, most="max_length")
    max_length: int = setting(60, "Greatest length of a summary.", least=1)
    no_repeat_ngram: int = setting(0, "No sequence of N tokens twice in a summary; 0 allows it.", least=0)
    max_document: int = setting(0, "Tokens of a document that are read; 0: as many as in training.", least=0)

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        if not self.sample and self.count > self.beams:
            found = f"{self.beams} beams find {self.beams} summaries, not {self.count}"
            raise InputError(f"{found}; use more beams or sample", field="count")


# Beams and lengths with which BART's authors and those of QUALS decode the two data sets; both forbid
# repeated trigrams.
PRESETS: dict[str, dict[str, Any]] = {
    "xsum": {"beams": 6, "min_length": 10, "max_length": 60, "no_repeat_ngram": 3},
    "cnndm": {"beams": 4, "min_length": 55, "max_length": 140, "no_repeat_ngram": 3},
}


@dataclass(frozen=True)
class FitSettings(RunSettings):
    """Options that all training of summarizers shares."""

    epochs: float = setting(1.0, "How often every example is seen.", above=0)
    batch: int = setting(16, "Examples a step, over all devices.", least=1)
    learning_rate: float = setting(
        0.0, "Peak learning rate; 0: what is usual for an adapter or for all weights.", least=0
    )
    weight_decay: float = setting(0.01, "Decoupled weight decay.", least=0)
    clip: float = setting(0.1, "Greatest norm of the gradient.", above=0)
    label_smoothing: float = setting(0.1, "Share of probability spread evenly over the vocabulary.", least=0, below=1)
    max_document: int = setting(
        512, "Tokens of a document that are read; the tails of longer ones are cut, counted.", least=1
    )
    max_summary: int = setting(256, "Rows with a longer summary than so many tokens are left out, counted.", least=1)
    validate: int = setting(40, "Validation examples looked at.", least=0)


@dataclass(frozen=True)
class SummarizerSettings(FitSettings):
    """Options of ``quals train summarizer``; the rates are 3e-5 for all weights, 4e-4 for an adapter."""

    filter_corrupt: bool = setting(False, "Leave out rows with scraped boilerplate.")


@dataclass(frozen=True)
class ConseqSettings(FitSettings):
    """Options of ``quals train conseq``; the rates are 3e-6 for all weights, 4e-5 for an adapter."""

    model: str = setting(
        "", "Required: the summarizer to go on from, a folder made by `quals train summarizer` or a Hub id."
    )
    max_document: int = setting(
        0, "Tokens of a document that are read; 0: as many as the model to go on from was trained to read.", least=0
    )
    epochs: float = setting(2.0, "How often every example is seen.", above=0)
    batch: int = setting(8, "Positives, and as many negatives, a step, over all devices.", least=1)
    warmup: int = setting(10, "Steps of linear warm-up; the rate is constant after them.", least=0)
    smooth_negatives: bool = setting(False, "Smooth the labels of the negatives too, as the reference does.")
    spare_end: bool = setting(
        False, "Leave the end token of negatives out of the loss: it is not what is wrong with them."
    )


# Peak learning rates. Those for all weights are the reference's; an adapter, whose product of two small matrices
# starts at zero, takes about thirteen times as much.
RATES = {SummarizerSettings: (3e-5, 4e-4), ConseqSettings: (3e-6, 4e-5)}
