"""News documents, and questions about texts -> claims about them, as training data."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from quals.errors import InputError
from quals.factcc.generate import Article, ClaimSettings, read_articles
from quals.factcc.kept import INCONSISTENT, RESTATED, ClaimPair, kept_claims
from quals.nlp import load_pipeline
from quals.texts import padded_words
from quals.training.data import Passage, read_passages
from quals.training.examples import plan_examples
from quals.training.run import tell_left_out
from quals.training.settings import ClaimTrainSettings

Text = TypeVar("Text", Article, Passage)


def training_claims(
    data: Iterable[str | Path],
    valid: Iterable[str | Path],
    folder: Path,
    settings: ClaimTrainSettings,
    *,
    questions: tuple[Iterable[str | Path], Iterable[str | Path]] = ((), ()),
) -> tuple[list[Passage], list[Passage]]:
    """Claims of a draw of the documents in ``data``, whole, and of windows of those in ``valid``.

    And of ``questions``: files of question-answer pairs to train on, and held-out ones. No text that is held out is
    among the others. Claims are kept in ``folder``, and made only if they are not there yet.

    Rows that cannot be read are told and left out.

    Raises:
        InputError: a file cannot be read, or no document in ``data`` is left.
        MissingExtraError, ModelError: the spaCy pipeline is not there.
    """
    left_out: list[InputError] = []
    articles, held_out = (
        _distinct(read_articles(paths, left_out), lambda article: article.document) for paths in (data, valid)
    )
    asked, asked_held_out = (
        _distinct(read_passages(paths, left_out), lambda passage: passage.context) for paths in questions
    )
    tell_left_out(left_out)
    articles, asked = _without(articles, held_out), _without(asked, asked_held_out)
    if not articles:
        raise InputError("no documents to make claims of", field="data")
    pipeline = load_pipeline(settings.pipeline)
    making = ClaimSettings(settings.seed, settings.sentences, settings.noised, settings.noise_rate)
    chance, looked_at = random.Random(settings.seed), 2 * settings.validate

    def claims(texts: Mapping[str, Article | Passage], most: int) -> list[Passage]:
        drawn = chance.sample(list(texts.values()), min(most, len(texts)))
        return kept_claims(drawn, pipeline, making, folder, settings.workers)

    # Not every document gives a claim, so a few more of them than validation contexts.
    passages, validation = claims(articles, settings.documents), claims(held_out, looked_at)
    passages, validation = (
        [*passages, *claims(asked, settings.asked)],
        [*validation, *claims(asked_held_out, looked_at)],
    )
    windows = plan_examples(
        validation,
        count=min(settings.validate, len(validation)),
        max_pairs=2 * settings.sentences,
        crop=settings.crop,
        seed=settings.seed,
        window=(settings.window_min, settings.window_max),
    )
    return passages, windows


def _distinct(texts: Iterable[Text], said: Callable[[Text], str]) -> dict[str, Text]:
    """Each text once, by what it says without regard to case, space and punctuation."""
    return {padded_words(said(text)): text for text in texts}


def _without(texts: dict[str, Text], held_out: Mapping[str, Text]) -> dict[str, Text]:
    return {key: text for key, text in texts.items() if key not in held_out}


def with_unsupported(
    examples: Sequence[Passage], passages: Sequence[Passage], *, share: float, seed: int
) -> list[Passage]:
    """The examples with about a ``share`` of their claims replaced by others of the same document.

    What these were made of stands outside the example's window, so that they count as inconsistent, true and false
    ones alike, as in use, where most chunks of a long document lack what a claim is about. A claim stays where there
    is no other. What a summary says stands in more than one place of the document, so its claims replace none.
    Passages of one title are parts of one document.
    """
    chance, whole = random.Random(seed), defaultdict[str, list[ClaimPair]](list)
    for passage in passages:
        whole[passage.title] += [pair for pair in passage.pairs if isinstance(pair, ClaimPair)]
    made = []
    for example in examples:
        said = padded_words(example.context)
        others = [
            replace(pair, answer=INCONSISTENT, start=-1)
            for pair in whole[example.title]
            if pair.kind != RESTATED and padded_words(pair.basis) not in said
        ]
        pairs = [chance.choice(others) if chance.random() < share and others else pair for pair in example.pairs]
        made.append(replace(example, pairs=tuple(pairs)))
    return made
