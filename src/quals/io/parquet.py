"""Parquet in and out."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quals.errors import InputError, MissingExtraError
from quals.io.files import appearing_whole, not_written

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 256  # rows held at once
_EXACT = 2**53  # up to here a floating-point number holds every whole one


def require_pyarrow() -> None:
    """Make sure that pyarrow is there.

    Raises:
        MissingExtraError: it is not.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("Parquet", "parquet") from error


def parquet_schema(path: str | Path) -> pa.Schema:
    """The columns of a Parquet file and their types.

    Raises:
        InputError: it cannot be read.
        MissingExtraError: pyarrow is not installed.
    """
    return _open(path).schema_arrow


def row_count(path: str | Path) -> int:
    """The number of rows, without reading them."""
    return int(_open(path).metadata.num_rows)


class _Unreadable(str):
    """Why a cell has no value."""


def parquet_rows(path: str | Path) -> Iterator[tuple[int, dict[str, Any], InputError | None]]:
    """Yield ``(row number, row, what is wrong with it)``, from 1, reading a few hundred rows at a time.

    A cell that has no Python value, such as text that is not UTF-8 or a date past the year 9999, comes as None.

    Raises:
        InputError: the file cannot be read; here and on the way.
        MissingExtraError: pyarrow is not installed.
    """
    import pyarrow as pa

    file = _open(path)
    names = file.schema_arrow.names
    for name in names:
        if names.count(name) > 1:
            raise InputError("two columns have this name", file=str(path), field=name)
    number = 0
    try:
        for batch in file.iter_batches(batch_size=_BATCH):
            for values in zip(*map(_values, batch.columns), strict=True):
                number += 1
                yield number, *_checked(dict(zip(names, values, strict=True)), str(path), number)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"cannot be read any further: {error}", file=str(path), line=number + 1) from error


def _open(path: str | Path) -> Any:
    require_pyarrow()
    import pyarrow as pa
    import pyarrow.parquet as pq

    if str(path) == "-":
        raise InputError("Parquet cannot be read from standard input; give a file", file="-")
    try:
        # Some pages at a time: by itself it may read all of a column's row group, or keep what it has read.
        return pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20)
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"cannot be read as Parquet: {error}", file=str(path)) from error


def _values(column: pa.Array) -> list[Any]:
    import pyarrow as pa

    if getattr(column.type, "unit", None) == "ns":  # finer than Python's datetime
        column = column.cast(pa.int64() if pa.types.is_duration(column.type) else pa.string())
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):
        values = [_value(cell) for cell in column]
    return values


def _value(cell: pa.Scalar) -> Any:
    try:
        return cell.as_py()
    except (ValueError, OverflowError) as error:
        return _Unreadable(error)


def _checked(fields: dict[str, Any], file: str, number: int) -> tuple[dict[str, Any], InputError | None]:
    broken = {name: value for name, value in fields.items() if isinstance(value, _Unreadable)}
    if not broken:
        return fields, None
    name, reason = next(iter(broken.items()))
    return fields | dict.fromkeys(broken), InputError(f"cannot be read: {reason}", file=file, line=number, field=name)


