"""Fine-tuning a language model to write question-answer pairs (QAGen)."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers

from quals.lm.load import Pretrained, load_pretrained
from quals.qagen.data import Passage
from quals.qagen.examples import IGNORE, Collator, plan_examples
from quals.qagen.format import PairFormat


@dataclass(frozen=True)
class TrainSettings:
    """Options of ``quals train qagen``, with the values used for the shipped model."""

    model: str = "smollm2-135m-instruct"
    contexts: int = 10_000  # training examples in all, repeated epochs counted
    max_pairs: int = 8  # pairs of one context in one example
    crop: float = 0.5  # share of contexts cut to a few sentences
    max_context: int = 512  # tokens of context kept
    lora_rank: int = 16  # 0: full fine-tuning
    learning_rate: float = 4e-4
    warmup: int = 20  # steps
    batch: int = 8  # contexts a step, over all devices
    micro_batch: int = 1  # contexts in one forward pass; 1 wastes nothing on padding
    weight_decay: float = 0.0
    seed: int = 0
    save_every: int = 100  # steps between checkpoints
    device: str = "auto"

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


@dataclass
class TrainState:
    """What the trainer works on."""

    pretrained: Pretrained
    form: PairFormat
    examples: list[Passage] = field(default_factory=list)


class PairTrainer(transformers.Trainer):  # type: ignore[misc]
    """`transformers.Trainer` with the loss of packed pairs: mean negative log-probability per target token."""

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Cross-entropy over the labelled positions, summed and divided by their number in the whole step."""
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        total = torch.nn.functional.cross_entropy(
            outputs.logits.flatten(0, 1).float(), labels.flatten(), ignore_index=IGNORE, reduction="sum"
        )
        if num_items_in_batch is None:
            loss = total / (labels != IGNORE).sum()
        else:
            # The count is over all devices while gradients are averaged over them.
            loss = total / num_items_in_batch * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss


def prepare(settings: TrainSettings, passages: Sequence[Passage]) -> TrainState:
    """Load the model, put an adapter on it if asked, choose the frame and plan the examples."""
    pretrained = load_pretrained(settings.model, trainable=True)
    form = PairFormat.choose(pretrained.tokenizer, encoder_decoder=pretrained.encoder_decoder)
    if settings.lora_rank and not hasattr(pretrained.model, "peft_config"):
        pretrained.model = _add_adapter(pretrained, settings)
    examples = plan_examples(
        passages, count=settings.contexts, max_pairs=settings.max_pairs, crop=settings.crop, seed=settings.seed
    )
    return TrainState(pretrained, form, examples)


def _add_adapter(pretrained: Pretrained, settings: TrainSettings) -> Any:
    from peft import LoraConfig, get_peft_model

    kind = "SEQ_2_SEQ_LM" if pretrained.encoder_decoder else "CAUSAL_LM"
    config = LoraConfig(
        r=settings.lora_rank,
        lora_alpha=2 * settings.lora_rank,
        target_modules="all-linear",
        task_type=kind,
        base_model_name_or_path=pretrained.name,
    )
    adapted = get_peft_model(pretrained.model, config)
    # peft overwrites this with the folder the weights were read from, which means nothing elsewhere.
    adapted.peft_config["default"].base_model_name_or_path = pretrained.name
    return adapted


def build_trainer(settings: TrainSettings, state: TrainState, folder: Path) -> PairTrainer:
    """A trainer whose checkpoints go to ``folder/checkpoints``."""
    model = state.pretrained.model.train()
    collator = Collator(
        state.pretrained.tokenizer,
        state.form,
        encoder_decoder=state.pretrained.encoder_decoder,
        decoder_start=getattr(model.config, "decoder_start_token_id", None) or 0,
        max_context=settings.max_context,
    )
    cpu = settings.device == "cpu" or not torch.cuda.is_available()
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        num_train_epochs=1,  # the plan holds the epochs
        per_device_train_batch_size=settings.micro_batch,
        learning_rate=settings.learning_rate,
        lr_scheduler_type="cosine_with_min_lr",
        lr_scheduler_kwargs={"min_lr_rate": 0.02},
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        max_grad_norm=1.0,
        logging_steps=10,
        save_steps=settings.save_every,
        save_total_limit=2,
        use_cpu=cpu,
        bf16=not cpu,
        ddp_backend="gloo" if cpu and int(os.environ.get("WORLD_SIZE", "1")) > 1 else None,
        ddp_find_unused_parameters=False,
        remove_unused_columns=False,
        dataloader_pin_memory=not cpu,
        report_to=[],
        seed=settings.seed,
        disable_tqdm=False,
    )
    share = settings.micro_batch * arguments.world_size
    arguments.gradient_accumulation_steps = max(1, settings.batch // share)
    return PairTrainer(model=model, args=arguments, train_dataset=state.examples, data_collator=collator)


def save(settings: TrainSettings, state: TrainState, folder: Path) -> None:
    """Write the weights (fp16) and ``quals.json``, which says what the model is for and how it is framed."""
    model = state.pretrained.model.half()
    model.save_pretrained(folder)
    if not settings.lora_rank:
        state.pretrained.tokenizer.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty card
    card = {"task": "qagen", "format": state.form.to_dict(), "training": settings.to_dict()}
    (folder / "quals.json").write_text(json.dumps(card, indent=1) + "\n")
