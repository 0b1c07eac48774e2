"""Watching a training run: held-out loss and a few generated pairs, kept in a file that survives a kill."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import transformers

from quals.lm.framed import FramedModel
from quals.training.data import Passage
from quals.training.loss import held_out_loss

Measure = Callable[[Any, Sequence[Passage]], dict[str, float]]  # model and passages -> figures by name


class Monitor(transformers.TrainerCallback):  # type: ignore[misc]
    """Looks at the validation data every ``every`` steps and at the end; appends what it saw to ``history``."""

    def __init__(
        self,
        model: FramedModel,
        validation: Sequence[Passage],
        history: Path,
        every: int = 200,
        measure: Measure | None = None,
    ) -> None:
        self.model, self.validation, self.history, self.every = model, validation, history, every
        self.measure = measure
        self.started = time.monotonic()
        self.before = max((record["hours"] for record in self.read()), default=0.0)

    def read(self) -> list[dict[str, Any]]:
        """What was seen so far, earlier runs included, oldest first."""
        if not self.history.is_file():
            return []
        return [json.loads(line) for line in self.history.read_text().splitlines()]

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Called by the trainer after each optimizer step."""
        last = state.global_step == state.max_steps
        if state.is_world_process_zero and (last or state.global_step % self.every == 0):
            contexts = state.global_step * args.train_batch_size * args.gradient_accumulation_steps * args.world_size
            self.look(state.global_step, contexts)

    def look(self, step: int, contexts: int) -> None:
        """Measure, show and record."""
        weights = self.model.lm.model
        weights.eval()
        record: dict[str, Any] = {"step": step, "contexts": contexts}
        record["hours"] = round(self.before + (time.monotonic() - self.started) / 3600, 3)
        if self.validation:
            loss = held_out_loss(self.model, self.validation)
            record |= loss.to_dict()
            record["figures"] = self.measure(self.model, self.validation) if self.measure else {}
            record["samples"] = [
                {"context": passage.context, "pairs": self._sample(passage)} for passage in self.validation[:2]
            ]
            print(f"\nstep {step}, {contexts} contexts: held-out {loss}", file=sys.stderr)
            for name, value in record["figures"].items():
                print(f"  {name} {value:.3f}", file=sys.stderr)
            for sample in record["samples"]:
                for question, answer in sample["pairs"]:
                    print(f"  {question} | {answer}", file=sys.stderr)
        self.history.parent.mkdir(parents=True, exist_ok=True)
        with self.history.open("a") as stream:
            stream.write(json.dumps(record) + "\n")
        weights.train()

    def _sample(self, passage: Passage) -> list[tuple[str, str]]:
        pairs = [(pair.question, pair.answer) for pair in passage.pairs]
        return self.model.sample(passage.context, pairs[:3])
