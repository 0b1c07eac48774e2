"""What the trainers compute is what the model says of each summary alone behind its document."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import DECODERS, SEQ2SEQ, TEXT, plain_log_probs, tiny_pretrained

from quals.lm.architectures import language_model
from quals.lm.format import PairFormat
from quals.lm.model import LanguageModel
from quals.summarizer.data import Encoded
from quals.summarizer.examples import Collator, Contrast, contrasted
from quals.summarizer.loss import conseq_loss
from quals.training.packing import IGNORE, with_mask

LONG, SHORT = TEXT, "Who resigned?"


def encoded(lm: LanguageModel, form: PairFormat, document: str, summary: str) -> Encoded:
    ids = [lm.tokenizer(text, add_special_tokens=False).input_ids for text in (document, summary)]
    return Encoded(np.array(form.frame(ids[0]), np.int32), np.array([*ids[1], form.end], np.int32))


@pytest.mark.parametrize("kind", [*DECODERS, *SEQ2SEQ])
def test_a_batch_is_worth_its_summaries_one_by_one(kind: str) -> None:
    pretrained = tiny_pretrained(kind)
    form = PairFormat.choose(pretrained.tokenizer, encoder_decoder=pretrained.encoder_decoder)
    lm = language_model(pretrained)

    def example(document: str, summary: str) -> Encoded:
        return encoded(lm, form, document, summary)

    same = Contrast(example(LONG, "The mayor resigned."), example(LONG, "The hall was closed on 3 May."))
    other = Contrast(example(SHORT, "The mayor."), example(LONG, "Police resigned in May after a fire."))
    inputs = Collator(pretrained)([same, other, example(SHORT, "Fire.")])
    labels, negative = inputs.pop("labels"), inputs.pop("negative")
    with torch.inference_mode():
        logits = pretrained.model(**with_mask(inputs)).logits
    assert logits.shape[:2] == labels.shape
    sums = conseq_loss(logits, labels, negative, smoothing=0.1)

    expected = [0.0, 0.0]
    for item, bad in ((same.positive, 0), (same.negative, 1), (other.positive, 0), (other.negative, 1)):
        expected[bad] += summed(lm, item, bad)
    expected[0] += summed(lm, example(SHORT, "Fire."), 0)
    assert [float(value) for value in sums] == pytest.approx(expected, rel=1e-4)


def summed(lm: LanguageModel, example: Encoded, bad: int) -> float:
    target = example.summary.tolist()
    log_probs = plain_log_probs(lm, example.document.tolist(), target)[: len(target)].double()
    own = log_probs.gather(1, torch.tensor(target)[:, None]).sum(1)
    if bad:
        return float(-torch.log1p(-own.exp()).sum())
    return float(-(0.9 * own + 0.1 * log_probs.mean(1)).sum())


def test_the_vocabulary_is_scored_for_summaries_alone() -> None:
    pretrained = tiny_pretrained("llama")
    form = PairFormat.choose(pretrained.tokenizer, encoder_decoder=False)
    lm = language_model(pretrained)
    batch = [encoded(lm, form, LONG, "Fire."), encoded(lm, form, SHORT, "The mayor resigned.")]
    inputs = Collator(pretrained)(batch)
    longest = max(len(example.summary) for example in batch)
    assert len(inputs["logits_to_keep"]) == longest == inputs["labels"].shape[1]
    assert int((inputs["labels"] != IGNORE).sum()) == sum(len(example.summary) for example in batch)
    assert "negative" not in inputs


def numbered(count: int, of: int) -> list[Encoded]:
    return [Encoded(np.array([of, i], np.int32), np.array([i], np.int32)) for i in range(count)]


def of_documents(numbers: str) -> list[Encoded]:
    return [Encoded(np.array([int(n)], np.int32), np.array([i], np.int32)) for i, n in enumerate(numbers)]


@pytest.mark.parametrize(
    ("good", "bad", "together", "alone"),
    [
        ("0123", "0123", 4, 0),
        ("0123", "3120", 4, 0),
        ("0012", "2100", 4, 0),
        ("0123", "456", 0, 4),
        ("0123", "31456", 2, 3),
        ("01", "10234", 2, 3),
        ("00012", "03", 1, 4),
    ],
)
def test_what_is_of_one_document_shares_a_step(good: str, bad: str, together: int, alone: int) -> None:
    positives, negatives = of_documents(good), of_documents(bad)
    pairs = contrasted(positives, negatives, seed=3)
    same = [pair for pair in pairs if pair.positive.document[0] == pair.negative.document[0]]
    assert len(same) >= together
    assert len(pairs) == together + alone
    assert {id(pair.positive) for pair in pairs} == {id(each) for each in positives}
    assert {id(pair.negative) for pair in pairs} == {id(each) for each in negatives}


@pytest.mark.parametrize(("good", "bad"), [(3, 8), (8, 3), (1, 5)])
def test_the_shorter_list_is_repeated_evenly(good: int, bad: int) -> None:
    pairs = contrasted(numbered(good, 0), numbered(bad, 1), seed=3)
    assert len(pairs) == max(good, bad)
    for count, chosen in (
        (good, [int(pair.positive.summary[0]) for pair in pairs]),
        (bad, [int(pair.negative.summary[0]) for pair in pairs]),
    ):
        uses = [chosen.count(i) for i in range(count)]
        assert max(uses) - min(uses) <= 1
