"""A device that is none, to try without a GPU what has to run on one.

Its tensors lie in the CPU's memory, but are not the CPU's: as on a GPU, an operation that is given some of both is an
error, and whoever wants to know a value has to wait for the device. Waits are counted. What it cannot show is what a
GPU calculates otherwise, and how fast.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch.utils import _device, backend_registration
from torch.utils import _pytree as pytree

from quals.summarizer import train as summarizer
from quals.training import train

NAME = "pretend"
LACKING: set[torch.dtype] = set()  # types of tensors that the device has not
COUNTS = Counter[str]()  # "waits": how often the host waited for a value; "sent": tensors brought to the device
_device._device_constructors()  # torch finds them once: while `pretending`, it would miss what that replaces for ever
_aten = torch.ops.aten
_INDEX = {_aten.index.Tensor, _aten.index_put_.default, _aten._index_put_impl_.default}  # by tensors of either side


class _Module(backend_registration._DummyBackendModule):  # or libraries would load weights right there
    def is_available(self) -> bool:
        return False

    def device_count(self) -> int:
        return 0


class _Hook(backend_registration._DummyPrivateUse1Hook):
    def is_available(self) -> bool:
        return False


backend_registration._setup_privateuseone_for_python_backend(NAME, _Module(), _Hook())


class There(torch.Tensor):
    """A tensor of the device; ``raw`` is where its values are."""

    raw: torch.Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, raw: torch.Tensor, requires_grad: bool = False) -> There:
        if raw.dtype in LACKING:
            raise TypeError(f"the device has no {raw.dtype}")
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            raw.shape,
            strides=raw.stride(),
            storage_offset=raw.storage_offset(),
            dtype=raw.dtype,
            device=torch.device(NAME, 0),
            requires_grad=requires_grad,
        )
        made.raw = raw
        return made

    @classmethod
    def __torch_dispatch__(cls, op: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = op.decompose(*args, **(kwargs or {}))
        return _do(op, *args, **(kwargs or {})) if made is NotImplemented else made

    # What torch would do inside itself, out of sight of the above.
    def tolist(self) -> Any:
        return self.cpu().tolist()

    def __getitem__(self, key: Any) -> Any:
        return super().__getitem__(_key(key))

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(_key(key), value)


def _key(key: Any) -> Any:
    if isinstance(key, tuple):
        return tuple(map(_key, key))
    if isinstance(key, list | range) or type(key).__module__ == "numpy":
        return torch.as_tensor(key if hasattr(key, "dtype") else list(key)).to(NAME)
    return key


def _do(op: Any, *args: Any, **kwargs: Any) -> Any:
    """An operation on tensors of the device, done by the CPU."""
    if op is _aten._fused_sdp_choice.default:
        return 0  # attention in plain steps
    values, form = pytree.tree_flatten((args, kwargs))
    theirs = {id(value.raw): value for value in values if isinstance(value, There)}
    ours = [value for value in values if isinstance(value, torch.Tensor) and not isinstance(value, There)]
    if op in (_aten.copy_.default, _aten._copy_from.default):
        target, source = args[:2] if op is _aten.copy_.default else args[1::-1]
        if isinstance(target, There) != isinstance(source, There):
            COUNTS["sent" if isinstance(target, There) else "waits"] += 1
        _raw(target).copy_(_raw(source))
        return target
    if any(value.dim() for value in ours) and op not in _INDEX:
        raise RuntimeError(f"{op}: one of the tensors is on the CPU, another on the device")
    if _waits(op, values):
        COUNTS["waits"] += 1
    device = kwargs.get("device")
    args, kwargs = pytree.tree_unflatten([_raw(value) for value in values], form)
    found = op(*args, **kwargs)
    if device is not None and device.type == "cpu":
        COUNTS["waits"] += bool(theirs)
        return found
    return pytree.tree_map_only(torch.Tensor, lambda raw: theirs[id(raw)] if id(raw) in theirs else There(raw), found)


def _raw(value: Any) -> Any:
    if isinstance(value, torch.device) and value.type == NAME:
        return torch.device("cpu")
    return value.raw if isinstance(value, There) else value


def _waits(op: Any, values: list[Any]) -> bool:
    """Whether nobody can go on before the device has told a value, or how large the result is."""
    if op in _INDEX:
        return any(isinstance(value, There) and value.dtype == torch.bool for value in values[1:])
    return bool({torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape} & set(op.tags))


_LIBRARY = torch.library.Library("_", "IMPL")
_LIBRARY.fallback(_do, "PrivateUse1")


@contextmanager
def pretending() -> Iterator[Counter[str]]:
    """Where `torch.tensor` can make tensors of the device; the counts start anew."""
    before = torch.tensor, torch.as_tensor
    torch.tensor, torch.as_tensor = map(_making, before)  # type: ignore[assignment]
    COUNTS.clear()
    try:
        yield COUNTS
    finally:
        torch.tensor, torch.as_tensor = before


def _making(make: Any) -> Any:
    def made(data: Any, *args: Any, device: Any = None, **kwargs: Any) -> Any:
        if device is None or torch.device(device).type != NAME:
            return make(data, *args, device=device, **kwargs)
        return data if isinstance(data, There) else make(data, *args, **kwargs).to(device)

    return made


def train_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let training use the device, until the test ends."""
    monkeypatch.setattr(train, "pick_device", lambda device: NAME)
    monkeypatch.setenv("ACCELERATE_TORCH_DEVICE", NAME)
    # What it has not: arithmetic in bfloat16 that transformers knows of, pinned memory ...
    transformers, lacking = train.transformers, {"bf16": False, "dataloader_pin_memory": False}
    arguments = transformers.TrainingArguments
    monkeypatch.setattr(transformers, "TrainingArguments", lambda **given: arguments(**given | lacking))
    # ... and memory that could be written to a file.
    monkeypatch.setattr(transformers.Trainer, "_save_checkpoint", lambda *args, **kwargs: None)
    save = train.save_half

    def save_here(pretrained: Any, folder: Path) -> None:
        pretrained.model.cpu()
        save(pretrained, folder)

    monkeypatch.setattr(train, "save_half", save_here)
    monkeypatch.setattr(summarizer, "save_half", save_here)


def same_weights(one: Path, other: Path) -> None:
    """Assert that two adapters have learnt the same, up to rounding.

    One half of an adapter begins at 0, so that all of it is learnt.
    """
    first, second = (load_file(folder / "adapter_model.safetensors") for folder in (one, other))
    assert first.keys() == second.keys()
    for name, weights in first.items():
        size = weights.float().norm()
        apart = (second[name].float() - weights.float()).norm()
        assert size > 0, name
        assert apart < 0.01 * size, name
