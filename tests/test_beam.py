"""Beam search from several prompts at once against a plain, slow version written here."""

from __future__ import annotations

import random
from statistics import fmean
from typing import Any

import pytest
import torch
from test_lm import END, make_end_likely, some_texts
from tiny import plain_log_probs, tiny_pretrained

from quals.errors import InputError
from quals.lm.architectures import language_model
from quals.lm.beam import BeamSettings, beam_search
from quals.lm.model import LanguageModel
from quals.lm.sampling import SamplingSettings
from quals.lm.search import SearchSettings
from quals.lm.session import Session
from quals.settings import Settings

Plain = list[tuple[list[int], list[float]]]


def some_prompts(text: int) -> list[list[int]]:
    """Prompts of different lengths: none, some with a common beginning, one that goes on where another ends."""
    chance = random.Random(text)
    stem = [chance.randrange(5, 300) for _ in range(3)]
    return [[], stem, [*stem, 7], [*stem[:2], 9, 8, 7], [chance.randrange(5, 300)]]


def plain_search(lm: LanguageModel, text: list[int], prompt: list[int], settings: BeamSettings) -> Plain:
    """Beam search the obvious way: every beam read anew at every step, the whole vocabulary ranked."""
    beams: Plain = [([], [])]
    finished: Plain = []
    for step in range(settings.max_length + 1):
        ranked = []
        for tokens, values in beams:
            log_probs = plain_log_probs(lm, text, [*prompt, *tokens])[-1].tolist()
            for token, value in enumerate(log_probs):
                if (step >= settings.min_length or token != END) and (step < settings.max_length or token == END):
                    ranked.append(([*tokens, token], [*values, value]))
        ranked.sort(key=lambda found: -sum(found[1]))
        ranked = ranked[: 2 * settings.width]
        finished += [found for found in ranked[: settings.width] if found[0][-1] == END]
        finished = sorted(finished, key=lambda found: -fmean(found[1]))[: settings.width]
        beams = [found for found in ranked if found[0][-1] != END][: settings.width]
        better = finished and any(fmean(values) > fmean(finished[-1][1]) for _, values in beams)
        if len(finished) == settings.width and not (settings.patient and better):
            break
    return finished


@pytest.mark.parametrize(
    "settings",
    [
        BeamSettings(width=1, max_length=7),
        BeamSettings(width=3, min_length=2, max_length=6),
        BeamSettings(width=6, min_length=0, max_length=5),
        BeamSettings(width=3, min_length=0, max_length=7, patient=True),
    ],
    ids=["greedy", "minimum", "wide", "patient"],
)
@pytest.mark.parametrize("end_bonus", [0.0, 6.0], ids=["late-end", "early-end"])
def test_search_equals_the_plain_search(lm: LanguageModel, settings: BeamSettings, end_bonus: float) -> None:
    make_end_likely(lm, end_bonus)
    texts = some_texts(3, seed=5)
    prompts = [some_prompts(0), [], some_prompts(2)[1:4]]
    together = beam_search(lm, texts, prompts, END, settings)
    assert [len(group) for group in together] == [5, 0, 3]
    for text, group, found in zip(texts, prompts, together, strict=True):
        for prompt, hypotheses in zip(group, found, strict=True):
            plain = plain_search(lm, text, prompt, settings)
            assert [list(hypothesis.tokens) for hypothesis in hypotheses] == [tokens for tokens, _ in plain]
            for hypothesis, (_, values) in zip(hypotheses, plain, strict=True):
                assert hypothesis.log_probs == pytest.approx(values, abs=1e-4)
                assert hypothesis.mean == pytest.approx(fmean(values), abs=1e-4)
                assert hypothesis.log_prob == pytest.approx(sum(values), abs=1e-3)


def test_greedy_takes_the_most_probable_token(lm: LanguageModel) -> None:
    text = some_texts(1)[0]
    (((best,),),) = beam_search(lm, [text], [[[]]], END, BeamSettings(width=1, max_length=6))
    written: list[int] = []
    while len(written) < 6 and END not in written:
        written.append(int(plain_log_probs(lm, text, written)[-1].argmax()))
    assert list(best.tokens) == [*written, END][: written.index(END) + 1 if END in written else 7]


def test_what_prompts_share_is_read_once() -> None:
    lm = language_model(tiny_pretrained("llama"))
    text = some_texts(1)[0]
    settings = BeamSettings(width=1, max_length=0)
    beam_search(lm, [text], [[[5, 6, 7], [5, 6, 8], [5, 6, 7]]], END, settings)
    assert lm.evaluated == len(text) + 4


@pytest.mark.parametrize("architecture", ["llama", "bart"])
def test_prompts_are_read_in_a_single_pass(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lm = language_model(tiny_pretrained(architecture))
    passes: list[int] = []
    before = Session._read

    def counted(self: Session, *args: Any) -> torch.Tensor:
        passes.append(len(args[2]))
        return before(self, *args)

    monkeypatch.setattr(Session, "_read", counted)
    prompts = [[[5, 6, 7], [], [5, 8]], [], [[9], [9, 10]]]
    beam_search(lm, some_texts(3), prompts, END, BeamSettings(width=1, min_length=1, max_length=1))
    starts = 2 if architecture == "bart" else 0  # the start token behind each text that has prompts
    assert passes == [6 + starts, 5]


@pytest.mark.parametrize("settings", [BeamSettings, SearchSettings])
def test_the_least_length_is_at_most_the_greatest(settings: type[Settings]) -> None:
    with pytest.raises(InputError, match="min_length: must be at least 0 and at most max_length"):
        settings(min_length=20, max_length=12)


@pytest.mark.parametrize("settings", [BeamSettings, SearchSettings, SamplingSettings])
def test_a_limit_of_another_type_is_said_of_the_limit(settings: type[Settings]) -> None:
    with pytest.raises(InputError, match="max_length: expected a whole number, found '60'"):
        settings(max_length="60")  # type: ignore[call-arg]


def test_penalties_are_finite() -> None:
    with pytest.raises(InputError, match="strength: must be a finite number"):
        SearchSettings(strength=float("inf"))


def test_of_equals_the_lower_token_first(lm: LanguageModel) -> None:
    with torch.no_grad():
        for parameter in lm.model.parameters():
            parameter.zero_()
    ((found,),) = beam_search(lm, some_texts(1), [[[]]], END, BeamSettings(width=3, min_length=1, max_length=1))
    assert [hypothesis.tokens for hypothesis in found] == [(0, END), (2, END), (3, END)]
