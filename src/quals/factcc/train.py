"""Training FactCC's classifier on claims."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from quals.factcc.data import with_unsupported
from quals.factcc.evaluate import accuracies
from quals.factcc.model import ClaimChecker
from quals.training.data import Passage
from quals.training.settings import ClaimTrainSettings
from quals.training.train import train_model


def train_checker(
    passages: Sequence[Passage], validation: Sequence[Passage], folder: Path, settings: ClaimTrainSettings
) -> ClaimChecker:
    """`train_model`, with a share of claims made of sentences outside the window; measures `accuracies`."""
    vary = partial(with_unsupported, passages=passages, share=settings.unsupported, seed=settings.seed)
    return train_model(ClaimChecker, passages, validation, folder, settings, vary=vary, measure=accuracies)
