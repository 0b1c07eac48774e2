"""Who sees what: every pair often enough, loads and sides balanced, order and repeats as promised."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quals.errors import InputError
from quals.io.systems import Document
from quals.study.choose import form_checks
from quals.study.new import StudySettings, plan_study
from quals.study.records import Plan
from tests.study.conftest import make_systems


def plan(documents: int = 6, systems: int = 2, annotators: int = 3, **more: int) -> Plan:
    names = [f"Annotator {number}" for number in range(annotators)]
    found = make_systems(documents + 4, tuple(f"s{number}" for number in range(systems)))
    return plan_study(found, StudySettings(documents=documents, **more), names)


def spread(counts: list[int]) -> int:
    return max(counts) - min(counts)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_everything_is_balanced(data: st.DataObject) -> None:
    documents, systems = data.draw(st.integers(1, 12)), data.draw(st.integers(2, 4))
    annotators = data.draw(st.integers(1, 6))
    pairs = documents * systems * (systems - 1) // 2
    judgements = data.draw(st.integers(-(-annotators // pairs), annotators))
    made = plan(documents, systems, annotators, judgements=judgements, seed=data.draw(st.integers(0, 999)))

    seen = [(item.annotator, item.pair) for item in made.items]
    assert len(set(seen)) == len(seen)  # nobody sees a pair twice
    assert Counter(pair for _, pair in seen) == dict.fromkeys(range(len(made.pairs)), judgements)
    for wanted in itertools.combinations([f"s{number}" for number in range(systems)], 2):
        load = Counter(item.annotator for item in made.items if made.pairs[item.pair].systems == wanted)
        assert spread([load[who] for who in range(annotators)]) <= 1
    total = Counter(item.annotator for item in made.items)
    assert spread([total[who] for who in range(annotators)]) <= 1

    groups: dict[object, list[bool]] = {}
    for item in made.items:
        systems_ = made.pairs[item.pair].systems
        for group in (("who", item.annotator), (item.annotator, systems_), ("pair", item.pair), systems_):
            groups.setdefault(group, []).append(item.flipped)
    for flips in groups.values():
        assert abs(flips.count(True) - flips.count(False)) <= 1


def test_repeats_come_late_with_sides_swapped() -> None:
    made = plan(documents=12, annotators=2, judgements=2, repeats=3)
    for who in range(2):
        own = [item for item in made.items if item.annotator == who]
        repeats = [item for item in own if item.repeat]
        assert len(repeats) == 3
        for repeat in repeats:
            original = next(item for item in own if item.pair == repeat.pair and not item.repeat)
            assert original.flipped != repeat.flipped
            assert own.index(repeat) - own.index(original) >= 4  # a third of the items lies between them


def test_checks_set_a_summary_against_that_of_another_document() -> None:
    made = plan(documents=6, annotators=2, judgements=2, checks=4)
    checks = [pair for pair in made.pairs if pair.check]
    asked = {pair.document.id for pair in made.pairs if not pair.check}
    assert len(checks) == 4
    for check in checks:
        assert check.first_text in check.document.summaries.values()
        assert check.second_text not in check.document.summaries.values()
        assert check.document.id not in asked  # enough documents are left over
    for who in range(2):
        flips = [item.flipped for item in made.items if item.annotator == who and made.pairs[item.pair].check]
        assert flips.count(True) == flips.count(False) == 2


def test_no_check_has_the_same_text_twice() -> None:
    documents = [Document(str(n), f"Text {n}.", {"a": "Boilerplate.", "b": f"Summary {n}."}) for n in range(6)]
    made = form_checks(documents, [], ["a", "b"], 6, random.Random(0))
    assert [(check.first, check.first_text == check.second_text) for check in made] == [("b", False)] * 6
    alike = [Document(str(n), f"Text {n}.", dict.fromkeys("ab", "Boilerplate.")) for n in range(6)]
    with pytest.raises(InputError, match="summaries that are all alike"):
        form_checks(alike, [], ["a", "b"], 1, random.Random(0))


def test_same_seed_same_plan_and_orders_differ_between_annotators() -> None:
    made = plan(documents=10, annotators=3, seed=7)
    assert made == plan(documents=10, annotators=3, seed=7)
    assert made != plan(documents=10, annotators=3, seed=8)
    orders = {tuple(item.pair for item in made.items if item.annotator == who) for who in range(3)}
    assert len(orders) == 3


def test_annotators_overlap_with_each_other_evenly() -> None:
    made = plan(documents=60, annotators=4, judgements=2)
    met: Counter[tuple[int, ...]] = Counter()
    for pair in range(len(made.pairs)):
        met[tuple(sorted(item.annotator for item in made.items if item.pair == pair))] += 1
    assert len(met) == 6  # everybody with everybody
    assert spread(list(met.values())) <= 4


@pytest.mark.parametrize(
    ("settings_", "message"),
    [
        ({"judgements": 4}, "4 judgements per pair need as many annotators"),
        ({"repeats": 7, "judgements": 3}, "only 6 pairs to repeat"),
        ({"checks": 11}, "11 attention checks need as many documents"),
        ({"strata": 9}, "9 strata do not go with 6 documents"),
    ],
)
def test_settings_that_do_not_go_together(settings_: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan(**settings_)


def test_strata_draw_evenly_by_length() -> None:
    names = ["Ann"]
    made = plan_study(make_systems(100), StudySettings(documents=20, strata=4, judgements=1), names)
    lengths = sorted(int(pair.document.id[1:]) // 25 for pair in made.pairs)  # d0 is shortest, d99 longest
    assert lengths == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 5


@pytest.mark.parametrize(("wanted", "there", "strata"), [(10, 7, 1), (10, 7, 3), (7, 7, 2), (5, 7, 5)])
def test_as_many_documents_as_there_are(wanted: int, there: int, strata: int) -> None:
    made = plan_study(make_systems(there), StudySettings(documents=wanted, strata=strata, judgements=1), ["Ann"])
    ids = [pair.document.id for pair in made.pairs]
    assert len(ids) == len(set(ids)) == min(wanted, there)


@pytest.mark.parametrize("seed", range(8))
def test_many_repeats_follow_their_originals(seed: int) -> None:
    order = plan(documents=6, annotators=1, judgements=1, repeats=5, seed=seed).items
    repeats = [item for item in order if item.repeat]
    assert len(repeats) == 5
    for repeat in repeats:
        original = next(item for item in order if item.pair == repeat.pair and not item.repeat)
        assert order.index(repeat) > order.index(original)


def test_systems_are_mixed_and_repeats_stand_among_others() -> None:
    made = plan(documents=12, systems=3, annotators=1, judgements=1)
    assert len({made.pairs[item.pair].systems for item in made.items[:12]}) == 3
    plans = [plan(documents=12, annotators=1, judgements=1, repeats=3, seed=seed) for seed in range(8)]
    assert any(not all(item.repeat for item in made.items[-3:]) for made in plans)


def test_checks_are_spread() -> None:
    for seed in range(8):
        made = plan(documents=12, annotators=1, judgements=1, checks=4, seed=seed)
        places = [number for number, item in enumerate(made.items) if made.pairs[item.pair].check]
        assert all(3 * number <= place <= 4 * (number + 1) for number, place in enumerate(places))


def test_nobody_has_nothing_to_judge() -> None:
    with pytest.raises(InputError, match="2 pairs with 2 judgements each are too few for 5 annotators"):
        plan(documents=2, annotators=5, judgements=2)
