"""Choosing the documents of a study, and forming pairs and attention checks from them."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence

from quals.errors import InputError
from quals.io.systems import Document
from quals.study.records import Pair
from quals.texts import words


def choose_documents(documents: Sequence[Document], count: int, strata: int, rng: random.Random) -> list[Document]:
    """Draw ``count`` documents (all, if there are fewer) at random.

    With more than one of ``strata``, the documents are sorted by length into that many parts of equal size,
    and each part gives as many, give or take one.

    Raises:
        InputError: there are more strata than documents to draw.
    """
    if not 1 <= strata <= count:
        raise InputError(f"{strata} strata do not go with {count} documents", field="strata")
    count = min(count, len(documents))
    by_length = sorted(documents, key=lambda document: (len(document.text), document.id))
    chosen = [
        document
        for part, quota in zip(_parts(by_length, strata), _quotas(count, strata), strict=True)
        for document in rng.sample(part, min(quota, len(part)))
    ]
    taken = {document.id for document in chosen}
    left = [document for document in by_length if document.id not in taken]
    return chosen + rng.sample(left, count - len(chosen))


def form_pairs(documents: Sequence[Document], systems: Sequence[str]) -> list[Pair]:
    """Every two systems' summaries of every document."""
    return [
        Pair(document, first, second, document.summaries[first], document.summaries[second])
        for first, second in itertools.combinations(systems, 2)
        for document in documents
    ]


def form_checks(
    documents: Sequence[Document], spare: Sequence[Document], systems: Sequence[str], count: int, rng: random.Random
) -> list[Pair]:
    """Attention checks: a summary of a document against the least similar summary of another document.

    Documents that are not in the study (``spare``) are taken first, so that no annotator reads one twice.

    Raises:
        InputError: there are too few documents, or their summaries are all alike.
    """
    candidates = rng.sample(list(spare), len(spare)) + rng.sample(list(documents), len(documents))
    everything = [*documents, *spare]
    if count > len(candidates) or (count and len(everything) < 2):
        raise InputError(f"{count} attention checks need as many documents, and at least two", field="checks")
    checks = []
    for document in candidates[:count]:
        usable = [system for system in systems if _others(document, everything, system)]
        if not usable:
            raise InputError("no attention check can be made of summaries that are all alike", field="checks")
        system = rng.choice(usable)
        others = _others(document, everything, system)
        said = set(words(document.text))
        alike = {other.id: _share(other.summaries[system], said) for other in others}
        foreign = min(others, key=lambda other: (alike[other.id], other.id))
        own, alien = document.summaries[system], foreign.summaries[system]
        checks.append(Pair(document, system, f"{system} (of another document)", own, alien, check=True))
    return checks


def _others(document: Document, everything: Sequence[Document], system: str) -> list[Document]:
    """The documents of which the system has written something else."""
    return [other for other in everything if other.summaries[system] != document.summaries[system]]


def _parts(documents: list[Document], strata: int) -> list[list[Document]]:
    bounds = [len(documents) * part // strata for part in range(strata + 1)]
    return [documents[start:end] for start, end in itertools.pairwise(bounds)]


def _quotas(count: int, strata: int) -> list[int]:
    return [count * (part + 1) // strata - count * part // strata for part in range(strata)]


def _share(summary: str, said: set[str]) -> float:
    wanted = set(words(summary))
    return len(wanted & said) / max(len(wanted), 1)
