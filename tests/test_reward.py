"""A metric as reward, alone and in the real trl."""

from __future__ import annotations

import math

import pytest
import torch
from overlap import Overlap
from tiny import tiny_pretrained
from word_pairs import DOCUMENT, WordPairs

from quals.errors import InputError
from quals.integrations.trl import Reward
from quals.metrics.rouge import Rouge1


def test_a_reward_is_the_metrics_score_in_order():
    texts = ["The mayor resigned on Friday.", "The ferry sails daily."]
    rewards = Reward(WordPairs())(
        prompts=["?", "?"], completions=texts, document=[DOCUMENT] * 2, trainer_state=object()
    )
    assert rewards == [score.value for score in WordPairs().score([DOCUMENT] * 2, texts)]
    assert rewards[0] < rewards[1]


def test_what_has_no_score_has_no_reward():
    assert Reward(WordPairs())(["", "The ferry sails."], document=[DOCUMENT] * 2)[0] is None
    failing = Reward(Overlap())(["the", "the"], document=["BOOM", "the"])
    assert failing == [None, 0.0]


def test_a_row_without_texts_has_no_reward_and_stops_nothing():
    texts, documents = ["The mayor resigned.", "a", "b", []], [DOCUMENT, None, "\ud800", DOCUMENT]
    found = Reward(WordPairs())(texts, document=documents, reference=[1, 2, 3, 4])  # which it does not read
    assert found == [WordPairs().score(DOCUMENT, "The mayor resigned.").value, None, None, None]
    assert Reward(Rouge1())(["a b", "a b"], document=["x", "x"], reference=[1, "a b"]) == [None, 1.0]


def test_a_trainer_that_would_count_none_as_0_gets_a_number_instead():
    documents = [DOCUMENT, None, DOCUMENT]
    found = Reward(WordPairs(), without=-9.0)(["", "a", "The mayor resigned."], document=documents)
    assert found == [-9.0, -9.0, WordPairs().score(DOCUMENT, "The mayor resigned.").value]


def test_a_document_may_be_a_list_of_passages():
    documents = [["a b", "c d"], ["a b", None]]
    assert Reward(Rouge1())(["x"] * 2, document=documents, reference=["x"] * 2) == [1.0, None]
    passages, text = [DOCUMENT, "A ferry sails daily."], f"{DOCUMENT}\n\nA ferry sails daily."
    joined, whole, less = Reward(WordPairs())(["A ferry sails."] * 3, document=[passages, text, DOCUMENT])
    assert joined == whole != less


def test_conversations_count_by_their_last_message():
    message = [{"role": "assistant", "content": " The ferry sails daily. "}]
    assert Reward(WordPairs())([message], document=[DOCUMENT]) == Reward(WordPairs())(
        ["The ferry sails daily."], document=[DOCUMENT]
    )


def test_references_reach_a_metric_that_needs_them():
    assert Reward(Rouge1())(["a b", "a b"], document=["x", "x"], reference=["a b", "c d"]) == [1.0, 0.0]
    assert Reward(Rouge1())(["a b"], document=["x"]) == [None]
    assert Reward(Rouge1(), reference="target")(["a b"], document=["x"], target=["a b"]) == [1.0]


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match=r"article: the data set has no such column; it has: prompts, document"):
        Reward(WordPairs(), document="article")(["a"], prompts=["?"], document=["a"])


@pytest.mark.filterwarnings("ignore")
def test_grpo_learns_from_it(tmp_path):
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    tiny = tiny_pretrained("llama")
    tiny.tokenizer.model_max_length = 512
    before = [parameter.detach().clone() for parameter in tiny.model.parameters()]
    rows = Dataset.from_list([{"prompt": "The mayor", "document": DOCUMENT}] * 4)
    given: list[list[float | None]] = []

    class Kept(Reward):
        def __call__(self, completions, **columns):
            given.append(super().__call__(completions, **columns))
            return given[-1]

    settings = GRPOConfig(
        output_dir=str(tmp_path),
        max_steps=2,
        num_generations=2,
        per_device_train_batch_size=2,
        max_completion_length=8,
        learning_rate=0.01,
        logging_steps=1,
        report_to="none",
        use_cpu=True,
        bf16=False,
        seed=3,
    )
    trainer = GRPOTrainer(tiny.model, Kept(WordPairs()), settings, rows, processing_class=tiny.tokenizer)
    trainer.train()
    logged = [
        entry["rewards/word-pairs/mean"] for entry in trainer.state.log_history if "rewards/word-pairs/mean" in entry
    ]
    assert len(given) == 2
    assert [math.isfinite(value) for value in logged] == [True, True]
    means = [sum(values := [x for x in batch if x is not None]) / len(values) for batch in given]
    assert logged == pytest.approx(means, rel=1e-4)
    assert any(not torch.equal(old, new) for old, new in zip(before, trainer.model.parameters(), strict=True))
