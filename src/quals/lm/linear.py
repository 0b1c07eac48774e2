"""Linear layers that use the whole of an AMD processor.

PyTorch multiplies float32 matrices with MKL, of Intel, which on AMD processors keeps to AVX2. oneDNN, also part of
PyTorch, knows AVX-512 there: more than twice as fast, in float32 all the same. On Intel's there is nothing to gain.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import nn
from torch.autograd.function import once_differentiable


@cache
def worthwhile() -> bool:
    """Whether oneDNN is the faster one on this machine."""
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):  # which has no public name
        return False
    features: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return str(features.get("cpu_name")).startswith("AMD") and bool(features.get("avx512_f"))


def speed_up(model: nn.Module) -> None:
    """Let a model's linear layers multiply with oneDNN, for use and for training, wherever that is worthwhile."""
    if worthwhile():
        for module in model.modules():
            if type(module) is nn.Linear:
                module.__class__ = Linear


class Linear(nn.Linear):
    """The same layer; float32 on the CPU goes through oneDNN, all else the usual way."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(.., input features) -> (.., output features)."""
        fits = all(part.device.type == "cpu" and part.dtype == torch.float32 for part in (input, self.weight))
        # Autocast does not know the operator, and would leave it out of the lower precision asked for.
        if not fits or not input.numel() or torch.is_autocast_enabled("cpu"):
            return super().forward(input)
        found: torch.Tensor = _Product.apply(input, self.weight)  # type: ignore[no-untyped-call]
        return found if self.bias is None else found + self.bias


class _Product(torch.autograd.Function):
    """x W^T. PyTorch has no derivative for oneDNN's."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(rows, weight)
        return _multiply(rows, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor | None, torch.Tensor | None]:
        (gradient,), (rows, weight) = gradients, ctx.saved_tensors
        of_rows, of_weight = ctx.needs_input_grad
        return (
            _multiply(gradient, weight.T) if of_rows else None,
            _multiply(_table(gradient).T, _table(rows).T) if of_weight else None,
        )


def _multiply(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    found: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, None, "none", [], "")
    return found


def _table(values: torch.Tensor) -> torch.Tensor:
    """All vectors one below the other."""
    return values.reshape(values.shape[:-1].numel(), values.shape[-1])
