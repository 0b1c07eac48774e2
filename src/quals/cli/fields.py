"""Options that say what an input is and which of its fields hold the texts."""

from __future__ import annotations

import click

from quals.io.rows import DEFAULT_FIELDS, FORMATS


def _field(role: str) -> str:
    *names, last = DEFAULT_FIELDS[role]
    return f"Default: {', '.join(names)} or {last}"


format_option = click.option(
    "--format", type=click.Choice(list(dict.fromkeys(FORMATS.values()))), help="Default: by suffix; stdin is jsonl."
)
document_field = click.option("--document-field", metavar="NAME", help=f"{_field('document')}.")
summary_field = click.option("--summary-field", metavar="NAME", help=f"{_field('summary')}.")
reference_field = click.option("--reference-field", metavar="NAME", help=f"{_field('reference')}, if there is one.")
