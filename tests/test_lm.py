"""Log-probabilities and search against plain, slow versions written here."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import torch
from tiny import SEQ2SEQ, plain_log_probs, tiny_pretrained

from quals.lm.architectures import language_model
from quals.lm.batching import in_batches
from quals.lm.beam import BeamSettings, beam_search
from quals.lm.model import LanguageModel
from quals.lm.search import SearchSettings, best_tokens, diverse_beam_search
from quals.lm.tree import ROOT, Forest

END = 1


def some_texts(count: int, seed: int = 0) -> list[list[int]]:
    chance = random.Random(seed)
    return [[chance.randrange(5, 300) for _ in range(chance.randint(3, 30))] for _ in range(count)]


def some_targets(count: int, seed: int) -> list[list[int]]:
    """Sequences with shared beginnings, a repeat, and one that is the beginning of another."""
    chance = random.Random(seed)
    stem = [chance.randrange(5, 300) for _ in range(4)]
    made = [stem[: chance.randint(0, 4)] + [chance.randrange(5, 300) for _ in range(chance.randint(1, 9))] + [END]
            for _ in range(count)]  # fmt: skip
    return [*made, made[0], stem[:2]]


def plain_search(lm: LanguageModel, text: list[int], settings: SearchSettings) -> list[tuple[list[int], list[float]]]:
    """Diverse beam search with groups of one beam, the obvious way: every group alone, the whole vocabulary."""
    beams: list[list[int]] = [[] for _ in range(settings.groups)]
    values: list[list[float]] = [[] for _ in range(settings.groups)]
    for step in range(settings.max_length + 1):
        taken = torch.zeros(lm.model.config.vocab_size)
        for beam, value in zip(beams, values, strict=True):
            if beam and beam[-1] == END:
                continue
            log_probs = plain_log_probs(lm, text, beam)[-1].clone()
            if step < settings.min_length:
                log_probs[END] = -torch.inf
            if step == settings.max_length:
                log_probs[torch.arange(len(log_probs)) != END] = -torch.inf
            token = int((log_probs - settings.strength * taken).argmax())
            beam.append(token)
            value.append(float(log_probs[token]))
            taken[token] += 1
    return list(zip(beams, values, strict=True))


def make_end_likely(lm: LanguageModel, amount: float) -> None:
    """Raise the end token's logit by a constant, through the output layer's bias."""
    head = lm.model.get_output_embeddings()
    bias = torch.zeros(head.out_features)
    bias[END] = amount
    head.bias = torch.nn.Parameter(bias)


@pytest.mark.parametrize("batch", [1, 2, 5])
def test_log_probs_equal_direct_passes(lm: LanguageModel, batch: int) -> None:
    texts = some_texts(5)
    targets = [some_targets(3, seed) for seed in range(5)]
    found = []
    for start in range(0, 5, batch):
        found += lm.log_probs(texts[start : start + batch], targets[start : start + batch])
    for text, group, values in zip(texts, targets, found, strict=True):
        for target, log_probs in zip(group, values, strict=True):
            plain = plain_log_probs(lm, text, target)[:-1].gather(1, torch.tensor(target)[:, None]).squeeze(1)
            assert log_probs == pytest.approx(plain.tolist(), abs=1e-4)


def test_log_probs_of_a_single_target_each(lm: LanguageModel) -> None:
    texts, targets = some_texts(4), [some_targets(1, seed)[:1] for seed in range(4)]
    for text, (target,), (log_probs,) in zip(texts, targets, lm.log_probs(texts, targets), strict=True):
        plain = plain_log_probs(lm, text, target)[:-1].gather(1, torch.tensor(target)[:, None]).squeeze(1)
        assert log_probs == pytest.approx(plain.tolist(), abs=1e-4)
    # What was read so can be gone on from.
    found = lm.begin(texts, [[target[:3]] for (target,) in targets])
    later = found.extend(np.arange(4), np.full(4, 9))
    for text, (target,), log_probs in zip(texts, targets, later, strict=True):
        plain = plain_log_probs(lm, text, [*target[:3], 9])[-1]
        assert log_probs.tolist() == pytest.approx(plain.tolist(), abs=1e-4)


def test_log_probs_do_not_depend_on_order_or_company(lm: LanguageModel) -> None:
    texts, targets = some_texts(4), [some_targets(4, seed) for seed in range(4)]
    forward = lm.log_probs(texts, targets)
    backward = lm.log_probs(texts[::-1], [group[::-1] for group in targets[::-1]])
    for group, mirrored in zip(forward, backward[::-1], strict=True):
        for values, again in zip(group, mirrored[::-1], strict=True):
            assert values == pytest.approx(again, abs=1e-4)


def test_log_probs_of_single_tokens_do_not_depend_on_company(lm: LanguageModel) -> None:
    texts, targets = some_texts(3), [[[5]], [[7], [9]], [[11, 12, 13]]]
    (together, several, _), alone = lm.log_probs(texts, targets), lm.log_probs(texts[:2], targets[:2])
    plain = plain_log_probs(lm, texts[0], [5])[0, 5]
    assert alone[0][0] == pytest.approx([float(plain)], abs=1e-4)
    for found, expected in ((alone[0], together), (alone[1], several)):
        assert [value for (value,) in found] == pytest.approx([value for (value,) in expected], abs=1e-4)


def test_log_probs_without_targets(lm: LanguageModel) -> None:
    assert lm.log_probs(some_texts(2), [[], []]) == [[], []]


@pytest.mark.parametrize(
    "settings",
    [
        SearchSettings(groups=1, strength=0.0, min_length=0, max_length=8),
        SearchSettings(groups=6, strength=0.0, min_length=2, max_length=8),
        SearchSettings(groups=12, strength=0.5, min_length=3, max_length=10),
        SearchSettings(groups=20, strength=4.0, min_length=0, max_length=6),
    ],
    ids=["greedy", "no-diversity", "mild", "strong"],
)
@pytest.mark.parametrize("end_bonus", [0.0, 6.0], ids=["late-end", "early-end"])
def test_search_equals_the_plain_search(lm: LanguageModel, settings: SearchSettings, end_bonus: float) -> None:
    make_end_likely(lm, end_bonus)
    texts = some_texts(3, seed=3)
    together = diverse_beam_search(lm, texts, END, settings)
    for text, beams in zip(texts, together, strict=True):
        plain = plain_search(lm, text, settings)
        assert [list(beam.tokens) for beam in beams] == [tokens for tokens, _ in plain]
        for beam, (_, values) in zip(beams, plain, strict=True):
            assert beam.log_probs == pytest.approx(values, abs=1e-4)
            assert settings.min_length < len(beam.tokens) <= settings.max_length + 1


def test_search_breaks_ties_by_the_lowest_token(lm: LanguageModel) -> None:
    with torch.no_grad():
        for parameter in lm.model.parameters():
            parameter.zero_()
    settings = SearchSettings(groups=5, strength=0.5, min_length=2, max_length=3)
    (beams,) = diverse_beam_search(lm, some_texts(1), END, settings)
    plain = plain_search(lm, some_texts(1)[0], settings)
    assert [list(beam.tokens) for beam in beams] == [tokens for tokens, _ in plain]
    # Uniform everywhere: group after group takes the next id, the end (1) not being allowed yet.
    assert [beam.tokens[0] for beam in beams] == [0, 2, 3, 4, 5]


@pytest.mark.parametrize("levels", [2, 6, 40, 10_000])
def test_best_tokens_of_equals_are_the_lowest(levels: int) -> None:
    """Few levels make many equals: all but the first few tokens, or about as many as are looked at."""
    torch.manual_seed(levels)
    log_probs = torch.randint(0, levels, (50, 97)).float()
    log_probs[::7, 5:90] = -torch.inf
    for count in (1, 4, 10, 97):
        found, log_probs_found = best_tokens(log_probs.clone(), count)
        for row, tokens, values in zip(log_probs.tolist(), found, log_probs_found, strict=True):
            best = sorted(range(97), key=lambda token: (-row[token], token))[:count]
            possible = [token for token in best if row[token] > -torch.inf]
            assert [token for token in tokens if row[token] > -torch.inf] == sorted(possible)
            assert values.tolist() == [row[token] for token in tokens]


def test_penalties_are_what_diversity_took(lm: LanguageModel) -> None:
    settings = SearchSettings(groups=8, strength=0.25, min_length=1, max_length=5)
    (beams,) = diverse_beam_search(lm, some_texts(1), END, settings)
    for step in range(2):
        seen: list[int] = []
        for beam in beams:
            if step < len(beam.tokens):
                assert beam.penalties[step] == 0.25 * seen.count(beam.tokens[step])
                seen.append(beam.tokens[step])


def test_equal_histories_are_read_once() -> None:
    lm = language_model(tiny_pretrained("llama"))
    text = some_texts(1)[0]
    settings = SearchSettings(groups=10, strength=0.0, min_length=0, max_length=6)
    (beams,) = diverse_beam_search(lm, [text], END, settings)
    assert len({beam.tokens for beam in beams}) == 1
    # Without diversity all ten groups walk one path; its last token need not be read.
    assert lm.evaluated == len(text) + len(beams[0].tokens) - 1


def test_trees() -> None:
    forest = Forest.of([[[5, 6, 7], [5, 6, 8], [9], [5]], [], [[5, 6], []]])
    assert forest.counts == [5, 0, 2]
    assert forest.tokens.tolist() == [5, 9, 6, 7, 8, 5, 6]
    assert forest.parents.tolist() == [ROOT, ROOT, 0, 2, 2, ROOT, 5]
    assert forest.depths.tolist() == [0, 0, 1, 2, 2, 0, 1]
    assert forest.owners.tolist() == [0, 0, 0, 0, 2, 2]
    assert forest.paths.tolist() == [[0, 2, 3], [0, 2, 4], [1, -1, -1], [0, -1, -1], [5, 6, -1], [-1, -1, -1]]
    assert sorted(forest.leaves().tolist()) == [0, 1, 2, 4]


def test_batches_keep_the_budget_and_the_order() -> None:
    seen: list[list[int]] = []

    def work(batch: list[int]) -> list[str]:
        seen.append(batch)
        return [f"result {item}" for item in batch]

    items = [3, 9, 1, 4, 50, 2]
    assert in_batches(items, work, cost=lambda item: item, budget=10) == [f"result {item}" for item in items]
    assert seen == [[50], [9], [4, 3], [2, 1]]


def test_a_batch_that_does_not_fit_is_halved() -> None:
    sizes: list[int] = []

    def work(batch: list[int]) -> list[int]:
        sizes.append(len(batch))
        if len(batch) > 2:
            raise torch.OutOfMemoryError
        return batch

    assert in_batches(list(range(8)), work, cost=lambda _: 1, budget=100) == list(range(8))
    assert sizes == [8, 4, 2, 2, 2, 2]


def test_what_is_no_number_is_told_and_ends_no_run() -> None:
    pretrained = tiny_pretrained("llama")
    lm = language_model(pretrained)
    with torch.no_grad():
        lm.model.get_output_embeddings().weight.fill_(torch.inf)
    with pytest.raises(FloatingPointError, match="the model's numbers are not finite"):
        beam_search(lm, [[5, 6]], [[[7]]], END, BeamSettings(width=2))


@pytest.mark.parametrize("kind", SEQ2SEQ)
def test_two_threads_use_one_model(kind: str) -> None:
    lm = language_model(tiny_pretrained(kind))
    texts, targets = [[5, 6, 7], [8, 9, 10, 11]], [[6, 7, 8, 9], [9, 5, 8]]
    expected = [lm.log_probs([text], [[target]]) for text, target in zip(texts, targets, strict=True)]
    both = threading.Barrier(2, timeout=60)

    def meet(*_: Any) -> None:
        """Both are in the decoder at the same time."""
        both.wait()

    lm.model.get_decoder().register_forward_pre_hook(meet)
    lm.model.get_decoder().register_forward_hook(meet)
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda text, target: lm.log_probs([text], [[target]]), texts, targets))
    for ((values,),), ((alone,),) in zip(found, expected, strict=True):
        assert values == pytest.approx(alone, abs=1e-5)


def test_trees_do_not_mix() -> None:
    forest = Forest.of([[[1, 3], [2, 0]]])
    assert forest.tokens.tolist() == [1, 2, 3, 0]
    assert forest.parents.tolist() == [ROOT, ROOT, 0, 1]
    assert Forest.of([[[1]], []]).counts == [1, 0]
