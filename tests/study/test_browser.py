"""A whole study in a real browser, against a real server that is killed on the way."""

from __future__ import annotations

import math
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

import quals
from quals.io.systems import Document, Systems
from quals.study.records import ATTRIBUTES
from quals.study.report import build_report
from quals.study.store import Store
from tests.study.conftest import MakeStore

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
NAMES = ("Ann", "Ben")


class Server:
    """``quals study serve`` in a process of its own."""

    def __init__(self, study: Path) -> None:
        self.study = study
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "quals.cli.main", "study", "serve", str(self.study), "--port", str(self.port)]
        environment = {**os.environ, "PYTHONPATH": str(Path(quals.__file__).parents[1]), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout is not None
        lines = [self.process.stdout.readline() for _ in range(1 + len(NAMES))]
        self.links = dict(line.strip().split(": ", 1) for line in lines)
        while self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise AssertionError("the server did not start")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is not installed")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def server(make_store: MakeStore, tmp_path: Path) -> Iterator[Server]:
    documents = [
        Document(
            f"d{n}", f"Text {n}. {HOSTILE}", {"=conseq": f"{HOSTILE} first of {n}", "mle": f"{HOSTILE} second of {n}"}
        )
        for n in range(4)
    ]
    make_store(systems=Systems(("=conseq", "mle"), tuple(documents), "id"), names=NAMES, checks=1, repeats=1)
    running = Server(tmp_path / "study.sqlite")
    yield running
    running.kill()


def open_page(browser: Browser, url: str, **options: object) -> Page:
    page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(20_000)
    page.goto(url)
    return page


def is_saved(page: Page) -> None:
    expect(page.locator("#saved")).to_have_text("All saved ✓", timeout=40_000)


def click(page: Page, attribute: str, choice: str) -> None:
    page.locator(f"input[name={attribute}][value={choice}]").check()


def item_pages(page: Page) -> int:
    return int(re.search(r"of (\d+)", page.locator(".place").inner_text()).group(1))  # type: ignore[union-attr]


class Person:
    """Answers by a fixed rule, and writes down what was clicked in terms of systems."""

    def __init__(self, name: str, page: Page) -> None:
        self.name, self.page = name, page
        self.clicked: dict[tuple[int, bool], dict[str, int]] = {}  # (document, whether again) -> preferences
        self.checks = 0

    def start(self) -> None:
        self.page.locator("#start").click()
        expect(self.page.locator("#item")).to_be_visible()

    def wanted(self, document: int) -> list[int]:
        """Per question: 1 for the first system, 0 for equal, -1 for the second."""
        return {
            "Ann": [[1, 1, 0], [1, 0, 0], [-1, 1, 0], [1, -1, 1]],
            "Ben": [[1, 0, 0], [-1, 0, -1], [-1, -1, 0], [0, 1, 0]],
        }[self.name][document]

    def answer(self) -> None:
        page = self.page
        text = page.locator(".document .text").inner_text()
        document = int(re.match(r"Text (\d)", text).group(1))  # type: ignore[union-attr]
        sides = {side: page.locator(f"#{side}").inner_text() for side in ("left", "right")}
        own = {side: summary.endswith(f"of {document}") for side, summary in sides.items()}
        if not all(own.values()):  # an attention check: the other summary is that of another document
            self.checks += 1
            for attribute in ATTRIBUTES:
                click(page, attribute, "left" if own["left"] else "right")
            return
        first = "left" if "first of" in sides["left"] else "right"
        second = "right" if first == "left" else "left"
        wanted = dict(zip(ATTRIBUTES, self.wanted(document), strict=True))
        for attribute, preference in wanted.items():
            click(page, attribute, {1: first, 0: "equal", -1: second}[preference])
        self.clicked[document, (document, False) in self.clicked] = wanted

    def next(self) -> None:
        address = self.page.url
        self.page.locator("#next").click()
        self.page.wait_for_url(lambda url: url != address, timeout=40_000)


def wilson_by_hand(k: int, n: int) -> tuple[float, float]:
    z, p = 1.959963984540054, k / n
    middle, half = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)


