"""Fine-tuning a language model on question-answer data."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import torch
import transformers
from safetensors import SafetensorError

from quals.errors import InputError, ModelError, QualsError
from quals.lm import store
from quals.lm.device import pick_device
from quals.lm.format import PairFormat
from quals.lm.framed import PairModel, form_of
from quals.lm.load import Pretrained, load_pretrained, saved_alone, without_future_warnings
from quals.lm.model import cast
from quals.training.card import write_card
from quals.training.data import Passage
from quals.training.monitor import Measure, Monitor
from quals.training.packing import IGNORE, Blank, Collator, with_mask, within_room
from quals.training.plan import lower_cased, of_like_length, plan_examples
from quals.training.run import claim_folder, go_on
from quals.training.settings import RunSettings, TrainSettings

Model = TypeVar("Model", bound=PairModel)

# How the learning rate goes down: to 2 % of its peak.
COSINE: dict[str, Any] = {"lr_scheduler_type": "cosine_with_min_lr", "lr_scheduler_kwargs": {"min_lr_rate": 0.02}}


class _Examples(torch.utils.data.Dataset[Any]):
    """Examples, and behind them blanks without end."""

    def __init__(self, examples: Sequence[Any]) -> None:
        self.examples = examples

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, place: int) -> Any:
        return self.examples[place] if place < len(self.examples) else Blank(self.examples[0])


class _Order(torch.utils.data.Sampler[int]):
    """The places of examples, as they stand or in each epoch in another order; then blanks to a multiple of so many."""

    def __init__(self, count: int, together: int, seed: int | None) -> None:
        self.count, self.blanks, self.seed, self.epoch = count, -count % together, seed, 0

    def __len__(self) -> int:
        return self.count + self.blanks

    def __iter__(self) -> Iterator[int]:
        if self.seed is None:
            yield from range(self.count)
        else:
            generator = torch.Generator().manual_seed(self.seed + self.epoch)
            yield from torch.randperm(self.count, generator=generator).tolist()
        yield from range(self.count, len(self))

    def set_epoch(self, epoch: int) -> None:
        """Called before each."""
        self.epoch = epoch


class PairTrainer(transformers.Trainer):  # type: ignore[misc]
    """`transformers.Trainer` with the loss of packed pairs: mean negative log-probability per target token."""

    collator: ClassVar[type[Collator]] = Collator

    def __init__(self, *args: Any, train_dataset: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(*args, train_dataset=_Examples(train_dataset), **kwargs)
        # The loss is divided by the labels of the whole step here, whatever the model would do with them.
        self.model_accepts_loss_kwargs = self.loss_is_scaled_for_ga = True

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        # By itself, accelerate has the first examples a second time where processes would have unequally many.
        processes = self.args.world_size
        together = self.args.train_batch_size * processes if processes > 1 else 1
        seed = None if self.args.train_sampling_strategy == "sequential" else self.args.seed
        self._order = _Order(len(self.train_dataset), together, seed)
        return self._order

    def get_train_dataloader(self) -> Any:
        """As accelerate does with its own sampler: else an epoch that is gone on with has the order of the first."""
        loader = super().get_train_dataloader()
        loader.set_sampler(self._order)
        return loader

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: torch.device) -> tuple[list[Any], Any]:
        """The batches of a step, and their labels over all devices (the trainer takes them for unshifted ones)."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        count = sum((batch["labels"] != IGNORE).sum() for batch in batches)
        return batches, self.accelerator.gather(torch.as_tensor(count, device=device)).sum()

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """`summed_loss` divided by the number of labels in the whole step."""
        count = (inputs["labels"] != IGNORE).sum() if num_items_in_batch is None else num_items_in_batch
        total, outputs = self.summed_loss(model, inputs)
        # The count is over all devices while gradients are averaged over them.
        loss = total / count * (1 if num_items_in_batch is None else self.accelerator.num_processes)
        return (loss, outputs) if return_outputs else loss

    def summed_loss(self, model: Any, inputs: dict[str, Any]) -> tuple[torch.Tensor, Any]:
        """Cross-entropy summed over the labels, smoothed if the arguments say so, and what the model put out."""
        labels = inputs.pop("labels")
        outputs = model(**with_mask(inputs))
        total = torch.nn.functional.cross_entropy(
            outputs.logits.flatten(0, 1).float(),
            labels.flatten(),
            ignore_index=IGNORE,
            reduction="sum",
            label_smoothing=self.args.label_smoothing_factor,
        )
        return total, outputs


