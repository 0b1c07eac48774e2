import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from serving import running
from word_pairs import WordPairs

from quals.records import SummaryScore

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("serve_load", ROOT / "benchmarks" / "serve_load.py")
serve_load = importlib.util.module_from_spec(_spec)
sys.modules["serve_load"] = serve_load
_spec.loader.exec_module(serve_load)
ROWS = [{"document": serve_load.DOCUMENT, "summary": summary} for summary in serve_load.SUMMARIES]


class Slow(WordPairs):
    """Takes its time for a batch, as a model does, so that requests meet in the queue."""

    def _score(self, documents, summaries, references, explain) -> list[SummaryScore]:
        time.sleep(0.2)
        return super()._score(documents, summaries, references, explain)


@pytest.mark.parametrize(("queue", "refusals"), [(512, False), (4, True)])
def test_200_clients_lose_nothing(queue, refusals):
    with running(Slow(), queue=queue) as (url, metric, server):
        expected = serve_load.answers(url, ROWS)
        result = serve_load.load(url, clients=200, seconds=2, rows=ROWS, expected=expected)
        assert server.config.app.state.service.batcher.waiting == 0
    assert (result.lost, result.wrong) == ([], [])
    assert result.right + result.refused >= 200
    assert (result.refused > 0) == refusals
    assert 1 < max(metric.batches) <= min(16, queue)
    assert sum(metric.batches) == result.right + len(ROWS)  # each was scored once


PROGRAM = """
import sys, time
from word_pairs import WordPairs
from quals.web.app import create_app
from quals.web.server import Server
from quals.web.settings import ServeSettings

class Slow(WordPairs):
    def _score(self, *texts):
        time.sleep(float(sys.argv[1]))
        return super()._score(*texts)

settings = ServeSettings(port=0)
Server(create_app(Slow(), settings), settings).run()
"""


@contextmanager
def busy(seconds, patience=30):
    """A process that takes so long for a summary, and has just accepted one: its address, and the answer to come."""
    paths = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    command = [sys.executable, "-c", PROGRAM, str(seconds)]
    with (
        subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": paths}, stderr=subprocess.PIPE, text=True
        ) as process,
        ThreadPoolExecutor() as pool,
    ):
        try:
            url = process.stderr.readline().removeprefix("Serving at ").strip()
            accepted = pool.submit(httpx.post, f"{url}/v1/score", json=ROWS[1], timeout=patience)
            while httpx.get(f"{url}/health").json()["waiting"] == 0:
                time.sleep(0.02)
            yield process, url, accepted
        finally:
            process.kill()


def test_sigterm_lets_the_process_finish_what_it_accepted():
    with busy(1.5) as (process, url, accepted):
        process.send_signal(signal.SIGTERM)
        while (health := httpx.get(f"{url}/health")).status_code == 200:
            time.sleep(0.02)
        assert health.json()["status"] == "stopping"
        assert httpx.post(f"{url}/v1/score", json=ROWS[0]).status_code == 503
        assert accepted.result().json()["score"] == WordPairs().score(*ROWS[1].values()).value
        assert process.wait(20) == 0


def test_sigterm_does_not_wait_for_a_batch_that_nobody_waits_for():
    with busy(25, patience=4) as (process, _, accepted):
        assert isinstance(accepted.exception(), httpx.ReadTimeout)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_sigterm_does_not_wait_for_a_request_that_never_comes_whole():
    with busy(0.5) as (process, url, accepted):
        host, _, port = url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as half:
            half.sendall(b"POST /v1/score HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
            assert accepted.result().status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_the_process_at_once(sign):
    with busy(25) as (process, url, accepted):
        process.send_signal(sign)
        while httpx.get(f"{url}/health").status_code == 200:
            time.sleep(0.02)
        process.send_signal(sign)
        assert process.wait(20) == -sign
        assert isinstance(accepted.exception(), httpx.TransportError)
