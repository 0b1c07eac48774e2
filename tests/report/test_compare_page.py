import json

import pytest
from browsing import HOSTILE, SHOWN, fits, open_page, serious_faults, tab_to
from word_pairs import DOCUMENT, WordPairs

from quals.compare.comparison import compare
from quals.compare.page import write_page
from quals.compare.paired import Resampling
from quals.io.systems import read_systems
from quals.metrics.rouge import Rouge1
from quals.scoring.cache import ScoreCache


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("QUALS_CACHE", str(tmp_path / "cache"))


def written(tmp_path, systems, **options):
    file = tmp_path / "all.jsonl"
    file.write_text("".join(json.dumps({"system": name, **row}) + "\n" for name in systems for row in systems[name]))
    metrics = [WordPairs(), Rouge1()]
    found = compare(read_systems([str(file)]), metrics, next(iter(systems)), Resampling(200), ScoreCache())
    path = tmp_path / "page.html"
    write_page(found, path, doubting=metrics[0], **options)
    return path.as_uri()


def row(number, summary, **fields):
    return {
        "id": f"doc-{number}",
        "document": DOCUMENT,
        "summary": summary,
        "reference": "The mayor resigned.",
        **fields,
    }


@pytest.fixture
def side_by_side(tmp_path):
    mle = [row(n, "The mayor resigned on Friday after 3 ferries sank.") for n in range(3)]
    conseq = [row(n, "The mayor of Rivermouth resigned on Tuesday.") for n in range(3)]
    return written(tmp_path, {"mle": mle, "conseq": conseq})


@pytest.fixture
def hostile(tmp_path):
    rows = [row(0, HOSTILE, document=HOSTILE, reference=HOSTILE, id=HOSTILE)]
    return written(tmp_path, {HOSTILE: rows, "other": [rows[0] | {"summary": "Ann."}]})


def test_differing_facts_stand_side_by_side(page, side_by_side):
    page.goto(side_by_side)
    first = page.locator("article").first
    mle, conseq = first.locator(".side").all()
    assert mle.locator("h4").inner_text() == "mle"
    assert mle.locator(".summary").inner_text() == "The mayor resigned on Friday after 3 ferries sank."
    assert mle.locator("mark.stray").all_text_contents() == ["Friday", "3"]
    assert conseq.locator("mark.fact").all_text_contents() == ["Rivermouth", "Tuesday"]
    assert conseq.locator("mark.stray").count() == 0
    doubted = [mark.text_content() for mark in mle.locator("mark.m1, mark.m2, mark.m3").all()]
    assert "Friday" in doubted
    assert conseq.locator("mark.m1, mark.m2, mark.m3").count() == 0
    assert "loses" in mle.locator("mark.stray").first.get_attribute("title")
    assert first.locator(".document").inner_text() == DOCUMENT
    assert page.locator("article").count() == 3
    assert page.locator("table").count() == 2
    assert page.requested == [side_by_side]
    assert fits(page)


def test_scores_stand_under_each_summary(page, side_by_side):
    page.goto(side_by_side)
    shown = page.locator(".side").nth(1).locator(".values").inner_text().split()
    assert shown[shown.index("word-pairs") + 1] == "0.000"
    assert shown[shown.index("words") + 1] == "7"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_accessibility_fault(page, side_by_side, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(side_by_side)
    page.locator("details summary").last.click()
    page.click(".settings summary")
    assert serious_faults(page) == []


def test_keyboard_only(page, side_by_side):
    page.goto(side_by_side)
    tab_to(page, ".skip")
    page.keyboard.press("Enter")
    tab_to(page, "article .document")
    tab_to(page, "article details:not([open]) summary")
    page.keyboard.press("Enter")
    assert page.locator("article details[open]").count() == 2


def test_print_cuts_nothing_off(browser, tmp_path):
    rows = [row(n, "The mayor resigned.", document=f"{DOCUMENT} " * 30) for n in range(2)]
    path = written(tmp_path, {name: rows for name in ("a-system-of-some-length", "another-system", "b", "c")})
    cut = """() => [...document.querySelectorAll("html, .wide, .document")]
        .filter(box => box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight + 1).length"""
    with open_page(browser) as page:
        page.set_viewport_size({"width": 718, "height": 10_000})  # A4
        page.goto(path)
        assert page.evaluate(cut) > 1
        page.emulate_media(media="print")
        assert page.evaluate(cut) == 0


def test_hostile_text_is_text_everywhere(page, hostile):
    page.goto(hostile)
    for place in ("h1", "tbody th >> nth=0", "h3 span", "h4 >> nth=0", ".side .summary >> nth=0", ".document"):
        assert SHOWN.strip() in page.locator(place).first.text_content(), place
    assert page.evaluate("window.hacked") is None
    assert page.locator("img, script").count() == 0
    assert page.requested == [hostile]
    assert fits(page)


def test_without_script_it_is_the_same_page(browser, side_by_side):
    with open_page(browser, java_script_enabled=False) as page:
        page.goto(side_by_side)
        page.locator("article details summary").first.click()
        assert page.locator("article .summary").nth(2).is_visible()


def test_what_is_left_out_is_said_and_evidence_is_had_once(browser, tmp_path, monkeypatch):
    systems = {name: [row(n, f"{name} resigned {n}", document=f"{DOCUMENT} {n}") for n in range(5)] for name in "ab"}
    first = written(tmp_path, systems, limit=2)
    with open_page(browser) as page:
        page.goto(first)
        assert page.locator("article").count() == 2
        assert "Shown are the first 2 of 5 documents" in page.inner_text("main")
    before = (tmp_path / "page.html").read_bytes()
    monkeypatch.setattr(WordPairs, "_score", lambda *_: pytest.fail("scored again"))
    written(tmp_path, systems, limit=2)
    assert (tmp_path / "page.html").read_bytes() == before
