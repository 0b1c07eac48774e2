"""QUALS written the obvious way with transformers: what the engine is compared with.

Same model, settings and score as `quals.metrics.quals.Quals`. But the search has 60 rows from its first step, each
with a copy of the summary; every group looks at the whole vocabulary in turn; and every pair is scored with its own
copy of the document, and again with its own copy of the summary.
"""

from __future__ import annotations

import math
from statistics import fmean

import torch

from quals.lm.chunks import chunks
from quals.lm.search import Beam
from quals.metrics.quals import Quals
from quals.qagen.select import choose, parse


class PlainQuals:
    """The model and settings of ``metric``, run the plain way; for decoder-only models.

    ``evaluated`` counts the tokens read, padding not counted.
    """

    def __init__(self, metric: Quals) -> None:
        self.qagen, self.settings = metric.qagen, metric.settings
        self.model, self.evaluated = metric.qagen.lm.model, 0

    def score(self, document: str, summary: str) -> float | None:
        """QUALS of one summary; None if no pair passes the answer filter."""
        framed = self.qagen.frame(summary)
        pairs = choose(parse(self.qagen, summary, self.search(framed)), self.settings.pairs)
        (parts,) = chunks(self.qagen, [document], self.settings.chunk, self.settings.overlap)
        differences = []
        for pair in pairs:
            from_document = max(self.mean_log_prob(part.ids, pair.tokens) for part in parts)
            differences.append(from_document - self.mean_log_prob(framed, pair.tokens))
        return fmean(differences) if differences else None

    @torch.inference_mode()
    def search(self, text: list[int]) -> list[Beam]:
        """Diverse beam search, a group at a time."""
        search, end = self.settings.search, self.qagen.form.end
        beams: list[list[int]] = [[] for _ in range(search.groups)]
        values: list[list[float]] = [[] for _ in range(search.groups)]
        rows, cache = torch.tensor([text] * search.groups, device=self.model.device), None
        for step in range(search.max_length + 1):
            self.evaluated += rows.numel()
            found = self.model(input_ids=rows, past_key_values=cache, use_cache=True, logits_to_keep=1)
            cache, log_probs = found.past_key_values, found.logits[:, 0].float().log_softmax(-1).cpu()
            if step < search.min_length:
                log_probs[:, end] = -math.inf
            chosen = torch.zeros(log_probs.shape[1])
            for group in range(search.groups):
                if beams[group][-1:] == [end]:
                    continue
                token = int((log_probs[group] - search.strength * chosen).argmax())
                token = end if step == search.max_length else token
                chosen[token] += 1
                beams[group].append(token)
                values[group].append(float(log_probs[group, token]))
            if all(beam[-1] == end for beam in beams):
                break
            rows = torch.tensor([[beam[-1]] for beam in beams], device=self.model.device)
        return [Beam(tuple(beam), tuple(own), (0.0,) * len(beam)) for beam, own in zip(beams, values, strict=True)]

    @torch.inference_mode()
    def mean_log_prob(self, text: list[int], target: tuple[int, ...]) -> float:
        """Mean log-probability per token of one target after one text."""
        ids = torch.tensor([[*text, *target[:-1]]], device=self.model.device)
        self.evaluated += ids.numel()
        log_probs = self.model(input_ids=ids, logits_to_keep=len(target)).logits[0].float().log_softmax(-1)
        return fmean(log_probs.gather(1, torch.tensor(target, device=ids.device)[:, None])[:, 0].tolist())
