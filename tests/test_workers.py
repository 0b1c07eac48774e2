"""A metric's work shared out among processes: the shipped model, with a short search."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tqdm import tqdm

from quals.calibrate.calibration import shipped
from quals.cli.metrics import load_metrics
from quals.errors import InputError, MissingExtraError, ModelError, QualsError
from quals.lm.device import SHARE
from quals.metrics import registry, workers
from quals.metrics.base import Metric
from quals.metrics.rouge import Rouge1
from quals.metrics.safe import rows_at_once
from quals.metrics.workers import Here, Pool, Recipe, Workers, shares
from quals.records import Status, SummaryScore, Texts

SHORT: dict[str, Any] = {"search.groups": 4, "search.max_length": 12}
FERRY = "A ferry with 214 people aboard ran aground near Rivermouth on Monday. Nobody was hurt, the coastguard said."
ROWS = [
    (FERRY, "All 214 people aboard a ferry are safe."),
    ("The mayor resigned on 3 May, after a vote in the council.", "The mayor resigned on 4 May."),
    (FERRY, "A ferry sank near Rivermouth on Friday."),
    ("", "The council voted."),
    ("The library stays open.", "The \ud800 library closes."),
    ("Ashcombe's library has been saved from closure by 40 volunteers.", "Volunteers saved a library."),
]


@pytest.fixture(scope="module")
def shared() -> Metric:
    return registry.load("quals", device="cpu", workers=2, **SHORT)


@pytest.fixture(scope="module")
def alone() -> Metric:
    return registry.load("quals", device="cpu", **SHORT)


def scores(metric: Metric) -> list[SummaryScore]:
    return metric.score(*zip(*ROWS, strict=True))


def test_scores_are_those_of_one_process(shared: Metric, alone: Metric) -> None:
    assert isinstance(shared, Workers)
    assert (shared.name, shared.range, shared.signature) == (alone.name, alone.range, alone.signature)
    assert shared.device == "cpu"
    assert rows_at_once(shared) == 2 * rows_at_once(alone)
    wanted = scores(alone)
    assert [score.status for score in wanted][3:5] == [Status.EMPTY_DOCUMENT, Status.ERROR]
    found = scores(shared)
    assert multiprocessing.active_children()
    for one, other in zip(found, wanted, strict=True):
        assert one.value == pytest.approx(other.value, abs=1e-4)
        assert [piece.to_dict()["answer"] for piece in one.evidence] == [
            piece.to_dict()["answer"] for piece in other.evidence
        ]
        assert (one.status, one.reason) == (other.status, other.reason)
        assert [doubt.span for doubt in one.doubts] == [doubt.span for doubt in other.doubts]
    assert any(score.doubts for score in found)
    alone_with_one = shared.score(*ROWS[1])
    assert alone_with_one.value == pytest.approx(wanted[1].value, abs=1e-4)
    unexplained = shared.score(*ROWS[1], explain=False)
    assert unexplained.value == pytest.approx(wanted[1].value, abs=1e-4)
    assert (unexplained.evidence, unexplained.doubts) == ((), ())
    assert unexplained.to_dict()["evidence_count"] == alone_with_one.to_dict()["evidence_count"] > 0


def test_the_calibration_given_is_the_one_used(shared: Metric, alone: Metric) -> None:
    golden = json.loads((Path(__file__).parent / "golden.json").read_text())["quals"]
    of_others = shipped(golden["signature"])
    assert of_others is not None
    given = replace(of_others, signature=shared.signature, shortest=0)
    assert scores(shared)[0].reading is None
    for metric in (shared, alone):
        metric.calibrate(given)
    one, other = scores(shared)[0], scores(alone)[0]
    assert one.reading is not None
    assert other.reading is not None
    assert one.reading.probability == pytest.approx(other.reading.probability, abs=1e-4)


def test_parts_hold_each_row_once_and_are_of_like_length() -> None:
    rows = [Texts(f"document {n % 7} " * (1 + n % 7), "summary") for n in range(40)]
    parts = shares(rows, 3)
    assert sorted(place for part in parts for place in part) == list(range(40))
    for part in parts:
        assert {rows[place].document for place in part}.isdisjoint(
            row.document for place, row in enumerate(rows) if place not in part
        )
    lengths = [sum(len(text) for text in {rows[place].document for place in part}) + 7 * len(part) for part in parts]
    assert max(lengths) < 1.5 * min(lengths)
    assert shares(rows[:1], 4) == [[0]]
    assert shares([], 4) == []


def test_what_runs_no_model_stays_where_it_is() -> None:
    assert not isinstance(registry.load("rouge1", workers=2), Workers)


def test_an_ensemble_shares_out_its_parts() -> None:
    metric = registry.load("ensemble", device="cpu", workers=2)
    assert metric.workers == 2
    assert [(type(part), part.name) for part in metric.parts] == [(Workers, "pmi"), (Workers, "factcc")]
    assert metric.signature == registry.load("ensemble", device="cpu").signature


def test_errors_come_back_as_they_are() -> None:
    with pytest.raises(ModelError, match="no-such-model"):
        registry.load("quals", device="cpu", workers=2, model="no-such-model")
    with pytest.raises(InputError, match="pairs"):
        registry.load("quals", device="cpu", workers=2, pairs=0)
    error = pickle.loads(pickle.dumps(MissingExtraError("QAGS", "spacy")))
    assert str(error) == "QAGS needs the extra 'spacy': in a checkout, pip install '.[spacy]'"


def test_what_has_not_begun_is_not_done_after_an_error(shared: Metric, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(shared, Workers)
    futures = [Future[int]() for _ in range(3)]
    futures[0].set_exception(ModelError("no model"))
    given = iter(futures)

    class Waiting:
        def submit(self, *_: object) -> Future[int]:
            return next(given)

    monkeypatch.setattr(workers, "_pool", lambda _: Waiting())
    with pytest.raises(ModelError, match="no model"):
        shared._results(len, [((),)] * 3)
    assert [future.cancelled() for future in futures] == [False, True, True]


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("auto", [("cuda:0", "0.3"), ("cuda:1", "0.3"), ("cuda:0", "0.3"), ("cuda:1", "0.3"), ("cuda:0", "0.3")]),
        ("cuda:1", [("cuda:1", "0.18")] * 5),
    ],
)
def test_gpus_are_dealt_out(device: str, expected: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setenv(SHARE, "0.9")
    made: list[str] = []

    def load(name: str, *, device: str) -> Metric:
        made.append(device)
        return Rouge1()

    monkeypatch.setattr(registry, "load", load)
    shared = []
    for place in range(5):
        Here(place, 5, 0.9).metric(Recipe(0, "quals", device, {}))
        shared.append((made[-1], os.environ[SHARE]))
    assert shared == expected


@pytest.mark.parametrize(
    ("device", "workers", "told"),
    [("auto", 1, "quals: of 4 GPUs 1 will be used; all with --workers 4\n"), ("auto", 4, ""), ("cuda:1", 1, "")],
)
def test_idle_gpus_are_told_of(
    device: str, workers: int, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)

    def load(name: str, **_: object) -> Metric:
        metric = Rouge1()
        metric.device = "cuda"
        return metric

    monkeypatch.setattr(registry, "load", load)
    load_metrics("quals", (), device=device, workers=workers)
    assert capsys.readouterr().err == told


def test_a_process_that_is_killed_ends_the_work(shared: Metric, alone: Metric) -> None:
    for idle in (False, True):
        scores(shared)  # the second time by new ones
        for child in multiprocessing.active_children():
            child.kill()
        deadline = time.monotonic() + 30
        while idle and multiprocessing.active_children() and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(idle)  # the pool then knows
        with pytest.raises(QualsError, match="one of the 2 processes was killed"):
            scores(shared)
    assert scores(shared)[0].value == pytest.approx(scores(alone)[0].value, abs=1e-4)


def test_ending_some_processes_leaves_the_others() -> None:
    kept, ended = workers._pool(3), workers._pool(4)
    try:
        ended.close()
        assert workers._pool(3) is kept
        assert 4 not in workers.pools
    finally:
        kept.close()


FORKED = """
import os, sys, torch
import quals.lm.framed
from quals.metrics import workers

