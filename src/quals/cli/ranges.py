"""Kinds of numbers on the command line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import click


class FiniteRange(click.FloatRange):
    """A number in a range; click's own takes ``nan`` for one in any range, and ``inf`` where it has no end."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """See `click.ParamType.convert`."""
        number = float(super().convert(value, param, ctx))
        if not math.isfinite(number):
            self.fail(f"{value} is not a number here", param, ctx)
        return number


@dataclass(frozen=True)
class Threshold:
    """A score, or a probability in 0..1, and how it was written."""

    value: float
    probability: bool
    written: str


def threshold(text: str) -> Threshold:
    """What an option says: ``-1.5`` is a score, ``70%`` a probability."""
    number, percent, rest = text.partition("%")
    try:
        found = float(number)
    except ValueError:
        found = math.nan
    if math.isnan(found) or rest or (percent and not 0 <= found <= 100):
        raise click.BadParameter(f"'{text}' is neither a score, like -1.5, nor a probability, like 70%")
    return Threshold(found / 100 if percent else found, bool(percent), text)
