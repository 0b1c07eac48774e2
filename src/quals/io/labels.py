"""Labels of rows: from 0, wrong, to 1, right. Of rows that are sentences: are they the sentences' own?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quals.errors import InputError
from quals.io.numbers import judgement, whole
from quals.io.rows import PLACES, field_among

COPIED = (
    "the sentences of each summary all have the same label, as if it were the summary's: where a summary is false, "
    "most of its sentences are true; label each by itself"
)


def label_of(row: Mapping[str, Any], name: str = "label") -> float:
    """The label in this field, whose case may differ: 0 to 1, or true or false.

    Raises:
        InputError: it is missing, or is no such number; names the field.
    """
    field = field_among(row, (name,)) or name
    label = judgement(row.get(field))
    if label is None:
        raise InputError("missing or not a number", field=field)
    if not 0 <= label <= 1:
        raise InputError(f"{label:g} is not in 0..1", field=field)
    return label


@dataclass
class SentenceLabels:
    """Labels of rows in their order, of which some may be sentences of one summary."""

    _before: float | None = None
    _later: int = 0  # sentences that follow another one of their summary
    _alike: int = 0  # those of them with the same label as the one before
    _labels: set[float] = field(default_factory=set)

    def add(self, row: Mapping[str, Any], label: float | None) -> None:
        """The next row's; None if the row cannot be used."""
        if not whole(row.get(PLACES[1])):  # another summary begins
            self._before = None
        if label is None:
            return
        if self._before is not None:
            self._later += 1
            self._alike += label == self._before
        self._before = label
        self._labels.add(label)

    @property
    def copied(self) -> bool:
        """Whether all sentences seem to have the label of their summary, true or false alike."""
        return 1 < self._later == self._alike and len(self._labels) > 1
