"""Numbers as rows hold them."""

from __future__ import annotations

import math


def finite(value: object) -> float | None:
    """The value as a float; None if it is no number, not a finite one, or too large for a float.

    Text that is a number counts as one, for CSV has no other.
    """
    if not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (OverflowError, ValueError):
        return None
    return number if math.isfinite(number) else None
