"""``quals train``: fine-tune the models the metrics are made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from quals.qagen.settings import TrainSettings
from quals.settings import options


@click.group()
def train() -> None:
    """Train the models the metrics are made of."""


@train.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--valid", multiple=True, type=click.Path(exists=True, dir_okay=False), help="Held-out data; repeatable.")
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path), help="Model folder.")
@options(TrainSettings)
def qagen(data: tuple[Path, ...], valid: tuple[str, ...], output: Path, **settings: Any) -> None:
    """Fine-tune a language model to write question-answer pairs.

    DATA: SQuAD-format JSON, or JSONL rows {context, question, answer}, plain or gzipped. A run that was
    stopped goes on when the same command is given again.
    """
    from quals.qagen.data import read_passages
    from quals.qagen.train import train_qagen

    train_qagen(read_passages(data), read_passages(valid), output, TrainSettings(**settings))
