"""Training QAGen on: the loss by hand, and what a tiny model learns by it."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest
import torch
from claims import write
from click.testing import CliRunner
from judging import judged_as, tiny_qagen, toy
from pretend import pretending, same_weights, train_there
from test_train import DAYS, passages
from tiny import DECODERS, SEQ2SEQ, tiny_pretrained

from quals.cli.main import cli
from quals.errors import InputError
from quals.lm.format import QAGEN, PairFormat
from quals.qagen import grounding, train
from quals.qagen.grounding import (
    CLAIMS,
    PAIRS,
    RARE,
    SLOPE,
    THRESHOLD,
    WEIGHT,
    GroundingCollator,
    grounding_loss,
    told_apart,
)
from quals.qagen.judged import JudgedPair, judged_pairs
from quals.qagen.model import QAGen
from quals.qagen.train import train_grounding
from quals.training.data import Pair, Passage
from quals.training.packing import IGNORE, with_mask
from quals.training.settings import GroundingTrainSettings


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_qagen(tmp_path_factory.mktemp("base"))


@pytest.mark.parametrize("kind", [*DECODERS, *SEQ2SEQ])
def test_the_loss_is_that_of_its_formula(kind: str) -> None:
    pretrained = tiny_pretrained(kind)
    form = PairFormat.choose(pretrained.tokenizer, encoder_decoder=pretrained.encoder_decoder)
    qagen = QAGen.of(pretrained, form)
    false = replace(judged_as(False, "D."), question="Who fell?", log_prob=-2.0)
    examples = [
        Passage(
            "It rained on Friday.",
            (judged_as(True), replace(judged_as(True), question="Why?"), judged_as(True, "D."), false),
        ),
        Passage("The mayor resigned.", (Pair("Who resigned?", "The mayor"),)),
    ]
    inputs = GroundingCollator(pretrained, form, QAGEN)(examples)
    labels, *pairs = (inputs.pop(name) for name in ("labels", "owners", "supported", "given"))
    with torch.inference_mode():
        logits = pretrained.model(**with_mask(inputs)).logits
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORE, reduction="none"
    ).view_as(labels)
    expected = 0.0
    for example in examples:
        for each in example.pairs:
            target = qagen.target(each.question, each.answer)
            ((values,),) = qagen.log_probs([qagen.frame(example.context)], [[target]])
            if not isinstance(each, JudgedPair) or each.supported:
                expected -= sum(values)
            if isinstance(each, JudgedPair):
                difference, count = fmean(values) - each.log_prob, len(values)
                rare = 1 if each.supported else RARE
                expected += WEIGHT * rare * count * wrong(difference - THRESHOLD, each.supported)
    assert float(grounding_loss(losses, labels, *pairs)) == pytest.approx(expected, rel=1e-3)


def wrong(above: float, right: bool) -> float:
    return math.log1p(math.exp(-SLOPE * above * (1 if right else -1)))


def test_the_loss_by_hand() -> None:
    pairs = [  # -log p of their tokens, whether they are supported, their log-probability given the claim
        ([0.5, 1.5, 1.0], True, -0.2),
        ([2.0, 1.0], False, -0.3),
        ([1.2], False, -0.4),
        ([0.9, 1.1, 0.4], True, math.nan),
    ]
    losses = torch.tensor([[*values, 0.0, 0.0][:3] for values, _, _ in pairs])
    labels = torch.tensor([[*[5] * len(values), IGNORE, IGNORE][:3] for values, _, _ in pairs])
    supported, given = torch.tensor([right for _, right, _ in pairs]), torch.tensor([value for *_, value in pairs])
    expected = sum(sum(values) for values, right, _ in pairs if right)
    for values, right, log_prob in pairs[:3]:
        times = WEIGHT * len(values) * (1 if right else RARE)
        expected += times * wrong(-fmean(values) - log_prob - THRESHOLD, right)
    owners = torch.arange(4)[:, None].repeat(1, 3)
    assert float(grounding_loss(losses, labels, owners, supported, given)) == pytest.approx(expected, rel=1e-5)


def test_how_well_pairs_are_told_apart_by_hand(base: Path) -> None:
    qagen = QAGen.load(str(base), device="cpu")
    pairs = [
        replace(judged_as(right, claim), answer=answer, log_prob=log_prob)
        for claim, right, answer, log_prob in (
            ("C.", True, "the rain", -1.0), ("C.", False, "Monday", -4.0), ("D.", False, "the mayor", -9.0),
            ("E.", True, "Friday", -2.0), ("E.", True, "The mayor", -7.0), ("F.", False, "the chief", -3.0),
        )
    ]  # fmt: skip
    passage = Passage("The mayor resigned on Friday.", tuple(pairs))
    targets = [qagen.target(each.question, each.answer) for each in pairs]
    (values,) = qagen.log_probs([qagen.frame(passage.context)], [targets])
    single = [(fmean(found) - each.log_prob, each.supported) for each, found in zip(pairs, values, strict=True)]
    (c, c_false, d, e, more, f) = (value for value, _ in single)
    whole = [(fmean((c, c_false)), False), (d, False), (fmean((e, more)), True), (f, False)]
    expected: dict[str, float] = {}
    for names, found in ((PAIRS, single), (CLAIMS, whole)):
        yes, no = ([value for value, right in found if right is side] for side in (True, False))
        auc = fmean((one > other) + (one == other) / 2 for one in yes for other in no)
        assert 0 < auc < 1
        expected |= dict(zip(names, (auc, fmean(yes), fmean(no)), strict=True))
    assert told_apart(qagen, [passage, passage]) == pytest.approx(expected, rel=1e-4)
    ties = grounding._figures("AUC", "yes", "no", [(1.0, True), (1.0, False), (2.0, True), (0.0, False)])
    assert ties == {"AUC": (0.5 + 3) / 4, "yes": 1.5, "no": 0.5}
    for alone in (pairs[:1], pairs[1:2]):
        assert told_apart(qagen, [replace(passage, pairs=tuple(alone))]) == {}


def test_training_teaches_to_tell_pairs_apart(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = GroundingTrainSettings(
        model=str(base), contexts=600, learning_rate=3e-3, batch=8, micro_batch=8, device="cpu",
        unsupported=0.0, foreign=0.0, lora_rank=0,
    )  # fmt: skip
    before, held_out = QAGen.load(str(base), device="cpu"), toy(9, seed=1)
    windows = judged_pairs(held_out, before, tmp_path)
    monkeypatch.setattr(train, "training_claims", lambda *_: (toy(30), held_out))
    model = train_grounding([], [], passages(30), passages(5, seed=1), tmp_path / "model", settings)
    was, now = told_apart(before, windows), told_apart(model, windows)
    assert now["pairs told apart (AUC)"] > 0.95
    assert now["d of others"] < was["d of others"] - 1
    assert now["d of supported pairs"] > -0.7
    (record,) = map(json.loads, (tmp_path / "model" / "history.jsonl").read_text().splitlines())
    assert record["figures"] == pytest.approx(now, abs=1e-2)
    assert record["both"] < 0.3  # it still writes the pairs that people wrote


def command(base: Path, folder: Path, output: str, device: str) -> list[str]:
    news = [
        f"The mayor resigned on {day} after a long vote. The chief resigned on {other} after a short vote."
        for day in DAYS
        for other in DAYS
        if day != other
    ]
    data, held_out = write(folder / "news.jsonl", news[:4]), write(folder / "held.jsonl", news[4:])
    (folder / "qa.jsonl").write_text(json.dumps({"context": "It rained.", "question": "What?", "answer": "rain"}))
    options = ["--model", base, "--contexts", 16, "--batch", 4, "--micro-batch", 4, "--device", device, "--held-out"]
    options += [held_out, "--replay", folder / "qa.jsonl", "--valid", folder / "qa.jsonl", "--replayed", 0.5]
    return list(map(str, ["train", "grounding", data, "-o", folder / output, *options]))


def test_the_command_goes_on_from_a_model_and_on_a_device_as_on_the_cpu(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = CliRunner().invoke(cli, command(base, tmp_path, "cpu", "cpu"), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "cpu" / "quals.json").read_text())["task"] == "qagen"
    assert "`quals train grounding`" in (tmp_path / "cpu" / "README.md").read_text()
    (record,) = map(json.loads, (tmp_path / "cpu" / "history.jsonl").read_text().splitlines())
    assert record["contexts"] == 40  # windows, as many claims, and half as many contexts of --replay
    assert record["figures"]["pairs told apart (AUC)"] > 0.5
    train_there(monkeypatch)
    with pretending() as counts:
        done = CliRunner().invoke(cli, command(base, tmp_path, "there", "auto"), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert counts["sent"] > 20
    same_weights(tmp_path / "cpu", tmp_path / "there")


def test_figures_need_no_validation_data_and_a_card_none_of_them(base: Path, tmp_path: Path) -> None:
    arguments = command(base, tmp_path, "model", "cpu")
    at = arguments.index("--valid")
    arguments[at : at + 2] = ["--save-every", "4", "--evaluate-every", "4"]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    card, history = (tmp_path / "model" / name for name in ("README.md", "history.jsonl"))
    assert "| contexts seen | hours | pairs told apart (AUC) | d of supported pairs | d of others |" in card.read_text()
    # As if it had been looked at without held-out documents at first.
    first, *rest = history.read_text().splitlines(keepends=True)
    without = {name: value for name, value in json.loads(first).items() if name != "figures"}
    history.write_text(json.dumps(without | {"figures": {}}) + "\n" + "".join(rest))
    (tmp_path / "model" / "quals.json").unlink()
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "|  |  |  |" in card.read_text()


def test_what_cannot_be_trained_is_said_before_pairs_are_made(base: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="4 examples cannot be dealt out to 1 devices, 3 at a time"):
        CliRunner().invoke(
            cli, [*command(base, tmp_path, "model", "cpu"), "--micro-batch", "3"], catch_exceptions=False
        )
    assert not (tmp_path / "model").exists()


def test_what_can_have_but_one_value_is_no_option() -> None:
    done = CliRunner().invoke(cli, ["train", "grounding", "--help"])
    for option in ("--max-pairs", "--crop", "--joined", "--joined-min", "--joined-max", "--lowercase"):
        assert f"  {option} " not in done.output
    assert "  --window-max " in done.output
    assert GroundingTrainSettings().to_dict()["crop"] == 1.0  # the model card tells it all the same


def test_nothing_to_learn_from_is_said(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        train, "training_claims", lambda *_: ([replace(one, pairs=one.pairs[:1]) for one in toy(3)], [])
    )
    settings = GroundingTrainSettings(model=str(base), device="cpu", foreign=0.0)
    with pytest.raises(InputError, match="no training example can be made of them"):
        train_grounding([], [], [], [], tmp_path / "model", settings)
