import asyncio
import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest
from click.testing import CliRunner
from serving import running
from word_pairs import WordPairs

import quals
from quals.calibrate import Calibration, Logistic
from quals.cli.main import cli
from quals.errors import InputError
from quals.nlp import load_pipeline
from quals.records import Status
from quals.web import splitting
from quals.web.app import create_app
from quals.web.batcher import Batcher
from quals.web.refusal import Refusal
from quals.web.settings import ServeSettings

DOCUMENT = "The mayor of Rivermouth resigned on Tuesday."
GOOD, BAD = "The mayor resigned on Tuesday.", "The mayor resigned on Friday."
JSON = {"Content-Type": "application/json"}
HOSTILE = "<script>x</script>\0\u202e\u05d0 \U0001f600"


def test_one_score_is_the_metrics_own(service):
    expected = WordPairs().score(DOCUMENT, BAD)
    answer = service.post("/v1/score", json={"document": DOCUMENT, "summary": BAD, "id": HOSTILE}).json()
    absent = dict.fromkeys(("probability", "band", "evidence", "doubts"))
    absent |= dict.fromkeys(("sentence_index", "sentence_start", "sentence_end"))
    assert answer == {**expected.to_dict(), "id": HOSTILE, **absent}


def test_a_document_may_come_as_passages(service):
    one, other = DOCUMENT.split(" resigned")[0], "It resigned on Tuesday."
    answer = service.post("/v1/score", json={"document": [one, other], "summary": BAD}).json()
    assert answer["score"] == WordPairs().score(f"{one}\n\n{other}", BAD).value is not None
    described = service.get("/openapi.json").json()["components"]["schemas"]["Row"]["properties"]["document"]
    assert [kind["type"] for kind in described["anyOf"]] == ["string", "array"]


def test_many_scores_come_in_order_with_their_evidence(service):
    rows = [
        {"document": DOCUMENT, "summary": text, "id": str(n) if n else n}
        for n, text in enumerate([GOOD, BAD, "", HOSTILE])
    ]
    answer = service.post("/v1/scores?explain=true", json={"rows": rows}).json()["rows"]
    expected = WordPairs().score([DOCUMENT] * 4, [row["summary"] for row in rows])
    assert [row["id"] for row in answer] == [0, "1", "2", "3"]
    assert [row["score"] for row in answer] == [score.value for score in expected]
    assert answer[1]["evidence"] == json.loads(json.dumps([piece.to_dict() for piece in expected[1].evidence]))
    (doubt,) = answer[1]["doubts"]
    assert BAD[doubt["start"] : doubt["end"]] == doubt["text"] == "Friday"
    assert (answer[2]["score"], answer[2]["status"]) == (None, "empty-summary")


def test_each_sentence_may_be_scored_by_itself(service):
    long = "x" * 300_000
    rows = [
        {"document": DOCUMENT, "summary": f"{GOOD} {BAD}", "id": "a"},
        {"document": DOCUMENT, "summary": "", "id": "b"},
        {"document": DOCUMENT, "summary": f"- {BAD}\n", "id": "c"},
        {"document": 3, "summary": GOOD, "id": "d"},
        {"document": DOCUMENT, "summary": long, "id": "e"},
    ]
    answer = service.post("/v1/scores?sentences=true&explain=true", json={"rows": rows}).json()["rows"]
    places = [tuple(row[f"sentence_{name}"] for name in ("index", "start", "end")) for row in answer]
    none = (None, None, None)
    second = (1, len(GOOD) + 1, len(GOOD) + 1 + len(BAD))
    assert places == [(0, 0, len(GOOD)), second, none, (0, 2, 2 + len(BAD)), none, none]
    assert [row["id"] for row in answer] == list("aabcde")
    good, bad, empty, alone, *faulty = answer
    assert [good["score"], bad["score"]] == [WordPairs().score(DOCUMENT, text).value for text in (GOOD, BAD)]
    assert (bad["score"], bad["evidence"], bad["doubts"]) == (alone["score"], alone["evidence"], alone["doubts"])
    (doubt,) = bad["doubts"]
    assert BAD[doubt["start"] : doubt["end"]] == "Friday"
    assert empty["status"] == "empty-summary"
    assert {row["status"] for row in faulty} == {"invalid-row"}
    many = [{"document": DOCUMENT, "summary": f"{GOOD} " * 40}]
    refused = service.post("/v1/scores?sentences=true", json={"rows": many})
    assert (refused.status_code, refused.json()["error"]["field"]) == (413, "rows")
    assert service.post("/v1/scores", json={"rows": many}).status_code == 200


