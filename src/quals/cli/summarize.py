"""``quals summarize``: a file of documents in, the same rows with summaries out."""

from __future__ import annotations

from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

import click
from click.core import ParameterSource

from quals.cli.console import plain_console
from quals.cli.exits import EXIT_TROUBLED, exit_codes, finish
from quals.cli.fields import document_field, format_option
from quals.cli.options import made_of, options
from quals.cli.outputs import check_outputs, results_files, tell_beginning
from quals.cli.watch import Watch
from quals.errors import InputError
from quals.io import results
from quals.io.rows import count_rows, read_documents
from quals.summarizer.settings import PRESETS, GenerationSettings

_SAMPLING, _SEARCH = ("top_k", "top_p", "temperature", "seed"), ("beams",)


@dataclass(frozen=True)
class Options:
    """The options of the command, but for those of the generation, under the names they have there."""

    file: str
    model: str
    device: str
    document_field: str | None
    format: str | None
    output: str
    resume: bool
    batch_rows: int
    quiet: bool


@click.command(epilog=exit_codes())
@click.argument("file")
@click.option("--model", required=True, help="A folder made by `quals train summarizer`, or its Hub id.")
@click.option("-o", "--output", default="-", show_default=True, help="A .jsonl, .csv, .tsv or .parquet file, or -.")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Beams and lengths of a data set; options win.")
@options(GenerationSettings)
@document_field
@format_option
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 ...")
@click.option("--resume", is_flag=True, help="Go on with an interrupted run that wrote to the same --output.")
@click.option("--batch-rows", type=click.IntRange(1), default=64, show_default=True, help="Documents held at a time.")
@click.option("--quiet", is_flag=True, help="No progress bar, and no report after the run.")
@click.pass_context
def summarize(ctx: click.Context, /, preset: str | None, **values: Any) -> None:
    """Write summaries of the documents in FILE with a trained summarizer.

    FILE is JSONL, CSV or TSV (also .gz), Parquet, or - for standard input. Each row comes out with its summary in
    the field `summary` (one that it had becomes its `reference`), or with -n 2 and more a list in `summaries`.
    """
    names = [each.name for each in fields(GenerationSettings)]
    given = {name: values[name] for name in names if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT}
    chosen = Options(**{name: value for name, value in values.items() if name not in names})
    _check(chosen, given)
    settings = made_of({**PRESETS.get(preset or "", {}), **given}, GenerationSettings)
    finish(lambda: _summarize(chosen, settings), resumable=chosen.output != "-")


def _check(chosen: Options, given: dict[str, Any]) -> None:
    for name in _SEARCH if given.get("sample") else _SAMPLING:
        if name in given:
            needed = "cannot be used with --sample" if name in _SEARCH else "needs --sample"
            raise click.UsageError(f"--{name.replace('_', '-')} {needed}")
    if chosen.resume and chosen.output == "-":
        raise click.UsageError("--resume needs the --output file of the interrupted run")
    check_outputs({"--output": results_files(chosen.output)}, [chosen.file])


def _summarize(chosen: Options, settings: GenerationSettings) -> int:
    rows = read_documents(chosen.file, chosen.document_field, format=chosen.format)
    first = next(rows, None)
    if first is None:  # told before an output is opened, and so emptied
        raise InputError("holds no rows", file=chosen.file)
    rows = chain([first], rows)
    from quals.summarizer.model import Summarizer
    from quals.summarizer.run import Tally, output_row, skip_summarized, summarized

    model = Summarizer.load(chosen.model, device=chosen.device)
    signature = model.signature(settings)
    watch = Watch(plain_console(stderr=True), quiet=chosen.quiet)
    tally = Tally()
    with watch.running(count_rows(chosen.file, chosen.format) if watch.shown else None):
        if chosen.resume:
            tell_beginning(chosen.output)
        with results.results_writer(
            chosen.output, append=chosen.resume, source=chosen.file, format=chosen.format
        ) as writer:
            if chosen.resume:
                skip_summarized(results.rows_path(chosen.output), watch.rows(rows), tally, settings, signature)
            for row, result in summarized(rows, model, settings, window=chosen.batch_rows):
                writer.write_row(output_row(row, result, settings, signature))
                watch.seen(row, result)
                tally.add(result.status, result.reason)
    if not chosen.quiet:
        click.echo(str(tally), err=True)
    return EXIT_TROUBLED if tally.troubled else 0
