"""How a number was made, in one line, so that two numbers can be compared or told apart.

    metric:quals|model:quals-small|revision:3f2a91c0|beams:60|...|version:0.1.0

The idea is sacreBLEU's (Post 2018): equal signatures mean equal numbers for equal input.
"""

from __future__ import annotations

from collections.abc import Mapping

import quals


def signature(metric: str, settings: Mapping[str, object]) -> str:
    """``metric``, each setting in the order given, and this package's version, as ``key:value|...``."""
    parts = {"metric": metric, **settings, "version": quals.__version__}
    return "|".join(f"{key}:{_plain(value)}" for key, value in parts.items())


def parse(line: str) -> dict[str, str]:
    """The parts of a signature; what is not ``key:value`` is left out."""
    return dict(part.split(":", 1) for part in line.split("|") if ":" in part)


def comparable(one: str, other: str) -> bool:
    """Whether two signatures tell of the same metric, model and settings; the package's version may differ."""
    first, second = parse(one), parse(other)
    first.pop("version", None)
    second.pop("version", None)
    return bool(first) and first == second


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("|", "/").replace("\n", " ")
