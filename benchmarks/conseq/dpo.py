"""Preference training of a summarizer with trl, on what `quals contrast` wrote.

    python benchmarks/conseq/dpo.py runs/mle sets/dpo.jsonl -o runs/dpo

DPO (Rafailov et al. 2023, arXiv 2305.18290) from the same sets as `quals train conseq`: each document's good example,
its reference or its best sample, is preferred to its lowest sample. The model reads and writes in the frame it was
trained in, not in the prompt of the file; what comes out is a summarizer like any other. trl trains decoder-only
models. Give the command again and a stopped run goes on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import transformers
from datasets import Dataset
from trl import DPOConfig, DPOTrainer

from quals.errors import InputError
from quals.io.files import sha256, write_whole
from quals.io.text import json_lines
from quals.lm import store
from quals.lm.format import PairFormat, text_ids
from quals.lm.framed import read_card
from quals.lm.load import Pretrained, load_pretrained
from quals.settings import LARGEST_SEED
from quals.summarizer.model import SUMMARIZER
from quals.summarizer.settings import RATES, ConseqSettings
from quals.training.card import table, write_both
from quals.training.run import claim_folder, go_on
from quals.training.settings import RunSettings
from quals.training.train import save_half, training_arguments

Json = dict[str, Any]


class FramedTrainer(DPOTrainer):  # type: ignore[misc]
    """trl's trainer on token ids that are ready: its own preparation would tokenize text without the frame."""

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        return dataset

    def _send_telemetry(self) -> None:
        """To the Hub, of the run: nothing."""


def read_preferences(path: Path) -> list[tuple[str, str, str]]:
    """Document, chosen and rejected summary of each row of a ``dpo.jsonl``.

    Raises:
        InputError: a row cannot be read, or the ``summary.json`` beside it, which has the prompt, is missing.
    """
    beside = path.parent / "summary.json"
    if not beside.is_file():
        raise InputError("not found; it says how documents stand in the prompts", file=str(beside))
    before, after = json.loads(beside.read_text())["settings"]["prompt"].split("{document}")
    rows = []
    for line, row in json_lines(path):
        if isinstance(row, InputError):
            raise row
        for field in ("prompt", "chosen", "rejected"):
            if not isinstance(row.get(field), str):
                raise InputError("missing or not a text", file=str(path), line=line, field=field)
        document = row["prompt"].removeprefix(before).removesuffix(after)
        rows.append((document, row["chosen"].removeprefix(" "), row["rejected"].removeprefix(" ")))
    if not rows:
        raise InputError("holds no pairs: no document is in both sets", file=str(path))
    return rows


def framed(rows: Sequence[tuple[str, str, str]], tokenizer: Any, form: PairFormat, window: int) -> list[Json]:
    """The rows as token ids: the document in its frame, cut as in training, and both summaries with the end token."""
    return [
        {
            "prompt_ids": form.frame(text_ids(tokenizer, document)[:window]),
            "chosen_ids": [*text_ids(tokenizer, chosen), form.end],
            "rejected_ids": [*text_ids(tokenizer, rejected), form.end],
        }
        for document, chosen, rejected in rows
    ]


