"""QAGen in use."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from quals.lm.batching import in_batches
from quals.lm.format import QAGEN, Task
from quals.lm.framed import TYPICAL_LENGTH, PairModel
from quals.lm.search import Beam, SearchSettings, diverse_beam_search
from quals.qagen.select import choose, parse


class QAGen(PairModel):
    """A model that reads a text and writes question-answer pairs."""

    task: ClassVar[Task] = QAGEN

    def search(self, texts: Sequence[str], settings: SearchSettings) -> list[list[Beam]]:
        """Diverse beam search from each text, in batches."""
        return in_batches(
            [self.frame(text) for text in texts],
            lambda batch: diverse_beam_search(self.lm, batch, self.form.end, settings),
            cost=lambda text: len(text) + settings.groups * TYPICAL_LENGTH,
            budget=self.budget,
        )

    def sample(self, context: str, pairs: Sequence[tuple[str, str]] = ()) -> list[tuple[str, str]]:
        """The pairs the model would ask first, of few beams; ``pairs`` are not looked at."""
        count = 3
        (beams,) = self.search([context], SearchSettings(groups=4 * count))
        return [(pair.question, pair.answer) for pair in choose(parse(self, context, beams), count)]
