"""A metric as reward function for trl's online trainers (GRPO, RLOO, online DPO).

>>> from trl import GRPOConfig, GRPOTrainer  # doctest: +SKIP
>>> GRPOTrainer(model, Reward(quals.Quals()), GRPOConfig(), rows)  # doctest: +SKIP

``rows`` have, beside trl's ``prompt``, the document in a column of its own: the prompt is what the model reads, and
may frame or cut it.

Only GRPO and RLOO with a single reward leave out completions without a score. Online DPO, and any trainer with several
rewards, count a missing one as 0, which may be better than a bad summary's: there give `Reward` a low ``without``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quals.errors import InputError
from quals.io.values import is_text, joined_passages
from quals.metrics.base import Metric
from quals.metrics.safe import as_read, safe_scores
from quals.records import Texts


class Reward:
    """Scores completions against the documents of their rows.

    Args:
        metric: what scores; higher is better, as for every metric here.
        document: the column with the documents, each a text or a list of passages.
        reference: the column with reference summaries, for metrics that need them; without it they have none.
        without: the reward of a completion that has no score.
    """

    def __init__(
        self,
        metric: Metric,
        *,
        document: str = "document",
        reference: str = "reference",
        without: float | None = None,
    ) -> None:
        self.metric, self.document, self.reference, self.without = metric, document, reference, without
        self.__name__ = metric.name  # trl logs rewards by it

    def __call__(self, completions: Sequence[Any], **columns: Any) -> list[float | None]:
        """A score for each completion, in order; for one that has none, ``without``.

        Args:
            completions: texts, or in a conversation lists of messages, of which the last counts.
            columns: what else trl gives: the prompts and the columns of the data set, as long as the completions.

        Raises:
            InputError: there is no column of documents.
        """
        if self.document not in columns:
            raise InputError(f"the data set has no such column; it has: {', '.join(columns)}", field=self.document)
        references = columns.get(self.reference) or [None] * len(completions)
        texts = [_text(completion) for completion in completions]
        documents = [joined_passages(text) if isinstance(text, list) else text for text in columns[self.document]]
        rows = zip(documents, texts, references, strict=True)
        given = as_read(self.metric, (Texts(*row) for row in rows))
        sound = [_is_sound(row) for row in given]
        found = iter(safe_scores(self.metric, [row for row, ok in zip(given, sound, strict=True) if ok], explain=False))
        values = (next(found).value if ok else None for ok in sound)
        return [self.without if value is None else value for value in values]


def _is_sound(row: Texts) -> bool:
    """Whether these are texts: one row of a data set that holds something else is to stop no training."""
    texts = row if row.reference is not None else row[:2]
    return all(isinstance(text, str) and is_text(text) for text in texts)


def _text(completion: str | Sequence[Mapping[str, Any]]) -> str:
    last = completion if isinstance(completion, str) else completion[-1]["content"] if completion else ""
    return str(last or "").strip()
