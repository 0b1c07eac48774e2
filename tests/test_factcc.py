"""FactCC whole, on tiny models: training by the real command, the metric."""

from __future__ import annotations

import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from claims import NEWS, write
from click.testing import CliRunner
from tiny import DECODERS, SEQ2SEQ, plain_log_probs, save_tiny, tiny_pretrained

import quals
from quals.cli.main import cli
from quals.errors import InputError, ModelError
from quals.factcc import kept
from quals.factcc.data import with_unsupported
from quals.factcc.evaluate import BLIND, Judged, accuracies, balanced_accuracy, by_kind, without_the_document
from quals.factcc.model import ClaimChecker
from quals.factcc.train import train_checker
from quals.factcc.verdict import ClaimPair, Slip
from quals.io.results import output_row
from quals.io.rows import Row
from quals.io.scored import score_from_dict
from quals.lm.chunks import chunks
from quals.lm.format import PairFormat, text_ids
from quals.metrics import registry
from quals.metrics.factcc import FactCC, FactCCSettings
from quals.nlp import load_pipeline, sentences
from quals.records import ClaimEvidence, Span, Status
from quals.training.data import Passage
from quals.training.settings import ClaimTrainSettings

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from factcc import main as benchmark

DAYS, NAMES = ("Monday", "Tuesday", "Friday"), ("The mayor", "The chief", "The owner")


def checker(architecture: str = "llama") -> ClaimChecker:
    pretrained = tiny_pretrained(architecture)
    form = PairFormat.choose(pretrained.tokenizer, encoder_decoder=pretrained.encoder_decoder)
    return ClaimChecker.of(pretrained, form, "tiny", "00000000")


def probability(model: ClaimChecker, text: list[int], claim: str) -> float:
    """P(consistent) by a direct forward pass: a softmax over the two words' first different tokens."""
    log_probs = plain_log_probs(model.lm, text, [*model.prompt(claim), *model.common])[-1]
    both = log_probs[list(model.verdicts)]
    return float(both.softmax(0)[0])


# ---- the classifier


@pytest.mark.parametrize("architecture", [*DECODERS, *SEQ2SEQ])
def test_probabilities_are_those_of_direct_forward_passes(architecture: str) -> None:
    model = checker(architecture)
    texts = [model.frame(text) for text in ("The mayor resigned on 3 May.", "Police said that two were hurt.", "")]
    claims = [["The mayor resigned.", "The mayor stayed.", "The mayor"], ["Police said so."], ["Nobody resigned."]]
    found = model.check(texts, claims)
    for text, group, values in zip(texts, claims, found, strict=True):
        assert values == pytest.approx([probability(model, text, claim) for claim in group], abs=1e-4)
    assert len({round(value, 4) for values in found for value in values}) == 5


def test_a_text_in_parts_gives_its_best_part() -> None:
    model, claims = checker(), ["The mayor resigned.", "The hall was closed."]
    parts = [model.frame(text) for text in ("Police said so.", "The mayor resigned.", "The town hall was closed.")]
    (found,) = model.check_in_parts([parts], [claims])
    for claim, (value, part) in zip(claims, found, strict=True):
        alone = [probability(model, text, claim) for text in parts]
        assert (value, part) == (pytest.approx(max(alone), abs=1e-4), alone.index(max(alone)))


def test_verdicts_are_told_apart_behind_what_they_begin_with() -> None:
    model = checker()
    words = [text_ids(model.lm.tokenizer, word) for word in ("yes", "no")]
    shared = len(model.common)
    assert [word[:shared] for word in words] == [model.common] * 2
    assert model.verdicts == (words[0][shared], words[1][shared])
    assert model.verdicts[0] != model.verdicts[1]


def test_a_tokenizer_must_tell_the_verdicts_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = checker().verdicts
    assert first != second
    monkeypatch.setattr("quals.factcc.model.INCONSISTENT", "yes")
    with pytest.raises(ModelError, match="does not tell 'yes' from 'yes'"):
        checker()


def test_samples_show_claims_with_their_probability_and_verdict() -> None:
    model, claim = checker(), "The hall was closed."
    value = probability(model, model.frame("The mayor resigned."), claim)
    assert model.sample("The mayor resigned.", [(claim, "no")]) == [(claim, f"{value:.2f} (no)")]


# ---- training


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("base"))


