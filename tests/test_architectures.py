"""Which architectures can be used: equal to `transformers` alone, or refused with a reason."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from test_lm import END, some_targets, some_texts
from tiny import DECODERS, SEQ2SEQ, plain_log_probs, save_tiny, tiny_pretrained
from torch.utils._python_dispatch import TorchDispatchMode

from quals.errors import ModelError
from quals.lm.architectures import language_model
from quals.lm.format import PairFormat
from quals.lm.framed import FramedModel
from quals.lm.load import Pretrained, load_pretrained
from quals.lm.model import LanguageModel
from quals.lm.search import SearchSettings, diverse_beam_search

SPECIAL = {"vocab_size": 320, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
DECODER = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 256,
}
BART_LIKE = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48,
    "max_position_embeddings": 256,
    "decoder_start_token_id": 1,
    "forced_eos_token_id": None,
}
T5_LIKE = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 2}
LATENT = {
    "q_lora_rank": 8,
    "kv_lora_rank": 8,
    "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 8,
    "v_head_dim": 6,
    "n_routed_experts": 4,
    "num_experts_per_tok": 2,
    "n_group": 1,
    "topk_group": 1,
    "moe_intermediate_size": 16,
    "num_key_value_heads": 4,
    "head_dim": 4,
}


def made(architecture: str, **settings: Any) -> Pretrained:
    """A random model whose weights are large enough that it matters what a token looks at."""
    torch.manual_seed(3)
    config = getattr(transformers, f"{architecture}Config")(**SPECIAL | settings)
    seq2seq = config.is_encoder_decoder
    auto = transformers.AutoModelForSeq2SeqLM if seq2seq else transformers.AutoModelForCausalLM
    model = auto.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4.0 if parameter.dim() > 1 else 1.0)
    return Pretrained(model, None, architecture)


def assert_equal_to_direct_passes(lm: LanguageModel, texts: list[list[int]], targets: list[list[list[int]]]) -> None:
    for text, group, found in zip(texts, targets, lm.log_probs(texts, targets), strict=True):
        for target, values in zip(group, found, strict=True):
            plain = plain_log_probs(lm, text, target)[:-1].gather(1, torch.tensor(target)[:, None]).squeeze(1)
            assert values == pytest.approx(plain.tolist(), rel=1e-5, abs=1e-4)


@pytest.mark.parametrize(
    ("architecture", "settings"),
    [
        ("Qwen3", DECODER),
        ("GPTNeoX", DECODER),
        ("DeepseekV3", DECODER | LATENT),
        ("GPT2", {"n_embd": 32, "n_layer": 2, "n_head": 4, "scale_attn_by_inverse_layer_idx": True}),
        ("MBart", BART_LIKE),
        ("Pegasus", BART_LIKE),
        ("MT5", T5_LIKE),
        ("T5", T5_LIKE | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}),
    ],
)
def test_usable(architecture: str, settings: dict[str, Any]) -> None:
    pretrained = made(architecture, **settings)
    pretrained.model.double()  # with weights as large, rounding shows in single precision
    lm = language_model(pretrained)
    assert lm.evaluated == 0
    assert_equal_to_direct_passes(lm, some_texts(3), [some_targets(3, seed) for seed in range(3)])


@pytest.mark.parametrize(
    ("architecture", "settings", "reason"),
    [
        ("Falcon", {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4}, "cannot be exchanged"),
        ("Mamba", {"hidden_size": 32, "num_hidden_layers": 1}, ""),
        ("Gemma2", DECODER, "softcap"),
        ("GptOss", DECODER | {"num_local_experts": 2, "num_experts_per_tok": 1}, "s_aux"),
        ("M2M100", BART_LIKE, "position_ids"),
        ("UMT5", T5_LIKE, ""),
    ],
)
def test_refused(architecture: str, settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(ModelError, match=f"the architecture of '{architecture}' cannot be used: .*{reason}"):
        language_model(made(architecture, **settings))


def test_a_model_that_counts_positions_itself_is_refused() -> None:
    pretrained = tiny_pretrained("gpt2")
    embedding = pretrained.model.transformer.wpe
    embedding.register_forward_pre_hook(lambda _, args: (torch.arange(args[0].shape[-1])[None],))
    with pytest.raises(ModelError, match="log-probabilities are off by"):
        language_model(pretrained)


def test_quantised_weights_are_refused(tmp_path: Path) -> None:
    save_tiny(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"cannot load the model .*: it is quantised"):
        load_pretrained(str(tmp_path))


def without(folder: Path, *parts: str) -> Path:
    """The model in a folder, without the weights that have one of these in their names."""
    weights = load_file(folder / "model.safetensors")
    kept = {name: values for name, values in weights.items() if not any(part in name for part in parts)}
    assert len(kept) < len(weights)
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_checkpoint_that_lacks_weights_is_refused(tmp_path: Path) -> None:
    folder = without(save_tiny(tmp_path), "lm_head", "layers.1.mlp")
    with pytest.raises(ModelError, match=r"cannot load the model .*: 4 of its weights are missing, such as lm_head"):
        load_pretrained(str(folder))


@pytest.mark.parametrize("kind", [*DECODERS, *SEQ2SEQ])
def test_weights_that_are_others_again_are_not_missing(kind: str, tmp_path: Path) -> None:
    pretrained = tiny_pretrained(kind)
    pretrained.model.config.tie_word_embeddings = True
    pretrained.model.tie_weights()
    pretrained.model.save_pretrained(tmp_path)
    pretrained.tokenizer.save_pretrained(tmp_path)
    assert load_pretrained(str(tmp_path)).model.config.tie_word_embeddings


def test_positions_made_of_sines_may_be_missing(tmp_path: Path) -> None:
    pretrained = made("Pegasus", **BART_LIKE)
    expected = pretrained.model.get_decoder().embed_positions.create_weight()
    pretrained.model.save_pretrained(tmp_path)
    tiny_pretrained("bart").tokenizer.save_pretrained(tmp_path)
    found = load_pretrained(str(without(tmp_path, "embed_positions"))).model.get_decoder().embed_positions.weight
    assert torch.equal(found, expected)


def test_a_tokenizer_without_places_is_refused(tmp_path: Path) -> None:
    tiny_pretrained("bart").model.save_pretrained(tmp_path)
    (tmp_path / "vocab.json").write_text(json.dumps({"__start__": 0, "__end__": 1, "__null__": 2, "__unk__": 3}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    transformers.BlenderbotSmallTokenizer(tmp_path / "vocab.json", tmp_path / "merges.txt").save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"cannot load the model .*: its tokenizer is written in Python"):
        load_pretrained(str(tmp_path))


def test_a_decoder_that_nobody_knows_how_to_start_is_refused() -> None:
    pretrained = tiny_pretrained("bart")
    pretrained.model.config.decoder_start_token_id = None
    with pytest.raises(ModelError, match="does not say which token its decoder starts with"):
        language_model(pretrained)


def test_a_sliding_window_is_never_too_small() -> None:
    lm = language_model(made("Mistral", **DECODER | {"sliding_window": 12}))
    assert lm.limit == 12
    texts, targets = [[*range(5, 13)], [*range(20, 31)]], [[[7, 8, 9, END], [7, 3]], [[END]]]
    assert_equal_to_direct_passes(lm, texts, targets)
    with pytest.raises(ModelError, match="looks only 12 tokens back, too few for a sequence of 13"):
        lm.log_probs([texts[0]], [[[7, 8, 9, 10, 11, END]]])


def test_a_longrope_model_takes_what_its_short_frequencies_are_for() -> None:
    rope = {"rope_type": "longrope", "rope_theta": 1e4, "short_factor": [1.0] * 4, "long_factor": [9.0] * 4}
    lm = language_model(made("Phi3", **DECODER, original_max_position_embeddings=32, rope_parameters=rope))
    assert lm.limit == 32
    of_layers = {
        "full_attention": rope | {"original_max_position_embeddings": 64},
        "sliding_attention": {"rope_type": "default", "rope_theta": 1e4},
    }
    lm = language_model(made("Gemma3Text", **DECODER, sliding_window=128, rope_parameters=of_layers))
    assert lm.limit == 64


def test_a_model_that_sees_keeps_its_settings_for_text_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    sight = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    settings = {"text_config": SPECIAL | DECODER | {"sliding_window": 64}, "vision_config": sight | {"image_size": 14}}
    lm = language_model(made("Gemma3", **settings, mm_tokens_per_image=1))
    assert lm.limit == 64
    model = FramedModel(lm, PairFormat((), (), 3, 1), "", "")
    monkeypatch.setattr(type(lm), "device", torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=1.25e9))
    # Keys and values of 2 layers with 2 heads of 8, three times in float32, and the logits.
    assert model.budget == 1e9 // (3 * 4 * 2 * 2 * 2 * 8 + 320)


def test_logits_are_not_rounded_with_the_weights() -> None:
    lm = language_model(tiny_pretrained("llama"))
    states = torch.randn(2, 3, 32)
    exact = lm.model.get_output_embeddings()(states)
    lm.to("cpu", torch.bfloat16)
    found = lm.model.get_output_embeddings()(states.bfloat16())
    assert (found.dtype, found.shape) == (torch.float32, exact.shape)
    assert not torch.equal(found, found.bfloat16().float())
    assert torch.allclose(found, exact, atol=0.1, rtol=0.05)


def test_rounded_logits_have_their_bias() -> None:
    lm = language_model(made("Phi", **DECODER))
    states = torch.randn(2, 3, 32)
    head = lm.model.get_output_embeddings()
    with torch.no_grad():
        head.bias.copy_(torch.linspace(-9, 9, len(head.bias)))
    exact = head(states)
    lm.to("cpu", torch.bfloat16)
    found = head(states.bfloat16())
    assert found.dtype == torch.float32
    assert torch.allclose(found, exact, atol=0.1, rtol=0.05)


def test_places_are_not_rounded_with_the_weights() -> None:
    """A rotary model turns by position times frequency: of rounded frequencies the error grows with the position."""
    exact, lm = (language_model(tiny_pretrained("llama")) for _ in range(2))
    lm.to("cpu", torch.bfloat16)
    assert lm.model.dtype == torch.bfloat16
    places = torch.tensor([[0, 40, 300, 500]])
    turned = [one.model.model.rotary_emb(torch.zeros(1, 4, 32), places)[0] for one in (lm, exact)]
    assert torch.equal(*turned)


@pytest.mark.parametrize(
    ("architecture", "settings", "dtype", "name"),
    [
        ("T5", T5_LIKE, torch.float16, "encoder.block.0.layer.1.DenseReluDense.wo.weight"),
        ("DeepseekV3", DECODER | LATENT, torch.bfloat16, "model.layers.1.mlp.gate.e_score_correction_bias"),
    ],
)
def test_what_transformers_keeps_in_single_precision_stays_there(
    architecture: str, settings: dict[str, Any], dtype: torch.dtype, name: str
) -> None:
    lm = language_model(made(architecture, **settings | {"first_k_dense_replace": 1}))
    lm.model.state_dict()[name].fill_(0.1)
    exact = lm.log_probs([[5, 6, 7]], [[[8, 9]]])[0][0]
    lm.to("cpu", dtype)
    assert lm.model.dtype == dtype
    found = lm.model.state_dict()[name]
    assert torch.equal(found, torch.full(found.shape, 0.1))
    assert lm.log_probs([[5, 6, 7]], [[[8, 9]]])[0][0] == pytest.approx(exact, rel=0.1)


@pytest.mark.parametrize("kind", [*DECODERS, *SEQ2SEQ])
def test_half_precision_is_as_good_as_alone(kind: str) -> None:
    exact, lm = (language_model(tiny_pretrained(kind)) for _ in range(2))
    lm.model.to(torch.bfloat16)
    errors, alone = [], []
    for text in some_texts(4):
        target = some_targets(1, 0)[0]
        wanted = plain_log_probs(exact, text, target)[:-1].gather(1, torch.tensor(target)[:, None]).squeeze(1)
        plain = plain_log_probs(lm, text, target)[:-1].gather(1, torch.tensor(target)[:, None]).squeeze(1)
        errors.append((torch.tensor(lm.log_probs([text], [[target]])[0][0]) - wanted).abs().mean())
        alone.append((plain.float() - wanted).abs().mean())
    assert sum(errors) < 2 * sum(alone)


class Largest(TorchDispatchMode):
    """Notes the size of the largest tensor that any operation returns."""

    elements = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = function(*args, **kwargs or {})
        for part in result if isinstance(result, tuple | list) else (result,):
            if isinstance(part, torch.Tensor):
                self.elements = max(self.elements, part.numel())
        return result


def keys_of_texts(lm: LanguageModel) -> list[int]:
    """Will list the rows that each call of a cross-attention's key layer gets."""
    rows: list[int] = []
    for name, module in lm.model.named_modules():
        if name.endswith(("encoder_attn.k_proj", "EncDecAttention.k")):
            module.register_forward_hook(lambda _, args, __: rows.append(args[0][..., 0].numel()))
    return rows


@pytest.mark.parametrize("kind", SEQ2SEQ)
def test_what_the_encoder_saw_is_shared(kind: str) -> None:
    lm = language_model(tiny_pretrained(kind))
    rows, width, layers = keys_of_texts(lm), lm.model.config.d_model, 2
    texts, groups = [[*range(5, 125)], [*range(100, 220)]], 30
    with Largest() as largest:
        (beams, _) = diverse_beam_search(lm, texts, END, SearchSettings(groups=groups, strength=100.0, max_length=9))
    assert len({beam.tokens[:1] for beam in beams}) == groups
    assert rows == [240] * layers  # each text's tokens once in each layer
    assert largest.elements < groups * 120 * width
    with Largest() as largest:
        lm.log_probs(texts, [[[token, 7, 8] for token in range(groups)]] * 2)
    assert rows == [240] * layers * 2
    assert largest.elements < groups * 120 * width


def test_long_targets_cost_no_more_memory_than_alone(lm: LanguageModel) -> None:
    text, target = [*range(5, 15)], [*range(5, 205)]
    with Largest() as largest:
        lm.log_probs([text], [[target]])
    # A score for each of 4 heads, each token and each token that it looks at.
    assert largest.elements <= 4 * len(target) * (len(text) + len(target))
