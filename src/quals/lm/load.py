"""Loading pretrained weights with `transformers`, adapters included."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from quals.errors import ModelError
from quals.garbage import without_collecting
from quals.lm import store

log = logging.getLogger(__name__)
LONGEST = 1_000_000  # tokenizers without a limit report 10^30, which overflows their own C code


@dataclass
class Pretrained:
    """A `transformers` model in evaluation mode, its tokenizer, and the name it was loaded by."""

    model: Any
    tokenizer: Any
    name: str

    @property
    def encoder_decoder(self) -> bool:
        """Whether texts go to an encoder and pairs to a decoder."""
        return bool(self.model.config.is_encoder_decoder)

    @property
    def decoder_start(self) -> int:
        """The first token that the decoder of an encoder-decoder model is given; 0 if there is none."""
        return getattr(self.model.config, "decoder_start_token_id", None) or 0

    @property
    def adapted(self) -> bool:
        """Whether it has an adapter of its own, to be trained or saved without the rest."""
        return hasattr(self.model, "peft_config")

    @property
    def rank(self) -> int:
        """The rank of its adapter; 0 without one."""
        return next((config.r for config in getattr(self.model, "peft_config", {}).values() if hasattr(config, "r")), 0)


@without_collecting()
def load_pretrained(name: str, *, trainable: bool = False) -> Pretrained:
    """Load a shipped name, a local folder or a Hub id, in float32; an adapter is put on its base model.

    Args:
        name: see `store.resolve`.
        trainable: keep an adapter apart, so that it can be trained further, instead of merging it.

    Raises:
        ModelError: the model cannot be found or loaded, lacks weights, is quantised, or has a tokenizer written in
            Python.
    """
    import torch
    import transformers
    from safetensors import SafetensorError

    from quals.lm.linear import speed_up

    transformers.utils.logging.disable_progress_bar()
    folder = store.resolve(name)
    if isinstance(name, str) and Path(name).is_dir() and not folder.samefile(name):
        log.warning("reading the model '%s' that comes with quals; write ./%s for the folder", name, name)
    base = store.adapter_base(folder)
    source = store.resolve(base) if base else folder
    try:
        config = transformers.AutoConfig.from_pretrained(source)
        if getattr(config, "quantization_config", None):
            raise ValueError("it is quantised; give the model that it was made of")
        auto = transformers.AutoModelForSeq2SeqLM if config.is_encoder_decoder else transformers.AutoModelForCausalLM
        model, found = auto.from_pretrained(source, dtype=torch.float32, output_loading_info=True)
        if missing := _missing(model, found["missing_keys"]):
            raise ValueError(f"{len(missing)} of its weights are missing, such as {missing[0]}")
        tokenizer = transformers.AutoTokenizer.from_pretrained(source)
        if not tokenizer.is_fast:
            raise ValueError("its tokenizer is written in Python, and does not tell where in a text its tokens are")
        if base:
            model = _with_adapter(model, folder, trainable)
    except (ImportError, OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        based = f" (its base model is in {source})" if base else ""
        raise ModelError(f"cannot load the model '{name}'{based}: {error}") from error
    tokenizer.model_max_length = LONGEST
    speed_up(model)
    return Pretrained(model.eval(), tokenizer, name)


def _missing(model: Any, keys: Iterable[str]) -> list[str]:
    """Weights that are random now; positions made of sines, which PEGASUS's checkpoints leave out, are computed."""
    made_by = {key: type(model.get_submodule(key.rpartition(".")[0])).__name__ for key in keys}
    return sorted(key for key, module in made_by.items() if "Sinusoidal" not in module)


def _with_adapter(model: Any, folder: Path, trainable: bool) -> Any:
    from peft import PeftModel

    with without_future_warnings():
        adapted = PeftModel.from_pretrained(model, folder, is_trainable=trainable)
    return saved_alone(adapted) if trainable else adapted.merge_and_unload()


@contextmanager
def without_future_warnings() -> Iterator[None]:
    """For calls of peft, which asks transformers by a name that is about to change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def saved_alone(adapted: Any) -> Any:
    """The model with its adapter, which is all that its ``save_pretrained`` writes, whoever calls it.

    Otherwise peft asks the Hub each time, by the base model's name, whether the vocabulary has grown since. Training
    never changes it, and the name need not be one of the Hub's.
    """
    adapted.save_pretrained = partial(adapted.save_pretrained, save_embedding_layers=False)
    return adapted
