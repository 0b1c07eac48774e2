"""The stages of the experiment (see run.py), and how much they do in each size."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from quals.lm import store


@dataclass(frozen=True)
class Size:
    """How much is done.

    Attributes:
        heldout: documents that the systems are compared on.
        valid: documents that training is watched by.
        train: documents for maximum likelihood; 0 is all.
        sampled: of those, documents that the contrast sets are made of.
        max_words: documents of more words are left out; None: none.
        max_document: tokens of a document that a summarizer reads.
        epochs, contrast_epochs, dpo_epochs: passes over the documents, and over the contrast sets.
        contrast_rate, dpo_rate: learning rates of the contrastive trainings and of DPO; 0 is the usual one.
        share: of the references for S+, and of the lowest samples for S-.
        alike_share: the same of pairs of samples, of which a second metric confirms only some.
        length_within: how far a negative's number of words may be from its positive's, as a share; None: any.
        copying_within: how far apart, by "alike", the shares of their word pairs may be that the document has.
        spare_end: whether negatives' end tokens are left out of the loss.
        selector_dtype: arithmetic of the models that choose contrast sets; that of the tables is always float32.
        selector_beams: of QUALS where it chooses; in the tables it has its 60.
        micro_batch: examples in one pass of the model.
        loaders: processes that prepare batches for a training.
        batch_rows: documents that are summarized at a time.
        save_every: steps between checkpoints.
        page: documents on the page.
    """

    heldout: int
    valid: int
    train: int
    sampled: int
    max_words: int | None
    max_document: int
    epochs: float
    contrast_epochs: float
    dpo_epochs: float
    contrast_rate: float
    dpo_rate: float
    share: float
    alike_share: float
    length_within: float | None
    copying_within: float
    spare_end: bool
    selector_dtype: str
    selector_beams: int
    micro_batch: int
    loaders: int
    batch_rows: int
    save_every: int
    page: int


SIZES = {
    # Documents of which a small run could not read all teach a summarizer to invent the rest, so it takes short ones.
    # Of 300 documents these shares leave some 120 pairs, 45 steps in three epochs: at the rate for thousands of steps
    # that would change nothing. DPO, given as many, orders each pair by a wide margin, and good texts lose, too: it
    # stops halfway. A third of the beams cost QUALS .03 to .05 of its agreement (docs/agreement.md), and its 2,100
    # texts are the longest part.
    "small": Size(
        heldout=100,
        valid=40,
        train=400,
        sampled=300,
        max_words=250,
        max_document=512,
        epochs=3,
        contrast_epochs=3,
        dpo_epochs=1.5,
        contrast_rate=1e-4,
        dpo_rate=1e-4,
        share=0.7,
        alike_share=0.85,
        length_within=0.25,
        copying_within=0.1,
        spare_end=True,
        selector_dtype="float32",
        selector_beams=20,
        micro_batch=1,
        loaders=0,
        batch_rows=64,
        save_every=10,
        page=20,
    ),
    # Of 2,000 documents halves leave some 450 pairs, 170 steps. In the small size all that was trained further wrote
    # longer summaries, whatever had chosen the sets: pushed down like any other token of a negative, an end that is
    # nearly certain loses most. So ends are spared here, and pairs are of like length. DPO, which moved furthest there,
    # gets the usual rate.
    "full": Size(
        heldout=300,
        valid=40,
        train=3500,
        sampled=2000,
        max_words=None,
        max_document=512,
        epochs=2,
        contrast_epochs=3,
        dpo_epochs=2,
        contrast_rate=1e-4,
        dpo_rate=0,
        share=0.5,
        alike_share=0.7,
        length_within=0.25,
        copying_within=0.1,
        spare_end=True,
        selector_dtype="bfloat16",
        selector_beams=60,
        micro_batch=16,
        loaders=2,
        batch_rows=1024,
        save_every=50,
        page=50,
    ),
    "smoke": Size(
        heldout=3,
        valid=2,
        train=8,
        sampled=4,
        max_words=100,
        max_document=40,
        epochs=1,
        contrast_epochs=1,
        dpo_epochs=1,
        contrast_rate=0,
        dpo_rate=0,
        share=1.0,
        alike_share=1.0,
        length_within=2.0,
        copying_within=1.0,
        spare_end=True,
        selector_dtype="float32",
        selector_beams=60,
        micro_batch=2,
        loaders=0,
        batch_rows=4,
        save_every=2,
        page=2,
    ),
}

# Fewer of these, since their summaries cost twice as much.
SMALL_CNNDM = replace(
    SIZES["small"], heldout=80, valid=20, train=300, sampled=200, max_words=350, contrast_epochs=4, dpo_epochs=2
)

# What chooses contrast sets, each for a system of its own: a metric, among samples and references; "alike" is the
# ensemble, among samples only, drawn at a lower temperature, of which it pairs those that are as long and copy as much.
# QUALS, which is to rise with it, then confirms the pairs.
CHOSEN_BY = {"rouge": "rouge", "quals": "conseq", "alike": "conseq-alike"}
BY_DPO = {"alike": "dpo"}  # selector -> system
COOL = 0.5  # temperature; at 1 also the best sample of a small model is wrong
LEAD = {"xsum": 1, "cnndm": 3}  # sentences, about as long as the summaries there
PARTS = ("heldout", "valid", "train", "sampled")


def size_for(name: str, data: str) -> Size:
    """How much of a data set is done in the size of this name."""
    return SMALL_CNNDM if (name, data) == ("small", "cnndm") else SIZES[name]


@dataclass(frozen=True)
class Stage:
    """A command, beginning with one of the programs of run.py, and what it leaves.

    Attributes:
        after: further results that it is quicker with.
    """

    name: str
    result: Path
    command: tuple[str, ...]
    after: tuple[Path, ...] = ()

    def reads(self, path: Path) -> bool:
        """Whether the command takes this file, or one in this folder, for its input, or is quicker with it."""
        named = (re.sub(r"^[^/=]*=", "", word) for word in self.command)  # of SYSTEM=FILE the file
        given = map(Path, named)
        return path in self.after or any(path in (word, *word.parents) for word in given)


@dataclass(frozen=True)
class Plan:
    """What is done with one data set.

    Attributes:
        size: how much.
        file: rows of a document and its summary.
        folder: for all results.
        preset: of `quals summarize`.
        model: what the summarizers are made from.
        metrics: of the tables, comma-separated.
    """

    size: Size
    file: Path
    folder: Path
    preset: str
    model: str
    metrics: str

    def stages(self) -> list[Stage]:
        """All of them, in order."""
        written = [*self.summaries(), *self.scores()]
        return [*self.start(), *self.contrast(), *self.contrastive(), *written, *self.tables()]

    def start(self) -> list[Stage]:
        """The parts of the data, and the summarizer that all others start from."""
        counts = [word for name in PARTS for word in (f"--{name}", getattr(self.size, name))]
        counts += [] if self.size.max_words is None else ["--max-words", self.size.max_words]
        chosen = ["--model", self.model, "--epochs", self.size.epochs]
        trained = ["train", "summarizer", self._part("train"), *chosen, *self._training("mle")]
        return [
            self._stage("split", "split", "split", self.file, self.folder / "split", *counts),
            self._stage("mle", "mle", "quals", *trained),
        ]

    @property
    def systems(self) -> tuple[str, ...]:
        """What is compared, the baseline first, and last what nobody has trained."""
        return ("mle", *CHOSEN_BY.values(), *BY_DPO.values(), "lead")

    def contrast(self) -> list[Stage]:
        """Its samples, of any length that the model gives them, and S+ and S- by each selector."""
        drawn = ["-n", 6, "--sample", "--top-k", 50, "--min-length", 10]
        texts = [
            self._summaries("samples", "split/sampled", "mle", *drawn),
            self._summaries("cool", "split/sampled", "mle", *drawn, "--temperature", COOL),
        ]
        return texts + [self._sets(selector) for selector in CHOSEN_BY]

    def contrastive(self) -> list[Stage]:
        """The ways of going on from there."""
        size, mle, found = self.size, self.folder / "mle", []
        chosen = ["--epochs", size.contrast_epochs, "--learning-rate"]
        for selector, name in CHOSEN_BY.items():
            sets = [self.folder / f"sets-{selector}" / f"{sign}.jsonl" for sign in ("positives", "negatives")]
            words = ["train", "conseq", *sets, "--model", mle, *chosen, size.contrast_rate, *self._training(name)]
            found.append(self._stage(name, name, "quals", *words, *(["--spare-end"] if size.spare_end else [])))
        for selector, name in BY_DPO.items():
            pairs, target = self.folder / f"sets-{selector}" / "dpo.jsonl", self.folder / name
            trained = ["--epochs", size.dpo_epochs, "--learning-rate", size.dpo_rate, *self._common()]
            words = [mle, pairs, *trained, "-o", target]
            found.append(self._stage(name, name, "dpo", *words))
        return found

    def summaries(self) -> list[Stage]:
        """What each system writes about the documents held out."""
        *trained, lead = self.systems
        cut = [self._part("heldout"), "--sentences", LEAD[self.preset], "-o", self.folder / f"summaries-{lead}.jsonl"]
        found = [self._summaries(f"summaries-{name}", "split/heldout", name) for name in trained]
        return [*found, self._stage(f"summaries-{lead}", f"summaries-{lead}.jsonl", "lead", *cut)]

    def scores(self) -> list[Stage]:
        """The scores of each system's summaries, as soon as there are any; the tables find them in the cache."""
        return [self._table(f"scores-{name}", (name,)) for name in self.systems]

    def tables(self) -> list[Stage]:
        """All systems against maximum likelihood, with a page; CONSEQ against ROUGE-contrastive."""
        page = ["--page", self.folder / "page.html", "--page-rows", self.size.page]
        after = tuple(stage.result for stage in self.scores())
        found = [self._table("table", self.systems, *page), self._table("against-rouge", ("rouge", "conseq"))]
        return [replace(stage, after=after) for stage in found]

    def _stage(self, name: str, result: str, *words: object) -> Stage:
        return Stage(name, self.folder / result, tuple(map(str, words)))

    def _part(self, name: str) -> Path:
        return self.folder / "split" / f"{name}.jsonl"

    def _common(self) -> list[object]:
        size = self.size
        return ["--micro-batch", size.micro_batch, "--save-every", size.save_every, "--loaders", size.loaders]

    def _training(self, name: str) -> list[object]:
        watched = ["--valid", self._part("valid"), "--max-document", self.size.max_document]
        return [*self._common(), *watched, "-o", self.folder / name]

    def _sets(self, selector: str) -> Stage:
        """From rows with samples and their reference."""
        size, chosen = self.size, list[object]()
        if selector == "alike":
            source, share, metrics = "cool", size.alike_share, ["ensemble", "quals"]
            chosen += ["--confirm", "quals", "--good", "samples", "--copying-within", size.copying_within]
        else:
            source, share, metrics = "samples", size.share, [selector]
        for metric in metrics:
            if metric != "rouge" and size.selector_dtype != "float32":
                chosen += ["--set", f"{metric}.dtype={size.selector_dtype}"]
            if metric == "quals" and size.selector_beams != 60:
                chosen += ["--set", f"quals.search.groups={size.selector_beams}"]
        if size.length_within is not None:
            chosen += ["--length-within", size.length_within]
        name, shares = f"sets-{selector}", ["--positives", share, "--negatives", share]
        words = [self.folder / f"{source}.jsonl", "--metric", metrics[0], *shares, *chosen, "-o", self.folder / name]
        return self._stage(name, name, "quals", "contrast", *words)

    def _summaries(self, name: str, source: str, system: str, *drawn: object) -> Stage:
        path = self.folder / f"{name}.jsonl"
        words = ["summarize", self.folder / f"{source}.jsonl", "--model", self.folder / system, "--preset", self.preset]
        words += ["--batch-rows", self.size.batch_rows, *drawn]
        return self._stage(name, path.name, "quals", *words, "--resume", "-o", path)

    def _table(self, name: str, systems: Sequence[str], *more: object) -> Stage:
        files = [f"{system}={self.folder / f'summaries-{system}.jsonl'}" for system in systems]
        outputs = [word for ending in ("md", "json") for word in ("-o", self.folder / f"{name}.{ending}")]
        return self._stage(name, f"{name}.json", "quals", "compare", *files, "-m", self.metrics, *outputs, *more)

    def keys(self) -> dict[str, str]:
        """Stage -> what changes when its command or what it reads does; where the files lie does not matter.

        What scores reads the shipped models, too.
        """
        made: dict[str, str] = {}
        models = [f"{name} {store.revision(folder)}" for name, folder in store.shipped_models().items()]
        earlier: list[Stage] = []
        with self.file.open("rb") as stream:
            data = hashlib.file_digest(stream, "sha256").hexdigest()
        for stage in self.stages():
            words = [word.replace(str(self.folder), "").replace(str(self.file), "") for word in stage.command]
            inputs = [made[other.name] for other in earlier if stage.reads(other.result)]
            inputs += [data] if stage.reads(self.file) else []
            inputs += models if stage.command[1] in ("contrast", "compare") else []
            made[stage.name] = hashlib.sha256(json.dumps([words, inputs]).encode()).hexdigest()[:12]
            earlier.append(stage)
        return made
