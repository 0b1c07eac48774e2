"""A training run and its folder: is it this run that stands there, how far is it, and going on with it."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from quals.errors import InputError, ModelError, QualsError
from quals.io.files import write_whole
from quals.lm import store
from quals.lm.framed import CARD
from quals.terminal import complain

# Settings that may change when a stopped run goes on: they leave the weights as they would be, to rounding (a GPU
# trains in bfloat16).
_FREE = ("save_every", "evaluate_every", "validate", "device", "workers", "loaders")
_WEIGHTS = "model weights"  # what a run starts from; runs begun before it was noted have none
_MODEL_FILES = (CARD, "config.json", "adapter_config.json")


def is_first_process() -> bool:
    """Whether this process speaks for all that train together."""
    return os.environ.get("RANK", "0") == "0"


def tell_left_out(problems: Sequence[InputError]) -> None:
    """Say on standard error which rows could not be read, and how many they are."""
    if is_first_process():
        complain(problems, "quals: left out: ")
        if len(problems) > 1:
            print(f"quals: {len(problems)} left out in all", file=sys.stderr)


def claim_folder(folder: Path, settings: Mapping[str, Any], data: Mapping[str, str], free: Sequence[str] = ()) -> None:
    """Make sure that what ``folder`` holds is of this run, and note what run it is.

    ``data`` has a fingerprint for each lot of data, by what it is to the training; ``free`` names further settings that
    may change (see `_FREE`).

    Raises:
        InputError: it is of another, or a model that nothing is known of.
    """
    run = {name: value for name, value in settings.items() if name not in _FREE} | dict(data)
    if weights := _weights(settings["model"]):
        run[_WEIGHTS] = weights
    path = folder / "checkpoints" / "run.json"
    made = any((folder / name).is_file() for name in _MODEL_FILES)
    if not path.is_file() and made:
        raise InputError("holds a model, without the run that made it; choose another --output", file=str(folder))
    # A run that was refused, or stopped before it had anything to keep, binds nobody.
    begun = made or (folder / "history.jsonl").is_file() or any(path.parent.glob("checkpoint-*"))
    before = json.loads(path.read_text()) if path.is_file() and begun else run
    for name in {**run, **before}:
        if name not in free and run.get(name) != before.get(name) and not (name == _WEIGHTS and name not in before):
            why = ", by which examples are put together" if name == "micro_batch" else ""
            raise InputError(
                f"holds a run with {name} {before.get(name)}, not {run.get(name)}{why}; choose another --output",
                file=str(folder),
            )
    if is_first_process():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(run, indent=1) + "\n")


def _weights(model: str) -> str:
    """The revision of the model to start from; empty if that is always the same, or cannot be told."""
    if model.lower() == store.BASE_MODEL:
        return ""
    try:
        return store.revision(store.resolve(model))
    except ModelError:  # weights of another format
        return ""


def go_on(trainer: transformers.Trainer, folder: Path) -> None:
    """Train, from the newest checkpoint if there is one; at the end of the run it is only loaded.

    Processes that trained together are then on their own.

    Raises:
        QualsError: there is no space left for a checkpoint.
    """
    checkpoint = newest_checkpoint(folder)
    state = _state(checkpoint) if checkpoint else None
    if state and state.global_step >= state.max_steps:
        # Asked to go on from the last step, the trainer would take one more where the epochs are no whole number.
        trainer._load_from_checkpoint(str(checkpoint))
        trainer.state = state
    else:
        try:
            trainer.train(resume_from_checkpoint=checkpoint and str(checkpoint))
        except (QualsError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # torch, safetensors and tokenizers each tell of a full disk by another
            if shutil.disk_usage(folder).free > _checkpoint_size(trainer.model):
                raise
            raise QualsError(
                f"{folder}: no space left for a checkpoint ({error}); free some and give the command again"
            ) from error
        # On a GPU the trainer has put bfloat16 around it; what uses it from here on finds the type that it says.
        vars(trainer.model).pop("forward", None)
    # Where one leaves without a word, what the others still wait for may abort them.
    trainer.accelerator.wait_for_everyone()
    trainer.accelerator.end_training()


def _checkpoint_size(model: Any) -> int:
    """Bytes of the weights that are trained and of the optimizer's two moments of each."""
    return 3 * sum(int(weights.nbytes) for weights in model.parameters() if weights.requires_grad)


def newest_checkpoint(folder: Path) -> Path | None:
    """The last checkpoint of a run that was written to its end."""
    found = (folder / "checkpoints").glob("checkpoint-*")
    return max(filter(_state, found), key=lambda path: int(path.name.split("-")[1]), default=None)


def _state(checkpoint: Path) -> transformers.TrainerState | None:
    """What the trainer wrote last of a checkpoint; nothing if it was not written to its end."""
    try:
        return transformers.TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
    except (OSError, ValueError):
        return None
