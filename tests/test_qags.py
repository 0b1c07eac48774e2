"""QAGS whole, on tiny models that learnt to ask and answer by heart, against the plain pipeline."""

from __future__ import annotations

import json
import random
import sys
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest
import torch
from click.testing import CliRunner
from tiny import DECODERS, SEQ2SEQ, plain_log_probs, save_tiny, tiny_pretrained

import quals
from quals.errors import InputError, ModelError
from quals.lm.beam import BeamSettings
from quals.lm.format import PairFormat
from quals.lm.framed import PairModel
from quals.metrics import registry
from quals.metrics.qags import Qags, QagsSettings
from quals.qags.answer import QuestionAnswerer
from quals.qags.questions import QuestionGenerator
from quals.qags.train import train_answerer
from quals.records import QuestionEvidence, Span, Status
from quals.training.data import Pair, Passage
from quals.training.settings import AnswerTrainSettings, TrainSettings
from quals.training.train import train_model

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from qa import measure
from qags_plain import PlainQags, generate
from speed import speed

DAYS, NAMES, TOWNS = ("Monday", "Tuesday", "Friday"), ("The mayor", "The chief", "The owner"), ("Paris", "London")
FAST = {"crop": 0.0, "learning_rate": 1e-2, "batch": 8, "micro_batch": 8, "device": "cpu", "lora_rank": 0}
SETTINGS = QagsSettings(search=BeamSettings(width=4, max_length=20))


def passages(count: int, seed: int = 0) -> list[Passage]:
    """Texts that say who resigned, and either when or where, to be learnt by heart."""
    chance, made = random.Random(seed), []
    for _ in range(count):
        name, day, town = chance.choice(NAMES), chance.choice(DAYS), chance.choice(TOWNS)
        when = chance.random() < 0.5
        text = f"{name} resigned on {day}." if when else f"{name} resigned in {town}."
        other = ("When was that?", day) if when else ("Where was that?", town)
        pairs = [("Who has resigned?", name), other]
        made.append(Passage(text, tuple(Pair(question, answer, text.index(answer)) for question, answer in pairs)))
    return made


def untrained(kind: type[PairModel], architecture: str) -> PairModel:
    pretrained = tiny_pretrained(architecture)
    return kind.of(pretrained, PairFormat.choose(pretrained.tokenizer, encoder_decoder=pretrained.encoder_decoder))


