"""Tiny random models, made here: no download, a few milliseconds a pass, the real architectures."""

from __future__ import annotations

from pathlib import Path

import tokenizers
import torch
import transformers
from tokenizers import decoders, models, pre_tokenizers, processors, trainers

from quals.lm.load import Pretrained
from quals.lm.model import LanguageModel

TEXT = (
    "The mayor of Springfield resigned on 3 May after a fire in the town hall. Who resigned? The mayor. "
    "When did the mayor resign? 3 May. Police said that two people were hurt and that the hall was closed."
)
DECODERS, SEQ2SEQ = ("llama", "gpt2"), ("bart", "t5")


def tiny_tokenizer(specials: tuple[str, ...] = ("<s>", "</s>", "<pad>", "<mask>", "<sep>"), closing: bool = False):
    """A byte-level BPE over a few words; with ``closing`` it ends a text with </s>, as BART's and T5's do."""
    core = tokenizers.Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=380, initial_alphabet=alphabet, special_tokens=list(specials))
    core.train_from_iterator([TEXT], trainer)
    if closing:
        core.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", core.token_to_id("<s>")), ("</s>", core.token_to_id("</s>"))]
        )
    roles = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "mask_token": "<mask>"}
    known = {role: token for role, token in roles.items() if token in specials}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=core, extra_special_tokens=[t for t in specials if t not in known.values()], **known
    )


def tiny_pretrained(kind: str) -> Pretrained:
    """A random model of a real architecture; its weights are large enough for peaked distributions."""
    torch.manual_seed(7)
    tokenizer = tiny_tokenizer(closing=kind in SEQ2SEQ)
    size = {"vocab_size": len(tokenizer), "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    if kind == "llama":
        config = transformers.LlamaConfig(
            **size,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=512,
        )
    elif kind == "gpt2":
        config = transformers.GPT2Config(**size, n_embd=32, n_layer=2, n_head=4, n_positions=512)
    elif kind == "bart":
        config = transformers.BartConfig(
            **size,
            d_model=32,
            encoder_layers=2,
            decoder_layers=2,
            encoder_attention_heads=4,
            decoder_attention_heads=4,
            encoder_ffn_dim=48,
            decoder_ffn_dim=48,
            max_position_embeddings=512,
            decoder_start_token_id=1,
            forced_eos_token_id=None,
        )
    else:
        config = transformers.T5Config(
            **size, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4, decoder_start_token_id=2
        )
    auto = transformers.AutoModelForSeq2SeqLM if kind in SEQ2SEQ else transformers.AutoModelForCausalLM
    model = auto.from_config(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(3.0)
    return Pretrained(model, tokenizer, kind)


def save_tiny(folder: Path, kind: str = "llama") -> Path:
    """Such a model and its tokenizer in a folder, which is returned."""
    pretrained = tiny_pretrained(kind)
    pretrained.model.save_pretrained(folder)
    pretrained.tokenizer.save_pretrained(folder)
    return folder


def plain_log_probs(lm: LanguageModel, text: list[int], target: list[int]) -> torch.Tensor:
    """Log-probabilities (len + 1, vocabulary) after each prefix of ``target``, by one direct forward pass."""
    with torch.inference_mode():
        if lm.model.config.is_encoder_decoder:
            start = lm.model.config.decoder_start_token_id
            logits = lm.model(
                input_ids=torch.tensor([text]), decoder_input_ids=torch.tensor([[start, *target]]), use_cache=False
            ).logits[0]
        else:
            logits = lm.model(input_ids=torch.tensor([[*text, *target]]), use_cache=False).logits[0, len(text) - 1 :]
    return logits.log_softmax(-1)
