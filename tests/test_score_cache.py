from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from quals.errors import QualsError
from quals.records import Status, SummaryScore, Texts
from quals.scoring.cache import ScoreCache, key

ROW = Texts("document", "summary", "reference")


@pytest.fixture
def cache(tmp_path: Path) -> ScoreCache:
    return ScoreCache(tmp_path / "new" / "scores.sqlite")


KEPT = [
    SummaryScore(-0.1234567890123456, Status.OK, "a note", chunks=3, signature="s"),
    SummaryScore(None, Status.NO_PAIRS, "nothing passed the filter", signature="s"),
]


@pytest.mark.parametrize("score", KEPT)
def test_a_score_comes_back_as_it_was(cache: ScoreCache, score: SummaryScore) -> None:
    cache.put("s", [(ROW, score)])
    assert ScoreCache(cache.path).get("s", [ROW]) == [score]


def test_any_change_of_texts_or_signature_is_another_row(cache: ScoreCache) -> None:
    cache.put("s", [(ROW, KEPT[0])])
    others = [ROW._replace(document="d"), ROW._replace(summary="d"), ROW._replace(reference="d")]
    others += [ROW._replace(reference=None), Texts("summary", "document", "reference")]
    assert cache.get("s", others) == [None] * len(others)
    assert cache.get("t", [ROW]) == [None]


def test_key_does_not_run_fields_together() -> None:
    assert key("s", Texts("ab", "c")) != key("s", Texts("a", "bc"))
    assert key("s", Texts("a", "b", None)) != key("s", Texts("a", "b", "null"))
    assert key("s", Texts("a\ud800", "b")) != key("s", Texts("a", "b"))  # lone surrogates occur in real files


def test_order_and_gaps_are_kept_in_long_lists(cache: ScoreCache) -> None:
    rows = [Texts(str(i), "s") for i in range(1200)]
    cache.put("s", [(row, SummaryScore(float(i), Status.OK)) for i, row in enumerate(rows) if i % 3])
    values = [None if score is None else score.value for score in cache.get("s", rows)]
    assert values == [float(i) if i % 3 else None for i in range(1200)]


def test_failures_are_tried_again(cache: ScoreCache) -> None:
    cache.put("s", [(ROW, SummaryScore(None, Status.ERROR, "out of memory"))])
    assert cache.get("s", [ROW]) == [None]


def test_where_nothing_can_be_written_nothing_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUALS_CACHE", str(tmp_path))
    (tmp_path / "scores.sqlite").mkdir()  # which no database can be
    with pytest.raises(QualsError, match="unable to open"):
        ScoreCache()
    monkeypatch.setattr(os, "access", lambda *_: False)
    cache = ScoreCache()
    assert "scores are not kept" in capsys.readouterr().err
    cache.put("s", [(ROW, KEPT[0])])
    assert cache.get("s", [ROW]) == [None]


def test_a_cache_of_somebody_else_is_read_but_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUALS_CACHE", str(tmp_path))
    ScoreCache().put("s", [(ROW, KEPT[0])])
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda path, timeout: connect(f"file:{path}?mode=ro", timeout, uri=True))
    monkeypatch.setattr(os, "access", lambda _, mode: mode == os.R_OK)
    cache = ScoreCache()
    assert "scores are not kept" in capsys.readouterr().err
    cache.put("other", [(ROW, KEPT[0])])
    (kept,) = cache.get("s", [ROW])
    assert kept is not None
    assert kept.value == KEPT[0].value
    assert cache.get("other", [ROW]) == [None]


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "scores.sqlite"
    path.write_text("not a database" * 100)
    with pytest.raises(QualsError, match=r"scores\.sqlite.*can be deleted"):
        ScoreCache(path)


WRITER = """
import sys
from pathlib import Path
from quals.records import Texts
from quals.scoring.cache import ScoreCache
from quals.records import Status, SummaryScore

cache = ScoreCache(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(60):
    rows = [Texts(f"{number}-{row}", sys.argv[2]) for row in range(5)]
    shared = [Texts(f"{number}-{row}", "shared") for row in range(5)]
    cache.put("s", [(row, SummaryScore(float(number), Status.OK)) for row in rows + shared])
    assert all(score.value == number for score in cache.get("s", rows + shared))
"""


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "scores.sqlite"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), name], **pipes) for name in "ab"]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0
    rows = [Texts(f"{n}-{row}", name) for name in ("a", "b", "shared") for n in range(60) for row in range(5)]
    assert all(score is not None for score in ScoreCache(path).get("s", rows))
