"""The result of a study, as tables of plain rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import quals
from quals.errors import InputError
from quals.io.systems import name_of
from quals.study import export
from quals.study.people import profiles
from quals.study.predict import metric_rows
from quals.study.records import ATTRIBUTES, Judgement
from quals.study.rows import MetricScores
from quals.study.stats import (
    Interval,
    alpha,
    cluster_shares,
    majority,
    pairs_needed,
    possible,
    power,
    sign_test,
    tally,
    wilson,
)
from quals.study.store import Store
from quals.study.votes import by_pair, by_systems, median_seconds, units, votes

TableRow = dict[str, Any]
DIFFERENCES = (0.1, 0.15, 0.2, 0.3)
_NAMES = {1: "better", 0: "equal", -1: "worse"}


@dataclass(frozen=True)
class Report:
    """All tables; "better" always says that ``system`` is better than the one it stands ``against``.

    Attributes:
        study: title, settings, and what was counted.
        results: better / equal / worse per question and pair of systems, by judgement and by majority.
        agreement: Krippendorff's alpha per question and pair of systems.
        annotators: see `people.Profile`.
        items: each pair of summaries with its votes, and why it stands out.
        metrics: see `predict.metric_rows`; empty without scores.
        power: how many pairs a difference would need, at the observed share of ties.
    """

    study: dict[str, Any]
    results: list[TableRow]
    agreement: list[TableRow]
    annotators: list[TableRow]
    items: list[TableRow]
    metrics: list[TableRow]
    power: list[TableRow]


TABLES = tuple(f"{field.name}.csv" for field in fields(Report) if field.name != "study")  # see `write_report`


def build_report(
    store: Store,
    judgements: Sequence[Judgement],
    *,
    scores: MetricScores | None = None,
    exclude: Collection[str] = (),
    differences: Sequence[float] = DIFFERENCES,
) -> Report:
    """Compute every table.

    Args:
        store: the study.
        judgements: what has been said in it, see `Store.judgements`.
        scores: what metrics say of the summaries, see `rows.read_scores`.
        exclude: names of annotators whose answers are not counted (they stay in the table of annotators).
        differences: shares better less worse to compute the power for.

    Raises:
        InputError: nobody of the name, or nothing has been judged yet.
    """
    names = [annotator.name for annotator in store.annotators()]
    if unknown := [name for name in exclude if name not in names]:
        raise InputError(f"no annotator is called '{unknown[0]}'; there are {', '.join(names)}", field="exclude")
    everything = [judgement for judgement in judgements if judgement.choices]  # not a mere comment
    counted = [judgement for judgement in everything if judgement.annotator not in exclude]
    groups = by_systems(counted)
    if not groups:
        if by_systems(everything):
            raise InputError("nobody who has judged is left", field="exclude")
        raise InputError("nothing has been judged yet")
    seed = int(store.settings["seed"])
    results = [row for systems, group in groups.items() for row in _result_rows(systems, group, seed)]
    return Report(
        study=_head(store, counted, exclude),
        results=results,
        agreement=[row for systems, group in groups.items() for row in _agreement_rows(systems, group, seed)],
        annotators=[profile.to_dict() for profile in profiles(everything, exclude)],
        items=_item_rows(counted),
        metrics=metric_rows(counted, _found(scores, store), list(scores.metrics)) if scores else [],
        power=[row for result in results if result["unit"] == "majority" for row in _power_rows(result, differences)],
    )


def _found(scores: MetricScores, store: Store) -> dict[tuple[str, str], Mapping[str, float]]:
    """The scores by what the study calls its documents: those under the id, and others under the text."""
    systems = {system for _, system in scores.scores}
    return {
        (name, system): {**scores.scores.get((name_of(text), system), {}), **scores.scores.get((name, system), {})}
        for name, text in store.documents().items()
        for system in systems
    }


def write_report(report: Report, judgements: Sequence[Judgement], folder: Path) -> list[Path]:
    """Write ``report.json``, one CSV file per table that has rows, and the judgements as CSV and JSON.

    Those of an earlier report for tables that have no rows now are deleted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / "report.json").exists():  # otherwise they are somebody else's
        for name in TABLES:
            (folder / name).unlink(missing_ok=True)
    tables = {name: rows for name, rows in asdict(report).items() if name != "study" and rows}
    texts = {f"{name}.csv": export.to_csv(rows) for name, rows in tables.items()}
    texts["report.json"] = export.to_json(asdict(report))
    texts["judgements.csv"] = export.to_csv(export.judgement_rows(judgements))
    texts["judgements.json"] = export.to_json([export.judgement_dict(judgement) for judgement in judgements])
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="")
    return [folder / name for name in texts]


