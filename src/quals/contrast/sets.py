"""The stages in a row: examples -> scores -> candidates -> selection (-> confirmed) -> evidence -> the two sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from quals.contrast.candidates import Candidates, Good, Likeness, candidates, copying
from quals.contrast.confirm import confirmed
from quals.contrast.rows import Example
from quals.contrast.score import Scored, score_examples
from quals.contrast.select import Pairing, Selection, select
from quals.errors import InputError
from quals.metrics.base import Metric
from quals.records import Status, SummaryScore, Texts
from quals.scoring.cache import ScoreCache
from quals.scoring.evidence import Pieces, explained
from quals.scoring.progress import Progress

OutputRow = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """How the sets are selected; see `quals.contrast.select.select` and `quals.contrast.candidates.candidates`."""

    negatives: float = 0.3
    positives: float = 0.3
    pairing: Pairing = "paired"
    seed: int = 0
    good: Good = "reference"
    length_within: float | None = None
    copying_within: float | None = None


@dataclass(frozen=True)
class Sets:
    """The two sets, what took no part in them and why, and the counts.

    Attributes:
        positives, negatives: rows as they go to the files.
        aside: rows that could not be read, samples and references without a score, samples that are their reference,
            documents without a pair to choose, and pairs that were not confirmed, each with status and reason.
        counts: how many of what.
        means: the mean score of ``references`` and of ``samples``, of those that have one; None if none has.
        copying: mean share of word pairs that the document has, of ``positives`` and of ``negatives``.
        selection: thresholds, and which documents were chosen.
    """

    positives: list[OutputRow]
    negatives: list[OutputRow]
    aside: list[OutputRow]
    counts: dict[str, Any]
    means: dict[str, float | None]
    copying: dict[str, float | None]
    selection: Selection


def make_sets(
    examples: Sequence[Example],
    problems: Sequence[InputError],
    metric: Metric,
    options: Options,
    folder: Path,
    cache: ScoreCache,
    progress: Progress,
    confirm: Metric | None = None,
) -> Sets:
    """Score, select and explain; every stage goes on from what an earlier run has left.

    Args:
        examples: documents with samples.
        problems: what was wrong with the other rows.
        metric: what scores samples and references.
        options: how to select.
        folder: where the evidence is kept.
        cache: where scores are looked up and kept.
        progress: called with the name and size of a stage; gives what is called as work is done.
        confirm: a second metric, for paired sets: a pair that it does not order the same way is in neither.
    """
    beside = options.good == "reference"
    texts = sum(len(example.samples) + beside for example in examples)
    advance = progress(f"score ({metric.name})", texts)
    scored = score_examples(metric, examples, cache, advance, references=beside)
    found = candidates(scored, options.good, Likeness(options.length_within, options.copying_within))
    selection = select(
        [each.bad for each in found],
        [each.value for each in found],
        negatives=options.negatives,
        positives=options.positives,
        pairing=options.pairing,
        seed=options.seed,
    )
    refused: dict[int, str] = {}
    if confirm:
        advance = progress(f"confirm ({confirm.name})", 2 * len(selection.negatives))
        selection, refused = confirmed(confirm, scored, found, selection, cache, advance)
    sunk = [
        Texts(scored[place].example.document, scored[place].example.samples[sample], scored[place].example.reference)
        for place, sample in selection.negatives.items()
    ]
    evidence = explained(metric, sunk, folder / "evidence.jsonl", progress("evidence", len(sunk)))
    negatives = [
        _negative(scored[place], sample, pieces)
        for (place, sample), pieces in zip(selection.negatives.items(), evidence, strict=True)
    ]
    positives = [_positive(scored[place], found[place]) for place in selection.positives]
    aside = [*map(_unreadable, problems), *_aside(scored, found, refused, options)]
    unusable = sum(not each.bad for each in found)
    counts = _counts(scored, problems, positives, negatives) | {"documents_without_usable_sample": unusable}
    counts |= {"not_confirmed": len(refused)} if confirm else {}
    means = {
        "references": _mean([each.reference.value for each in scored if each.reference]),
        "samples": _mean([score.value for each in scored for score in each.samples]),
    }
    copied = {
        name: _mean([copying(row["document"], row["summary"]) for row in rows])
        for name, rows in (("positives", positives), ("negatives", negatives))
    }
    return Sets(positives, negatives, aside, counts, means, copied, selection)


def _positive(scored: Scored, chosen: Candidates) -> OutputRow:
    text, score = chosen.better(scored)
    assert score is not None  # what has none is not selected
    return _row(scored.example, text, score) | ({} if chosen.good is None else {"sample": chosen.good})


def _negative(scored: Scored, sample: int, evidence: Pieces) -> OutputRow:
    example = scored.example
    row = _row(example, example.samples[sample], scored.samples[sample])
    return {**row, "reference": example.reference, "sample": sample, "evidence": evidence}


def _row(example: Example, summary: str | None, score: SummaryScore) -> OutputRow:
    return {
        "id": example.id,
        "document": example.document,
        "summary": summary,
        "score": score.value,
        "signature": score.signature,
    }


def _mean(scores: Sequence[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return fmean(known) if known else None


def _lacking(options: Options) -> str:
    """Why a document with scores has no pair to choose."""
    beside = options.good == "reference"
    reason = "no sample with a score differs from the reference" if beside else "no two samples differ in score"
    if options.length_within is None and options.copying_within is None:
        return reason
    return f"{reason}, or none that are as alike in length and copying as was asked for"


def _unreadable(problem: InputError) -> OutputRow:
    return {"line": problem.line, "status": str(Status.INVALID_ROW), "reason": str(problem)}


def _aside(
    scored: Sequence[Scored], found: Sequence[Candidates], refused: Mapping[int, str], options: Options
) -> Iterator[OutputRow]:
    """What took no part, and why: single texts first, then documents."""
    for each in scored:
        yield from _unusable(each)
    for each, of in zip(scored, found, strict=True):
        if not of.bad and any(score.value is not None for score in each.samples):
            yield {**_place(each.example), "status": "no-pair", "reason": _lacking(options)}
    for number, reason in refused.items():
        yield {**_place(scored[number].example), "status": "not-confirmed", "reason": reason}


def _place(example: Example) -> OutputRow:
    return {"id": example.id, "line": example.line}


def _unusable(scored: Scored) -> Iterator[OutputRow]:
    """What of an example cannot be selected, and why."""
    example = scored.example
    place = _place(example)
    if not example.samples:
        yield {**place, "status": "no-samples", "reason": example.note or "the row has none"}
    for number, (text, score) in enumerate(zip(example.samples, scored.samples, strict=True)):
        row = {**place, "sample": number, "summary": text}
        if score.value is None:
            yield {**row, "status": str(score.status), "reason": score.reason}
        elif scored.reference is not None and example.repeats(number):
            yield {**row, "status": "same-as-reference", "reason": "the sample is the reference word for word"}
    if (of := scored.reference) is not None and of.value is None:
        yield {**place, "summary": example.reference, "status": str(of.status), "reason": of.reason}


def _counts(
    scored: Sequence[Scored], problems: Sequence[InputError], positives: Sequence[object], negatives: Sequence[object]
) -> dict[str, Any]:
    return {
        "rows": len(scored) + len(problems),
        "invalid_rows": len(problems),
        "documents": len(scored),
        "samples": sum(len(each.samples) for each in scored),
        "samples_by_status": dict(Counter(str(score.status) for each in scored for score in each.samples)),
        "samples_same_as_reference": sum(
            each.example.repeats(place) for each in scored for place in range(len(each.samples))
        ),
        "references_by_status": dict(Counter(str(each.reference.status) for each in scored if each.reference)),
        "positives": len(positives),
        "negatives": len(negatives),
    }
