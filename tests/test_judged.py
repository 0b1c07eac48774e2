"""Pairs about true and false claims, judged by the words that make a claim false; and what windows have of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from claims import NEWS
from claims import RESTATED as SUMMARIZED
from judging import judged_as, tiny_qagen, toy
from test_train import DAYS, NAMES

from quals.factcc.generate import Article, ClaimSettings
from quals.factcc.kept import kept_claims
from quals.factcc.verdict import RESTATED, ClaimPair, Slip
from quals.nlp import load_pipeline
from quals.qagen import judged
from quals.qagen.judged import FOREIGN, JudgedPair, about_claims, judged_pairs, twins, with_foreign
from quals.qagen.model import QAGen
from quals.qagen.select import GeneratedPair
from quals.records import Span
from quals.texts import padded_words
from quals.training.data import Pair, Passage
from quals.training.plan import plan_examples


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


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_qagen(tmp_path_factory.mktemp("base"))


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


def test_windows_have_pairs_about_true_claims_and_false_twins() -> None:
    true, false, other = (
        [judged_as(True)] * 3,
        [judged_as(True, "D."), judged_as(False, "D.")],
        [judged_as(False, "E.")] * 2,
    )
    second = [judged_as(True, "F.", "He left."), judged_as(False, "G.", "He left.")]
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
    elsewhere = replace(judged_as(True, basis="He left."), answer="He")
    # What the window has, and what a summary says, may be true of it.
    here, restated = replace(elsewhere, answer="rained"), replace(elsewhere, kind=RESTATED)
    inside = (judged_as(True), judged_as(False, "D."))
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