def _head(store: Store, judgements: Sequence[Judgement], exclude: Collection[str]) -> dict[str, Any]:
    counted = [judgement for judgement in judgements if judgement.counted]
    return {
        "title": store.title,
        "created_at": store.created_at,
        "settings": store.settings,
        "excluded": sorted(exclude),
        "judgements": len(counted),
        "pairs": len({judgement.pair for judgement in counted}),
        "annotators": len({judgement.annotator for judgement in counted}),
        "median_seconds": median_seconds(counted),
        "version": quals.__version__,
    }


def _result_rows(systems: tuple[str, str], judgements: Sequence[Judgement], seed: int) -> list[TableRow]:
    rows = []
    for attribute in ATTRIBUTES:
        grouped = units(judgements, attribute)
        head = {"attribute": attribute, "system": systems[0], "against": systems[1]}
        by_judgement = _shares([vote for unit in grouped for vote in unit])
        drawn = cluster_shares(grouped, seed)
        rows.append({**head, "unit": "judgement", **by_judgement, **_bootstrap(drawn)})
        by_majority = _shares([majority(unit) for unit in grouped])
        rows.append({**head, "unit": "majority", **by_majority, **_bootstrap({})})
    return rows


def _shares(preferences: Sequence[int]) -> TableRow:
    counts = tally(preferences)
    row: TableRow = {"n": len(preferences)} | {_NAMES[preference]: count for preference, count in counts.items()}
    for preference, count in counts.items():
        name, share = _NAMES[preference], wilson(count, len(preferences))
        row |= {f"{name}_share": share.value, f"{name}_low": share.low, f"{name}_high": share.high}
    return {**row, "sign_p": sign_test(counts[1], counts[-1])}


def _bootstrap(drawn: dict[int, Interval]) -> TableRow:
    row: TableRow = {}
    for preference, name in _NAMES.items():
        interval = drawn.get(preference, Interval(None))
        row |= {f"{name}_bootstrap_low": interval.low, f"{name}_bootstrap_high": interval.high}
    return row


def _agreement_rows(systems: tuple[str, str], judgements: Sequence[Judgement], seed: int) -> list[TableRow]:
    rows = []
    for attribute in ATTRIBUTES:
        grouped = units(judgements, attribute)
        row: TableRow = {"attribute": attribute, "system": systems[0], "against": systems[1]}
        row["pairs"] = sum(len(unit) > 1 for unit in grouped)
        ordinal, nominal = alpha(grouped, seed, "ordinal"), alpha(grouped, seed, "nominal")
        row |= {"alpha": ordinal.value, "low": ordinal.low, "high": ordinal.high}
        row |= {"nominal_alpha": nominal.value, "nominal_low": nominal.low, "nominal_high": nominal.high}
        rows.append(row)
    return rows


def _item_rows(judgements: Sequence[Judgement]) -> list[TableRow]:
    groups = by_pair(judgements)
    usual = median_seconds([judgement for group in groups.values() for judgement in group])
    return [_item_row(group, usual or 0.0) for _, group in sorted(groups.items())]


def _item_row(group: Sequence[Judgement], usual: float) -> TableRow:
    pair, seconds = group[0], median_seconds(group) or 0.0
    row: TableRow = {"pair": pair.pair, "document": pair.document, "system": pair.first, "against": pair.second}
    remarks = []
    for attribute, name in ATTRIBUTES.items():
        counts = tally(votes(group, attribute))
        row |= {f"{attribute}_{_NAMES[preference]}": count for preference, count in counts.items()}
        if counts[1] and counts[-1]:
            remarks.append(f"opposite answers on {name.lower()}")
    if seconds > 3 * usual:
        remarks.append(f"took {seconds:.0f} s, the usual item {usual:.0f} s")
    marks = [mark["side"] for judgement in group for mark in judgement.marks]
    row |= {"median_seconds": seconds, "marks": marks.count("first"), "against_marks": marks.count("second")}
    row |= {"comments": sum(bool(judgement.comment.strip()) for judgement in group), "remarks": "; ".join(remarks)}
    return row


def _power_rows(result: TableRow, differences: Sequence[float]) -> list[TableRow]:
    rows = []
    for difference in differences:
        ties, pairs = result["equal_share"], result["n"]
        row = {name: result[name] for name in ("attribute", "system", "against")}
        row |= {"difference": difference, "ties": ties, "pairs": pairs, "power": None, "pairs_needed": None}
        if ties is not None and possible(difference, ties):
            row |= {"power": power(pairs, difference, ties), "pairs_needed": pairs_needed(difference, ties)}
        rows.append(row)
    return rows
