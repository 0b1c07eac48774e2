"""Metrics as they are named on the command line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import click

from quals.errors import InputError
from quals.metrics import registry
from quals.metrics.base import Metric

settings_option = click.option(
    "--set", "settings", multiple=True, metavar="METRIC.NAME=VALUE", help="A metric's setting; repeatable."
)
workers_option = click.option(
    "--workers",
    default=1,
    show_default=True,
    type=click.IntRange(1),
    help="Processes that share the scoring; GPUs are dealt out among them.",
)


def metric_names(names: str) -> list[str]:
    """The metrics of a comma-separated list, each once; "rouge" stands for three.

    Raises:
        UsageError: there is no such metric.
    """
    return list(dict.fromkeys(one for name in names.split(",") for one in _expand(name.strip())))


def one_metric(given: str, option: str = "--metric") -> str:
    """The name of the one metric that ``option`` was given.

    Raises:
        UsageError: there is none of this name, or it stands for several.
    """
    names = metric_names(given)
    if len(names) > 1:
        raise click.UsageError(f"{option} takes one metric, and '{given}' stands for {', '.join(names)}")
    return names[0]


def load_metrics(
    names: str,
    settings: Sequence[str],
    *,
    device: str = "auto",
    workers: int = 1,
    **common: object,
) -> list[Metric]:
    """The metrics of a comma-separated list, each with its own ``metric.name=value`` settings.

    Args:
        names: see `metric_names`.
        settings: what to set; a name that stands for several metrics sets it for each.
        device: where models run, unless a metric's settings say otherwise.
        workers: processes that share the work of each metric that runs one.
        common: settings that all of them have.

    Raises:
        UsageError: an unknown metric or setting, a setting for a metric that is not in the list, or a value that
            cannot be.
    """
    wanted = metric_names(names)  # all of them before any is loaded, which may take a while
    given = metric_settings(settings, wanted)
    common |= {"device": device} | ({"workers": workers} if workers > 1 else {})
    each: list[dict[str, Any]] = [common | given.get(name, {}) for name in wanted]
    try:
        metrics = [registry.load(name, **settings) for name, settings in zip(wanted, each, strict=True)]
    except InputError as error:
        raise click.UsageError(str(error)) from error
    if device in ("auto", "cuda") and any(metric.device == "cuda" for metric in metrics):
        import torch

        if (gpus := torch.cuda.device_count()) > workers:
            click.echo(f"quals: of {gpus} GPUs {workers} will be used; all with --workers {gpus}", err=True)
    return metrics


def metric_settings(settings: Sequence[str], wanted: Sequence[str]) -> dict[str, dict[str, object]]:
    """What ``METRIC.NAME=VALUE`` texts set, by metric.

    Raises:
        UsageError: it is written in another way, or for a metric that is not among the ``wanted``.
    """
    parsed: dict[str, dict[str, object]] = {}
    for text in settings:
        key, equals, value = text.partition("=")
        metric, dot, name = key.partition(".")
        if not (equals and dot):
            raise click.UsageError(f"--set: expected METRIC.NAME=VALUE, found '{text}'")
        for one in _expand(metric):
            parsed.setdefault(one, {})[name] = _value(value)
    if stray := set(parsed) - set(wanted):
        raise click.UsageError(f"--set: for {', '.join(sorted(stray))}, which --metric does not name")
    return parsed


def _expand(name: str) -> tuple[str, ...]:
    try:
        return registry.expand(name)
    except InputError as error:
        raise click.UsageError(str(error)) from error


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text  # what is not a number, true, false or null
