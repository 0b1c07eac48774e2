"""A language model with the frame it was trained in, loaded by name: what all our models are.

FramedModel            reads a framed text
├── PairModel          ... and writes question-answer pairs, or one half of them
└── Summarizer         ... and writes a summary of it (`quals.summarizer`)
"""

from __future__ import annotations

import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import torch

from quals.errors import InputError, ModelError
from quals.lm import store
from quals.lm.batching import in_batches
from quals.lm.beam import BeamSettings, Hypothesis, beam_search
from quals.lm.device import gpu_share, pick_device, pick_dtype
from quals.lm.format import PairFormat, Task, text_ids
from quals.lm.load import Pretrained, load_pretrained
from quals.lm.tree import Ids

if TYPE_CHECKING:
    from quals.lm.model import LanguageModel

CARD = "quals.json"
TYPICAL_LENGTH = 16  # tokens that a search keeps for each of its beams
_LETTER = 4  # tokens that one may take: its bytes
_ROW = 256  # tokens of a row, up to which all looking at all takes little beside the rest
Result = TypeVar("Result")


@dataclass
class FramedModel:
    """A model trained by ``quals train`` to do something with a text; a subclass sets ``task``.

    Attributes:
        lm: the language model.
        form: how texts are framed.
        name: as the user gave it.
        revision: first characters of the hash of the weights, or of the Hub's commit.
    """

    task: ClassVar[Task]

    lm: LanguageModel
    form: PairFormat
    name: str
    revision: str

    @classmethod
    def load(cls, name: str, *, device: str = "auto", dtype: str = "float32") -> Self:
        """Load a model trained by ``quals train`` for this task.

        Args:
            name: a shipped name, a local folder or a Hub id.
            device: ``cpu``, ``cuda``, ``cuda:1``, ..., or ``auto``: the first GPU where there is one.
            dtype: type of the weights: ``float32``, by which results are the same on every device, or ``bfloat16``
                or ``float16``, which are faster on a GPU and round differently.

        Raises:
            ModelError: it cannot be found or loaded, or was trained for another task.
            InputError: no such device, or no such type.
        """
        weights, device = pick_dtype(dtype), pick_device(device)
        folder = store.resolve(name)
        card = read_card(folder, name, cls.task)
        # An adapter is merged, and the architecture tried, before anything is rounded.
        pretrained = load_pretrained(name)
        made = cls.of(pretrained, PairFormat.from_dict(card["format"]), store.short_name(name), store.revision(folder))
        made.lm.to(device, weights)
        return made

    @classmethod
    def of(cls, pretrained: Pretrained, form: PairFormat, name: str = "", revision: str = "") -> Self:
        """From a model that is already in memory; without a revision it gets one that no other model has."""
        from quals.lm.architectures import language_model  # and with it transformers

        return cls(language_model(pretrained), form, name, revision or f"unsaved-{uuid.uuid4().hex[:8]}")

    @property
    def dtype(self) -> str:
        """The type of the weights, one of `DTYPES`."""
        return str(self.lm.model.dtype).removeprefix("torch.")

    @property
    def budget(self) -> int:
        """Tokens in one batch of a search, padding counted; `log_probs`, which reads them at once, takes an eighth.

        On a GPU it is what the memory holds, or as much of it as the environment's `SHARE` says.
        """
        device = self.lm.device
        if device.type != "cuda":
            return 16_000
        # On average a token takes the place of its keys and values, kept in a store that doubles when it is full, and
        # of a share of the step's logits: a step reads some 5 % of a search's tokens.
        config = self.lm.model.config.get_text_config()
        heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
        width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        kept = 2 * config.num_hidden_layers * heads * width
        size = 3 * kept * self.lm.model.dtype.itemsize + config.vocab_size
        return int(torch.cuda.get_device_properties(device).total_memory * gpu_share() // (1.25 * size))

    def log_probs(
        self, texts: Sequence[list[int]], targets: Sequence[Sequence[Sequence[int]]]
    ) -> list[list[list[float]]]:
        """`LanguageModel.log_probs` of framed texts, in batches."""
        return self._behind(texts, targets, self.lm.log_probs, self.budget // 8)

    def next_log_probs(
        self, texts: Sequence[list[int]], prompts: Sequence[Sequence[Sequence[int]]], tokens: Sequence[int]
    ) -> list[list[list[float]]]:
        """Log-probabilities of these tokens after each prompt of each framed text: [text][prompt][token]."""

        def work(texts: list[list[int]], prompts: list[Sequence[Sequence[int]]]) -> list[list[list[float]]]:
            found = iter(self.lm.begin(texts, prompts).first[:, list(tokens)].tolist())
            return [[next(found) for _ in group] for group in prompts]

        return self._behind(texts, prompts, work, self.budget // 8)

    def _behind(
        self,
        texts: Sequence[list[int]],
        groups: Sequence[Sequence[Sequence[int]]],
        work: Callable[[list[list[int]], list[Sequence[Sequence[int]]]], list[list[Result]]],
        room: int,
        written: int = 0,
    ) -> list[list[Result]]:
        """``work`` on texts with what stands behind each of them, in batches; so much that it fills one is cut up.

        A batch has ``room`` for so many tokens, with those ``written`` behind each.
        """
        pieces = [list(_pieces(group, room, written)) for group in groups]

        def done(batch: list[tuple[list[int], Sequence[Sequence[int]]]]) -> list[list[Result]]:
            try:
                return work([text for text, _ in batch], [piece for _, piece in batch])
            except torch.OutOfMemoryError:
                (text, piece), *others = batch
                if others or len(piece) == 1:
                    raise
            # What stands behind one text, in halves; outside the handler, as in `in_batches`.
            torch.cuda.empty_cache()
            halves = piece[: len(piece) // 2], piece[len(piece) // 2 :]
            return [[value for half in halves for of in done([(text, half)]) for value in of]]

        found = iter(
            in_batches(
                [(text, piece) for text, of in zip(texts, pieces, strict=True) for piece in of],
                done,
                cost=lambda item: len(item[0]) + sum(len(each) + written for each in item[1]),
                budget=room,
            )
        )
        return [[value for _ in of for value in next(found)] for of in pieces]

    def frame(self, text: str) -> list[int]:
        """A text as the model reads it."""
        return self.form.frame(text_ids(self.lm.tokenizer, text))

    def room(self, other: int) -> int:
        """Tokens of text that fit beside so many written after it, or tokens written after a text of so many."""
        frame = len(self.form.prefix) + len(self.form.suffix) + 1
        # An encoder and its decoder each have all the room.
        return self.lm.limit - frame - (0 if self.lm.model.config.is_encoder_decoder else other)

    def check_room(self, text: int, written: int, field: str) -> None:
        """Make sure that a text of so many tokens fits into the model, and so many written after it.

        Raises:
            InputError: they do not; ``field`` is the setting to blame.
        """
        if min(self.room(text) - written, self.room(written) - text) < 0:
            raise InputError(
                f"{text} tokens of text and {written} written after it are more than the model's {self.lm.limit}",
                field=field,
            )

    def decode(self, ids: Ids) -> str:
        """Token ids as text, exactly: nothing stripped, special tokens shown."""
        return self.decode_all([ids])[0]

    def decode_all(self, sequences: Sequence[Ids]) -> list[str]:
        """`decode` of many at once."""
        found: list[str] = self.lm.tokenizer.backend_tokenizer.decode_batch(
            [list(ids) for ids in sequences], skip_special_tokens=False
        )
        return found

    def pieces(self, sequences: Sequence[Ids]) -> list[tuple[str, ...]]:
        """What each token of each sequence adds to its text; put together they are the text.

        A letter that takes several tokens is its first one's; the others are "".
        """
        pieces = [[""] * len(ids) for ids in sequences]
        cuts = [
            (number, *places)
            for number, ends in enumerate(self._letter_ends(sequences))
            for places in zip([0, 0, *ends], [0, *ends], ends, strict=False)
        ]
        # Decoded alone, a token may lose the space before it: each piece is decoded behind the one before it.
        known = self.decode_all([sequences[number][start:begin] for number, start, begin, _ in cuts])
        whole = self.decode_all([sequences[number][start:end] for number, start, _, end in cuts])
        for (number, _, begin, _), before, text in zip(cuts, known, whole, strict=True):
            pieces[number][begin] = text[len(before) :]
        return [tuple(of) for of in pieces]

    def _letter_ends(self, sequences: Sequence[Ids]) -> list[list[int]]:
        """After how many tokens of each sequence no letter is half written; all of them are such a place."""
        frame = {self.form.separator, self.form.end}
        latest = [ids[max(0, end - _LETTER) : end] for ids in sequences for end in range(1, len(ids) + 1)]
        half = (text.endswith("\ufffd") for text in self.decode_all(latest))
        return [
            [end for end, id in enumerate(ids, 1) if not next(half) or int(id) in frame or end == len(ids)]
            for ids in sequences
        ]


@dataclass
class PairModel(FramedModel, ABC):
    """A model that reads a text and writes question-answer pairs, or one half of them.

    A subclass says how it writes.
    """

    @abstractmethod
    def sample(self, context: str, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        """A few pairs to look at: about ``context``, with what the task is given taken from ``pairs``."""

    def complete(
        self, texts: Sequence[list[int]], firsts: Sequence[Sequence[str]], settings: BeamSettings, *, begun: str = ""
    ) -> list[list[list[Hypothesis]]]:
        """The second halves that go best with each text's first halves, by `beam_search` in batches.

        If they have ``begun``, what follows is returned. The result is [text][first half][hypothesis, best first].
        """
        beginning = text_ids(self.lm.tokenizer, begun) if begun else []
        prompts = [[[*self.prompt(first), *beginning] for first in group] for group in firsts]

        def work(texts: list[list[int]], prompts: list[Sequence[Sequence[int]]]) -> list[list[list[Hypothesis]]]:
            return beam_search(self.lm, texts, prompts, self.form.end, settings)

        return self._behind(texts, prompts, work, self.budget, settings.width * TYPICAL_LENGTH)

    def prompt(self, first: str) -> list[int]:
        """A first half with the separator."""
        return [*text_ids(self.lm.tokenizer, first), self.form.separator]

    def target(self, question: str, answer: str) -> list[int]:
        """A pair as the model writes it."""
        first, second = self.task.halves(question, answer)
        return self.form.target(text_ids(self.lm.tokenizer, first), text_ids(self.lm.tokenizer, second))


def _pieces(group: Sequence[Sequence[int]], room: int, written: int) -> Iterator[Sequence[Sequence[int]]]:
    """Consecutive ones together, as long as they have no more than ``room`` tokens, with those ``written`` behind each.

    They are read in rows as long as the longest of them, where all look at all: a long one goes alone.
    """
    start, total, longest = 0, 0, 0
    for i, each in enumerate(group):
        longest = max(longest, len(each))
        wide = (i + 1 - start) * longest**2 > _ROW * room
        if i > start and (wide or total + len(each) + written > room):
            yield group[start:i]
            start, total, longest = i, 0, len(each)
        total += len(each) + written
    if group:
        yield group[start:]


def form_of(pretrained: Pretrained) -> PairFormat:
    """The frame that a model was trained in; if it was not, one that its tokenizer has room for.

    Raises:
        ModelError: it has none.
    """
    card = store.resolve(pretrained.name) / CARD
    if card.is_file():
        return PairFormat.from_dict(store.read_object(card)["format"])
    return PairFormat.choose(pretrained.tokenizer, encoder_decoder=pretrained.encoder_decoder)


def read_card(folder: Path, name: str, task: Task) -> dict[str, Any]:
    """What ``quals train`` wrote about the model in a folder.

    Raises:
        ModelError: nothing, or it was trained for another task.
    """
    path = folder / CARD
    if not path.is_file():
        raise ModelError(f"'{name}' has no {CARD}: it was not trained by 'quals train'")
    card: dict[str, Any] = store.read_object(path)
    if card.get("task") != task.name:
        raise ModelError(f"'{name}' was trained for {card.get('task')}, not {task.purpose} ({task.name})")
    if not isinstance(card.get("format"), dict):
        raise ModelError(f"the {CARD} of '{name}' lacks 'format': it was not copied whole, or changed since")
    return card
