"""What a command does without options is what Python does without arguments."""

from __future__ import annotations

import dataclasses
from typing import Any

import click
import pytest

from quals.cli.agree import agree
from quals.cli.compare import compare
from quals.cli.contrast import contrast
from quals.cli.report import report
from quals.cli.serve import serve
from quals.cli.study import new
from quals.compare.paired import Resampling
from quals.contrast.sets import Options as ContrastOptions
from quals.evaluate.report import Options as AgreeOptions
from quals.report.page import LIMIT
from quals.study.new import StudySettings
from quals.web.settings import ServeSettings


def defaults(command: click.Command) -> dict[str, Any]:
    """What the command's function gets if no option is given."""
    needed = [
        word for param in command.params if isinstance(param, click.Argument) for word in ["x"] * abs(param.nargs)
    ]
    folder = ["-o", "made"] if command is contrast else []
    return command.make_context("quals", [*needed, *folder]).params


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        (agree, AgreeOptions()),
        (compare, Resampling()),
        (contrast, ContrastOptions()),
        (new, StudySettings()),
        (serve, ServeSettings()),
    ],
)
def test_options_have_the_defaults_of_the_settings(command: click.Command, settings: Any) -> None:
    given = defaults(command)
    names = [field.name for field in dataclasses.fields(settings) if field.name in given]
    assert len(names) > 3
    assert {name: given[name] for name in names} == {name: getattr(settings, name) for name in names}


def test_a_report_lists_as_many_rows() -> None:
    assert defaults(report)["limit"] == LIMIT
