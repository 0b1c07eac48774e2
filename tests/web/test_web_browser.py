import pytest
from browsing import HOSTILE, SHOWN, fits, open_page, serious_faults, tab_to
from serving import Gated, running

DOCUMENT = "The mayor of Rivermouth resigned on Tuesday. Her deputy leads the council."
SUMMARIES = "The mayor resigned on Friday.\n\nHer deputy leads the council.\n \nThe ferry sank."


@pytest.fixture(scope="module")
def url():
    with running() as (url, _, _):
        yield url


def ask(page, document=DOCUMENT, summaries=SUMMARIES):
    page.fill("#document", document)
    page.fill("#summaries", summaries)
    page.click("button")


def test_pasted_summaries_are_scored_and_open(page, url):
    page.goto(url)
    ask(page)
    page.locator(".row >> nth=2").wait_for()
    assert page.inner_text("#status") == "3 of 3 scored"
    page.locator(".row summary").first.click()
    assert page.locator(".row .sentence").first.text_content() == "The mayor of Rivermouth resigned on Tuesday."
    page.locator(".row >> nth=0").locator(".detail mark").first.wait_for()
    assert all(request.startswith((url, "data:")) for request in page.requested)
    assert fits(page)


@pytest.mark.parametrize("script", [True, False])
def test_each_sentence_may_be_scored_by_itself(browser, url, script):
    with open_page(browser, java_script_enabled=script) as page:
        page.goto(url)
        page.get_by_label("Score each sentence by itself").check()
        ask(page, "")
        page.get_by_text("no document given").wait_for()
        assert page.get_by_label("Score each sentence by itself").is_checked()  # what was chosen stays
        ask(page, summaries="The mayor resigned on Friday. Her deputy leads the council.\n\nThe ferry sank.")
        page.locator(".row >> nth=2").wait_for()
        names = page.locator(".row .name").all_text_contents()
        assert sorted(names) == ["1, sentence 1", "1, sentence 2", "2, sentence 1"]
        page.goto(url)
        page.get_by_label("Score each sentence by itself").check()
        ask(page, summaries="The mayor resigned on Friday. Her deputy leads the council.")
        page.locator(".row >> nth=1").wait_for()
        assert sorted(page.locator(".row .name").all_text_contents()) == ["sentence 1", "sentence 2"]


def test_progress_is_live(browser):
    class Stepwise(Gated):
        def _score(self, documents, summaries, references, explain):
            if "Friday" in summaries[0]:
                return super(Gated, self)._score(documents, summaries, references)
            return super()._score(documents, summaries, references, explain)

    metric = Stepwise()
    with running(metric, batch=1) as (url, _, _), open_page(browser) as page:
        page.goto(url)
        ask(page)
        page.locator(".row").first.wait_for()
        assert page.inner_text("#status") == "1 of 3 scored"
        assert page.evaluate("document.getElementById('progress').value") == 1
        metric.gate.set()
        page.locator(".row >> nth=2").wait_for()


def test_files_stand_in_for_text(page, url, tmp_path):
    page.goto(url)
    for field, text in (("Document", DOCUMENT), ("Summaries", SUMMARIES)):
        name = "<img src=x onerror=alert(1)> \u202e\u05d0\U0001f600.txt"
        box = page.get_by_label(f"{field}, or a text file")
        box.set_input_files({"name": name, "mimeType": "text/plain", "buffer": text.encode()})
    page.click("button")
    page.locator(".row >> nth=2").wait_for()
    assert page.locator(".row .name").first.text_content() == f"{name} 1"
    assert page.locator("img").count() == 0


def test_hostile_text_is_text(page, url):
    page.goto(url)
    # A text area cannot hold the line ends and nulls that a file can.
    for field in ("document_file", "summaries_file"):
        page.set_input_files(f"[name={field}]", {"name": "a.txt", "mimeType": "text/plain", "buffer": HOSTILE.encode()})
    page.click("button")
    page.locator(".row").wait_for()
    text = page.evaluate("""() => {
        const copy = document.querySelector('.row').cloneNode(true);
        copy.querySelectorAll('sup').forEach(number => number.remove());
        return [copy.querySelector('.text').textContent, copy.querySelector('.document').textContent];
    }""")
    assert text == [SHOWN.strip(), SHOWN.strip()]
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0
    assert fits(page)


@pytest.mark.parametrize(
    ("document", "summaries", "says"),
    [("", SUMMARIES, "no document given"), (DOCUMENT, " \n ", "no summaries given"), ("x" * 9000, "y", "bytes")],
)
def test_refusals_are_told(browser, document, summaries, says):
    with running(bytes=8000) as (url, _, _), open_page(browser) as page:
        page.goto(url)
        ask(page, document, summaries)
        page.locator("#error", has_text=says).wait_for()
        assert page.locator("#error").get_attribute("role") == "alert"


def test_files_that_are_not_text_are_told_by_name(page, url):
    page.goto(url)
    page.set_input_files(
        "[name=document_file]", {"name": "<b>.txt", "mimeType": "text/plain", "buffer": b"\xff\xfe\xff"}
    )
    page.click("button")
    page.locator("#error", has_text="<b>.txt is not UTF-8 text").wait_for()


def test_a_full_queue_is_told_with_its_time(browser, gated):
    with running(gated, queue=3) as (url, _, _), open_page(browser) as first, open_page(browser) as second:
        for page in (first, second):
            page.goto(url)
            ask(page)
        second.locator("#error", has_text="try again in").wait_for()
        gated.gate.set()
        first.locator(".row >> nth=2").wait_for()


def test_token_is_asked_for(browser):
    with running(token="sesame") as (url, _, _), open_page(browser) as page:
        page.goto(url)
        page.fill("[name=token]", "wrong")
        ask(page)
        page.locator("#error", has_text="token is missing or wrong").wait_for()
        page.fill("[name=token]", "sesame")
        page.click("button")
        page.locator(".row >> nth=2").wait_for()


def test_keyboard_only(page, url):
    page.goto(url)
    tab_to(page, "#document")
    page.keyboard.insert_text(DOCUMENT)
    tab_to(page, "#summaries")
    page.keyboard.insert_text(SUMMARIES)
    tab_to(page, "button")
    page.keyboard.press("Enter")
    page.locator(".row >> nth=2").wait_for()
    tab_to(page, ".row > details > summary")
    page.keyboard.press("Enter")
    page.locator(".row .document").first.wait_for()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_accessibility_fault(page, url, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(url)
    ask(page)
    page.locator(".row >> nth=2").wait_for()
    page.click(".row summary")
    page.click(".settings summary")
    assert serious_faults(page) == []


def test_without_script_the_form_brings_a_report(browser, url):
    with open_page(browser, java_script_enabled=False) as page:
        page.goto(url)
        page.click("button")
        assert page.inner_text("#error") == "no document given"
        ask(page, "", "\n" + HOSTILE)
        assert page.input_value("#summaries").startswith("\n" + HOSTILE[0])
        ask(page)
        page.locator(".row >> nth=2").wait_for()
        page.locator(".row summary").first.click()
        page.locator(".document").first.wait_for()
    with open_page(browser) as page:  # and with script its policy lets its own run
        page.goto(url)
        page.fill("#document", DOCUMENT)
        page.fill("#summaries", SUMMARIES)
        page.evaluate("document.getElementById('ask').submit()")
        page.locator(".controls").wait_for()
        assert page.inner_text("#count") == "3 of 3"