def test_sentences_need_spacy(service, monkeypatch):
    monkeypatch.setattr(splitting, "_pipeline", partial(load_pipeline, "there is none"))
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    rows = [{"document": DOCUMENT, "summary": BAD}]
    refused = service.post("/v1/scores?sentences=true", json={"rows": rows})
    assert (refused.status_code, refused.json()["error"]["field"]) == (422, "sentences")
    assert "spacy" in refused.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/score", {"document": "x"}, "summary"),
        ("/v1/score", {"document": 3, "summary": "x"}, "document"),
        ("/v1/score", {"document": ["x", 3], "summary": "x"}, "document"),
        ("/v1/score", {"document": "x", "summary": "x", "sumary": "x"}, "sumary"),
        ("/v1/score?explain=perhaps", {"document": "x", "summary": "x"}, "explain"),
        ("/v1/scores", {"rows": []}, "rows"),
        ("/v1/scores", {"rows": {"document": "x", "summary": "x"}}, "rows"),
        ("/v1/scores", {"rows": [{"document": "x", "summary": "x"}], "explain": True}, "explain"),
        ("/v1/score", {"document": "x", "summary": "x", "id": 1.5}, "id"),
        ("/v1/score", {"document": "\ud800", "summary": "x"}, "document"),
    ],
)
def test_422_names_the_field(service, path, body, field):
    answer = service.post(path, content=json.dumps(body), headers=JSON)
    assert (answer.status_code, answer.json()["error"]["field"]) == (422, field)


def test_422_for_what_is_not_json(service):
    answer = service.post("/v1/score", content="{", headers=JSON)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert (error["message"].startswith("not valid JSON at character 1: "), error["field"]) == (True, None)


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b'{"document": "a", "summary": "b"}', "application/x-www-form-urlencoded", "Content-Type: application/json"),
        (b"", "application/json", "expected a JSON object"),
        (b'{"document": "caf\xe9", "summary": "b"}', "application/json", "JSON has to be UTF-8"),
        (b"[" * 100_000, "application/json", "too many brackets"),
        (b'{"document": ["a", null], "summary": "b"}', "application/json", "found a list with null at place 1"),
    ],
)
def test_422_says_what_is_wrong_with_a_body(service, body, kind, message):
    answer = service.post("/v1/score", content=body, headers={"Content-Type": kind})
    assert (answer.status_code, message in answer.json()["error"]["message"]) == (422, True)


@pytest.mark.parametrize("limit", ["batch", "queue", "rows", "characters", "bytes", "timeout"])
@pytest.mark.parametrize("value", [0, -5, float("nan")])
def test_limits_that_cannot_be_are_refused(limit, value):
    with pytest.raises(InputError, match=f"{limit}: must be above 0"):
        ServeSettings(**{limit: value})


@pytest.mark.parametrize("token", ["schlüssel", "sesame\r\n", " sesame", " "])
def test_a_token_that_no_header_can_carry_is_refused(token):
    with pytest.raises(InputError, match="token: only ASCII"):
        ServeSettings(token=token)


def test_a_report_of_several_summaries_is_called_scores(service):
    form = {"document": "The mayor resigned.", "summaries": "The mayor.\n\nThe chief."}
    page = service.post("/report", data=form).text
    assert "<title>Scores" in page
    file = {"summaries_file": ("mine.txt", b"The mayor.\n\nThe chief.")}
    assert "<title>mine.txt" in service.post("/report", data=form, files=file).text


