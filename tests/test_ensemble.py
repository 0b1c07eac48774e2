"""The ensemble of PMI and FactCC, with the models that are shipped."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from quals.errors import ModelError
from quals.metrics.ensemble import Ensemble
from quals.records import ClaimEvidence, Status, SummaryScore, Texts, WordEvidence
from quals.scoring.cache import ScoreCache, score_rows
from quals.signature import comparable, parse

DOCUMENT = "The mayor of Springfield resigned on 3 May after a fire. Police said that two people were hurt."
SUMMARIES = ["The mayor of Springfield resigned on 3 May.", "The mayor of Paris resigned on 9 June.", "..."]


@pytest.fixture(scope="module")
def metric() -> Ensemble:
    return Ensemble(device="cpu")


def test_what_is_open_counts_up_to_twice(metric: Ensemble) -> None:
    pmi, factcc = (part.score([DOCUMENT] * 3, SUMMARIES) for part in metric.parts)
    found = metric.score([DOCUMENT] * 3, SUMMARIES)
    for one, words, claims in zip(found[:2], pmi, factcc, strict=False):
        assert one.value == pytest.approx(1 - (1 - words.value) * (1 + (1 - claims.value)))
        assert one.evidence[: len(words.evidence)] == words.evidence
        assert all(isinstance(piece, WordEvidence) for piece in words.evidence)
        (claim,) = one.evidence[len(words.evidence) :]
        assert isinstance(claim, ClaimEvidence)
        assert claim.score == pytest.approx(1 + math.log(max(claims.evidence[0].score, 0.001)))
    right, wrong, nothing = found
    assert 1 >= right.value > wrong.value + 0.5
    assert {doubt.text: doubt.level for doubt in wrong.doubts}["9"] > 1
    assert not right.doubts
    assert (nothing.value, nothing.status) == (None, Status.EMPTY_SUMMARY)
    assert nothing.reason == "pmi: the summary has no words"


def test_without_explanations_the_scores_are_the_same(metric: Ensemble) -> None:
    found = metric.score([DOCUMENT] * 3, SUMMARIES)
    unexplained = metric.score([DOCUMENT] * 3, SUMMARIES, explain=False)
    assert [one.value for one in unexplained[:2]] == pytest.approx([one.value for one in found[:2]], abs=1e-4)
    assert {(one.evidence, one.doubts) for one in unexplained} == {((), ())}
    assert (
        [one.rests_on for one in unexplained] == [one.rests_on for one in found] == [len(one.evidence) for one in found]
    )


def test_the_chunks_are_those_of_the_part_that_read_more(metric: Ensemble) -> None:
    parts = [SummaryScore(0.5, Status.OK, chunks=chunks) for chunks in (1, 3)]
    assert [metric.combine(each).chunks for each in (parts, parts[::-1])] == [3, 3]


def test_the_calibration_is_its_own(metric: Ensemble) -> None:
    assert metric.calibration is not None
    assert metric.calibration.fits(metric.signature)
    assert not any(part.calibration for part in metric.parts)
    assert metric.score("The mayor left.", "The mayor left.").reason.count("no probability") == 1


def test_the_signature_has_both_parts(metric: Ensemble) -> None:
    parts = parse(metric.signature)
    assert list(parts) == ["metric", "pmi", "factcc", "version"]
    assert parts["pmi"].startswith("model:smollm2-135m-instruct/revision:")
    assert parts["factcc"].startswith("model:factcc-small/revision:")
    assert comparable(metric.signature, metric.signature.replace(f"version:{parts['version']}", "version:9"))


def test_scores_of_the_parts_are_kept(metric: Ensemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, rows = ScoreCache(tmp_path / "scores.sqlite"), [Texts(DOCUMENT, summary, None) for summary in SUMMARIES]
    done: list[int] = []
    first = score_rows(metric, rows, cache, done.append)
    assert sum(done) == 3
    for part in metric.parts:
        monkeypatch.setattr(part, "_score", None)  # not to be called again
    again = score_rows(metric, rows, cache)
    assert [score.value for score in again] == [score.value for score in first]
    assert first[0].value == pytest.approx(
        metric.combine([cache.get(p.signature, rows)[0] for p in metric.parts]).value
    )


def test_each_part_has_a_model_of_its_own() -> None:
    with pytest.raises(ModelError, match=r"no model '\./nowhere'"):
        Ensemble("./nowhere")
    with pytest.raises(ModelError, match=r"no model '\./nowhere'"):
        Ensemble(language_model="./nowhere")
