"""Settings as command-line options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, TypeVar

import click

from quals.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])


def options(settings: type[Settings]) -> Callable[[Command], Command]:
    """Add a command-line option for every field of a settings class that can be given a value."""

    def decorate(command: Command) -> Command:
        for each in reversed([one for one in fields(settings) if one.init]):
            if each.default is MISSING:
                raise TypeError(f"{settings.__name__}.{each.name} has no default")
            names = [f"--{each.name.replace('_', '-')}", each.name]
            if each.metadata["short"]:
                names.insert(0, each.metadata["short"])
            flag = isinstance(each.default, bool)
            command = click.option(
                *names,
                is_flag=flag,
                default=each.default,
                show_default=not flag and each.default != "",
                help=each.metadata["help"],
            )(command)
        return command

    return decorate
