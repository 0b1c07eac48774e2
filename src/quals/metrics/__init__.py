"""One module per metric, behind the interface of `metrics.base`; ``quals.metrics.FactCC`` and so on are the classes,
``quals.metrics.load`` makes one by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from quals.metrics.base import Metric as Metric
    from quals.metrics.ensemble import Ensemble as Ensemble
    from quals.metrics.factcc import FactCC as FactCC
    from quals.metrics.pmi import Pmi as Pmi
    from quals.metrics.qags import Qags as Qags
    from quals.metrics.quals import Quals as Quals
    from quals.metrics.registry import load as load
    from quals.metrics.rouge import Rouge1 as Rouge1
    from quals.metrics.rouge import Rouge2 as Rouge2
    from quals.metrics.rouge import Rouge2Precision as Rouge2Precision
    from quals.metrics.rouge import RougeL as RougeL


def __getattr__(name: str) -> Any:
    from quals.metrics.registry import METRICS, find, load

    if name == "load":
        return load
    if name == "Metric":
        from quals.metrics.base import Metric

        return Metric
    for metric, path in METRICS.items():
        if path.endswith(f":{name}"):
            return find(metric)
    raise AttributeError(f"module 'quals.metrics' has no attribute '{name}'")


def __dir__() -> list[str]:
    from quals.metrics.registry import METRICS

    return sorted({"Metric", "load", *(path.partition(":")[2] for path in METRICS.values())})