def jsonl_to_parquet(source: Path, target: Path, wanted: pa.Schema | None = None) -> None:
    """Rewrite JSONL as Parquet, in constant memory; ``target`` appears when it is whole.

    A column has the type it has in ``wanted`` if its values allow it, otherwise the type that all of its values share;
    where they share none, it is text, with values other than text as JSON. Numbers of a result are numbers even where
    there are none, so that parts of a data set fit together.

    Raises:
        QualsError: it cannot be written; ``source`` stays.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = _schema(source, wanted)
        with (
            appearing_whole(target) as partial,
            pq.ParquetWriter(partial, schema, compression="zstd") as writer,
        ):
            for rows in _batches(source):
                columns = [_array([row.get(field.name) for row in rows], field.type) for field in schema]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
    except (OSError, pa.ArrowException) as error:
        raise not_written(target, source, error) from error


def _batches(source: Path) -> Iterator[list[dict[str, Any]]]:
    with source.open(encoding="utf-8", newline="\n") as lines:
        while rows := [_clean(json.loads(line)) for line in itertools.islice(lines, _BATCH)]:
            yield rows


def _clean(value: Any) -> Any:
    """The value with lone surrogates, which Arrow's text cannot hold, replaced."""
    if isinstance(value, dict):
        return {_clean(key): _clean(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_clean(part) for part in value]
    return value.encode(errors="replace").decode() if isinstance(value, str) else value


def _schema(source: Path, wanted: pa.Schema | None) -> pa.Schema:
    import pyarrow as pa

    numbers = dict.fromkeys(("score", "probability"), pa.float64())
    numbers |= dict.fromkeys(("evidence_count", "chunks"), pa.int64())
    asked = numbers | ({} if wanted is None else {field.name: field.type for field in wanted})
    shared: dict[str, pa.DataType] = {}
    large: set[tuple[str, ...]] = set()  # where there are whole numbers that no floating-point type could hold
    for rows in _batches(source):
        for name in dict.fromkeys(name for row in rows for name in row):
            values = [row.get(name) for row in rows]
            if name in asked and not _fits(values, asked[name]):
                del asked[name]
            shared[name] = _common(shared.get(name, pa.null()), values)
            large.update((name, *place) for value in values for place in _large(value))
    for name, *place in large:
        if pa.types.is_floating(_part(shared[name], place)):
            shared[name] = pa.string()
    return pa.schema([(name, asked.get(name, _storable(type))) for name, type in shared.items()])


def _large(value: Any) -> Iterator[tuple[str, ...]]:
    """The places of large whole numbers in a value: names of fields, and something for each list."""
    if isinstance(value, dict):
        yield from ((name, *place) for name, part in value.items() for place in _large(part))
    elif isinstance(value, list):
        yield from (("", *place) for part in value for place in _large(part))
    elif isinstance(value, int) and abs(value) > _EXACT:
        yield ()


def _part(type: pa.DataType, place: Sequence[str]) -> pa.DataType:
    """The type at such a place; where all of a value has become text, that of text."""
    import pyarrow as pa

    for name in place:
        if pa.types.is_nested(type):
            type = type.field(name).type if pa.types.is_struct(type) else type.value_type
    return type


def _holds_bytes(type: pa.DataType) -> bool:
    import pyarrow as pa

    if isinstance(type, pa.BaseExtensionType):
        return _holds_bytes(type.storage_type)
    if hasattr(type, "value_type"):
        return _holds_bytes(type.value_type)
    return _is_bytes(type) or any(_holds_bytes(type.field(place).type) for place in range(type.num_fields))


def _is_bytes(type: pa.DataType) -> bool:
    import pyarrow as pa

    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_fixed_size_binary)
    return any(kind(type) for kind in kinds) or str(type) == "binary_view"  # which older versions of pyarrow lack


def _fits(values: list[Any], type: pa.DataType) -> bool:
    import pyarrow as pa

    with suppress(pa.ArrowException, TypeError, ValueError, OverflowError):
        _array(values, type)
        return True
    return False


def _text_for_list(value: Any, type: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(type) and isinstance(value, dict):
        return any(_text_for_list(value.get(field.name), field.type) for field in type)
    if not isinstance(value, str | list) or not hasattr(type, "value_type") or pa.types.is_dictionary(type):
        return False
    return isinstance(value, str) or any(_text_for_list(part, type.value_type) for part in value)


def _common(type: pa.DataType, values: list[Any]) -> pa.DataType:
    """The type that holds ``values`` as well as what is of ``type``; text if there is none."""
    import pyarrow as pa

    with suppress(pa.ArrowException, TypeError, ValueError, OverflowError):
        schemas = [pa.schema([("x", part)]) for part in (type, _in_order(pa.array(values).type, values))]
        return pa.unify_schemas(schemas, promote_options="permissive").field("x").type
    return pa.string()


def _in_order(type: pa.DataType, values: list[Any]) -> pa.DataType:
    """The type that was found for ``values``, with the fields of structures in their order there.

    Older versions of pyarrow sort them by name, but of several metrics the first has a meaning.
    """
    import pyarrow as pa

    inside = [value for value in values if value is not None]
    if pa.types.is_list(type):
        return pa.list_(_in_order(type.value_type, [part for value in inside for part in value]))
    if pa.types.is_struct(type):
        names = dict.fromkeys(name for value in inside for name in value)
        return pa.struct([(name, _in_order(type.field(name).type, [v.get(name) for v in inside])) for name in names])
    return type


def _storable(type: pa.DataType) -> pa.DataType:
    """Parquet has no empty structures; a column without any value is text."""
    import pyarrow as pa

    return pa.string() if pa.types.is_null(type) or "struct<>" in str(type) else type


def _array(values: list[Any], type: pa.DataType) -> pa.Array:
    import pyarrow as pa

    if pa.types.is_nested(type) and any(_text_for_list(value, type) for value in values):  # else a list of letters
        raise TypeError("a text is no list")
    if type == pa.string():
        values = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    elif _is_bytes(type):
        values = [None if value is None else base64.b64decode(value, validate=True) for value in values]
    elif _holds_bytes(type):  # else their Base64 would be taken for them
        raise TypeError("bytes within another value are text")
    elif pa.types.is_timestamp(type):  # read finely at first, for their text has microseconds
        finest = pa.timestamp("ns" if type.unit == "ns" else "us", type.tz)
        return pa.array(values, pa.string()).cast(finest).cast(type)
    elif pa.types.is_date(type) or pa.types.is_decimal(type):
        return pa.array(values, pa.string()).cast(type)
    return pa.array(values, type)
