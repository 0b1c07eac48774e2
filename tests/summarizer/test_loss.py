"""The loss of CONSEQ against plain arithmetic and finite differences."""

from __future__ import annotations

import math

import pytest
import torch

from quals.summarizer.loss import FLOOR, conseq_loss, log_not, log_not_any
from quals.training.packing import IGNORE


def plain(logits, labels, negative, smoothing, smooth_negatives, floor=FLOOR):
    """The formula of the paper, token by token, in Python's doubles."""
    sums = [0.0, 0.0]
    for row, label, bad in zip(logits.tolist(), labels.tolist(), negative.tolist(), strict=True):
        if label == IGNORE:
            continue
        top = max(row)
        weights = [math.exp(value - top) for value in row]
        total = math.fsum(weights)
        if bad:
            others = [math.fsum(w for j, w in enumerate(weights) if j != i) / total for i in range(len(row))]
            losses = [-math.log(max(other, floor)) for other in others]
        else:
            losses = [-(value - top - math.log(total)) for value in row]
        share = smoothing if smooth_negatives or not bad else 0.0
        sums[bad] += (1 - share) * losses[label] + share * math.fsum(losses) / len(losses)
    return sums


def example(dtype=torch.float64, seed=0, scale=3.0):
    chance = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(9, 7, generator=chance, dtype=dtype)
    labels = torch.tensor([0, 3, 6, IGNORE, 2, 2, 5, IGNORE, 1])
    negative = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 1]).bool()
    return logits, labels, negative


@pytest.mark.parametrize("smooth_negatives", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("scale", [0.1, 3.0, 8.0])
def test_the_loss_is_the_formula(smoothing: float, smooth_negatives: bool, scale: float) -> None:
    logits, labels, negative = example(scale=scale)
    settings = {"smoothing": smoothing, "smooth_negatives": smooth_negatives}
    expected = plain(logits, labels, negative, **settings)
    sums = conseq_loss(logits, labels, negative, **settings)
    assert [float(value) for value in sums] == pytest.approx(expected, rel=1e-12)
    single = conseq_loss(logits.float(), labels, negative, **settings)
    assert [float(value) for value in single] == pytest.approx(expected, rel=1e-5)
    half = conseq_loss(logits.bfloat16(), labels, negative, **settings)
    assert all(value.dtype == torch.float32 for value in half)


@pytest.mark.parametrize("smooth_negatives", [False, True])
@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_the_gradient_is_that_of_finite_differences(smooth_negatives: bool, scale: float) -> None:
    logits, labels, negative = example(scale=scale)

    def loss(values):
        good, bad = conseq_loss(values, labels, negative, smoothing=0.1, smooth_negatives=smooth_negatives)
        return good + bad

    assert torch.autograd.gradcheck(loss, logits.requires_grad_(), eps=1e-6, atol=1e-7)
    loss(logits).backward()
    assert logits.grad is not None
    assert bool((logits.grad[labels == IGNORE] == 0).all())


def one_token(p: float, dtype: torch.dtype) -> torch.Tensor:
    """Logits of three tokens; the first has probability ``p``, the others share the rest 2 to 1."""
    rest = 1 - p
    return torch.tensor([[math.log(p), math.log(rest * 2 / 3), math.log(rest / 3)]], dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("p", [1e-30, 1e-12, 1e-7, 1e-3, 0.3, 0.5, 0.7, 0.999, 1 - 1e-4, 1 - 9e-5])
def test_log_of_one_minus_p_keeps_its_digits_in_float32(p: float) -> None:
    logits = one_token(p, torch.float32).requires_grad_()
    value = log_not(logits, torch.tensor([0]))
    value.sum().backward()
    assert value.item() == pytest.approx(math.log1p(-p), rel=1e-5)
    assert logits.grad is not None
    # d log(1 - p) / d logit is -p for the token itself, and for another one its share of the rest times p.
    assert logits.grad[0].tolist() == pytest.approx([-p, p * 2 / 3, p / 3], rel=1e-4, abs=1e-12)
    assert log_not_any(logits)[0, 0].item() == pytest.approx(math.log1p(-p), rel=1e-5)


def test_gradient_near_one_is_that_of_finite_differences() -> None:
    logits = one_token(1 - 1e-4, torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: log_not(values, torch.tensor([0])), logits, eps=1e-7, atol=1e-6)


@pytest.mark.parametrize("gap", [20.0, 200.0, 1e30])
def test_a_certain_negative_has_a_finite_loss_and_no_gradient(gap: float) -> None:
    logits = torch.tensor([[gap, 0.0, 0.0]], requires_grad=True)
    negative = torch.tensor([True])
    for smooth in (False, True):
        _, loss = conseq_loss(logits, torch.tensor([0]), negative, smoothing=0.0, smooth_negatives=smooth)
        (gradient,) = torch.autograd.grad(loss, logits)
        assert loss.item() == pytest.approx(-math.log(FLOOR))
        assert gradient.tolist() == [[0.0, 0.0, 0.0]]


def test_one_side_may_be_empty() -> None:
    logits, labels, negative = example()
    for only in (negative, ~negative):
        good, bad = conseq_loss(logits, torch.where(only, IGNORE, labels), negative, smooth_negatives=True)
        assert min(float(good), float(bad)) == 0
        assert max(float(good), float(bad)) > 0
