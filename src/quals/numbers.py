"""Numbers as text."""

from __future__ import annotations


def fixed(value: float, digits: int) -> str:
    """A number with so many digits after the point, and no minus before a zero."""
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if float(text) == 0 else text
