"""The metrics by name. A new metric is one module and one line here."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Iterable

from quals.errors import InputError
from quals.metrics.base import Metric

# name -> "module:class"; the module is imported when the metric is asked for
METRICS = {
    "quals": "quals.metrics.quals:Quals",
    "qags": "quals.metrics.qags:Qags",
    "factcc": "quals.metrics.factcc:FactCC",
    "rouge1": "quals.metrics.rouge:Rouge1",
    "rouge2": "quals.metrics.rouge:Rouge2",
    "rougeL": "quals.metrics.rouge:RougeL",
    "rouge2-precision": "quals.metrics.rouge:Rouge2Precision",
    "copy": "quals.metrics.rouge:Rouge2Precision",
}


def load(name: str, **settings: object) -> Metric:
    """The metric of this name, set up with its own settings.

    Raises:
        InputError: no metric has this name, or it has no such setting; the message lists those it has.
        MissingExtraError: the metric needs an optional dependency that is not installed.
    """
    check(name)
    module, _, attribute = METRICS[name].partition(":")
    metric: type[Metric] = getattr(importlib.import_module(module), attribute)
    known = inspect.signature(metric).parameters
    for setting in settings:
        if setting not in known:
            raise InputError(_unknown(f"setting of {name}", setting, known))
    return metric(**settings)


def check(name: str) -> None:
    """Raise the error `load` would for an unknown name, without loading anything."""
    if name not in METRICS:
        raise InputError(_unknown("metric", name, METRICS))


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return f"no {what} '{name}'{hint} (known: {', '.join(names) or 'none'})"
