"""A metric on a Ray cluster: actors have it, Ray Data brings them rows and takes the scores.

>>> rows = ray.data.read_parquet("s3://bucket/summaries")  # doctest: +SKIP
>>> scored = rows.map_batches(  # doctest: +SKIP
...     Scorer, fn_constructor_kwargs={"metric": "quals"},
...     batch_format="pyarrow", batch_size=512, concurrency=8, num_gpus=0.5,
... )
>>> scored.write_parquet("s3://bucket/scored")  # doctest: +SKIP

``concurrency`` is how many actors there are. Of a GPU that several share each takes the part that ``num_gpus`` says.
A job that was stopped goes on with ``rows = unfinished(rows, "s3://bucket/scored")``: Ray itself would begin anew.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from quals.errors import InputError
from quals.io.results import RESULT_FIELDS, input_fields
from quals.io.rows import DEFAULT_FIELDS, PLACES, Entry, FieldNames, Row, field_among, rows_of
from quals.metrics import registry
from quals.nlp import load_pipeline
from quals.records import SummaryScore
from quals.scoring.run import score_batch
from quals.scoring.sentences import by_sentence

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.fs import FileSystem
    from ray.data import Dataset


class Scorer:
    """Gives batches of rows the columns that ``quals score`` adds, in its names; evidence and doubts as JSON.

    Rows keep their order within a batch. A list of summaries becomes a row for each, with its ``summary_index``; so
    does, if asked, each sentence of a summary, with its ``sentence_index``, ``sentence_start`` and ``sentence_end``. A
    row without the texts has the status ``invalid-row``.

    Args:
        metric: its name.
        explain: whether to add what each score rests on.
        sentences: whether to score each sentence of a summary by itself.
        document_field, summary_field, reference_field: columns; by default found as `quals score` finds them.
        settings: of the metric, and ``device``.

    Raises:
        QualsError: see `quals.metrics.load`; or finding sentences needs an extra that is not installed.
    """

    def __init__(
        self,
        metric: str = "quals",
        *,
        explain: bool = False,
        sentences: bool = False,
        document_field: str | None = None,
        summary_field: str | None = None,
        reference_field: str | None = None,
        **settings: Any,
    ) -> None:
        _keep_to_own_part()
        self._pipeline = load_pipeline() if sentences else None
        self.metric = registry.load(metric, **settings)
        self._fields = FieldNames(document_field, summary_field, reference_field)
        self._explain = explain

    def __call__(self, batch: pa.Table) -> pa.Table:
        """The batch with its scores.

        Raises:
            InputError: it has no column for documents or summaries.
        """
        import pyarrow as pa

        rows = list(self._rows(batch)) if batch.num_rows else []  # Ray asks what columns there will be
        table = batch.take(pa.array([row.line - 1 for row in rows], pa.int64()))
        summary = self._fields.summary or field_among(batch.column_names, DEFAULT_FIELDS["summary"])
        if summary and (self._pipeline or not pa.types.is_string(batch.schema.field(summary).type)):
            texts = [text if isinstance(text := row.fields[summary], str) else None for row in rows]
            table = table.set_column(batch.column_names.index(summary), summary, pa.array(texts, pa.string()))
        table = table.rename_columns(list(input_fields(Row(dict.fromkeys(batch.column_names), "", 0))))
        results = [_result(row, *scores) for row, scores in score_batch(rows, [self.metric], explain=self._explain)]
        for name, type in _types(self._explain, sentences=self._pipeline is not None).items():
            table = table.append_column(name, pa.array([result[name] for result in results], pa.type_for_alias(type)))
        return table

    def _rows(self, batch: pa.Table) -> Iterator[Row]:
        named = {role: getattr(self._fields, role) for role in DEFAULT_FIELDS}
        wanted = {name or field_among(batch.column_names, DEFAULT_FIELDS[role]) for role, name in named.items()}
        texts = batch.select([name for name in batch.column_names if name in wanted]).to_pylist()
        others = dict.fromkeys(batch.column_names)  # which need no Python values
        found: Iterator[Entry] = ((number, others | fields, None) for number, fields in enumerate(texts, 1))
        rows = rows_of(found, "batch", self._fields)
        return by_sentence(rows, self._pipeline) if self._pipeline else rows


def unfinished(rows: Dataset, folder: str, key: str = "id", *, summary_field: str | None = None) -> Dataset:
    """The rows that no file in a folder of results has, as a job that has ended left it.

    A file that was half written gets ``.half`` after its name, so that others can be read without it. A row with a list
    of summaries comes again, whole, until all of them are there.

    Args:
        rows: each with a key of its own.
        folder: what the earlier job wrote Parquet to, on a disk or in a bucket; it need not be there yet.
        key: the column that tells rows apart.
        summary_field: as for `Scorer`.

    Raises:
        InputError: a finished file has no such column.
    """
    import pyarrow as pa
    import pyarrow.fs

    files, path = pa.fs.FileSystem.from_uri(folder) if "://" in folder else (pa.fs.LocalFileSystem(), folder)
    finished, counts = _finished(files, path, key)

    def is_left(row: Mapping[str, Any]) -> bool:
        summary = summary_field or field_among(row, DEFAULT_FIELDS["summary"])
        texts = row[summary] if summary else None
        made = len(texts) if isinstance(texts, list) and texts else 1
        return row[key] not in finished and counts[row[key]] < made

    return rows.filter(is_left) if finished or counts else rows


def _finished(files: FileSystem, path: str, key: str) -> tuple[set[Any], Counter[Any]]:
    """The keys of rows that are there, and of rows with lists of summaries: how many of these there are.

    Files that have no end are renamed.

    Raises:
        InputError: a finished file has no such column.
    """
    import pyarrow as pa
    import pyarrow.fs
    import pyarrow.parquet as pq

    finished: set[Any] = set()
    parts: set[tuple[Any, int]] = set()  # of lists of summaries: Ray may cut these in two
    for found in files.get_file_info(pa.fs.FileSelector(path, recursive=True, allow_not_found=True)):
        if not found.is_file or found.extension != "parquet":
            continue
        try:
            known = pq.read_schema(found.path, filesystem=files)
        except pa.ArrowInvalid:  # it has no end: whoever wrote it was killed
            files.move(found.path, f"{found.path}.half")
            continue
        if key not in known.names:
            raise InputError(f"no such column; there are: {', '.join(known.names)}", file=found.path, field=key)
        wanted = [name for name in (key, PLACES[0]) if name in known.names]
        for row in pq.read_table(found.path, columns=wanted, filesystem=files).to_pylist():
            if (index := row.get(PLACES[0])) is None:
                finished.add(row[key])
            else:
                parts.add((row[key], index))
    return finished, Counter(one for one, _ in parts)


def _keep_to_own_part() -> None:
    """In an actor that has a part of a GPU: its batches take no more of the memory."""
    import ray

    from quals.lm.device import SHARE

    if ray.is_initialized() and ray.get_runtime_context().get_actor_id():
        assigned: dict[str, float] = ray.get_runtime_context().get_assigned_resources()  # type: ignore[no-untyped-call]
        os.environ[SHARE] = str(min(1.0, assigned.get("GPU", 1)))


def _result(row: Row, score: SummaryScore) -> dict[str, Any]:
    found = dict.fromkeys(PLACES) | row.places | score.to_dict(explain=True)
    return found | {name: json.dumps(found[name], ensure_ascii=False) for name in ("evidence", "doubts")}


def _types(explain: bool, *, sentences: bool) -> dict[str, str]:
    whole, real = (*PLACES, "evidence_count", "chunks"), ("score", "probability")
    unused = (() if sentences else PLACES[1:]) + (() if explain else ("evidence", "doubts"))
    names = [name for name in RESULT_FIELDS if name not in unused]
    return {name: "int64" if name in whole else "double" if name in real else "string" for name in names}
