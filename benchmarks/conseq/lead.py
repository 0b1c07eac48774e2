"""The first sentences of each document as its summary: what can be had without a model.

    python benchmarks/conseq/lead.py documents.jsonl --sentences 3 -o lead.jsonl

News tell what matters first, so that three sentences are a strong baseline for CNN/DailyMail (See et al. 2017, arXiv
1704.04368, LEAD-3). They say only what the document says: a system that consistency metrics place below them has
something to learn, one that comes near by copying has not summarized.
"""

from __future__ import annotations

from pathlib import Path

import click

from quals.io.results import json_line, refuse_same_file
from quals.io.rows import FieldNames, Row, read_rows
from quals.nlp import load_pipeline, sentences


def lead(row: Row, ends: list[int]) -> str:
    """A row with the text up to the last of these ends as its summary; its former summary may be a reference."""
    text = " ".join(row.document[: ends[-1]].split()) if ends else ""
    return json_line({**row.fields, "reference": row.reference or row.summary, "summary": text})


@click.command(help=__doc__)
@click.argument("file")
@click.option("--sentences", "count", default=3, show_default=True, type=click.IntRange(1))
@click.option("-o", "--output", required=True, type=click.Path(dir_okay=False, path_type=Path))
def main(file: str, count: int, output: Path) -> None:
    refuse_same_file(output, [file])
    read = list(read_rows(file, FieldNames()))
    for row in read:
        if row.error:
            click.echo(f"left out: {row.error}", err=True)
    rows = [row for row in read if not row.error]
    found = sentences(load_pipeline(), [row.document for row in rows])
    lines = [lead(row, [span.end for span in spans[:count]]) for row, spans in zip(rows, found, strict=True)]
    output.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
