"""The script that trains with trl's DPO, in the summarizer's own frame."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from summarizer.conftest import FAST, read, rows, run, write
from tiny import save_tiny

from quals.errors import InputError
from quals.lm.format import text_ids
from quals.summarizer import GenerationSettings, Summarizer

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "conseq" / "dpo.py"
SETTINGS = {
    "beta": 0.1,
    "sft": 0.0,
    "epochs": 1.0,
    "batch": 2,
    "micro_batch": 2,
    "learning_rate": 1e-3,
    "save_every": 2,
    "loaders": 0,
    "seed": 0,
    "device": "cpu",
}


@pytest.fixture(scope="module")
def dpo():
    spec = importlib.util.spec_from_file_location("dpo", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pairs(tmp_path, monkeypatch) -> Path:
    """dpo.jsonl of eight documents whose worst sample names somebody else."""
    monkeypatch.setenv("QUALS_CACHE", str(tmp_path / "cache"))
    made = [row | {"summaries": [row["summary"], "Nobody ever stayed there."]} for row in rows(8)]
    source = write(tmp_path / "samples.jsonl", made)
    options = ("--metric", "rouge", "--negatives", "1", "--positives", "1", "--prompt", "Text: {document} Short:")
    done = run("contrast", source, "-o", tmp_path / "sets", *options)
    assert done.exit_code == 0, done.output
    return tmp_path / "sets" / "dpo.jsonl"


@pytest.fixture(params=["all weights", "adapter"])
def start(request, base, trained, tmp_path) -> Path:
    if request.param == "all weights":
        return trained
    data = write(tmp_path / "train.jsonl", rows(8))
    options = ["--model", base, "--lora-rank", 4, "--batch", 4, "--max-document", 60, *FAST]
    assert run("train", "summarizer", data, "-o", tmp_path / "mle", *options).exit_code == 0
    return tmp_path / "mle"


@pytest.mark.filterwarnings("ignore")
def test_dpo_learns_the_preference_and_leaves_a_summarizer(dpo, pairs, start, tmp_path):
    trainer = dpo.train(str(start), pairs, tmp_path / "dpo", SETTINGS)
    before, after = (Summarizer.load(str(folder), device="cpu") for folder in (start, tmp_path / "dpo"))
    document, bad = rows(8)[0]["document"], "Nobody ever stayed there."
    first = trainer.train_dataset[0]
    assert first["prompt_ids"] == before.frame(document)
    assert before.decode(first["rejected_ids"][:-1]) == f" {bad}"
    assert first["rejected_ids"][-1] == before.form.end
    logged = [entry for entry in trainer.state.log_history if "rewards/margins" in entry]
    assert logged[0]["loss"] == pytest.approx(0.6931, abs=1e-3)  # -log sigmoid(0): nothing is learnt yet
    assert logged[-1]["rewards/margins"] > logged[0]["rewards/margins"]
    # The margin by the saved models' own likelihoods.
    good = rows(8)[0]["summary"]
    gains = [margin(after, document, text) - margin(before, document, text) for text in (good, bad)]
    assert gains[0] > gains[1]
    assert after.summarize([document], GenerationSettings(min_length=2, max_length=8))[0].texts
    card = json.loads((tmp_path / "dpo" / "quals.json").read_text())
    assert (card["task"], card["training"]["command"], card["training"]["beta"]) == ("summarizer", "dpo", 0.1)
    assert card["data"] == {"pairs": {"sources": [str(pairs)], "examples": 8}}
    assert "label_smoothing" not in card["training"]  # as it was in the training before
    readme = (tmp_path / "dpo" / "README.md").read_text()
    assert readme.startswith("# dpo\n\nA summarizer")
    assert "More Information Needed" not in readme  # what peft writes
    assert "- pairs: 8 rows of " in readme
    assert "| learning_rate | 0.001 |" in readme
    assert after.form == before.form
    assert not (tmp_path / "dpo" / "ref").exists()
    assert len(read(tmp_path / "dpo" / "history.jsonl")) == 5  # four steps and the sum of them


def margin(model: Summarizer, document: str, summary: str) -> float:
    """Log-probability of a summary, in nats."""
    target = [*text_ids(model.lm.tokenizer, summary), model.form.end]
    return sum(model.log_probs([model.frame(document)], [[target]])[0][0])


@pytest.mark.filterwarnings("ignore")
def test_the_command_adds_likelihood_if_asked(dpo, pairs, trained, tmp_path):
    options = ["--sft", "1", "--epochs", "0.5", "--batch", "2", "--device", "cpu", "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(dpo.main, [str(trained), str(pairs), *options])
    assert done.exit_code == 0, repr(done.exception)
    steps = read(tmp_path / "out" / "history.jsonl")
    assert steps[0]["loss"] > 0.6931  # the preference's, and the nats per token of the chosen summaries


def test_errors_say_what_is_missing(dpo, pairs, tmp_path):
    (tmp_path / "alone.jsonl").write_text(pairs.read_text())
    with pytest.raises(InputError, match=r"summary.json: not found"):
        dpo.read_preferences(tmp_path / "alone.jsonl")
    with pairs.open("a") as stream:
        stream.write(json.dumps({"prompt": "Text: It rained. Short:", "completion": "Rain."}) + "\n")
    with pytest.raises(InputError, match=r"dpo.jsonl:9: chosen: missing or not a text"):
        dpo.read_preferences(pairs)
    pairs.write_text("")
    with pytest.raises(InputError, match="holds no pairs"):
        dpo.read_preferences(pairs)


def test_models_with_an_encoder_are_refused(dpo, pairs, tmp_path):
    data = write(tmp_path / "train.jsonl", rows(4))
    options = ["--model", save_tiny(tmp_path / "bart", "bart"), "--lora-rank", 0, "--max-document", 60, *FAST]
    assert run("train", "summarizer", data, "-o", tmp_path / "mle", *options).exit_code == 0
    with pytest.raises(InputError, match="this one has an encoder"):
        dpo.train(str(tmp_path / "mle"), pairs, tmp_path / "out", SETTINGS)
