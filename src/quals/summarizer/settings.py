"""Options of training summarizers and of using them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from quals.errors import InputError
from quals.settings import setting


@dataclass(frozen=True)
class GenerationSettings:
    """How summaries are written; lengths are in tokens.

    Raises:
        InputError: a value is out of range.
    """

    count: int = setting(1, "Summaries of each document.", short="-n")
    sample: bool = setting(False, "Draw summaries at random instead of searching for the most probable.")
    beams: int = setting(4, "Width of the beam search; 1 is greedy.")
    top_k: int = setting(50, "Sampling: only the K most probable tokens; 0: all.")
    top_p: float = setting(1.0, "Sampling: only the most probable tokens that together have this probability.")
    temperature: float = setting(1.0, "Sampling: below 1 prefers the probable, above 1 evens out.")
    seed: int = setting(0, "Sampling: another seed, other summaries.")
    min_length: int = setting(10, "Least length of a summary.")
    max_length: int = setting(60, "Greatest length of a summary.")
    no_repeat_ngram: int = setting(0, "No sequence of N tokens twice in a summary; 0 allows it.")
    max_document: int = setting(0, "Tokens of a document that are read; 0: as many as in training.")

    def __post_init__(self) -> None:
        """Check the ranges."""
        self._require(self.count >= 1, "count", "must be at least 1")
        self._require(self.beams >= 1, "beams", "must be at least 1")
        self._require(
            self.sample or self.count <= self.beams,
            "count",
            f"{self.beams} beams find {self.beams} summaries, not {self.count}; use more beams or sample",
        )
        self._require(self.top_k >= 0, "top_k", "must be at least 0")
        self._require(0 < self.top_p <= 1, "top_p", "must be above 0 and at most 1")
        self._require(self.temperature > 0, "temperature", "must be above 0")
        self._require(0 <= self.min_length <= self.max_length, "min_length", "must be at least 0, at most max_length")
        self._require(self.max_length >= 1, "max_length", "must be at least 1")
        self._require(self.no_repeat_ngram >= 0, "no_repeat_ngram", "must be at least 0")
        self._require(self.max_document >= 0, "max_document", "must be at least 0")

    def _require(self, fine: bool, field: str, message: str) -> None:
        if not fine:
            raise InputError(message, field=field)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)


# Beams and lengths with which BART's authors and those of QUALS decode the two data sets; both forbid
# repeated trigrams.
PRESETS: dict[str, dict[str, Any]] = {
    "xsum": {"beams": 6, "min_length": 10, "max_length": 60, "no_repeat_ngram": 3},
    "cnndm": {"beams": 4, "min_length": 55, "max_length": 140, "no_repeat_ngram": 3},
}
