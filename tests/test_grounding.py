"""Training QAGen on: judged pairs from real claims, the loss by hand, and what a tiny model learns by it."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import torch
from claims import NEWS, write
from claims import RESTATED as SUMMARIZED
from click.testing import CliRunner
from pretend import pretending, same_weights, train_there
from test_train import DAYS, NAMES, passages
from tiny import DECODERS, SEQ2SEQ, tiny_pretrained

from quals.cli.main import cli
from quals.errors import InputError
from quals.factcc.generate import Article, ClaimSettings
from quals.factcc.kept import RESTATED, ClaimPair, Slip, kept_claims
from quals.lm.format import QAGEN, PairFormat
from quals.nlp import load_pipeline
from quals.qagen import grounding, judged, train
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
from quals.qagen.judged import FOREIGN, JudgedPair, about_claims, judged_pairs, twins, with_foreign
from quals.qagen.model import QAGen
from quals.qagen.select import GeneratedPair
from quals.qagen.train import train_grounding
from quals.records import Span
from quals.texts import padded_words
from quals.training.data import Pair, Passage
from quals.training.examples import IGNORE, plan_examples, with_mask
from quals.training.settings import GroundingTrainSettings, TrainSettings
from quals.training.train import train_model


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return load_pipeline()


@pytest.fixture(scope="module")
def claims(pipeline: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Passage]:
    articles = [Article(document) for document in NEWS]
    return kept_claims(articles, pipeline, ClaimSettings(noised=0.0), tmp_path_factory.mktemp("claims"))


def test_what_other_documents_have_makes_further_claims_false(pipeline: Any, claims: list[Passage]) -> None:
    made = with_foreign(claims, pipeline, share=1.0, seed=0)
    assert made == with_foreign(claims, pipeline, share=1.0, seed=0)
    assert with_foreign(claims, pipeline, share=0.0, seed=0) == claims
    pairs = [(passage, pair) for passage in made for pair in passage.pairs if isinstance(pair, ClaimPair)]
    foreign = [(passage, pair) for passage, pair in pairs if pair.kind == FOREIGN]
    assert len(foreign) > 3
    assert made[0] == claims[0]  # there is no other document before it
    for passage, pair in foreign:
        slip = Slip.parse(pair.answer)
        assert slip
        assert padded_words(slip.words) not in padded_words(passage.context)
        assert slip.mend(pair.question) in {true.question for true in passage.pairs if true.answer == "yes"}
        assert passage.context[pair.start : pair.end] == pair.basis


def true(*sentences: str) -> list[Passage]:
    """Documents of one sentence, each a true claim."""
    return [Passage(text, (ClaimPair(text, "yes", 0, text),)) for text in sentences]


SWAPPED = [
    ("Anna Berg left.", "Tom Field came.", "Anna Berg came."),
    ("He works for Google.", "She works for Microsoft.", "She works for Google."),
    ("A German minister came.", "A French minister left.", "A German minister left."),
    ("He left on Monday.", "She came on Friday.", "She came on Monday."),
    ("He lost three dogs.", "She has seven cats.", "She has three cats."),
    ("It was her third win.", "It was his second goal.", "It was his third goal."),
    ("Sales fell by 12%.", "Profits rose by 30%.", "Profits rose by 12%."),
    ("The bill is $20.", "The meal cost $45.", "The meal cost $20."),
]


@pytest.mark.parametrize(("before", "text", "foreign"), SWAPPED)
def test_names_numbers_and_dates_come_from_documents_before(
    pipeline: Any, before: str, text: str, foreign: str
) -> None:
    *_, last = with_foreign(true(before, text), pipeline, share=1.0, seed=0)
    assert [pair.question for pair in last.pairs] == [text, foreign]


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ("Anna Berg left.", "She came on Friday."),  # of another kind
        ("He speaks English.", "She speaks French."),  # of a kind that is not replaced
        ("He left on Monday.", "She came on Friday and left on Monday."),
    ],
)
def test_what_does_not_fit_makes_no_claim_false(pipeline: Any, before: str, text: str) -> None:
    passages = true(before, text)
    assert all(with_foreign(passages, pipeline, share=1.0, seed=seed) == passages for seed in range(9))


def test_what_is_foreign_is_drawn_from_the_latest_documents(pipeline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    passages = true("He came on Monday.", "She came on Tuesday.", "They came on Friday.")

    def drawn() -> set[str]:
        made = [with_foreign(passages, pipeline, share=1.0, seed=seed)[-1] for seed in range(20)]
        return {passage.pairs[-1].question for passage in made}

    assert drawn() == {"They came on Monday.", "They came on Tuesday."}
    monkeypatch.setattr(judged, "_POOL", 1)
    assert drawn() == {"They came on Tuesday."}


def test_claims_of_summaries_stay_such_when_they_are_made_false_once_more(pipeline: Any, tmp_path: Path) -> None:
    articles = [Article(document) for document in NEWS[1:]] + [SUMMARIZED]
    claims = kept_claims(articles, pipeline, ClaimSettings(noised=0.0), tmp_path)
    *_, last = with_foreign(claims, pipeline, share=1.0, seed=0)
    more = [pair for pair in last.pairs if pair not in claims[-1].pairs]
    restated = {vars(pair)["basis"] for pair in claims[-1].pairs if vars(pair)["kind"] == RESTATED}
    assert [vars(pair)["kind"] for pair in more if vars(pair)["basis"] in restated] == [RESTATED]
    assert FOREIGN in {vars(pair)["kind"] for pair in more}


def toy(count: int, seed: int = 0) -> list[Passage]:
    """The same texts as documents, with true claims and such as have another name or day."""
    chance, made = random.Random(seed), []
    for number in range(count):
        name, day = chance.choice(NAMES), chance.choice(DAYS)
        text = f"{name} resigned on {day}."
        wrong = [(f"{other} resigned on {day}.", "entity", Slip(other, name)) for other in NAMES if other != name]
        wrong += [(f"{name} resigned on {other}.", "date", Slip(other, day)) for other in DAYS if other != day]
        pairs = [ClaimPair(text, "yes", 0, text), *(ClaimPair(c, s.verdict, 0, text, kind) for c, kind, s in wrong)]
        made.append(Passage(text, tuple(pairs), str(number)))
    return made


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny QAGen model."""
    folder = tmp_path_factory.mktemp("base")
    pretrained = tiny_pretrained("llama")
    pretrained.model.save_pretrained(folder)
    pretrained.tokenizer.save_pretrained(folder)
    settings = TrainSettings(
        model=str(folder),
        contexts=1200,
        crop=0.0,
        learning_rate=1e-2,
        batch=8,
        micro_batch=8,
        device="cpu",
        lora_rank=0,
    )
    train_model(QAGen, passages(30), [], folder / "qagen", settings)
    return folder / "qagen"


