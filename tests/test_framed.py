"""What all our models share, beyond what the tests of each see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tiny import tiny_pretrained
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from quals.errors import InputError
from quals.factcc.model import ClaimChecker
from quals.lm.beam import BeamSettings
from quals.lm.device import pick_device
from quals.lm.format import PairFormat
from quals.lm.framed import _pieces
from quals.lm.tree import Ids


def framed() -> ClaimChecker:
    pretrained = tiny_pretrained("llama")
    return ClaimChecker.of(pretrained, PairFormat.choose(pretrained.tokenizer, encoder_decoder=False))


def test_much_behind_one_text_is_read_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    model = framed()
    texts = [model.frame("The mayor resigned on 3 May."), model.frame("Police said so.")]
    claims = [[f"The mayor resigned on {day} May." for day in range(30)], ["Nobody resigned."], []]
    texts.append(texts[0])
    targets = [[model.target(claim, "yes") for claim in group] for group in claims]
    whole, values = model.check(texts, claims), model.log_probs(texts, targets)
    room, sizes = 60, []
    for name in ("begin", "log_probs"):
        plain = getattr(model.lm, name)

        def noted(texts: list[list[int]], behind: list[list[list[int]]], plain: Any = plain) -> Any:
            sizes.append((len(texts), sum(len(each) for group in behind for each in group)))
            return plain(texts, behind)

        monkeypatch.setattr(model.lm, name, noted)
    monkeypatch.setattr(ClaimChecker, "budget", 8 * room)
    assert model.check(texts, claims) == [pytest.approx(group, abs=1e-5) for group in whole]
    assert all(size <= room for _, size in sizes)
    count = len(sizes)
    assert count > 5
    for group, expected in zip(model.log_probs(texts, targets), values, strict=True):
        assert [pytest.approx(each, abs=1e-5) for each in expected] == group
    assert len(sizes) > count
    assert all(size <= room for _, size in sizes)


def test_prompts_behind_one_text_are_answered_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    model = framed()
    texts = [model.frame("The mayor resigned on 3 May."), model.frame("Police said so.")]
    firsts = [[f"The mayor resigned on {day} May." for day in range(30)], []]
    settings = BeamSettings(width=1, max_length=4)
    whole = model.complete(texts, firsts, settings)
    sizes = []
    begin = model.lm.begin

    def noted(texts: list[list[int]], prompts: list[list[list[int]]]) -> Any:
        sizes.append(sum(map(len, prompts)))
        return begin(texts, prompts)

    monkeypatch.setattr(model.lm, "begin", noted)
    monkeypatch.setattr(ClaimChecker, "budget", 300)
    assert [[[one.tokens for one in each] for each in group] for group in model.complete(texts, firsts, settings)] == [
        [[one.tokens for one in each] for each in group] for group in whole
    ]
    assert len(sizes) == 3
    assert sum(sizes) == 30


def test_what_follows_one_text_is_halved_where_it_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    model = framed()
    text, targets = model.frame("Police said so."), [model.target(f"Ann is {age}.", "yes") for age in range(8)]
    (expected,) = model.log_probs([text], [targets])
    sizes: list[int] = []
    plain = model.lm.log_probs

    def narrow(texts: list[list[int]], behind: list[list[list[int]]]) -> Any:
        sizes.append(sum(map(len, behind)))
        if sizes[-1] > 2:
            raise torch.OutOfMemoryError
        return plain(texts, behind)

    monkeypatch.setattr(model.lm, "log_probs", narrow)
    (found,) = model.log_probs([text], [targets])
    assert sizes == [8, 4, 2, 2, 4, 2, 2]
    assert found == [pytest.approx(values, abs=1e-5) for values in expected]
    monkeypatch.setattr(model.lm, "log_probs", lambda *_: narrow([text], [targets]))
    with pytest.raises(torch.OutOfMemoryError):
        model.log_probs([text], [targets[:1]])


def test_a_long_target_is_read_by_itself() -> None:
    long, short = [1] * 900, [[1] * 30] * 8
    assert list(_pieces([*short[:4], long, *short[4:]], 2000, 0)) == [short[:4], [long], short[4:]]
    assert list(_pieces(short, 2000, 0)) == [short]
    assert list(_pieces(short, 2000, 300)) == [short[:6], short[6:]]


@pytest.mark.parametrize(("encoder_decoder", "room"), [(False, 100), (True, 400)])
def test_room_is_shared_unless_there_is_an_encoder(encoder_decoder: bool, room: int) -> None:
    model = framed()
    model.lm.model.config.is_encoder_decoder = encoder_decoder
    model.lm.limit = 400 + len(model.form.prefix) + len(model.form.suffix) + 1
    assert model.room(300) == room
    model.check_room(300, room, "chunk")
    with pytest.raises(InputError, match=f"^chunk: 300 tokens of text and {room + 1} written after it are more than"):
        model.check_room(300, room + 1, "chunk")


def test_a_device_that_torch_was_built_without() -> None:
    with pytest.raises(InputError, match="device: torch cannot use the device 'mps'"):
        pick_device("mps")


def sentencepiece() -> PreTrainedTokenizerFast:
    """Like those of T5 and PEGASUS: a space is part of the token behind it, and lost if that is decoded alone."""
    words = [(word, -1.0) for word in ("▁Who", "▁re", "signed", "?", "▁Ann", "▁Lee", "▁")]
    core = Tokenizer(models.Unigram([("<unk>", 0.0), *words], unk_id=0))
    core.pre_tokenizer = pre_tokenizers.Metaspace()
    core.decoder = decoders.Metaspace()
    core.add_special_tokens([AddedToken("<sep>", normalized=False)])
    return PreTrainedTokenizerFast(tokenizer_object=core)


def test_pieces_keep_spaces() -> None:
    model = framed()
    model.lm.tokenizer = sentencepiece()
    ids = model.lm.tokenizer.convert_tokens_to_ids(["▁Who", "▁re", "signed", "?", "<sep>", "▁Ann", "▁Lee"])
    assert model.pieces([ids, ids[:1]]) == [("Who", " re", "signed", "?", "<sep>", " Ann", " Lee"), ("Who",)]


def test_pieces_keep_letters_whole() -> None:
    model = framed()
    text = " Łukasz, 🙂 \ufffd and Nguyễn"
    ids = model.lm.tokenizer(text, add_special_tokens=False)["input_ids"]
    (pieces,) = model.pieces([ids])
    assert "".join(pieces) == text
    assert len(pieces) == len(ids)
    assert "Ł" in pieces
    assert pieces[pieces.index("Ł") + 1] == ""
    assert model.pieces([ids[: pieces.index("Ł") + 1], []]) == [(*pieces[: pieces.index("Ł")], "\ufffd"), ()]


def test_a_separator_that_is_no_text_is_a_piece_of_its_own() -> None:
    model = framed()
    byte = model.lm.tokenizer.get_vocab()[chr(0xC1)]
    model.form = replace(model.form, separator=byte)
    question, answer = (model.lm.tokenizer(text, add_special_tokens=False)["input_ids"] for text in (" Ł?", " Ng ễ"))
    (pieces,) = model.pieces([[*question, byte, *answer, model.form.end]])
    assert pieces[len(question)] == "\ufffd"
    assert "".join(pieces[: len(question)]) == " Ł?"
    assert "".join(pieces[len(question) + 1 : -1]) == " Ng ễ"


def test_pieces_of_long_texts_take_little_more_than_decoding_them(monkeypatch: pytest.MonkeyPatch) -> None:
    model = framed()
    text = " Nguyễn met Łukasz 🙂🙂 \ufffd\ufffd in 東京都港区, e\u0301." * 50
    ids = model.lm.tokenizer(text, add_special_tokens=False)["input_ids"]
    decoded: list[int] = []
    plain = ClaimChecker.decode_all

    def noted(self: ClaimChecker, sequences: Sequence[Ids]) -> list[str]:
        decoded.extend(map(len, sequences))
        return plain(self, sequences)

    monkeypatch.setattr(ClaimChecker, "decode_all", noted)
    (pieces,) = model.pieces([ids])
    assert "".join(pieces) == text
    assert sum(decoded) < 10 * len(ids)
    # As longer and longer beginnings of the text have it.
    beginnings = [text for text in plain(model, [ids[:end] for end in range(len(ids) + 1)]) if text[-1:] != "\ufffd"]
    assert [piece for piece in pieces if piece] == [new[len(old) :] for old, new in pairwise(beginnings)]


def test_a_batch_is_as_large_as_the_gpus_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model = framed()
    assert model.budget == 16_000
    monkeypatch.setattr(type(model.lm), "device", torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=80 << 30))
    whole = model.budget
    config = model.lm.model.config
    kept = 2 * config.num_hidden_layers * config.num_key_value_heads * config.hidden_size // config.num_attention_heads
    assert whole == pytest.approx((80 << 30) / 1.25 / (3 * 4 * kept + config.vocab_size), rel=1e-3)
    config.head_dim = 2 * config.hidden_size // config.num_attention_heads  # as of Qwen 3
    assert model.budget == pytest.approx((80 << 30) / 1.25 / (6 * 4 * kept + config.vocab_size), rel=1e-3)
    config.head_dim = None
    monkeypatch.setenv("QUALS_GPU_SHARE", "0.25")
    assert model.budget == pytest.approx(whole / 4, rel=1e-3)
    for wrong in ("much", "0", "25", "nan"):
        monkeypatch.setenv("QUALS_GPU_SHARE", wrong)
        with pytest.raises(InputError, match=f"QUALS_GPU_SHARE: must be a number above 0 .* not '{wrong}'"):
            _ = model.budget
