"""Drawing tokens, and what may not be written."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
import torch

from quals.lm.beam import BeamSettings, beam_search
from quals.lm.constraints import FILLER, Constraints
from quals.lm.model import LanguageModel
from quals.lm.sampling import SamplingSettings, draw, sample

END = 1
PROBABILITIES = [0.02, 0.4, 0.08, 0.3, 0.2]
TEXTS = [[0, 40, 41, 42, 43, 3], [0, 50, 3], [0, *range(60, 90), 3]]


def shares(settings: SamplingSettings) -> list[float]:
    numbers = (torch.arange(10_000, dtype=torch.float64) + 0.5) / 10_000
    log_probs = torch.tensor(PROBABILITIES).log().repeat(len(numbers), 1)
    counts = Counter(draw(log_probs, numbers, settings).tolist())
    return [counts[token] / len(numbers) for token in range(len(PROBABILITIES))]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (SamplingSettings(top_k=0), PROBABILITIES),
        (SamplingSettings(top_k=50), PROBABILITIES),
        (SamplingSettings(top_k=2), [0, 4 / 7, 0, 3 / 7, 0]),
        (SamplingSettings(top_k=1), [0, 1, 0, 0, 0]),
        (SamplingSettings(top_k=0, top_p=0.71), [0, 4 / 9, 0, 3 / 9, 2 / 9]),
        (SamplingSettings(top_k=0, top_p=0.7), [0, 4 / 7, 0, 3 / 7, 0]),
        (SamplingSettings(top_k=2, temperature=0.5), [0, 16 / 25, 0, 9 / 25, 0]),
    ],
)
def test_tokens_come_in_the_shares_they_should(settings: SamplingSettings, expected: list[float]) -> None:
    assert shares(settings) == pytest.approx(expected, abs=2e-4)


def test_a_forbidden_token_is_never_drawn() -> None:
    log_probs = torch.tensor([[0.0, -math.inf, 0.0]])
    for number in (0.0, 0.5, 1 - 1e-16):
        drawn = draw(log_probs, torch.tensor([number], dtype=torch.float64), SamplingSettings(top_k=0))
        assert drawn.item() != 1


def test_samples_depend_on_seed_and_text_alone(lm: LanguageModel) -> None:
    settings = SamplingSettings(max_length=9, min_length=3)
    seeds = [[1, 2, 3], [4], [5, 6]]
    together = sample(lm, TEXTS, seeds, END, settings)
    assert [len(group) for group in together] == [3, 1, 2]
    for text, group, found in zip(TEXTS, seeds, together, strict=True):
        for seed, one in zip(group, found, strict=True):
            ((alone,),) = sample(lm, [text], [[seed]], END, settings)
            assert alone.tokens == one.tokens
            assert alone.log_probs == pytest.approx(one.log_probs, abs=1e-4)
            assert one.tokens[-1] == END
            assert 3 <= len(one.tokens) - 1 <= 9
            assert END not in one.tokens[:-1]
    assert len({one.tokens for one in together[0]}) == 3


def test_log_probabilities_are_the_models_own(lm: LanguageModel) -> None:
    ((one,),) = sample(lm, TEXTS[:1], [[7]], END, SamplingSettings(max_length=6, temperature=0.5, top_k=5))
    assert list(one.log_probs) == pytest.approx(lm.log_probs(TEXTS[:1], [[one.tokens]])[0][0], abs=1e-4)


def repeats(tokens: tuple[int, ...], size: int) -> bool:
    grams = [tokens[i : i + size] for i in range(len(tokens) - size + 1)]
    return len(set(grams)) < len(grams)


def test_constraints_hold_in_search_and_sampling(lm: LanguageModel) -> None:
    free = beam_search(lm, TEXTS, [[()]] * 3, END, BeamSettings(width=2, min_length=40, max_length=40))
    assert any(repeats(hypothesis.tokens, 2) for (group,) in free for hypothesis in group)
    forbidden = tuple({token for (group,) in free for hypothesis in group for token in hypothesis.tokens} - {END})[:3]
    constraints = Constraints(forbidden, ngram=2)
    beams = beam_search(lm, TEXTS, [[()]] * 3, END, BeamSettings(2, 40, 40), constraints)
    drawn = sample(lm, TEXTS, [[1], [2], [3]], END, SamplingSettings(5, min_length=40, max_length=40), constraints)
    for hypothesis in [h for (group,) in beams for h in group] + [h for group in drawn for h in group]:
        assert not repeats(hypothesis.tokens, 2)
        assert not {*forbidden} & {*hypothesis.tokens}


@pytest.mark.parametrize(
    ("written", "size", "expected"),
    [
        ([], 1, set()),
        ([5, 6], 1, {5, 6}),
        ([5, 6, 5], 2, {6}),
        ([5, 6, 7, 5, 6], 3, {7}),
        ([5, 6, 7, 8, 5], 3, set()),
        ([5, 6, 5, 7, 5], 2, {6, 7}),
        ([5, 5, 5], 0, set()),
    ],
)
def test_what_would_repeat_an_ngram(written: list[int], size: int, expected: set[int]) -> None:
    allowed = Constraints(ngram=size).apply(torch.zeros(1, 9), [written])
    assert {int(token) for token in np.flatnonzero(allowed[0] == -torch.inf)} == expected


@pytest.mark.parametrize(
    ("written", "size", "expected"),
    [
        ([[FILLER, 5], [6, 7]], 1, [{5}, {6, 7}]),
        ([[FILLER, FILLER], [5, 5]], 2, [set(), {5}]),
    ],
)
def test_what_fills_shorter_rows_is_never_repeated(
    written: list[list[int]], size: int, expected: list[set[int]]
) -> None:
    allowed = Constraints(ngram=size).apply(torch.zeros(2, 9), written)
    assert [{int(token) for token in np.flatnonzero(row == -torch.inf)} for row in allowed] == expected
