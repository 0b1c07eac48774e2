"""Settings as dataclasses whose fields carry their own help, so that Python and command line agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, field, fields
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])


def setting(default: Any, help: str) -> Any:
    """A dataclass field with a default and one line of help."""
    return field(default=default, metadata={"help": help})


def options(settings: type) -> Callable[[Command], Command]:
    """Add a command-line option for every field of a settings class."""

    def decorate(command: Command) -> Command:
        for each in reversed(fields(settings)):
            if each.default is MISSING:
                raise TypeError(f"{settings.__name__}.{each.name} has no default")
            flag = f"--{each.name.replace('_', '-')}"
            command = click.option(
                flag, each.name, default=each.default, show_default=True, help=each.metadata["help"]
            )(command)
        return command

    return decorate
