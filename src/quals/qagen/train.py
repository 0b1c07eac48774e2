"""Training QAGen on with contrast: documents -> claims -> judged pairs -> examples."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from quals.nlp import load_pipeline
from quals.qagen.contrast import ContrastTrainer, told_apart
from quals.qagen.judged import about_claims, balanced, judged_pairs, with_foreign
from quals.qagen.model import QAGen
from quals.training.data import Passage
from quals.training.examples import plan_examples
from quals.training.settings import ContrastTrainSettings
from quals.training.train import train_model

_PAIRS, _CROP = 6, 0.65  # of claims and replayed contexts, as in the training before


def train_contrast(
    claims: Sequence[Passage],
    held_out: Sequence[Passage],
    replay: Sequence[Passage],
    validation: Sequence[Passage],
    folder: Path,
    settings: ContrastTrainSettings,
) -> QAGen:
    """Train a QAGen model on, by `contrast_loss`; see `train_model` for the rest.

    Args:
        claims: documents with the claims made of them (see `training_claims`).
        held_out: windows of others, to see how well pairs are told apart.
        replay: contexts with pairs that people wrote, to go on learning from.
        validation: the same, held out.
        folder: of the model; the pairs are kept in ``folder/pairs``.
        settings: see there.
    """
    qagen = QAGen.load(settings.model, device=settings.device)
    pipeline = load_pipeline(settings.pipeline)
    documents, windows = (
        judged_pairs(
            with_foreign(passages, pipeline, share=settings.foreign, seed=settings.seed), qagen, folder / "pairs"
        )
        for passages in (claims, held_out)
    )

    def vary(examples: list[Passage]) -> list[Passage]:
        """The windows with balanced pairs, claims and replayed contexts between them."""
        chosen = balanced(examples, documents, most=settings.balanced, outside=settings.unsupported, seed=settings.seed)
        return _mixed(chosen, about_claims(documents), replay, settings)

    return train_model(
        QAGen,
        documents,
        validation,
        folder,
        settings,
        vary=vary,
        measure=lambda model, _: told_apart(model, windows),
        trainer=ContrastTrainer,
    )


def _mixed(
    windows: Sequence[Passage], claims: Sequence[Passage], replay: Sequence[Passage], settings: ContrastTrainSettings
) -> list[Passage]:
    """Each window with a claim, and the replayed contexts spread evenly over them."""
    chance = random.Random(settings.seed)
    alone = plan_examples(claims, count=len(windows), max_pairs=_PAIRS, crop=0.0, seed=settings.seed)
    replayed = plan_examples(
        replay, count=int(settings.replayed * len(windows)), max_pairs=_PAIRS, crop=_CROP, seed=settings.seed
    )
    mixed = [example for both in zip(windows, alone, strict=True) for example in both]
    for example in replayed:
        mixed.insert(chance.randint(0, len(mixed)), example)
    return mixed
