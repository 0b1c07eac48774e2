"""Encoder-decoder models: the encoder reads a text once, decoder rows share what it saw."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from quals.lm.load import Pretrained
from quals.lm.model import Ids, LanguageModel, Session


class Seq2SeqModel(LanguageModel):
    """BART, T5."""

    def __init__(self, pretrained: Pretrained, limit: int) -> None:
        super().__init__(pretrained, limit)
        self.start: int = self.model.config.decoder_start_token_id

    def begin(self, texts: Sequence[Ids]) -> Session:
        """See `LanguageModel.begin`."""
        return _RowSession(self, texts)

    @torch.inference_mode()
    def log_probs(self, texts: Sequence[Ids], targets: Sequence[Sequence[Ids]]) -> list[list[list[float]]]:
        """See `LanguageModel.log_probs`; one encoder row per text, one decoder row per target."""
        flat = [target for group in targets for target in group]
        if not flat:
            return [[] for _ in texts]
        states, mask = self.encode(texts)
        owner = self.tensor([row for row, group in enumerate(targets) for _ in group])
        long = max(map(len, flat))
        labels = self.tensor([[*target, *[0] * (long - len(target))] for target in flat])
        inputs = torch.cat([torch.full_like(labels[:, :1], self.start), labels[:, :-1]], dim=1)
        logits = self.decode(inputs, states[owner], mask[owner], None)
        self.evaluated += sum(map(len, flat))
        values = logits.float().log_softmax(-1).gather(2, labels[..., None]).squeeze(2).tolist()
        scored = iter(row[: len(target)] for row, target in zip(values, flat, strict=True))
        return [[next(scored) for _ in group] for group in targets]

    def encode(self, texts: Sequence[Ids]) -> tuple[torch.Tensor, torch.Tensor]:
        """Encoder states (texts, length, width) and their mask (texts, length)."""
        long = max(map(len, texts))
        ids = self.tensor([[*text, *[0] * (long - len(text))] for text in texts])
        mask = self.tensor([[1] * len(text) + [0] * (long - len(text)) for text in texts])
        self.evaluated += sum(map(len, texts))
        return self.model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state, mask

    def decode(self, tokens: torch.Tensor, states: torch.Tensor, mask: torch.Tensor, cache: Any) -> torch.Tensor:
        """Logits (rows, length, vocabulary) of the tokens after ``tokens``."""
        from transformers.modeling_outputs import BaseModelOutput

        logits: torch.Tensor = self.model(
            encoder_outputs=BaseModelOutput(last_hidden_state=states),
            attention_mask=mask,
            decoder_input_ids=tokens,
            past_key_values=cache,
            use_cache=cache is not None,
        ).logits
        return logits


class _RowSession(Session):
    """One decoder row per node of the latest call; its cache moves along when the node is followed."""

    @torch.inference_mode()
    def __init__(self, lm: Seq2SeqModel, texts: Sequence[Ids]) -> None:
        from transformers import DynamicCache, EncoderDecoderCache

        self.lm = lm
        self.states, self.mask = lm.encode(texts)
        self.cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        self.counts = [1] * len(texts)
        start = torch.full((len(texts), 1), lm.start, device=lm.device)
        self._first = lm.decode(start, self.states, self.mask, self.cache)[:, -1].float().log_softmax(-1)
        lm.evaluated += len(texts)

    @property
    def first(self) -> torch.Tensor:
        return self._first

    @torch.inference_mode()
    def extend(self, parents: Sequence[Sequence[int]], tokens: Sequence[Sequence[int]]) -> torch.Tensor:
        starts = [sum(self.counts[:row]) for row in range(len(self.counts))]
        rows = [start + parent for start, group in zip(starts, parents, strict=True) for parent in group]
        self.cache.reorder_cache(self.lm.tensor(rows))
        self.counts = [len(group) for group in tokens]
        owner = self.lm.tensor([row for row, count in enumerate(self.counts) for _ in range(count)])
        flat = self.lm.tensor([[token] for group in tokens for token in group])
        self.lm.evaluated += len(rows)
        logits = self.lm.decode(flat, self.states[owner], self.mask[owner], self.cache)
        return logits[:, -1].float().log_softmax(-1)
