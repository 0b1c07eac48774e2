"""``quals study``: a human study of two or more systems' summaries, from files to a report."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quals.cli.fields import document_field, summary_field
from quals.cli.ranges import FiniteRange
from quals.errors import InputError
from quals.terminal import complain

if TYPE_CHECKING:
    from quals.study.report import Report
    from quals.study.store import Store

_STUDY = click.argument("study", metavar="STUDY")


@click.group()
def study() -> None:
    """Ask people which summaries are better: blind pairs, three questions, a report.

    STUDY is a file (SQLite), or a PostgreSQL URL such as postgresql://user@host/database.
    """


@study.command()
@_STUDY
@click.argument("sources", metavar="[SYSTEM=]FILE...", nargs=-1, required=True)
@click.option("--documents", default=100, show_default=True, type=click.IntRange(1), help="Documents to draw.")
@click.option(
    "--strata", default=1, show_default=True, type=click.IntRange(1), help="Draw evenly from so many parts by length."
)
@click.option("--annotators", default=3, show_default=True, type=click.IntRange(1), help="How many people.")
@click.option("--name", "names", multiple=True, help="An annotator's name, once for each, instead of --annotators.")
@click.option("--judgements", default=3, show_default=True, type=click.IntRange(1), help="People who judge each pair.")
@click.option("--repeats", default=0, show_default=True, type=click.IntRange(0), help="Pairs each sees a second time.")
@click.option("--checks", default=0, show_default=True, type=click.IntRange(0), help="Attention checks each sees.")
@click.option("--title", default="Which summary is better?", show_default=True, help="What annotators see as title.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0), help="Same seed and rows, same plan.")
@document_field
@summary_field
def new(
    study: str,
    sources: tuple[str, ...],
    annotators: int,
    names: tuple[str, ...],
    title: str,
    document_field: str | None,
    summary_field: str | None,
    **settings: Any,
) -> None:
    """Plan a study of the systems' summaries in FILEs (JSONL, CSV, TSV or Parquet; - is standard input).

    Rows have a document and a summary, perhaps an id (of the document), and a system unless the file is
    given as SYSTEM=FILE. The report says how the system named first compares with the others.
    """
    from quals.io.rows import FieldNames
    from quals.study.new import StudySettings, plan_study
    from quals.study.rows import read_documents
    from quals.study.store import Store

    people = names or tuple(f"Annotator {number}" for number in range(1, annotators + 1))
    found = read_documents(sources, FieldNames(document_field, summary_field))
    complain(found.problems)
    chosen = StudySettings(**settings)
    plan = plan_study(found, chosen, people)
    Store.create(study, plan, people, title=title, settings=chosen.to_dict())
    pairs = [pair for pair in plan.pairs if not pair.check]
    same = sum(pair.first_text == pair.second_text for pair in pairs)
    click.echo(f"{len({pair.document.id for pair in pairs})} of {len(found.documents)} documents, {len(pairs)} pairs")
    if same:
        click.echo(f"on {same} of them both summaries are the same text")
    for number, name in enumerate(people):
        click.echo(f"{name}: {sum(item.annotator == number for item in plan.items)} items")
    click.echo(f"next: quals study serve {shlex.quote(study)}")


@study.command()
@_STUDY
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8765, show_default=True, type=click.IntRange(1, 65535), help="Port to listen on.")
@click.option("--url", help="Where people reach the server, for the links, if it stands behind another one.")
def serve(study: str, host: str, port: int, url: str | None) -> None:
    """Serve the annotators' and the organiser's pages until stopped (Ctrl-C), and show their links."""
    from quals.study.app import make_app
    from quals.study.store import Store

    store = Store.open(study)
    app = make_app(store)
    if host not in ("127.0.0.1", "::1", "localhost") and not (url or "").startswith("https:"):
        click.echo("quals: links and answers are not encrypted on the way; see docs/study.md", err=True)
    if host in ("0.0.0.0", "::") and not url:
        click.echo("quals: these links work on this machine only; --url says where people reach it", err=True)
    shown_host = f"[{host}]" if ":" in host else host
    _show_links(store, (url or f"http://{shown_host}:{port}").rstrip("/"))
    _run(app, host, port)


@study.command()
@_STUDY
@click.option(
    "--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="Folder for CSV, JSON and chart."
)
@click.option(
    "--scores", metavar="[SYSTEM=]FILE", multiple=True, help="Metric scores, a column each; may be given again."
)
@click.option("--exclude", multiple=True, help="An annotator whose answers do not count; may be given again.")
@click.option(
    "--difference",
    "differences",
    multiple=True,
    type=FiniteRange(0.05, 1),
    help="Share better minus worse, for power.csv; repeatable.",
)
def report(
    study: str, folder: Path | None, scores: tuple[str, ...], exclude: tuple[str, ...], differences: tuple[float, ...]
) -> None:
    """Tell what people preferred, how sure that is, and how far they agree."""
    from quals.io.results import refuse_same_file
    from quals.io.systems import split_source
    from quals.study.report import DIFFERENCES, TABLES, build_report, write_report
    from quals.study.rows import read_scores
    from quals.study.store import Store

    store = Store.open(study)
    if folder is not None:
        for name in TABLES:
            refuse_same_file(folder / name, [split_source(source)[1] for source in scores])
    found = read_scores(scores) if scores else None
    complain(found.problems if found else (), "quals: left out: ")
    judgements = store.judgements()  # once: more may come meanwhile
    result = build_report(store, judgements, scores=found, exclude=exclude, differences=differences or DIFFERENCES)
    written: list[Path] = []
    if folder is not None:  # first: who reads the tables may stop
        from quals.study.chart import draw_chart

        charts = [folder / "chart.svg", folder / "chart.png"]
        written = [*write_report(result, judgements, folder), *charts]
        for chart in charts:
            draw_chart(result.results, chart)
    _print_report(result)
    if written:
        click.echo(f"\nwritten to {folder}: " + ", ".join(path.name for path in written))


def _show_links(store: Store, url: str) -> None:
    click.echo(f"organiser: {url}/o/{store.token}/")
    for annotator in store.annotators():
        click.echo(f"{annotator.name}: {url}/a/{annotator.token}/")


def _run(app: Any, host: str, port: int) -> None:
    import uvicorn

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        access_log=False,  # its lines would hold the secret links
        log_level="warning",
        timeout_graceful_shutdown=5,  # seconds; whoever has still not sent all of a request waits in vain
    )
    server = uvicorn.Server(config)
    try:
        server.run()
    except SystemExit as error:
        raise InputError(f"cannot listen on {host}:{port}; is something else there?") from error


def _print_report(report: Report) -> None:
    from quals.cli.console import Console
    from quals.study.text import how, report_tables

    console = Console(emoji=False)
    head = report.study
    counts = f"{head['judgements']} judgements of {head['pairs']} pairs by {head['annotators']} people"
    console.print(f"{head['title']}: {counts}", markup=False)
    for table in report_tables(report):
        console.print(table)
    console.print("\n" + how(report), markup=False)
