"""How a text and a question-answer pair become one token sequence.

    prefix  text  suffix  |  first half  separator  second half  end
    `---- framed text --'    `--------------- target --------------'

What a model is for decides which half is the question, and whether the first is written or given (`Task`)::

    qagen   question written   answer written     pairs about a text (Shakeri et al. 2020, arXiv 2010.06028)
    qg      answer given       question written   the question to an answer
    qa      question given     answer written     the answer to a question; empty if the text has none
    factcc  claim given        verdict written    whether the text bears out the claim: yes, or no and why

Decoder-only models read both in one row, encoder-decoder models read the framed text in the encoder and
write the target in the decoder. The frame consists of single existing tokens that no text can produce, so
a target splits into its halves without guessing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from quals.errors import ModelError


@dataclass(frozen=True)
class Task:
    """What a model does with a text and a question-answer pair.

    Attributes:
        name: as on the command line and in ``quals.json``.
        purpose: completes "a model trained ...".
        answer_first: whether the answer is the first half, not the question.
        given: whether the first half is given, so that only the second and the end token are learnt.
    """

    name: str
    purpose: str
    answer_first: bool = False
    given: bool = False

    def halves(self, question: str, answer: str) -> tuple[str, str]:
        """A pair in the order of the target."""
        return (answer, question) if self.answer_first else (question, answer)


QAGEN = Task("qagen", "to write question-answer pairs")
QG = Task("qg", "to write the question to an answer", answer_first=True, given=True)
QA = Task("qa", "to answer questions", given=True)
FACTCC = Task("factcc", "to check claims", given=True)

# The first of these that a tokenizer has is used; the meaning it had in pre-training fits the role.
_PREFERRED = {
    "suffix": ("<|im_end|>", "<|eot_id|>"),
    "separator": ("<file_sep>", "<|reserved_special_token_0|>", "<mask>", "<extra_id_0>"),
    "end": ("<|endoftext|>", "<|end_of_text|>", "</s>"),
}
# Bytes that never occur in UTF-8: byte-level vocabularies have a token for each all the same.
_IMPOSSIBLE_BYTES = range(0xFF, 0xF4, -1)


@dataclass(frozen=True)
class PairFormat:
    """Token ids of the frame; ``prefix`` and ``suffix`` may be empty or several, the others are one each."""

    prefix: tuple[int, ...]
    suffix: tuple[int, ...]
    separator: int
    end: int

    @classmethod
    def choose(cls, tokenizer: Any, *, encoder_decoder: bool) -> PairFormat:
        """Pick frame tokens from a tokenizer's own special tokens.

        Raises:
            ModelError: the tokenizer has too few tokens that text cannot produce.
        """
        supply = _Supply(tokenizer)
        if encoder_decoder:
            framed = tokenizer("").input_ids
            prefix, suffix = tuple(framed[:-1]), tuple(framed[-1:])
            end = tokenizer.eos_token_id
            return cls(prefix, suffix, supply.take("separator", avoid=[*framed, end]), end)
        start = () if tokenizer.bos_token_id is None else (tokenizer.bos_token_id,)
        end = supply.take("end", avoid=[], fallback=tokenizer.eos_token_id)
        close = supply.take("suffix", avoid=[*start, end])
        return cls(start, (close,), supply.take("separator", avoid=[*start, end, close]), end)

    def frame(self, text_ids: Sequence[int]) -> list[int]:
        """Token ids of a text, framed."""
        return [*self.prefix, *text_ids, *self.suffix]

    def target(self, first: Sequence[int], second: Sequence[int]) -> list[int]:
        """Token ids of a pair, from the first of its first half to the end token."""
        return [*first, self.separator, *second, self.end]

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> PairFormat:
        """Inverse of `to_dict`."""
        return cls(tuple(values["prefix"]), tuple(values["suffix"]), values["separator"], values["end"])


def text_ids(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a text as it stands inside a sequence: no frame, and never a special token.

    A leading space makes the first word the same token as it would be further on. A text that spells out a
    special token ("<|im_end|>") is tokenized as the characters it is. An empty text has no tokens.
    """
    if not text.strip():
        return []  # not the token of a blank
    ids: list[int] = tokenizer(" " + text.strip(), add_special_tokens=False, split_special_tokens=True).input_ids
    return ids


class _Supply:
    """Tokens that text cannot produce, by preference."""

    def __init__(self, tokenizer: Any) -> None:
        self.vocabulary: dict[str, int] = tokenizer.get_vocab()
        named = {tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id, tokenizer.pad_token_id}
        added = sorted(id for id, token in tokenizer.added_tokens_decoder.items() if token.special)
        self.free: list[int] = [id for id in added if id not in named]
        for byte in _IMPOSSIBLE_BYTES:
            # chr(byte) is how byte-level BPE writes that byte, <0x..> how SentencePiece does.
            token = self.vocabulary.get(f"<0x{byte:02X}>")
            if token is None and "Ġ" in self.vocabulary:
                token = self.vocabulary.get(chr(byte))
            if token is not None:
                self.free.append(token)

    def take(self, role: str, avoid: Iterable[int], fallback: int | None = None) -> int:
        taken = set(avoid)
        preferred = [self.vocabulary[name] for name in _PREFERRED[role] if name in self.vocabulary]
        candidates = [*preferred, *([] if fallback is None else [fallback]), *self.free]
        for token in candidates:
            if token not in taken:
                return token
        raise ModelError(f"the tokenizer has no free special token to serve as {role}")
