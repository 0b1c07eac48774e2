"""Training QAGen on, to tell what a document bears out: documents -> claims -> judged pairs -> examples."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from quals.factcc.data import training_claims
from quals.nlp import load_pipeline
from quals.qagen.grounding import GroundingTrainer, told_apart
from quals.qagen.judged import about_claims, judged_pairs, twins, with_foreign
from quals.qagen.model import QAGen
from quals.training.data import Passage
from quals.training.plan import plan_examples
from quals.training.settings import GroundingTrainSettings
from quals.training.train import train_model, training_arguments

_PAIRS, _CROP = 6, 0.65  # of claims and of replayed contexts: as quals-small learnt to write pairs


def train_grounding(
    data: Iterable[str | Path],
    held_out: Iterable[str | Path],
    replay: Sequence[Passage],
    validation: Sequence[Passage],
    folder: Path,
    settings: GroundingTrainSettings,
) -> QAGen:
    """Train a QAGen model on, by `grounding_loss`; see `train_model` for the rest.

    Args:
        data: files of documents (see `training_claims`).
        held_out: files of others, to see how well pairs about them are told apart.
        replay: contexts with pairs that people wrote, to go on learning from.
        validation: the same, held out.
        folder: of the model; claims and pairs are kept in there.
        settings: see there.
    """
    # What would be refused after the pairs are made is refused before.
    training_arguments(folder, settings)
    documents, windows = _judged(data, held_out, folder, settings)
    return train_model(
        QAGen,
        documents,
        validation,
        folder,
        settings,
        vary=partial(_mixed, documents=documents, replay=replay, settings=settings),
        measure=lambda model, _: told_apart(model, windows),
        trainer=GroundingTrainer,
    )


def _judged(
    data: Iterable[str | Path], held_out: Iterable[str | Path], folder: Path, settings: GroundingTrainSettings
) -> tuple[list[Passage], list[Passage]]:
    """Documents with the pairs that the model writes before it is trained on, and windows of those held out."""
    qagen, pipeline = QAGen.load(settings.model, device=settings.device), load_pipeline(settings.pipeline)
    foreign = partial(with_foreign, pipeline=pipeline, share=settings.foreign, seed=settings.seed)
    documents, windows = (
        judged_pairs(foreign(passages), qagen, folder / "pairs")
        for passages in training_claims(data, held_out, folder / "claims", settings)
    )
    return documents, windows


def _mixed(
    examples: Sequence[Passage],
    documents: Sequence[Passage],
    replay: Sequence[Passage],
    settings: GroundingTrainSettings,
) -> list[Passage]:
    """Each window, with pairs about twins, and a claim; the replayed contexts stand at random between them."""
    seed, chance = settings.seed, random.Random(settings.seed)
    windows = twins(examples, documents, most=settings.twins, outside=settings.unsupported, seed=seed)
    claims = plan_examples(about_claims(documents), count=len(windows), max_pairs=_PAIRS, crop=0.0, seed=seed)
    count = int(settings.replayed * len(windows))
    mixed = [example for both in zip(windows, claims, strict=True) for example in both]
    for example in plan_examples(replay, count=count, max_pairs=_PAIRS, crop=_CROP, seed=seed):
        mixed.insert(chance.randint(0, len(mixed)), example)
    return mixed