def test_two_annotators_a_killed_server_and_the_report(browser: Browser, server: Server) -> None:
    people = [Person(name, open_page(browser, server.links[name])) for name in NAMES]
    for person in people:
        person.start()
    items = item_pages(people[0].page)
    assert items == 6  # four pairs, one again, one attention check
    for number in range(items):
        if number == 2:
            server.kill()
        for person in people:
            person.answer()
        if number == 2:
            for person in people:
                expect(person.page.locator("#saved")).to_contain_text("Not saved yet")
            server.start()
        for person in people:
            is_saved(person.page)
            person.next()
    for person in people:
        expect(person.page.locator("body")).to_contain_text("All 6 items are answered")
        assert person.page.title() == "A study"
        assert (len(person.clicked), person.checks) == (5, 1)

    store = Store.open(str(server.study))
    report = build_report(store, store.judgements())
    for attribute in ATTRIBUTES:
        votes = [[person.clicked[document, False][attribute] for person in people] for document in range(4)]
        flat = [vote for unit in votes for vote in unit]
        # Two votes: what both say, or equal if they differ.
        most = [unit[0] if unit[0] == unit[1] else 0 for unit in votes]
        for unit, said in (("judgement", flat), ("majority", most)):
            (row,) = [row for row in report.results if (row["attribute"], row["unit"]) == (attribute, unit)]
            counts = Counter(said)
            assert (row["system"], row["against"], row["n"]) == ("=conseq", "mle", len(said))
            assert (row["better"], row["equal"], row["worse"]) == (counts[1], counts[0], counts[-1])
            low, high = wilson_by_hand(counts[1], len(said))
            assert (row["better_low"], row["better_high"]) == pytest.approx((low, high), abs=1e-9)
            trials, least = counts[1] + counts[-1], min(counts[1], counts[-1])
            tail = 2 * sum(math.comb(trials, k) for k in range(least + 1)) / 2**trials
            assert row["sign_p"] == (pytest.approx(min(tail, 1)) if trials else None)
    for row in report.annotators:
        assert (row["checks_passed"], row["checks"], row["same_again"], row["repeated"]) == (1, 1, 3, 3)
    # Every save is one row; nothing is there twice.
    assert all(task.version <= 3 for who in store.annotators() for task in store.tasks(who.id))

    organiser = open_page(browser, server.links["organiser"])
    expect(organiser.locator("tbody").first).to_contain_text("6 of 6")
    with organiser.expect_download() as download:
        organiser.get_by_text("Judgements as CSV").click()
    assert "'=conseq" in Path(download.value.path()).read_text()


def test_closing_coming_back_and_changing(browser: Browser, server: Server) -> None:
    page = open_page(browser, server.links["Ann"])
    page.locator("#start").click()
    click(page, "grammar", "left")
    page.locator("#left .word").nth(1).click()
    page.locator("#comment").fill("Not in the text")
    page.goto("about:blank")  # at once: the comment is sent after a delay, which is not over yet
    page.context.close()

    again = open_page(browser, server.links["Ann"])
    expect(again.locator("#start")).to_have_text("Go on")
    again.locator("#start").click()
    expect(again.locator("input[name=grammar][value=left]")).to_be_checked()
    expect(again.locator("#comment")).to_have_value("Not in the text")
    click(again, "grammar", "equal")
    again.locator("#comment").fill("Changed")
    again.locator("#next").click()
    again.wait_for_url(lambda url: not url.endswith("/1"))
    again.locator("#previous").click()
    expect(again.locator("input[name=grammar][value=equal]")).to_be_checked()
    expect(again.locator("#comment")).to_have_value("Changed")
    expect(again.locator(".word[aria-pressed=true]")).to_have_count(1)
    task = Store.open(str(server.study)).tasks(1)[0]
    assert (task.answer.choices, task.answer.comment) == ({"grammar": "equal"}, "Changed")


