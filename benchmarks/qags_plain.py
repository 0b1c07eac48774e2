"""QAGS one example at a time, as the published pipeline runs it, and how long it takes beside ours.

    python benchmarks/qags_plain.py examples/news.jsonl --limit 5

Same models, settings and score as `quals.metrics.qags.Qags`; but every answer's questions, and every question's
answer from the summary and from each chunk of the document, are generated on their own with transformers.
"""

from __future__ import annotations

import json
import platform
import time
from pathlib import Path
from statistics import fmean, median
from typing import Any

import click
import torch
import transformers

from quals.errors import InputError
from quals.io.text import json_lines
from quals.lm.beam import BeamSettings
from quals.lm.chunks import chunks
from quals.lm.framed import FramedModel
from quals.metrics.qags import Qags
from quals.qags.answer import GREEDY, Answer, best_answer
from quals.qags.candidates import candidates
from quals.qags.f1 import token_f1
from quals.qags.questions import Question, can_be_asked, is_answered_by, most_probable


class PlainQags:
    """The models and settings of ``metric``, run the plain way."""

    def __init__(self, metric: Qags) -> None:
        self.metric, self.settings = metric, metric.settings

    def score(self, document: str, summary: str) -> float | None:
        """QAGS of one summary; None if there is no question to ask."""
        generator, answerer = self.metric.generator, self.metric.answerer
        (found,) = candidates(self.metric.pipeline, [summary], self.settings.candidates)
        questions = [
            Question(generator.decode(tokens[:-1]).strip(), candidate, sum(log_probs) / len(log_probs))
            for candidate in found
            for tokens, log_probs in generate(
                generator, generator.frame(summary), candidate.answer, self.settings.search
            )
        ]
        read = answerer.frame(summary)
        kept = [
            question
            for question in questions
            if can_be_asked(question) and is_answered_by(question, self.answer(read, question).text)
        ]
        parts = chunks(answerer, document, self.settings.chunk, self.settings.overlap)
        scores = []
        for question in most_probable(kept, self.settings.questions):
            from_document, _ = best_answer([self.answer(part.ids, question) for part in parts])
            scores.append(token_f1(from_document.text, self.answer(read, question).text))
        return fmean(scores) if scores else None

    def answer(self, text: list[int], question: Question) -> Answer:
        """What a framed text answers."""
        ((tokens, log_probs),) = generate(self.metric.answerer, text, question.text, GREEDY)
        return Answer(self.metric.answerer.decode(tokens[:-1]).strip(), sum(log_probs))


def generate(
    model: FramedModel, text: list[int], first: str, settings: BeamSettings
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


@click.command(help=__doc__)
@click.argument("file", type=click.Path(exists=True, dir_okay=False))
@click.option("--question-model", default="qg-small", show_default=True)
@click.option("--answer-model", default="qa-small", show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option("--limit", default=20, show_default=True, help="Rows, from the first.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Where the raw figures go, as JSON.")
def main(file: str, question_model: str, answer_model: str, device: str, limit: int, output: Path | None) -> None:
    rows = [row for _, row in json_lines(file) if not isinstance(row, InputError)][:limit]
    metric = Qags(question_model, answer_model, device=device)
    plain = PlainQags(metric)
    metric.score(rows[0]["document"], rows[0]["summary"])  # warm up
    started = time.perf_counter()
    results = metric.score([row["document"] for row in rows], [row["summary"] for row in rows])
    together = (time.perf_counter() - started) / len(rows)
    seconds, values = [], []
    for row in rows:
        started = time.perf_counter()
        values.append(plain.score(row["document"], row["summary"]))
        seconds.append(time.perf_counter() - started)
    figures = {
        "file": Path(file).name,
        "rows": len(rows),
        "signature": metric.signature,
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads, {metric.answerer.lm.device.type}",
        "batched_seconds_per_summary": round(together, 3),
        "plain_seconds_per_summary": [round(value, 3) for value in seconds],
        "batched_scores": [result.value for result in results],
        "plain_scores": values,
    }
    equal = sum(result.value == value for result, value in zip(results, values, strict=True))
    click.echo(f"plain     median {median(seconds):.2f} s per summary, {min(seconds):.2f} to {max(seconds):.2f}")
    click.echo(f"batched   {together:.2f} s per summary, {len(rows)} together; {equal} of {len(rows)} scores equal")
    click.echo(metric.signature)
    if output:
        output.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
