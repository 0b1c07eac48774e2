"""What the command and `measure` are told is what they keep to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_agree_command import Counting, _own_cache, row, run, written  # noqa: F401

from quals.calibrate import Calibration, Logistic
from quals.evaluate.agreement import Labelled, agreement
from quals.evaluate.bootstrap import Bootstrap
from quals.evaluate.labelled import read_judged
from quals.evaluate.measure import measure
from quals.io.rows import FieldNames
from quals.scoring.cache import ScoreCache

FEW = Bootstrap(resamples=20)


def test_options_of_the_command_are_kept_to(tmp_path: Path) -> None:
    rows = [{**row(f"the mayor {i}", ("the mayor " + "x " * i).strip(), 7), "human": float(i % 4)} for i in range(12)]
    judged = written(tmp_path / "n.jsonl", rows)
    elsewhere = [{**one, "document": "the mayor of York"} for one in rows]
    broken = written(tmp_path / "t.jsonl", [*elsewhere, "{broken"])

    def numbers(*options: object) -> tuple[dict[str, Any], str]:
        table = tmp_path / "t.json"
        fixed = ("-m", "copy", "--label", "Human", "--positive-from", 2, "--resamples", 30, "-o", table)
        done = run(judged, *fixed, *options)
        assert done.exit_code == 0, done.output
        return json.loads(table.read_text())["results"][0]["estimates"], done.stderr

    plain = numbers()[0]
    assert plain["roc_auc"]["value"] is not None  # of the labels asked for some are 2 or more
    for option in (("--seed", 1), ("--resamples", 31)):
        other = numbers(*option)[0]["pearson"]
        assert other["value"] == plain["pearson"]["value"]
        assert other["low"] != plain["pearson"]["low"]
    first, second = (numbers("--limit", 4, "--seed", seed)[0]["pearson"]["value"] for seed in (0, 1))
    assert first != second
    assert f"{broken}:13: not valid JSON" in numbers("--tune-on", broken)[1]


def test_the_command_counts_from_the_value_asked_for(tmp_path: Path) -> None:
    rows = [row(f"the mayor {i}", "the mayor" if i > 2 else "a b", i / 6) for i in range(6)]
    news, table = written(tmp_path / "n.jsonl", rows), tmp_path / "t.json"
    assert run(news, "-m", "copy", "--resamples", 20, "--positive-from", 0.5, "-o", table).exit_code == 0
    assert json.loads(table.read_text())["results"][0]["estimates"]["roc_auc"]["value"] == 1.0


def test_labels_count_as_consistent_from_the_value_asked_for(tmp_path: Path) -> None:
    rows = [row(f"d{i}", str(i), i / 10) for i in range(10)]
    data = read_judged(written(tmp_path / "x.jsonl", rows))
    apart = read_judged(written(tmp_path / "y.jsonl", [{**one, "document": f"e{i}"} for i, one in enumerate(rows)]))
    metric = Counting()
    known = Calibration(Logistic(1.0, -5.0), metric.signature, ("made up",), 9, 0.5, 5, 0.1, 0.2, 0.3)
    metric.calibrate(known)
    [found] = measure([metric], [data], [apart], ScoreCache(), positive_from=0.5, bootstrap=FEW)
    assert found.agreement.estimates["roc_auc"].value == 1.0
    assert (found.threshold, found.agreement.estimates["balanced_accuracy"].value) == (4.5, 1.0)
    assert found.bands is not None
    assert [sum(found.bands[kind].values()) for kind in ("consistent", "inconsistent")] == [5, 5]


def test_intervals_are_made_as_asked_for(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    rows = [row(f"d{i}", str(i), float(generator.integers(4))) for i in range(30)]
    data = read_judged(written(tmp_path / "x.jsonl", rows))
    [found] = measure([Counting()], [data], [], ScoreCache(), bootstrap=Bootstrap(40, seed=3))
    labelled = Labelled(data.documents, [one.label for one in data.rows])
    expected = agreement([float(i) for i in range(30)], labelled, bootstrap=Bootstrap(40, seed=3))
    assert found.agreement.estimates["pearson"] == expected.estimates["pearson"]


def test_texts_are_in_the_fields_that_are_named(tmp_path: Path) -> None:
    rows = [{"doc": f"the mayor {i}", "prediction": "the mayor" if i > 2 else "a b", "label": i / 6} for i in range(6)]
    rows = [{**one, "gold": "the mayor", "summary": "not this", "target": "not this"} for one in rows]
    news, table = written(tmp_path / "n.jsonl", rows), tmp_path / "t.json"
    common = (news, "-m", "copy,rouge1", "--resamples", 20, "--positive-from", 0.5, "-o", table)
    named = ("--document-field", "doc", "--summary-field", "prediction", "--reference-field", "gold")
    done = run(*common, *named)
    assert done.exit_code == 0, done.output
    found = json.loads(table.read_text())
    assert [one["estimates"]["roc_auc"]["value"] for one in found["results"]] == [1.0, 1.0]
    assert found["options"]["fields"] == {"document": "doc", "summary": "prediction", "reference": "gold"}
    done = run(*common)
    fields = "doc, prediction, label, gold, summary, target"
    assert str(done.exception) == f"{news}:1: document: missing; the row has: {fields}. Name it with --document-field"


def test_fields_that_were_guessed_are_told(tmp_path: Path) -> None:
    texts = [("the mayor", i % 2) for i in range(6)]
    usual = [{"document": f"the mayor {i}", "summary": text, "label": label} for i, (text, label) in enumerate(texts)]
    others = [{"article": one["document"], "answer": one["summary"], "target": "R", "label": 1} for one in usual]
    rows = [*usual, *others]
    assert "document from" not in run(written(tmp_path / "u.jsonl", usual), "-m", "copy", "--resamples", 20).output
    file = written(tmp_path / "n.jsonl", rows)
    done = run(file, "-m", "copy", "--resamples", 20)
    assert "- n: document from 'article', summary from 'answer', reference from 'target'\n" in done.output
    done = run(file, "-m", "copy", "--resamples", 20, "--document-field", "article", "--summary-field", "answer")
    assert "- n: reference from 'target'\n" in done.output
    table = tmp_path / "t.csv"  # with an index, whose column has no name
    table.write_text(",document,summary,label\n" + "".join(f"{i},the mayor {i},the mayor,{i % 2}\n" for i in range(6)))
    assert "reference from" not in run(table, "-m", "copy", "--resamples", 20).output
    assert {one.texts.reference for one in read_judged(table).rows} == {None}


def test_a_reference_that_is_named_has_to_be_a_text(tmp_path: Path) -> None:
    rows = [row("D", "S", 1) | {"gold": gold} for gold in ("R", None, 7)]
    data = read_judged(written(tmp_path / "x.jsonl", rows), names=FieldNames(reference="gold"))
    assert [one.texts.reference for one in data.rows] == ["R", None]
    assert [str(problem) for problem in data.problems] == [f"{tmp_path}/x.jsonl:3: gold: expected text, found int"]


@pytest.mark.parametrize(("asked", "there"), [("Consistency", "consistency"), ("consistency", " Consistency ")])
def test_the_case_of_a_label_may_differ(tmp_path: Path, asked: str, there: str) -> None:
    rows = [{"document": "D", "summary": "S", there: 1}]
    assert [one.label for one in read_judged(written(tmp_path / "x.jsonl", rows), asked).rows] == [1.0]