def test_the_later_of_two_tabs_is_told(browser: Browser, server: Server) -> None:
    store = Store.open(str(server.study))
    first = open_page(browser, server.links["Ann"] + "1")
    second = first.context.new_page()
    second.goto(first.url)
    click(first, "consistency", "left")
    is_saved(first)
    click(second, "consistency", "right")
    expect(second.locator("#conflict")).to_be_visible()
    assert store.tasks(1)[0].answer.choices == {"consistency": "left"}  # nothing is overwritten
    second.locator("#theirs").click()
    expect(second.locator("input[value=left][name=consistency]")).to_be_checked()
    click(second, "grammar", "equal")
    is_saved(second)
    click(first, "informativeness", "right")
    expect(first.locator("#conflict")).to_be_visible()
    first.locator("#mine").click()
    is_saved(first)
    assert store.tasks(1)[0].answer.choices == {"consistency": "left", "informativeness": "right"}


@pytest.mark.parametrize("size", [(390, 844), (1000, 700)])
def test_a_conflict_is_in_sight_and_loses_nothing(browser: Browser, server: Server, size: tuple[int, int]) -> None:
    store = Store.open(str(server.study))
    first = open_page(browser, server.links["Ann"] + "1", viewport={"width": size[0], "height": size[1]})
    second = first.context.new_page()
    second.goto(first.url)
    click(first, "consistency", "left")
    is_saved(first)
    click(second, "grammar", "right")
    expect(second.locator("#conflict")).to_be_in_viewport(ratio=1)
    second.locator("#comment").fill("Said too late")
    second.locator("#comment").blur()
    click(second, "informativeness", "equal")
    second.locator("#next").click()
    expect(second.locator("#conflict")).to_be_in_viewport(ratio=1)
    assert second.url == first.url
    second.reload()
    expect(second.locator("#conflict")).to_be_in_viewport(ratio=1)
    expect(second.locator("#comment")).to_have_value("Said too late")
    assert store.tasks(1)[0].answer.choices == {"consistency": "left"}
    second.locator("#mine").click()
    is_saved(second)
    answer = store.tasks(1)[0].answer
    assert (answer.choices, answer.comment) == ({"informativeness": "equal", "grammar": "right"}, "Said too late")
    assert store.tasks(1)[0].version == 2


def test_a_reply_that_never_comes_is_not_waited_for(browser: Browser, server: Server) -> None:
    page = open_page(browser, server.links["Ann"] + "1")
    page.evaluate("const real = AbortSignal.timeout; AbortSignal.timeout = () => real.call(AbortSignal, 500);")
    page.route("**/1", lambda route: route.fetch() and None, times=1)  # the server gets the save, and no more happens
    click(page, "consistency", "left")
    is_saved(page)
    task = Store.open(str(server.study)).tasks(1)[0]
    assert (task.version, task.answer.choices) == (1, {"consistency": "left"})


def test_a_lost_connection_loses_and_doubles_nothing(browser: Browser, server: Server) -> None:
    store = Store.open(str(server.study))
    page = open_page(browser, server.links["Ann"] + "1")
    lost = {"replies": 0}

    def lose_the_reply(route: object) -> None:  # the server gets the save; the browser never hears of it
        lost["replies"] += 1
        route.fetch()  # type: ignore[attr-defined]
        route.abort()  # type: ignore[attr-defined]

    page.route("**/1", lose_the_reply, times=1)
    click(page, "consistency", "left")
    click(page, "grammar", "right")
    is_saved(page)
    assert lost["replies"] == 1
    task = store.tasks(1)[0]
    assert (task.version, task.answer.choices) == (2, {"consistency": "left", "grammar": "right"})

    page.context.set_offline(True)
    click(page, "informativeness", "equal")
    expect(page.locator("#saved")).to_contain_text("Not saved yet")
    page.context.set_offline(False)
    is_saved(page)
    assert store.tasks(1)[0].answer.complete


