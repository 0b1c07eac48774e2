"""QAGS one example at a time, as the published pipeline runs it: what `benchmarks/speed.py` compares with.

Same models, settings and score as `quals.metrics.qags.Qags`; but every answer's questions, and every question's
answer from the summary and from each chunk of the document, are generated on their own with transformers.
"""

from __future__ import annotations

from statistics import fmean
from typing import Any

import torch
import transformers

from quals.lm.beam import BeamSettings
from quals.lm.chunks import chunks
from quals.lm.framed import PairModel
from quals.metrics.qags import Qags
from quals.qags.answer import GREEDY, Answer, best_answer
from quals.qags.candidates import candidates
from quals.qags.f1 import token_f1
from quals.qags.questions import Question, can_be_asked, is_answered_by, most_probable


class PlainQags:
    """The models and settings of ``metric``, run the plain way.

    ``evaluated`` counts the tokens read: every beam reads text and prompt, as `generate` lays them out.
    """

    def __init__(self, metric: Qags) -> None:
        self.metric, self.settings, self.evaluated = metric, metric.settings, 0

    def score(self, document: str, summary: str) -> float | None:
        """QAGS of one summary; None if there is no question to ask."""
        generator, answerer = self.metric.generator, self.metric.answerer
        (found,) = candidates(self.metric.pipeline, [summary], self.settings.candidates)
        questions = [
            Question(generator.decode(tokens[:-1]).strip(), candidate, sum(log_probs) / len(log_probs))
            for candidate in found
            for tokens, log_probs in self.generate(
                generator, generator.frame(summary), candidate.answer, self.settings.search
            )
        ]
        read = answerer.frame(summary)
        kept = [
            question
            for question in questions
            if can_be_asked(question) and is_answered_by(question, self.answer(read, question).text)
        ]
        (parts,) = chunks(answerer, [document], self.settings.chunk, self.settings.overlap)
        scores = []
        for question in most_probable(kept, self.settings.questions):
            from_document, _ = best_answer([self.answer(part.ids, question) for part in parts])
            scores.append(token_f1(from_document.text, self.answer(read, question).text))
        return fmean(scores) if scores else None

    def answer(self, text: list[int], question: Question) -> Answer:
        """What a framed text answers."""
        ((tokens, log_probs),) = self.generate(self.metric.answerer, text, question.text, GREEDY)
        return Answer(self.metric.answerer.decode(tokens[:-1]).strip(), sum(log_probs))

    def generate(
        self, model: PairModel, text: list[int], first: str, settings: BeamSettings
    ) -> list[tuple[list[int], list[float]]]:
        """`generate`, counted."""
        found = generate(model, text, first, settings)
        longest = max(len(tokens) for tokens, _ in found)
        self.evaluated += settings.width * (len(text) + len(model.prompt(first)) + longest - 1)
        return found


def generate(
    model: PairModel, text: list[int], first: str, settings: BeamSettings
) -> list[tuple[list[int], list[float]]]:
    """`beam_search` from one prompt by transformers: tokens and log-probabilities, best first."""
    weights, end, prompt = model.lm.model, model.form.end, model.prompt(first)
    start = weights.config.decoder_start_token_id if weights.config.is_encoder_decoder else None
    before = [*text, *prompt] if start is None else [start, *prompt]
    inputs = {"input_ids": text, "decoder_input_ids": before} if start is not None else {"input_ids": before}
    tensors = {name: torch.tensor([ids], device=model.lm.device) for name, ids in inputs.items()}
    found = weights.generate(
        **tensors,
        attention_mask=torch.ones_like(tensors["input_ids"]),
        logits_processor=[_Lengths(len(before), end, settings)],
        generation_config=transformers.GenerationConfig(
            num_beams=settings.width,
            num_return_sequences=settings.width,
            early_stopping=settings.width > 1,
            do_sample=False,
            max_new_tokens=settings.max_length + 1,
            eos_token_id=end,
            pad_token_id=end,
            decoder_start_token_id=start,
            return_dict_in_generate=True,
            output_logits=True,
        ),
    )
    # Which row of logits each token was chosen from; without beams there is one.
    rows = getattr(found, "beam_indices", None)
    results = []
    for i, sequence in enumerate(found.sequences[:, len(before) :].tolist()):
        tokens = sequence[: sequence.index(end) + 1]
        chosen = [0] * len(tokens) if rows is None else rows[i].tolist()
        steps = zip(tokens, chosen, found.logits, strict=False)
        results.append((tokens, [float(logits[row].log_softmax(-1)[token]) for token, row, logits in steps]))
    return results


class _Lengths(transformers.LogitsProcessor):  # type: ignore[misc]
    """No end token before the minimum length, nothing else at the maximum."""

    def __init__(self, before: int, end: int, settings: BeamSettings) -> None:
        self.before, self.end, self.settings = before, end, settings

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        step = input_ids.shape[1] - self.before
        allowed = torch.ones_like(scores, dtype=torch.bool)
        if step == self.settings.max_length:
            allowed[:] = False
        allowed[:, self.end] = step >= self.settings.min_length
        return scores.masked_fill(~allowed, -torch.inf)
