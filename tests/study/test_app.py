"""The server: who may do what, what it refuses, and that text stays text."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from quals.io.systems import Document, Systems
from quals.study.app import make_app
from quals.study.store import Store
from tests.study.conftest import MakeStore, answer

HOSTILE = "</main><script>alert(1)</script> ' \" ' onclick='x <img src=x onerror=alert(2)> {{ 7 * 7 }}"


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    return make_store(checks=1)


@pytest.fixture
def client(store: Store) -> TestClient:
    return TestClient(make_app(store), follow_redirects=False)


def link(store: Store, who: int = 0, item: int | None = None) -> str:
    annotator = store.annotators()[who]
    return f"/a/{annotator.token}/" + ("" if item is None else str(store.tasks(annotator.id)[item].id))


def body(base: str = "", write: str = "write0001", **more: Any) -> dict[str, Any]:
    choices = {"consistency": "left", "informativeness": "equal", "grammar": "right"}
    return {"bases": [base], "write": write, "choices": choices, "comment": "", "marks": [], "seconds": 3, **more}


def test_an_annotator_starts_answers_and_comes_back(store: Store, client: TestClient) -> None:
    assert "Start" in client.get(link(store)).text
    saved = client.put(link(store, item=0), json=body(comment="Why?", marks=[{"side": "left", "start": 0, "end": 3}]))
    assert (saved.status_code, saved.json()) == (200, {"version": 1, "done": 1})
    welcome = client.get(link(store)).text
    assert "1 of 5 items answered" in welcome
    assert f'id="start" href="{store.tasks(1)[1].id}"' in welcome
    page = client.get(link(store, item=0)).text
    assert "Why?" in page
    assert '"write": "write0001"' in page


def test_all_answered_says_thank_you(store: Store, client: TestClient) -> None:
    for item in range(5):
        client.put(link(store, item=item), json=body())
    page = client.get(link(store)).text
    assert "Thank you" in page
    assert 'id="start"' not in page


@pytest.mark.parametrize("token", ["x", "", "%00", "a" * 5000])
def test_forged_links_open_nothing(store: Store, client: TestClient, token: str) -> None:
    item = store.tasks(1)[0].id
    for path in (f"/a/{token}/", f"/a/{token}/{item}", f"/o/{token}/", f"/o/{token}/judgements.csv"):
        assert client.get(path).status_code == 404
    assert client.put(f"/a/{token}/{item}", json=body()).status_code == 404
    assert client.post(f"/o/{token}/renew/1").status_code == 404
    assert store.judgements() == []


def test_an_annotators_link_is_no_organisers_link(store: Store, client: TestClient) -> None:
    ann = store.annotators()[0]
    assert client.get(f"/o/{ann.token}/").status_code == 404
    assert client.get(f"/a/{store.token}/").status_code == 404


def test_a_stale_link_opens_nothing(store: Store, client: TestClient) -> None:
    old, page = link(store), link(store, item=0)
    assert client.put(page, json=body()).status_code == 200
    answered = client.post(f"/o/{store.token}/renew/1")
    assert (answered.status_code, answered.headers["location"]) == (303, "../")
    assert client.get(old).status_code == client.get(page).status_code == 404
    assert client.put(page, json=body("write0001", "write0002")).status_code == 404
    assert "1 of 5 items answered" in client.get(link(store)).text  # the new link knows what was answered
    assert client.post(f"/o/{store.token}/renew/99").status_code == 404
    assert client.post(f"/o/{store.token}/renew/{10**30}").status_code == 404


def test_another_annotators_item_is_refused(store: Store, client: TestClient) -> None:
    foreign = store.tasks(2)[0].id
    for item in (foreign, 9999, 10**30):
        assert client.get(link(store) + str(item)).status_code == 404
        assert client.put(link(store) + str(item), json=body()).status_code == 404
    assert store.judgements() == []


def test_repeated_and_late_posts_change_nothing(store: Store, client: TestClient) -> None:
    page = link(store, item=0)
    first, again = client.put(page, json=body()), client.put(page, json=body())
    assert first.json() == again.json() == {"version": 1, "done": 1}
    other = body(write="write0002", choices={"grammar": "left"})
    refused = client.put(page, json=other)
    assert refused.status_code == 409
    assert refused.json()["write"] == "write0001"
    assert refused.json()["choices"] == body()["choices"]  # what the other tab has said
    assert client.put(page, json={**other, "bases": ["", "write0001"]}).json() == {"version": 2, "done": 0}
    assert len(store.judgements()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"bases": [0]},
        {"bases": {"": 1}},
        {"bases": None},
        {"write": "short"},
        {"write": "with spaces in it"},
        {"write": 12345678},
        {"choices": {"consistency": "first"}},
        {"choices": {"beauty": "left"}},
        {"choices": {"consistency": ["left"]}},
        {"choices": None},
        {"comment": "x" * 5001},
        {"comment": 5},
        {"marks": {}},
        {"marks": [{"side": "middle", "start": 0, "end": 1}]},
        {"marks": [{"side": ["left"], "start": 0, "end": 1}]},
        {"marks": [{"side": "left", "start": 0, "end": 999}]},
        {"marks": [{"side": "left", "start": 3, "end": 3}]},
        {"marks": [{"side": "left", "start": "0", "end": 1}]},
        {"seconds": -1},
        {"seconds": "3"},
        {"seconds": 10**400},
        {"seconds": None},
    ],
)
def test_saves_the_page_would_not_send_are_refused(store: Store, client: TestClient, change: dict[str, Any]) -> None:
    answered = client.put(link(store, item=0), json=body(**change))
    assert answered.status_code == 422
    assert answered.json()["error"]
    assert store.judgements() == []


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 422),
        (b"[]", 422),
        (b"{", 422),
        (b"\xff\xfe", 422),
        (b"[" * 90_000, 422),
        (b'{"seconds": NaN}', 422),
        (b"x" * 200_000, 413),
    ],
)
def test_bodies_that_are_no_saves(store: Store, client: TestClient, content: bytes, status: int) -> None:
    assert client.put(link(store, item=0), content=content).status_code == status
    assert store.judgements() == []


def test_characters_no_database_stores_do_not_lose_a_comment(store: Store, client: TestClient) -> None:
    content = b'{"bases": [""], "write": "write0001", "choices": {}, "comment": "a\\u0000b\\ud83d", "seconds": 1}'
    assert client.put(link(store, item=0), content=content).status_code == 200
    assert store.tasks(1)[0].answer.comment == "ab?"


def test_hostile_text_stays_text(make_store: MakeStore) -> None:
    documents = [
        Document(f"{HOSTILE}{number}", f"{HOSTILE} {number}", {HOSTILE: HOSTILE, "mle": "fine"}) for number in range(2)
    ]
    store = make_store(systems=Systems((HOSTILE, "mle"), tuple(documents), "id"), names=(HOSTILE, "Ben"), documents=2)
    client = TestClient(make_app(store))
    assert client.put(link(store, item=0), json=body(comment=HOSTILE)).status_code == 200
    for path in (link(store), link(store, item=0), link(store, item=1), f"/o/{store.token}/"):
        page = client.get(path).text
        assert "<script>alert" not in page
        assert "<img" not in page
        assert " 49 " not in page  # no template in the text is filled in
        state = re.search(r"data-state='([^']*)'", page)
        assert state is None or state.group(1).rstrip().endswith("}")  # no quote of the text ends the attribute


def test_pages_forbid_scripts_of_others_caching_and_framing(store: Store, client: TestClient) -> None:
    for path in (link(store), link(store, item=0), f"/o/{store.token}/", "/static/item.js", "/nothing"):
        headers = client.get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"


def test_no_page_asks_another_host_for_anything(store: Store, client: TestClient) -> None:
    for path in (link(store), link(store, item=0), f"/o/{store.token}/", "/static/item.js", "/static/study.css"):
        text = client.get(path).text
        assert not re.search(r"https?://|url\(|@import|src=\"//", text)


def test_no_page_of_an_annotator_names_a_system_or_says_what_is_checked(store: Store, client: TestClient) -> None:
    for item in range(5):
        page = client.get(link(store, item=item)).text
        assert not re.search(r"conseq|mle|check|repeat|flipped", page)


def test_the_organiser_sees_progress_but_not_who_is_ahead(store: Store, client: TestClient) -> None:
    for who in range(2):
        for item in range(3):
            client.put(link(store, who, item), json=body())
    page = client.get(f"/o/{store.token}/").text
    assert page.count("3 of 5") == 2
    assert "conseq against mle" in page
    assert all(word not in page for word in ("better", "worse"))


def test_exports_are_complete_and_open_safely(store: Store, client: TestClient) -> None:
    client.put(link(store, item=0), json=body(comment='=HYPERLINK("http://x")'))
    client.put(link(store, item=1), json=body(comment=" \t@SUM(1)\nsecond line"))
    answered = client.get(f"/o/{store.token}/judgements.csv")
    assert "attachment" in answered.headers["content-disposition"]
    first, second = csv.DictReader(io.StringIO(answered.text, newline=""))
    assert first["comment"] == '\'=HYPERLINK("http://x")'
    assert second["comment"] == "' \t@SUM(1)\nsecond line"
    assert first["annotator"] == "Ann"
    assert {first["consistency"], first["grammar"]} <= {"better", "worse"}
    raw = client.get(f"/o/{store.token}/judgements.json").json()
    assert raw[0]["comment"] == '=HYPERLINK("http://x")'  # JSON is not opened in a spreadsheet: nothing is changed


def test_answers_saved_elsewhere_are_seen_at_once(store: Store, client: TestClient) -> None:
    item = store.tasks(1)[0].id
    store.save(item, answer("left"), bases=[""], write_id="elsewhere")
    assert client.put(link(store, item=0), json=body()).status_code == 409
