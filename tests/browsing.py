"""A real browser for tests, and what is asked of every page."""

import shutil

import pytest

SWITCHES = (
    "headless no-sandbox disable-gpu disable-quic no-first-run disable-background-networking "
    "disable-component-update disable-sync"
)
ARGUMENTS = [f"--{switch}" for switch in SWITCHES.split()]
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
# Markup, a script, an attribute's end, a comment, right-to-left with an override, a very long word, emoji, controls.
HOSTILE = (
    "</noscript></script></style><script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
    "\"'--><!-- {{7*7}} ${7} &lt;b&gt; \u202e\u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627\u202c "
    "Donaudampfschiff" + "fahrt" * 60 + " \U0001f468\u200d\U0001f469\u200d\U0001f467 e\u0301 \0 \x1b[31m \x7f"
)
SHOWN = HOSTILE.translate({0: "\u2400", 0x1B: "\u241b", 0x7F: "\u2421"})


# Not for the whole session: Playwright keeps an event loop running in this thread, in the way of other tests' own.
@pytest.fixture(scope="module")
def browser():
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(params=SIZES)
def page(request, browser):
    """A page at desktop, then phone width; a script's error or a refusal by the page's policy fails the test."""
    with open_page(browser, request.param) as page:
        yield page


class open_page:  # noqa: N801  # reads as a function in a with statement
    def __init__(self, browser, size="desktop", **options):
        self.context = browser.new_context(viewport=SIZES[size], **options)
        self.complaints = []

    def __enter__(self):
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda m: self.complaints.append(m.text) if "Security Policy" in m.text else None)
        page.requested = []
        page.on("request", lambda request: page.requested.append(request.url))
        return page

    def __exit__(self, kind, *_):
        self.context.close()
        if kind is None:
            assert not self.complaints


def serious_faults(page):
    """What axe-core finds at the levels serious and critical, in words."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [
        f"{fault['id']}: {node['html'][:200]} {node['failureSummary']}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def tab_to(page, selector, *, limit=60):
    """Press Tab until the element has the focus, and see that the focus shows."""
    for _ in range(limit):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", f"{selector} does not show its focus"
            return
    raise AssertionError(f"{selector} cannot be reached with the keyboard")


def fits(page):
    """Nothing sticks out at the side."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")
