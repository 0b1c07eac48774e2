"""Encoder-decoder models: the encoder reads a text once, and all nodes behind it look at the same keys.

The decoder reads nodes alone, in one flat row; the texts are what its cross-attention looks at::

    encoder    | text of A |      decoder    | a1 a2 a3 | b1 b2 |        nodes behind the texts A and B
               | text of B |                 a2 looks at: text of A (cross-attention), its path (self-attention)
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from transformers import Cache, DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from quals.errors import ModelError
from quals.lm.attention import Memory, share_keys
from quals.lm.load import Pretrained
from quals.lm.model import LanguageModel
from quals.lm.session import Session
from quals.lm.tree import Ids


class Seq2SeqModel(LanguageModel):
    """BART, T5."""

    def __init__(self, pretrained: Pretrained) -> None:
        if pretrained.model.config.decoder_start_token_id is None:
            raise ModelError(f"'{pretrained.name}' does not say which token its decoder starts with")
        self.root = (pretrained.decoder_start,)
        super().__init__(pretrained)

    def open(self, texts: Sequence[Ids]) -> Session:
        """See `LanguageModel.open`."""
        return _CrossSession(self, texts)

    @torch.inference_mode()
    def plain(self, text: Ids, target: Ids) -> torch.Tensor:
        """See `LanguageModel.plain`."""
        inputs = self.tensor([[*self.root, *target[:-1]]])
        output = self.model(input_ids=self.tensor([text]), decoder_input_ids=inputs, use_cache=False)
        logits: torch.Tensor = output.logits[0]
        return logits


class _CrossSession(Session):
    """Encodes the texts when it is made; the decoder makes keys of the states when it reads the first nodes."""

    memory: CrossMemory

    @torch.inference_mode()
    def __init__(self, lm: Seq2SeqModel, texts: Sequence[Ids]) -> None:
        lengths = [len(text) for text in texts]
        super().__init__(lm, CrossMemory(lengths, lm.device), [0] * len(texts))
        self.cache = EncoderDecoderCache(self.memory, DynamicCache())
        missing = [max(lengths) - length for length in lengths]
        ids = lm.tensor([[*text, *[0] * count] for text, count in zip(texts, missing, strict=True)])
        mask = lm.tensor([[1] * len(text) + [0] * count for text, count in zip(texts, missing, strict=True)])
        lm.evaluated += sum(lengths)
        self.states = lm.model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state

    def forward(self, tokens: torch.Tensor, positions: torch.Tensor, keep: torch.Tensor | None) -> torch.Tensor:
        """See `Session.forward`."""
        no_mask = torch.empty(1, 1, 0, 0)  # none is to be made: the memory knows who sees whom
        with _positions(self.lm.model.get_decoder(), positions[0]):
            logits: torch.Tensor = self.lm.model(
                encoder_outputs=BaseModelOutput(last_hidden_state=self.states),
                attention_mask=no_mask,
                decoder_input_ids=tokens,
                decoder_attention_mask=no_mask,
                past_key_values=self.cache,
                memory=self.memory,
            ).logits[0]
        return logits if keep is None else logits[keep]


@contextlib.contextmanager
def _positions(decoder: Any, positions: torch.Tensor) -> Iterator[None]:
    """Let a decoder with embedded positions, such as BART's, use these: it takes none from its caller, but counts.

    Only in this thread: another one may use the model at the same time.
    """
    embedding = getattr(decoder, "embed_positions", None)
    if embedding is None:
        yield
        return
    own = threading.get_ident()

    # Called without keywords if another thread's hook is about to be added or removed.
    def use(_: Any, args: Any, kwargs: Any = None) -> Any:
        return (args, {**kwargs, "position_ids": positions}) if threading.get_ident() == own else None

    hook = embedding.register_forward_pre_hook(use, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()


class CrossMemory(Memory, Cache):  # type: ignore[misc]
    """Memory of a decoder that looks at an encoder's states, and the cache of its self-attention.

    `transformers` asks the cache for the keys that the nodes look at, and how many there are before the node; a
    model that adds a bias for distances, as T5 does, makes it from these.
    """

    def __init__(self, lengths: list[int], device: torch.device) -> None:
        Memory.__init__(self, lengths, device)
        Cache.__init__(self, layers=[])

    def get_seq_length(self, layer_idx: int = 0) -> int:
        """Nodes before the deepest node that is read."""
        assert self.reading is not None
        return self.reading.paths.shape[1] - 1

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, layer_idx: int, *_: Any, **__: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Take those of the nodes, (1, heads, nodes, size); give those on their paths, (heads, rows, depth, size)."""
        return self.paths(layer_idx, key_states[0], value_states[0])

    def look(
        self, module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """See `Memory.look`; cross-attention is the layer that is not causal."""
        return self._path(query, key, value, bias) if module.is_causal else self._text(query, key, value)

    def _path(
        self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """Nodes look at their path; the first row of a bias, (1, heads, .., depth), is made for the end of a path."""
        assert self.reading is not None
        query = share_keys(query, keys)
        scores = self.reading.rows.meet(query, keys.mT)
        if bias is not None:
            own = self.reading.shift(bias[0, :, 0])
            scores = scores + own.reshape(len(keys), -1, *own.shape[1:]).transpose(1, 2)
        weights = self.reading.hide(scores).softmax(-1, dtype=torch.float32).to(values.dtype)
        return self.reading.rows.meet(weights, values).transpose(0, 1).flatten(1, 2)

    def _text(self, query: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Nodes look at their text, whose keys, (texts, heads, length, size), meet all its nodes at a time."""
        assert self.reading is not None
        texts = self.reading.texts
        seen = scaled_dot_product_attention(
            texts.spread(query).transpose(0, 1),
            keys,
            values,
            attn_mask=None if self._real is None else self._real[:, None, None],
            scale=1.0,
        )
        return texts.collect(seen.transpose(0, 1)).transpose(0, 1)
