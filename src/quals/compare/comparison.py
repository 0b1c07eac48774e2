"""Systems and metrics in, means, intervals and tests out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from quals.compare.paired import Paired, Resampling, against, at_equal_copying, mean
from quals.errors import InputError
from quals.evaluate.bootstrap import Estimate
from quals.io.systems import Document, Systems
from quals.metrics.base import Metric
from quals.records import Status, Texts
from quals.scoring.cache import ScoreCache, score_rows
from quals.scoring.progress import Progress, untold_of
from quals.texts import length, novel_bigrams

Values = Mapping[str, Sequence[float | None]]  # system -> a value for each document


@dataclass(frozen=True)
class Measure:
    """One column: a metric, or a property of texts that is neither good nor bad.

    Attributes:
        name: of the metric, or of the property.
        values: system -> a value for each document, None where there is none.
        unscored: system -> why values are missing, and how many.
        signature: of the metric; empty for a property.
        digits: behind the decimal point, for people.
    """

    name: str
    values: Values
    unscored: Mapping[str, Mapping[str, int]]
    signature: str = ""
    digits: int = 3


@dataclass(frozen=True)
class Cell:
    """One system by one measure.

    Attributes:
        against: its difference from the baseline; None for the baseline itself.
        at_equal_copying: what is left of that where both copy alike; None also for properties.
    """

    system: str
    measure: str
    mean: Estimate
    unscored: Mapping[str, int]
    against: Paired | None
    at_equal_copying: Estimate | None


@dataclass(frozen=True)
class Comparison:
    """The whole table.

    Attributes:
        cells: (system, measure) -> cell.
    """

    systems: Systems
    baseline: str
    measures: tuple[Measure, ...]
    resampling: Resampling
    cells: Mapping[tuple[str, str], Cell]

    @property
    def others(self) -> list[str]:
        """The systems that are compared with the baseline."""
        return [name for name in self.systems.names if name != self.baseline]


def compare(
    systems: Systems,
    metrics: Sequence[Metric],
    baseline: str,
    resampling: Resampling,
    cache: ScoreCache,
    progress: Progress = untold_of,
) -> Comparison:
    """Score every summary with every metric, through the cache, and compare each system with the baseline.

    Raises:
        InputError: there is no such baseline.
        MissingExtraError: scipy is not installed.
    """
    if baseline not in systems.names:
        raise InputError(f"no system '{baseline}' (given: {', '.join(systems.names)})", field="--baseline")
    novelty, words = _properties(systems)
    measures = (*(_scored(metric, systems, cache, progress) for metric in metrics), novelty, words)
    cells = {
        (cell.system, cell.measure): cell
        for measure in measures
        for cell in _cells(measure, novelty, baseline, resampling)
    }
    return Comparison(systems, baseline, measures, resampling, cells)


def _cells(measure: Measure, novelty: Measure, baseline: str, resampling: Resampling) -> Iterator[Cell]:
    usual, usual_novelty = measure.values[baseline], novelty.values[baseline]
    for system, values in measure.values.items():
        found = alike = None
        if system != baseline:
            found = against(values, usual, resampling)
            if measure.signature:
                alike = at_equal_copying(values, usual, novelty.values[system], usual_novelty, resampling)
        yield Cell(system, measure.name, mean(values, resampling), measure.unscored[system], found, alike)


def _scored(metric: Metric, systems: Systems, cache: ScoreCache, progress: Progress) -> Measure:
    # All systems at once: metrics share the work on a document among its summaries.
    rows = [texts(document, name) for name in systems.names for document in systems.documents]
    scores = iter(score_rows(metric, rows, cache, progress(metric.name, len(rows))))
    by_system = {name: [next(scores) for _ in systems.documents] for name in systems.names}
    return Measure(
        metric.name,
        {name: [score.value for score in found] for name, found in by_system.items()},
        {
            name: dict(Counter(str(score.status) for score in found if score.status is not Status.OK))
            for name, found in by_system.items()
        },
        metric.signature,
    )


def _properties(systems: Systems) -> tuple[Measure, Measure]:
    """Novelty and length."""
    novel = {
        name: [novel_bigrams(each.text, each.summaries[name]) for each in systems.documents] for name in systems.names
    }
    words = {name: [float(length(each.summaries[name])) for each in systems.documents] for name in systems.names}
    short = {
        name: {"fewer than two words": count} if (count := values.count(None)) else {} for name, values in novel.items()
    }
    return (
        Measure("novel 2-grams", novel, short),
        Measure("words", words, {name: {} for name in systems.names}, digits=1),
    )


def texts(document: Document, system: str) -> Texts:
    """What a system's summary of a document is scored by."""
    return Texts(document.text, document.summaries[system], document.reference)
