"""Put neighbouring passages of an article together, so that a model learns to answer questions about long texts.

    python benchmarks/join_passages.py OUTPUT FILE...

The files are question-answer data as for `quals train qa`; passages without a title are left out. Paragraphs of one
article, in their order, are joined by line breaks while they have at most 300 words together, and each question is
then about the whole. OUTPUT is JSONL, rows {context, question, answer, answer_start, title}.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import click

from quals.io.results import json_line
from quals.training.data import Passage, read_passages

WORDS = 300
BETWEEN = "\n"


def neighbours(passages: Iterable[Passage]) -> Iterator[list[Passage]]:
    """The passages of each article in order, as many together as the limit allows; alone if one is longer."""
    articles: dict[str, list[Passage]] = {}
    for passage in passages:
        if passage.title:
            articles.setdefault(passage.title, []).append(passage)
    for article in articles.values():
        group: list[Passage] = []
        for passage in article:
            if group and sum(len(each.context.split()) for each in [*group, passage]) > WORDS:
                yield group
                group = []
            group.append(passage)
        yield group


def joined(group: Sequence[Passage]) -> Iterator[dict[str, object]]:
    """The rows of some passages that become one context."""
    context, start = BETWEEN.join(passage.context for passage in group), 0
    for passage in group:
        for pair in passage.pairs:
            place = start + pair.start if pair.start >= 0 else -1
            row = {"context": context, "question": pair.question, "answer": pair.answer}
            yield row | {"answer_start": place, "title": passage.title}
        start += len(passage.context) + len(BETWEEN)


@click.command(help=__doc__)
@click.argument("output", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True)
def main(output: Path, files: Sequence[str]) -> None:
    groups = list(neighbours(read_passages(files)))
    with output.open("w", encoding="utf-8") as stream:
        stream.writelines(json_line(row) for group in groups for row in joined(group))
    click.echo(f"{sum(map(len, groups))} passages in {len(groups)} contexts: {output}")


if __name__ == "__main__":
    main()
