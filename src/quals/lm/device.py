"""What a model is computed on, and in: devices, types of weights, a share of a GPU's memory."""

from __future__ import annotations

import os

import torch

from quals.errors import InputError

DTYPES = ("float32", "bfloat16", "float16")
SHARE = "QUALS_GPU_SHARE"  # 0 to 1: of a GPU's memory, for batches; less than 1 where several processes share it

# A process that is forked off has none of the threads that torch thinks it has, and would wait for them for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=lambda: torch.set_num_threads(1))


def pick_dtype(dtype: str) -> torch.dtype:
    """The type of weights that goes by this name.

    Raises:
        InputError: it is none of `DTYPES`.
    """
    if dtype not in DTYPES:
        raise InputError(f"'{dtype}' is none of {', '.join(DTYPES)}", field="dtype")
    found: torch.dtype = getattr(torch, dtype)
    return found


def pick_device(device: str) -> str:
    """``auto`` becomes ``cuda`` where a GPU can be used, else ``cpu``; of several processes each has its own GPU.

    Raises:
        InputError: there is no such device.
    """
    found = torch.cuda.is_available()
    try:
        wanted = torch.device("cpu" if device == "auto" else device)
    except RuntimeError as error:
        raise InputError(
            f"no device goes by '{device}'; give auto, cpu, cuda, cuda:1, mps ...", field="device"
        ) from error
    if wanted.type == "cuda" and (wanted.index or 0) >= torch.cuda.device_count():
        raise InputError(f"torch finds {torch.cuda.device_count() or 'no'} GPU that it can use", field="device")
    if device not in ("auto", "cuda"):
        try:
            torch.empty(0, device=wanted)
        except (RuntimeError, AssertionError) as error:  # torch was built without it
            raise InputError(f"torch cannot use the device '{device}'", field="device") from error
        return device
    rank = os.environ.get("LOCAL_RANK")  # set by torchrun and accelerate
    return "cpu" if not found else "cuda" if rank is None else f"cuda:{int(rank) % torch.cuda.device_count()}"


def gpu_share() -> float:
    """What the environment says of `SHARE`; 1 if nothing.

    Raises:
        InputError: it is no number above 0 and up to 1.
    """
    given = os.environ.get(SHARE) or "1"
    try:
        share = float(given)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise InputError(f"must be a number above 0 and at most 1, not '{given}'", field=SHARE)
    return share
