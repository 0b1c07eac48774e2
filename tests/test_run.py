"""What a training run leaves in its folder, and going on from it after a kill at a bad moment."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from test_train import FAST, passages
from tiny import save_tiny

from quals.errors import InputError, QualsError
from quals.lm.device import pick_device
from quals.qagen.model import QAGen
from quals.training.held_out import held_out_loss
from quals.training.run import newest_checkpoint
from quals.training.settings import TrainSettings
from quals.training.train import deal, train_model, training_arguments

SHORT = FAST | {"contexts": 48, "lora_rank": 4, "save_every": 2, "evaluate_every": 1}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_tiny(tmp_path / "base")


def steps(folder: Path) -> list[int]:
    return [json.loads(line)["step"] for line in (folder / "history.jsonl").read_text().splitlines()]


def test_what_a_kill_left_half_written_is_written_again(base: Path, tmp_path: Path) -> None:
    settings, folder = TrainSettings(model=str(base), **SHORT), tmp_path / "model"
    train_model(QAGen, passages(9), passages(2), folder, settings)
    before = load_file(folder / "adapter_model.safetensors")
    # As if killed between the checkpoints at 4 and 6, in the middle of a line and of a file.
    (folder / "quals.json").unlink()
    lines = (folder / "history.jsonl").read_text().splitlines(keepends=True)
    (folder / "history.jsonl").write_text("".join(lines[:5]) + lines[5][:40])
    last = folder / "checkpoints" / "checkpoint-6" / "trainer_state.json"
    last.write_text(last.read_text()[:100])
    assert newest_checkpoint(folder) == folder / "checkpoints" / "checkpoint-4"
    train_model(QAGen, passages(9), passages(2), folder, settings)
    assert steps(folder) == [1, 2, 3, 4, 5, 6]
    assert (folder / "README.md").read_text().count("| 40 |") == 1  # contexts seen at step 5
    after = load_file(folder / "adapter_model.safetensors")
    for name, weights in before.items():
        torch.testing.assert_close(weights, after[name], atol=2e-4, rtol=2e-3)


def test_a_finished_run_is_not_taken_for_another(base: Path, tmp_path: Path) -> None:
    settings, folder = TrainSettings(model=str(base), **SHORT), tmp_path / "model"
    train_model(QAGen, passages(9), passages(2), folder, settings)
    card, weights = (folder / "README.md").read_text(), (folder / "adapter_model.safetensors").read_bytes()
    train_model(QAGen, passages(9), passages(2), folder, replace(settings, save_every=3))  # changes nothing
    assert (folder / "adapter_model.safetensors").read_bytes() == weights
    with pytest.raises(InputError, match="holds a run with seed 0, not 5; choose another --output"):
        train_model(QAGen, passages(9), passages(2), folder, replace(settings, seed=5))
    with pytest.raises(InputError, match="micro_batch 8, not 4, by which examples are put together; choose another"):
        train_model(QAGen, passages(9), passages(2), folder, replace(settings, micro_batch=4))
    with pytest.raises(InputError, match="holds a run with data"):
        train_model(QAGen, passages(9, seed=3), passages(2), folder, settings)
    assert "| seed | 0 |" in card
    assert (folder / "README.md").read_text().replace("save_every | 3", "save_every | 2") == card


def test_the_card_has_the_rank_of_the_adapter_that_was_trained_on(base: Path, tmp_path: Path) -> None:
    settings = TrainSettings(model=str(base), **SHORT)
    train_model(QAGen, passages(9), [], tmp_path / "first", settings)
    for rank in (0, 16):
        further = replace(settings, model=str(tmp_path / "first"), lora_rank=rank)
        for _ in range(2):  # the second finds it finished
            train_model(QAGen, passages(9), [], tmp_path / str(rank), further)
        assert json.loads((tmp_path / str(rank) / "quals.json").read_text())["training"]["lora_rank"] == 4
        assert "| lora_rank | 4 |" in (tmp_path / str(rank) / "README.md").read_text()


def test_a_full_disk_is_told_and_the_run_goes_on(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, folder, save = TrainSettings(model=str(base), **SHORT), tmp_path / "model", torch.save
    usage, free = shutil.disk_usage(tmp_path), 10**9

    def broken(content: Any, path: Any, *more: Any, **named: Any) -> None:
        if "checkpoint-4" in str(path):
            raise RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 50752 vs 50640")
        save(content, path, *more, **named)

    monkeypatch.setattr(torch, "save", broken)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=free))
    with pytest.raises(RuntimeError, match="enforce fail"):  # there is room: something else is wrong
        train_model(QAGen, passages(9), [], folder, settings)
    free = 1000
    with pytest.raises(
        QualsError, match=r"model: no space left for a checkpoint \(.*\); free some and give the command"
    ):
        train_model(QAGen, passages(9), [], folder, settings)
    assert newest_checkpoint(folder) == folder / "checkpoints" / "checkpoint-2"
    monkeypatch.undo()
    train_model(QAGen, passages(9), [], folder, settings)
    assert (folder / "quals.json").is_file()


def test_what_was_trained_in_half_precision_computes_in_the_type_that_it_says(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = transformers.TrainingArguments
    monkeypatch.setattr(transformers, "TrainingArguments", lambda **given: arguments(**given | {"bf16": True}))
    settings = TrainSettings(model=str(base), **SHORT | {"lora_rank": 0})
    model = train_model(QAGen, passages(9), [], tmp_path / "model", settings)
    loaded = QAGen.load(str(tmp_path / "model"), device="cpu")
    assert model.dtype == loaded.dtype == "float32"
    assert held_out_loss(model, passages(3)).both == pytest.approx(held_out_loss(loaded, passages(3)).both, abs=1e-6)


def test_a_model_from_a_relative_folder_loads_from_anywhere(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    train_model(QAGen, passages(9), [], Path("model"), TrainSettings(model="base", **SHORT))
    monkeypatch.chdir("/")
    assert QAGen.load(str(tmp_path / "model"), device="cpu").name


def test_a_run_that_was_refused_binds_nobody(base: Path, tmp_path: Path) -> None:
    settings = TrainSettings(model=str(base), **SHORT)
    with pytest.raises(InputError, match="cannot be dealt out"):
        train_model(QAGen, passages(9), [], tmp_path / "model", replace(settings, batch=3, micro_batch=2))
    train_model(QAGen, passages(9), [], tmp_path / "model", settings)


@pytest.mark.parametrize(
    ("batch", "micro_batch", "processes", "expected"),
    [(8, 1, 1, (1, 8)), (8, 16, 1, (8, 1)), (8, 8, 4, (2, 1)), (16, 4, 2, (4, 2)), (8, 3, 4, (2, 1))],
)
def test_a_step_takes_the_batch_whatever_the_devices(
    batch: int, micro_batch: int, processes: int, expected: tuple[int, int]
) -> None:
    assert deal(batch, micro_batch, processes) == expected


@pytest.mark.parametrize(("batch", "micro_batch", "processes"), [(4, 3, 1), (16, 12, 1), (8, 1, 3), (2, 1, 4)])
def test_a_batch_that_cannot_be_dealt_out_is_an_error(batch: int, micro_batch: int, processes: int) -> None:
    with pytest.raises(InputError, match=f"{batch} examples cannot be dealt out to {processes} devices"):
        deal(batch, micro_batch, processes)


@pytest.mark.parametrize("device", ["gpu", "cuda"])
def test_a_device_that_is_not_there_is_an_error(device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(InputError, match=r"^device: (must be auto, cpu or cuda, not 'gpu'|torch finds no GPU)"):
        training_arguments(tmp_path, TrainSettings(device=device))
    with pytest.raises(InputError, match=r"^device: (no device goes by 'gpu'|torch finds no GPU)"):
        pick_device(device)


def test_another_model_under_the_same_name_is_another_run(base: Path, tmp_path: Path) -> None:
    settings, folder = TrainSettings(model=str(base), **SHORT), tmp_path / "model"
    train_model(QAGen, passages(9), passages(2), folder, settings)
    noted = folder / "checkpoints" / "run.json"
    begun_earlier = {name: value for name, value in json.loads(noted.read_text()).items() if name != "model weights"}
    weights = load_file(base / "model.safetensors")
    save_file({name: values + 1 for name, values in weights.items()}, base / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"holds a run with model weights \w{8}, not \w{8}; choose another --output"):
        train_model(QAGen, passages(9), passages(2), folder, settings)
    noted.write_text(json.dumps(begun_earlier))  # before weights were noted
    train_model(QAGen, passages(9), passages(2), folder, settings)
    assert "model weights" in json.loads(noted.read_text())


@pytest.mark.parametrize("there", ["model", "base"])
def test_a_model_is_not_written_over(there: str, base: Path, tmp_path: Path) -> None:
    settings = TrainSettings(model=str(base), **SHORT)
    if there == "model":
        train_model(QAGen, passages(9), [], tmp_path / "model", settings)
        shutil.rmtree(tmp_path / "model" / "checkpoints")  # which take most of the room
    before = {path.name: path.read_bytes() for path in (tmp_path / there).iterdir()}
    with pytest.raises(InputError, match=f"{there}: holds a model, without the run that made it; choose another"):
        train_model(QAGen, passages(9), [], tmp_path / there, replace(settings, seed=5))
    assert {path.name: path.read_bytes() for path in (tmp_path / there).iterdir()} == before
