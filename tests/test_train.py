"""Training QAGen for real on tiny models, and QUALS end to end with what comes out."""

from __future__ import annotations

import itertools
import json
import random
import shutil
import socket
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from safetensors import SafetensorError
from tiny import plain_log_probs, save_tiny, tiny_pretrained

import quals
from quals.errors import InputError, ModelError, QualsError
from quals.lm import store
from quals.lm.chunks import chunks
from quals.lm.load import load_pretrained
from quals.lm.search import SearchSettings
from quals.metrics import registry
from quals.metrics.quals import QualsSettings
from quals.qagen.model import QAGen
from quals.training.data import Pair, Passage
from quals.training.held_out import held_out_loss
from quals.training.settings import TrainSettings
from quals.training.train import save_half, train_model

DAYS, NAMES = ("Monday", "Tuesday", "Friday"), ("The mayor", "The chief", "The owner")
FAST = {"contexts": 1200, "crop": 0.0, "learning_rate": 1e-2, "batch": 8, "micro_batch": 8, "device": "cpu"}
SEARCH = SearchSettings(groups=12, min_length=2, max_length=24)


def passages(count: int, seed: int = 0) -> list[Passage]:
    """One-sentence texts about who did it and when, to be learnt by heart."""
    chance, made = random.Random(seed), []
    for _ in range(count):
        name, day = chance.choice(NAMES), chance.choice(DAYS)
        text = f"{name} resigned on {day}."
        made.append(Passage(text, (Pair("Who resigned?", name, 0), Pair("When?", day, text.index(day)))))
    return made


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def trained(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    settings = TrainSettings(model=str(base), lora_rank=0, evaluate_every=75, **FAST)
    train_model(QAGen, passages(9), passages(5, seed=1), folder, settings)
    return folder


@pytest.fixture(scope="module")
def metric(trained: Path) -> quals.Quals:
    return quals.Quals(str(trained), device="cpu", settings=QualsSettings(search=SEARCH, chunk=400))


def test_training_teaches_and_is_recorded(trained: Path) -> None:
    history = [json.loads(line) for line in (trained / "history.jsonl").read_text().splitlines()]
    assert [record["contexts"] for record in history] == [600, 1200]
    assert history[-1]["both"] < 0.7  # a uniform guess is ln 380 = 5.9
    assert history[-1]["samples"][0]["pairs"]
    card = (trained / "README.md").read_text()
    assert f"| 1200 | {history[-1]['hours']:.3f} | {history[-1]['both']:.3f} |" in card
    assert "| learning_rate | 0.01 |" in card
    qagen = QAGen.load(str(trained), device="cpu")
    # Half precision on disk moves the loss by little.
    assert held_out_loss(qagen, passages(5, seed=1)).both == pytest.approx(history[-1]["both"], abs=0.01)


@pytest.mark.parametrize("kind", ["llama", "bart"])
def test_adapters_resume_after_a_kill(kind: str, tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "base", kind)
    short = FAST | {"contexts": 64, "model": str(base), "lora_rank": 4, "save_every": 3, "evaluate_every": 4}
    settings = TrainSettings(**short)
    whole = train_model(QAGen, passages(9), passages(2), tmp_path / "whole", settings)
    stopped = tmp_path / "stopped"
    train_model(QAGen, passages(9), passages(2), stopped, settings)
    # As if the run had died between its checkpoints at steps 6 and 8: neither result nor last checkpoint.
    newest = max((stopped / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.split("-")[1]))
    for file in [*newest.iterdir(), *(path for path in stopped.iterdir() if path.is_file())]:
        file.unlink()
    newest.rmdir()
    again = train_model(QAGen, passages(9), passages(2), stopped, settings)
    for one, other in zip(whole.lm.model.parameters(), again.lm.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, atol=2e-4, rtol=2e-3)
    loaded = QAGen.load(str(stopped), device="cpu")
    assert held_out_loss(loaded, passages(3)).both == pytest.approx(held_out_loss(whole, passages(3)).both, abs=0.01)


def test_training_an_adapter_asks_nobody_for_its_base(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That goes by a name of ours, as the embedded one does, which stands in what is saved."""
    asked: list[Any] = []

    def refuse(*place: Any, **_: Any) -> None:
        asked.append(place)
        raise OSError("the network was touched")

    resolve = store.resolve
    monkeypatch.setattr(store, "resolve", lambda name: base if name == "our-base" else resolve(name))
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    first, further = tmp_path / "first", tmp_path / "further"
    for folder, start in ((first, "our-base"), (further, str(first))):
        settings = TrainSettings(**FAST | {"contexts": 16, "model": start, "lora_rank": 4})
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            train_model(QAGen, passages(9), [], folder, settings)
        assert not [str(each.message) for each in warned if "our-base" in str(each.message)]
        for saved in (folder, *folder.glob("checkpoints/checkpoint-*")):
            config = json.loads((saved / "adapter_config.json").read_text())
            assert config["base_model_name_or_path"] == "our-base"
    assert not asked


def test_nothing_to_train_on_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no question-answer pairs"):
        train_model(QAGen, [], [], tmp_path, TrainSettings())


def test_a_disk_that_fills_up_at_the_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise SafetensorError("I/O error: No space left on device (os error 28)")

    pretrained = tiny_pretrained("llama")
    monkeypatch.setattr(pretrained.model, "save_pretrained", full)
    with pytest.raises(QualsError, match=r"the model cannot be written: .*No space left"):
        save_half(pretrained, tmp_path)


def test_a_model_without_a_card_is_refused(base: Path) -> None:
    with pytest.raises(ModelError, match=r"has no quals.json: it was not trained by 'quals train'"):
        quals.Quals(str(base))


def test_a_swapped_fact_scores_lower(metric: quals.Quals) -> None:
    document = "The mayor resigned on Friday."
    right, wrong = metric.score([document] * 2, [document, "The chief resigned on Friday."])
    assert right.value == pytest.approx(0, abs=1e-4)  # the same text on both sides
    assert wrong.value is not None
    assert wrong.value < -0.2
    (worst,) = wrong.worst(1)
    assert (worst.question, worst.answer) == ("Who resigned?", "The chief")


def test_the_score_is_the_formula(metric: quals.Quals) -> None:
    document, summary = "The owner resigned on Monday.", "The mayor resigned on Monday."
    result = metric.score(document, summary)
    assert result.status is quals.Status.OK
    expected = []
    for pair in metric.pairs([summary])[0]:
        means = []
        for text in (document, summary):
            log_probs = plain_log_probs(metric.qagen.lm, metric.qagen.frame(text), list(pair.tokens))
            means.append(float(log_probs[:-1].gather(1, torch.tensor(pair.tokens)[:, None]).mean()))
        expected.append(means[0] - means[1])
    assert [piece.score for piece in result.evidence] == pytest.approx(expected, abs=1e-4)
    assert result.value == pytest.approx(fmean(expected), abs=1e-4)
    for piece in result.evidence:
        assert isinstance(piece, quals.PairEvidence)
        assert summary[piece.summary_span.start : piece.summary_span.end].casefold() == piece.answer.casefold()
        assert len(piece.tokens) == len(piece.summary_logprobs) == len(piece.document_logprobs)


def test_reference_compatibility_biases_the_summary_side(trained: Path) -> None:
    settings = QualsSettings(search=replace(SEARCH, strength=2.0), chunk=400, compatibility="reference")
    reference = quals.Quals(str(trained), device="cpu", settings=settings)
    # Two pairs about two people begin alike: the second to be found has paid for what they share.
    document = "The mayor resigned on Friday. The chief resigned on Monday."
    result = reference.score(document, " " + document)
    assert result.value is not None
    assert result.value > 1  # the penalty makes the summary look less likely than the same text as document
    assert "compatibility:reference" in result.signature


def test_reference_compatibility_cuts_documents(trained: Path) -> None:
    settings = QualsSettings(search=SEARCH, chunk=30, overlap=5)
    clean = quals.Quals(str(trained), device="cpu", settings=settings)
    cut = quals.Quals(clean.qagen, settings=replace(settings, compatibility="reference"))
    fact, rest = "The mayor resigned on Friday.", "It rained in town all day. " * 20
    assert cut.score(fact, fact).reason == ""
    found = [cut.score(document, fact) for document in (f"{fact} {rest}", f"{rest} {fact}")]
    assert [(score.chunks, score.reason) for score in found] == [(1, "the document was cut to its first 30 tokens")] * 2
    assert clean.score(f"{rest} {fact}", fact).chunks > 3
    for score in found:
        (span,) = {piece.document_span for piece in score.evidence}
        assert span is not None
        assert (span.start, 30 < span.end < 150) == (0, True)


def test_all_files_of_a_model_may_be_read_by_others(trained: Path) -> None:
    modes = {path.stat().st_mode & 0o777 for path in trained.iterdir() if path.is_file()}
    assert modes == {(trained / "quals.json").stat().st_mode & 0o777}


def test_a_damaged_card_is_named(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "model")
    (tmp_path / "model" / "quals.json").write_text('{"task": "qagen"}')
    with pytest.raises(ModelError, match=r"the quals\.json of '.*model' lacks 'format'"):
        quals.Quals(str(tmp_path / "model"))


@pytest.mark.parametrize("column", [pa.array, lambda texts: pa.chunked_array([texts[:1], texts[1:]]), np.array])
def test_columns_of_tables_will_do(metric: quals.Quals, column: Callable[[list[str]], Any]) -> None:
    documents, summaries = ["The mayor resigned on Friday.", "The chief left."], ["The mayor resigned.", "He left."]
    values = [score.value for score in metric.score(documents, summaries)]
    assert [score.value for score in metric.score(column(documents), column(summaries))] == values


def test_results_do_not_depend_on_order_or_company(metric: quals.Quals) -> None:
    rows = [(a.context, b.context) for a in passages(4, seed=2) for b in passages(3, seed=3)]
    documents, summaries = [list(column) for column in zip(*rows, strict=True)]
    together = metric.score(documents, summaries)
    backward = metric.score(documents[::-1], summaries[::-1])[::-1]
    alone = [metric.score(*row) for row in rows]
    for one, two, three in zip(together, backward, alone, strict=True):
        assert one.value == pytest.approx(two.value, abs=1e-4)
        assert one.value == pytest.approx(three.value, abs=1e-4)
        assert len(one.evidence) == len(two.evidence) == len(three.evidence)


def test_long_documents_are_read_in_chunks(trained: Path) -> None:
    fact = "The mayor resigned on Friday."
    document = "  " + "Nothing else was said about it in town. " * 12 + fact + " More was said of the rain." * 12
    whole = quals.Quals(str(trained), device="cpu", settings=QualsSettings(search=SEARCH, chunk=40, overlap=12))
    result = whole.score(document, fact)
    assert result.chunks > 3
    assert result.reason == f"document read in {result.chunks} overlapping chunks; each pair takes its best"
    (parts,) = chunks(whole.qagen, [document], 40, 12)
    spans = [chunk.span for chunk in parts]
    assert document[spans[0].start : spans[-1].end] == document.strip()
    assert all(left.end > right.start for left, right in itertools.pairwise(spans))
    # A pair's best chunk is at least as good as any other.
    for piece in result.evidence:
        assert isinstance(piece, quals.PairEvidence)
        pair = next(p for p in whole.pairs([fact])[0] if (p.question, p.answer) == (piece.question, piece.answer))
        scores = [fmean(whole.qagen.lm.log_probs([c.ids], [[pair.tokens]])[0][0]) for c in parts]
        assert fmean(piece.document_logprobs) == pytest.approx(max(scores), abs=1e-4)


GOOD = "The mayor resigned on Friday."


@pytest.mark.parametrize(
    ("document", "summary", "status"),
    [
        ("", GOOD, quals.Status.EMPTY_DOCUMENT),
        (GOOD, " \n\t", quals.Status.EMPTY_SUMMARY),
        ("Мэр ушёл в отставку.", GOOD, quals.Status.UNSUPPORTED_SCRIPT),
        (GOOD, "市長は金曜日に辞任した。", quals.Status.UNSUPPORTED_SCRIPT),
        (GOOD, GOOD * 90, quals.Status.SUMMARY_TOO_LONG),
        (GOOD, "Half \ud83d of a pair", quals.Status.ERROR),
        (GOOD, "x 7", quals.Status.NO_PAIRS),
        (GOOD, "?! \N{GRINNING FACE}", quals.Status.EMPTY_SUMMARY),
        ("...", GOOD, quals.Status.EMPTY_DOCUMENT),
    ],
    ids=lambda value: value if isinstance(value, quals.Status) else "",
)
def test_what_cannot_be_scored_has_a_status_and_a_reason(
    metric: quals.Quals, document: str, summary: str, status: quals.Status
) -> None:
    bad, good = metric.score([document, GOOD], [summary, GOOD])
    assert (bad.status, bad.value, bad.evidence) == (status, None, ())
    assert bad.reason
    assert good.status is quals.Status.OK


def test_a_document_may_be_a_list_of_passages(metric: quals.Quals) -> None:
    passages = [["The mayor resigned.", "He left on 3 May."], []]
    assert metric.score(passages, [GOOD, GOOD]) == metric.score(["\n\n".join(each) for each in passages], [GOOD, GOOD])


def test_misuse_is_an_input_error(metric: quals.Quals) -> None:
    with pytest.raises(InputError, match="summaries: 1 of them for 2 documents"):
        metric.score(["a", "b"], ["c"])
    for summaries, found in ((["c"], "a list of texts"), (None, "null")):
        with pytest.raises(InputError, match=f"^summaries: expected one text, as the document is, found {found}$"):
            metric.score("a", summaries)
    with pytest.raises(InputError, match=r"^documents: expected texts, found a list with int at place 1 at place 0$"):
        metric.score([["a", 3]], ["c"])  # type: ignore[list-item]
    for documents, summaries, field in ((["a"], "c", "summaries"), (None, "c", "documents")):
        with pytest.raises(InputError, match=f"^{field}: expected a sequence of texts"):
            metric.score(documents, summaries)
    with pytest.raises(InputError, match=r"^documents: expected a sequence of texts"):
        metric.score(1, 2)
    for strange, found in ((None, "null"), (float("nan"), "float"), (["c"], "a list of texts")):
        with pytest.raises(InputError, match=f"^summaries: expected texts, found {found} at place 1"):
            metric.score(["a", "b"], ["c", strange])
    with pytest.raises(InputError, match="overlap"):
        QualsSettings(chunk=10, overlap=10)
    for wrong in ("3", None, 2.5, True):
        with pytest.raises(InputError, match=f"pairs: expected a whole number, found '{wrong}'"):
            QualsSettings(pairs=wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="search: expected SearchSettings"):
        QualsSettings(search={"groups": 3})  # type: ignore[arg-type]
    with pytest.raises(InputError, match="settings: expected QualsSettings, found "):
        quals.Quals(settings={"pairs": 3})  # type: ignore[arg-type]
    assert type(QualsSettings(pairs=np.int64(3)).pairs) is int  # type: ignore[arg-type]
    with pytest.raises(InputError, match="neither clean nor reference"):
        QualsSettings(compatibility="other")  # type: ignore[arg-type]
    assert metric.score([], []) == []


def test_settings_by_name(trained: Path) -> None:
    search: dict[str, Any] = {
        "search.groups": 12,
        "search.min_length": 2,
        "search.max_length": 24,
        "search.strength": 1,
    }
    made = registry.load("quals", model=str(trained), device="cpu", chunk=99, pairs=3, **search)
    assert isinstance(made, quals.Quals)
    assert made.settings == QualsSettings(search=replace(SEARCH, strength=1.0), pairs=3, chunk=99)
    assert "|beams:12|diversity:1.0|length:2-24|pairs:3|chunk:99/64|" in made.signature
    base = QualsSettings(search=SEARCH, chunk=99)
    changed = registry.load("quals", model=made.qagen, settings=base, overlap=7)
    assert isinstance(changed, quals.Quals)
    assert changed.settings == replace(base, overlap=7)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"pairs": 0}, "pairs: must be at least 1"),
        ({"pairs": 2.5}, r"pairs: expected a whole number, found '2.5'"),
        ({"chunk": 30, "overlap": 30}, "overlap: must be at least 0 and below chunk"),
        ({"search.groups": True}, "groups: expected a whole number, found 'True'"),
        (
            {"serch.groups": 3},
            r"no setting of quals 'serch.groups'; did you mean 'search.groups'\? \(known: model, d",
        ),
        ({"dtype": "half"}, "dtype: 'half' is none of"),
    ],
)
def test_wrong_settings_by_name(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        registry.load("quals", **settings)


def test_what_does_not_fit_the_model_is_told_at_once(trained: Path, metric: quals.Quals) -> None:
    with pytest.raises(InputError, match=r"chunk: 512 tokens of text and 24 written after it are more than .* 512"):
        quals.Quals(metric.qagen, settings=QualsSettings(search=SEARCH))
    with pytest.raises(InputError, match="dtype: 'int3' is none of float32, bfloat16, float16"):
        quals.Quals(str(trained), dtype="int3")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("model.safetensors", None, "cannot load the model"),  # as after a copy that broke off
        ("quals.json", None, "quals.json: no JSON"),
        ("quals.json", "[]", "quals.json: no JSON object"),
        ("adapter_config.json", "{}", "adapter_config.json: names no base model"),
    ],
)
def test_a_damaged_model_is_told(trained: Path, tmp_path: Path, name: str, content: str | None, message: str) -> None:
    damaged = shutil.copytree(trained, tmp_path / "damaged")
    whole = (trained / name).read_bytes() if content is None else b""
    (damaged / name).write_bytes(whole[: len(whole) // 2] if content is None else content.encode())
    with pytest.raises(ModelError, match=message):
        quals.Quals(str(damaged), device="cpu")


def test_half_precision_is_told_by_the_signature(trained: Path, metric: quals.Quals) -> None:
    rounded = quals.Quals(str(trained), device="cpu", dtype="bfloat16", settings=metric.settings)
    assert rounded.signature == metric.signature.replace("dtype:float32", "dtype:bfloat16")
    text = "The mayor resigned on Friday. Police said so."
    exact, found = (each.score(text, "The mayor resigned on Friday.").value for each in (metric, rounded))
    assert found is not None
    assert found == pytest.approx(exact, abs=0.5)


def test_models_in_memory_are_told_apart(trained: Path) -> None:
    pretrained, form = load_pretrained(str(trained)), QAGen.load(str(trained)).form
    assert QAGen.of(pretrained, form).revision != QAGen.of(pretrained, form).revision


def test_signature_tells_settings_apart(metric: quals.Quals) -> None:
    assert metric.signature.startswith("metric:quals|model:tiny|revision:")
    assert metric.signature.endswith(f"|version:{quals.__version__}")
    other = quals.Quals(metric.qagen, settings=QualsSettings(search=SEARCH, chunk=99))
    assert other.signature == metric.signature.replace("chunk:400/64", "chunk:99/64")
