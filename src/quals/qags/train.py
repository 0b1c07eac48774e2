"""Training QAGS's answering model, which has to know what a text does not answer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from quals.qags.answer import QuestionAnswerer
from quals.training.data import Passage
from quals.training.negatives import with_unanswerable
from quals.training.settings import AnswerTrainSettings
from quals.training.train import train_model


def train_answerer(
    passages: Sequence[Passage], validation: Sequence[Passage], folder: Path, settings: AnswerTrainSettings
) -> QuestionAnswerer:
    """`train_model`, with a share of questions that their context does not answer, in validation too."""
    vary = partial(with_unanswerable, share=settings.unanswerable, seed=settings.seed)
    held_out = validation[: settings.validate]
    return train_model(
        QuestionAnswerer,
        passages,
        vary(held_out, passages=held_out),
        folder,
        settings,
        vary=partial(vary, passages=passages),
    )
