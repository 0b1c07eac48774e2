"""``quals train``: fine-tune the models the metrics are made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from quals.cli.fields import document_field, summary_field
from quals.cli.options import made_of, options
from quals.errors import InputError
from quals.summarizer.settings import ConseqSettings, SummarizerSettings
from quals.training.settings import AnswerTrainSettings, ClaimTrainSettings, GroundingTrainSettings, TrainSettings

if TYPE_CHECKING:
    from quals.io.rows import FieldNames
    from quals.summarizer.data import Data
    from quals.training.data import Passage

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group()
def train() -> None:
    """Train the models the metrics are made of."""


def _training(settings: type[TrainSettings], *, data_required: bool = True) -> Callable[[Command], Command]:
    """What every training command is given."""
    folder = click.Path(file_okay=False, path_type=Path)

    def decorate(command: Command) -> Command:
        for add in (
            options(settings),
            click.option("-o", "--output", required=True, type=folder, help="Model folder."),
            click.option("--valid", multiple=True, type=_FILE, help="Held-out data; repeatable."),
            click.argument("data", nargs=-1, required=data_required, type=_FILE),
        ):
            command = add(command)
        return command

    return decorate


@train.command()
@_training(TrainSettings)
def qagen(data: tuple[Path, ...], valid: tuple[Path, ...], output: Path, **settings: Any) -> None:
    """Fine-tune a language model to write question-answer pairs (QUALS).

    DATA: SQuAD-format JSON, or JSONL rows {context, question, answer}, plain or gzipped. Rows that cannot be read
    are named and left out. A run that was stopped goes on when the same command is given again.
    """
    from quals.qagen.model import QAGen
    from quals.training.train import train_model

    chosen = made_of(settings, TrainSettings)
    train_model(QAGen, *_read(data, valid), output, chosen)


@train.command()
@_training(TrainSettings)
def qg(data: tuple[Path, ...], valid: tuple[Path, ...], output: Path, **settings: Any) -> None:
    """Fine-tune a language model to write questions (QAGS).

    It is given the answer. DATA and resuming: as for qagen.
    """
    from quals.qags.questions import QuestionGenerator
    from quals.training.train import train_model

    chosen = made_of(settings, TrainSettings)
    train_model(QuestionGenerator, *_read(data, valid), output, chosen)


@train.command()
@_training(AnswerTrainSettings)
def qa(data: tuple[Path, ...], valid: tuple[Path, ...], output: Path, **settings: Any) -> None:
    """Fine-tune a language model to answer questions (QAGS).

    Or to find that the text has no answer. DATA and resuming: as for qagen. Questions without one may be among the
    rows, with an empty answer; more are taken from other passages of the same article if the rows have its title, else
    from passages alike in words.
    """
    from quals.qags.train import train_answerer

    chosen = made_of(settings, AnswerTrainSettings)
    train_answerer(*_read(data, valid, unanswered=True), output, chosen)


@train.command()
@_training(ClaimTrainSettings, data_required=False)
@click.option("--labelled", multiple=True, type=_FILE, help="Judged sentences to learn from as well; repeatable.")
@click.option("--valid-labelled", multiple=True, type=_FILE, help="Held-out judged sentences; repeatable.")
@click.option("--document-field", metavar="NAME", help="Of the rows of --labelled; default: as for `quals score`.")
@click.option("--summary-field", metavar="NAME", help="Of the rows of --labelled; default: as for `quals score`.")
@click.option("--claims-only", is_flag=True, help="Make the claims and stop: the same command without it goes on.")
def factcc(
    data: tuple[Path, ...],
    valid: tuple[Path, ...],
    labelled: tuple[Path, ...],
    valid_labelled: tuple[Path, ...],
    document_field: str | None,
    summary_field: str | None,
    output: Path,
    claims_only: bool,
    **settings: Any,
) -> None:
    """Fine-tune a language model to check claims (FactCC).

    DATA: JSONL rows {document} or {document, summary}, plain or gzipped. True and false claims are made of the
    sentences, once, and kept in OUTPUT/claims. --labelled: JSONL, CSV, TSV or Parquet rows of a document, a sentence
    about it and its label, 1 or 0 (the rows of `quals score --sentences`, with labels); with it DATA may be left out,
    and --document-field and --summary-field name the fields of these rows.
    Documents that are held out are left out of the rest. Rows that cannot be read, and resuming: as for qagen.
    """
    from quals.factcc.data import training_claims
    from quals.factcc.train import train_checker
    from quals.io.rows import FieldNames

    if not data and not labelled:
        raise click.UsageError("Missing argument 'DATA...' or option '--labelled'.")
    if (document_field or summary_field) and not (labelled or valid_labelled):
        raise click.UsageError("--document-field and --summary-field go with --labelled; DATA has document and summary")
    chosen = made_of(settings, ClaimTrainSettings)
    passages, validation = training_claims(
        data,
        valid,
        output / "claims",
        chosen,
        labelled=labelled,
        valid_labelled=valid_labelled,
        names=FieldNames(document_field, summary_field),
    )
    if not claims_only:
        train_checker(passages, validation, output, chosen)


@train.command()
@_training(GroundingTrainSettings)
@click.option("--held-out", multiple=True, type=_FILE, help="Held-out documents, as DATA; repeatable.")
@click.option("--replay", multiple=True, type=_FILE, help="Question-answer data to go on learning from; repeatable.")
def grounding(
    data: tuple[Path, ...],
    valid: tuple[Path, ...],
    held_out: tuple[Path, ...],
    replay: tuple[Path, ...],
    output: Path,
    **settings: Any,
) -> None:
    """Train a QAGen model on, to tell what a document bears out (QUALS).

    DATA: JSONL rows {document} or {document, summary}, plain or gzipped. True and false claims are made of the
    sentences, and question-answer pairs of the claims, once; they are kept in OUTPUT. The model learns that pairs which
    the document bears out are likely, and others unlikely. --replay and --valid are question-answer data, as for qagen.
    Rows that cannot be read, and resuming: as there.
    """
    from quals.qagen.train import train_grounding

    chosen = made_of(settings, GroundingTrainSettings)
    train_grounding(data, held_out, *_read(replay, valid), output, chosen)


def _summaries(settings: type) -> Callable[[Command], Command]:
    """What training a summarizer is given beside its data."""
    folder = click.Path(file_okay=False, path_type=Path)

    def decorate(command: Command) -> Command:
        for add in (
            options(settings),
            document_field,
            summary_field,
            click.option("-o", "--output", required=True, type=folder, help="Model folder."),
            click.option("--valid", multiple=True, help="Held-out data, as DATA but of split validation; repeatable."),
        ):
            command = add(command)
        return command

    return decorate


@train.command()
@click.argument("data", nargs=-1, required=True)
@_summaries(SummarizerSettings)
def summarizer(
    data: tuple[str, ...],
    valid: tuple[str, ...],
    output: Path,
    document_field: str | None,
    summary_field: str | None,
    **settings: Any,
) -> None:
    """Fine-tune a language model to write summaries.

    DATA: rows of a document and its summary in JSONL, CSV or TSV (also .gz) or Parquet, the split train of a Hub
    data set (owner/name or owner/name:config), or a folder saved by the library `datasets`. A run that was
    stopped goes on when the same command is given again. Learning rate: 3e-5 for all weights, 4e-4 for an adapter.
    """
    from quals.io.rows import FieldNames
    from quals.summarizer.data import read_data
    from quals.summarizer.train import train_summarizer

    chosen, names = made_of(settings, SummarizerSettings), FieldNames(document_field, summary_field)
    train_summarizer(
        read_data(data, names, filter_corrupt=chosen.filter_corrupt), _held_out(valid, names), output, chosen
    )


@train.command()
@click.argument("positives")
@click.argument("negatives")
@_summaries(ConseqSettings)
def conseq(
    positives: str,
    negatives: str,
    valid: tuple[str, ...],
    output: Path,
    document_field: str | None,
    summary_field: str | None,
    **settings: Any,
) -> None:
    """Train a summarizer on: towards POSITIVES and away from NEGATIVES (CONSEQ).

    Both: rows of a document and a summary, as for `quals train summarizer`; a stopped run is resumed as there. Two
    rows of the same document share a step, and if one is left out so is the other. The rest are paired at random,
    the shorter set being repeated. If --valid has field names of its own, the options give those. Learning rate:
    3e-6 for all weights, 4e-5 for an adapter.
    """
    from quals.io.rows import FieldNames
    from quals.summarizer.train import train_conseq

    if not settings["model"]:
        raise click.UsageError("--model is required: the summarizer to go on from")
    chosen, names = made_of(settings, ConseqSettings), FieldNames(document_field, summary_field)
    good, bad = (_contrasted(source, names, bool(valid)) for source in (positives, negatives))
    train_conseq(good, bad, _held_out(valid, names), output, chosen)


def _contrasted(source: str, names: FieldNames, validated: bool) -> Data:
    """A set as `quals contrast` wrote it, though the validation data may have other field names, those given."""
    from quals.io.rows import FieldNames
    from quals.summarizer.data import read_data

    try:
        return read_data([source], names)
    except InputError as error:
        if not validated or names == FieldNames():
            raise
        try:
            return read_data([source], FieldNames())
        except InputError:
            raise error from None


def _held_out(sources: tuple[str, ...], names: FieldNames) -> Data:
    from quals.summarizer.data import read_data

    return read_data(sources, names, split="validation")


def _read(
    data: tuple[Path, ...], valid: tuple[Path, ...], *, unanswered: bool = False
) -> tuple[list[Passage], list[Passage]]:
    """Passages to train on and held-out ones; rows that cannot be read are told, as are questions without an answer."""
    from quals.training.data import answerable, read_passages
    from quals.training.run import tell_left_out

    left_out: list[InputError] = []
    passages, validation = (read_passages(paths, left_out) for paths in (data, valid))
    tell_left_out(left_out)
    if unanswered:
        return passages, validation
    return answerable(passages), answerable(validation)
