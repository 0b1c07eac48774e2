"""How good a QAGen model is: held-out loss per token, and the share of written pairs that pass the answer filter.

python benchmarks/qagen.py HELDOUT.jsonl.gz NEWS.jsonl.gz --model quals-small --contexts 120
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import click
from common import FILE, output_option, write

from quals.errors import InputError
from quals.io.text import json_lines
from quals.lm.search import SearchSettings
from quals.qagen.model import QAGen
from quals.qagen.select import parse
from quals.training.data import read_passages
from quals.training.held_out import held_out_loss


def answer_filter_share(qagen: QAGen, texts: Sequence[str]) -> float:
    """Share of the pairs written about ``texts`` whose answer stands in the text."""
    search = SearchSettings()
    beams = qagen.search(texts, search)
    kept = sum(len(parse(qagen, text, found)) for text, found in zip(texts, beams, strict=True))
    return kept / (search.groups * len(texts))


@click.command()
@click.argument("heldout", type=FILE)
@click.argument("news", type=FILE)
@click.option("--model", default="quals-small", show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option(
    "--contexts", default=300, show_default=True, help="Held-out contexts, a seeded sample; at most 6 pairs each."
)
@click.option("--summaries", default=100, show_default=True, help="News summaries, a seeded sample.")
@output_option
def qagen(heldout: str, news: str, model: str, device: str, contexts: int, summaries: int, output: Path | None) -> None:
    """Measure on HELDOUT (question-answer data) and NEWS (rows with a summary)."""
    chance = random.Random(0)
    passages = read_passages([heldout])
    texts = [row["summary"] for _, row in json_lines(news) if not isinstance(row, InputError)]
    generator = QAGen.load(model, device=device)
    loss = held_out_loss(generator, chance.sample(passages, min(contexts, len(passages))))
    click.echo(f"held-out loss     {loss}")
    texts = chance.sample(texts, min(summaries, len(texts)))
    share = answer_filter_share(generator, texts)
    click.echo(f"pairs that pass   {share:.1%} of 60 for each of {len(texts)} summaries")
    samples = [{"summary": text, "pairs": generator.sample(text)} for text in texts[:10]]
    for sample in samples:
        click.echo(f"\n{sample['summary']}")
        for question, answer in sample["pairs"]:
            click.echo(f"  {question} | {answer}")
    made_with = {"model": generator.name, "revision": generator.revision}
    write(output, made_with | {"loss": loss.to_dict(), "filter_share": share, "samples": samples})


if __name__ == "__main__":
    qagen()
