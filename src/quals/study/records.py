"""What flows through a study: documents -> pairs -> items (who sees what, where) -> judgements."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from quals.io.systems import Document

ATTRIBUTES = {
    "consistency": "Factual consistency",
    "informativeness": "Informativeness",
    "grammar": "Grammatical correctness",
}
CHOICES = ("left", "equal", "right")


@dataclass(frozen=True)
class Pair:
    """Two summaries of one document.

    An attention check (``check``) sets a summary of the document against one of another document: whoever
    reads the document prefers the ``first`` on factual consistency.
    """

    document: Document
    first: str
    second: str
    first_text: str
    second_text: str
    check: bool = False

    @property
    def systems(self) -> tuple[str, str]:
        """The two systems compared, in the order in which the report names them."""
        return self.first, self.second


@dataclass(frozen=True)
class Item:
    """One pair shown to one annotator; with ``flipped`` the pair's second summary stands on the left."""

    annotator: int
    pair: int
    flipped: bool
    repeat: bool = False


@dataclass(frozen=True)
class Plan:
    """A whole study before anybody has answered: ``items`` are in the order each annotator sees them."""

    pairs: list[Pair]
    items: list[Item]


@dataclass(frozen=True)
class Answer:
    """What an annotator has said about an item so far.

    Attributes:
        choices: attribute -> one of `CHOICES`; attributes not yet answered are absent.
        marks: the words marked as wrong, as ``{"side": "left", "start": 0, "end": 5}`` in characters.
        seconds: active time spent on the item up to the last save.
    """

    choices: dict[str, str] = field(default_factory=dict)
    comment: str = ""
    marks: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether every question has an answer."""
        return all(attribute in self.choices for attribute in ATTRIBUTES)


@dataclass(frozen=True)
class Judgement:
    """An answered item, with left and right resolved to the pair's first and second system.

    ``choices`` holds +1 (first better), 0 (equal) or -1 (second better) per attribute; ``marks`` name the
    side as ``"first"`` or ``"second"``.
    """

    annotator: str
    item: int
    pair: int
    document: str
    first: str
    second: str
    check: bool
    repeat: bool
    flipped: bool
    position: int
    choices: dict[str, int]
    comment: str
    marks: list[dict[str, Any]]
    seconds: float
    saved_at: str

    @property
    def counted(self) -> bool:
        """Whether it enters the results: attention checks and repeated pairs do not."""
        return not (self.check or self.repeat)