def test_what_could_not_be_sent_is_sent_on_the_next_visit(browser: Browser, server: Server) -> None:
    page = open_page(browser, server.links["Ann"] + "1")
    server.kill()
    click(page, "consistency", "left")
    expect(page.locator("#saved")).to_contain_text("Not saved yet")
    click(page, "grammar", "right")
    context = page.context
    page.close()
    server.start()
    other = context.new_page()
    other.goto(server.links["Ann"] + "1")
    is_saved(other)
    assert Store.open(str(server.study)).tasks(1)[0].answer.choices == {"consistency": "left", "grammar": "right"}


def test_the_first_page_tells_what_could_not_be_sent(browser: Browser, server: Server) -> None:
    store = Store.open(str(server.study))
    page = open_page(browser, server.links["Ann"] + "1")
    expect(page.locator("#saved")).not_to_contain_text("Not saved yet")
    page.context.set_offline(True)
    click(page, "consistency", "left")
    expect(page.locator("#saved")).to_contain_text("Not saved yet")
    context = page.context
    page.close()
    context.set_offline(False)
    assert store.renew_link(1)
    ann, bob = (server.links[who.name].rsplit("/", 2)[0] + f"/{who.token}/" for who in store.annotators()[:2])
    other = context.new_page()
    other.goto(bob)  # on the same device
    expect(other.locator("h1")).to_be_visible()
    expect(other.locator("#unsent")).to_be_hidden()
    other.goto(ann)
    expect(other.locator("#unsent")).to_contain_text("have not been sent yet. Open these items to send them: 1")
    other.locator("#unsent a").click()
    is_saved(other)
    assert store.tasks(1)[0].answer.choices == {"consistency": "left"}
    other.goto(ann)
    expect(other.locator("h1")).to_be_visible()
    expect(other.locator("#unsent")).to_be_hidden()


def test_with_the_keyboard_alone(browser: Browser, server: Server) -> None:
    page = open_page(browser, server.links["Ann"])
    page.locator("#start").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/1")
    for key in "159":
        page.keyboard.press(key)
    pad = 'code => dispatchEvent(new KeyboardEvent("keydown", {code, key: code === "Numpad3" ? "PageDown" : "1"}))'
    page.evaluate(pad, "Numpad3")  # without NumLock: no digit
    page.evaluate(pad, "Numpad1")
    page.keyboard.press("c")
    page.keyboard.type("n 1 2 3")  # in the comment, letters and digits are text
    page.keyboard.press("Escape")
    page.locator("#right .word").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("n")
    page.wait_for_url("**/2")
    page.keyboard.press("p")
    page.wait_for_url("**/1")
    answer = Store.open(str(server.study)).tasks(1)[0].answer
    assert answer.choices == {"consistency": "left", "informativeness": "equal", "grammar": "right"}
    assert answer.comment == "n 1 2 3"
    assert [mark["side"] for mark in answer.marks] == ["right"]


def test_without_a_connection_next_waits_until_one_goes_on_with_this_item(browser: Browser, server: Server) -> None:
    page = open_page(browser, server.links["Ann"] + "1")
    page.context.set_offline(True)
    click(page, "consistency", "left")
    page.locator("#next").click()
    expect(page.locator("#saved")).to_contain_text("then going on")
    page.locator("#comment").fill("One thing more")
    page.context.set_offline(False)
    is_saved(page)
    assert page.url.endswith("/1")
    page.context.set_offline(True)
    click(page, "grammar", "left")
    page.locator("#next").click()
    page.context.set_offline(False)
    page.wait_for_url("**/2", timeout=40_000)
    answer = Store.open(str(server.study)).tasks(1)[0].answer
    assert (answer.choices, answer.comment) == ({"consistency": "left", "grammar": "left"}, "One thing more")


def marked(page: Page) -> list[int]:
    """Places of the left summary's marked words."""
    pressed = page.locator("#left .word").evaluate_all("words => words.map(word => word.ariaPressed === 'true')")
    return [place for place, on in enumerate(pressed) if on]


