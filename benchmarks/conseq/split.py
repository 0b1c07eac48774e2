"""Documents with summaries in parts: held out, to watch training by, and to train on.

    python benchmarks/conseq/split.py news.jsonl parts --heldout 100 --valid 40

Which part a document goes to is decided by the hash of its text: the same for every order of the file, and of a
document that comes twice only the first row is kept, so that none that is held out is trained on. Rows with scraped
boilerplate are left out: copied, it would score high.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import click

from quals.errors import InputError
from quals.io.results import json_line, refuse_same_file
from quals.io.rows import FieldNames, Row, read_rows
from quals.summarizer.boilerplate import boilerplate

_COUNT = click.IntRange(0)
PARTS = ("heldout", "valid", "train", "sampled")


def ordered(rows: Iterable[Row]) -> list[Row]:
    """One row of each document, in the order of the documents' hashes; case and blanks make no difference."""
    by_hash: dict[bytes, Row] = {}
    for row in rows:
        text = " ".join(row.document.casefold().split())
        by_hash.setdefault(hashlib.sha256(text.encode()).digest(), row)
    return [by_hash[name] for name in sorted(by_hash)]


def split(rows: Iterable[Row], heldout: int, valid: int, train: int, sampled: int) -> dict[str, list[Row]]:
    """The parts; ``sampled`` are the first of ``train``, of which 0 takes all that is left.

    Raises:
        InputError: nothing is left to train on.
    """
    found = ordered(rows)
    rest = found[heldout + valid :]
    if not rest:
        raise InputError(f"{len(found)} documents: too few to hold out {heldout} and {valid}")
    chosen = rest[: train or None]
    parts = {"heldout": found[:heldout], "valid": found[heldout : heldout + valid], "train": chosen}
    return {**parts, "sampled": chosen[: sampled or None]}


@click.command(help=__doc__)
@click.argument("file")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--heldout", default=100, show_default=True, type=_COUNT, help="Documents held out for the comparison.")
@click.option("--valid", default=40, show_default=True, type=_COUNT, help="Documents to watch training by.")
@click.option("--train", default=0, show_default=True, type=_COUNT, help="Documents to train on; 0: all the rest.")
@click.option("--sampled", default=0, show_default=True, type=_COUNT, help="Of those, documents to sample; 0: all.")
@click.option("--max-words", type=click.IntRange(1), help="Leave out longer documents.")
@click.option("--document-field", metavar="NAME", help="Default: as `quals score` finds it.")
@click.option("--summary-field", metavar="NAME", help="Default: as `quals score` finds it.")
def main(
    file: str,
    folder: Path,
    max_words: int | None,
    document_field: str | None,
    summary_field: str | None,
    **counts: int,
) -> None:
    for name in PARTS:
        refuse_same_file(folder / f"{name}.jsonl", [file])
    rows = list(read_rows(file, FieldNames(document_field, summary_field)))
    sound = [row for row in rows if not row.error and row.document.strip() and row.summary.strip()]
    clean = [row for row in sound if not boilerplate(row.document, row.summary)]
    short = [row for row in clean if max_words is None or len(row.document.split()) <= max_words]
    try:
        parts = split(short, **counts)
    except InputError as error:
        raise click.ClickException(str(error)) from error
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in parts.items():
        lines = [json_line(dict(row.fields)) for row in part]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    told = ", ".join(f"{name} {len(part)}" for name, part in parts.items())
    lacking, spoilt = len(rows) - len(sound), len(sound) - len(clean)
    long = "" if max_words is None else f", {len(clean) - len(short)} with longer documents"
    click.echo(
        f"{told}; left out: {lacking} rows that lack a text or cannot be read, {spoilt} with scraped boilerplate{long}"
    )


if __name__ == "__main__":
    main()
