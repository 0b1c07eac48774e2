"""How well a model tells true claims from false ones, by the kind of edit that made them false.

    python benchmarks/factcc.py HELDOUT.jsonl.gz --model factcc-small --documents 40

Claims are made of the sampled documents as in training (`quals.factcc`), and each is checked as the metric does it:
against the whole document, in chunks. Of each sentence there is a true and a false claim, so chance is 50 %.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import click
from common import FILE, output_option, write

from quals.factcc.evaluate import by_kind, judged, without_the_document
from quals.factcc.generate import ClaimSettings, make_claims, read_articles
from quals.factcc.kept import passage_of
from quals.factcc.model import ClaimChecker
from quals.factcc.verdict import CONSISTENT, Slip
from quals.lm.chunks import chunks
from quals.metrics.factcc import FactCCSettings
from quals.nlp import load_pipeline
from quals.texts import gist
from quals.training.data import Passage
from quals.training.settings import ClaimTrainSettings


def measure(checker: ClaimChecker, passages: Sequence[Passage], settings: FactCCSettings) -> dict[str, object]:
    """``accuracy``: balanced, over all claims and by kind; ``claims``: how many there are of each kind; ``named``."""
    claims = [[pair.question for pair in passage.pairs] for passage in passages]
    parts = chunks(checker, [passage.context for passage in passages], settings.chunk, settings.overlap)
    found = checker.check_in_parts([[part.ids for part in each] for each in parts], claims)
    checked = judged(passages, [[value for value, _ in values] for values in found])
    return {
        "documents": len(passages),
        "chunks": sum(map(len, parts)),
        "claims": dict(Counter(claim.kind for claim in checked)),
        "accuracy": by_kind(checked) | without_the_document(checker, passages),
        "named": named(checker, passages, [[part.ids for part in each] for each in parts], found),
    }


def named(
    checker: ClaimChecker,
    passages: Sequence[Passage],
    parts: Sequence[Sequence[list[int]]],
    found: Sequence[Sequence[tuple[float, int]]],
) -> dict[str, dict[str, int]]:
    """Of the false and of the true claims that it doubts: in how many it names the words that are false, or others."""
    counts = {kind: Counter({"doubted": 0, "right": 0, "other": 0}) for kind in ("false", "true")}
    for passage, of, values in zip(passages, parts, found, strict=True):
        for pair, (value, part) in zip(passage.pairs, values, strict=True):
            if value >= 0.5:
                continue
            slip = checker.slips([of[part]], [{pair.question: value}])[0][pair.question]
            truth, count = Slip.parse(pair.answer), counts["true" if pair.answer == CONSISTENT else "false"]
            count["doubted"] += 1
            if slip:
                count["right" if truth and gist(slip.words) == gist(truth.words) else "other"] += 1
    return {kind: dict(count) for kind, count in counts.items()}


@click.command(help=__doc__)
@click.argument("heldout", type=FILE)
@click.option("--model", default="factcc-small", show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--documents", default=200, show_default=True, help="A seeded sample.")
@click.option("--sentences", default=ClaimTrainSettings.sentences, show_default=True, help="Of each, at most.")
@click.option("--seed", default=0, show_default=True)
@output_option
def main(heldout: str, model: str, device: str, documents: int, sentences: int, seed: int, output: Path | None) -> None:
    checker = ClaimChecker.load(model, device=device)
    articles = list({article.document: article for article in read_articles([heldout])}.values())
    sample = random.Random(seed).sample(articles, min(documents, len(articles)))
    pipeline, settings = load_pipeline(), ClaimSettings(seed, sentences)
    made = [passage_of(one.document, list(make_claims([one], pipeline, settings))) for one in sample]
    figures = measure(checker, [passage for passage in made if passage.pairs], FactCCSettings())
    for name, value in figures["accuracy"].items():  # type: ignore[attr-defined]
        click.echo(f"{name:<20} {value:.1%}")
    click.echo(f"words named: {figures['named']}")
    made_with = {"model": checker.name, "revision": checker.revision, "file": Path(heldout).name, "seed": seed}
    write(output, made_with | figures)


if __name__ == "__main__":
    main()
