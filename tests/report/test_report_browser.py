from dataclasses import replace

import pytest
from browsing import HOSTILE, SHOWN, fits, open_page, serious_faults, tab_to
from word_pairs import DOCUMENT, WordPairs, scored

from quals.calibrate import Calibration, Logistic
from quals.records import PairEvidence, Span, Status, SummaryScore, WordEvidence
from quals.report import MetricFacts, Report, ScoredRow

CURVE = Calibration(Logistic(4.0, 1.0), WordPairs().signature, ("made up",), 100, 0.5, 5, 0.1, 0.25, 0.3)


@pytest.fixture
def report(tmp_path, rows):
    path = tmp_path / "report.html"
    Report(rows, MetricFacts.of(WordPairs()).calibrated(CURVE), title="Rivermouth").write(path)
    return path.as_uri()


@pytest.fixture
def hostile(tmp_path):
    pair = PairEvidence(
        -2.0,
        Span(0, len(HOSTILE)),
        Span(0, len(HOSTILE)),
        HOSTILE,
        HOSTILE,
        (HOSTILE, "</script>"),
        (-0.1,) * 2,
        (-4.1,) * 2,
    )
    scores = [
        SummaryScore(-2.0, Status.OK, HOSTILE, (pair,), signature=f"metric:{HOSTILE}|model:{HOSTILE}"),
        SummaryScore(None, Status.ERROR, HOSTILE),
    ]
    path = tmp_path / "report.html"
    Report([ScoredRow(HOSTILE, HOSTILE, score, HOSTILE) for score in scores], title=HOSTILE).write(path)
    return path.as_uri()


def test_nothing_but_the_file_is_asked_for(page, report):
    page.goto(report)
    page.click(".row summary")
    assert page.requested == [report]


def test_row_opens_to_its_evidence(page, report):
    page.goto(report)
    assert page.locator(".detail").count() == 0
    row = page.locator(".row").first
    row.locator("summary").first.click()
    assert row.locator(".document").text_content().startswith("The mayor of Rivermouth resigned on Tuesday.")
    assert row.locator(".pair").count() == 8
    row.locator(".tokens[open] figure li").first.wait_for()
    marked = row.locator("summary mark").all_text_contents()
    assert set(marked) <= {"Friday", "sank", "after"}
    assert "%" in row.locator(".band").inner_text()
    assert fits(page)


def test_text_of_an_open_row_is_text_and_no_button(page, report):
    page.goto(report)
    row = page.locator(".row").first
    said = row.locator("summary > .text").text_content()
    assert said == "The mayor resigned on Friday after the ferry sank."
    row.locator("summary").first.click()
    assert not row.locator("summary > .text").is_visible()
    text = row.get_by_role("paragraph").first
    text.locator("sup").evaluate_all("numbers => numbers.forEach(number => number.remove())")
    assert text.inner_text() == said
    text.click()
    assert row.locator("details").first.get_attribute("open") is not None


def test_link_leads_to_the_sentence(page, report):
    page.goto(report)
    page.click(".row summary")
    page.locator(".pair", has_text="What follows The mayor resigned on").get_by_role("link").click()
    assert page.locator(":target").text_content() == "The mayor of Rivermouth resigned on Tuesday."


def test_address_of_a_question_opens_its_row(page, report):
    page.goto(report + "#r4-q2")
    page.locator("#r4-q2 .question").wait_for()


def test_filter_and_order(page, report):
    page.goto(report)
    numbers = "rows => rows.filter(row => !row.hidden).map(row => row.dataset.number)"
    shown = lambda: page.eval_on_selector_all(".row", numbers)  # noqa: E731
    lowest_first = shown()
    assert lowest_first[-1] == "3"  # the one without a score
    page.select_option("#order", "number")
    assert shown() == ["1", "2", "3", "4"]
    page.select_option("#order", "-score")
    assert shown() == [*reversed(lowest_first[:-1]), "3"]
    page.select_option("#order", "score")
    assert shown() == lowest_first
    page.fill("#find", "mayor of RIVERMOUTH")
    assert shown() == ["2"]
    assert page.inner_text("#count") == "1 of 4"
    page.fill("#find", "row-3")
    assert shown() == ["4"]
    page.fill("#find", "")
    page.select_option("#show", "empty-summary")
    assert shown() == ["3"]


def test_keyboard_only(page, report):
    page.goto(report)
    tab_to(page, "#find")
    page.keyboard.type("mayor")
    tab_to(page, "#order")
    page.keyboard.press("ArrowDown")
    assert page.input_value("#order") == "-score"
    tab_to(page, ".row > details > summary")
    page.keyboard.press("Enter")
    tab_to(page, ".measure a")
    page.keyboard.press("Enter")
    page.locator(":target.sentence").wait_for()
    tab_to(page, ".tokens > summary, .document")


def test_many_numbers_at_a_sentence_wrap(browser, tmp_path):
    pieces = tuple(WordEvidence(0.1, None, Span(0, 10), "resigned", -9.0, -8.0) for _ in range(50))
    row = ScoredRow("The mayor resigned.", "He resigned.", SummaryScore(0.1, Status.OK, evidence=pieces))
    Report([row]).write(tmp_path / "r.html")
    with open_page(browser, "phone") as page:
        page.goto((tmp_path / "r.html").as_uri())
        page.click(".row summary")
        box = page.locator(".document")
        assert box.locator("sup").text_content().endswith(" 49 50")
        assert box.evaluate("box => box.scrollWidth <= box.clientWidth")
        assert fits(page)


