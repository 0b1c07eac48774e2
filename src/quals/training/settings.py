"""Options of training: those that every training has, and those of training on question-answer pairs and on claims."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from quals.nlp import PIPELINE
from quals.settings import LARGEST_SEED, Settings, fixed, setting


@dataclass(frozen=True)
class RunSettings(Settings):
    """Options that every training has."""

    model: str = setting("smollm2-135m-instruct", "What to fine-tune: a shipped name, a folder or a Hub id.")
    lora_rank: int = setting(
        16, "Rank of the adapter; 0 trains all weights. An adapter to go on from keeps its own.", least=0
    )
    learning_rate: float = setting(4e-4, "Peak learning rate; a cosine takes it to 2 %.", above=0)
    warmup: int = setting(20, "Steps of linear warm-up.", least=0)
    batch: int = setting(8, "Examples a step, over all devices.", least=1)
    micro_batch: int = setting(1, "Examples in one forward pass of a device; 1 wastes nothing on padding.", least=1)
    weight_decay: float = setting(0.0, "Decoupled weight decay.", least=0)
    seed: int = setting(0, "Seed of the adapter, the order and all else that is random.", least=0, most=LARGEST_SEED)
    save_every: int = setting(50, "Steps between checkpoints.", least=1)
    evaluate_every: int = setting(200, "Steps between looks at the validation data.", least=1)
    validate: int = setting(60, "Validation examples looked at.", least=0)
    loaders: int = setting(0, "Processes that prepare batches while the device computes.", least=0)
    device: str = setting("auto", "cpu, cuda, or auto.")


@dataclass(frozen=True)
class TrainSettings(RunSettings):
    """Options of all tasks, with the values used for the shipped models.

    ``command`` is what is said behind ``quals train``, where that is not the task's name.
    """

    command: ClassVar[str] = ""

    contexts: int = setting(10_000, "Training examples in all, repeated epochs counted.", least=1)
    max_pairs: int = setting(6, "Pairs of one context in one example.", least=1)
    crop: float = setting(0.65, "Share of contexts cut to a window of a few sentences.", least=0, most=1)
    window_min: int = setting(12, "Words of the shortest window.", least=1, most="window_max")
    window_max: int = setting(60, "Words of the longest window; a last sentence may go beyond.", least=1)
    joined: float = setting(0.0, "Share of contexts joined with their neighbours instead.", least=0, most=1)
    joined_min: int = setting(150, "Words of the shortest joined context.", least=1, most="joined_max")
    joined_max: int = setting(380, "Words of the longest joined context.", least=1)
    lowercase: float = setting(0.0, "Share of examples wholly in lower case.", least=0, most=1)
    max_context: int = setting(512, "Tokens of a context kept in training.", least=1)


@dataclass(frozen=True)
class AnswerTrainSettings(TrainSettings):
    """Options of ``quals train qa``."""

    unanswerable: float = setting(
        0.33, "Share of questions replaced by ones that their context does not answer.", least=0, most=1
    )


@dataclass(frozen=True)
class ClaimTrainSettings(TrainSettings):
    """Options of ``quals train factcc``.

    Every context is a window, as long as the chunks in which documents are checked or shorter.
    """

    max_pairs: int = setting(10, "Claims of one context in one example.", least=1)
    crop: float = setting(
        1.0, "Share of documents cut to a window; of the others only the beginning is read.", least=0, most=1
    )
    window_min: int = setting(40, "Words of the shortest window.", least=1, most="window_max")
    window_max: int = setting(220, "Words of the longest window; a last sentence may go beyond.", least=1)
    validate: int = setting(80, "Validation contexts looked at.", least=0)
    pipeline: str = setting(PIPELINE, "spaCy pipeline that claims are made with.")
    workers: int = setting(1, "Processes that make claims.", least=1)
    documents: int = setting(3_000, "Documents that claims are made of, drawn at random.", least=1)
    sentences: int = setting(8, "Sentences of an article that a true and a false claim are made of, at most.", least=1)
    noised: float = setting(0.3, "Share of claims with token noise.", least=0, most=1)
    noise_rate: float = setting(
        0.05, "Share of the words of such a claim that are repeated or dropped.", least=0, most=1
    )
    unsupported: float = setting(
        0.2, "Share of claims replaced by ones made of a sentence outside the window.", least=0, most=1
    )


@dataclass(frozen=True)
class GroundingTrainSettings(ClaimTrainSettings):
    """Options of ``quals train grounding``."""

    command: ClassVar[str] = "grounding"

    model: str = setting("quals-small", "QAGen model to go on from: a shipped name, a folder or a Hub id.")
    contexts: int = setting(3_000, "Windows of documents in all, repeated epochs counted.", least=1)
    max_pairs: int = fixed(1_000)  # all pairs of a window are there to choose from
    twins: int = setting(2, "Places of one window that a true claim and a false one are taken of.", least=1)
    # The log-probability that a pair had is that given a claim as it stands, and pairs are about one document.
    crop: float = fixed(1.0)
    joined: float = fixed(0.0)
    joined_min: int = fixed(150)
    joined_max: int = fixed(380)
    lowercase: float = fixed(0.0)
    window_max: int = setting(340, "Words of the longest window; a last sentence may go beyond.", least=1)
    learning_rate: float = setting(3e-4, "Peak learning rate; a cosine takes it to 2 %.", above=0)
    warmup: int = setting(10, "Steps of linear warm-up.", least=0)
    batch: int = setting(32, "Windows, claims and replayed contexts a step, over all devices.", least=1)
    documents: int = setting(900, "Documents that claims are made of, drawn at random.", least=1)
    sentences: int = setting(3, "Sentences of an article that a true and a false claim are made of, at most.", least=1)
    noised: float = setting(0.0, "Share of claims with token noise.", least=0, most=1)
    foreign: float = setting(
        0.6, "Share of true claims that another false one is made of, by what another document has.", least=0, most=1
    )
    unsupported: float = setting(
        0.5, "Share of windows with a pair about a sentence outside them, where there is one.", least=0, most=1
    )
    replayed: float = setting(0.15, "Contexts of --replay for each window.", least=0)
