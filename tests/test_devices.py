"""What runs on a GPU: here on a device that only pretends to be one, and that refuses what a GPU would."""

from __future__ import annotations

import pytest
import torch
from pretend import LACKING, NAME, pretending
from tiny import DECODERS, SEQ2SEQ, tiny_pretrained

from quals.errors import ModelError
from quals.lm import sampling
from quals.lm.architectures import language_model
from quals.lm.beam import BeamSettings, Hypothesis, beam_search
from quals.lm.constraints import Constraints
from quals.lm.framed import FramedModel
from quals.lm.model import LanguageModel
from quals.lm.sampling import SamplingSettings, sample
from quals.lm.search import Beam, SearchSettings, diverse_beam_search
from quals.metrics import registry

TEXTS, TARGETS = [[5, 6, 7, 8, 9], [10, 11, 12]], [[[6, 7, 8], [6, 9, 5]], [[7, 8, 5]]]


def test_the_device_refuses_what_a_gpu_refuses_and_counts_waits() -> None:
    with pretending() as counts:
        there = torch.arange(6.0).to(NAME)
        assert there.device.type == NAME
        with pytest.raises(RuntimeError, match="one of the tensors is on the CPU"):
            there + torch.ones(6)
        assert counts == {"sent": 1}
        assert (there * 2).cpu().tolist() == [0, 2, 4, 6, 8, 10]
        assert counts["waits"] == 1
        assert there[there > 3].sum().item() == 9
        assert counts["waits"] == 3  # how many they are, and their sum
        assert torch.tensor([1, 2], device=NAME)[[1]].device.type == NAME


def asked(lm: LanguageModel) -> tuple[list[tuple[int, ...]], list[float]]:
    """Everything there is to ask a model: all tokens that it writes, and the log-probability of each."""
    settings = SearchSettings(groups=6, min_length=3, max_length=9)
    groups: list[list[Beam] | list[Hypothesis]] = [*diverse_beam_search(lm, TEXTS, 1, settings)]
    groups += [found for of in beam_search(lm, TEXTS, [[[5, 6], [7]], [[8]]], 1, BeamSettings(width=3)) for found in of]
    seeds, rules = [[0, 1], [2, 3, 4]], Constraints((3,), ngram=1)
    groups += sample(lm, TEXTS, seeds, 1, SamplingSettings(max_length=9), rules)
    given = [value for group in lm.log_probs(TEXTS, TARGETS) for values in group for value in values]
    written = [one for group in groups for one in group]
    return [one.tokens for one in written], given + [value for one in written for value in one.log_probs]


def test_a_model_that_a_device_has_no_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    lm = language_model(tiny_pretrained("llama"))
    monkeypatch.setattr(lm.model, "to", full)
    with pytest.raises(ModelError, match="cannot be brought to cuda:0: CUDA out of memory"):
        lm.to("cuda:0", torch.float32)


@pytest.mark.parametrize("kind", [*DECODERS, *SEQ2SEQ])
def test_models_say_the_same_on_a_device(kind: str) -> None:
    lm = language_model(tiny_pretrained(kind))
    tokens, log_probs = asked(lm)
    lm.model.to(NAME)
    assert lm.device.type == NAME
    with pretending():
        tokens_there, log_probs_there = asked(lm)
    assert tokens_there == tokens
    assert log_probs_there == pytest.approx(log_probs, abs=1e-4)


def test_a_device_without_double_precision_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = language_model(tiny_pretrained("llama"))
    tokens, _ = asked(lm)
    lm.model.to(NAME)
    monkeypatch.setattr(sampling, "_WITHOUT_DOUBLES", {NAME})
    LACKING.add(torch.float64)
    try:
        with pretending():
            assert asked(lm)[0] == tokens
    finally:
        LACKING.clear()


@pytest.mark.parametrize("kind", DECODERS)
def test_a_step_of_the_search_waits_for_the_device_once(kind: str) -> None:
    lm, waits = language_model(tiny_pretrained(kind)), []
    lm.model.to(NAME)
    for length in (5, 15):
        with pretending() as counts:
            diverse_beam_search(lm, TEXTS, 1, SearchSettings(groups=6, min_length=length, max_length=length))
            waits.append(counts["waits"])
    assert (waits[1] - waits[0]) / 10 == 1


SMALL = {
    "quals": {"search.groups": 8, "search.max_length": 30},
    "qags": {"candidates": 2, "search.width": 2, "search.max_length": 20},
    "factcc": {},
    "pmi": {},
}


@pytest.mark.parametrize("name", SMALL)
def test_metrics_give_the_same_on_a_device(name: str) -> None:
    metric = registry.load(name, device="cpu", **SMALL[name])
    document = "The mayor of Springfield resigned on 3 May after a fire. Police said that two people were hurt."
    summaries = ["The mayor of Springfield resigned on 4 May.", "Two people were hurt."]
    expected = metric.score([document] * 2, summaries)
    for part in vars(metric).values():
        if isinstance(part, FramedModel):
            part.lm.model.to(NAME)
    with pretending() as counts:
        found = metric.score([document] * 2, summaries)
        alone = metric.score(document, summaries[1], explain=False)
    assert counts["sent"] > 3
    assert [one.value for one in found] == pytest.approx([one.value for one in expected], abs=1e-4)
    assert [one.status for one in found] == ["ok", "ok"]
    assert (alone.evidence, alone.value) == ((), pytest.approx(expected[1].value, abs=1e-4))
