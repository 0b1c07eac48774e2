"""``quals study`` from files to a report."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import quals
from quals.cli.main import cli
from quals.errors import QualsError
from quals.study.records import Judgement
from quals.study.store import Store
from tests.study.conftest import answer, make_documents
from tests.study.test_report import fill


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    sources = []
    for system in ("conseq", "mle"):
        rows = [{"id": d.id, "document": d.text, "summary": d.summaries[system]} for d in make_documents(6)]
        path = tmp_path / f"{system}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        sources.append(f"{system}={path}")
    return sources


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["study", *arguments], catch_exceptions=False)


def test_new_and_report(files: list[str], tmp_path: Path) -> None:
    study = str(tmp_path / "a study.sqlite")
    made = run(
        "new", study, *files, "--name", "Ann", "--name", "Ben", "--judgements", "2", "--documents", "5", "--checks", "1"
    )
    assert made.output.splitlines() == [
        "5 of 6 documents, 5 pairs",
        "Ann: 6 items",
        "Ben: 6 items",
        f"next: quals study serve '{study}'",
    ]
    with pytest.raises(QualsError, match="nothing has been judged yet"):
        run("report", study)
    fill(Store.open(study), lambda _name, pair: 1 if pair > 1 else -1)
    told = run("report", study, "--to", str(tmp_path / "out"), "--difference", "0.5")
    assert "80% (38-96)" in told.output  # Wilson for 4 of 5
    assert "sign p: the exact sign test, two-sided" in told.output
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {
        "report.json",
        "results.csv",
        "chart.svg",
        "chart.png",
    }


def test_a_report_is_of_one_moment(files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study, folder = str(tmp_path / "s.sqlite"), tmp_path / "out"
    run("new", study, *files, "--name", "Ann", "--judgements", "1", "--documents", "3")
    store = Store.open(study)
    first, second, _ = store.tasks(1)
    store.save(first.id, answer("left"), bases=[""], write_id="write0001")
    read = Store.judgements

    def answered_meanwhile(store: Store) -> list[Judgement]:
        found = read(store)
        store.save(second.id, answer("left"), bases=[""], write_id="write0002")
        return found

    monkeypatch.setattr(Store, "judgements", answered_meanwhile)
    run("report", study, "--to", str(folder))
    counted = json.loads((folder / "report.json").read_text())["study"]["judgements"]
    assert counted == len(json.loads((folder / "judgements.json").read_text())) == 1


@pytest.mark.parametrize(("options", "told"), [((), True), (("--url", "https://study.example.org"), False)])
def test_links_that_lead_nobody_here_are_told(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], told: bool
) -> None:
    monkeypatch.setattr("quals.cli.study._run", lambda *_: None)
    run("new", str(tmp_path / "s.sqlite"), *files, "--documents", "3")
    served = run("serve", str(tmp_path / "s.sqlite"), "--host", "0.0.0.0", *options)
    assert ("--url says where people reach it" in served.stderr) == told


def test_sigterm_does_not_wait_for_a_request_that_never_comes_whole(files: list[str], tmp_path: Path) -> None:
    study = str(tmp_path / "s.sqlite")
    run("new", study, *files, "--name", "Ann", "--judgements", "1", "--documents", "3")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "quals.cli.main", "study", "serve", study, "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(Path(quals.__file__).parents[1])}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            with _connected(port) as half:
                path = f"/a/{Store.open(study).annotators()[0].token}/1"
                half.sendall(f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{{".encode())
                with socket.create_connection(("127.0.0.1", port)) as whole:  # answered after the other has been read
                    whole.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
                    assert whole.recv(1)
                process.send_signal(signal.SIGTERM)
                process.wait(20)
        finally:
            process.kill()


def _connected(port: int) -> socket.socket:
    for _ in range(600):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise AssertionError("the server did not start")


def test_a_report_destroys_nothing_that_is_not_its_own(files: list[str], tmp_path: Path) -> None:
    study, folder = str(tmp_path / "s.sqlite"), tmp_path / "out"
    run("new", study, *files, "--name", "Ann", "--judgements", "1", "--documents", "3", "--checks", "0")
    fill(Store.open(study), lambda _name, _pair: 1)
    folder.mkdir()
    scores = folder / "metrics.csv"
    scores.write_text("id,system,mine\nd0,conseq,0.5\n")
    with pytest.raises(QualsError, match=r"metrics\.csv: is the input file"):
        run("report", study, "--to", str(folder), "--scores", str(scores))
    with pytest.raises(QualsError, match=r"metrics\.csv: is the input file"):
        run("report", study, "--to", str(folder), "--scores", f"mle={scores}")
    run("report", study, "--to", str(folder))
    assert scores.read_text() == "id,system,mine\nd0,conseq,0.5\n"
    run("report", study, "--to", str(folder))  # now the folder holds a report
    assert not scores.exists()


def test_bad_rows_are_told_and_do_not_stop_it(files: list[str], tmp_path: Path) -> None:
    with open(files[0].partition("=")[2], "a") as stream:
        stream.write('{"document": "no summary"}\n')
    made = run("new", str(tmp_path / "s.sqlite"), *files, "--documents", "3")
    assert made.exit_code == 0
    assert "conseq.jsonl:7: summary: missing" in made.stderr


def test_equal_summaries_are_told(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    path.write_text("document,summary,system\nA,same,x\nA,same,y\nB,one,x\nB,two,y\n")
    made = run("new", str(tmp_path / "s.sqlite"), str(path), "--annotators", "3")
    assert "on 1 of them both summaries are the same text" in made.output


def test_a_missing_study_is_told(tmp_path: Path) -> None:
    for command in ("serve", "report"):
        with pytest.raises(QualsError, match="no such study"):
            run(command, str(tmp_path / "missing.sqlite"))


@pytest.mark.parametrize(
    ("missing", "command"),
    [("sqlalchemy", "report"), ("sqlalchemy", "new"), ("starlette", "serve"), ("scipy", "report")],
)
def test_without_the_extra_one_line_says_so(files: list[str], tmp_path: Path, missing: str, command: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from quals.cli.main import main; main(sys.argv[1:])"
    arguments = ["study", command, str(tmp_path / "s.sqlite"), *(files if command == "new" else [])]
    environment = {**os.environ, "PYTHONPATH": str(Path(quals.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=environment)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert "pip install '.[study]'" in line
