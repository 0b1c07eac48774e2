"""Settings as dataclasses whose fields carry their own help, so that Python and command line agree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields, replace
from numbers import Integral, Real
from operator import ge, gt, le, lt
from typing import Any, Self

from quals.errors import InputError

LARGEST_SEED = 2**32 - 1  # that numpy takes for its global generator

# What limits a value, in words and as a comparison.
_LIMITS = {"least": ("at least", ge), "above": ("above", gt), "most": ("at most", le), "below": ("below", lt)}


def setting(default: Any, help: str, *, short: str = "", **limits: float | str) -> Any:
    """A dataclass field with a default, one line of help, perhaps a short option such as ``-n``, and its range.

    ``limits`` are any of ``least``, ``above``, ``most`` and ``below``: numbers, or names of other settings.
    """
    return field(default=default, metadata={"help": help, "short": short, "limits": limits})


def fixed(value: Any) -> Any:
    """A dataclass field in place of one of a base class's: here it has this value, and nobody can give it another."""
    return field(default=value, init=False)


@dataclass(frozen=True)
class Settings:
    """Settings made of `setting` fields.

    Raises:
        InputError: a value is of another type than the default, or out of its range; the message names the field.
    """

    def __post_init__(self) -> None:
        """Check types and ranges."""
        for each in fields(self):
            default = each.default if each.default_factory is MISSING else each.default_factory()
            value: Any = like(default, getattr(self, each.name), each.name)
            object.__setattr__(self, each.name, value)  # how a frozen dataclass is filled
            if isinstance(value, float) and not math.isfinite(value):
                raise InputError("must be a finite number", field=each.name)
        for each in fields(self):  # whose limits may be other settings
            value = getattr(self, each.name)
            limits = [(*_LIMITS[name], limit) for name, limit in each.metadata.get("limits", {}).items()]
            if not all(holds(value, self._limit(limit)) for _, holds, limit in limits):
                wanted = " and ".join(f"{words} {limit}" for words, _, limit in limits)
                raise InputError(f"must be {wanted}", field=each.name)

    @classmethod
    def given(cls, settings: Self | None) -> Self:
        """The ``settings`` somebody gave; for None those of the class by itself.

        Raises:
            InputError: they are of another class.
        """
        default = cls()
        if settings is not None:
            like(default, settings, "settings")
        return settings or default

    def _limit(self, limit: float | str) -> Any:
        return getattr(self, limit) if isinstance(limit, str) else limit

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    def names(self) -> list[str]:
        """Of all settings; those of settings within these as ``outer.inner``."""
        found = []
        for each in fields(self):
            value = getattr(self, each.name)
            inner = value.names() if isinstance(value, Settings) else []
            found += [f"{each.name}.{name}" for name in inner] or [each.name]
        return found

    def having(self, given: Mapping[str, object]) -> Self:
        """These, but for what is ``given`` under one of the `names`.

        Raises:
            InputError: a value is of another type than the one here, or out of its range.
        """
        inner: dict[str, dict[str, object]] = {}
        changed: dict[str, Any] = {}
        for name, value in given.items():
            outer, dot, rest = name.partition(".")
            if dot:
                inner.setdefault(outer, {})[rest] = value
            else:
                changed[name] = like(getattr(self, name), value, name)
        return replace(self, **changed, **{name: getattr(self, name).having(of) for name, of in inner.items()})


_KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def like(old: object, new: object, name: str) -> object:
    """The new value, if it is of the old one's type, where that is a plain one; a whole number is a number, too.

    Raises:
        InputError: it is not; the message has the ``name``.
    """
    kind = type(old)
    if isinstance(old, Settings) and not isinstance(new, kind):
        raise InputError(f"expected {kind.__name__}, found '{new}'", field=name)
    if kind not in _KINDS:
        return new
    if not isinstance(new, bool):  # numpy has numbers of its own
        if kind is int and isinstance(new, Integral):
            return int(new)
        if kind is float and isinstance(new, Real):
            return float(new)
    if type(new) is not kind:
        raise InputError(f"expected {_KINDS[kind]}, found '{new}'", field=name)
    return new