def command(base: Path, folder: Path, output: str) -> list[str]:
    files = write(folder / "news.jsonl", NEWS), write(folder / "valid.jsonl", NEWS[:1])
    options = ["--contexts", "48", "--lora-rank", "4", "--batch", "4", "--save-every", "5", "--evaluate-every", "6"]
    where = ["--valid", str(files[1]), "-o", str(folder / output), "--model", str(base), "--device", "cpu"]
    return ["train", "factcc", str(files[0]), *where, *options, "--window-min", "8", "--window-max", "40"]


def test_the_command_trains_and_goes_on_after_a_kill(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = CliRunner().invoke(cli, command(base, tmp_path, "whole"))
    assert done.exit_code == 0, done.output
    whole = ClaimChecker.load(str(tmp_path / "whole"), device="cpu")
    card = json.loads((tmp_path / "whole" / "quals.json").read_text())
    assert (card["task"], card["training"]["window_max"]) == ("factcc", 40)
    history = [json.loads(line) for line in (tmp_path / "whole" / "history.jsonl").read_text().splitlines()]
    assert [record["step"] for record in history] == [6, 12]
    assert {"balanced accuracy", "without the document"} < set(history[-1]["figures"])
    text = (tmp_path / "whole" / "README.md").read_text()
    assert "A classifier" in text
    assert f" {history[-1]['figures']['balanced accuracy']:.3f} |" in text

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:  # at the first look, after step 6: a checkpoint of step 5 is there
        patch.setattr("quals.factcc.evaluate.by_kind", killed)
        assert CliRunner().invoke(cli, command(base, tmp_path, "stopped")).exit_code != 0
    assert [path.name for path in (tmp_path / "stopped" / "checkpoints").glob("checkpoint-*")] == ["checkpoint-5"]
    assert not (tmp_path / "stopped" / "quals.json").exists()
    with monkeypatch.context() as patch:
        patch.setattr(kept, "make_claims", killed)  # claims are not made again
        done = CliRunner().invoke(cli, command(base, tmp_path, "stopped"))
    assert done.exit_code == 0, done.output
    again = ClaimChecker.load(str(tmp_path / "stopped"), device="cpu")
    frame, claims = whole.frame(NEWS[0]), [["Police arrested two men."]]
    assert again.check([frame], claims)[0] == pytest.approx(whole.check([frame], claims)[0], abs=1e-3)


def toy(count: int, seed: int = 0) -> list[Passage]:
    """One-sentence texts about who did it and when, with claims that may have another name or day."""
    chance, made = random.Random(seed), []
    for number in range(count):
        name, day = chance.choice(NAMES), chance.choice(DAYS)
        sentence = f"{name} resigned on {day}."
        false = [(f"{other} resigned on {day}.", "entity", Slip(other, name)) for other in NAMES if other != name]
        false += [(f"{name} resigned on {other}.", "date", Slip(other, day)) for other in DAYS if other != day]
        pairs = [
            ClaimPair(text, verdict, 0, sentence, kind)
            for claim, kind, slip in false
            for text, verdict in ((sentence, "yes"), (claim, slip.verdict))
        ]
        made.append(Passage(sentence, tuple(pairs), str(number)))
    return made


def test_in_training_a_share_of_claims_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr("quals.factcc.train.train_model", lambda *_, **options: given.update(options))
    here, there = ClaimPair("It snowed.", "no", 0, "It rained.", "x"), ClaimPair("He left.", "yes", 11, "He left.", "x")
    passages, windows = [Passage("It rained. He left.", (here, there))], [Passage("It rained.", (here,))] * 40
    train_checker(passages, [], tmp_path, ClaimTrainSettings(unsupported=0.4, seed=3))
    assert given["vary"](windows) == with_unsupported(windows, passages, share=0.4, seed=3) != windows
    assert given["measure"] is accuracies


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-factcc"
    settings = ClaimTrainSettings(
        model=str(base), contexts=2400, learning_rate=1e-2, batch=8, micro_batch=8, device="cpu", lora_rank=0
    )
    train_checker(toy(60), toy(9, seed=1), folder, settings)
    return folder


def test_training_teaches_to_look_at_the_document(trained: Path) -> None:
    last = json.loads((trained / "history.jsonl").read_text().splitlines()[-1])
    assert last["figures"]["balanced accuracy"] > 0.95
    assert last["figures"][BLIND] < 0.7


def test_balanced_accuracy_by_hand() -> None:
    claims = [
        Judged(True, "date", 0.9), Judged(True, "date", 0.2), Judged(False, "date", 0.1),
        Judged(True, "number", 0.6), Judged(False, "number", 0.6),
    ]  # fmt: skip
    assert balanced_accuracy(claims) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert by_kind(claims) == {"balanced accuracy": pytest.approx(7 / 12), "date": 0.75, "number": 0.5}
    assert balanced_accuracy(claims, threshold=0.05) == 0.5
    assert balanced_accuracy([*claims, Judged(True, "date", 0.5)]) == pytest.approx((2 / 4 + 1 / 2) / 2)
    assert set(by_kind([*claims, Judged(False, "pronoun", 0.5)])) == {"balanced accuracy", "date", "number"}
    assert by_kind(claims[:2]) == {}


def test_without_held_out_documents_there_are_no_figures() -> None:
    assert accuracies(checker(), []) == {}


def test_without_the_document_is_the_same_model_given_nothing() -> None:
    model, passages = checker(), toy(3)
    blind = [
        Judged(pair.answer == "yes", "", probability(model, model.frame(""), pair.question))
        for passage in passages
        for pair in passage.pairs
    ]
    middle = sorted(each.probability for each in blind)
    threshold = (middle[len(middle) // 2] + middle[(len(middle) - 1) // 2]) / 2
    assert accuracies(model, passages)[BLIND] == pytest.approx(balanced_accuracy(blind, threshold=threshold))


def test_the_threshold_without_the_document_is_the_median(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ClaimChecker, "check", lambda *_: [[0.9, 0.1, 0.2, 0.15]])
    pairs = [ClaimPair(f"Claim {number}.", verdict) for number, verdict in enumerate(("yes", "no") * 2)]
    assert without_the_document(checker(), [Passage("It rained.", tuple(pairs))]) == {BLIND: 1.0}


def test_the_benchmark_checks_whole_documents(trained: Path, tmp_path: Path) -> None:
    held_out, output = write(tmp_path / "news.jsonl", [*NEWS, NEWS[0], "No claim here"]), tmp_path / "figures.json"
    command = [str(held_out), "--model", str(trained), "--device", "cpu", "-o", str(output)]
    assert CliRunner().invoke(benchmark, [*command, "--sentences", "1"]).exit_code == 0
    assert sum(json.loads(output.read_text())["claims"].values()) == 2 * 3
    done = CliRunner().invoke(benchmark, command)
    assert done.exit_code == 0, done.output
    figures = json.loads(output.read_text())
    assert (figures["model"], figures["documents"], figures["chunks"]) == ("tiny-factcc", 3, 3)
    assert sum(figures["claims"].values()) % 2 == 0
    kinds = set(figures["claims"])
    assert set(figures["accuracy"]) == {"balanced accuracy", BLIND, *kinds}
    assert f"balanced accuracy    {figures['accuracy']['balanced accuracy']:.1%}" in done.output


# ---- the metric


@pytest.fixture(scope="module")
def metric(trained: Path) -> FactCC:
    return FactCC(str(trained), device="cpu", settings=FactCCSettings(chunk=64, overlap=16))


GOOD = "The mayor resigned on Friday."


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("You need:\n- a signed form\n* 90 euros\n", ["You need:", "a signed form", "90 euros"]),
        ("1. Open the lid.\n2. Press the button\n(3) Wait", ["Open the lid.", "Press the button", "Wait"]),
        ("The rules\n\nNobody may enter. Nobody!", ["The rules", "Nobody may enter.", "Nobody!"]),
        ("All of them - on\nMonday - came.", ["All of them - on\nMonday - came."]),
        ("• \n ...", []),
        (
            "1. The mayor resigned on Tuesday. 2. The council voted to replace him. 3. Nobody objected.",
            ["The mayor resigned on Tuesday.", "The council voted to replace him.", "3. Nobody objected."],
        ),
        ("1912.", ["1912."]),
        ("+ Ask a doctor\na) First\n(B) Second\n* [x] done", ["Ask a doctor", "First", "Second", "done"]),
        ("e. coli did", ["e. coli did"]),
        ("||\n| |\nGood.\n```\n```\n~~~\nYes", ["Good.", "Yes"]),
        (
            "## Dosage\nAdults take **two** tablets.[1] Wait four hours\nbefore the next.",
            ["Dosage", "Adults take **two** tablets.[1]", "Wait four hours\nbefore the next."],
        ),
        ("#1 in\nthe charts", ["#1 in\nthe charts"]),
        ("| Plan | Price |\n|---|:--|\n| Gold | 90 euros |\nNo fee.", ["Plan | Price", "Gold | 90 euros", "No fee."]),
        ("> The mayor\n> resigned. He left.\nGood.", ["The mayor\n> resigned.", "He left.", "Good."]),
        ("Run\n```python\n# a\n\n- b = 1\n```\nIt stops.", ["Run", "# a\n\n- b = 1", "It stops."]),
        ("```x = 1``` sets it.", ["```x = 1``` sets it."]),
        ("~~~ The mayor resigned.\n~~~c++\nx = 1\n~~~", ["~~~ The mayor resigned.", "x = 1"]),
        ("He has `trophies' here. It is a `mark' of it.", ["He has `trophies' here.", "It is a `mark' of it."]),
        (
            "Catch `zephyr.TimeoutError` here. Go `on. It ends.",
            ["Catch `zephyr.TimeoutError` here.", "Go `on.", "It ends."],
        ),
        (
            "It fell.【1†source】 It rose in May.【2†source】",
            ["It fell.【1†source】", "It rose in May.【2†source】"],
        ),
        ("It fell.[3, 4] It rose in May.", ["It fell.[3, 4]", "It rose in May."]),
        ("It fell.[3-5][6] It rose in May.", ["It fell.[3-5][6]", "It rose in May."]),
        ("It fell.[^1] It rose in May. [2]", ["It fell.[^1]", "It rose in May. [2]"]),
        ("It fell. [1] It rose in May.", ["It fell. [1]", "It rose in May."]),
        (
            "● It fell\n○ It rose\n◦ One\n▪ Two\n■ Six\n· Ten\n✅ Done",
            ["It fell", "It rose", "One", "Two", "Six", "Ten", "Done"],
        ),
        ("It fell\n---\nIt rose\n* * *\nIt ended", ["It fell", "It rose", "It ended"]),
        (
            "**Price:** The fee is 36 euros. Rules:\nNobody may enter.",
            ["**Price:** The fee is 36 euros.", "Rules:", "Nobody may enter."],
        ),
    ],
)
def test_items_and_paragraphs_are_sentences_of_their_own(text: str, found: list[str]) -> None:
    (spans,) = sentences(load_pipeline(), [text])
    assert [text[span.start : span.end] for span in spans] == found


def test_finding_sentences_leaves_nothing_behind_and_may_be_done_by_several_at_once() -> None:
    pipeline = load_pipeline()
    known = {word.orth for word in pipeline.vocab}, len(pipeline.vocab.strings)
    texts = [f"Xqzv{n}a met Yqzv{n}b. They left Zqzv{n}c at noon." for n in range(40)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda text: sentences(pipeline, [text])[0], texts))
    assert [[text[span.start : span.end] for span in spans] for text, spans in zip(texts, found, strict=True)] == [
        [f"Xqzv{n}a met Yqzv{n}b.", f"They left Zqzv{n}c at noon."] for n in range(40)
    ]
    assert ({word.orth for word in pipeline.vocab}, len(pipeline.vocab.strings)) == known