@pytest.mark.parametrize("architecture", [*DECODERS, *SEQ2SEQ])
def test_questions_are_those_of_transformers_own_beam_search(architecture: str) -> None:
    generator = untrained(QuestionGenerator, architecture)
    texts = ["The mayor resigned on 3 May.", "Police said that two people were hurt."]
    wanted = [["The mayor", "3 May"], ["Police"]]
    for settings in (BeamSettings(width=4, max_length=6), BeamSettings(width=3, min_length=3, max_length=9)):
        found = generator.complete([generator.frame(text) for text in texts], wanted, settings)
        for text, answers, group in zip(texts, wanted, found, strict=True):
            for answer, hypotheses in zip(answers, group, strict=True):
                plain = generate(generator, generator.frame(text), answer, settings)
                assert [list(hypothesis.tokens) for hypothesis in hypotheses] == [tokens for tokens, _ in plain]
                for hypothesis, (_, log_probs) in zip(hypotheses, plain, strict=True):
                    assert hypothesis.log_probs == pytest.approx(log_probs, abs=1e-4)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def generator(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-qg"
    settings = TrainSettings(model=str(base), contexts=800, evaluate_every=100, **FAST)
    train_model(QuestionGenerator, passages(30), passages(5, seed=1), folder, settings)
    return folder


@pytest.fixture(scope="module")
def answerer(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-qa"
    settings = AnswerTrainSettings(model=str(base), contexts=1600, evaluate_every=200, **FAST)
    train_answerer(passages(30), passages(8, seed=1), folder, settings)
    return folder


@pytest.fixture(scope="module")
def metric(generator: Path, answerer: Path) -> Qags:
    return Qags(str(generator), str(answerer), device="cpu", settings=SETTINGS)


def test_the_question_generator_learns_questions_only(generator: Path) -> None:
    last = json.loads((generator / "history.jsonl").read_text().splitlines()[-1])
    assert last["answer"] is None
    assert last["question"] == last["both"] < 0.2
    assert json.loads((generator / "quals.json").read_text())["task"] == "qg"
    card = (generator / "README.md").read_text()
    assert "`quals train qg`" in card
    assert "question tokens" in card
    assert "answer tokens" not in card


def test_the_answerer_answers_and_says_when_there_is_no_answer(answerer: Path) -> None:
    model = QuestionAnswerer.load(str(answerer), device="cpu")
    texts = ["The mayor resigned on Friday.", "The chief resigned in Paris."]
    asked = ["Who has resigned?", "When was that?", "Where was that?"]
    found = model.answer([model.frame(text) for text in texts], [asked, asked])
    assert [[answer.text for answer in group] for group in found] == [
        ["The mayor", "Friday", ""],
        ["The chief", "", "Paris"],
    ]


def test_an_answers_log_probability_is_the_models(answerer: Path) -> None:
    model = QuestionAnswerer.load(str(answerer), device="cpu")
    text = model.frame("The mayor resigned on Friday.")
    ((answer,),) = model.answer([text], [["When was that?"]])
    target = model.target("When was that?", "Friday")
    log_probs = plain_log_probs(model.lm, text, target)[:-1].gather(1, torch.tensor(target)[:, None])
    assert answer.log_prob == pytest.approx(float(log_probs[target.index(model.form.separator) + 1 :].sum()), abs=1e-4)


def test_a_text_in_parts_gives_its_best_answer(answerer: Path) -> None:
    model = QuestionAnswerer.load(str(answerer), device="cpu")
    parts = [model.frame(text) for text in ("The mayor resigned in Paris.", "The mayor resigned on Friday.")]
    (found,) = model.answer_in_parts([parts], [["When was that?", "Where was that?"]])
    assert [(answer.text, part) for answer, part in found] == [("Friday", 1), ("Paris", 0)]


def test_a_swapped_fact_scores_lower(metric: Qags) -> None:
    document = "The mayor resigned on Friday."
    right, wrong = metric.score([document] * 2, [document, "The chief resigned on Friday."])
    assert right.value == 1.0
    assert wrong.value is not None
    assert 0 < wrong.value < 1
    about_name = QuestionEvidence(
        0.0, Span(0, 9), Span(0, 9), "Who has resigned?", "The chief", "The chief", "The mayor"
    )
    assert about_name in wrong.evidence
    for piece in wrong.evidence:
        assert isinstance(piece, QuestionEvidence)
        assert (piece.expected_answer, piece.score) in (("The chief", 0.0), ("Friday", 1.0))


def test_a_document_without_the_answer_scores_nothing(metric: Qags) -> None:
    result = metric.score("The mayor resigned in Paris.", "The mayor resigned on Friday.")
    missing = next(piece for piece in result.evidence if isinstance(piece, QuestionEvidence) and piece.score == 0)
    assert (missing.expected_answer, missing.document_answer, missing.document_span) == ("Friday", "", None)


def all_rows() -> tuple[list[str], list[str]]:
    rows = [(one.context, other.context) for one in passages(3, seed=2) for other in passages(3, seed=3)]
    rows.append((" ".join(one.context for one in passages(6, seed=4)), "The chief resigned in London."))
    documents, summaries = zip(*rows, strict=True)
    return list(documents), list(summaries)


def test_results_do_not_depend_on_order_or_company(metric: Qags) -> None:
    documents, summaries = all_rows()
    together = metric.score(documents, summaries)
    backward = metric.score(documents[::-1], summaries[::-1])[::-1]
    alone = [metric.score(*row) for row in zip(documents, summaries, strict=True)]
    assert together == backward == alone
    assert len({result.value for result in together}) > 2


@pytest.mark.parametrize("chunk", [384, 20])
def test_scores_are_those_of_the_plain_pipeline(metric: Qags, chunk: int) -> None:
    settings = QagsSettings(search=SETTINGS.search, chunk=chunk, overlap=8)
    batched = Qags(metric.generator, metric.answerer, settings=settings)
    documents, summaries = all_rows()
    results = batched.score(documents, summaries)
    assert (max(result.chunks for result in results) > 3) is (chunk == 20)
    plain = PlainQags(batched)
    assert [result.value for result in results] == [plain.score(*row) for row in zip(documents, summaries, strict=True)]


def test_the_plain_benchmark_compares_both(generator: Path, answerer: Path, tmp_path: Path) -> None:
    news, output = tmp_path / "news.jsonl", tmp_path / "figures.json"
    documents, summaries = all_rows()
    rows = [{"document": document, "summary": summary} for document, summary in zip(documents, summaries, strict=True)]
    news.write_text("".join(json.dumps(row) + "\n" for row in rows))
    models = ["--question-model", str(generator), "--answer-model", str(answerer), "--device", "cpu"]
    done = CliRunner().invoke(
        speed, [str(news), "--systems", "qags,qags-plain", *models, "--rows", "2", "-o", str(output)]
    )
    assert done.exit_code == 0, done.output
    assert "equal scores for 2 of 2 rows" in done.output
    figures = json.loads(output.read_text())
    ours, plain = figures["systems"]["qags"], figures["systems"]["qags-plain"]
    assert ours["scores"] == pytest.approx(plain["scores"], abs=1e-4)
    assert ours["tokens_per_summary"] < plain["tokens_per_summary"]
    assert figures["rows"] == 2


def test_the_answering_benchmark(answerer: Path) -> None:
    model = QuestionAnswerer.load(str(answerer), device="cpu")
    made = {passage.context: passage for passage in passages(40, seed=5)}
    held_out = list(made.values())
    figures = measure(model, held_out, count=20)
    assert (figures["questions"], figures["unanswerable"]) == (20, 20)
    assert figures["f1"] == figures["exact_match"] == figures["answered"] == 1.0
    assert figures["refused"] >= 0.9
    assert figures["accuracy"] == (1 + figures["refused"]) / 2
    # Where half of the golden answers are wrong, so are half of the model's.
    wrong = [replace(each, pairs=(each.pairs[0], replace(each.pairs[1], answer="nobody"))) for each in held_out]
    figures = measure(model, wrong, count=1000)
    assert figures["exact_match"] == 0.5
    assert figures["answered"] == 1.0
    with pytest.raises(InputError, match="no question that one of these contexts does not answer"):
        measure(model, held_out[:1], count=5)


def test_the_score_is_the_mean_over_questions(metric: Qags) -> None:
    documents, summaries = all_rows()
    for result in metric.score(documents, summaries):
        if result.status is Status.OK:
            assert result.value == fmean(piece.score for piece in result.evidence)
            assert 0 < len(result.evidence) <= SETTINGS.questions


def test_long_documents_are_read_in_chunks(metric: Qags) -> None:
    settings = QagsSettings(search=SETTINGS.search, chunk=20, overlap=8)
    fact = "The mayor resigned on Friday."
    document = "  The chief resigned in Paris. The chief resigned in Paris. " + fact
    result = Qags(metric.generator, metric.answerer, settings=settings).score(document, fact)
    assert result.chunks > 1
    assert result.reason == f"document read in {result.chunks} overlapping chunks; the most probable answer counts"
    for piece in result.evidence:
        assert isinstance(piece, QuestionEvidence)
        if piece.document_span:
            place = document[piece.document_span.start : piece.document_span.end]
            assert piece.document_answer.casefold() in place.casefold()


GOOD = "The mayor resigned on Friday."


@pytest.mark.parametrize(
    ("document", "summary", "status", "reason"),
    [
        ("", GOOD, Status.EMPTY_DOCUMENT, "document is empty"),
        (GOOD, " \n", Status.EMPTY_SUMMARY, "summary is empty"),
        (GOOD, "市長は金曜日に辞任した。", Status.UNSUPPORTED_SCRIPT, "not Latin"),
        (GOOD, GOOD * 90, Status.SUMMARY_TOO_LONG, "'tiny-qg' reads at most"),
        (GOOD, "Half \ud83d of a pair", Status.ERROR, "surrogate"),
        (GOOD, "It did.", Status.NO_QUESTIONS, "no entity and no noun chunk"),
        (GOOD, "Two dogs saw a cat.", Status.NO_QUESTIONS, "answers chosen from the summary is answered so"),
    ],
    ids=lambda value: value if isinstance(value, Status) else "",
)
def test_what_cannot_be_scored_has_a_status_and_a_reason(
    metric: Qags, document: str, summary: str, status: Status, reason: str
) -> None:
    bad, good = metric.score([document, GOOD], [summary, GOOD])
    assert (bad.status, bad.value, bad.evidence) == (status, None, ())
    assert reason in bad.reason
    assert good.value == 1.0


def test_signature_names_models_pipeline_and_settings(metric: Qags) -> None:
    assert metric.signature.startswith("metric:qags|questions:tiny-qg@")
    assert f"|answers:tiny-qa@{metric.answerer.revision}|spacy:en_core_web_sm" in metric.signature
    assert "|candidates:10|beams:4|length:0-20|kept:20|chunk:384/128|dtype:float32|" in metric.signature
    assert metric.signature.endswith(f"|version:{quals.__version__}")


def test_models_of_another_task_are_refused(generator: Path, answerer: Path) -> None:
    with pytest.raises(ModelError, match=r"was trained for qa, not to write the question to an answer \(qg\)"):
        QuestionGenerator.load(str(answerer))
    with pytest.raises(ModelError, match=r"was trained for qg, not to answer questions \(qa\)"):
        QuestionAnswerer.load(str(generator))
    with pytest.raises(ModelError, match=r"was trained for qg, not to write question-answer pairs \(qagen\)"):
        quals.Quals(str(generator))


def test_the_registry_knows_qags(generator: Path, answerer: Path) -> None:
    made = registry.load("qags", question_model=str(generator), answer_model=str(answerer), device="cpu")
    assert isinstance(made, Qags)
    with pytest.raises(ModelError, match="no model 'qg-large'"):
        registry.load("qags", question_model="qg-large")
    with pytest.raises(InputError, match="overlap"):
        QagsSettings(chunk=10, overlap=10)
