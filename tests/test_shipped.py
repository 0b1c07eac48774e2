"""The shipped model on the example file, end to end."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import quals
from quals.cli.main import cli

EXAMPLES = Path(__file__).parents[1] / "examples" / "news.jsonl"


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    output = tmp_path_factory.mktemp("out") / "scored.jsonl"
    done = CliRunner().invoke(cli, ["score", str(EXAMPLES), "-o", str(output), "--explain", "--device", "cpu"])
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in output.read_text().splitlines()]


def test_consistent_summaries_score_higher(scored: list[dict[str, object]]) -> None:
    right = {row["document"]: row["score"] for row in scored if row["label"] == 1}
    wrong = {row["document"]: row["score"] for row in scored if row["label"] == 0}
    assert len(right) == len(wrong) == 10
    assert sum(right[document] > wrong[document] for document in right) >= 8


def test_every_row_has_its_evidence(scored: list[dict[str, object]]) -> None:
    assert len(scored) == 20
    assert {row["status"] for row in scored} == {"ok"}
    assert len({row["signature"] for row in scored}) == 1
    for row in scored:
        assert row["evidence_count"] == len(row["evidence"]) >= 3
        for pair in row["evidence"]:
            span = pair["summary_span"]
            assert row["summary"][span["start"] : span["end"]].casefold() == pair["answer"].casefold()


def as_golden(metric: str, found: Sequence[Any], signature: object, rows: slice) -> None:
    """As released with this model; a change here is a change of scores to be announced (see benchmarks/golden.py)."""
    golden = json.loads((Path(__file__).parent / "golden.json").read_text())[metric]
    assert signature == golden["signature"]
    assert found == pytest.approx(golden["scores"][rows], abs=2e-3)


def test_golden_scores(scored: list[dict[str, object]]) -> None:
    as_golden("quals", [row["score"] for row in scored], scored[0]["signature"], slice(None))


@pytest.mark.parametrize("name", ["pmi", "ensemble", "rouge2-precision"])
def test_golden_scores_of_other_metrics(name: str) -> None:
    rows = [json.loads(line) for line in EXAMPLES.read_text().splitlines()][:6]
    metric = quals.metrics.load(name, device="cpu")
    found = metric.score([row["document"] for row in rows], [row["summary"] for row in rows], explain=False)
    as_golden(name, [score.value for score in found], metric.signature, slice(6))


def test_the_shipped_calibration_reads_these_scores(scored: list[dict[str, object]]) -> None:
    for row in scored:
        assert 0.0 < row["probability"] < 1.0
        assert row["band"] in ("likely inconsistent", "look closer", "likely consistent")
    by_score = sorted(scored, key=lambda row: row["score"])
    assert [row["probability"] for row in by_score] == sorted(row["probability"] for row in scored)


def test_qags_asks_about_the_examples_with_its_shipped_models(tmp_path: Path) -> None:
    some = tmp_path / "some.jsonl"
    some.write_text("".join(EXAMPLES.read_text().splitlines(keepends=True)[-4:]))
    output = tmp_path / "out.jsonl"
    done = CliRunner().invoke(
        cli, ["score", str(some), "-m", "qags", "-o", str(output), "--explain", "--device", "cpu"]
    )
    assert done.exit_code == 0, done.output
    assert "document answer: " in done.output
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert [row["status"] for row in rows] == ["ok"] * 4
    as_golden("qags", [row["score"] for row in rows], rows[0]["signature"], slice(-4, None))
    for right, wrong in zip(rows[::2], rows[1::2], strict=True):
        assert 1 >= right["score"] > wrong["score"] >= 0
        for piece in (*right["evidence"], *wrong["evidence"]):
            assert piece["question"].endswith("?")
            assert piece["expected_answer"] in (right["summary"] + wrong["summary"])


def test_factcc_scores_the_right_examples_higher(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    done = CliRunner().invoke(cli, ["score", str(EXAMPLES), "-m", "factcc", "-o", str(output), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert {row["status"] for row in rows} == {"ok"}
    as_golden("factcc", [row["score"] for row in rows], rows[0]["signature"], slice(None))
    right = {row["document"]: row["score"] for row in rows if row["label"] == 1}
    wrong = {row["document"]: row["score"] for row in rows if row["label"] == 0}
    assert sum(right[document] > wrong[document] for document in right) >= 8


def test_sentence_by_sentence_a_false_one_does_not_hide(tmp_path: Path) -> None:
    output, answers = tmp_path / "out.jsonl", EXAMPLES.with_name("answers.jsonl")
    options = ("--metric", "factcc", "--sentences", "--fail-under", "20%", "-o", str(output), "--device", "cpu")
    assert CliRunner().invoke(cli, ["score", str(answers), *options]).exit_code == 1
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    kinds = [next(one for one in row["sentences"] if row["answer"] in one["text"]) for row in rows]
    sure = [kind["label"] for row, kind in zip(rows, kinds, strict=True) if row["probability"] >= 0.5]
    assert len(sure) >= 15
    assert sum(sure) / len(sure) >= 0.9
    for name in {row["id"] for row in rows if row["id"].endswith("-wrong")}:
        found = [(row["score"], kind["label"]) for row, kind in zip(rows, kinds, strict=True) if row["id"] == name]
        assert min(found)[1] == 0


SLIPS = [  # a sentence of one of the documents, a word of it, and a wrong one
    (
        "Captain Ingrid Dahl told reporters that the rudder had stopped responding in strong winds.",
        "Ingrid Dahl",
        "Paul Berg",
    ),
    (
        "The building on Mill Lane, which opened in 1931, had been due to close at the end of June to save £180,000 a "
        "year.",
        "1931",
        "1951",
    ),
    (
        "The 22-year-old Italian saved two match points in the final set before breaking serve with a backhand down "
        "the line.",
        "22",
        "25",
    ),
]


def test_factcc_names_what_is_wrong_in_a_sentence() -> None:
    documents = [json.loads(line)["document"] for line in EXAMPLES.read_text().splitlines()]
    of = [next(document for document in documents if sentence in document) for sentence, _, _ in SLIPS]
    metric = quals.metrics.FactCC(device="cpu")
    untouched = metric.score(of, [sentence for sentence, _, _ in SLIPS])
    assert all(score.value is not None and score.value > 0.5 for score in untouched)
    changed = metric.score(of, [sentence.replace(right, wrong) for sentence, right, wrong in SLIPS])
    found = 0
    for score, (_, right, wrong) in zip(changed, SLIPS, strict=True):
        (piece,) = score.evidence
        assert isinstance(piece, quals.ClaimEvidence)
        assert piece.score < 0.5
        assert wrong in piece.doubted
        found += right in piece.instead
    assert found >= 2
    read = metric.checker.lm.evaluated
    metric.score(of, [sentence.replace(right, wrong) for sentence, right, wrong in SLIPS])
    named = metric.checker.lm.evaluated - read
    unnamed = metric.score(of, [sentence.replace(right, wrong) for sentence, right, wrong in SLIPS], explain=False)
    assert metric.checker.lm.evaluated - read - named < named / 2
    assert [score.value for score in unnamed] == pytest.approx([score.value for score in changed], abs=1e-4)
