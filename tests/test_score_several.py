"""`quals score` with several metrics: one run, one row with all scores, each as it would be alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from overlap import Overlap
from tiny import tiny_pretrained

import quals
from quals.calibrate import Calibration, Logistic
from quals.cli.main import cli
from quals.errors import InputError, ModelError
from quals.lm.format import PairFormat
from quals.metrics import registry
from quals.report.rows import read_rows

ROWS: list[dict[str, Any]] = [
    {"id": 1, "document": "the mayor left on Friday", "summary": ["the mayor left", "the chief left"], "score": "mine"},
    {"id": 2, "document": "the mayor left", "summary": "", "scores": 7},
    {"id": 3, "document": "no summary"},
    {"id": 4, "document": "the mayor left", "summary": "the mayor was there", "reference": "the mayor left"},
]


def named(name: str, device: str, **settings: Any) -> Overlap:
    """A small metric that goes by any name, and counts differently by each."""
    made = Overlap(words={"quals": 5, "factcc": 2}.get(name, 1))
    made.name = name  # type: ignore[misc]
    return made


def score(*arguments: object, load: Any = named) -> Result:
    with mock.patch.object(registry, "load", load or registry.load):
        return CliRunner().invoke(cli, ["score", *map(str, arguments)])


def written(path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def results(path: Path) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()  # type: ignore[no-any-return]
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("explain", [False, True])
def test_each_score_is_what_it_is_alone(tmp_path: Path, explain: bool) -> None:
    source, options = written(tmp_path / "in.jsonl"), ["--explain"] * explain
    assert score(source, "-m", "quals,factcc", "-o", tmp_path / "both.jsonl", *options).exit_code == 4
    both = results(tmp_path / "both.jsonl")
    for name in ("quals", "factcc"):
        score(source, "-m", name, "-o", tmp_path / f"{name}.jsonl", *options)
        alone = results(tmp_path / f"{name}.jsonl")
        fields = ["score", "probability", "band", "status", "reason", "evidence_count", "chunks", "signature"]
        fields += ["evidence", "doubts"] if explain else []
        assert [row["scores"][name] for row in both] == [{field: row[field] for field in fields} for row in alone]
    assert [list(row["scores"]) for row in both] == [["quals", "factcc"]] * 5
    assert [row.get("summary_index") for row in both] == [0, 1, None, None, None]
    # Fields of the input with the name of a result give way, whatever the number of metrics.
    assert (both[0]["input_score"], both[2]["input_scores"]) == ("mine", 7)
    assert not {"score", "status", "signature"} & set(both[0])


@pytest.mark.parametrize("explain", [False, True])
def test_parquet_holds_the_same(tmp_path: Path, explain: bool) -> None:
    source, options = written(tmp_path / "in.jsonl"), ["--explain"] * explain
    for name in ("o.jsonl", "o.parquet"):
        score(source, "-m", "quals,factcc,rouge2-precision", "-o", tmp_path / name, *options)
    assert [row["scores"] for row in results(tmp_path / "o.parquet")] == [
        row["scores"] for row in results(tmp_path / "o.jsonl")
    ]


def test_the_table_has_a_column_for_each_metric(tmp_path: Path) -> None:
    shown = score(written(tmp_path / "in.jsonl"), "-m", "quals,rouge2-precision").stdout.splitlines()
    assert shown[0].split() == ["row", "summary", "quals", "rouge2-precision"]
    assert re.fullmatch(r"1 \[1\] +the chief left +-0.333 +0.000", shown[2])
    assert re.fullmatch(r"2 +- +-", shown[3])
    assert len(shown[0]) == len(shown[2]) == 120
    text = "\n".join(shown)
    assert "\nquals\n3 scored; 2 without a score (empty-summary 1, invalid-row 1); mean -0.278, lowest -0.5" in text
    assert "\nrouge2-precision\n3 scored; " in text
    assert text.count("Most suspicious") == 2


def test_the_table_has_probabilities_where_there_is_a_calibration(tmp_path: Path) -> None:
    figures = {"rows": 40, "base_rate": 0.5, "folds": 5, "brier": 0.1, "brier_base_rate": 0.25, "log_loss": 0.3}
    known = Calibration(Logistic(8.0, 2.0), named("quals", None).signature, ("made up",), **figures)
    known.save(tmp_path / "c.json")
    shown = score(written(tmp_path / "in.jsonl"), "-m", "quals,rouge1", "--calibration", tmp_path / "c.json").stdout
    header, _, second, third, *_ = shown.splitlines()
    assert re.fullmatch(r"row +summary +quals +rouge1", header)
    assert re.fullmatch(r"1 \[1\] +the chief left +-0.333  34% +0.000", second)
    assert re.fullmatch(r"2 +-    - +-", third)
    assert len(header) == len(second) == len(third) == 120


def test_thresholds_and_trouble(tmp_path: Path) -> None:
    path = written(tmp_path / "in.jsonl", ROWS[:1])
    assert score(path, "-m", "quals,factcc", "--fail-under", "-0.2").exit_code == 1  # the third word is wrong
    assert score(path, "-m", "rouge1,quals", "--fail-under", "-0.2").exit_code == 0  # the first word is right

    def fails(name: str, **settings: Any) -> Overlap:
        class Failing(Overlap):
            def _score(self, *_: Any) -> Any:
                raise RuntimeError("boom")

        made = Failing() if name == "qags" else Overlap()
        made.name = name  # type: ignore[misc]
        return made

    done = score(path, "-m", "quals,qags", "-o", tmp_path / "o.jsonl", load=fails)
    assert (done.exit_code, done.stderr.count("RuntimeError: boom")) == (4, 2)
    assert [
        {name: part["status"] for name, part in row["scores"].items()} for row in results(tmp_path / "o.jsonl")
    ] == [{"quals": "ok", "qags": "error"}] * 2


@pytest.mark.parametrize("name", ["o.jsonl", "o.parquet"])
def test_resume(tmp_path: Path, name: str) -> None:
    path = written(tmp_path / "in.jsonl", [{**ROWS[3], "id": number, "scores": number} for number in range(9)])
    score(path, "-m", "quals,factcc", "-o", tmp_path / f"whole-{name}", "--explain")
    output = tmp_path / name

    def interrupted(name: str, **settings: Any) -> Overlap:
        class Interrupted(Overlap):
            def _score(self, *texts: Any) -> Any:
                if len(self.calls) == 2 and name == "factcc":
                    raise KeyboardInterrupt
                return super()._score(*texts)

        made = Interrupted(words={"quals": 5, "factcc": 2}[name])
        made.name = name  # type: ignore[misc]
        return made

    several = ("-m", "quals,factcc", "-o", output, "--explain")
    assert score(path, *several, "--batch-rows", 2, load=interrupted).exit_code == 130
    made: list[Overlap] = []
    load = lambda *names, **settings: made.append(named(*names, **settings)) or made[-1]  # noqa: E731
    done = score(path, *several, "--resume", load=load)
    assert done.exit_code == 0
    assert [sum(metric.calls) for metric in made] == [5, 5]
    assert done.stdout.count("9 scored; mean") == 2
    assert results(output) == results(tmp_path / f"whole-{name}")
    if name == "o.jsonl":
        for metrics in ("quals", "factcc,quals", "quals,factcc,rouge1"):
            refused = score(path, "-m", metrics, "-o", output, "--explain", "--resume")
            assert "o.jsonl:1: signature: made with metric:overlap|words:5" in str(refused.exception)


def test_the_page_is_about_the_first_metric(tmp_path: Path) -> None:
    path, output, page = written(tmp_path / "in.jsonl", ROWS[3:]), tmp_path / "o.jsonl", tmp_path / "page.html"
    assert score(path, "-m", "factcc,quals", "-o", output, "--explain", "--report", page).exit_code == 0
    assert "was" not in re.findall(r"Which word\? — (\w+)", page.read_text())
    (row,) = read_rows(output)
    assert (row.score.signature.split("|version")[0], len(row.score.evidence)) == ("metric:overlap|words:2", 2)
    later = tmp_path / "later.html"
    assert CliRunner().invoke(cli, ["report", str(output), "-o", str(later)]).exit_code == 0
    (tmp_path / "in.jsonl").write_text('{"document": "d", "summary": "s", "scores": 5}')
    (bad,) = read_rows(tmp_path / "in.jsonl")
    assert "scores: expected the scores of several metrics, as quals score writes them" in bad.score.reason


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-m", "quals,factcc", "--model", "m"], "--model is for a single metric"),
        (["-m", "rouge", "--model", "m"], "--model is for a single metric"),
        (["-m", "factcc", "--compatibility", "reference"], "--compatibility is for the metric quals"),
        (["-m", "quals,factc"], "no metric 'factc'; did you mean 'factcc'"),
        (["-m", "rouge1", "--set", "quals.model=m"], "for quals, which --metric does not name"),
        (["-m", "rouge1", "--model", "m"], "no setting of rouge1 'model'"),
        (["-m", "quals", "--set", "quals.pairs=0"], "pairs: must be at least 1"),
        (["-m", "quals", "--set", "quals.settings=1"], "no setting of quals 'settings'"),
        (["-m", "factcc", "--set", "factcc.device=abacus"], "device: no device goes by 'abacus'"),
        (["-m", "ensemble", "--set", "ensemble.workers=x"], "ensemble.workers: expected a whole number, found 'x'"),
    ],
)
def test_options_that_do_not_go_together(tmp_path: Path, options: list[str], message: str) -> None:
    done = score(written(tmp_path / "in.jsonl"), *options, load=None)
    assert (done.exit_code, message in done.stderr) == (2, True)


def test_a_model_that_does_not_exist(tmp_path: Path) -> None:
    done = score(written(tmp_path / "in.jsonl"), "-m", "factcc", "--model", "nosuch", load=None)
    assert isinstance(done.exception, ModelError)
    assert "no model 'nosuch'" in str(done.exception)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An untrained model for every task."""
    folders = {}
    pretrained = tiny_pretrained("llama")
    pretrained.model.config.max_position_embeddings = 1024  # room for a claim behind a chunk
    form = PairFormat.choose(pretrained.tokenizer, encoder_decoder=False)
    for task in ("qagen", "qg", "qa", "factcc"):
        folders[task] = tmp_path_factory.mktemp("models") / task
        pretrained.model.save_pretrained(folders[task])
        pretrained.tokenizer.save_pretrained(folders[task])
        (folders[task] / "quals.json").write_text(json.dumps({"task": task, "format": form.to_dict()}))
    return folders


