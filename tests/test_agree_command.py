from __future__ import annotations

import csv
import gzip
import io
import json
import platform
import runpy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from click.testing import CliRunner
from rich.console import Console

from quals.calibrate import Calibration, Logistic
from quals.cli.agree import agree
from quals.cli.metrics import load_metrics
from quals.errors import InputError
from quals.evaluate.bootstrap import Bootstrap, Estimate
from quals.evaluate.labelled import JudgedRow, read_judged, with_unique_names
from quals.evaluate.measure import measure
from quals.evaluate.report import Options, Report, make_report
from quals.evaluate.table import notes, to_markdown, to_terminal
from quals.io.files import sha256
from quals.metrics.base import Metric
from quals.metrics.rouge import Rouge2Precision
from quals.records import Status, SummaryScore, Texts
from quals.scoring.cache import ScoreCache, score_rows

FEW = Bootstrap(resamples=20)


class Counting(Metric):
    """The number in the summary; counts what it is asked. A summary that says "none" has no score."""

    name: ClassVar[str] = "counting"
    signature = "metric:counting"

    def __init__(self) -> None:
        self.asked: list[list[tuple[str, str]]] = []

    def _score(
        self, documents: Sequence[str], summaries: Sequence[str], references: Sequence[str] | None, explain: bool
    ) -> list[SummaryScore]:
        self.asked.append(list(zip(documents, summaries, strict=True)))
        return [
            SummaryScore(None, Status.NO_PAIRS, "none", signature=self.signature)
            if text == "none"
            else SummaryScore(float(text), Status.OK, signature=self.signature)
            for text in summaries
        ]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUALS_CACHE", str(tmp_path / "cache"))


def written(path: Path, rows: Sequence[Any]) -> Path:
    lines = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(lines.encode()))
    else:
        path.write_text(lines)
    return path


def row(document: str, summary: str, label: Any, **more: Any) -> dict[str, Any]:
    return {"document": document, "summary": summary, "label": label, **more}


NEWS = [
    row("the mayor of York resigned on Monday after a vote", "the mayor of York resigned", 1.0),
    row("the mayor of York resigned on Monday after a vote", "the mayor of Leeds was sacked", 0.0),
    row("police arrested two men near the station in Hull", "police arrested two men", 1.0),
    row("police arrested two men near the station in Hull", "police shot three people dead", 0.0),
    row("shares in the bank fell by 4% in early trading", "shares in the bank fell", 1.0),
    row("shares in the bank fell by 4% in early trading", "a bank gained in late dealing", 0.5),
    row("the team won its third game in a row on Sunday", "the team won its third game", 1.0),
]


# ---- reading


def test_reads_what_is_good_and_names_what_is_not(tmp_path: Path) -> None:
    rows = [row("d", "s", 1), row("d", "s", None), {"document": "d", "summary": "s"}, "{broken", row("d", 5, 1)]
    rows += [row("d", "s", "high"), row("d", "s", float("nan")), row("d", "t", True, pair=7, reference="r")]
    data = read_judged(written(tmp_path / "news.jsonl.gz", rows))
    assert data.name == "news"
    assert [(one.texts, one.label, one.pair) for one in data.rows] == [
        (Texts("d", "s"), 1.0, None),
        (Texts("d", "t", "r"), 1.0, "7"),
    ]
    assert data.unlabelled == 2
    assert [(problem.line, problem.field) for problem in data.problems] == [
        (4, ""),
        (5, "summary"),
        (6, "label"),
        (7, "label"),
    ]


