"""Numbers as rows hold them."""

from __future__ import annotations

import math
from decimal import Decimal


def finite(value: object) -> float | None:
    """The value as a float; None if it is no number, not a finite one, or too large for a float.

    Text that is a number counts as one, for CSV has no other.
    """
    if not isinstance(value, int | float | Decimal | str):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None


def whole(value: object) -> int | None:
    """The value as a number to count with, from 0 on, also where another program made a float of it; or None."""
    number = finite(value)
    return int(number) if number is not None and number >= 0 and number.is_integer() else None


def judgement(value: object) -> float | None:
    """A label as a number: 1 for true and 0 for false, also as CSV spells them; otherwise `finite`."""
    words = {"true": 1.0, "false": 0.0}
    return words.get(value.strip().lower(), finite(value)) if isinstance(value, str) else finite(value)
