"""``quals contrast``: good and bad summaries of the same documents, for contrastive training."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from quals.cli.fields import document_field, format_option
from quals.cli.metrics import (
    load_metrics,
    metric_names,
    metric_settings,
    one_metric,
    settings_option,
    workers_option,
)
from quals.cli.options import made_of
from quals.cli.outputs import progress_bars
from quals.cli.ranges import FiniteRange
from quals.terminal import complain

if TYPE_CHECKING:
    from quals.contrast.sets import Sets
    from quals.metrics.base import Metric
    from quals.scoring.progress import Progress

_SHARE = FiniteRange(0, 1)
_MEAN = "rouge"  # elsewhere this names three metrics


@click.command()
@click.argument("file", metavar="FILE")
@click.option("-o", "--output", "folder", required=True, type=click.Path(file_okay=False, path_type=Path))
@click.option("--model", help="A summarizer that writes the samples; else they are in the rows.")
@click.option("--samples", "count", default=6, show_default=True, type=click.IntRange(2), help="Of each document.")
@click.option(
    "--top-k", default=50, show_default=True, type=click.IntRange(0), help="Sample from the K likeliest tokens."
)
@click.option(
    "--min-length", default=10, show_default=True, type=click.IntRange(0), help="Tokens of a sample, at least."
)
@click.option(
    "--max-length", default=60, show_default=True, type=click.IntRange(1), help="Tokens of a sample, at most."
)
@click.option("--device", default="auto", show_default=True, help="For --model: auto, cpu, cuda ...")
@click.option("--metric", default="quals", show_default=True, help="What scores them; rouge: the mean of three ROUGEs.")
@click.option("--confirm", metavar="METRIC", help="Leave out pairs that this second metric orders another way.")
@settings_option
@workers_option
@click.option("--negatives", default=0.3, show_default=True, type=_SHARE, help="Share of documents for S-.")
@click.option("--positives", default=0.3, show_default=True, type=_SHARE, help="Share of documents for S+.")
@click.option(
    "--good",
    type=click.Choice(["reference", "samples"]),
    default="reference",
    show_default=True,
    help="S+: references, or samples: then each document gives its two that differ most (no references needed).",
)
@click.option(
    "--length-within",
    type=FiniteRange(0),
    help="Only bad examples whose word count is within this share of the good one's.",
)
@click.option(
    "--copying-within",
    type=_SHARE,
    help="Only bad examples whose share of copied word pairs is within this of the good one's.",
)
@click.option(
    "--pairing",
    type=click.Choice(["paired", "unpaired"]),
    default="paired",
    show_default=True,
    help="Keep only documents in both sets, or either set whole.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Of the samples, and of the draw among equal scores.",
)
@click.option("--limit", type=click.IntRange(1), help="Only the first N rows.")
@click.option("--prompt", help="Prompt in the trl files, with {document}; default: the document, then TL;DR:")
@document_field
@click.option(
    "--reference-field", metavar="NAME", help="Default: reference, target, ground_truth, summary or highlights."
)
@click.option("--samples-field", metavar="NAME", help="Default: summaries or samples.")
@format_option
def contrast(file: str, folder: Path, **options: Any) -> None:
    """Make contrast sets S+ and S- from documents, reference summaries and samples.

    FILE has rows with a document, its reference summary and, unless --model writes them, a list of samples.
    S- is each document's lowest sample, from the documents where it scores lowest; S+ the references (with
    --good samples: the best samples) that score highest. The folder gets positives.jsonl, negatives.jsonl,
    aside.jsonl (what has no score, and why), summary.json, and for trl dpo.jsonl and kto.jsonl. A run that was
    stopped goes on when it is started again.
    """
    from quals.contrast.rows import check_fields, read_examples
    from quals.contrast.sets import Options, make_sets
    from quals.contrast.write import FILES, PROMPT, check_prompt, write_sets
    from quals.io.results import refuse_same_file
    from quals.scoring.cache import ScoreCache

    prompt = options["prompt"] or PROMPT
    check_prompt(prompt)
    if options["model"] and options["samples_field"]:
        raise click.UsageError("--samples-field goes without --model, which writes them")
    _check_metrics(options["metric"], options["confirm"], options["settings"], paired=options["pairing"] == "paired")
    for name in (*FILES, *(["samples.jsonl"] if options["model"] else [])):
        refuse_same_file(folder / name, [file])
    chosen = Options(**{field.name: options[field.name] for field in dataclasses.fields(Options)})
    beside = chosen.good == "reference"
    fields = {role: options[f"{role}_field"] for role in ("document", "reference", "samples")}
    source, format = file, options["format"]
    with progress_bars() as progress:
        if options["model"]:
            if file != "-":  # which can be read but once
                check_fields(file, fields, format=format, limit=options["limit"], references=beside)
            folder.mkdir(parents=True, exist_ok=True)
            source, format = _sample(file, folder, options, progress), "jsonl"
        examples, problems = read_examples(source, fields, format=format, limit=options["limit"], references=beside)
        complain(problems)
        folder.mkdir(parents=True, exist_ok=True)
        metric, confirm = scorers(options["metric"], options["confirm"], options["settings"], options["workers"])
        sets = make_sets(examples, problems, metric, chosen, folder, ScoreCache(), progress, confirm)
    settings = {"file": Path(file).name, **options, "prompt": prompt}
    signatures = {"signature": metric.signature} | ({"confirm_signature": confirm.signature} if confirm else {})
    write_sets(sets, folder, prompt, {**settings, **signatures})
    _show(sets, folder, "references" if beside else "samples")


def _check_metrics(name: str, other: str | None, settings: Sequence[str], *, paired: bool) -> None:
    """Tell what could not be done before samples are written, which may take hours."""
    from quals.metrics import registry

    named = {option: each for option, each in (("--metric", name), ("--confirm", other)) if each}
    found = [each if each == _MEAN else one_metric(each, option) for option, each in named.items()]
    if other and (not paired or found[0] == found[1]):
        raise click.UsageError("--confirm takes another metric than --metric, and pairs")
    if _MEAN in found and any(text.startswith(f"{_MEAN}.") for text in settings):
        raise click.UsageError(f"--set: {_MEAN} has no settings here")
    for metric, given in metric_settings(settings, found).items():
        registry.arguments(metric, given)


def scorers(name: str, other: str | None, settings: Sequence[str], workers: int) -> tuple[Metric, Metric | None]:
    """The metric that chooses and, if one is named, the one that confirms, each with its own settings."""
    names = {other} if other in (None, _MEAN) else {other, *metric_names(other)}
    theirs = [text for text in settings if text.partition(".")[0] in names]
    own = [text for text in settings if text not in theirs]
    return scorer(name, own, workers), scorer(other, theirs, workers) if other else None


def scorer(name: str, settings: Sequence[str] = (), workers: int = 1) -> Metric:
    """The metric of this name; ``rouge`` is the mean of the three."""
    if name == _MEAN:
        from quals.contrast.score import MeanRouge

        return MeanRouge()
    (metric,) = load_metrics(name, settings, workers=workers)
    return metric


def _sample(file: str, folder: Path, options: dict[str, Any], progress: Progress) -> str:
    """The file of samples by the model, finished."""
    from quals.contrast.sample import write_samples
    from quals.io.rows import count_rows, read_documents
    from quals.summarizer import GenerationSettings, Summarizer

    names = ("count", "top_k", "min_length", "max_length", "seed")
    settings = made_of({"sample": True} | {name: options[name] for name in names}, GenerationSettings)
    rows = read_documents(file, options["document_field"], format=options["format"])
    path = folder / "samples.jsonl"
    total = options["limit"] or count_rows(file, options["format"]) or 0
    model = Summarizer.load(options["model"], device=options["device"])
    write_samples(islice(rows, options["limit"]), model, settings, path, progress("sample", total))
    return str(path)


def _show(sets: Sets, folder: Path, good: str) -> None:
    counts, selection = sets.counts, sets.selection
    means = "; ".join(f"mean score of {kind} {mean:.3f}" for kind, mean in sets.means.items() if mean is not None)
    click.echo(
        f"{counts['documents']} documents, {counts['samples']} samples{means and f'; {means}'}\n"
        f"S+: {len(sets.positives)} {good}{_edge(selection.positive_from, 'and up')}{_copied(sets, 'positives')}\n"
        f"S-: {len(sets.negatives)} samples{_edge(selection.negative_to, 'and down')}{_copied(sets, 'negatives')}\n"
        f"set aside: {len(sets.aside)} (aside.jsonl says why)\n"
        f"written to {folder}"
    )


def _copied(sets: Sets, name: str) -> str:
    share = sets.copying[name]
    return "" if share is None else f"; {share:.0%} of their word pairs stand in the documents"


def _edge(score: float | None, direction: str) -> str:
    return "" if score is None else f", from a score of {score:.3f} {direction}"
