"""News documents -> claims about them, as training data."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from quals.factcc.generate import Settings, plain, read_documents
from quals.factcc.kept import INCONSISTENT, ClaimPair, kept_claims
from quals.nlp import load_pipeline
from quals.training.data import Passage
from quals.training.examples import plan_examples
from quals.training.settings import ClaimTrainSettings


def training_claims(
    data: Iterable[str | Path], valid: Iterable[str | Path], folder: Path, settings: ClaimTrainSettings
) -> tuple[list[Passage], list[Passage]]:
    """Claims of a draw of the documents in ``data``, whole, and of windows of those in ``valid``.

    No document in ``valid`` is among the former. Claims are kept in ``folder``, and made only if they are not
    there yet.

    Raises:
        InputError: a file cannot be read.
        MissingExtraError, ModelError: the spaCy pipeline is not there.
    """
    held_out = _distinct(read_documents(valid))
    documents = {key: text for key, text in _distinct(read_documents(data)).items() if key not in held_out}
    pipeline = load_pipeline(settings.pipeline)
    chance = random.Random(settings.seed)
    drawn = [
        chance.sample(list(texts.values()), min(count, len(texts)))
        # Not every document gives a claim, so a few more of them than validation contexts.
        for texts, count in ((documents, settings.documents), (held_out, 2 * settings.validate))
    ]
    making = Settings(settings.seed, settings.sentences, settings.noised, settings.noise_rate)
    passages, validation = (kept_claims(texts, pipeline, making, folder, settings.workers) for texts in drawn)
    windows = plan_examples(
        validation,
        count=min(settings.validate, len(validation)),
        max_pairs=2 * settings.sentences,
        crop=settings.crop,
        seed=settings.seed,
        window=(settings.window_min, settings.window_max),
    )
    return passages, windows


def _distinct(documents: Iterable[str]) -> dict[str, str]:
    """Each document once, by what it says without regard to case, space and punctuation."""
    return {plain(document): document for document in documents}


def with_unsupported(
    examples: Sequence[Passage], passages: Sequence[Passage], *, share: float, seed: int
) -> list[Passage]:
    """The examples with about a ``share`` of their claims replaced by others of the same document.

    What these were made of stands outside the example's window, so that they count as inconsistent, true and
    false ones alike: the sight of most chunks of a long document. A claim stays where there is no other.
    """
    chance, whole = random.Random(seed), {passage.title: passage for passage in passages}
    made = []
    for example in examples:
        said = plain(example.context)
        others = [
            replace(pair, answer=INCONSISTENT, start=-1)
            for pair in whole[example.title].pairs
            if isinstance(pair, ClaimPair) and plain(pair.sentence) not in said
        ]
        pairs = [chance.choice(others) if chance.random() < share and others else pair for pair in example.pairs]
        made.append(replace(example, pairs=tuple(pairs)))
    return made
