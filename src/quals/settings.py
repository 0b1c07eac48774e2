"""Settings as dataclasses whose fields carry their own help, so that Python and command line agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, field, fields
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def setting(default: Any, help: str, *, short: str = "") -> Any:
    """A dataclass field with a default, one line of help and perhaps a short option such as ``-n``."""
    return field(default=default, metadata={"help": help, "short": short})


def options(settings: type) -> Callable[[Command], Command]:
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