torch.set_num_threads(2)  # torch then starts a thread, which a forked process does not have
numbers = torch.ones(4_000_000)
numbers.exp()
before = workers._pool(2)
if not (child := os.fork()):
    numbers.exp()
    os._exit(7 if workers._pool(2) is not before else 8)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_process_has_threads_and_workers_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, timeout=120)
    assert done.stdout == "7\n"


def kind_of_lock() -> str:
    return type(tqdm.get_lock()).__module__


def test_processes_hold_no_semaphore_that_would_be_missed_when_they_end_at_once() -> None:
    pool = Pool(1)
    assert pool.submit(kind_of_lock).result() == "_thread"
    pool.close()


@pytest.mark.parametrize(("ended_by", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_the_processes_end_with_the_command(ended_by: signal.Signals, code: int, tmp_path: Path) -> None:
    examples = Path(__file__).parents[1] / "examples" / "news.jsonl"
    words = ["score", examples, "--workers", "2", "--device", "cpu", "-o", tmp_path / "scored.jsonl", "--quiet"]
    # In a session of its own: the signal reaches the command alone, as one that a program sends does. A shell that
    # runs the tests in the background has them ignore Ctrl-C, and what they start.
    process = subprocess.Popen(
        [sys.executable, "-m", "quals.cli.main", *map(str, words)],
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while sum(name.startswith("spawn") for name in members(process.pid)) < 2 and time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1].decode()
        time.sleep(0.1)
    assert len(members(process.pid)) >= 3
    time.sleep(1)
    process.send_signal(ended_by)
    assert process.wait(30) == code
    deadline = time.monotonic() + 30
    while (left := members(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not left


def members(session: int) -> list[str]:
    """The Python processes of a session, each by what it is for, whatever width COLUMNS says (readline sets it)."""
    found = subprocess.run(["ps", "-ww", "-o", "args=", "-s", str(session)], capture_output=True, text=True).stdout
    return ["spawn" if "spawn_main" in line else line for line in found.splitlines() if "defunct" not in line]


def test_a_process_keeps_the_metrics_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_MOST", 2)
    here = Here(0, 1, 1.0)
    one, two, three = (Recipe(number, "rouge1", "cpu", {}) for number in range(3))
    first = here.metric(one)
    here.metric(two)
    assert here.metric(one) is first
    here.metric(three)
    assert list(here.metrics) == [0, 2]
