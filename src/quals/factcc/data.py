"""News documents -> claims about them, as training data."""

from __future__ import annotations

import hashlib
import json
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import quals
from quals.factcc.generate import Claim, Settings, make_claims, plain, read_documents
from quals.factcc.model import CONSISTENT, INCONSISTENT
from quals.nlp import load_pipeline
from quals.training.data import Pair, Passage
from quals.training.examples import plan_examples
from quals.training.settings import ClaimTrainSettings

if TYPE_CHECKING:
    from spacy.language import Language

_BATCH = 64  # documents between two writes: what a kill can lose


@dataclass(frozen=True)
class ClaimPair(Pair):
    """A claim as the question, its verdict as the answer; it rests on ``sentence``, which begins at ``start``.

    ``kind`` is how the sentence was made false, in its true claim too, so that each kind has both.
    """

    kind: str = ""
    sentence: str = ""

    @property
    def end(self) -> int:
        """The character behind the sentence."""
        return self.start + len(self.sentence)


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
    passages, validation = (kept_claims(texts, pipeline, making, folder) for texts in drawn)
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


def kept_claims(documents: Sequence[str], pipeline: Language, settings: Settings, folder: Path) -> list[Passage]:
    """The claims of each document that gives any, from ``folder`` as far as they are there, made and kept if not.

    Several processes may ask for the same at once: one makes them, the others wait.
    """
    from filelock import FileLock

    if not documents:
        return []
    meta = pipeline.meta
    making = [quals.__version__, f"{meta['lang']}_{meta['name']}@{meta['version']}", asdict(settings), documents]
    path = folder / f"{hashlib.sha256(json.dumps(making).encode()).hexdigest()[:16]}.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{path}.lock"):
        _complete(path, documents, pipeline, settings)
    with path.open(encoding="utf-8") as lines:
        passages = [_passage(json.loads(line), number) for number, line in enumerate(lines)]
    return [passage for passage in passages if passage.pairs]


def _complete(path: Path, documents: Sequence[str], pipeline: Language, settings: Settings) -> None:
    """Append a line for each document that has none; a last line without an end is made anew."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    whole = [line for line in lines if line.endswith(b"\n")]
    with path.open("ab") as stream:
        stream.truncate(sum(map(len, whole)))
        for batch in _in_batches(documents, len(whole)):
            claims = make_claims(batch, pipeline, settings)
            of = {document: list(group) for document, group in groupby(claims, key=lambda claim: claim.document)}
            for document in batch:
                record = {"document": document, "claims": _twins(document, of.get(document, []))}
                stream.write(json.dumps(record).encode() + b"\n")
            stream.flush()


def _in_batches(documents: Sequence[str], done: int) -> Iterator[Sequence[str]]:
    """Those not done, with a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    if done < len(documents):
        print(f"Making claims of {len(documents) - done} documents", file=sys.stderr)
    with Progress(console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("claims", total=len(documents), completed=done)
        for start in range(done, len(documents), _BATCH):
            yield documents[start : start + _BATCH]
            bar.advance(task, _BATCH)


def _twins(document: str, claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """Each sentence's true claim and its false one, as the fields of a `ClaimPair`."""
    return [
        asdict(ClaimPair(claim.claim, verdict, document.index(claim.sentence), false.kind, claim.sentence))
        for true, false in zip(claims[::2], claims[1::2], strict=True)
        for claim, verdict in ((true, CONSISTENT), (false, INCONSISTENT))
    ]


def _passage(record: dict[str, Any], number: int) -> Passage:
    return Passage(record["document"], tuple(ClaimPair(**claim) for claim in record["claims"]), f"document {number}")


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
