"""Files and metrics in, one report of agreement out: what ``quals agree`` and the benchmark share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from quals.errors import InputError
from quals.evaluate.bootstrap import Bootstrap
from quals.evaluate.labelled import DataSet, read_judged, with_unique_names
from quals.evaluate.measure import Measured, measure
from quals.io.files import sha256
from quals.io.rows import FieldNames
from quals.metrics.base import Metric
from quals.scoring.cache import ScoreCache
from quals.scoring.progress import Progress


@dataclass(frozen=True)
class Options:
    """How agreement is measured.

    Attributes:
        label: the field of the files that holds the human label.
        positive_from: a label of at least this counts as consistent.
        limit: so many documents of each file, drawn with ``seed``, all their summaries; None for all.
        seed: of the draw, the folds and the resamples.
        resamples: of documents, for the intervals.
        level: share of the resamples that an interval covers.
        fields: those that hold the texts.
    """

    label: str = "label"
    positive_from: float = 1.0
    limit: int | None = None
    seed: int = 0
    resamples: int = 1000
    level: float = 0.95
    fields: FieldNames = field(default_factory=FieldNames)


@dataclass(frozen=True)
class FileUsed:
    """One file, by name and content, and how much of it was used."""

    data: str
    sha256: str
    rows: int
    documents: int
    unlabelled: int
    unreadable: int
    guesses: tuple[tuple[str, str], ...]  # see `DataSet`


@dataclass(frozen=True)
class Report:
    """Results, with the options they were made with and the files they speak of.

    ``tuned_on`` are the files on which thresholds were chosen; none if on other documents of the same file.
    """

    options: Options
    files: list[FileUsed]
    tuned_on: list[FileUsed]
    results: list[Measured]
    problems: list[InputError]


def make_report(
    files: Sequence[str],
    metrics: Sequence[Metric],
    options: Options,
    cache: ScoreCache,
    progress: Progress,
    tune_on: Sequence[str] = (),
) -> Report:
    """Measure every metric on every file.

    Args:
        files: in the form `read_judged` takes.
        metrics: what to measure.
        options: how.
        cache: where scores are looked up and kept.
        progress: called with a metric's name and its number of rows; gives what is called as rows are done.
        tune_on: files on which the thresholds for balanced accuracy are chosen.

    Raises:
        InputError: a file cannot be read or has no labelled row.
    """
    sets = with_unique_names([_read(file, options) for file in files])
    tuning = [_read(file, options) for file in tune_on]
    # As they are now: they may change in a long run.
    used, tuned_on = ([_used(data) for data in some] for some in (sets, tuning))
    results = measure(
        metrics,
        sets,
        tuning,
        cache,
        positive_from=options.positive_from,
        bootstrap=Bootstrap(options.resamples, options.seed, options.level),
        progress=progress,
    )
    problems = [problem for data in [*sets, *tuning] for problem in data.problems]
    return Report(options, used, tuned_on, results, problems)


def _read(file: str, options: Options) -> DataSet:
    if file == "-":
        raise InputError("agreement is told of files, by their hash: standard input has none", file=file)
    data = read_judged(file, options.label, options.fields)
    return data.sample(options.limit, options.seed) if options.limit else data


def _used(data: DataSet) -> FileUsed:
    counts = len(data.rows), len(set(data.documents)), data.unlabelled, len(data.problems)
    return FileUsed(data.name, sha256(Path(data.file)), *counts, data.guesses)
