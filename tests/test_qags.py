"""QAGS: its parts on their own, and the whole on tiny models that learnt to ask and answer by heart."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from statistics import fmean

import pytest
import torch
from conftest import DECODERS, SEQ2SEQ, plain_log_probs, tiny_pretrained

import quals
from quals.errors import InputError, ModelError
from quals.lm.beam import BeamSettings
from quals.lm.format import PairFormat
from quals.lm.framed import FramedModel
from quals.metrics import registry
from quals.metrics.qags import Qags, QagsSettings
from quals.nlp import load_pipeline
from quals.qags.answer import Answer, QuestionAnswerer, best_answer
from quals.qags.candidates import Candidate, candidates
from quals.qags.f1 import normalized, token_f1
from quals.qags.questions import Question, QuestionGenerator, can_be_asked, is_answered_by, most_probable
from quals.records import QuestionEvidence, Span, Status
from quals.training.data import Pair, Passage
from quals.training.settings import AnswerTrainSettings, TrainSettings
from quals.training.train import train_model

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from qags_plain import PlainQags, generate

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


# Official values: the F1 of SQuAD's own evaluation script on these pairs.
@pytest.mark.parametrize(
    ("one", "other", "f1"),
    [
        ("the mayor", "Mayor", 1.0),
        ("The U.S. Senate!", "us senate", 1.0),
        ("3 May", "4 May", 0.5),
        ("mayor of Springfield", "the mayor", 0.5),
        ("a b b", "b b b", 0.8),  # "a" is an article: {b, b} and {b, b, b} share two
        ("mayor", "chief", 0.0),
        ("", "", 1.0),
        ("the", "a", 1.0),
        ("mayor", "", 0.0),
        ("", "mayor", 0.0),
    ],
)
def test_token_f1(one: str, other: str, f1: float) -> None:
    assert token_f1(one, other) == pytest.approx(f1)
    assert token_f1(other, one) == pytest.approx(f1)


def test_normalized_keeps_articles_inside_words() -> None:
    assert normalized("  An  ant, the theme & a-b ") == "ant theme ab"


def test_candidates_are_entities_then_noun_chunks() -> None:
    text = "The new mayor of Springfield met Anna Berg on Friday. She praised the mayor, and Springfield's old hall."
    (found,) = candidates(load_pipeline(), [text], 10)
    answers = [candidate.answer for candidate in found]
    assert {"Springfield", "Anna Berg", "Friday"} <= set(answers[:4])
    assert "The new mayor" in answers
    assert "She" not in answers
    assert len({normalized(answer) for answer in answers}) == len(answers)
    assert all(text[candidate.span.start : candidate.span.end] == candidate.answer for candidate in found)
    assert [len(group) for group in candidates(load_pipeline(), [text, "", text], 3)] == [3, 0, 3]


def test_a_pipeline_without_a_parser_is_refused() -> None:
    import spacy

    with pytest.raises(ModelError, match="'en_pipeline' finds no noun chunks"):
        candidates(spacy.blank("en"), ["The mayor resigned."], 10)


def question(text: str, answer: str = "x", log_prob: float = -1.0) -> Question:
    return Question(text, Candidate(answer, Span(0, 1)), log_prob)


@pytest.mark.parametrize(
    ("text", "sound"),
    [("Who resigned?", True), ("Who?", False), ("Who resigned", False), ("?", False), ("", False), ("Why no ?", True)],
)
def test_what_can_be_asked(text: str, sound: bool) -> None:
    assert can_be_asked(question(text)) is sound


def test_the_expected_answer_is_compared_as_squad_does() -> None:
    assert is_answered_by(question("Who?", "The mayor"), "mayor.")
    assert not is_answered_by(question("Who?", "The mayor"), "the old mayor")
    assert not is_answered_by(question("Who?", "The mayor"), "")


def test_the_most_probable_questions_once_each() -> None:
    made = [question("Who left?", "a", -3), question("who  LEFT?", "b", -1), question("When?", "c", -2)]
    assert most_probable(made, 5) == [made[1], made[2]]
    assert most_probable(made, 1) == [made[1]]


def test_an_answer_beats_none_however_probable() -> None:
    answers = [Answer("", -0.1), Answer("chief", -3.0), Answer("mayor", -2.0), Answer("", -0.2)]
    assert best_answer(answers) == (answers[2], 2)
    assert best_answer(answers[::3]) == (answers[0], 0)


def untrained(kind: type[FramedModel], architecture: str) -> FramedModel:
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
    folder = tmp_path_factory.mktemp("base")
    pretrained = tiny_pretrained("llama")
    pretrained.model.save_pretrained(folder)
    pretrained.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def generator(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-qg"
    settings = TrainSettings(model=str(base), contexts=1200, evaluate_every=75, **FAST)
    train_model(QuestionGenerator, passages(30), passages(5, seed=1), folder, settings)
    return folder


@pytest.fixture(scope="module")
def answerer(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-qa"
    settings = AnswerTrainSettings(model=str(base), contexts=2400, evaluate_every=150, **FAST)
    train_model(QuestionAnswerer, passages(30), passages(8, seed=1), folder, settings)
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
    assert wrong.value == 0.5
    (worst,) = wrong.worst(1)
    assert isinstance(worst, QuestionEvidence)
    assert worst == QuestionEvidence(
        0.0, Span(0, 9), Span(0, 9), "Who has resigned?", "The chief", "The chief", "The mayor"
    )


def test_a_document_without_the_answer_scores_nothing(metric: Qags) -> None:
    result = metric.score("The mayor resigned in Paris.", "The mayor resigned on Friday.")
    missing = next(piece for piece in result.evidence if isinstance(piece, QuestionEvidence) and piece.score == 0)
    assert (missing.expected_answer, missing.document_answer, missing.document_span) == ("Friday", "", None)


def all_rows() -> tuple[list[str], list[str]]:
    rows = [(one.context, other.context) for one in passages(4, seed=2) for other in passages(4, seed=3)]
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
        (GOOD, GOOD * 90, Status.SUMMARY_TOO_LONG, "the models read at most"),
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