def test_413_for_rows_characters_and_bytes():
    with running(rows=2, characters=50, bytes=2000) as (url, _, _):
        row = {"document": "x", "summary": "y"}
        answer = httpx.post(f"{url}/v1/scores", json={"rows": [row] * 3})
        assert (answer.status_code, answer.json()["error"]["field"]) == (413, "rows")
        for path in ("/v1/scores", "/v1/scores?sentences=true"):  # what is no row is one all the same
            answer = httpx.post(f"{url}{path}", json={"rows": [row, 0, {}]})
            assert (answer.status_code, answer.json()["error"]["field"]) == (413, "rows")
        answer = httpx.post(f"{url}/v1/score", json={"document": "x" * 51, "summary": "y"})
        assert (answer.status_code, answer.json()["error"]["field"]) == (413, "document")
        answer = httpx.post(f"{url}/stream", data={"document": "x", "summaries": "y\n\n" + "x" * 51})
        assert (answer.status_code, answer.json()["error"]["field"]) == (413, "summary")
        long = json.dumps({"document": "x" * 3000, "summary": "y"}).encode()
        assert httpx.post(f"{url}/v1/score", content=long, headers=JSON).status_code == 413
        in_parts = (long[start : start + 100] for start in range(0, len(long), 100))  # no Content-Length
        answer = httpx.post(f"{url}/v1/score", content=in_parts, headers=JSON)
        assert (answer.status_code, "2,000 bytes" in answer.json()["error"]["message"]) == (413, True)
        assert httpx.post(f"{url}/v1/score", json=row).status_code == 200


@pytest.mark.parametrize("path", ["/v1/scores?sentences=true", "/stream", "/report"])
def test_too_many_summaries_are_refused_before_they_are_split(service, monkeypatch, path):
    def never(summary):
        raise AssertionError(summary)

    for module in ("api", "pages"):
        monkeypatch.setattr(f"quals.web.{module}.split", never)
    many = 100
    rows = {"rows": [{"document": DOCUMENT, "summary": GOOD}] * many}
    form = {"document": DOCUMENT, "summaries": "\n\n".join([GOOD] * many), "sentences": "on"}
    answer = service.post(path, json=rows) if "v1" in path else service.post(path, data=form)
    assert answer.status_code == 413
    assert f"{many} summaries" in answer.text


def test_413_for_more_than_the_queue_ever_holds():
    with running(queue=2) as (url, _, _):
        row = {"document": DOCUMENT, "summary": GOOD}
        answer = httpx.post(f"{url}/v1/scores", json={"rows": [row] * 3})
        assert (answer.status_code, "at most 2" in answer.json()["error"]["message"]) == (413, True)
        assert httpx.post(f"{url}/v1/scores", json={"rows": [row] * 2}).status_code == 200


def test_429_with_retry_after_when_the_queue_is_full(gated):
    with running(gated, queue=2) as (url, _, _), ThreadPoolExecutor() as pool:
        row = {"document": DOCUMENT, "summary": GOOD}
        accepted = pool.submit(httpx.post, f"{url}/v1/scores", json={"rows": [row] * 2}, timeout=30)
        gated.begun.wait(10)
        refused = httpx.post(f"{url}/v1/score", json=row)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) >= 1
        health = httpx.get(f"{url}/health")
        assert (health.status_code, health.json()) == (200, {"status": "busy", "waiting": 2})
        gated.gate.set()
        assert accepted.result().status_code == 200
        assert httpx.get(f"{url}/health").json()["status"] == "ok"
        assert httpx.post(f"{url}/v1/score", json=row).status_code == 200


def test_504_gives_the_waiting_up(gated):
    with running(gated, timeout=0.2) as (url, _, _):
        row = {"document": DOCUMENT, "summary": GOOD}
        answer = httpx.post(f"{url}/v1/scores", json={"rows": [row] * 3}, timeout=30)
        assert (answer.status_code, "0.2 s" in answer.json()["error"]["message"]) == (504, True)
        assert httpx.get(f"{url}/health").json()["waiting"] == 0  # asked through the loop that gives up


