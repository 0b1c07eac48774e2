"""News documents -> claims about them, as training data."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from quals.errors import InputError
from quals.factcc.generate import Article, ClaimSettings, read_articles
from quals.factcc.kept import INCONSISTENT, RESTATED, ClaimPair, kept_claims
from quals.nlp import load_pipeline
from quals.texts import padded_words
from quals.training.data import Passage
from quals.training.examples import plan_examples
from quals.training.run import tell_left_out
from quals.training.settings import ClaimTrainSettings


def training_claims(
    data: Iterable[str | Path], valid: Iterable[str | Path], folder: Path, settings: ClaimTrainSettings
) -> tuple[list[Passage], list[Passage]]:
    """Claims of a draw of the documents in ``data``, whole, and of windows of those in ``valid``.

    No document in ``valid`` is among the former. Claims are kept in ``folder``, and made only if they are not
    there yet.

    Rows that cannot be read are told and left out.

    Raises:
        InputError: a file cannot be read, or no document in ``data`` is left.
        MissingExtraError, ModelError: the spaCy pipeline is not there.
    """
    left_out: list[InputError] = []
    articles, held_out = (_distinct(read_articles(paths, left_out)) for paths in (data, valid))
    tell_left_out(left_out)
    articles = {key: one for key, one in articles.items() if key not in held_out}
    if not articles:
        raise InputError("no documents to make claims of", field="data")
    pipeline = load_pipeline(settings.pipeline)
    chance = random.Random(settings.seed)
    drawn = [
        chance.sample(list(each.values()), min(count, len(each)))
        # Not every document gives a claim, so a few more of them than validation contexts.
        for each, count in ((articles, settings.documents), (held_out, 2 * settings.validate))
    ]
    making = ClaimSettings(settings.seed, settings.sentences, settings.noised, settings.noise_rate)
    passages, validation = (kept_claims(each, pipeline, making, folder, settings.workers) for each in drawn)
    windows = plan_examples(
        validation,
        count=min(settings.validate, len(validation)),
        max_pairs=2 * settings.sentences,
        crop=settings.crop,
        seed=settings.seed,
        window=(settings.window_min, settings.window_max),
    )
    return passages, windows


def _distinct(articles: Iterable[Article]) -> dict[str, Article]:
    """Each document once, by what it says without regard to case, space and punctuation."""
    return {padded_words(article.document): article for article in articles}


def with_unsupported(
    examples: Sequence[Passage], passages: Sequence[Passage], *, share: float, seed: int
) -> list[Passage]:
    """The examples with about a ``share`` of their claims replaced by others of the same document.

    What these were made of stands outside the example's window, so that they count as inconsistent, true and false
    ones alike, as in use, where most chunks of a long document lack what a claim is about. A claim stays where there
    is no other. What a summary says stands in more than one place of the document, so its claims replace none.
    """
    chance, whole = random.Random(seed), {passage.title: passage for passage in passages}
    made = []
    for example in examples:
        said = padded_words(example.context)
        others = [
            replace(pair, answer=INCONSISTENT, start=-1)
            for pair in whole[example.title].pairs
            if isinstance(pair, ClaimPair) and pair.kind != RESTATED and padded_words(pair.basis) not in said
        ]
        pairs = [chance.choice(others) if chance.random() < share and others else pair for pair in example.pairs]
        made.append(replace(example, pairs=tuple(pairs)))
    return made
