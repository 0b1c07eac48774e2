"""Scraped boilerplate is found, and what merely speaks of it is not."""

from __future__ import annotations

import pytest

from quals.summarizer.boilerplate import boilerplate


@pytest.mark.parametrize(
    ("document", "summary", "expected"),
    [
        ("It rained. Share this with Email, Facebook, Messenger", "Rain.", "share-buttons"),
        ("Share this with\nEmail\nFacebook\nMessenger\nTwitter\nIt rained.", "Rain.", "share-buttons"),
        ("It rained.", "Share this with Facebook", "share-buttons"),
        ("It rained. Email Facebook Messenger", "Rain.", "share-buttons"),
        ("It rained. Copy this link", "Rain.", "copy-link"),
        ("These are external links and will open in a new window. It rained.", "Rain.", "copy-link"),
        ("Image 1 of 3. It rained.", "Rain.", "caption-only"),
        ("Photo: A. Berg", "Rain.", "caption-only"),
        ('{"params": 1} It rained.', "Rain.", "page-source"),
        ("It rained.", "Collection of all USATODAY.com coverage of People, including articles.", "collection-page"),
        ("It rained.", "Get the latest news from FoxNews.com.", "site-name"),
        ("It rained.", "It rained. CLICK HERE for all the latest weather news.", "link-teaser"),
        ("It rained.", "It rained.\nREAD: more on the rain.", "link-teaser"),
        ("I want to share this with my kids, on Facebook, Twitter and by email.", "He shared it.", None),
        ("The creators use Twitter, Facebook, LinkedIn and others.", "Creators use sites.", None),
        ("He read it. Click here, the page said.", "A reader clicked here.", None),
        ("A photo: it shows rain. Image 3 was lost.", "READERS liked it.", None),
        ("CLICK HERE, the page said.", "The page had a link.", None),
    ],
)
def test_boilerplate(document: str, summary: str, expected: str | None) -> None:
    assert boilerplate(document, summary) == expected
