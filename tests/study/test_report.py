"""The report of a small study against numbers worked out by hand."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from quals.errors import InputError
from quals.io.systems import name_of
from quals.study import export
from quals.study.chart import draw_chart
from quals.study.people import profiles
from quals.study.predict import metric_rows
from quals.study.records import ATTRIBUTES, Judgement
from quals.study.report import Report, build_report, write_report
from quals.study.rows import MetricScores, read_scores
from quals.study.stats import alpha_value
from quals.study.store import Store
from quals.study.text import how, report_tables
from tests.study.conftest import MakeStore, answer, make_systems

# Per pair, what the three annotators say of the first system on consistency.
VOTES = [(1, 1, 0), (1, 1, 1), (1, -1, -1), (0, 0, 1), (1, 0, -1), (1, 1, 1)]


def judgement(pair: int, who: str, vote: int, **more: object) -> Judgement:
    fields: dict[str, object] = {
        "annotator": who, "item": 0, "pair": pair, "document": f"d{pair}", "first": "conseq", "second": "mle",
        "check": False, "repeat": False, "flipped": False, "position": 1, "choices": {"consistency": vote},
        "comment": "", "marks": [], "seconds": 30.0, "saved_at": "",
    }  # fmt: skip
    return Judgement(**{**fields, **more})  # type: ignore[arg-type]


def fill(store: Store, vote: Callable[[str, int], int]) -> None:
    """Let everybody answer every item: ``vote(annotator, pair)`` on consistency, the first elsewhere."""
    for who in store.annotators():
        for task in store.tasks(who.id):
            store.save(task.id, answer("equal", "left", "left", seconds=10), bases=[""], write_id="w1")
    for known in store.judgements():
        sides = {0: "equal", 1: "right" if known.flipped else "left", -1: "left" if known.flipped else "right"}
        consistency = sides[1 if known.check else vote(known.annotator, known.pair)]
        store.save(known.item, answer(consistency, sides[1], sides[1], seconds=20), bases=["w1"], write_id="w2")


NAMES = ("Ann", "Ben", "Cem")


@pytest.fixture
def store(make_store: MakeStore) -> Store:
    made = make_store(systems=make_systems(6), names=NAMES, documents=6, judgements=3, repeats=1)
    fill(made, lambda name, pair: VOTES[pair - 1][NAMES.index(name)])
    return made


def row(rows: list[dict[str, object]], **wanted: object) -> dict[str, object]:
    (found,) = [each for each in rows if wanted.items() <= each.items()]
    return found


def test_results_by_judgement_and_by_majority(store: Store) -> None:
    report = build_report(store, store.judgements())
    every = row(report.results, attribute="consistency", unit="judgement")
    assert (every["system"], every["against"]) == ("conseq", "mle")
    assert (every["n"], every["better"], every["equal"], every["worse"]) == (18, 11, 4, 3)
    assert every["better_share"] == 11 / 18
    # Wilson by hand: z = 1.96, n = 18, p = 11/18.
    assert every["better_low"] == pytest.approx(0.3862, abs=2e-4)
    assert every["better_high"] == pytest.approx(0.7969, abs=2e-4)
    assert every["sign_p"] == pytest.approx(2 * (1 + 14 + 91 + 364) / 2**14)
    most = row(report.results, attribute="consistency", unit="majority")
    assert (most["n"], most["better"], most["equal"], most["worse"]) == (6, 3, 2, 1)
    assert most["sign_p"] == pytest.approx(2 * (1 + 4) / 2**4)
    grammar = row(report.results, attribute="grammar", unit="majority")
    assert (grammar["better"], grammar["sign_p"]) == (6, 2 / 2**6)
    assert report.study["judgements"] == 18  # the repeats are not among them
    assert report.study["median_seconds"] == 20


def test_the_terminal_shows_of_judgements_what_may_be_quoted(store: Store) -> None:
    report = build_report(store, store.judgements())
    (table, *_) = report_tables(report)
    shown = {cells[:2]: cells[2:] for cells in zip(*(column.cells for column in table.columns), strict=True)}
    every = row(report.results, attribute="consistency", unit="judgement")
    ends = [f"{100 * every[f'better_bootstrap_{end}']:.0f}" for end in ("low", "high")]  # type: ignore[operator]
    number, better, *_, p = shown["consistency", "judgement"]
    assert (number, better, p) == ("18", f"61% ({ends[0]}-{ends[1]})", "-")
    number, better, *_, p = shown["consistency", "majority"]
    assert (number, better, p) == ("6", "50% (19-81)", "0.62")  # Wilson for 3 of 6


def test_what_is_shown_has_no_minus_before_a_zero_and_a_line_that_says_what_it_is(store: Store) -> None:
    report = build_report(store, store.judgements())
    agreement = [{**report.agreement[0], "alpha": -0.001, "low": -0.004, "high": 0.3}]
    metrics = [{**dict.fromkeys(("attribute", "system", "against", "metric"), "x"), "right": 1, "wrong": 1,
                 "accuracy": None, "tau": -0.001, "missing": 0}]  # fmt: skip
    tables = [*report_tables(replace(report, agreement=agreement, metrics=metrics))]
    cells = [cell for table in tables for column in table.columns for cell in column.cells]
    assert "0.00 (0.00 to 0.30)" in cells
    assert "0.00" in cells
    assert "95% intervals" in how(report)
    assert "accuracy" not in how(report)
    assert "accuracy Wilson's" in how(replace(report, metrics=metrics))


def test_agreement(store: Store) -> None:
    consistency = row(build_report(store, store.judgements()).agreement, attribute="consistency")
    # Nominal, by hand: ordered pairs that differ, each worth 1/2: 4 + 0 + 4 + 4 + 6 + 0 = 18 halves; 11, 4 and 3
    # of 18 votes.
    expected = 1 - 9 / (2 * (11 * 4 + 11 * 3 + 4 * 3) / 17)
    assert consistency["nominal_alpha"] == pytest.approx(expected)
    assert consistency["pairs"] == 6
    assert (
        row(build_report(store, store.judgements()).agreement, attribute="grammar")["alpha"] is None
    )  # no variation at all


def test_excluding_an_annotator(store: Store) -> None:
    report = build_report(store, store.judgements(), exclude=["Cem"])
    assert row(report.results, attribute="consistency", unit="judgement")["n"] == 12
    assert len(report.annotators) == 3
    with pytest.raises(InputError, match="no annotator is called 'Dan'"):
        build_report(store, store.judgements(), exclude=["Dan"])
    with pytest.raises(InputError, match="exclude: nobody who has judged is left"):
        build_report(store, store.judgements(), exclude=NAMES)


def test_who_is_excluded_is_not_what_others_are_measured_by(store: Store) -> None:
    whole, without = (
        {row["annotator"]: row for row in build_report(store, store.judgements(), exclude=exclude).annotators}
        for exclude in ([], ["Cem"])
    )
    pair = [known for known in store.judgements() if known.annotator != "Cem"]
    alone = {profile.annotator: profile.to_dict() for profile in profiles(pair)}
    assert (without["Ann"], without["Ben"]) == (alone["Ann"], alone["Ben"])
    assert without["Ann"] != whole["Ann"]
    assert without["Cem"]["compared"] == whole["Cem"]["compared"]


def test_scores_are_found_by_text_where_the_file_has_no_ids(store: Store) -> None:
    texts = store.documents()
    scores = MetricScores(
        {(name_of(text), system): {"quals": 0.5} for text in texts.values() for system in ("mle", "conseq")},
        {"quals": None},
    )
    scores.scores["d0", "mle"] = {"quals": 0.7}
    rows = build_report(store, store.judgements(), scores=scores).metrics
    assert {(row["pairs"], row["missing"]) for row in rows} == {(6, 0)}
    assert sum(row["metric_ties"] for row in rows if row["attribute"] == "consistency") < 6


def test_attention_checks_alone_are_no_judgements(make_store: MakeStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store = make_store(checks=1)
    fill(store, lambda _name, _pair: 1)
    checks = [known for known in store.judgements() if known.check]
    assert checks
    monkeypatch.setattr(store, "judgements", lambda: checks)
    for excluded in ([], ["Ann"]):
        with pytest.raises(InputError, match=r"^nothing has been judged yet$"):
            build_report(store, store.judgements(), exclude=excluded)


def test_items_that_stand_out(store: Store) -> None:
    items = build_report(store, store.judgements()).items
    assert [item["pair"] for item in items if item["remarks"]] == [3, 5]
    assert items[2]["remarks"] == "opposite answers on factual consistency"
    assert (items[4]["consistency_better"], items[4]["consistency_equal"], items[4]["consistency_worse"]) == (1, 1, 1)


def test_power_uses_the_observed_ties(store: Store) -> None:
    power = row(build_report(store, store.judgements(), differences=[0.3]).power, attribute="consistency")
    assert power["ties"] == 2 / 6
    assert power["pairs_needed"] > 6  # type: ignore[operator]
    assert (
        row(build_report(store, store.judgements(), differences=[0.9]).power, attribute="consistency")["pairs_needed"]
        is None
    )


def test_metrics_against_people() -> None:
    judgements = [
        judgement(pair, who, vote) for pair, votes in enumerate(VOTES) for who, vote in zip(NAMES, votes, strict=True)
    ]
    #            better better worse equal equal better
    differences = [0.5, -0.1, -0.2, 9.0, None, 0.0]
    scores: dict[tuple[str, str], dict[str, float]] = {}
    for pair, difference in enumerate(differences):
        if difference is not None:
            scores[f"d{pair}", "conseq"] = {"quals": difference - 1}
            scores[f"d{pair}", "mle"] = {"quals": -1.0}
    found = row(metric_rows(judgements, scores, ["quals"]), attribute="consistency")
    assert (found["right"], found["wrong"], found["metric_ties"]) == (2, 1, 1)
    assert (found["pairs"], found["missing"]) == (5, 1)
    assert found["accuracy"] == 2 / 3
    assert found["low"] == pytest.approx(0.2077, abs=1e-4)  # Wilson for 2 of 3
    # Kendall's tau-b by hand on (difference, mean vote): (.5, 2/3) (-.1, 1) (-.2, -1/3) (9, 1/3) (0, 1)
    # concordant 4, discordant 5, one tie among the means: (4 - 5) / sqrt(10 * 9).
    assert found["tau"] == pytest.approx(-1 / 90**0.5)
    agreed = [judgement(pair, who, 1) for pair in range(6) for who in NAMES]
    always = {
        (f"d{pair}", system): {"quals": better}
        for pair in range(6)
        for system, better in (("conseq", 1.0), ("mle", 0.0))
    }
    assert row(metric_rows(agreed, always, ["quals"]), attribute="consistency")["sign_p"] == 2 / 2**6


@pytest.mark.parametrize(
    ("change", "remark"),
    [
        ({"seconds": 5.0}, "took 5 s per item, others 30 s"),
        ({"choices": dict.fromkeys(ATTRIBUTES, -1)}, "agrees with the others in 0% of the items, they in 100%"),
        ({"choices": dict.fromkeys(ATTRIBUTES, 0)}, "always gave the same answer"),
        ({"check": True, "choices": {"consistency": -1}}, "failed 12 of 12 attention checks"),
    ],
)
def test_annotators_who_stand_out(change: dict[str, object], remark: str) -> None:
    def own(pair: int, **more: object) -> Judgement:
        choices = dict.fromkeys(ATTRIBUTES, 1)
        return judgement(pair, "Odd", 1, **{"choices": choices, "flipped": pair % 2 == 0, **more})

    honest = [
        judgement(pair, who, 1, choices=dict.fromkeys(ATTRIBUTES, 1), flipped=pair % 2 == 0)
        for pair in range(12)
        for who in NAMES
    ]
    everybody = profiles([*honest, *(own(pair, **change) for pair in range(12))])
    assert [profile.annotator for profile in everybody if profile.remarks] == ["Odd"]
    assert remark in everybody[-1].remarks
    assert not any(profile.remarks for profile in profiles([*honest, *(own(pair) for pair in range(12))]))


def test_a_preference_for_one_side_stands_out() -> None:
    # Always the left, whichever system stands there: half of the time the first.
    lefts = [judgement(pair, "Odd", -1 if pair % 2 else 1, flipped=bool(pair % 2)) for pair in range(12)]
    (profile,) = profiles(lefts)
    assert (profile.left, profile.right) == (12, 0)
    assert "preferred the left in 12 items, the right in 0" in profile.remarks


def test_the_answers_to_an_item_are_no_trials_of_their_own() -> None:
    # Nine items to the left and three to the right are no news, be they 27 answers to 9 or not.
    sides = [judgement(pair, "Ann", 1, choices=dict.fromkeys(ATTRIBUTES, 1 if pair % 4 else -1)) for pair in range(12)]
    (profile,) = profiles(sides)
    assert (profile.left, profile.right) == (27, 9)
    assert (profile.leaning_left, profile.leaning_right, profile.remarks) == (9, 3, ())


def test_three_answers_that_others_gave_otherwise_are_one_item() -> None:
    def three(pair: int, who: str, vote: int) -> Judgement:
        return judgement(pair, who, vote, choices=dict.fromkeys(ATTRIBUTES, vote))

    # Odd is with the others in 3 of 8 items, they in 6 of 8: 9 of 24 answers would stand out.
    own = [three(pair, "Odd", -1 if pair < 5 else 1) for pair in range(10)]
    ben = [three(pair, "Ben", 1) for pair in range(10)]
    cem = [three(pair, "Cem", 0 if pair > 7 else 1) for pair in range(10)]
    odd, *_ = profiles([*own, *ben, *cem])
    assert (odd.with_others, odd.compared) == (9, 24)
    assert (odd.items_with_others, odd.items_compared) == (3, 8)
    assert not any("agrees" in remark for remark in odd.remarks)


def test_one_answer_that_others_gave_otherwise_is_no_remark_even_where_all_others_agree() -> None:
    alike = [judgement(pair, who, 1 - 2 * (pair % 2)) for pair in range(30) for who in NAMES]
    everybody = profiles([replace(alike[0], choices={"consistency": 0}), *alike[1:]])
    assert [(profile.items_with_others, profile.items_compared) for profile in everybody] == [
        (29, 30),
        (29, 29),
        (29, 29),
    ]
    assert not any("agrees" in remark for profile in everybody for remark in profile.remarks)


def test_nothing_is_compared_with_others_who_differ() -> None:
    split = [judgement(pair, who, vote) for pair in range(10) for who, vote in zip(NAMES, (1, -1, 0), strict=True)]
    assert [(profile.compared, profile.with_others) for profile in profiles(split)] == [(0, 0)] * 3
    most = [judgement(pair, "Dan", 1) for pair in range(10)]
    assert [profile.compared for profile in profiles([*split, *most])] == [0, 10, 10, 0]


def test_a_mere_comment_is_no_judgement(make_store: MakeStore) -> None:
    store = make_store(systems=make_systems(4), names=NAMES[:2], documents=4, judgements=2)
    commented, judged = store.annotators()
    for task in store.tasks(commented.id):
        comment = replace(answer("left", seconds=99), choices={}, comment="later")
        store.save(task.id, comment, bases=[""], write_id="w")
    for task in store.tasks(judged.id):
        store.save(task.id, answer("left", "left", "left", seconds=10), bases=[""], write_id="w")
    report = build_report(store, store.judgements())
    assert (report.study["judgements"], report.study["annotators"], report.study["median_seconds"]) == (4, 1, 10)
    assert [profile["annotator"] for profile in report.annotators] == [judged.name]


def test_repeated_pairs_show_whether_an_annotator_agrees_with_themselves() -> None:
    again = [judgement(pair, "Ann", vote, repeat=True) for pair, vote in ((0, 1), (1, -1), (2, 0))]
    (profile,) = profiles([*(judgement(pair, "Ann", 1) for pair in range(5)), *again])
    assert (profile.same_again, profile.repeated) == (1, 3)
    assert profile.remarks == ("answered 2 of 3 repeated questions differently",)


def test_everything_is_written(store: Store, tmp_path: Path) -> None:
    scores = tmp_path / "scores.csv"
    scores.write_text(
        "id,system,quals\n"
        + "".join(f"d{n},{s},{n if s == 'mle' else 0}\n" for n in range(6) for s in ("mle", "conseq"))
    )
    report = build_report(store, store.judgements(), scores=read_scores([str(scores)]))
    written = write_report(report, store.judgements(), tmp_path / "out")
    assert sorted(path.name for path in written) == [
        "agreement.csv", "annotators.csv", "items.csv", "judgements.csv", "judgements.json", "metrics.csv",
        "power.csv", "report.json", "results.csv",
    ]  # fmt: skip
    write_report(build_report(store, store.judgements()), store.judgements(), tmp_path / "out")
    assert not (tmp_path / "out" / "metrics.csv").exists()  # of the report before
    write_report(report, store.judgements(), tmp_path / "out")
    loaded = Report(**json.loads((tmp_path / "out" / "report.json").read_text()))
    assert loaded == report
    with (tmp_path / "out" / "results.csv").open(newline="") as stream:
        first = next(csv.DictReader(stream))
    assert float(first["better_share"]) == report.results[0]["better_share"]


def test_the_chart_shows_the_shares(store: Store, tmp_path: Path) -> None:
    results = [{**each, "system": "<script>$x^2$"} for each in build_report(store, store.judgements()).results]
    draw_chart(results, tmp_path / "chart.svg")
    text = (tmp_path / "chart.svg").read_text()
    words = [element.text for element in ET.fromstring(text).iter("{http://www.w3.org/2000/svg}text")]
    assert {"50%", "33%", "17%", "100%", "better", "equal", "worse", "Factual consistency (n = 6)"} <= set(words)
    assert "<script>$x^2$ against mle" in words
    assert "<script>" not in text
    draw_chart(results, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text() == text
    draw_chart(results, tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "|cmd", "\uff1d1+1"])
def test_no_cell_is_a_formula(text: str) -> None:
    lines = export.to_csv([{"cell": text, "number": -1.5, "none": None}])
    (found,) = csv.DictReader(lines.splitlines(keepends=True))
    assert found == {"cell": "'" + text, "number": "-1.5", "none": ""}


def test_harmless_cells_are_left_alone() -> None:
    assert export.to_csv([{"a": "d-1", "b": "x=1", "c": ""}]) == "a,b,c\r\nd-1,x=1,\r\n"
    assert export.to_csv([]) == ""


def test_repeats_and_checks_are_in_no_table(make_store: MakeStore) -> None:
    made = make_store(systems=make_systems(8), names=NAMES, documents=6, judgements=3, repeats=1, checks=1)
    fill(made, lambda name, pair: 1)
    report = build_report(made, made.judgements())
    assert (report.study["pairs"], report.study["judgements"], len(report.items)) == (6, 18, 6)
    votes = [item[f"consistency_{name}"] for item in report.items for name in ("better", "equal", "worse")]
    assert sum(votes) == 18


def test_alpha_is_ordinal(store: Store) -> None:
    found = row(build_report(store, store.judgements()).agreement, attribute="consistency")
    assert found["alpha"] == pytest.approx(alpha_value([list(votes) for votes in VOTES], "ordinal"))
    assert abs(found["alpha"] - found["nominal_alpha"]) > 0.01
