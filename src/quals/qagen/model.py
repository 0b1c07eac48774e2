"""QAGen in use: a language model with its frame, loaded by name."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quals.errors import ModelError
from quals.lm import store
from quals.lm.batching import in_batches
from quals.lm.load import Pretrained, load_pretrained
from quals.lm.model import LanguageModel, language_model
from quals.lm.search import Beam, SearchSettings, diverse_beam_search
from quals.qagen.format import PairFormat, text_ids

CARD = "quals.json"
_TYPICAL_LENGTH = 16  # tokens that a search keeps for each of its beams


@dataclass
class QAGen:
    """A model that reads a text and writes question-answer pairs.

    Attributes:
        lm: the language model.
        form: how text and pair are framed.
        name: as the user gave it.
        revision: first characters of the hash of the weights, or of the Hub's commit.
    """

    lm: LanguageModel
    form: PairFormat
    name: str
    revision: str

    @classmethod
    def load(cls, name: str, *, device: str = "auto") -> QAGen:
        """Load a model trained by ``quals train qagen``.

        Args:
            name: a shipped name, a local folder or a Hub id.
            device: ``cpu``, ``cuda``, ``cuda:1``, ..., or ``auto``: the first GPU where there is one.

        Raises:
            ModelError: it cannot be found or loaded, or was not trained to write pairs.
        """
        folder = store.resolve(name)
        card = _read_card(folder, name)
        device = pick_device(device)
        dtype = "float32" if device == "cpu" else "bfloat16"
        pretrained = load_pretrained(name, dtype=dtype, device=device)
        return cls.of(pretrained, PairFormat.from_dict(card["format"]), Path(name).name, store.revision(folder))

    @classmethod
    def of(cls, pretrained: Pretrained, form: PairFormat, name: str = "", revision: str = "") -> QAGen:
        """From a model that is already in memory."""
        return cls(language_model(pretrained), form, name, revision)

    @property
    def budget(self) -> int:
        """Tokens in one batch of the search, padding counted; a pass without gradients or cache takes an eighth."""
        return 8_000 if self.lm.device.type == "cpu" else 256_000

    def search(self, texts: Sequence[str], settings: SearchSettings) -> list[list[Beam]]:
        """Diverse beam search from each text, in batches."""
        return in_batches(
            [self.frame(text) for text in texts],
            lambda batch: diverse_beam_search(self.lm, batch, self.form.end, settings),
            cost=lambda text: len(text) + settings.groups * _TYPICAL_LENGTH,
            budget=self.budget,
        )

    def log_probs(
        self, texts: Sequence[list[int]], targets: Sequence[Sequence[Sequence[int]]]
    ) -> list[list[list[float]]]:
        """`LanguageModel.log_probs` of framed texts, in batches."""
        return in_batches(
            list(zip(texts, targets, strict=True)),
            lambda batch: self.lm.log_probs([text for text, _ in batch], [group for _, group in batch]),
            cost=lambda item: len(item[0]) + sum(map(len, item[1])),
            budget=self.budget // 8,
        )

    def frame(self, text: str) -> list[int]:
        """A text as the model reads it."""
        return self.form.frame(text_ids(self.lm.tokenizer, text))

    def target(self, question: str, answer: str) -> list[int]:
        """A pair as the model writes it."""
        return self.form.target(text_ids(self.lm.tokenizer, question), text_ids(self.lm.tokenizer, answer))

    def decode(self, ids: list[int]) -> str:
        """Token ids as text, exactly: nothing stripped, special tokens shown."""
        text: str = self.lm.tokenizer.decode(ids, clean_up_tokenization_spaces=False)
        return text


def pick_device(device: str) -> str:
    """``auto`` becomes ``cuda`` where a GPU can be used, else ``cpu``."""
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _read_card(folder: Path, name: str) -> dict[str, Any]:
    path = folder / CARD
    if not path.is_file():
        raise ModelError(f"'{name}' has no {CARD}: it was not trained by 'quals train'")
    card: dict[str, Any] = json.loads(path.read_text())
    if card.get("task") != "qagen":
        raise ModelError(f"'{name}' was trained for {card.get('task')}, not to write question-answer pairs (qagen)")
    return card