@pytest.mark.parametrize(("path", "kind"), [("/v1/score", "json"), ("/report", "data"), ("/stream", "data")])
def test_what_nobody_waits_for_any_more_is_not_scored(gated, path, kind):
    with running(gated) as (url, metric, server), ThreadPoolExecutor() as pool:
        row = {"document": DOCUMENT, "summary": GOOD}
        accepted = pool.submit(httpx.post, f"{url}/v1/score", json=row, timeout=30)
        gated.begun.wait(10)
        with pytest.raises(httpx.ReadTimeout), httpx.Client(timeout=0.5) as client:
            client.post(url + path, **{kind: row if kind == "json" else {"document": DOCUMENT, "summaries": BAD}})
        batcher = server.config.app.state.service.batcher
        deadline = time.monotonic() + 10
        while batcher.waiting > 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert batcher.waiting == 1
        metric.gate.set()
        assert accepted.result().status_code == 200
        assert httpx.post(f"{url}/v1/score", json=row).status_code == 200
    assert metric.batches == [1, 1]


def test_what_waits_is_scored_together(gated):
    with running(gated, batch=8) as (url, metric, server), ThreadPoolExecutor(20) as pool:
        rows = [{"document": DOCUMENT, "summary": f"{GOOD} {n}"} for n in range(17)]
        first = pool.submit(httpx.post, f"{url}/v1/score", json=rows[0], timeout=30)
        metric.begun.wait(10)
        rest = [pool.submit(httpx.post, f"{url}/v1/score", json=row, timeout=30) for row in rows[1:]]
        batcher = server.config.app.state.service.batcher
        while batcher.waiting < 17:
            threading.Event().wait(0.01)
        metric.gate.set()
        scores = [future.result().json()["score"] for future in [first, *rest]]
    assert metric.batches == [1, 8, 8]
    assert scores == [WordPairs().score(DOCUMENT, row["summary"]).value for row in rows]


# What libraries in Rust raise is no Exception.
@pytest.mark.parametrize("error", [RuntimeError("broken"), BaseException("panic")])
def test_a_metric_that_fails_on_one_row_answers_for_the_others(error):
    class Fragile(WordPairs):
        def _one(self, document, summary):
            if summary == "bad":
                raise error
            return super()._one(document, summary)

    with running(Fragile()) as (url, _, _):
        rows = [{"document": DOCUMENT, "summary": text} for text in (GOOD, "bad", BAD)]
        answer = httpx.post(f"{url}/v1/scores", json={"rows": rows}).json()["rows"]
    assert [row["status"] for row in answer] == ["ok", "error", "ok"]
    assert answer[1]["reason"] == f"{type(error).__name__}: {error}"


def test_a_fault_of_ours_is_answered_like_a_refusal():
    class Broken(WordPairs):
        def _one(self, document, summary):
            return self.without(Status.ERROR, None)

    with running(Broken()) as (url, _, _):
        answer = httpx.post(f"{url}/v1/score", json={"document": DOCUMENT, "summary": GOOD})
        assert (answer.status_code, answer.json()["error"]["message"][:18]) == (500, "the service failed")


def test_bad_rows_do_not_keep_the_others_from_being_scored():
    row = {"document": DOCUMENT, "summary": GOOD}
    bad = {
        "summary: Input should be a valid string": {**row, "summary": None, "id": 7},
        "document: Field required": {"summary": GOOD, "id": "a"},
        "document: half of a surrogate pair is not a character": {**row, "document": "\ud800"},
        "id: expected a text or a whole number, found dict": {**row, "id": {}},
        "sumary: Extra inputs are not permitted": {**row, "sumary": BAD},
        "expected an object, found str": "a row",
        "summary: 91 characters; at most 90 are taken": {**row, "summary": "x" * 91, "id": 8},
    }
    with running(characters=90) as (url, metric, _):
        body = json.dumps({"rows": [row, *bad.values(), {**row, "id": 9}]})
        first, *others, last = httpx.post(f"{url}/v1/scores", content=body, headers=JSON).json()["rows"]
        assert (first["score"], last["score"]) == (WordPairs().score(DOCUMENT, GOOD).value,) * 2
        assert [other["reason"] for other in others] == list(bad)
        assert {(other["status"], other["score"]) for other in others} == {("invalid-row", None)}
        assert [other["id"] for other in [*others, last]] == [7, "a", None, None, None, None, 8, 9]
        assert metric.batches == [2]
        (alone,) = httpx.post(f"{url}/v1/scores", json={"rows": [None]}).json()["rows"]
        assert (alone["status"], alone["reason"]) == ("invalid-row", "expected an object, found null")


