"""Rows that a scraper spoilt: share buttons taken for text, teasers and collection pages taken for summaries.

A model trained on them writes such things itself. The patterns are those that QUALS's authors name for XSUM,
Newsroom and CNN/DailyMail, each with the field it is looked for in; they are narrow, so that an article about
Facebook is no victim. Case matters where a pattern says so.
"""

from __future__ import annotations

import re

_SITES = r"(?:Email|Facebook|Messenger|Twitter|Pinterest|WhatsApp|LinkedIn)"

# name -> (field, pattern); the field is document, summary or either
PATTERNS: dict[str, tuple[str, re.Pattern[str]]] = {
    "share-buttons": ("either", re.compile(rf"Share this with[\s,:]+{_SITES}|Email[\s,]+Facebook[\s,]+{_SITES}")),
    "copy-link": ("either", re.compile(r"Copy this link\b|These are external links and will open in a new window")),
    "caption-only": ("document", re.compile(r"\A\s*(?:Image \d|Photo: )")),
    "page-source": ("document", re.compile(r'"params":')),
    "collection-page": ("summary", re.compile(r"Collection of all \S+\.com\b", re.IGNORECASE)),
    "site-name": ("summary", re.compile(r"\b(?:on|from) FoxNews\.com|\bwashingtonpost\.com", re.IGNORECASE)),
    "link-teaser": ("summary", re.compile(r"(?:\A|[.!?\n])\s*(?:READ\b|CLICK HERE\b)")),
}


def boilerplate(document: str, summary: str) -> str | None:
    """The name of the first pattern found in a row; None for a clean row."""
    fields = {"document": [document], "summary": [summary], "either": [document, summary]}
    for name, (field, pattern) in PATTERNS.items():
        if any(pattern.search(text) for text in fields[field]):
            return name
    return None
