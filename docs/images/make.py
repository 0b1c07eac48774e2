"""The screenshots in the docs, from scores and a running service, with Chromium.

quals score examples/news.jsonl --explain -o news.jsonl && quals serve &
python docs/images/make.py news.jsonl http://127.0.0.1:8017
"""

import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from quals.report import Report, read_rows, save_pair_figure

HERE = Path(__file__).parent
DESKTOP, PHONE = {"width": 1200, "height": 860}, {"width": 390, "height": 844}


def shoot(browser, address, name, *, size=DESKTOP, scheme="light", prepare=lambda page: None):
    page = browser.new_page(viewport=size, color_scheme=scheme)
    page.goto(address)
    prepare(page)
    page.wait_for_timeout(800)  # until a smooth scroll has come to rest
    page.screenshot(path=HERE / f"{name}.png")
    # 128 colours are plenty for text on plain ground, and a third of the size.
    Image.open(HERE / f"{name}.png").convert("RGB").quantize(128).save(HERE / f"{name}.png", optimize=True)
    page.close()


def open_first(page):
    page.locator(".row > details > summary").first.click()
    page.locator(".measure a").first.click()
    page.wait_for_timeout(800)
    page.evaluate("document.querySelector('.row').scrollIntoView({behavior: 'instant'})")


def ask(document, summary):
    def fill(page):
        page.fill("#document", document)
        page.fill("#summaries", summary)
        page.click("button")
        page.locator(".row").wait_for(timeout=600_000)
        page.evaluate("scrollTo({top: 330, behavior: 'instant'})")  # the end of the form, the beginning of the answer

    return fill


def main(scores, service=None):
    rows = list(read_rows(scores))
    worst = min((row for row in rows if row.score.evidence), key=lambda row: row.score.value)
    save_pair_figure(worst.score.worst(1)[0], HERE / "pair.svg")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.html")
        Report(rows, title="Ten news texts, each summarized rightly and wrongly").write(report)
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        shoot(browser, report.as_uri(), "report-overview")
        shoot(browser, report.as_uri(), "report-row", prepare=open_first)
        shoot(browser, report.as_uri(), "report-row-dark", scheme="dark", prepare=open_first)
        shoot(browser, report.as_uri(), "report-phone", size=PHONE, prepare=open_first)
        if service:
            shoot(browser, service, "page", prepare=ask(worst.document, worst.summary))
        browser.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