def test_pairs_are_judged_by_the_words_that_make_a_claim_false(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    qagen, documents = QAGen.load(str(base), device="cpu"), toy(3)
    found = judged_pairs(documents, qagen, tmp_path)
    assert [passage.title for passage in found] == ["0", "1", "2"]
    for passage in found:
        of = {pair.claim for pair in passage.pairs if isinstance(pair, JudgedPair)}
        assert of <= {pair.question for pair in toy(3)[int(passage.title)].pairs}
        for pair in passage.pairs:
            assert isinstance(pair, JudgedPair)
            says = f"{pair.question} {pair.answer}"
            wrong = {word for word in (*NAMES, *DAYS) if word in pair.claim and word not in passage.context}
            assert pair.supported == (not any(word.split()[-1] in says for word in wrong))
            ((log_probs,),) = qagen.log_probs([qagen.frame(pair.claim)], [[qagen.target(pair.question, pair.answer)]])
            assert pair.log_prob == pytest.approx(sum(log_probs) / len(log_probs), abs=1e-3)
    assert {vars(pair)["supported"] for passage in found for pair in passage.pairs} == {True, False}
    monkeypatch.setattr(judged, "_judged", lambda *_: pytest.fail("made again"))
    assert judged_pairs(documents, qagen, tmp_path) == found


def test_pairs_are_made_again_of_other_documents_by_another_model_or_other_rules(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def noted(claim: ClaimPair, *_: object) -> Iterator[JudgedPair]:
        made.append(claim.question)
        return iter(())

    monkeypatch.setattr(judged, "_judged", noted)
    qagen = QAGen.load(str(base), device="cpu")
    one, other = true("It rained.", "He left.")
    for documents, model in (([one], qagen), ([other], qagen), ([one], replace(qagen, revision="another"))):
        for _ in range(2):
            assert judged_pairs(documents, model, tmp_path) == []
    assert made == ["It rained.", "He left.", "It rained."]
    for name, value in (("quals.__version__", "another"), ("quals.qagen.judged._RULES", 99)):
        monkeypatch.setattr(name, value)
        judged_pairs([one], qagen, tmp_path)
    assert made[3:] == ["It rained."] * 2


def pair(supported: bool, claim: str = "C.", basis: str = "It rained.", kind: str = "entity") -> JudgedPair:
    return JudgedPair("What?", "the rain", 0, basis, claim, kind, -0.5, supported)


def test_windows_have_pairs_about_true_claims_and_false_twins() -> None:
    true, false, other = [pair(True)] * 3, [pair(True, "D."), pair(False, "D.")], [pair(False, "E.")] * 2
    second = [pair(True, "F.", "He left."), pair(False, "G.", "He left.")]
    window = Passage("It rained. He left.", (*true, *false, *other, *second), "d")
    drawn = set()
    for seed in range(20):
        (found,) = twins([window], [window], most=1, outside=0.0, seed=seed)
        drawn.add(found.pairs)
        (both,) = twins([window], [window], most=2, outside=0.0, seed=seed)
        assert {*second, *true} < {*both.pairs}
    assert drawn == {tuple(each) for each in (true + false, true + other, second)}
    for alone in (true, other):
        assert twins([replace(window, pairs=tuple(alone))], [window], most=2, outside=0.0, seed=0) == []


def test_windows_have_pairs_about_what_stands_elsewhere() -> None:
    elsewhere = replace(pair(True, basis="He left."), answer="He")
    # What the window has, and what a summary says, may be true of it.
    here, restated = replace(elsewhere, answer="rained"), replace(elsewhere, kind=RESTATED)
    inside = (pair(True), pair(False, "D."))
    whole = Passage("It rained. He left.", (*inside, here, restated, elsewhere), "d")
    window = Passage("It rained.", inside, "d")
    for seed in range(9):
        (found,) = twins([window], [whole], most=1, outside=1.0, seed=seed)
        assert found.pairs == (*inside, replace(elsewhere, supported=False, start=-1))
    few = [twins([window], [whole], most=1, outside=0.3, seed=seed)[0].pairs != inside for seed in range(200)]
    assert 0.2 < fmean(few) < 0.4
    another = replace(elsewhere, question="Who?")
    for seed in range(9):
        (found,) = twins([window], [replace(whole, pairs=(elsewhere, another))], most=1, outside=1.0, seed=seed)
        assert len(found.pairs) == 3
    assert twins([window], [window], most=1, outside=1.0, seed=0) == [window]
    assert about_claims([whole]) == [
        Passage("C.", (Pair("What?", "the rain"), Pair("What?", "rained"), Pair("What?", "He")), "d"),
        Passage("D.", (Pair("What?", "the rain"),), "d"),
    ]


def test_of_a_denial_only_the_negation_is_wrong() -> None:
    for words, wrong in (("did not resign", {"not"}), ("didn't resign", {"t"}), ("could not resign", {"not"})):
        claim = ClaimPair(f"The mayor {words} on Monday.", Slip(words, "resigned").verdict)
        assert judged._wrong(claim) == wrong


WRONG = [
    ("She went to the bank.", "to the bank", "home", {"bank"}),
    (
        "She left a house and an old car for him.",
        "a house and an old car for him",
        "it",
        {"house", "old", "car", "him"},
    ),
    ("She of Hull came from York.", "of Hull came from York", "came", {"hull", "york"}),
    ("The man with a hat or a cap left at noon.", "with a hat or a cap left at noon", "left", {"hat", "cap", "noon"}),
    ("She left on Monday by car.", "on Monday by car", "", {"monday", "car"}),
    ("She came in May as mayor.", "in May as mayor", "", {"may", "mayor"}),
    ("She came on the bus.", "on the bus", "in a car", {"bus"}),
    ("She came to it.", "to it", "on it", None),
    ("She left.", "Anna", "Tom", None),
]


@pytest.mark.parametrize(("claim", "words", "instead", "wrong"), WRONG)
def test_words_that_are_wrong_by_themselves(claim: str, words: str, instead: str, wrong: set[str] | None) -> None:
    assert judged._wrong(ClaimPair(claim, Slip(words, instead).verdict)) == wrong


def test_small_words_make_no_pair_wrong(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "The mayor resigned on Monday."
    written = Pair("Who resigned?", "The mayor"), Pair("When?", "Monday"), Pair("What did the chief do?", "resigned")
    generated = [GeneratedPair(each.question, each.answer, (1,), (-1.0,), -1.0, Span(0, 1)) for each in written]
    monkeypatch.setattr(judged, "parse", lambda *_: generated)
    monkeypatch.setattr(judged, "choose", lambda pairs, _: pairs)
    claims = [
        ClaimPair(text, "yes", 0, text),
        ClaimPair("The mayor resigned on the Friday.", Slip("on the Friday", "on Monday").verdict, 0, text),
        ClaimPair("The chief resigned on Monday.", Slip("The chief", "The mayor").verdict, 0, text),
        ClaimPair("The mayor resigned on a Monday.", Slip("on a Monday", "on Monday").verdict, 0, text),  # not known
    ]
    documents = [Passage(text, tuple(claims)), Passage(text, tuple(claims[3:]))]
    (found,) = judged_pairs(documents, QAGen.load(str(base), device="cpu"), tmp_path)
    assert [vars(each)["supported"] for each in found.pairs] == [True] * 3 + [True] * 3 + [True, True, False]
    assert {vars(each)["basis"] for each in found.pairs} == {text}


@pytest.mark.parametrize("kind", [*DECODERS, *SEQ2SEQ])
def test_the_loss_is_that_of_its_formula(kind: str) -> None:
    pretrained = tiny_pretrained(kind)
    form = PairFormat.choose(pretrained.tokenizer, encoder_decoder=pretrained.encoder_decoder)
    qagen = QAGen.of(pretrained, form)
    false = replace(pair(False, "D."), question="Who fell?", log_prob=-2.0)
    examples = [
        Passage("It rained on Friday.", (pair(True), replace(pair(True), question="Why?"), pair(True, "D."), false)),
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
        replace(pair(right, claim), answer=answer, log_prob=log_prob)
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


def test_nothing_to_learn_from_is_said(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        train, "training_claims", lambda *_: ([replace(one, pairs=one.pairs[:1]) for one in toy(3)], [])
    )
    settings = GroundingTrainSettings(model=str(base), device="cpu", foreign=0.0)
    with pytest.raises(InputError, match="no training example can be made of them"):
        train_grounding([], [], [], [], tmp_path / "model", settings)


def test_windows_are_cut_around_what_pairs_rest_on() -> None:
    document = " ".join(f"Sentence number {i} stands here." for i in range(40))
    pairs = [
        JudgedPair("What?", "number", document.index(basis), basis)
        for basis in (f"Sentence number {i} stands here." for i in (3, 30))
    ]
    for window in plan_examples([Passage(document, tuple(pairs))], count=20, max_pairs=9, crop=1.0, seed=0):
        (each,) = window.pairs
        assert isinstance(each, JudgedPair)
        assert window.context[each.start : each.end] == each.basis