def test_tables_of_all_formats_read_alike(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows = [{"document": f"D{n}", "summary": f"S{n}", "label": n / 2, "pair": "p" if n else None} for n in range(3)]
    (tmp_path / "a.b.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with gzip.open(tmp_path / "a.b.csv.gz", "wt") as stream:
        stream.write("document,summary,label,pair\nD0,S0,0.0,\nD1,S1,.5,p\nD2,S2,1,p\nD3,S3,,\nD4,S4,x,\n")
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.b.parquet")
    plain, table, columns = (read_judged(tmp_path / f"a.b.{end}") for end in ("jsonl", "csv.gz", "parquet"))
    assert plain.rows == table.rows == columns.rows
    assert plain.rows[0].pair is None
    assert {data.name for data in (plain, table, columns)} == {"a.b"}
    assert table.unlabelled == 1
    [problem] = table.problems
    assert str(problem).endswith("a.b.csv.gz:6: label: expected a number, found str")


def test_texts_are_found_as_everywhere(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("Article;highlights;Target;Label;Pair\nD;S;R;1;p\n")
    assert read_judged(path).rows == (JudgedRow(Texts("D", "S", "R"), 1.0, "p"),)
    path.write_text("Article;highlights;Target\nD;S;1\n")
    assert read_judged(path, "target").rows == (JudgedRow(Texts("D", "S"), 1.0, None),)


def test_a_list_of_passages_is_one_document(tmp_path: Path) -> None:
    (only,) = read_judged(written(tmp_path / "a.jsonl", [{"document": ["D", "E"], "summary": "S", "label": 1}])).rows
    assert only.texts.document == "D\n\nE"


def test_a_label_that_no_row_has_lists_the_fields(tmp_path: Path) -> None:
    path = written(tmp_path / "news.jsonl", NEWS)
    with pytest.raises(InputError, match=r"lable: no row has this label \(fields: document, label, summary"):
        read_judged(path, "lable")
    with path.open("a") as stream:
        stream.write("{broken\n")
    with pytest.raises(InputError, match=r"lable: no row has this label"):
        read_judged(path, "lable")


def test_sample_keeps_documents_whole_and_is_seeded(tmp_path: Path) -> None:
    rows = [row(f"d{i % 20}", str(i), 1.0) for i in range(60)]
    data = read_judged(written(tmp_path / "x.jsonl", rows))
    drawn = data.sample(5, seed=3)
    assert len(set(drawn.documents)) == 5
    assert all(drawn.documents.count(document) == 3 for document in drawn.documents)
    assert drawn == data.sample(5, seed=3) != data.sample(5, seed=4)
    assert data.sample(99, seed=0) == data


def test_files_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for folder in ("dev", "test"):
        (tmp_path / folder).mkdir()
    sets = [read_judged(written(tmp_path / folder / "a.jsonl", NEWS)) for folder in ("dev", "test")]
    assert [data.name for data in with_unique_names(sets)] == ["dev/a", "test/a"]


# ---- scoring through the cache


def test_a_second_table_asks_the_metric_nothing(tmp_path: Path) -> None:
    rows = [Texts(f"d{i % 3}", text) for i, text in enumerate(["1", "2", "none", "4", "1"])] * 20
    first, again, done = Counting(), Counting(), []
    scores = score_rows(first, rows, ScoreCache(), done.append)
    assert [score.value for score in scores[:5]] == [1.0, 2.0, None, 4.0, 1.0]
    assert sum(map(len, first.asked)) == len(set(rows)), "each different row once"
    assert sum(done) == len(rows)
    assert score_rows(again, rows, ScoreCache()) == [*scores]
    assert again.asked == []


@pytest.mark.parametrize("reads", [False, True])
def test_another_reference_is_another_row_only_where_references_are_read(
    reads: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Counting, "needs_reference", reads)
    first, again = Counting(), Counting()
    score_rows(first, [Texts("d", "1", "a"), Texts("d", "1", "b")], ScoreCache())
    score_rows(again, [Texts("d", "1", "b"), Texts("d", "1", "c"), Texts("d", "1")], ScoreCache())
    assert [sum(map(len, metric.asked)) for metric in (first, again)] == ([2, 2] if reads else [1, 0])


def test_a_killed_run_keeps_what_it_had(tmp_path: Path) -> None:
    class Dying(Counting):
        def _score(self, *texts: Any) -> list[SummaryScore]:
            if len(self.asked) == 2:
                raise KeyboardInterrupt
            return super()._score(*texts)

    rows = [Texts("d", str(i)) for i in range(100)]
    with pytest.raises(KeyboardInterrupt):
        score_rows(Dying(), rows, ScoreCache())
    after = Counting()
    assert [score.value for score in score_rows(after, rows, ScoreCache())] == list(range(100))
    assert sum(map(len, after.asked)) == 100 - 64


def test_rows_of_a_document_are_asked_together() -> None:
    metric = Counting()
    score_rows(metric, [Texts(f"d{i % 50}", str(i)) for i in range(200)], ScoreCache())
    asked = [document for batch in metric.asked for document, _ in batch]
    assert asked == [f"d{i // 4}" for i in range(200)]


def test_a_gpu_is_given_more_rows_at_once() -> None:
    metric = Counting()
    metric.device = "cuda"
    scores = score_rows(metric, [Texts("d", str(i)) for i in range(2100)], ScoreCache())
    assert [score.value for score in scores] == list(range(2100))
    assert [len(batch) for batch in metric.asked] == [2048, 52]


def test_rows_without_a_score_are_counted_by_status(tmp_path: Path) -> None:
    rows = [row(f"d{i}", text, label) for i, (text, label) in enumerate([("1", 0.0), ("none", 1.0), ("3", 1.0)])]
    data = read_judged(written(tmp_path / "x.jsonl", rows))
    [result] = measure([Counting()], [data], [], ScoreCache(), bootstrap=FEW)
    assert result.unscored == {"no-pairs": 1}
    assert (result.agreement.rows, result.agreement.scored) == (3, 2)


def test_the_copying_baseline_is_scored_once_for_all_metrics(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache, copying = ScoreCache(), Counting()
    monkeypatch.setattr(cache, "path", ":memory:")  # keeps nothing
    monkeypatch.setattr("quals.evaluate.measure.Rouge2Precision", lambda: copying)
    rows = [row(f"d{i}", str(i), float(i > 1)) for i in range(4)]
    sets = [read_judged(written(tmp_path / f"{name}.jsonl", rows)) for name in "xy"]
    metrics = [Counting(), Counting()]
    found = measure(metrics, sets, [], cache, bootstrap=FEW)
    assert [result.data for result in found] == ["x", "x", "y", "y"]
    assert [sum(map(len, metric.asked)) for metric in (copying, *metrics)] == [8, 8, 8]


def test_threshold_from_other_files(tmp_path: Path) -> None:
    rows = [row(f"d{i}", str(i), float(i >= 5)) for i in range(10)]
    data = read_judged(written(tmp_path / "x.jsonl", rows))
    moved = read_judged(written(tmp_path / "y.jsonl", [row(f"e{i}", str(i), float(i >= 7)) for i in range(10)]))
    [result] = measure([Counting()], [data], [moved], ScoreCache(), bootstrap=FEW)
    assert result.threshold == 6.5
    assert result.agreement.estimates["balanced_accuracy"].value == (3 / 5 + 5 / 5) / 2
    one_kind = read_judged(written(tmp_path / "z.jsonl", [row("f", str(i), 0.0) for i in range(3)]))
    with pytest.raises(InputError, match="no threshold can be chosen"):
        measure([Counting()], [data], [one_kind], ScoreCache(), bootstrap=FEW)


def test_a_metric_without_scores_on_the_tuning_files_lacks_only_its_threshold(tmp_path: Path) -> None:
    data = read_judged(written(tmp_path / "x.jsonl", [row(f"d{i}", str(i), float(i >= 5)) for i in range(10)]))
    silent = read_judged(written(tmp_path / "y.jsonl", [row(f"e{i}", "none", float(i >= 5)) for i in range(10)]))
    copying = Rouge2Precision()  # of texts of one word it has no score, either
    found, other = measure([Counting(), copying], [data], [silent], ScoreCache(), bootstrap=FEW)
    accuracy = found.agreement.estimates["balanced_accuracy"]
    assert (found.threshold, accuracy.value) == (None, None)
    assert accuracy.reason.startswith("no threshold can be chosen on the tuning files: no row is labelled")
    assert found.agreement.estimates["roc_auc"].value == 1.0
    assert other.agreement.scored == 0


def test_standard_input_has_no_hash_to_be_known_by() -> None:
    done = run("-", "--metric", "copy")
    assert (done.exit_code, str(done.exception)) == (
        1,
        "-: agreement is told of files, by their hash: standard input has none",
    )


def test_files_are_known_by_their_content_before_the_run(tmp_path: Path) -> None:
    rows = [row(f"d{i}", str(i), float(i >= 5)) for i in range(10)]
    file = written(tmp_path / "x.jsonl", rows)
    before = sha256(file)

    class Slow(Counting):
        def _score(self, *texts: Any, **more: Any) -> list[SummaryScore]:
            written(file, rows[:3])
            return super()._score(*texts, **more)

    report = make_report([str(file)], [Slow()], Options(), ScoreCache(), lambda name, count: lambda done: None)
    assert report.files[0].sha256 == before != sha256(file)


# ---- the command


def run(*arguments: object) -> Any:
    return CliRunner().invoke(agree, [str(argument) for argument in arguments], catch_exceptions=True)


def test_command_writes_the_same_numbers_in_three_formats(tmp_path: Path) -> None:
    outputs = [tmp_path / f"table.{ending}" for ending in ("md", "json", "csv")]
    news = written(tmp_path / "news.jsonl", [*NEWS, "{broken"])
    options = [part for path in outputs for part in ("-o", path)]
    done = run(news, "--metric", "copy,rouge1", "--resamples", 30, *options)
    assert done.exit_code == 0, done.output
    assert f"{news}:8: not valid JSON" in done.stderr
    assert done.stdout == outputs[0].read_text()

    content = json.loads(outputs[1].read_text())
    copied, rouge = content["results"]
    assert (copied["scored"], copied["rows"], copied["documents"]) == (7, 7, 4)
    assert copied["estimates"]["roc_auc"]["value"] == 1.0
    assert rouge["unscored"] == {"no-reference": 7}
    assert rouge["estimates"]["pearson"] == {
        "value": None, "low": None, "high": None, "count": 0, "reason": "fewer than 3 scored rows"
    }  # fmt: skip
    assert content["options"]["resamples"] == 30
    assert content["files"][0]["unreadable"] == 1

    lines = list(csv.DictReader(outputs[2].open()))
    assert float(lines[0]["pearson"]) == copied["estimates"]["pearson"]["value"]
    assert (lines[0]["signature"], lines[1]["pearson"]) == (copied["signature"], "")
    assert f"{copied['estimates']['pearson']['value']:.3f} (" in outputs[0].read_text()
    assert "7 of 7 rows have no score (no-reference)" in outputs[0].read_text()
    assert copied["signature"] in outputs[0].read_text()


def test_no_threshold_is_chosen_on_what_it_judges(tmp_path: Path) -> None:
    news = written(tmp_path / "news.jsonl", NEWS)
    mixed = written(tmp_path / "mixed.jsonl", [*NEWS[:3], row("other", "a", 1.0)])
    apart = written(
        tmp_path / "apart.jsonl", [row("some other text", "some other", 1.0), row("some other text", "no other", 0.0)]
    )
    for tuning, shared in ((news, "4 documents of this file are"), (mixed, "2 documents of this file are")):
        done = run(news, "--metric", "copy", "--resamples", 20, "--tune-on", apart, "--tune-on", tuning)
        assert f"{tuning}: --tune-on: {shared} among those to be judged" in str(done.exception)
    assert run(news, "--metric", "copy", "--resamples", 20, "--tune-on", apart).exit_code == 0


def test_command_limits_documents_and_takes_metric_settings(tmp_path: Path) -> None:
    news, table = written(tmp_path / "news.jsonl", NEWS), tmp_path / "t.json"
    done = run(news, "-m", "copy", "--limit", 2, "--set", "copy.stemmer=false", "--resamples", 5, "-o", table)
    assert done.exit_code == 0, done.output
    [result] = json.loads(table.read_text())["results"]
    assert result["documents"] == 2
    assert "stemmer:no" in result["signature"]


WRONG = [
    (["-m", "roug2"], "no metric 'roug2'; did you mean 'rouge2'"),
    (["-m", "copy", "--set", "copy.steming=true"], "did you mean 'stemmer'"),
    (["-m", "copy", "--set", "rouge1.stemmer=true"], "for rouge1, which --metric does not name"),
    (["-m", "copy", "--set", "stemmer"], "expected METRIC.NAME=VALUE"),
    (["-m", "copy", "-o", "table.xlsx"], "expected an ending among .md, .json, .csv"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_command_tells_what_is_wrong_before_it_starts(tmp_path: Path, options: list[str], message: str) -> None:
    done = run(written(tmp_path / "news.jsonl", NEWS), *options)
    assert (done.exit_code, message in done.output) == (2, True)


def test_metrics_named_twice_are_loaded_once() -> None:
    assert [metric.name for metric in load_metrics("rouge1, rouge,copy", [])] == [
        "rouge1",
        "rouge2",
        "rougeL",
        "rouge2-precision",
    ]
    made = load_metrics("rouge", ["rouge.stemmer=false"])
    assert all("|stemmer:no|" in metric.signature for metric in made)


def test_benchmark_keeps_raw_numbers_without_the_machines_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path(__file__).parents[1] / "benchmarks" / "agreement.py"
    monkeypatch.syspath_prepend(str(path.parent))
    benchmark = runpy.run_path(str(path))
    benchmark["main"].callback.__globals__["RESULTS"] = tmp_path / "results"
    news = written(tmp_path / "news.jsonl", NEWS)
    done = CliRunner().invoke(benchmark["main"], [str(news), "--metric", "copy", "--name", "x"])
    assert done.exit_code == 0, done.output
    [kept] = (tmp_path / "results").glob("x-*.json")
    content = json.loads(kept.read_text())
    assert content["results"][0]["signature"].startswith("metric:rouge2-precision|")
    assert content["date"] in kept.name
    assert "cores" in content["machine"]
    assert platform.node() not in kept.read_text()
    assert str(tmp_path) not in kept.read_text()


def test_terminal_table_fits_80_columns_and_knows_pairs(tmp_path: Path) -> None:
    def shown_of(rows: list[dict[str, Any]]) -> tuple[Report, str]:
        news = str(written(tmp_path / "news.jsonl", rows))
        report = make_report([news], load_metrics("copy", []), Options(resamples=30), ScoreCache(), lambda *_: str)
        console = Console(width=80, record=True, file=io.StringIO())
        console.print(to_terminal(report))
        return report, console.export_text()

    alone = [{**one, "document": f"{one['document']} {number}"} for number, one in enumerate(NEWS)]
    assert "order" not in shown_of(alone)[1]
    report, text = shown_of(NEWS)
    assert "rouge2-precision" in text
    assert "…" not in text
    pairs = report.results[0].agreement.estimates["pairs"]
    assert (pairs.value, pairs.count) == (1.0, 3)
    assert any(line.rstrip().endswith("1.000") for line in text.splitlines()), "three pairs, all in order"
    pearson = report.results[0].agreement.estimates["pearson"]
    for shown in (f"{pearson.value:.3f}", f"{pearson.low:.2f}–{pearson.high:.2f}"):
        assert shown.replace("0.", ".").replace("–1.00", "–1") in text


def test_no_minus_before_a_zero(tmp_path: Path) -> None:
    news = str(written(tmp_path / "news.jsonl", NEWS))
    report = make_report([news], load_metrics("copy", []), Options(resamples=30), ScoreCache(), lambda *_: str)
    report.results[0].agreement.estimates["pearson"] = Estimate(-0.0004, -0.0017, 0.11, 6)
    report.results[0].agreement.estimates["kendall"] = Estimate(-0.0006, None, None, 6)
    text = to_markdown(report)
    assert "| 0.000 (0.00–0.11) |" in text
    assert "| -0.001 |" in text


def test_how_often_the_words_of_the_probability_are_right(tmp_path: Path) -> None:
    metric = Counting()
    figures = {"rows": 9, "base_rate": 0.5, "folds": 5, "brier": 0.1, "brier_base_rate": 0.2, "log_loss": 0.3}
    metric.calibrate(
        Calibration(Logistic(1.0, 0.0), metric.signature, ("made up",), reliability=(), shortest=2, **figures)
    )
    document = "the mayor resigned"
    rows = [
        row(document, text, label) for text, label in (("2", 1), ("0", 1), ("3", 0), ("-2", 0), ("-3", 0), ("none", 0))
    ]
    rows += [row("x", "2", 0)]  # a document that the calibration says nothing of
    file = written(tmp_path / "judged.jsonl", rows)
    report = make_report(
        [str(file)], [metric, Counting()], Options(), ScoreCache(), lambda name, count: lambda done: None
    )
    first, second = report.results
    words = ("likely inconsistent", "look closer", "likely consistent")
    assert first.bands == {
        "consistent": dict(zip(words, (0, 1, 1), strict=True)),
        "inconsistent": dict(zip(words, (2, 0, 1), strict=True)),
    }
    assert (first.unread, second.bands, second.unread) == (1, {}, 0)
    assert "judged, counting: 1 of 6 scored rows have no probability: the calibration knows no such documents" in notes(
        report
    )
    assert (
        "judged, counting: of 2 consistent summaries 0% likely inconsistent, 50% look closer, 50% likely consistent; "
        "of 3 inconsistent summaries 67% likely inconsistent, 0% look closer, 33% likely consistent"
    ) in notes(report)
