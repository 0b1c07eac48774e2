"""Claims as training data: made by the real pipeline, kept, cut into windows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from claims import ARTICLES, NEWS, RESTATED, write

from quals.errors import InputError
from quals.factcc import data, kept, verdict
from quals.factcc.data import training_claims, with_unsupported
from quals.factcc.generate import Article, ClaimSettings
from quals.factcc.kept import kept_claims
from quals.factcc.verdict import ClaimPair
from quals.nlp import load_pipeline
from quals.texts import padded_words
from quals.training.data import Passage
from quals.training.plan import plan_examples
from quals.training.settings import ClaimTrainSettings


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return load_pipeline()


def test_claims_are_kept_and_gone_on_with(pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, made = ClaimSettings(), []

    def counting(articles: Any, *arguments: Any) -> Any:
        made.extend(articles)
        return real(articles, *arguments)

    real = kept.make_claims
    monkeypatch.setattr(kept, "make_claims", counting)
    whole = kept_claims(ARTICLES, pipeline, settings, tmp_path)
    assert (made, [passage.context for passage in whole]) == (ARTICLES, NEWS)
    assert kept_claims(ARTICLES, pipeline, settings, tmp_path) == whole
    assert made == ARTICLES
    # As if the run had died while it wrote the second line.
    (path,) = tmp_path.glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(lines[0] + lines[1][:100])
    assert kept_claims(ARTICLES, pipeline, settings, tmp_path) == whole
    assert made == ARTICLES + ARTICLES[1:]
    path.unlink()
    assert kept_claims(ARTICLES, pipeline, settings, tmp_path, workers=2) == whole
    # Another setting, other claims.
    assert kept_claims(ARTICLES, pipeline, ClaimSettings(seed=1), tmp_path) != whole


def test_a_document_that_comes_again_keeps_all_its_summaries() -> None:
    articles = [
        Article("One text.", "A."),
        Article("Two."),
        Article("one TEXT"),
        Article("One text.", "B."),
        Article("Two.", "C."),
    ]
    assert list(data._distinct(articles).values()) == [Article("One text.", "A.\nB."), Article("Two.", "C.")]


def test_claims_are_made_again_by_another_version_other_rules_or_another_pipeline(
    pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    articles, settings = [*ARTICLES[:2], Article("No claim here"), ARTICLES[2]], ClaimSettings()
    passages = kept_claims(articles, pipeline, settings, tmp_path)
    assert [(one.context, one.title) for one in passages] == [
        (NEWS[0], "document 0"), (NEWS[1], "document 1"), (NEWS[2], "document 3"),
    ]  # fmt: skip
    made: list[Article] = []

    def counting(articles: Any, *arguments: Any) -> Any:
        made.extend(articles)
        return real(articles, *arguments)

    real = kept.make_claims
    monkeypatch.setattr(kept, "make_claims", counting)
    changes = ("quals.__version__", "another"), ("quals.factcc.kept._RULES", 99)
    for name, value in (*changes, ("quals.factcc.kept.pipeline_name", lambda _: "another")):
        monkeypatch.setattr(name, value)
        for _ in range(2):
            kept_claims(articles, pipeline, settings, tmp_path)
    assert made == articles * 3


def test_each_sentence_gives_a_true_and_a_false_claim_at_its_place(pipeline: Any, tmp_path: Path) -> None:
    for passage in kept_claims(ARTICLES, pipeline, ClaimSettings(noised=0.0), tmp_path):
        for true, false in zip(passage.pairs[::2], passage.pairs[1::2], strict=True):
            assert isinstance(true, ClaimPair)
            assert isinstance(false, ClaimPair)
            assert true.answer == "yes"
            new, old = false.answer.removeprefix("no: ").split(" / ")
            places = [i for i in range(len(true.question)) if true.question.startswith(old, i)]
            changed = {true.question[:i] + new + true.question[i + len(old) :] for i in places}
            assert false.question in changed
            assert (true.kind, true.basis, true.start) == (false.kind, false.basis, false.start)
            assert passage.context[true.start : true.end] == true.basis == true.question != false.question


def test_claims_of_a_summary_stand_where_the_document_says_the_same(pipeline: Any, tmp_path: Path) -> None:
    (passage,) = kept_claims([RESTATED], pipeline, ClaimSettings(noised=0.0), tmp_path)
    restated = [pair for pair in passage.pairs if isinstance(pair, ClaimPair) and pair.kind == verdict.RESTATED]
    assert [pair.answer == "yes" for pair in restated] == [True, False]
    assert restated[0].question == "Three men were arrested in Leeds by police on Monday."
    assert kept_claims([ARTICLES[0]], pipeline, ClaimSettings(noised=0.0), tmp_path) != [passage]
    for pair in restated:
        assert passage.context[pair.start : pair.end] == "Police arrested three men in Leeds on Monday."
    # A summary's claim is not taken for one that another part of the document does not bear out.
    plan = plan_examples([passage], count=60, max_pairs=8, crop=1.0, seed=0, window=(8, 12))
    made = with_unsupported(plan, [passage], share=1.0, seed=0)
    changed = {pair.question for old, new in zip(plan, made, strict=True) for pair in set(new.pairs) - set(old.pairs)}
    assert changed
    assert not changed & {pair.question for pair in restated}


def test_windows_hold_the_whole_sentence_of_each_claim(pipeline: Any, tmp_path: Path) -> None:
    long = [Article(" ".join(NEWS)), Article("\n".join(reversed(NEWS)))]
    passages = kept_claims(long, pipeline, ClaimSettings(pairs=20), tmp_path)
    plan = plan_examples(passages, count=200, max_pairs=8, crop=1.0, seed=0, window=(10, 60))
    lengths = [len(example.context.split()) for example in plan]
    assert min(lengths) < 25
    assert 60 < max(lengths) < 90
    for example in plan:
        assert example.pairs
        for pair in example.pairs:
            assert isinstance(pair, ClaimPair)
            assert example.context[pair.start : pair.end] == pair.basis


def test_unsupported_claims_are_those_of_other_parts_of_the_document(pipeline: Any, tmp_path: Path) -> None:
    passages = kept_claims([Article(" ".join(NEWS))], pipeline, ClaimSettings(pairs=20), tmp_path)
    plan = plan_examples(passages, count=100, max_pairs=8, crop=1.0, seed=0, window=(10, 40))
    made = with_unsupported(plan, passages, share=0.3, seed=0)
    changed = []
    for before, after in zip(plan, made, strict=True):
        assert before.context == after.context
        changed += [new for old, new in zip(before.pairs, after.pairs, strict=True) if old != new]
    assert 0.2 < len(changed) / sum(len(example.pairs) for example in plan) < 0.4
    assert {(claim.answer, claim.start) for claim in changed} == {("no", -1)}
    assert with_unsupported(plan, passages, share=0.3, seed=1) != made
    assert with_unsupported(passages, passages, share=1.0, seed=0) == passages  # there are no other parts
    # True claims are among them, so that their looks tell nothing.
    true = {pair.question for pair in passages[0].pairs if pair.answer == "yes"}
    assert 0.35 < fmean(claim.question in true for claim in changed) < 0.65
    for example in made:
        for pair in example.pairs:
            if pair.start < 0:
                assert isinstance(pair, ClaimPair)
                assert padded_words(pair.basis) not in padded_words(example.context)


def test_a_held_out_document_is_never_trained_on(tmp_path: Path) -> None:
    shouted = NEWS[0].upper() + "\n"
    files = write(tmp_path / "data.jsonl", [*NEWS, shouted, NEWS[1]]), write(tmp_path / "valid.jsonl", [NEWS[0]])
    passages, validation = training_claims([files[0]], [files[1]], tmp_path / "claims", ClaimTrainSettings())
    assert sorted(passage.context for passage in passages) == sorted(NEWS[1:])
    assert len(validation) == 1
    assert NEWS[0].startswith(validation[0].context[:40])


def test_claims_are_made_and_cut_as_the_settings_say(
    pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[object, ...]] = []
    planned: list[dict[str, object]] = []

    def kept_claims(
        articles: list[Article], _: Any, making: ClaimSettings, folder: Path, workers: int
    ) -> list[Passage]:
        asked.append((len(articles), making, folder, workers))
        return [Passage(article.document, ()) for article in articles]

    def plan_examples(passages: list[Passage], **given: object) -> list[Passage]:
        planned.append(given)
        return passages

    monkeypatch.setattr(data, "load_pipeline", lambda _: pipeline)
    monkeypatch.setattr(data, "kept_claims", kept_claims)
    monkeypatch.setattr(data, "plan_examples", plan_examples)
    files = [write(tmp_path / f"{name}.jsonl", [f"{name} {n}" for n in range(5)]) for name in ("one", "other")]
    settings = ClaimTrainSettings(
        seed=3, documents=2, sentences=5, noised=0.5, noise_rate=0.1, workers=2, validate=2, crop=0.75,
        window_min=7, window_max=9,
    )  # fmt: skip
    passages, _ = training_claims([files[0]], [files[1]], tmp_path, settings)
    assert asked == [(count, ClaimSettings(3, 5, 0.5, 0.1), tmp_path, 2) for count in (2, 4)]
    cut = {"max_pairs": 10, "crop": 0.75, "seed": 3, "window": (7, 9)}
    assert planned == [{"count": 0, **cut}, {"count": 2, **cut}]  # nothing judged is held out
    drawn = {tuple(one.context for one in passages)}
    for seed in range(9):
        found, _ = training_claims([files[0]], [files[1]], tmp_path, replace(settings, seed=seed, validate=9))
        drawn.add(tuple(passage.context for passage in found))
    assert len(drawn) > 3
    assert planned[-1]["count"] == 5  # there are no more
    assert training_claims([files[0]], [], tmp_path, settings)[1] == []


def test_rows_that_cannot_be_read_are_told_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, bad = write(tmp_path / "data.jsonl", NEWS[:1]), tmp_path / "bad.jsonl"
    bad.write_text('{"document": 3}\n{broken\n')
    passages, validation = training_claims([data, bad], [bad], tmp_path / "claims", ClaimTrainSettings())
    assert ([passage.context for passage in passages], validation) == (NEWS[:1], [])
    told = capsys.readouterr().err
    assert told.count(f"quals: left out: {bad}:1: document: expected text, found int\n") == 2
    assert told.count(f"quals: left out: {bad}:2: not valid JSON") == 2
    assert "quals: 4 left out in all\n" in told
    with pytest.raises(InputError, match="no documents to make claims of"):
        training_claims([bad], [], tmp_path / "claims", ClaimTrainSettings())


def test_the_look_of_a_claim_does_not_give_its_label_away(pipeline: Any, tmp_path: Path) -> None:
    passages = [kept_claims(ARTICLES, pipeline, ClaimSettings(seed=seed, pairs=20), tmp_path) for seed in range(10)]
    claims = [pair for made in passages for passage in made for pair in passage.pairs]
    for sign in (" not ", "n't", " never ", " "):
        shares = {
            true: fmean(claim.question.count(sign) for claim in claims if (claim.answer == "yes") is true)
            for true in (True, False)
        }
        assert shares[False] == pytest.approx(shares[True], rel=0.1, abs=0.08)
    assert fmean(claim.answer == "yes" for claim in claims) == 0.5
