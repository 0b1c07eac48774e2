"""The metrics by name. A new metric is one module and one line here."""

from __future__ import annotations

import difflib
import importlib
import inspect
from collections.abc import Iterable, Mapping

from quals.errors import InputError
from quals.garbage import without_collecting
from quals.metrics.base import Metric
from quals.settings import Settings, like

# name -> "module:class"; the module is imported when the metric is asked for
METRICS = {
    "quals": "quals.metrics.quals:Quals",
    "qags": "quals.metrics.qags:Qags",
    "factcc": "quals.metrics.factcc:FactCC",
    "pmi": "quals.metrics.pmi:Pmi",
    "ensemble": "quals.metrics.ensemble:Ensemble",
    "rouge1": "quals.metrics.rouge:Rouge1",
    "rouge2": "quals.metrics.rouge:Rouge2",
    "rougeL": "quals.metrics.rouge:RougeL",
    "rouge2-precision": "quals.metrics.rouge:Rouge2Precision",
}
# Names that stand for others, where several metrics may be named.
GROUPS = {"rouge": ("rouge1", "rouge2", "rougeL"), "copy": ("rouge2-precision",)}


def expand(name: str) -> tuple[str, ...]:
    """The metrics that a name stands for, which may be one or several.

    Raises:
        InputError: no metric has this name.
    """
    if name not in METRICS and name not in GROUPS:
        raise InputError(_unknown("metric", name, [*METRICS, *GROUPS]))
    return GROUPS.get(name, (name,))


@without_collecting()
def find(name: str) -> type[Metric]:
    """The class of the metric of this name.

    Raises:
        InputError: no metric has this name, or it stands for several.
    """
    names = expand(name)
    if len(names) > 1:
        raise InputError(f"'{name}' stands for several metrics: {', '.join(names)}")
    module, _, attribute = METRICS[names[0]].partition(":")
    metric: type[Metric] = getattr(importlib.import_module(module), attribute)
    return metric


def load(name: str, /, *, device: str = "auto", workers: int = 1, **settings: object) -> Metric:
    """The metric of this name, set up with its own settings.

    ``device`` and ``workers``, processes that share its work (see `metrics.workers`), are for metrics that run a model.

    Raises:
        InputError: no metric has this name, or it has no such setting (the message lists those it has), or not with
            such a value.
        MissingExtraError: the metric needs an optional dependency that is not installed.
    """
    metric = find(name)
    known = inspect.signature(metric).parameters
    where = {"device": like("auto", device, f"{name}.device"), "workers": like(1, workers, f"{name}.workers")}
    if workers > 1 and "device" in known and "workers" not in known:
        from quals.metrics.workers import Workers

        return Workers(name, workers, device=device, **settings)
    here: dict[str, object] = {one: value for one, value in where.items() if one in known}
    return metric(**here | arguments(name, settings))


def arguments(name: str, settings: Mapping[str, object]) -> dict[str, object]:
    """What the metric of this name is made with to have these settings.

    Raises:
        InputError: as for `load`.
    """
    metric, settings = find(name), dict(settings)
    known = inspect.signature(metric).parameters
    base = metric.settings_type() if metric.settings_type else None
    if isinstance(base, Settings) and isinstance(given := settings.get("settings"), type(base)):
        base = given
        del settings["settings"]
    inner = base.names() if base else []
    found: dict[str, object] = {}
    for setting, value in settings.items():
        if setting == "settings" or (setting not in known and setting not in inner):
            names = [one for one in known if one != "settings"] + inner
            raise InputError(_unknown(f"setting of {name}", setting, names))
        if setting in known:
            default = known[setting].default
            plain = value is None or isinstance(value, bool | int | float | str | list | dict)  # what a text can say
            found[setting] = like(default, value, f"{name}.{setting}") if plain else value
    if base:
        found["settings"] = base.having({one: value for one, value in settings.items() if one in inner})
    return found


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return f"no {what} '{name}'{hint} (known: {', '.join(dict.fromkeys(names)) or 'none'})"
