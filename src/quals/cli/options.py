"""Settings as command-line options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

import click

from quals.errors import InputError
from quals.settings import Settings

Command = TypeVar("Command", bound=Callable[..., Any])
Made = TypeVar("Made")


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


def made_of(options: Mapping[str, Any], settings: Callable[..., Made]) -> Made:
    """The settings that a command's options stand for.

    Raises:
        UsageError: a value is out of its range; the message names the option.
    """
    try:
        return settings(**options)
    except InputError as error:
        option = f"--{error.field.replace('_', '-')}: " if error.field else ""
        raise click.UsageError(f"{option}{error.message}") from error
