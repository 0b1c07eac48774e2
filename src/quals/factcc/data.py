"""News documents, and claims that were judged -> claims with labels, as training data."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice, zip_longest
from pathlib import Path

from quals.errors import InputError
from quals.factcc.generate import Article, ClaimSettings, read_articles
from quals.factcc.kept import kept_claims
from quals.factcc.labelled import labelled_claims
from quals.factcc.verdict import INCONSISTENT, LABELLED, RESTATED, ClaimPair
from quals.io.rows import FieldNames
from quals.nlp import load_pipeline
from quals.texts import padded_words
from quals.training.data import Passage
from quals.training.plan import plan_examples
from quals.training.run import tell_left_out
from quals.training.settings import ClaimTrainSettings


def training_claims(
    data: Iterable[str | Path],
    valid: Iterable[str | Path],
    folder: Path,
    settings: ClaimTrainSettings,
    *,
    labelled: Iterable[str | Path] = (),
    valid_labelled: Iterable[str | Path] = (),
    names: FieldNames | None = None,
) -> tuple[list[Passage], list[Passage]]:
    """Claims of a draw of the documents in ``data``, and all that are ``labelled``; and windows of held-out ones.

    Documents in ``valid`` and ``valid_labelled`` are held out. Claims that are made are kept in ``folder``, and made
    only if they are not there yet. ``names`` are the fields of what is labelled. Rows that cannot be used are told and
    left out.

    Raises:
        InputError: a file cannot be read, or there is nothing to train on.
        MissingExtraError, ModelError: the spaCy pipeline is not there.
    """
    left_out: list[InputError] = []
    pipeline = load_pipeline(settings.pipeline)
    articles, held_out = (_distinct(read_articles(paths, left_out)) for paths in (data, valid))
    judged, judged_held_out = (
        labelled_claims(paths, pipeline, settings.window_max, left_out, names) for paths in (labelled, valid_labelled)
    )
    tell_left_out(left_out)
    away = {*held_out, *(padded_words(passage.context) for passage in judged_held_out)}
    articles = {key: one for key, one in articles.items() if key not in away}
    judged = [passage for passage in judged if padded_words(passage.context) not in away]
    if not articles and not judged:
        raise InputError("no documents to make claims of", field="data")
    chance = random.Random(settings.seed)
    drawn = [
        chance.sample(list(each.values()), min(count, len(each)))
        # Not every document gives a claim, so a few more of them than validation contexts.
        for each, count in ((articles, settings.documents), (held_out, 2 * settings.validate))
    ]
    making = ClaimSettings(settings.seed, settings.sentences, settings.noised, settings.noise_rate)
    passages, validation = (kept_claims(each, pipeline, making, folder, settings.workers) for each in drawn)
    windows = (_windows(each, settings) for each in (judged_held_out, validation))
    in_turn = (window for both in zip_longest(*windows) for window in both if window)
    return passages + judged, list(islice(in_turn, settings.validate))


def _windows(passages: Sequence[Passage], settings: ClaimTrainSettings) -> list[Passage]:
    """To look at during training: one of each passage at most, drawn as those that are learnt from."""
    return plan_examples(
        passages,
        count=min(settings.validate, len(passages)),
        max_pairs=2 * settings.sentences,
        crop=settings.crop,
        seed=settings.seed,
        window=(settings.window_min, settings.window_max),
    )


def _distinct(articles: Iterable[Article]) -> dict[str, Article]:
    """Each document once, with all its summaries, by what it says without regard to case, space and punctuation."""
    found: dict[str, Article] = {}
    for article in articles:
        known = found.setdefault(key := padded_words(article.document), article)
        if article.summary not in known.summary:
            found[key] = replace(known, summary="\n".join(filter(None, (known.summary, article.summary))))
    return found


def with_unsupported(
    examples: Sequence[Passage], passages: Sequence[Passage], *, share: float, seed: int
) -> list[Passage]:
    """The examples with about a ``share`` of their claims replaced by others of the same document.

    What these were made of stands outside the example's window, so that they count as inconsistent, true and false
    ones alike, as in use, where most chunks of a long document lack what a claim is about. A claim stays where there
    is no other. What a summary says stands in more than one place of the document, so its claims replace none, nor do
    those that were judged.
    """
    chance, whole = random.Random(seed), {passage.title: passage for passage in passages}
    made = []
    for example in examples:
        said = padded_words(example.context)
        others = [
            replace(pair, answer=INCONSISTENT, start=-1)
            for pair in whole[example.title].pairs
            if isinstance(pair, ClaimPair)
            and pair.kind not in (RESTATED, LABELLED)
            and padded_words(pair.basis) not in said
        ]
        pairs = [chance.choice(others) if chance.random() < share and others else pair for pair in example.pairs]
        made.append(replace(example, pairs=tuple(pairs)))
    return made