def test_a_drag_marks_from_a_words_first_letter_on(browser: Browser, server: Server) -> None:
    page = open_page(browser, server.links["Ann"] + "1")
    words = page.locator("#left .word")
    for first, last, on in ((4, 5, [4, 5]), (3, 3, [3, 4, 5]), (3, 5, [])):  # also from the word that has the focus
        start, end = words.nth(first).bounding_box(), words.nth(last).bounding_box()
        assert start is not None
        assert end is not None
        page.mouse.move(start["x"] + 1, start["y"] + 8)
        page.mouse.down()
        page.mouse.move(end["x"] + 0.9 * end["width"], end["y"] + 8, steps=5)
        page.mouse.up()
        assert marked(page) == on


def test_arrows_go_where_they_point(browser: Browser, make_store: MakeStore, tmp_path: Path) -> None:
    summaries = {"a": "سيتم إغلاق الجسر", "b": "الجسر مغلق الآن"}
    make_store(systems=Systems(("a", "b"), (Document("d", "نص", summaries),), "id"), names=NAMES, documents=1)
    server = Server(tmp_path / "study.sqlite")
    page = open_page(browser, server.links["Ann"] + "1")
    words = page.locator("#left .word")
    words.first.focus()
    page.keyboard.press("ArrowLeft")
    expect(words.nth(1)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(words.nth(0)).to_be_focused()
    server.kill()


def test_a_summary_can_be_read_as_text(browser: Browser, server: Server) -> None:
    page = open_page(browser, server.links["Ann"] + "1")
    for side in ("left", "right"):
        shown = page.locator(f"#{side}").inner_text()
        section = page.get_by_role("region", name=f"{side} summary")
        expect(section.get_by_role("paragraph")).to_have_text(shown)
        expect(section.get_by_role("group", name="Click words that are wrong")).to_have_text(shown)


def test_a_double_click_marks_once(browser: Browser, server: Server) -> None:
    page = open_page(browser, server.links["Ann"] + "1")
    page.locator("#left .word").nth(3).dblclick()
    assert marked(page) == [3]
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    assert marked(page) == [3, 4]
    is_saved(page)


def test_single_keys_can_be_switched_off(browser: Browser, server: Server) -> None:
    page = open_page(browser, server.links["Ann"])
    page.locator("#keys").uncheck()
    page.reload()
    expect(page.locator("#keys")).not_to_be_checked()
    page.locator("#start").click()
    page.wait_for_url("**/1")
    expect(page.locator("kbd").first).to_be_hidden()
    for key in "15n":
        page.keyboard.press(key)
    page.locator("input[data-key='2']").check()
    is_saved(page)
    assert page.url.endswith("/1")
    answer = Store.open(str(server.study)).tasks(1)[0].answer
    assert answer.choices == {"consistency": "equal"}


def test_a_key_held_down_acts_once(browser: Browser, server: Server) -> None:
    page = open_page(browser, server.links["Ann"] + "1")
    page.keyboard.down("n")
    page.wait_for_url("**/2")
    expect(page.locator("#item")).to_be_visible()
    page.keyboard.down("n")  # as the browser repeats it
    page.keyboard.down("5")
    expect(page.locator("input[name=informativeness][value=equal]")).to_be_checked()  # the page listens
    assert page.url.endswith("/2")


def test_a_stale_link_says_so_and_stops(browser: Browser, server: Server) -> None:
    page = open_page(browser, server.links["Ann"] + "1")
    organiser = open_page(browser, server.links["organiser"])
    for name in NAMES:
        expect(organiser.get_by_role("progressbar", name=f"Answered by {name}")).to_have_count(1)
        expect(organiser.get_by_role("link", name=f"Link of {name}")).to_have_count(1)
    old = organiser.get_by_role("link", name="Link of Ann").get_attribute("href")
    organiser.get_by_label("Renew the link of Ann").click()
    expect(organiser.locator("tbody tr").first).to_contain_text("The old link will be worthless at once")
    assert page.reload().ok  # type: ignore[union-attr]  # not yet
    organiser.get_by_role("button", name="Renew it").click()
    expect(organiser.get_by_role("link", name="Link of Ann")).not_to_have_attribute("href", old or "")
    click(page, "consistency", "left")
    expect(page.locator("#problem")).to_contain_text("no longer valid")
    assert Store.open(str(server.study)).judgements() == []


def test_what_is_changed_after_the_link_was_replaced_is_kept(browser: Browser, server: Server) -> None:
    store = Store.open(str(server.study))
    page = open_page(browser, server.links["Ann"] + "1", viewport={"width": 390, "height": 500})
    assert store.renew_link(1)
    click(page, "grammar", "right")
    expect(page.locator("#problem")).to_contain_text("is kept on this device")
    expect(page.locator("#problem")).to_be_in_viewport(ratio=1)
    click(page, "consistency", "left")
    page.locator("#comment").fill("Later")
    context = page.context
    page.close()
    other = context.new_page()
    other.goto(f"{server.links['Ann'].rsplit('/', 2)[0]}/{store.annotators()[0].token}/1")
    is_saved(other)
    answer = store.tasks(1)[0].answer
    assert (answer.choices, answer.comment) == ({"consistency": "left", "grammar": "right"}, "Later")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_has_been_said_shows_in_forced_colours(browser: Browser, server: Server, scheme: str) -> None:
    page = open_page(browser, server.links["Ann"] + "1", forced_colors="active", color_scheme=scheme)
    word, choice = page.locator("#left .word").nth(3), page.locator("label:has(input)").first
    bar = page.locator("#progress")
    before = [each.screenshot() for each in (word, choice, bar)]
    word.click()
    choice.click()
    is_saved(page)
    bar.evaluate("bar => { bar.value = 3; }")
    page.locator("#comment").click()  # nothing else has the focus, or the mouse over it
    after = [each.screenshot() for each in (word, choice, bar)]
    assert all(one != other for one, other in zip(before, after, strict=True))
    choice.locator("input").focus()
    page.keyboard.press("Space")
    assert choice.screenshot() != after[1]
    page.goto(server.links["Ann"])
    assert page.locator(".examples em").first.evaluate("em => getComputedStyle(em).textDecorationLine") == "underline"


def test_what_has_the_focus_is_in_sight_on_a_small_screen(browser: Browser, server: Server) -> None:
    page = open_page(browser, server.links["Ann"] + "1", viewport={"width": 390, "height": 500})
    met = 0
    for _ in range(12):
        page.keyboard.press("Tab")
        covered = page.evaluate("""() => {
            if (!document.activeElement.matches(".word, input, textarea")) return null;
            const { left, top, width, height } = document.activeElement.getBoundingClientRect();
            const at = (y) => document.elementFromPoint(left + width / 2, y);
            return [top + 2, top + height - 2].some((y) => at(y)?.closest("header, nav"));
        }""")
        assert not covered
        met += covered is not None
    assert met == 6


@pytest.mark.parametrize("width", [320, 390, 700, 1000, 1400])
def test_every_width_shows_everything_without_sideways_scrolling(browser: Browser, server: Server, width: int) -> None:
    page = open_page(browser, server.links["Ann"], viewport={"width": width, "height": 800})
    for url in (server.links["Ann"], server.links["Ann"] + "1", server.links["organiser"]):
        page.goto(url)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(server.links["Ann"] + "1")
    for choice in ("left", "equal", "right"):
        box = page.locator(f"input[name=grammar][value={choice}]").bounding_box()
        assert box is not None
        assert box["height"] >= 44  # large enough for a finger
    click(page, "grammar", "right")
    is_saved(page)
    expect(page.locator("legend").first).to_have_text("Factual consistency")
    words = page.locator("#left-title").inner_text().lower()
    assert words == ("upper summary" if width <= 640 else "left summary")
