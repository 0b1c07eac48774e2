"""Decoder-only models: the texts of a batch stand in one flat row, and later the nodes behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention

from quals.errors import ModelError
from quals.lm.attention import Memory, share_keys
from quals.lm.model import LanguageModel
from quals.lm.session import Session
from quals.lm.tree import Ids


class DecoderModel(LanguageModel):
    """SmolLM2, Llama-like models, GPT-2."""

    def open(self, texts: Sequence[Ids]) -> Session:
        """See `LanguageModel.open`."""
        return _TextSession(self, texts)

    @torch.inference_mode()
    def plain(self, text: Ids, target: Ids) -> torch.Tensor:
        """See `LanguageModel.plain`."""
        logits: torch.Tensor = self.model(input_ids=self.tensor([[*text, *target]]), use_cache=False).logits
        return logits[0, len(text) - 1 : -1]


class _TextSession(Session):
    """Reads the texts when it is made."""

    memory: TextMemory

    @torch.inference_mode()
    def __init__(self, lm: DecoderModel, texts: Sequence[Ids]) -> None:
        lengths = [len(text) for text in texts]
        super().__init__(lm, TextMemory(lengths, lm.device), lengths)
        positions = torch.cat([torch.arange(length) for length in lengths])
        tokens = torch.tensor([token for text in texts for token in text])
        lm.evaluated += len(tokens)
        self.logits = self.forward(
            lm.tensor(tokens)[None], lm.tensor(positions)[None], torch.tensor(lengths).cumsum(0) - 1
        )

    def forward(self, tokens: torch.Tensor, positions: torch.Tensor, keep: torch.Tensor | None) -> torch.Tensor:
        """See `Session.forward`."""
        logits: torch.Tensor = self.lm.model(
            input_ids=tokens,
            position_ids=positions,
            attention_mask=torch.empty(1, 1, 0, 0),  # none is to be made: the memory knows who sees whom
            logits_to_keep=0 if keep is None else keep,
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
        look = self._text if self.reading is None else self._single if self.reading.single else self._nodes
        return look(module.layer_idx, query, key[0], value[0])

    def _text(self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Texts look at themselves; their keys and values are kept, (heads, texts, length, size)."""
        keys, values = (self._texts.spread(part).contiguous() for part in (key, value))
        self._of_texts[layer] = keys, values
        share = len(query) // len(key)
        # The padding stands behind the text, where a causal look does not reach it.
        seen = scaled_dot_product_attention(
            self._texts.spread(query),
            keys.repeat_interleave(share, 0),
            values.repeat_interleave(share, 0),
            is_causal=True,
            scale=1.0,
        )
        return self._texts.collect(seen).transpose(0, 1)

    def _single(self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """The same as `_nodes` where a single path follows each text: PyTorch then needs no scores of all with all."""
        assert self.reading is not None
        rows, share = self.reading.rows, len(query) // len(key)
        self._keep(layer, key, value)
        keys, values = (
            torch.cat([text, rows.spread(own)], 2).repeat_interleave(share, 0)
            for text, own in zip(self._of_texts[layer], (key, value), strict=True)
        )
        length = keys.shape[2] - rows.width
        seen = torch.ones(rows.count, rows.width, keys.shape[2], dtype=torch.bool, device=key.device).tril(length)
        if self._real is not None:
            seen[..., :length] &= self._real[:, None]
        found = scaled_dot_product_attention(rows.spread(query), keys, values, attn_mask=seen, scale=1.0)
        return rows.collect(found).transpose(0, 1)

    def _nodes(self, layer: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """Nodes look at their text and their path, as if these were one row."""
        assert self.reading is not None
        query = share_keys(query, key)
        (text_keys, text_values), (path_keys, path_values) = self._of_texts[layer], self.paths(layer, key, value)
        on_text = self.reading.texts.meet(query, text_keys.mT)
        on_path = self.reading.rows.meet(query, path_keys.mT)
        weights = torch.cat([self._hide(on_text), self.reading.hide(on_path)], -1)
        weights = weights.softmax(-1, dtype=torch.float32).to(value.dtype)
        length = text_keys.shape[2]
        seen = self.reading.texts.meet(weights[..., :length], text_values)
        seen = seen + self.reading.rows.meet(weights[..., length:], path_values)
        return seen.transpose(0, 1).flatten(1, 2)

    def _hide(self, scores: torch.Tensor) -> torch.Tensor:
        """Leave (.., nodes, share, length) scores only where there is a token of the node's text."""
        assert self.reading is not None
        if self._real is None:
            return scores
        return scores.masked_fill(~self._real[self.reading.owners][:, None], -torch.inf)