def test_it_finishes_what_it_accepted_and_then_stops(gated):
    with running(gated) as (url, _, server), ThreadPoolExecutor() as pool:
        row = {"document": DOCUMENT, "summary": GOOD}
        accepted = pool.submit(httpx.post, f"{url}/v1/score", json=row, timeout=30)
        gated.begun.wait(10)
        server.handle_exit(15, None)
        refused = httpx.post(f"{url}/v1/score", json=row)
        assert (refused.status_code, "stopping" in refused.json()["error"]["message"]) == (503, True)
        assert httpx.get(f"{url}/health").json() == {"status": "stopping", "waiting": 1}
        gated.gate.set()
        assert accepted.result().json()["score"] == WordPairs().score(DOCUMENT, GOOD).value
        while server.started and server.servers[0].is_serving():
            threading.Event().wait(0.01)
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health")


def test_health_and_version(service):
    assert service.get("/health").json() == {"status": "ok", "waiting": 0}
    for path in ("/health", "/"):  # what probes ask for
        assert (service.head(path).status_code, service.head(path).content) == (200, b"")
    version = service.get("/version").json()
    assert version["quals"] == quals.__version__
    assert version["signature"] == WordPairs().signature
    assert version["range"] == [None, None]
    assert version["calibration"] is None


def test_with_a_calibration_the_answer_has_probability_and_band():
    calibration = Calibration(Logistic(4.0, 1.0), WordPairs().signature, ("made up",), 100, 0.5, 5, 0.1, 0.25, 0.3)

    async def ask():
        metric = WordPairs()
        metric.calibrate(calibration)
        app = create_app(metric, ServeSettings())
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as c,
        ):
            return (await c.post("/v1/score", json={"document": DOCUMENT, "summary": GOOD})).json()

    answer = asyncio.run(ask())
    assert answer["probability"] == pytest.approx(calibration.curve(answer["score"]))
    assert answer["band"] == "likely consistent"


def test_a_calibration_of_another_metric_is_refused(tmp_path):
    other = Calibration(Logistic(4.0, 1.0), WordPairs().signature, (), 100, 0.5, 5, 0.1, 0.25, 0.3)
    other.save(path := tmp_path / "other.json")
    done = CliRunner().invoke(cli, ["serve", "--metric", "rouge2-precision", "--calibration", str(path)])
    assert isinstance(done.exception, InputError)
    assert "belongs to" in str(done.exception)


def test_openapi_describes_every_refusal(service):
    described = service.get("/openapi.json").json()
    assert set(described["paths"]) == {"/v1/score", "/v1/scores", "/health", "/version"}
    answers = described["paths"]["/v1/scores"]["post"]["responses"]
    assert set(answers) == {"200", "401", "403", "413", "422", "429", "503", "504"}
    assert all("Problem" in json.dumps(answers[status]) for status in answers if status != "200")
    assert service.get("/docs").status_code == 404


@pytest.mark.parametrize("path", ["/", "/health", "/static/report.css", "/v1/score", "/nowhere"])
def test_security_headers_are_on_every_answer(service, path):
    headers = service.get(path).headers
    assert "script-src 'self';" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "https://example.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1"}, 403),
    ],
)
def test_other_sites_cannot_use_a_service_on_loopback(service, headers, status):
    assert (
        service.post("/v1/score", json={"document": DOCUMENT, "summary": GOOD}, headers=headers).status_code == status
    )


