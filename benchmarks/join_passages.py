"""Put neighbouring passages of an article together, so that a model learns to answer questions about long texts.

    python benchmarks/join_passages.py OUTPUT FILE...

The files are question-answer data as for `quals train qa`; passages without a title are left out. Paragraphs of one
article, in their order, are joined by line breaks while they have at most 300 words together, and each question is
then about the whole. Every second of these contexts is in lower case, as many data sets of news are: names must be
known without their capitals. OUTPUT is JSONL, rows {context, question, answer, answer_start, title}.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import click

from quals.io.results import json_line
from quals.training.data import Pair, Passage, read_passages

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


def joined(group: Sequence[Passage]) -> Passage:
    """Some passages as one."""
    pairs, start = list[Pair](), 0
    for passage in group:
        pairs += [replace(pair, start=start + pair.start if pair.start >= 0 else -1) for pair in passage.pairs]
        start += len(passage.context) + len(BETWEEN)
    return Passage(BETWEEN.join(passage.context for passage in group), tuple(pairs), group[0].title)


def lowered(passage: Passage) -> Passage:
    """In lower case, but for the first letter of each question."""
    context, pairs = passage.context, list[Pair]()
    for pair in passage.pairs:
        question = pair.question[:1] + pair.question[1:].lower()
        pairs.append(Pair(question, pair.answer.lower(), len(context[: max(0, pair.start)].lower())))
    return Passage(context.lower(), tuple(pairs), passage.title)


@click.command(help=__doc__)
@click.argument("output", type=click.Path(path_type=Path))
@click.argument("files", nargs=-1, required=True)
def main(output: Path, files: Sequence[str]) -> None:
    groups = [joined(group) for group in neighbours(read_passages(files))]
    with output.open("w", encoding="utf-8") as stream:
        for number, passage in enumerate(groups):
            context = lowered(passage) if number % 2 else passage
            for pair in context.pairs:
                row = {"context": context.context, "question": pair.question, "answer": pair.answer}
                stream.write(json_line(row | {"answer_start": pair.start, "title": context.title}))
    click.echo(f"{len(groups)} contexts: {output}")


if __name__ == "__main__":
    main()
