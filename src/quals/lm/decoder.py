"""Decoder-only models: the texts of a batch stand in one flat row, and later the nodes behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from quals.errors import ModelError
from quals.lm.attention import Memory, Padded, share_keys
from quals.lm.flat import FlatModel, FlatSession
from quals.lm.model import Ids, Session


class DecoderModel(FlatModel):
    """SmolLM2, Llama-like models, GPT-2."""

    def begin(self, texts: Sequence[Ids]) -> Session:
        """See `LanguageModel.begin`."""
        return self.open(texts)

    def open(self, texts: Sequence[Ids]) -> FlatSession:
        """See `FlatModel.open`."""
        return _TextSession(self, texts)

    @torch.inference_mode()
    def plain(self, text: Ids, target: Ids) -> torch.Tensor:
        """See `FlatModel.plain`."""
        logits: torch.Tensor = self.model(input_ids=self.tensor([[*text, *target]]), use_cache=False).logits
        return logits[0, len(text) - 1 : -1]


class _TextSession(FlatSession):
    """Reads the texts when it is made."""

    memory: TextMemory

    def __init__(self, lm: DecoderModel, texts: Sequence[Ids]) -> None:
        lengths = torch.tensor([len(text) for text in texts])
        super().__init__(lm, TextMemory(lengths.tolist(), lm.device), lengths, None)
        positions = torch.cat([torch.arange(len(text)) for text in texts])
        lm.evaluated += len(positions)
        self.logits = self._forward([token for text in texts for token in text], positions, lengths.cumsum(0) - 1)

    def forward(self, tokens: Sequence[int], positions: torch.Tensor) -> torch.Tensor:
        """See `FlatSession.forward`."""
        return self._forward(tokens, positions, 0)

    @torch.inference_mode()
    def _forward(self, tokens: Sequence[int], positions: torch.Tensor, keep: torch.Tensor | int) -> torch.Tensor:
        """Logits at the tokens to ``keep`` of one flat row; 0 keeps all."""
        logits: torch.Tensor = self.lm.model(
            input_ids=self.lm.tensor([tokens]),
            position_ids=self.lm.tensor(positions[None]),
            attention_mask=torch.empty(1, 1, 0, 0),  # none is to be made: the memory knows who sees whom
            logits_to_keep=keep,
            use_cache=False,
            memory=self.memory,
        ).logits[0]
        return logits


class TextMemory(Memory):
    """Memory of a decoder-only model: the keys and values of a text's tokens are kept for the nodes behind it."""

    def __init__(self, lengths: list[int], device: torch.device) -> None:
        super().__init__(lengths, device)
        self._of_texts: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def look(
        self, module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, bias: torch.Tensor | None
    ) -> torch.Tensor:
        """See `Memory.look`."""
        if bias is not None:
            raise ModelError("models with a bias for distances can be used with an encoder only")
        look = self._texts if self.reading is None else self._nodes
        return look(module.layer_idx, query, key[0], value[0])

    def _texts(self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Texts look at themselves; their keys and values are kept."""
        keys, values = (self._padded.spread(part).transpose(0, 1).contiguous() for part in (key, value))
        self._of_texts[layer] = keys, values
        share = query.shape[0] // key.shape[0]
        # The padding stands behind the text, where a causal look does not reach it.
        seen = scaled_dot_product_attention(
            self._padded.spread(query).transpose(0, 1),
            keys.repeat_interleave(share, 1),
            values.repeat_interleave(share, 1),
            is_causal=True,
            scale=1.0,
        )
        return self._padded.collect(seen.transpose(0, 1)).transpose(0, 1)

    def _nodes(self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Nodes look at their text and their path."""
        assert self.reading is not None
        query = share_keys(query, key)
        real, padded = self.reading.real, self.reading.padded
        text_keys, text_values = self._of_texts[layer]
        path_keys, path_values = self.paths(layer, key, value)
        on_path = query @ path_keys.transpose(-1, -2)
        if real is not None:
            on_path = on_path.masked_fill(~real[:, None], -torch.inf)
        on_text = self._spread(padded, query) @ text_keys.transpose(-1, -2)
        if not self._padded.full:
            on_text = on_text.masked_fill(~self._padded.real[:, None, None], -torch.inf)
        on_text = self._collect(padded, on_text)
        weights = torch.cat([on_text, on_path], -1).softmax(-1, dtype=torch.float32).to(value.dtype)
        on_text, on_path = weights[..., : text_keys.shape[2]], weights[..., text_keys.shape[2] :]
        seen = on_path @ path_values + self._collect(padded, self._spread(padded, on_text) @ text_values)
        return seen.transpose(0, 1).flatten(1, 2)

    @staticmethod
    def _spread(padded: Padded, flat: torch.Tensor) -> torch.Tensor:
        """(key heads, nodes, share, n) to (texts, key heads, width * share, n)."""
        return padded.spread(flat).transpose(0, 1).flatten(2, 3)

    @staticmethod
    def _collect(padded: Padded, rows: torch.Tensor) -> torch.Tensor:
        """The inverse of `_spread`."""
        texts, heads, _, n = rows.shape
        return padded.collect(rows.reshape(texts, heads, padded.width, -1, n).transpose(0, 1))
