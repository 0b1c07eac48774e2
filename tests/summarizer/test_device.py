"""Training on a GPU: here on a device that only pretends to be one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pretend import NAME, pretending
from safetensors.torch import load_file

from quals.summarizer import train as summarizer
from quals.training import train
from tests.summarizer.conftest import contrast_files, run

NOT_THERE = {"bf16": False, "dataloader_pin_memory": False}


@pytest.mark.parametrize("command", ["summarizer", "conseq"])
def test_training_on_a_device_gives_the_weights_of_the_cpu(
    command: str, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = contrast_files(tmp_path, 8)
    files = [good] if command == "summarizer" else [good, bad]
    options = ["--model", trained, "--valid", good, "--evaluate-every", 2, "--batch", 4, "--micro-batch", 2]
    options += ["--max-document", 60, "--lora-rank", 4, "--device", "auto"]
    monkeypatch.setattr(train, "pick_device", lambda device: "cpu")
    done = run("train", command, *files, "-o", tmp_path / "cpu", *options)
    assert done.exit_code == 0, done.output + repr(done.exception)

    monkeypatch.setattr(train, "pick_device", lambda device: NAME)
    monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", NAME)
    transformers = train.transformers
    arguments = transformers.TrainingArguments  # what transformers does not know that this device has
    monkeypatch.setattr(transformers, "TrainingArguments", lambda **given: arguments(**given | NOT_THERE))
    # Weights can be saved from memory only, and this device has none.
    monkeypatch.setattr(transformers.Trainer, "_save_checkpoint", lambda *args, **kwargs: None)
    save = train.save_half
    monkeypatch.setattr(summarizer, "save_half", lambda found, folder: save(found, folder) if found.model.cpu() else 0)
    with pretending() as counts:
        done = run("train", command, *files, "-o", tmp_path / "there", *options)
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert counts["sent"] > 20
    one, other = (load_file(tmp_path / name / "adapter_model.safetensors") for name in ("cpu", "there"))
    for name, weights in one.items():
        torch.testing.assert_close(other[name], weights, atol=1e-4, rtol=1e-3)