def test_all_metrics_with_real_models(models: dict[str, Path], tmp_path: Path) -> None:
    path, output = written(tmp_path / "in.jsonl"), tmp_path / "o.jsonl"
    settings = [
        f"quals.model={models['qagen']}",
        f"qags.question_model={models['qg']}",
        f"qags.answer_model={models['qa']}",
        f"factcc.model={models['factcc']}",
        "rouge.stemmer=false",
    ]
    options = [part for setting in settings for part in ("--set", setting)]
    done = score(path, "-m", "quals,qags,factcc,rouge,copy", "-o", output, "--device", "cpu", *options, load=None)
    assert done.exit_code == 4, done.output  # the row without a summary
    rows = results(output)
    names = ["quals", "qags", "factcc", "rouge1", "rouge2", "rougeL", "rouge2-precision"]
    assert [list(row["scores"]) for row in rows] == [names] * 5
    assert {part["status"] for part in rows[3]["scores"].values()} == {"invalid-row"}
    assert [row["scores"]["factcc"]["status"] for row in rows] == ["ok", "ok", "empty-summary", "invalid-row", "ok"]
    assert [row["scores"]["rougeL"]["status"] for row in rows] == [
        "no-reference", "no-reference", "empty-summary", "invalid-row", "ok",
    ]  # fmt: skip
    assert "|stemmer:no|" in rows[4]["scores"]["rouge2"]["signature"]
    alone = tmp_path / "alone.jsonl"
    options = ["--model", models["factcc"], "--device", "cpu"]
    assert score(path, "-m", "factcc", "-o", alone, *options, load=None).exit_code == 4
    assert [row["scores"]["factcc"]["score"] for row in rows] == pytest.approx(
        [row["score"] for row in results(alone)], abs=1e-6
    )


def test_the_metrics_are_found_in_python() -> None:
    code = (
        "import sys, quals\nassert not {'torch', 'spacy', 'rouge_score_rs'} & set(sys.modules)\n"
        "names = 'Quals Qags FactCC Rouge1 Rouge2 RougeL Rouge2Precision'.split()\n"
        "print([getattr(quals.metrics, name).name for name in names])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['quals', 'qags', 'factcc', 'rouge1', 'rouge2', 'rougeL', 'rouge2-precision']\n"
    with pytest.raises(AttributeError, match=r"module 'quals.metrics' has no attribute 'Bleu'"):
        quals.metrics.Bleu  # noqa: B018
    with pytest.raises(InputError, match="1 of them for 2 documents"):
        quals.metrics.RougeL().score(["a", "b"], ["c"])
