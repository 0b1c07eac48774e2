"""Scoring on a real Ray cluster of two nodes on this machine, by the shipped model with a short search."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import ray
from ray.cluster_utils import Cluster

from quals.errors import InputError
from quals.integrations.ray import Scorer, unfinished
from quals.lm.device import SHARE
from quals.metrics import registry

SETTINGS: dict[str, Any] = {"device": "cpu", "search.groups": 4, "search.max_length": 12}
FERRY = "A ferry with 214 people aboard ran aground near Rivermouth on Monday. Nobody was hurt, the coastguard said."
ROWS: list[dict[str, Any]] = [
    {"article": FERRY, "summary": ["A ferry ran aground on Monday.", "A ferry sank."], "score": 7, "day": None},
    {"article": "", "summary": ["The council voted."], "score": 8, "day": None},
    {"article": "The mayor resigned on 3 May.", "summary": [], "score": 9, "day": 3},
    {"article": None, "summary": ["The mayor resigned."], "score": 10, "day": 3},
    {"article": "The mayor resigned on 3 May.", "summary": ["The mayor resigned on 4 May."], "score": 11, "day": 3},
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    patch = pytest.MonkeyPatch()
    patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    nodes.add_node(num_cpus=1, num_gpus=1)  # it only says so
    ray.init(address=nodes.address, log_to_driver=False)
    yield
    ray.shutdown()
    nodes.shutdown()
    patch.undo()


@pytest.mark.filterwarnings("ignore")
def test_rows_get_the_scores_that_they_get_on_one_machine(cluster: None) -> None:
    assert len({node["NodeID"] for node in ray.nodes() if node["Alive"]}) == 2
    rows = ray.data.from_items(ROWS, override_num_blocks=3).map_batches(
        Scorer,
        fn_constructor_kwargs={"metric": "quals", "explain": True, **SETTINGS},
        batch_format="pyarrow",
        batch_size=2,
        concurrency=2,
        num_cpus=1,
    )
    found = sorted(rows.take_all(), key=lambda row: (row["input_score"], row["summary_index"] or 0))
    assert [row["input_score"] for row in found] == [7, 7, 8, 9, 10, 11]
    assert [row["status"] for row in found] == ["ok", "ok", "empty-document", "invalid-row", "invalid-row", "ok"]
    assert [row["summary_index"] for row in found] == [0, 1, 0, None, 0, 0]
    assert found[1]["summary"] == "A ferry sank."
    assert found[3]["summary"] is None
    assert "summary: an empty list" in found[3]["reason"]
    assert [row["day"] for row in found] == [None, None, None, 3, 3, 3]
    metric = registry.load("quals", **SETTINGS)
    for row in (found[0], found[1], found[5]):
        wanted = metric.score(row["article"], row["summary"])
        assert row["score"] == pytest.approx(wanted.value, abs=1e-4)
        assert row["signature"] == metric.signature
        assert [piece["answer"] for piece in json.loads(row["evidence"])] == [
            piece.to_dict()["answer"] for piece in wanted.evidence
        ]


def test_columns_are_the_same_for_every_batch(cluster: None) -> None:
    score = Scorer("rouge2-precision")
    made = [
        score(pa.table(pa.Table.from_pylist(rows, schema=pa.Table.from_pylist(ROWS).schema)))
        for rows in (ROWS, ROWS[2:4], [])
    ]
    assert made[0].schema == made[1].schema == made[2].schema
    assert [len(table) for table in made] == [6, 2, 0]
    assert made[0].column("summary").type == pa.string()
    assert "evidence" not in made[0].column_names
    one_each = score(pa.table({"text": ["It rained."], "summary": ["It rained."]}))
    assert one_each.column("score").to_pylist() == [1.0]
    assert one_each.column("summary_index").to_pylist() == [None]


def test_each_sentence_by_itself(cluster: None) -> None:
    score = Scorer("rouge2-precision", sentences=True)
    rows = [
        {"id": 1, "document": FERRY, "summary": "Nobody was hurt. The ferry sank."},
        {"id": 2, "document": FERRY, "summary": ""},
        {"id": 3, "document": FERRY, "summary": None},
    ]
    first, second, *others = score(pa.Table.from_pylist(rows)).to_pylist()
    assert [(one["id"], one["summary"], one["score"]) for one in (first, second)] == [
        (1, "Nobody was hurt.", 1.0),
        (1, "The ferry sank.", 0.0),
    ]
    places = [tuple(one[f"sentence_{name}"] for name in ("index", "start", "end")) for one in (first, second, *others)]
    assert places == [(0, 0, 16), (1, 17, 32), (None, None, None), (None, None, None)]
    assert [(one["id"], one["status"]) for one in others] == [(2, "empty-summary"), (3, "invalid-row")]
    empty = pa.Table.from_pylist([], schema=pa.Table.from_pylist(rows).schema)
    assert score(empty).schema == score(pa.Table.from_pylist(rows)).schema


@pytest.mark.parametrize("text", [pa.string(), pa.large_string()])
def test_columns_are_found_as_in_files(cluster: None, text: pa.DataType) -> None:
    texts = {"Document": pa.array(["a b c"], text), " summary": pa.array(["a b"], text), "Text": pa.array([None], text)}
    found = Scorer("rouge2-precision")(pa.table(texts)).to_pylist()[0]
    assert (found["status"], found["score"], found["Document"], found[" summary"]) == ("ok", 1.0, "a b c", "a b")


def test_a_data_set_without_texts_is_refused(cluster: None) -> None:
    with pytest.raises(InputError, match="document"):
        Scorer("rouge2-precision")(pa.table({"title": ["It rained."]}))


@pytest.mark.filterwarnings("ignore")
def test_a_job_that_was_stopped_goes_on(cluster: None, tmp_path: Path) -> None:
    rows = ray.data.from_items([{"id": n, "text": "It rained.", "summary": f"It rained {n}."} for n in range(9)])
    folder = tmp_path / "scored"
    assert unfinished(rows, str(folder)).count() == 9
    scored(rows.filter(lambda row: row["id"] < 4)).write_parquet(str(folder))
    whole = next(folder.glob("*.parquet"))
    (folder / "half.parquet").write_bytes(whole.read_bytes()[:-20])
    left = unfinished(rows, folder.as_uri())
    assert sorted(row["id"] for row in left.take_all()) == [4, 5, 6, 7, 8]
    assert (folder / "half.parquet.half").exists()
    scored(left).write_parquet(str(folder))
    found = ray.data.read_parquet(str(folder)).take_all()
    assert sorted((row["id"], row["status"]) for row in found) == [(n, "ok") for n in range(9)]
    assert unfinished(rows, str(folder)).count() == 0
    with pytest.raises(InputError, match="number: no such column; there are: id, text, summary, summary_index"):
        unfinished(rows, str(folder), "number")


@pytest.mark.filterwarnings("ignore")
def test_a_list_of_summaries_is_finished_when_all_are_there(cluster: None, tmp_path: Path) -> None:
    several = [{"id": n, "text": "It rained.", "said": ["It rained.", "It snowed.", "It hailed."]} for n in range(3)]
    rows = ray.data.from_items([*several, {"id": 3, "text": "It rained.", "said": []}])
    whole = Scorer("rouge2-precision", summary_field="said")(pa.Table.from_pylist(rows.take_all()))
    pq.write_table(whole.slice(0, 5), tmp_path / "a.parquet")  # the second row lacks its last
    left = unfinished(rows, str(tmp_path), summary_field="said")
    assert sorted(row["id"] for row in left.take_all()) == [1, 2, 3]
    pq.write_table(whole.slice(3), tmp_path / "b.parquet")  # two are there twice
    assert unfinished(rows, str(tmp_path), summary_field="said").count() == 0


def scored(rows: ray.data.Dataset) -> ray.data.Dataset:
    return rows.map_batches(
        Scorer,
        fn_constructor_kwargs={"metric": "rouge2-precision"},
        batch_format="pyarrow",
        batch_size=2,
        concurrency=1,
        num_cpus=1,
    )


@ray.remote
class Actor:
    """What Ray Data makes of a `Scorer`, as far as this goes."""

    def share(self) -> str | None:
        Scorer("rouge2-precision")
        return os.environ.get(SHARE)


def test_an_actor_keeps_to_its_part_of_a_gpu(cluster: None) -> None:
    assert ray.get(Actor.options(num_cpus=0, num_gpus=0.25).remote().share.remote()) == "0.25"
    assert ray.get(Actor.options(num_cpus=1).remote().share.remote()) == "1.0"
