"""``quals train``: fine-tune the models the metrics are made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from quals.settings import options
from quals.training.settings import AnswerTrainSettings, ClaimTrainSettings, TrainSettings

if TYPE_CHECKING:
    from quals.lm.framed import FramedModel

Command = TypeVar("Command", bound=Callable[..., Any])


@click.group()
def train() -> None:
    """Train the models the metrics are made of."""


def _training(settings: type[TrainSettings]) -> Callable[[Command], Command]:
    """What every training command is given."""
    existing = click.Path(exists=True, dir_okay=False, path_type=Path)
    folder = click.Path(file_okay=False, path_type=Path)

    def decorate(command: Command) -> Command:
        for add in (
            options(settings),
            click.option("-o", "--output", required=True, type=folder, help="Model folder."),
            click.option("--valid", multiple=True, type=existing, help="Held-out data; repeatable."),
            click.argument("data", nargs=-1, required=True, type=existing),
        ):
            command = add(command)
        return command

    return decorate


@train.command()
@_training(TrainSettings)
def qagen(data: tuple[Path, ...], valid: tuple[Path, ...], output: Path, **settings: Any) -> None:
    """Fine-tune a language model to write question-answer pairs (QUALS).

    DATA: SQuAD-format JSON, or JSONL rows {context, question, answer}, plain or gzipped. A run that was
    stopped goes on when the same command is given again.
    """
    from quals.qagen.model import QAGen

    _train(QAGen, data, valid, output, TrainSettings(**settings))


@train.command()
@_training(TrainSettings)
def qg(data: tuple[Path, ...], valid: tuple[Path, ...], output: Path, **settings: Any) -> None:
    """Fine-tune a language model to write questions (QAGS).

    It is given the answer. DATA and resuming: as for qagen.
    """
    from quals.qags.questions import QuestionGenerator

    _train(QuestionGenerator, data, valid, output, TrainSettings(**settings))


@train.command()
@_training(AnswerTrainSettings)
def qa(data: tuple[Path, ...], valid: tuple[Path, ...], output: Path, **settings: Any) -> None:
    """Fine-tune a language model to answer questions (QAGS).

    Or to find that the text has no answer. DATA and resuming: as for qagen. Questions without one are taken
    from other passages of the same article if the rows have its title, else from passages alike in words.
    """
    from quals.qags.answer import QuestionAnswerer

    _train(QuestionAnswerer, data, valid, output, AnswerTrainSettings(**settings))


@train.command()
@_training(ClaimTrainSettings)
def factcc(data: tuple[Path, ...], valid: tuple[Path, ...], output: Path, **settings: Any) -> None:
    """Fine-tune a language model to check claims (FactCC).

    DATA: JSONL rows {document}, plain or gzipped. True and false claims are made of the documents' sentences,
    once, and kept in OUTPUT/claims. Documents in --valid are left out of DATA. Resuming: as for qagen.
    """
    from quals.factcc.data import training_claims
    from quals.factcc.evaluate import accuracies
    from quals.factcc.model import ClaimChecker
    from quals.training.train import train_model

    chosen = ClaimTrainSettings(**settings)
    passages, validation = training_claims(data, valid, output / "claims", chosen)
    train_model(ClaimChecker, passages, validation, output, chosen, measure=accuracies)


def _train(
    kind: type[FramedModel], data: tuple[Path, ...], valid: tuple[Path, ...], output: Path, settings: TrainSettings
) -> None:
    from quals.training.data import read_passages
    from quals.training.train import train_model

    train_model(kind, read_passages(data), read_passages(valid), output, settings)
