"""Training summarizers: by maximum likelihood, and contrastively (CONSEQ)."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any

import torch

from quals.errors import InputError
from quals.lm import store
from quals.lm.format import PairFormat
from quals.lm.framed import read_card
from quals.lm.load import Pretrained
from quals.summarizer.card import DataUsed, write_card
from quals.summarizer.data import Data, drop_long_summaries, encode, keep_together
from quals.summarizer.examples import Collator, contrasted
from quals.summarizer.loss import conseq_loss
from quals.summarizer.model import SUMMARIZER, Summarizer
from quals.summarizer.monitor import SummaryMonitor
from quals.summarizer.settings import RATES, ConseqSettings, FitSettings, SummarizerSettings
from quals.texts import plain
from quals.training.packing import IGNORE, with_mask
from quals.training.run import claim_folder, go_on, is_first_process
from quals.training.train import COSINE, PairTrainer, save_half, start_from, training_arguments


def train_summarizer(data: Data, validation: Data, folder: Path, settings: SummarizerSettings) -> Summarizer:
    """Fine-tune a model to write the summaries of ``data``, and write it to ``folder``.

    Checkpoints go to ``folder/checkpoints``; a run that was stopped goes on from the newest when called again
    with the same data and settings. What ends up in ``folder``: the weights in half precision, ``quals.json``,
    a model card ``README.md``, ``history.jsonl`` with every validation result, and ``dropped-training-data.jsonl``
    with the rows that were left out, if any. Runs on several devices under ``torchrun`` or ``accelerate launch``.

    Raises:
        InputError: there is nothing to train on, or ``folder`` holds a run with other data or settings.
        ModelError: the model cannot be loaded.
    """
    start = _start("summarizer", settings, folder)
    used = start.encoded("training data", data)
    return _fit(start, PairTrainer, used.encoding.examples, [used], validation, COSINE)


def train_conseq(
    positives: Data, negatives: Data, validation: Data, folder: Path, settings: ConseqSettings
) -> Summarizer:
    """Train a summarizer on: towards the summaries of ``positives``, away from those of ``negatives``.

    Every step takes as many of the one as of the other, the two of a document together (see `contrasted`). If one
    of the two is left out, the other is too. The loss is that of `conseq_loss`, divided by the number of tokens of
    both. For the rest see `train_summarizer`.

    Raises:
        InputError: there are no positives or no negatives, or ``folder`` holds a run with other data or settings.
        ModelError: the model cannot be loaded, or is no summarizer.
    """
    card = read_card(store.resolve(settings.model), settings.model, SUMMARIZER)
    window = settings.max_document or card["training"]["max_document"]
    start = _start("conseq", replace(settings, max_document=window), folder)
    for data in (positives, negatives):
        drop_long_summaries(data, start.pretrained.tokenizer, settings.max_summary)
    keep_together(positives, negatives)
    good, bad = start.encoded("positives", positives), start.encoded("negatives", negatives)
    against = bad.encoding.examples
    if settings.spare_end:
        against = [replace(example, summary=example.summary[:-1]) for example in against]
    pairs = contrasted(good.encoding.examples, against, settings.seed)
    trainer = partial(ConseqTrainer, smooth_negatives=settings.smooth_negatives)
    return _fit(start, trainer, pairs, [good, bad], validation, {"lr_scheduler_type": "constant_with_warmup"})


class ConseqTrainer(PairTrainer):
    """`transformers.Trainer` with the loss of CONSEQ.

    The log shows, since it last did, the mean loss per token of the positives and of the negatives, also at the end.
    """

    def __init__(self, *args: Any, smooth_negatives: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.smooth_negatives = smooth_negatives
        self._seen = torch.zeros(2, 2)  # positives, negatives: sum and tokens

    def summed_loss(self, model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        """The sum over the tokens of positives and negatives; see `conseq_loss`."""
        labels, negative = inputs.pop("labels"), inputs.pop("negative")
        outputs = model(**with_mask(inputs))
        smoothing = self.args.label_smoothing_factor
        sums = conseq_loss(
            outputs.logits, labels, negative, smoothing=smoothing, smooth_negatives=self.smooth_negatives
        )
        counts = [((labels != IGNORE) & side).sum() for side in (~negative, negative)]
        self._seen += torch.tensor([[total.item(), count.item()] for total, count in zip(sums, counts, strict=True)])
        return sums[0] + sums[1], outputs

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Called by the trainer every few steps, and after the last."""
        if logs.keys() & {"loss", "train_loss"}:
            seen = self.accelerator.reduce(self._seen.to(self.args.device), "sum")  # of all processes
            if bool(seen[:, 1].all()):
                means = (seen[:, 0] / seen[:, 1]).tolist()
                logs |= {"positives": round(means[0], 4), "negatives": round(means[1], 4)}
                self._seen.zero_()
        super().log(logs, *args, **kwargs)


