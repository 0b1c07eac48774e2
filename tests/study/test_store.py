"""The study in its database, SQLite and PostgreSQL alike."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from quals.errors import InputError
from quals.study.records import Answer
from quals.study.store import Store
from tests.study.conftest import MakeStore, answer


def test_annotators_see_their_own_items_without_systems(make_store: MakeStore, where: str) -> None:
    store = make_store(where=where, checks=1, repeats=1)
    ann, ben = store.annotators()
    assert [task.number for task in store.tasks(ann.id)] == [1, 2, 3, 4, 5, 6]
    theirs = {task.id for task in store.tasks(ben.id)}
    for task in store.tasks(ann.id):
        assert task.id not in theirs
        shown = store.shown(ann.id, task.id)
        assert shown is not None
        assert not any(system in repr(shown) for system in ("conseq", "mle"))
        assert store.shown(ben.id, task.id) is None


def test_saves_build_on_each_other(make_store: MakeStore, where: str) -> None:
    store = make_store(where=where)
    item = store.tasks(1)[0].id
    first, second = Answer({"grammar": "left"}), answer("right", comment="Schön 🎈", seconds=4.5)
    assert store.save(item, first, bases=["w9"], write_id="w0") is None  # a base that never was
    assert store.save(item, first, bases=[""], write_id="w1") == 1
    assert store.save(item, first, bases=[""], write_id="w1") == 1  # sent again
    assert store.save(item, second, bases=[""], write_id="w1") is None  # another answer under the same name
    assert store.save(item, second, bases=[""], write_id="w2") is None  # an older page
    assert store.save(item, second, bases=["", "w1"], write_id="w2") == 2  # w1 may or may not have arrived
    assert store.save(item, first, bases=[""], write_id="w1") is None  # sent again, but overtaken
    assert store.save(item, first, bases=["w2"], write_id="w1") is None  # an old name for a new save
    task = Store.open(where).tasks(1)[0]
    assert (task.version, task.write_id, task.answer) == (2, "w2", second)


def test_of_many_saves_at_once_exactly_one_wins(make_store: MakeStore, where: str) -> None:
    store = make_store(where=where)
    item = store.tasks(1)[0].id
    results: list[int | None] = []
    gate = threading.Barrier(8)

    def save(number: int) -> None:
        gate.wait()
        results.append(store.save(item, answer("left", comment=str(number)), bases=[""], write_id=f"write{number}"))

    threads = [threading.Thread(target=save, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results, key=str) == [1] + [None] * 7


def test_the_same_save_sent_at_once_is_one_save(make_store: MakeStore, where: str) -> None:
    store = make_store(where=where)
    item = store.tasks(1)[0].id
    results: list[int | None] = []
    gate = threading.Barrier(6)

    def save() -> None:
        gate.wait()
        results.append(store.save(item, answer("left"), bases=[""], write_id="thesame"))

    threads = [threading.Thread(target=save) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [1] * 6
    assert store.tasks(1)[0].version == 1


def test_judgements_speak_of_systems_not_of_sides(make_store: MakeStore, where: str) -> None:
    store = make_store(where=where)
    for who in store.annotators():
        for task in store.tasks(who.id):
            shown = store.shown(who.id, task.id)
            assert shown is not None
            better = "left" if shown.left.endswith("0 told.") else "right"  # the first system's summaries end so
            marks = [{"side": better, "start": 0, "end": 3}]
            store.save(task.id, answer(better, "left", marks=marks), bases=[""], write_id="w")
    judgements = store.judgements()
    assert len(judgements) == 8
    assert {(judgement.first, judgement.second) for judgement in judgements} == {("conseq", "mle")}
    assert {judgement.choices["consistency"] for judgement in judgements} == {1}
    assert {mark["side"] for judgement in judgements for mark in judgement.marks} == {"first"}
    lefts = [judgement.choices["informativeness"] for judgement in judgements]
    assert lefts.count(1) == lefts.count(-1) == 4  # sides are balanced


def test_a_renewed_link_makes_the_old_one_stale(make_store: MakeStore, where: str) -> None:
    store = make_store(where=where)
    ann = store.annotators()[0]
    assert store.find_annotator(ann.token) == ann
    assert store.renew_link(ann.id)
    assert store.find_annotator(ann.token) is None
    assert store.find_annotator(store.annotators()[0].token) is not None
    assert not store.renew_link(99)
    assert store.find_annotator("nul\0") is None


def test_a_place_that_is_taken_is_left_alone(make_store: MakeStore, where: str) -> None:
    token = make_store(where=where).token
    with pytest.raises(InputError, match=r"already holds a study|cannot be created: File exists"):
        make_store(where=where)
    assert Store.open(where).token == token


def test_a_study_is_made_wholly_or_not_at_all(
    make_store: MakeStore, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise RuntimeError("the power is cut")

    with monkeypatch.context() as patch:
        patch.setattr("quals.study.store.now", fail)
        with pytest.raises(RuntimeError, match="power"):
            make_store(where=where)
    assert make_store(where=where).annotators()


def test_the_file_is_for_its_owner_only(make_store: MakeStore, tmp_path: Path) -> None:
    make_store()
    assert stat.S_IMODE((tmp_path / "study.sqlite").stat().st_mode) == 0o600


def test_places_that_hold_no_study(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database " * 100)
    empty = tmp_path / "empty.sqlite"
    empty.touch()
    for where in (str(tmp_path / "missing"), str(text), str(empty), "postgresql://nobody@127.0.0.1:1/none"):
        with pytest.raises(InputError, match=r"no such study|not a usable study"):
            Store.open(where)
    with pytest.raises(InputError, match="not a PostgreSQL URL"):
        Store.open("postgresql:/\\:x@:y")


def test_passwords_are_not_shown() -> None:
    with pytest.raises(InputError) as caught:
        Store.open("postgresql://someone:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)


def test_names_must_differ(make_store: MakeStore) -> None:
    with pytest.raises(InputError, match="same name"):
        make_store(names=("Ann", "Ann"))