def test_the_score_is_the_mean_over_sentences(metric: FactCC) -> None:
    summary = " The mayor resigned on Friday.  The chief resigned on Friday. ..."
    result = metric.score(GOOD, summary)
    assert (result.status, len(result.evidence), result.chunks) == (Status.OK, 2, 1)
    for piece in result.evidence:
        assert isinstance(piece, ClaimEvidence)
        assert piece.summary_span is not None
        assert summary[piece.summary_span.start : piece.summary_span.end] == (piece.doubted or piece.claim)
        assert piece.document_span == Span(0, len(GOOD))
        assert piece.score == pytest.approx(
            probability(metric.checker, metric.checker.frame(GOOD), piece.claim), abs=1e-4
        )
    assert result.value == pytest.approx(fmean(piece.score for piece in result.evidence))
    right, wrong = result.evidence
    assert right.score > 0.9 > 0.1 > wrong.score
    assert isinstance(right, ClaimEvidence)
    assert (right.doubted, right.instead) == ("", "")
    (worst,) = result.worst(1)
    assert worst == wrong


def test_what_is_wrong_is_named(metric: FactCC) -> None:
    claims = {
        "The chief resigned on Friday.": ("The chief", "The mayor"),
        "The mayor resigned on Monday.": ("Monday", "Friday"),
    }
    for claim, slip in claims.items():
        (piece,) = metric.score(GOOD, claim).evidence
        assert isinstance(piece, ClaimEvidence)
        assert (piece.doubted, piece.instead) == slip


