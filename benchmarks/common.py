"""What the benchmarks have in common: the files they are given and write, and where and when something was measured."""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from quals.evaluate.labelled import DataSet

FILE = click.Path(exists=True, dir_okay=False)
file_argument = click.argument("file", type=FILE)
files_argument = click.argument("files", nargs=-1, required=True, type=FILE)
output_option = click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where the raw figures go, as JSON."
)
rounds_option = click.option("--rounds", default=3, show_default=True, type=click.IntRange(1))


def write(output: Path | None, content: Mapping[str, object]) -> None:
    """Write the raw figures, if somebody wants them in a file."""
    if output:
        output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def share_at_highest(values: Sequence[float], chosen: Collection[int]) -> float:
    """Of the places that have the highest value, the share of ``chosen`` ones: ties favour nobody."""
    highest = max(values)
    return fmean(place in chosen for place, value in enumerate(values) if value == highest)


def tell_versions(data: DataSet) -> None:
    """Tell where documents differ in digits, punctuation or spaces alone: they are drawn as if independent."""
    documents = set(data.documents)
    articles = {re.sub(r"[\W\d_]+", "", document) for document in documents}
    if len(articles) < len(documents):
        click.echo(f"{data.name}: its {len(documents)} documents are versions of {len(articles)}", err=True)


def today() -> str:
    """The date, in UTC, as in ISO 8601."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()


def machine() -> str:
    """Processor, cores, GPU if one can be used, system and Python; never the machine's name."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    system = f"{platform.system()} {platform.machine()}"
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    return f"{_processor()}, {cores} cores{gpu}, {system}, Python {platform.python_version()}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "unknown processor"