def train_model(
    kind: type[Model],
    passages: Sequence[Passage],
    validation: Sequence[Passage],
    folder: Path,
    settings: TrainSettings,
    *,
    vary: Callable[[list[Passage]], list[Passage]] | None = None,
    measure: Measure | None = None,
    trainer: type[PairTrainer] = PairTrainer,
) -> Model:
    """Fine-tune a model for the task of its ``kind`` and write it to ``folder``.

    Checkpoints go to ``folder/checkpoints``; a run that was stopped goes on from the newest when called again
    with the same data and settings. What ends up in ``folder``: the weights in half precision, ``quals.json``,
    a model card ``README.md`` and ``history.jsonl`` with every validation result. Runs on several devices
    under ``torchrun`` or ``accelerate launch``. ``vary`` makes of the examples that were planned those that are
    learnt from, ``measure`` finds further figures on the validation data, and ``trainer`` knows the loss.

    Raises:
        InputError: there is nothing to train on, or ``folder`` holds a run with other data or settings.
        ModelError: the model cannot be loaded, or its tokenizer has no token free to serve as separator.
    """
    if not passages:
        raise InputError("no question-answer pairs to train on", field="data")
    pretrained, form = start_from(settings)
    examples = plan_examples(
        passages,
        count=settings.contexts,
        max_pairs=settings.max_pairs,
        crop=settings.crop,
        seed=settings.seed,
        window=(settings.window_min, settings.window_max),
        joined=settings.joined,
        span=(settings.joined_min, settings.joined_max),
    )
    model = kind.of(pretrained, form, name=folder.resolve().name)
    examples = within_room(vary(examples) if vary else examples, model, settings.max_context)
    validation = within_room(validation[: settings.validate], model, settings.max_context)
    if not examples:
        raise InputError("no training example can be made of them", field="data")
    if settings.lowercase:
        examples = lower_cased(examples, share=settings.lowercase, seed=settings.seed)
    if settings.micro_batch > 1:
        examples = of_like_length(examples, settings.micro_batch, settings.seed)
    claim_folder(folder, settings.to_dict(), {"data": _fingerprint(examples)})
    monitor = Monitor(model, validation, folder / "history.jsonl", settings.evaluate_every, measure)
    running = _trainer(trainer, settings, pretrained, model, examples, folder, monitor)
    go_on(running, folder)
    if running.is_world_process_zero():
        save_half(pretrained, folder)
        used = replace(settings, lora_rank=pretrained.rank)  # an adapter to go on from keeps its own
        write_card(folder, kind.task, form, used, passages, len(examples), monitor.read())
    return model


def start_from(settings: RunSettings) -> tuple[Pretrained, PairFormat]:
    """A model to train, and its frame; with a fresh adapter of the rank, unless that is 0 or it has one of its own.

    What is random from here on is seeded.

    Raises:
        ModelError: the model cannot be loaded, or its tokenizer has no token free to serve as separator.
    """
    transformers.set_seed(settings.seed)
    pretrained = load_pretrained(settings.model, trainable=True)
    form = form_of(pretrained)
    if settings.lora_rank and not pretrained.adapted:
        pretrained.model = add_adapter(pretrained, settings.lora_rank)
    return pretrained, form


def _fingerprint(examples: Iterable[Passage]) -> str:
    digest = hashlib.sha256()
    for example in examples:
        digest.update(repr(example).encode(errors="surrogatepass"))
    return digest.hexdigest()[:16]


