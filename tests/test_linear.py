"""Linear layers through oneDNN: the same numbers as PyTorch's own, for use and for training."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny import tiny_pretrained
from torch import nn

from quals.lm import linear
from quals.lm.architectures import language_model
from quals.lm.load import load_pretrained
from quals.training.train import add_adapter


@pytest.fixture(params=[True, False])
def layer(request: pytest.FixtureRequest) -> nn.Linear:
    """One that is sped up, with or without a bias, whatever processor this is."""
    torch.manual_seed(0)
    made = nn.Linear(48, 20, bias=request.param)
    made.__class__ = linear.Linear
    return made


def like(layer: nn.Linear, dtype: torch.dtype = torch.float64) -> nn.Linear:
    """PyTorch's own, with the same weights, by default in double precision."""
    same = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None, dtype=dtype)
    same.load_state_dict(layer.state_dict())
    return same


@pytest.mark.parametrize("shape", [(48,), (1, 48), (7, 48), (2, 3, 48), (0, 48), (2, 0, 48)])
def test_values_and_gradients(layer: nn.Linear, shape: tuple[int, ...]) -> None:
    inputs = torch.randn(shape, requires_grad=True)
    exact, exact_inputs = like(layer), inputs.detach().double().requires_grad_()
    found, wanted = layer(inputs), exact(exact_inputs)
    assert found.dtype == torch.float32
    assert found.shape == wanted.shape
    torch.testing.assert_close(found.double(), wanted, rtol=1e-5, atol=1e-5)
    weights = torch.randn(found.shape)
    (found * weights).sum().backward()
    (wanted * weights).sum().backward()
    torch.testing.assert_close(inputs.grad, exact_inputs.grad.float(), rtol=1e-5, atol=1e-5)
    for name, parameter in layer.named_parameters():
        gradient = exact.get_parameter(name).grad
        assert gradient is not None
        torch.testing.assert_close(parameter.grad, gradient.float(), rtol=1e-5, atol=1e-5)


def test_only_the_gradients_that_are_wanted(layer: nn.Linear) -> None:
    layer.requires_grad_(False)
    inputs = torch.randn(4, 48, requires_grad=True)
    layer(inputs).sum().backward()
    assert layer.weight.grad is None
    torch.testing.assert_close(inputs.grad, layer.weight.sum(0).expand(4, 48))
    layer.weight.requires_grad_(True)
    layer(inputs.detach()).sum().backward()
    assert layer.weight.grad is not None


def test_rows_that_do_not_lie_in_a_row(layer: nn.Linear) -> None:
    inputs = torch.randn(48, 6).T
    torch.testing.assert_close(layer(inputs), like(layer, torch.float32)(inputs), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions_go_the_usual_way(layer: nn.Linear, dtype: torch.dtype) -> None:
    inputs = torch.randn(5, 48, dtype=dtype)
    usual = like(layer, dtype)
    layer.to(dtype)
    assert torch.equal(layer(inputs), usual(inputs))


def test_autocast_keeps_its_precision(layer: nn.Linear) -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.randn(5, 48)).dtype == torch.bfloat16


@pytest.fixture(params=["llama", "bart", "t5"])
def tiny_model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with a model; GPT-2's layers are of a kind of their own."""
    pretrained = tiny_pretrained(request.param)
    for part in (pretrained.model, pretrained.tokenizer):
        part.save_pretrained(tmp_path)
    return tmp_path


def capabilities(monkeypatch: pytest.MonkeyPatch, **found: object) -> bool:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    linear.worthwhile.cache_clear()
    try:
        return linear.worthwhile()
    finally:
        linear.worthwhile.cache_clear()


def test_which_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert capabilities(monkeypatch, cpu_name="AMD EPYC 9R45", avx512_f=True)
    assert not capabilities(monkeypatch, cpu_name="AMD EPYC 7B13", avx512_f=False)
    assert not capabilities(monkeypatch, cpu_name="Intel(R) Xeon(R) Platinum 8481C", avx512_f=True)
    assert not capabilities(monkeypatch)
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)  # an older PyTorch
    linear.worthwhile.cache_clear()
    assert not linear.worthwhile()
    linear.worthwhile.cache_clear()


def test_a_model_gives_the_same_log_probabilities(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for worthwhile in (False, True):
        monkeypatch.setattr(linear, "worthwhile", lambda answer=worthwhile: answer)
        pretrained = load_pretrained(str(tiny_model))
        kinds = {type(part) for part in pretrained.model.modules() if isinstance(part, nn.Linear)}
        assert kinds == {linear.Linear if worthwhile else nn.Linear}
        model = language_model(pretrained)
        found.append(model.log_probs([[5, 6, 7, 8], [9, 10]], [[[11, 12], [11, 13]], [[14]]]))
    plain, fast = (torch.tensor([value for text in each for target in text for value in target]) for each in found)
    torch.testing.assert_close(fast, plain, rtol=0, atol=1e-5)


def test_an_adapter_gets_the_same_gradients(tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for worthwhile in (False, True):
        monkeypatch.setattr(linear, "worthwhile", lambda answer=worthwhile: answer)
        torch.manual_seed(0)
        model = add_adapter(load_pretrained(str(tiny_model)), 2)
        tokens = torch.arange(5, 25)[None]
        model(input_ids=tokens, labels=tokens).loss.backward()
        found.append({name: each.grad for name, each in model.named_parameters() if each.requires_grad})
    assert all("lora" in name for name in found[0])
    assert sum(bool(gradient.any()) for gradient in found[0].values()) > 5
    for name, gradient in found[0].items():
        scale = float(gradient.abs().max())
        torch.testing.assert_close(found[1][name], gradient, rtol=0, atol=1e-4 * scale + 1e-9)


def test_a_second_derivative_is_refused(layer: nn.Linear) -> None:
    inputs = torch.randn(3, 48, requires_grad=True)
    (once,) = torch.autograd.grad((layer(inputs) ** 2).sum(), inputs, create_graph=True)
    with pytest.raises(RuntimeError, match="once_differentiable"):
        once.sum().backward()
