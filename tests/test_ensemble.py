"""The ensemble of QUALS and FactCC, as it is shipped."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from quals.errors import ModelError
from quals.evaluate.cache import ScoreCache, Texts
from quals.evaluate.measure import score_rows
from quals.lm import store
from quals.metrics.ensemble import Ensemble
from quals.records import ClaimEvidence, PairEvidence, Status
from quals.signature import comparable, parse

DOCUMENT = "The mayor of Springfield resigned on 3 May after a fire. Police said that two people were hurt."
SUMMARIES = ["The mayor of Springfield resigned on 3 May.", "The mayor of Paris resigned on 9 June.", "..."]


def written(folder: Path, **changes: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    card = {"weights": {"quals": 1.5, "factcc": 0.5}, "models": {"quals": "quals-small", "factcc": "factcc-small"}}
    (folder / "quals.json").write_text(json.dumps(card | changes))
    return folder


@pytest.fixture(scope="module")
def metric() -> Ensemble:
    return Ensemble(device="cpu")


def test_the_score_is_the_weighted_sum(metric: Ensemble) -> None:
    quals, factcc = (part.score([DOCUMENT] * 3, SUMMARIES) for part in metric.parts)
    found = metric.score([DOCUMENT] * 3, SUMMARIES)
    of_quals, of_factcc = metric.weights
    assert min(of_quals, of_factcc) > 0
    for one, (pairs, claims) in zip(found[:2], zip(quals, factcc, strict=True), strict=False):
        probability = min(max(claims.value, 0.001), 0.999)
        odds = probability / (1 - probability)
        assert one.value == pytest.approx(of_quals * pairs.value + of_factcc * math.log(odds))
        assert one.evidence[: len(pairs.evidence)] == pairs.evidence
        (claim,) = one.evidence[len(pairs.evidence) :]
        assert isinstance(claim, ClaimEvidence)
        assert claim.score == pytest.approx(math.log(max(claims.evidence[0].score, 0.001)))
        assert all(isinstance(piece, PairEvidence) for piece in pairs.evidence)
    unexplained = metric.score([DOCUMENT] * 3, SUMMARIES, explain=False)
    assert [one.value for one in unexplained[:2]] == pytest.approx([one.value for one in found[:2]], abs=1e-4)
    assert {(one.evidence, one.doubts) for one in unexplained} == {((), ())}
    right, wrong, nothing = found
    assert right.value > wrong.value + 1
    assert "Paris" in [doubt.text for doubt in wrong.doubts]
    assert (nothing.value, nothing.status) == (None, Status.NO_PAIRS)
    assert nothing.reason.startswith("quals: ")


def test_what_the_calibrations_of_the_parts_object_to_is_not_told(metric: Ensemble) -> None:
    assert metric.score("The mayor left.", "The mayor left.").reason.count("no probability") == 1


def test_the_signature_has_both_parts(metric: Ensemble) -> None:
    parts = parse(metric.signature)
    assert (parts["metric"], parts["model"]) == ("ensemble", "ensemble-small")
    assert parts["quals"].startswith("model:quals-small/revision:")
    assert parts["factcc"].startswith("model:factcc-small/revision:")
    assert "version" not in parts["quals"] + parts["factcc"]
    assert comparable(metric.signature, metric.signature.replace(f"version:{parts['version']}", "version:9"))


def test_the_weights_and_the_calibration_are_for_these_very_parts(metric: Ensemble) -> None:
    card = json.loads((store.resolve("ensemble-small") / "quals.json").read_text())
    assert all(comparable(part.signature, card["signatures"][part.name]) for part in metric.parts)
    assert metric.calibration is not None


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


@pytest.mark.parametrize("changes", [{"weights": {"quals": 1}}, {"models": None}, {"weights": {"quals": "x"}}])
def test_a_folder_without_weights(changes: dict[str, object], tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no weights of an ensemble in"):
        Ensemble(str(written(tmp_path, **changes)))
    with pytest.raises(ModelError, match="no weights of an ensemble in 'quals-small'"):
        Ensemble("quals-small")
