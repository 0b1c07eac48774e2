"""The one place that calls a summarizer: rows in, the same rows with samples in a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from quals.io.results import JsonlWriter
from quals.io.rows import Row
from quals.scoring.progress import Advance, untold
from quals.summarizer.model import Summarizer
from quals.summarizer.run import Tally, output_row, skip_summarized, summarized
from quals.summarizer.settings import GenerationSettings


def write_samples(
    rows: Iterator[Row],
    model: Summarizer,
    settings: GenerationSettings,
    path: Path,
    advance: Advance = untold,
) -> None:
    """What ``quals summarize --sample`` writes, as JSONL; the rows that an earlier run has finished are kept.

    Raises:
        InputError: the file holds samples of other rows, or made in another way.
    """
    signature = model.signature(settings)
    with JsonlWriter(path, append=True) as writer:
        skip_summarized(path, rows, Tally(), settings, signature)
        for row, result in summarized(rows, model, settings):
            writer.write_row(output_row(row, result, settings, signature))
            advance(1)