def save_half(pretrained: Pretrained, folder: Path) -> None:
    """Write adapter, or model and tokenizer, in half precision; the model in memory then has what was written.

    Raises:
        ModelError: some weights are not finite.
        QualsError: they cannot be written.
    """
    cast(pretrained.model.eval(), torch.float16)
    if not all(bool(weights.isfinite().all()) for weights in pretrained.model.parameters()):
        raise ModelError("training diverged: some weights are not finite; choose a lower --learning-rate")
    try:
        pretrained.model.save_pretrained(folder)
        if not pretrained.adapted:
            pretrained.tokenizer.save_pretrained(folder)
        store.readable_weights(folder)
    except (OSError, SafetensorError) as error:
        raise QualsError(f"{folder}: the model cannot be written: {error}") from error
    pretrained.model.float()


def add_adapter(pretrained: Pretrained, rank: int) -> Any:
    """The model with a fresh LoRA adapter on all linear layers."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        target_modules="all-linear",
        task_type="SEQ_2_SEQ_LM" if pretrained.encoder_decoder else "CAUSAL_LM",
    )
    with without_future_warnings():
        adapted = get_peft_model(pretrained.model, config)
    # peft notes the folder the weights were read from, which for a shipped model means nothing on another machine.
    adapted.peft_config["default"].base_model_name_or_path = store.lasting_name(pretrained.name)
    return saved_alone(adapted)


def _trainer(
    kind: type[PairTrainer],
    settings: TrainSettings,
    pretrained: Pretrained,
    model: PairModel,
    examples: list[Passage],
    folder: Path,
    monitor: Monitor,
) -> PairTrainer:
    arguments = training_arguments(
        folder,
        settings,
        num_train_epochs=1,  # the plan holds the epochs, and is in random order
        train_sampling_strategy="sequential",
        max_grad_norm=1.0,
        **COSINE,
    )
    collator = kind.collator(pretrained, model.form, model.task)
    return kind(
        model=pretrained.model, args=arguments, train_dataset=examples, data_collator=collator, callbacks=[monitor]
    )


def training_arguments(folder: Path, settings: RunSettings, **more: Any) -> transformers.TrainingArguments:
    """Arguments of the trainer, with what follows from the devices and ``more`` under the trainer's own names.

    Raises:
        InputError: there is no such device, there are several GPUs and this is the only process, or the batch cannot be
            dealt out evenly.
    """
    device = settings.device
    if device not in ("auto", "cpu", "cuda"):
        raise InputError(
            f"must be auto, cpu or cuda, not '{device}'; CUDA_VISIBLE_DEVICES chooses GPUs", field="device"
        )
    cpu = pick_device(device) == "cpu"
    processes = int(os.environ.get("WORLD_SIZE", "1"))
    if not cpu and processes == 1 and torch.cuda.device_count() > 1:
        raise InputError(
            "there are several GPUs: start with torchrun --nproc-per-node N, or choose one with CUDA_VISIBLE_DEVICES",
            field="device",
        )
    micro_batch, passes = deal(settings.batch, settings.micro_batch, processes)
    return transformers.TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        per_device_train_batch_size=micro_batch,
        gradient_accumulation_steps=passes,
        learning_rate=settings.learning_rate,
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        seed=settings.seed,
        save_steps=settings.save_every,
        logging_steps=10,
        logging_nan_inf_filter=False,  # it would wait for the device in every step
        save_total_limit=2,
        use_cpu=cpu,
        bf16=not cpu,
        ddp_backend="gloo" if cpu and processes > 1 else None,
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,
        dataloader_num_workers=settings.loaders,
        dataloader_prefetch_factor=4 if settings.loaders else None,
        dataloader_pin_memory=not cpu,
        report_to=[],
        **more,
    )


def deal(batch: int, micro_batch: int, processes: int) -> tuple[int, int]:
    """How many examples go through a device at a time, and how many times, to make a step of ``batch``.

    Raises:
        InputError: it cannot be dealt out evenly.
    """
    micro_batch = min(micro_batch, max(1, batch // processes))
    passes, rest = divmod(batch, micro_batch * processes)
    if rest:
        raise InputError(
            f"{batch} examples cannot be dealt out to {processes} devices, {micro_batch} at a time", field="batch"
        )
    return micro_batch, passes
