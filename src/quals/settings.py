"""Settings as dataclasses whose fields carry their own help, so that Python and command line agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, field, fields
from operator import ge, gt, le, lt
from typing import Any, TypeVar

import click

from quals.errors import InputError

Command = TypeVar("Command", bound=Callable[..., Any])


# What limits a value, in words and as a comparison.
_LIMITS = {"least": ("at least", ge), "above": ("above", gt), "most": ("at most", le), "below": ("below", lt)}


def setting(default: Any, help: str, *, short: str = "", **limits: float) -> Any:
    """A dataclass field with a default, one line of help, perhaps a short option such as ``-n``, and its range.

    ``limits`` are any of ``least``, ``above``, ``most`` and ``below``.
    """
    return field(default=default, metadata={"help": help, "short": short, "limits": limits})


@dataclass(frozen=True)
class Settings:
    """Settings made of `setting` fields.

    Raises:
        InputError: a value is out of its range; the message names the field and the range.
    """

    def __post_init__(self) -> None:
        """Check the ranges."""
        for each in fields(self):
            limits = [(*_LIMITS[name], limit) for name, limit in each.metadata["limits"].items()]
            if not all(holds(getattr(self, each.name), limit) for _, holds, limit in limits):
                wanted = " and ".join(f"{words} {limit}" for words, _, limit in limits)
                raise InputError(f"must be {wanted}", field=each.name)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


def options(settings: type[Settings]) -> Callable[[Command], Command]:
    """Add a command-line option for every field of a settings class."""

    def decorate(command: Command) -> Command:
        for each in reversed(fields(settings)):
            if each.default is MISSING:
                raise TypeError(f"{settings.__name__}.{each.name} has no default")
            names = [f"--{each.name.replace('_', '-')}", each.name]
            if each.metadata["short"]:
                names.insert(0, each.metadata["short"])
            flag = isinstance(each.default, bool)
            command = click.option(
                *names, is_flag=flag, default=each.default, show_default=not flag, help=each.metadata["help"]
            )(command)
        return command

    return decorate