@pytest.mark.parametrize(
    ("verdict", "slip"),
    [
        ("no: The chief / The mayor", Slip("The chief", "The mayor")),
        ("no: did not say / said", Slip("did not say", "said")),
        ("no:  The chief  /  the mayor ", Slip("The chief", "the mayor")),
        ("no: 4 May / ", Slip("4 May", "")),
        ("no: km / h / miles", Slip("km", "h / miles")),
        ("yes", None),
        ("no", None),
        ("no:  / Friday", None),
        ("nothing: a / b", None),
        ("no:   / the chief", None),
    ],
)
def test_what_a_verdict_names(verdict: str, slip: Slip | None) -> None:
    assert Slip.parse(verdict) == slip
    assert Slip.parse(f" {verdict}") == slip


@pytest.mark.parametrize(
    ("slip", "claim", "mended"),
    [
        (Slip("2.48", "1.24"), "The highest bid of £2.48bn was made.", "The highest bid of £1.24bn was made."),
        (Slip("1970", "1980"), "It came in the 1970s.", "It came in the 1980s."),
        (Slip("50", "52"), "It is the B50, not the B500.", "It is the B52, not the B500."),
        (
            Slip("15", "20"),
            "The 15km race had 15 runners.",
            "The 15km race had 20 runners.",
        ),  # rather a word of its own
        (Slip("2.48", "1.24"), "It cost 12.48 pounds.", "It cost 12.48 pounds."),
        (Slip("may", "will"), "The mayor left.", "The mayor left."),
    ],
)
def test_wrong_words_are_mended(slip: Slip, claim: str, mended: str) -> None:
    assert slip.mend(claim) == mended