def test_the_end_of_a_long_name_can_be_read(page, tmp_path):
    Report([replace(row, id=f"{'summary' * 12} #12") for row in scored()]).write(tmp_path / "r.html")
    page.goto((tmp_path / "r.html").as_uri())
    page.click(".row summary")
    seen = """name => {
        name.scrollIntoView({ block: "center", behavior: "instant" });
        const end = document.createRange();
        end.setStart(name.firstChild, name.textContent.indexOf("#12"));
        end.setEnd(name.firstChild, name.textContent.length);
        const { left, top, width, height } = end.getBoundingClientRect();
        return document.elementFromPoint(left + width / 2, top + height / 2) === name;
    }"""
    names = page.locator(".row").first.get_by_text("#12")
    page.locator(".row .whole-name").first.wait_for()  # an opened row is filled by the script
    assert any(name.is_visible() and name.evaluate(seen) for name in names.all())
    assert fits(page)


def test_links_are_named_by_what_they_show(page, report):
    page.goto(report)
    page.click(".row summary")
    page.locator("#r1").get_by_role("link", name="show in the document, evidence 1").wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_accessibility_fault(page, report, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(report)
    page.click(".row summary")
    page.click(".settings summary")
    assert serious_faults(page) == []


def test_hostile_text_is_text_everywhere(page, hostile):
    page.goto(hostile)
    row = page.locator("#r1")
    row.locator("summary").first.click()
    shown = [
        row.locator(place).first
        for place in (".text:has(mark)", ".name", ".question", ".answer", ".sentence", ".tokens li")
    ]
    shown += [page.locator(place) for place in ("h1", "#r1 .reason", "#r2 .reason", "dd >> nth=-1")]
    for place in shown:
        assert SHOWN.strip() in place.text_content(), place
    assert page.evaluate("window.hacked") is None
    assert page.locator("img, script >> nth=1").count() == 0
    assert SHOWN.split()[0] in page.title()
    assert page.requested == [hostile]
    assert fits(page)


def test_everything_can_be_read_without_script(browser, report, hostile):
    with open_page(browser, java_script_enabled=False) as page:
        page.goto(report)
        assert not page.locator(".controls").is_visible()
        page.locator(".row summary").first.click()
        assert page.locator(".row").first.locator(".document").is_visible()
        assert page.locator(".row").first.locator(".tokens[open] figure li").first.is_visible()
        page.locator(".row").first.get_by_role("link").first.click()
        assert page.url.startswith(report + "#r1-s")
        page.goto(hostile)
        page.locator(".row summary").first.click()
        assert page.locator("#r1 .question").text_content().strip() == SHOWN.strip()
        assert page.locator("img").count() == 0


def test_many_rows_are_not_unpacked_until_opened(browser, tmp_path):
    rows = [row for number in range(1250) for row in scored(document=f"{DOCUMENT} {number}")]
    Report(rows).write(tmp_path / "r.html")
    with open_page(browser) as page:
        page.goto((tmp_path / "r.html").as_uri())
        assert page.locator(".row").count() == 5000
        assert page.locator(".pair").count() == 0
        page.fill("#find", "row-2")
        assert page.inner_text("#count") == "1250 of 5000"


def test_print_cuts_nothing_off(browser, tmp_path):
    rows = scored(document=f"{DOCUMENT} " * 200)
    Report([replace(row, summary=f"{row.summary} " * 50) for row in rows]).write(tmp_path / "r.html")
    cut = """() => [...document.querySelectorAll("summary > .text, .document")]
        .filter(box => box.scrollHeight > box.clientHeight).length"""
    with open_page(browser) as page:
        page.goto((tmp_path / "r.html").as_uri())
        page.click(".row summary")
        page.locator(".document").wait_for()
        assert page.evaluate(cut) > 2
        page.emulate_media(media="print")
        assert page.evaluate(cut) == 0


def test_narrowest_screen_needs_no_scrolling_sideways(browser, report):
    with open_page(browser) as page:
        page.set_viewport_size({"width": 320, "height": 600})
        page.goto(report)
        page.click(".row summary")
        page.locator(".document").wait_for()
        assert fits(page)


def test_bars_and_shades_show_in_forced_colours(browser, report):
    with open_page(browser, forced_colors="active") as page:
        page.goto(report)
        page.click(".row summary")
        page.locator(".document").wait_for()
        style = "([element, pseudo, name]) => getComputedStyle(document.querySelector(element), pseudo)[name]"
        bars = [page.evaluate(style, [".tokens li", pseudo, "backgroundImage"]) for pseudo in ("::before", "::after")]
        shades = [page.evaluate(style, [f"mark.m{level}", "", "backgroundColor"]) for level in (1, 2, 3)]
        assert all("gradient" in bar for bar in bars)
        assert len({*bars}) == 2
        assert len({*shades}) == 3


def test_notebook_frame_works(browser, tmp_path, rows):
    frame = Report(rows)._repr_html_()
    (tmp_path / "notebook.html").write_text(f"<!doctype html><meta charset=utf-8><body>{frame}")
    with open_page(browser) as page:
        page.goto((tmp_path / "notebook.html").as_uri())
        inside = page.frame_locator("iframe")
        inside.locator(".row summary").first.click()
        inside.locator(".document").first.wait_for()
        assert inside.locator(".evidence a[href^='#']").count()
        inside.locator(".row a[href^='#']").first.click()
        inside.locator(".skip").focus()
        inside.locator(".skip").press("Enter")
        assert inside.locator(".document").first.is_visible()  # still the report, and not the notebook in its own frame
        assert [frame.url for frame in page.frames[1:]] == ["about:srcdoc"]
