"""The one interface between language models and everything else.

A text is a list of token ids, framed as the model was trained to read it. A target is a list of token ids
the model might write after it. There are two things to ask:

* `LanguageModel.log_probs`: how likely is each token of many given targets?
* `LanguageModel.begin`: a `Session` that grows a tree of continuations step by step, for searches.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch

from quals.lm.load import Pretrained
from quals.lm.tree import Ints

Ids = Sequence[int]


class Session(ABC):
    """A search under way over one or more texts, each encoded once.

    Attributes:
        counts: of each text, the nodes of the latest call of `grow`; at first its prompts.
    """

    counts: Sequence[int]

    @property
    @abstractmethod
    def first(self) -> torch.Tensor:
        """Log-probabilities of the token after each prompt: (prompts, text by text; vocabulary), float32."""

    @abstractmethod
    def grow(self, counts: Sequence[int], parents: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Read one more token on each given branch.

        Args:
            counts: of each text, how many nodes are new.
            parents: (nodes, text by text), which node of the previous call each follows, counted over all texts (in
                the first call, which prompt).
            tokens: (nodes), the new nodes' tokens.

        Returns:
            Log-probabilities of the token after each new node: (nodes; vocabulary), float32.
        """

    def extend(self, parents: Ints, tokens: Ints) -> torch.Tensor:
        """`grow`, with arrays that are known on the CPU; the counts follow from the parents.

        Args:
            parents, tokens: (nodes), int64, text by text.
        """
        texts = np.repeat(np.arange(len(self.counts)), self.counts)[parents]
        counts = np.bincount(texts, minlength=len(self.counts)).tolist()
        return self.grow(counts, torch.as_tensor(parents), torch.as_tensor(tokens))


class LanguageModel(ABC):
    """A pretrained model in evaluation mode.

    Attributes:
        tokenizer: its tokenizer.
        limit: the most tokens a text and a target may have together.
        evaluated: tokens read so far, padding not counted.
    """

    def __init__(self, pretrained: Pretrained, limit: int) -> None:
        self.model, self.tokenizer = pretrained.model, pretrained.tokenizer
        self.limit, self.evaluated = limit, 0

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        device: torch.device = self.model.device
        return device

    def to(self, device: str, dtype: torch.dtype) -> None:
        """Bring the weights to a device, in this type.

        Half-precision weights keep logits in single precision: rounded, hundreds of tokens would be as good as each
        other.
        """
        self.model.to(device, dtype)
        head = self.model.get_output_embeddings()
        if dtype.itemsize == 2 and isinstance(head, torch.nn.Linear) and head.bias is None:
            head.forward = partial(_logits, head.weight)

    @abstractmethod
    def begin(self, texts: Sequence[Ids], prompts: Sequence[Sequence[Ids]] | None = None) -> Session:
        """Encode the texts and start a search from each, or from prompts behind it.

        ``prompts[i]`` are those of ``texts[i]``, all different, one of them perhaps empty; they are read in a single
        pass, and what they share is read once. If not given, each text has one, which is empty.
        """

    @abstractmethod
    def log_probs(self, texts: Sequence[Ids], targets: Sequence[Sequence[Ids]]) -> list[list[list[float]]]:
        """Natural log-probability of every token of every target after its text.

        ``targets[i]`` are the targets of ``texts[i]``; the result has the same shape. Each text is encoded
        once, however many targets it has.
        """

    def tensor(self, values: Any) -> torch.Tensor:
        """A tensor on the model's device."""
        return torch.as_tensor(values, device=self.device)


def language_model(pretrained: Pretrained) -> LanguageModel:
    """The implementation that fits a model's architecture.

    Raises:
        ModelError: there is none.
    """
    if pretrained.encoder_decoder:
        from quals.lm.seq2seq import Seq2SeqModel

        return Seq2SeqModel(pretrained, _limit(pretrained.model.config))
    from quals.lm.decoder import DecoderModel

    return DecoderModel(pretrained, _limit(pretrained.model.config))


def _limit(config: Any) -> int:
    """Positions of the model, or its sliding window if that is smaller: longer texts are not supported."""
    limits = (getattr(config, name, None) for name in ("max_position_embeddings", "sliding_window"))
    return min((limit for limit in limits if limit), default=1024)


def _logits(weight: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    """In single precision, of half-precision weights and states."""
    rows = hidden.flatten(0, -2)
    if weight.is_cuda:
        found = torch.mm(rows, weight.T, out_dtype=torch.float32)
    else:  # which has no such multiplication
        found = rows.float() @ weight.float().T
    return found.view(*hidden.shape[:-1], -1)
