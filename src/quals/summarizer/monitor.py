"""Watching the training of a summarizer: held-out loss, and what it writes about held-out documents."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from math import fsum
from pathlib import Path
from typing import Any

from quals.summarizer.data import Encoded, Example
from quals.summarizer.model import Summarizer
from quals.summarizer.settings import GenerationSettings
from quals.training.monitor import Watcher

_SAMPLES = 2


class SummaryMonitor(Watcher):
    """Looks at examples that are not trained on, also before the first step.

    What it has written is no longer than ``longest`` tokens, for which the model is known to have room.
    """

    def __init__(
        self,
        model: Summarizer,
        validation: Sequence[tuple[Example, Encoded]],
        history: Path,
        every: int,
        longest: int,
    ) -> None:
        super().__init__(model.lm.model, history, every)
        self.model, self.validation = model, validation
        length = min(longest, GenerationSettings().max_length)
        self.settings = GenerationSettings(min_length=1, max_length=length, no_repeat_ngram=3)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Called by the trainer before the first step, and when a stopped run goes on."""
        super().on_train_begin(args, state, control)
        if state.is_world_process_zero and not state.global_step:
            self.look(0, 0)

    def measure(self, title: str) -> dict[str, Any]:
        """Mean negative log-probability per token (nats, the end token counted), and a few summaries."""
        if not self.validation:
            return {}
        encoded = [example for _, example in self.validation]
        scored = self.model.log_probs(
            [example.document.tolist() for example in encoded], [[example.summary.tolist()] for example in encoded]
        )
        values = [value for ((*tokens,),) in scored for value in tokens]
        loss = -fsum(values) / len(values)
        print(f"\n{title}: held-out loss {loss:.3f} nats/token ({len(encoded)} summaries)", file=sys.stderr)
        samples = self._samples()
        for sample in samples:
            print(f"  reference  {sample['reference']}\n  written    {sample['summary']}", file=sys.stderr)
        return {"loss": loss, "tokens": len(values), "samples": samples}

    def _samples(self) -> list[dict[str, Any]]:
        shown = [example for example, _ in self.validation[:_SAMPLES]]
        written = self.model.summarize([example.document for example in shown], self.settings)
        return [
            {
                "document": example.document,
                "reference": example.summary,
                "summary": result.texts[0] if result.texts else None,
            }
            for example, result in zip(shown, written, strict=True)
        ]
