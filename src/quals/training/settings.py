"""Options of training on question-answer data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from quals.nlp import PIPELINE
from quals.settings import setting


@dataclass(frozen=True)
class TrainSettings:
    """Options of all tasks, with the values used for the shipped models."""

    model: str = setting("smollm2-135m-instruct", "What to fine-tune: a shipped name, a folder or a Hub id.")
    contexts: int = setting(10_000, "Training examples in all, repeated epochs counted.")
    max_pairs: int = setting(6, "Pairs of one context in one example.")
    crop: float = setting(0.65, "Share of contexts cut to a window of a few sentences.")
    window_min: int = setting(12, "Words of the shortest window.")
    window_max: int = setting(60, "Words of the longest window; a last sentence may go beyond.")
    max_context: int = setting(512, "Tokens of a context kept in training.")
    lora_rank: int = setting(16, "Rank of the adapter; 0 fine-tunes all weights.")
    learning_rate: float = setting(4e-4, "Peak learning rate; a cosine takes it to 2 %.")
    warmup: int = setting(20, "Steps of linear warm-up.")
    batch: int = setting(8, "Contexts a step, over all devices.")
    micro_batch: int = setting(1, "Contexts in one forward pass; 1 wastes nothing on padding.")
    weight_decay: float = setting(0.0, "Decoupled weight decay.")
    seed: int = setting(0, "Seed of the adapter, the order and the windows.")
    save_every: int = setting(50, "Steps between checkpoints.")
    evaluate_every: int = setting(200, "Steps between looks at the validation data.")
    validate: int = setting(60, "Validation contexts looked at.")
    device: str = setting("auto", "cpu, cuda, or auto.")

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class AnswerTrainSettings(TrainSettings):
    """Options of ``quals train qa``."""

    unanswerable: float = setting(0.33, "Share of questions replaced by ones that their context does not answer.")


@dataclass(frozen=True)
class ClaimTrainSettings(TrainSettings):
    """Options of ``quals train factcc``.

    Every context is a window, as long as the chunks in which documents are checked or shorter.
    """

    max_pairs: int = setting(10, "Claims of one context in one example.")
    crop: float = setting(1.0, "Share of documents cut to a window; of the others only the beginning is read.")
    window_min: int = setting(40, "Words of the shortest window.")
    window_max: int = setting(350, "Words of the longest window; a last sentence may go beyond.")
    max_context: int = setting(768, "Tokens of a context kept in training.")
    validate: int = setting(80, "Validation contexts looked at.")
    pipeline: str = setting(PIPELINE, "spaCy pipeline that claims are made with.")
    workers: int = setting(1, "Processes that make claims.")
    documents: int = setting(3_000, "Documents that claims are made of, drawn at random.")
    sentences: int = setting(8, "Sentences of a document that a true and a false claim are made of, at most.")
    noised: float = setting(0.3, "Share of claims with token noise.")
    noise_rate: float = setting(0.05, "Share of the words of such a claim that are repeated or dropped.")
    unsupported: float = setting(0.2, "Share of claims replaced by ones made of a sentence outside the window.")
