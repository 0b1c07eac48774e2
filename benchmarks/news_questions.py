"""Questions about news that the news answers: what qa-small is trained on besides data that people wrote.

    python benchmarks/news_questions.py NEWS.jsonl.gz OUTPUT.jsonl --documents 900

They are written and filtered as QAGS does it (`quals.metrics.Qags.ask`), about two neighbouring sentences of each
article and about its reference summary; of the questions to one answer only the most probable is kept. The first ask
for what stands in the article itself; of the second those are kept whose answer stands in it exactly once. The context
is a longer part of the article, so that the answer has to be found as it is when QAGS reads a document. Nobody has
judged these pairs: they are as right as the models. A run that was stopped goes on when the command is repeated.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from quals.io.rows import FieldNames, read_rows
from quals.lm.beam import BeamSettings
from quals.metrics.qags import Qags, QagsSettings
from quals.nlp import sentences
from quals.qags.candidates import candidates
from quals.records import Span

WORDS = (80, 330)  # of a context; the longest is about what the answering model reads at a time
SETTINGS = QagsSettings(candidates=10, search=BeamSettings(width=2))
STEP = 20


def window(spans: Sequence[Span], first: int, last: int, document: str, words: int, chance: random.Random) -> Span:
    """A part of the document of about so many words: whole sentences around those from ``first`` to before ``last``."""
    begin, end = first, last
    while len(document[spans[begin].start : spans[end - 1].end].split()) < words and (begin or end < len(spans)):
        if begin and (end == len(spans) or chance.random() < 0.5):
            begin -= 1
        else:
            end += 1
    return Span(spans[begin].start, spans[end - 1].end)


def pairs_about(metric: Qags, articles: Sequence[tuple[str, str]], chance: random.Random) -> Iterator[dict[str, Any]]:
    """Rows {context, question, answer, answer_start} about articles, each given with its reference summary."""
    places: dict[str, tuple[str, int]] = {}  # what is asked about -> context, and where in it that stands, or -1
    split = sentences(metric.pipeline, [document for document, _ in articles])
    for (document, reference), spans in zip(articles, split, strict=True):
        if len(spans) < 3:
            continue
        first = chance.randrange(len(spans) - 1)
        around = window(spans, first, first + 2, document, chance.randint(*WORDS), chance)
        text = document[spans[first].start : spans[first + 1].end]
        places[text] = (document[around.start : around.end], spans[first].start - around.start)
        beginning = window(spans, 0, 1, document, WORDS[1], chance)
        places[reference] = (document[beginning.start : beginning.end], -1)
    texts = list(places)
    found = dict(zip(texts, candidates(metric.pipeline, texts, SETTINGS.candidates), strict=True))
    for text, asked in zip(texts, metric.ask(found), strict=True):
        context, start = places[text]
        best = {one.question.candidate: one.question for one in reversed(asked)}  # the most probable come first
        for candidate, question in best.items():
            if start >= 0 or context.count(candidate.answer) == 1:
                place = start + candidate.span.start if start >= 0 else context.index(candidate.answer)
                yield {"context": context, "question": question.text, "answer": candidate.answer, "answer_start": place}


@click.command(help=__doc__)
@click.argument("news", type=click.Path(exists=True))
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--documents", default=900, show_default=True, help="Articles, drawn at random.")
@click.option("--from", "start", default=0, help="Leave out so many of those drawn.")
@click.option("--device", default="auto", show_default=True)
def main(news: str, output: Path, documents: int, start: int, device: str) -> None:
    rows = [row for row in read_rows(news, FieldNames()) if row.document and row.summary]
    drawn = random.Random(0).sample(rows, min(documents, len(rows)))[start:]
    metric, done = Qags(device=device, settings=SETTINGS), output.with_suffix(".done")
    first = int(done.read_text()) if done.is_file() else 0
    with output.open("a", encoding="utf-8") as file:
        for begin in range(first, len(drawn), STEP):
            articles = [(row.document, row.summary) for row in drawn[begin : begin + STEP]]
            for pair in pairs_about(metric, articles, random.Random(start + begin)):
                file.write(json.dumps(pair, ensure_ascii=False) + "\n")
            file.flush()
            done.write_text(str(begin + STEP))
            click.echo(f"{min(begin + STEP, len(drawn))} of {len(drawn)}", err=True)


if __name__ == "__main__":
    main()
