"""Claims and judged pairs about toy texts, and a tiny QAGen that writes such pairs."""

from __future__ import annotations

import random
from pathlib import Path

from test_train import DAYS, NAMES, passages
from tiny import save_tiny

from quals.factcc.verdict import ClaimPair, Slip
from quals.qagen.judged import JudgedPair
from quals.qagen.model import QAGen
from quals.training.data import Passage
from quals.training.settings import TrainSettings
from quals.training.train import train_model


def toy(count: int, seed: int = 0) -> list[Passage]:
    """The same texts as documents, with true claims and such as have another name or day."""
    chance, made = random.Random(seed), []
    for number in range(count):
        name, day = chance.choice(NAMES), chance.choice(DAYS)
        text = f"{name} resigned on {day}."
        wrong = [(f"{other} resigned on {day}.", "entity", Slip(other, name)) for other in NAMES if other != name]
        wrong += [(f"{name} resigned on {other}.", "date", Slip(other, day)) for other in DAYS if other != day]
        pairs = [ClaimPair(text, "yes", 0, text), *(ClaimPair(c, s.verdict, 0, text, kind) for c, kind, s in wrong)]
        made.append(Passage(text, tuple(pairs), str(number)))
    return made


def judged_as(supported: bool, claim: str = "C.", basis: str = "It rained.", kind: str = "entity") -> JudgedPair:
    return JudgedPair("What?", "the rain", 0, basis, claim, kind, -0.5, supported)


def tiny_qagen(folder: Path) -> Path:
    """A QAGen model in a folder of this one, trained on such texts."""
    settings = TrainSettings(
        model=str(save_tiny(folder)),
        contexts=1200,
        crop=0.0,
        learning_rate=1e-2,
        batch=8,
        micro_batch=8,
        device="cpu",
        lora_rank=0,
    )
    train_model(QAGen, passages(30), [], folder / "qagen", settings)
    return folder / "qagen"