@dataclass
class _Start:
    """What a run starts from."""

    command: str
    folder: Path
    settings: FitSettings
    pretrained: Pretrained
    form: PairFormat

    def encoded(self, role: str, data: Data) -> DataUsed:
        """Data to learn from, as the model reads it.

        Raises:
            InputError: there is none.
        """
        used = self.encode(role, data)
        self.tell(used)
        if not used.encoding.examples:
            raise InputError(f"nothing to train on: {data.report()}", field=role)
        return used

    def encode(self, role: str, data: Data) -> DataUsed:
        """Data as the model reads it."""
        limits = {"max_document": self.settings.max_document, "max_summary": self.settings.max_summary}
        return DataUsed(role, data, encode(data, self.pretrained.tokenizer, self.form, **limits))

    def tell(self, used: DataUsed) -> None:
        """Say what was left out or cut."""
        if is_first_process() and used.data.sources:
            print(used, file=sys.stderr)


def _start(command: str, settings: FitSettings, folder: Path) -> _Start:
    """Load the model, and choose what is left open in the settings."""
    pretrained, form = start_from(settings)
    rate = settings.learning_rate or RATES[type(settings)][pretrained.adapted]
    return _Start(command, folder, replace(settings, learning_rate=rate), pretrained, form)


def _fit(
    start: _Start,
    trainer_class: Callable[..., PairTrainer],
    examples: Sequence[Any],
    used: Sequence[DataUsed],
    validation: Data,
    schedule: dict[str, Any],
) -> Summarizer:
    settings, folder, pretrained = start.settings, start.folder, start.pretrained
    model = Summarizer.of(pretrained, start.form, name=folder.resolve().name)
    model.window = settings.max_document
    model.check_room(settings.max_document, settings.max_summary, "max_document")
    prints = {each.role: each.encoding.fingerprint() for each in used}
    claim_folder(folder, settings.to_dict(), prints, free=["micro_batch"])  # here it does not change the order
    few = Data(validation.sources, validation.examples[: settings.validate], validation.dropped)
    held_out = start.encode("validation data", few)
    held_out = replace(held_out, learnt=_in_both(few, [each.data for each in used]))
    start.tell(held_out)
    looked_at = list(zip(few.examples, held_out.encoding.examples, strict=True))
    history = folder / "history.jsonl"
    monitor = SummaryMonitor(model, looked_at, history, settings.evaluate_every, settings.max_summary)
    everything = [*used, held_out] if validation.sources else used
    if is_first_process():
        for each in everything:
            each.data.write_dropped(folder / f"dropped-{each.role.replace(' ', '-')}.jsonl")
    arguments = training_arguments(
        folder,
        settings,
        num_train_epochs=settings.epochs,
        max_grad_norm=settings.clip,
        label_smoothing_factor=settings.label_smoothing,
        **schedule,
    )
    trainer = trainer_class(
        model=pretrained.model,
        args=arguments,
        train_dataset=examples,
        data_collator=Collator(pretrained),
        callbacks=[monitor],
    )
    if is_first_process() and (note := _warm_up_alone(len(examples), settings)):
        print(note, file=sys.stderr)
    go_on(trainer, folder)
    if trainer.is_world_process_zero():
        save_half(pretrained, folder)
        used_settings = replace(settings, lora_rank=pretrained.rank)  # an adapter to go on from keeps its own
        write_card(folder, start.command, start.form, used_settings, everything, monitor.read())
    pretrained.model.eval()
    return model


def _warm_up_alone(examples: int, settings: FitSettings) -> str:
    """What is to be said of a run that ends before its warm-up does; the rate of its first step is 0."""
    steps = ceil(ceil(examples / settings.batch) * settings.epochs)
    if steps > settings.warmup:
        return ""
    highest = settings.learning_rate * (steps - 1) / settings.warmup
    count = "1 step" if steps == 1 else f"{steps} steps"
    return (
        f"only {count}, with a warm-up of {settings.warmup}: the learning rate goes to {highest:.2g} of "
        f"{settings.learning_rate:.2g} at most; choose a smaller --warmup or --batch, or more --epochs"
    )


def _in_both(data: Data, others: Sequence[Data]) -> int:
    """How many examples have a document that one of the others has; case and blanks make no difference."""
    known = {_digest(example.document) for other in others for example in other.examples}
    return sum(_digest(example.document) in known for example in data.examples)


def _digest(text: str) -> bytes:
    return hashlib.sha256(plain(text).encode()).digest()