@pytest.mark.parametrize(
    ("header", "status"),
    [(None, 401), ("Bearer wrong", 401), ("Basic sesame", 401), ("Bearer sésame", 401), ("bearer sesame", 200)],
)
def test_token(header, status):
    with running(token="sesame") as (url, _, _):
        headers = {"Authorization": header.encode()} if header else {}
        answer = httpx.post(f"{url}/v1/score", json={"document": DOCUMENT, "summary": GOOD}, headers=headers)
        assert answer.status_code == status
        assert (answer.headers.get("WWW-Authenticate") == "Bearer") == (status == 401)
        assert httpx.get(f"{url}/health").status_code == 200


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.org"])
def test_only_loopback_goes_without_a_token(host):
    with pytest.raises(InputError, match="token"):
        ServeSettings(host=host)
    assert not ServeSettings(host=host, token="sesame").loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.1.2.3"])
def test_loopback(host):
    assert ServeSettings(host=host).loopback


def test_all_rows_of_a_request_are_accepted_or_none():
    async def ask():
        batcher = Batcher(WordPairs(), batch=4, queue=3, patience=9)
        batcher.submit([("a", "b")] * 2)
        with pytest.raises(Exception, match="waiting already"):
            batcher.submit([("a", "b")] * 2)
        assert batcher.waiting == 2

    asyncio.run(ask())


def test_what_could_not_be_done_in_time_is_refused_at_once():
    class Slow(WordPairs):
        def _score(self, documents, summaries, references, explain):
            time.sleep(0.1 * len(documents))
            return super()._score(documents, summaries, references, explain)

    async def ask():
        batcher = Batcher(Slow(), batch=4, queue=99, patience=0.5)
        worker = asyncio.create_task(batcher.work())
        row = (DOCUMENT, GOOD)
        await asyncio.gather(*batcher.submit([row] * 9))  # with nobody ahead it is tried
        accepted = batcher.submit([row] * 2)
        with pytest.raises(Refusal) as refused:
            batcher.submit([row] * 4)
        await asyncio.gather(*accepted)
        worker.cancel()
        return refused.value

    assert asyncio.run(ask()).status_code == 429


SHORT, LONG = (DOCUMENT, GOOD), (DOCUMENT * 1000, GOOD)


@pytest.mark.parametrize(("known", "asked", "accepted"), [(LONG, SHORT, True), (SHORT, LONG, False)])
def test_the_pace_goes_by_length(known, asked, accepted):
    class Reading(WordPairs):
        def _score(self, documents, summaries, references, explain):
            time.sleep(sum(0.02 + 5e-6 * len(document) for document in documents))
            return [self.failed(ValueError())] * len(documents)

    async def ask():
        batcher = Batcher(Reading(), batch=4, queue=99, patience=1)
        worker = asyncio.create_task(batcher.work())
        await asyncio.gather(*batcher.submit([known]))
        ahead = batcher.submit([known])
        if accepted:
            batcher.submit([asked] * 10)
        else:
            with pytest.raises(Refusal, match="try again in 1 s"):
                batcher.submit([asked] * 10)
            await asyncio.gather(*ahead)
            batcher.submit([asked] * 10)  # with nobody ahead even what seems hopeless is tried
        worker.cancel()

    asyncio.run(ask())


def test_a_metric_that_needs_references_is_refused():
    done = CliRunner().invoke(cli, ["serve", "--metric", "rouge1"])
    assert "rouge1 compares with reference summaries" in str(done.exception)


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")])
def test_the_address_is_told_when_it_listens(capfd, host, shown):
    if ":" in host:
        try:
            socket.create_server((host, 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("this machine has no IPv6")
    with running(host=host) as (_, _, server):
        port = server.servers[0].sockets[0].getsockname()[1]
        assert capfd.readouterr().err == f"Serving at http://{shown}:{port}\n"
        assert httpx.get(f"http://{shown}:{port}/health").status_code == 200
