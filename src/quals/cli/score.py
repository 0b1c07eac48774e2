"""``quals score``: a file of documents and summaries in, scores out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain, groupby, islice
from pathlib import Path
from typing import Any

import click

from quals.calibrate.calibration import Calibration
from quals.cli.exits import EXIT_BELOW, EXIT_TROUBLED, exit_codes, finish
from quals.cli.fields import document_field, format_option, reference_field, summary_field
from quals.cli.metrics import load_metrics, metric_names, metric_settings, settings_option, workers_option
from quals.cli.outputs import check_outputs, results_files, tell_beginning
from quals.cli.ranges import Threshold, threshold
from quals.cli.score_view import View
from quals.cli.watch import Watch
from quals.errors import InputError
from quals.io import results
from quals.io.rows import FieldNames, Row, count_rows, read_rows, read_texts
from quals.metrics import registry
from quals.metrics.base import Metric
from quals.metrics.safe import rows_at_once
from quals.scoring.resume import skip_finished
from quals.scoring.run import run_all
from quals.scoring.tally import Tally


@dataclass(frozen=True)
class Options:
    """The options of the command, under the names they have there."""

    file: str | None
    document: str | None
    summary: str | None
    document_field: str | None
    summary_field: str | None
    reference_field: str | None
    format: str | None
    metric: str
    settings: tuple[str, ...]
    model: str | None
    device: str
    workers: int
    compatibility: str
    output: str | None
    explain: bool
    report: str | None
    calibration: str | None
    worst: int
    fail_under: Threshold | None
    sentences: bool
    limit: int | None
    resume: bool
    batch_rows: int | None
    quiet: bool


@click.command(epilog=exit_codes("--fail-under: a summary is below it, or has no score, by the first metric"))
@click.argument("file", required=False)
@click.option("--document", metavar="FILE", help="A plain text to score one summary against; goes with --summary.")
@click.option("--summary", metavar="FILE", help="A plain text: the summary.")
@document_field
@summary_field
@reference_field
@format_option
@click.option(
    "--metric",
    "-m",
    default="quals",
    show_default=True,
    help=f"Comma-separated: {', '.join([*registry.METRICS, 'rouge'])} (all three).",
)
@settings_option
@click.option("--model", help="Of a single metric: a shipped name, a folder, or a Hub id; default: the metric's own.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1, mps ...")
@workers_option
@click.option(
    "--compatibility",
    type=click.Choice(["clean", "reference"]),
    default="clean",
    show_default=True,
    help="Of QUALS; reference: as the authors' release computes it, quirks included.",
)
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    help="Write rows with their results to .jsonl, .csv, .tsv, .parquet, or - (JSONL).",
)
@click.option("--explain", is_flag=True, help="Also write evidence and doubts, with -o.")
@click.option("--report", metavar="FILE", help="Write an HTML page that shows the words the first metric doubts.")
@click.option(
    "--calibration", metavar="FILE", help="Written by quals calibrate: gives the first metric's probabilities."
)
@click.option(
    "--worst",
    type=click.IntRange(0),
    default=3,
    show_default=True,
    help="Show the N most suspicious findings.",
)
@click.option(
    "--fail-under",
    type=threshold,
    metavar="X",
    help="Exit with 1 unless all reach the score X, or with X% that probability (first metric).",
)
@click.option("--sentences", is_flag=True, help="Score each sentence of a summary by itself (extra spacy).")
@click.option("--limit", type=click.IntRange(1), help="Only the first N rows.")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run that wrote to the same --output.")
@click.option("--batch-rows", type=click.IntRange(1), help="Summaries scored at a time; default: 32, on a GPU 2048.")
@click.option("--quiet", is_flag=True, help="No progress bar, and no report after the run.")
def score(**options: Any) -> None:
    """Score the summaries in FILE against their documents; higher is more consistent.

    By QUALS, or by the metrics that --metric names. FILE is JSONL, CSV or TSV (also .gz), Parquet, or - for
    standard input. A summary field may hold one text or a list of texts. Without --output a table is printed.
    """
    chosen = Options(**options)
    _check(chosen)
    finish(lambda: _score(chosen), resumable=chosen.output not in (None, "-"))


def _check(options: Options) -> None:
    texts = (options.document, options.summary)
    if (options.file is None) == (texts == (None, None)):
        raise click.UsageError("give either FILE, or --document and --summary")
    if options.file is None and None in texts:
        raise click.UsageError("--document and --summary go together")
    if options.resume and options.output in (None, "-"):
        raise click.UsageError("--resume needs the --output file of the interrupted run")
    if options.resume and options.report:
        raise click.UsageError(
            "--report sees only the rows of this run: run `quals report` on the --output file instead"
        )
    names = metric_names(options.metric)
    metric_settings(options.settings, names)
    if options.model and len(names) > 1:
        raise click.UsageError("--model is for a single metric; with several, give --set METRIC.NAME=VALUE to each")
    if options.compatibility != "clean" and "quals" not in names:
        raise click.UsageError("--compatibility is for the metric quals")
    check_outputs(
        {"--output": results_files(options.output), "--report": [options.report]},
        [options.file, options.document, options.summary, options.calibration],
    )


def _score(options: Options) -> int:
    if options.explain and options.output is None:
        click.echo("quals: --explain has no effect without --output", err=True)
    rows = _split(_rows(options)) if options.sentences else _rows(options)
    if options.report:
        from quals.report.page import environment

        environment()  # an extra that is missing is told before the work, not after
    metrics = _metrics(options)
    view = View([metric.name for metric in metrics if metric.calibration], stderr=options.output == "-")
    tallies, least = [Tally(options.worst) for _ in metrics], options.fail_under
    if least:
        tallies[0].threshold, tallies[0].of_probability = least.value, least.probability
    _run(options, rows, metrics, view, tallies)
    if not options.quiet:
        for metric, tally in zip(metrics, tallies, strict=True):
            view.report(tally, metric, named=len(metrics) > 1)
        if options.report:
            click.echo(f"Report: {options.report}", err=True)
    if least and (short := tallies[0].shortfall):
        click.echo(f"--fail-under {least.written}: {short}", err=True)
        return EXIT_BELOW
    return EXIT_TROUBLED if any(tally.troubled for tally in tallies) else 0


def _metrics(options: Options) -> list[Metric]:
    settings = list(options.settings)
    if options.compatibility != "clean":
        settings.append(f"quals.compatibility={options.compatibility}")
    common: dict[str, object] = {"model": options.model} if options.model else {}
    calibration = Calibration.load(options.calibration) if options.calibration else None
    metrics = load_metrics(options.metric, settings, device=options.device, workers=options.workers, **common)
    if calibration:
        metrics[0].calibrate(calibration)
    if options.fail_under and options.fail_under.probability and metrics[0].calibration is None:
        raise InputError(f"{metrics[0].name} has no calibration: give --calibration, or a score", field="--fail-under")
    return metrics


def _rows(options: Options) -> Iterator[Row]:
    if options.file is None:
        return iter([read_texts(options.document or "", options.summary or "")])
    names = FieldNames(options.document_field, options.summary_field, options.reference_field)
    rows = islice(_by_line(read_rows(options.file, names, format=options.format)), options.limit)
    found = _telling_guesses(chain.from_iterable(rows), names)
    first = next(found, None)
    if first is None:  # told before an output is opened, and so emptied
        raise InputError("holds no rows", file=options.file)
    return chain([first], found)


def _split(rows: Iterator[Row]) -> Iterator[Row]:
    from quals.nlp import load_pipeline
    from quals.scoring.sentences import by_sentence

    return by_sentence(rows, load_pipeline())


def _by_line(rows: Iterator[Row]) -> Iterator[Iterator[Row]]:
    """What stands in one row of the file together: it may hold a list of summaries."""
    return (group for _, group in groupby(rows, key=lambda row: row.line))


def _telling_guesses(rows: Iterator[Row], asked: FieldNames) -> Iterator[Row]:
    """The rows; with the first of which they are known, which fields were taken for what, where that was guessed."""
    known = False
    for row in rows:
        found = {"document": row.names.document, "summary": row.names.summary}
        if not known and (known := None not in found.values()):
            guessed = {role: name for role, name in found.items() if name != role and not getattr(asked, role)}
            if guessed:
                told = ", ".join(f"{role} from '{name}'" for role, name in guessed.items())
                click.echo(f"quals: {told}; --{next(iter(guessed))}-field names another field", err=True)
        yield row


def _run(
    options: Options, rows: Iterator[Row], metrics: Sequence[Metric], view: View, tallies: Sequence[Tally]
) -> None:
    watch = Watch(view.console, quiet=options.quiet)
    total = count_rows(options.file, options.format) if watch.shown and options.file else None
    total = min(total, options.limit) if total and options.limit else total
    with watch.running(total), _writer(options, view) as opened:
        if options.resume:
            path = results.rows_path(options.output or "")
            skip_finished(path, watch.rows(rows), tallies, metrics=metrics, explain=options.explain)
        writer = watch.writer(opened)
        if options.report:
            _run_with_report(options, rows, metrics, writer, tallies)
        else:
            run_all(rows, metrics, writer, window=_window(options, metrics), tallies=tallies)


def _window(options: Options, metrics: Sequence[Metric]) -> int:
    return options.batch_rows or max(map(rows_at_once, metrics))


def _run_with_report(
    options: Options,
    rows: Iterator[Row],
    metrics: Sequence[Metric],
    writer: results.Writer,
    tallies: Sequence[Tally],
) -> None:
    from quals.report import MetricFacts, Report
    from quals.report.rows import Collector

    collector = Collector(writer)
    run_all(rows, metrics, collector, window=_window(options, metrics), tallies=tallies)
    title = Path(options.file or options.summary or "").name
    Report(collector.rows, MetricFacts.of(metrics[0]), title=title).write(options.report or "")


def _writer(options: Options, view: View) -> AbstractContextManager[results.Writer]:
    if options.output is None:
        return nullcontext(view)
    if options.resume:
        tell_beginning(options.output)
    named = {"source": options.file, "format": options.format}
    return results.results_writer(options.output, explain=options.explain, append=options.resume, **named)
