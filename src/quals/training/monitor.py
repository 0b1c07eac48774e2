"""Watching a training run: held-out loss and a few generated pairs, kept in a file that survives a kill."""

from __future__ import annotations

import json
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import transformers

from quals.io.files import write_whole
from quals.lm.framed import PairModel
from quals.training.data import Passage
from quals.training.held_out import held_out_loss

Measure = Callable[[Any, Sequence[Passage]], dict[str, float]]  # model and passages -> figures by name


class Watcher(transformers.TrainerCallback, ABC):  # type: ignore[misc]
    """Measures every ``every`` steps and at the end; appends what it saw to ``history``.

    A subclass says what there is to measure; ``unit`` is what its training examples are called.
    """

    unit = "examples"

    def __init__(self, weights: Any, history: Path, every: int) -> None:
        self.weights, self.history, self.every = weights, history, every
        self.started, self.before = time.monotonic(), 0.0

    def read(self) -> list[dict[str, Any]]:
        """What was seen so far, earlier runs included, oldest first; a line that a kill cut off is none."""
        if not self.history.is_file():
            return []
        return [json.loads(line) for line in self.history.read_text().split("\n")[:-1]]

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Called by the trainer before the first step, and when a stopped run goes on: what it saw after its checkpoint
        it will see again."""
        state.save_steps = args.save_steps  # a checkpoint has that of the command before
        if state.is_world_process_zero and self.history.is_file():
            kept = [record for record in self.read() if record["step"] <= state.global_step > 0]
            self.before = max((record["hours"] for record in kept), default=0.0)
            write_whole(self.history, "".join(json.dumps(record) + "\n" for record in kept))

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
        """Called by the trainer after each optimizer step."""
        last = state.global_step == state.max_steps
        if state.is_world_process_zero and (last or state.global_step % self.every == 0):
            batch = args.train_batch_size * args.gradient_accumulation_steps * args.world_size
            self.look(state.global_step, seen(state.global_step, batch, len(given["train_dataloader"].dataset)))

    def look(self, step: int, examples: int) -> None:
        """Measure, show and record."""
        self.weights.eval()
        hours = round(self.before + (time.monotonic() - self.started) / 3600, 3)
        record = {"step": step, self.unit: examples, "hours": hours}
        record |= self.measure(f"step {step}, {examples} {self.unit}")
        self.history.parent.mkdir(parents=True, exist_ok=True)
        with self.history.open("a") as stream:
            stream.write(json.dumps(record) + "\n")
        self.weights.train()

    @abstractmethod
    def measure(self, title: str) -> dict[str, Any]:
        """What there is to record, shown under ``title``."""


def seen(steps: int, batch: int, count: int) -> int:
    """How many of ``count`` examples, repeated epochs counted, so many steps saw; an epoch's last may see fewer."""
    epochs, rest = divmod(steps, -(-count // batch))
    return epochs * count + min(rest * batch, count)


class Monitor(Watcher):
    """Looks at passages that are not trained on."""

    unit = "contexts"

    def __init__(
        self,
        model: PairModel,
        validation: Sequence[Passage],
        history: Path,
        every: int = 200,
        figures: Measure | None = None,
    ) -> None:
        super().__init__(model.lm.model, history, every)
        self.model, self.validation, self.figures = model, validation, figures

    def measure(self, title: str) -> dict[str, Any]:
        """Held-out loss, what ``figures`` finds, and a few generated pairs."""
        figures = self.figures(self.model, self.validation) if self.figures else {}
        for name, value in figures.items():
            print(f"{title}: {name} {value:.3f}", file=sys.stderr)
        if not self.validation:
            return {"figures": figures} if figures else {}
        loss = held_out_loss(self.model, self.validation)
        samples = [{"context": passage.context, "pairs": self._sample(passage)} for passage in self.validation[:2]]
        print(f"\n{title}: held-out {loss}", file=sys.stderr)
        for sample in samples:
            for question, answer in sample["pairs"]:
                print(f"  {question} | {answer}", file=sys.stderr)
        return {**loss.to_dict(), "figures": figures, "samples": samples}

    def _sample(self, passage: Passage) -> list[tuple[str, str]]:
        pairs = [(pair.question, pair.answer) for pair in passage.pairs]
        return self.model.sample(passage.context, pairs[:3])
