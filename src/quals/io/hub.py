"""Data sets of the Hugging Face Hub, or saved on disk in its formats; the one module that imports `datasets`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from quals.errors import InputError, MissingExtraError
from quals.io.rows import Entry

# Data sets that come in several versions, and the one that everybody uses.
CONFIGS = {"abisee/cnn_dailymail": "3.0.0"}
# Where the Hub keeps what it converted itself; `datasets` no longer runs the scripts of old data sets.
CONVERTED = "refs/convert/parquet"


def hub_entries(source: str, split: str) -> Iterator[Entry]:
    """The rows of one split of ``owner/name``, ``owner/name:config`` or a folder, numbered from 1.

    Raises:
        InputError: it cannot be found or read, or has no such split.
        MissingExtraError: `datasets` is not installed.
    """
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("Reading a data set of the Hub", "hub") from error
    datasets.disable_progress_bars()
    try:
        found = _load(source, split)
        if isinstance(found, datasets.DatasetDict):
            found = found[split]
    except Exception as error:  # whatever `datasets` raises: its errors share no base class
        raise InputError(
            f"cannot load the split '{split}': {type(error).__name__}: {error}. Without a network, give a file, or a "
            "folder saved by the library `datasets`",
            file=source,
        ) from error
    return ((number, dict(fields), None) for number, fields in enumerate(found, 1))


def _load(source: str, split: str) -> Any:
    import datasets

    if Path(source).is_dir():
        saved = any((Path(source) / name).is_file() for name in ("dataset_dict.json", "state.json"))
        return datasets.load_from_disk(source) if saved else datasets.load_dataset(source, split=split)
    name, _, config = source.partition(":")
    config = config or CONFIGS.get(name, "")
    try:
        return datasets.load_dataset(name, config or None, split=split)
    except RuntimeError as error:
        if "scripts are no longer supported" not in str(error):
            raise
        return datasets.load_dataset(name, config or None, split=split, revision=CONVERTED)