def arguments(folder: Path, settings: Json, adapter: bool) -> DPOConfig:
    """The trainer's arguments: those of our own training, and what DPO adds."""
    common = training_arguments(
        folder,
        RunSettings(
            learning_rate=settings["learning_rate"] or RATES[ConseqSettings][adapter],
            warmup=10,
            **{name: settings[name] for name in ("batch", "micro_batch", "save_every", "seed", "loaders", "device")},
        ),
        num_train_epochs=settings["epochs"],
        lr_scheduler_type="constant_with_warmup",
        max_grad_norm=1.0,
    )
    loss: Json = {"loss_type": ["sigmoid"]}
    if settings["sft"]:
        loss = {"loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, settings["sft"]]}
    names = ["output_dir", "num_train_epochs", "learning_rate", "lr_scheduler_type", "warmup_steps", "max_grad_norm"]
    names += ["save_steps", "seed", "per_device_train_batch_size", "gradient_accumulation_steps", "save_total_limit"]
    names += ["use_cpu", "bf16", "dataloader_pin_memory", "dataloader_num_workers", "ddp_find_unused_parameters"]
    same = {name: getattr(common, name) for name in names}
    same |= {"gradient_checkpointing": False, "max_length": None, "logging_steps": 1, "report_to": "none"}
    same["precompute_ref_log_probs"] = True  # once, not in each epoch, and no second model is kept for it
    return DPOConfig(**same, **loss, beta=settings["beta"])


def save(pretrained: Pretrained, folder: Path, card: Json, settings: Json, pairs: Json) -> None:
    """Write the summarizer: weights in half precision, and its cards with how it was made, and of what."""
    if "ref" in getattr(pretrained.model, "peft_config", {}):  # the copy that trl compares with
        pretrained.model.delete_adapter("ref")
    save_half(pretrained, folder)
    kept = {name: card["training"][name] for name in ("max_document", "lora_rank") if name in card["training"]}
    training = {"command": "dpo", **settings, **kept, "trl": version("trl")}
    parts = [
        f"# {folder.resolve().name}",
        "A summarizer: it reads a document and writes a summary (`quals summarize`). "
        f"Trained from `{settings['model']}` by DPO, with trl.",
        "## Data",
        f"- pairs: {pairs['examples']} rows of {', '.join(pairs['sources'])}",
        "## Settings",
        table(["setting", "value"], list(training.items())),
    ]
    write_both(folder, {**card, "training": training, "data": {"pairs": pairs}}, parts)


def train(name: str, pairs: Path, folder: Path, settings: Json) -> DPOTrainer:
    """Train the summarizer of this name and write it to ``folder``."""
    transformers.set_seed(settings["seed"])
    card = read_card(store.resolve(name), name, SUMMARIZER)
    form, window = PairFormat.from_dict(card["format"]), card["training"]["max_document"]
    pretrained = load_pretrained(name, trainable=True)
    if pretrained.encoder_decoder:
        raise InputError("trl trains decoder-only models; this one has an encoder", field="model")
    adapter = hasattr(pretrained.model, "peft_config")
    claim_folder(folder, {**settings, "model": name}, {"pairs": sha256(pairs)[:16]})
    rows = Dataset.from_list(framed(read_preferences(pairs), pretrained.tokenizer, form, window))
    trainer = FramedTrainer(
        model=pretrained.model,
        args=arguments(folder, settings, adapter),
        train_dataset=rows,
        processing_class=pretrained.tokenizer,
    )
    go_on(trainer, folder)
    if trainer.is_world_process_zero():
        history = [json.dumps(entry) + "\n" for entry in trainer.state.log_history]
        write_whole(folder / "history.jsonl", "".join(history))
        used = {**settings, "learning_rate": trainer.args.learning_rate, "model": name}
        used |= {"warmup": trainer.args.warmup_steps, "clip": trainer.args.max_grad_norm}
        save(pretrained, folder, card, used, {"sources": [str(pairs)], "examples": len(rows)})
    return trainer


@click.command()
@click.argument("model")
@click.argument("pairs", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-o", "--output", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--beta", default=0.1, show_default=True, help="How dearly it pays to leave the model it started from.")
@click.option("--sft", default=0.0, show_default=True, help="Weight of the likelihood of the chosen summaries, added.")
@click.option("--epochs", default=2.0, show_default=True)
@click.option("--batch", default=8, show_default=True, help="Pairs a step, over all devices.")
@click.option("--micro-batch", default=1, show_default=True, help="Pairs in one forward pass of a device.")
@click.option("--learning-rate", default=0.0, show_default=True, help="0: that of `quals train conseq`.")
@click.option("--save-every", default=50, show_default=True)
@click.option("--loaders", default=0, show_default=True, help="Processes that prepare batches.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, LARGEST_SEED))
@click.option("--device", default="auto", show_default=True)
def main(model: str, pairs: Path, output: Path, **settings: Any) -> None:
    """Train the summarizer MODEL on PAIRS, the dpo.jsonl of `quals contrast`."""
    train(model, pairs, output, settings)


if __name__ == "__main__":
    main()