def test_words_that_do_not_stand_in_claim_or_document_are_not_named(
    metric: FactCC, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = "The chief resigned on Friday."

    def evidence(words: str, mended: float = 0.9) -> ClaimEvidence:
        def check(_: ClaimChecker, texts: list[list[int]], claims: list[list[str]]) -> list[list[float]]:
            return [[0.25 if one == claim else mended for one in group] for group in claims]

        with monkeypatch.context() as patch:
            patch.setattr(ClaimChecker, "decode", lambda *_: words)  # what is written after "no:"
            patch.setattr(ClaimChecker, "check", check)
            (piece,) = metric.score(GOOD, claim).evidence
        assert isinstance(piece, ClaimEvidence)
        return piece

    named, place = evidence(" Chief / mayor"), GOOD.index("mayor")
    assert (named.doubted, named.instead, named.summary_span) == ("chief", "mayor", Span(4, 9))
    assert named.document_span == Span(place, place + 5)
    half = evidence(" chief / governor")
    assert (half.doubted, half.instead, half.summary_span) == ("chief", "", Span(4, 9))
    assert half.document_span == Span(0, len(GOOD))
    for none in (evidence(" governor / mayor"), evidence(" chief / chief"), evidence(" chief / mayor", mended=0.3)):
        assert (none.doubted, none.instead, none.summary_span) == ("", "", Span(0, len(claim)))


def test_results_do_not_depend_on_order_or_company(metric: FactCC) -> None:
    texts = [f"{name} resigned on {day}." for name in NAMES for day in DAYS]
    rows = [(one, other + " " + one) for one in texts[:4] for other in texts[2:7]]
    documents, summaries = [list(column) for column in zip(*rows, strict=True)]
    together = metric.score(documents, summaries)
    backward = metric.score(documents[::-1], summaries[::-1])[::-1]
    alone = [metric.score(*row) for row in rows]
    for one, two, three in zip(together, backward, alone, strict=True):
        assert one.value == pytest.approx(two.value, abs=1e-4)
        assert one.value == pytest.approx(three.value, abs=1e-4)


def test_what_is_wrong_is_asked_at_once(metric: FactCC, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[list[list[int]], list[list[str]]]] = []
    plain = ClaimChecker.slips

    def noted(model: ClaimChecker, texts: list[list[int]], claims: list[list[str]]) -> Any:
        asked.append((texts, claims))
        return plain(model, texts, claims)

    monkeypatch.setattr(ClaimChecker, "slips", noted)
    monkeypatch.setattr(ClaimChecker, "check", lambda _, texts, claims: [[0.25] * len(group) for group in claims])
    documents = [GOOD, GOOD, "Nobody said anything. " + GOOD]
    metric.score(documents, [GOOD + " Nobody was hurt.", "Nobody came.", "It rained. It snowed."])
    ((texts, claims),) = asked
    assert len(texts) == len({tuple(text) for text in texts}) == 2
    assert [len(group) for group in claims] == [3, 2]


def test_long_documents_are_read_in_chunks(metric: FactCC) -> None:
    document = "Nothing else was said about it in town. " * 8 + GOOD + " More was said of the rain." * 8
    result = metric.score(document, GOOD)
    assert result.chunks > 3
    assert result.reason == f"document read in {result.chunks} overlapping chunks; each sentence takes its best"
    (parts,) = chunks(metric.checker, [document], 64, 16)
    values = [probability(metric.checker, part.ids, GOOD) for part in parts]
    (piece,) = result.evidence
    assert piece.score == pytest.approx(max(values), abs=1e-4)
    assert piece.document_span == parts[values.index(max(values))].span


@pytest.mark.parametrize(
    ("document", "summary", "status", "reason"),
    [
        ("", GOOD, Status.EMPTY_DOCUMENT, "document is empty"),
        (GOOD, " \n", Status.EMPTY_SUMMARY, "summary is empty"),
        (GOOD, "... !", Status.EMPTY_SUMMARY, "no words"),
        (GOOD, "市長は金曜日に辞任した。", Status.UNSUPPORTED_SCRIPT, "not Latin"),
        (GOOD, "very " * 500 + "good", Status.SUMMARY_TOO_LONG, "the model reads at most 397 beside a chunk"),
        (GOOD, "a" * 1_000_001, Status.SUMMARY_TOO_LONG, "spaCy reads at most"),
        (GOOD, "Half \ud83d of a pair", Status.ERROR, "surrogate"),
    ],
    ids=lambda value: value if isinstance(value, Status) else "",
)
def test_what_cannot_be_scored_has_a_status_and_a_reason(
    metric: FactCC, document: str, summary: str, status: Status, reason: str
) -> None:
    bad, good = metric.score([document, GOOD], [summary, GOOD])
    assert (bad.status, bad.value, bad.evidence) == (status, None, ())
    assert reason in bad.reason
    assert good.value is not None


def test_evidence_goes_to_a_file_and_back(metric: FactCC) -> None:
    row = Row({"document": GOOD, "summary": GOOD}, "a.jsonl", 1, GOOD, GOOD)
    score = metric.score(GOOD, GOOD)
    written = json.loads(json.dumps(output_row(row, score, explain=True)))
    (piece,) = written["evidence"]
    assert set(piece) == {"score", "summary_span", "document_span", "claim", "doubted", "instead"}
    assert score_from_dict(written) == score


def test_signature_names_model_pipeline_and_settings(metric: FactCC) -> None:
    start = f"metric:factcc|model:tiny-factcc|revision:{metric.checker.revision}|spacy:en_core_web_sm"
    assert metric.signature.startswith(start)
    assert metric.signature.endswith(f"|chunk:64/16|dtype:float32|version:{quals.__version__}")


def test_the_registry_knows_factcc(trained: Path) -> None:
    small = FactCCSettings(chunk=64, overlap=16)
    assert isinstance(registry.load("factcc", model=str(trained), device="cpu", settings=small), FactCC)
    with pytest.raises(ModelError, match="no model 'factcc-large'"):
        registry.load("factcc", model="factcc-large")
    with pytest.raises(ModelError, match=r"was trained for factcc, not to write question-answer pairs \(qagen\)"):
        quals.Quals(str(trained))
    with pytest.raises(InputError, match="overlap"):
        FactCCSettings(chunk=10, overlap=10)
    with pytest.raises(InputError, match="chunk: 500 tokens of text and 112 written after it are more than"):
        FactCC(checker(), settings=FactCCSettings(chunk=500))
