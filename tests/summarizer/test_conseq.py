"""Contrastive training for real, on tiny models, through the command line."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest
from tiny import save_tiny

from quals.summarizer import Summarizer, train
from quals.summarizer.examples import contrasted
from tests.summarizer.conftest import FAST, TINY, contrast_files, read, rows, run, write


def log_probs(folder: Path, path: Path) -> float:
    """Mean log-probability of the summaries in a file."""
    model = Summarizer.load(str(folder), device="cpu")
    targets = [[model.lm.tokenizer(" " + row["summary"], add_special_tokens=False).input_ids] for row in read(path)]
    found = model.log_probs([model.frame(row["document"]) for row in read(path)], targets)
    return fmean(sum(values) for (values,) in found)


@pytest.mark.parametrize("kind", ["llama", "bart"])
def test_conseq_raises_positives_and_lowers_negatives(kind: str, tmp_path: Path) -> None:
    base = save_tiny(tmp_path / "base", kind)
    positives, negatives = contrast_files(tmp_path)
    data = write(tmp_path / "data.jsonl", read(positives) + read(negatives))  # to begin with, both are as likely
    options = ["--lora-rank", 4, "--batch", 8, "--micro-batch", 8, "--max-document", 40, *FAST]
    mle, conseq = tmp_path / "mle", tmp_path / "conseq"
    done = run(
        "train", "summarizer", data, "-o", mle, "--model", base, *options, "--learning-rate", 1e-2, "--epochs", 6
    )
    assert done.exit_code == 0, done.output
    chosen = ["--model", mle, "--learning-rate", 3e-3, "--epochs", 4, *options]
    done = run("train", "conseq", positives, negatives, "-o", conseq, *chosen)
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert (conseq / "adapter_model.safetensors").is_file()
    # The adapter was trained on, not put on another: its base is the model that the first training began with.
    assert json.loads((conseq / "adapter_config.json").read_text())["base_model_name_or_path"] == str(base)
    assert log_probs(conseq, positives) > log_probs(mle, positives) + 0.1
    assert log_probs(conseq, negatives) < log_probs(mle, negatives) - 0.1
    card = json.loads((conseq / "quals.json").read_text())
    assert card["training"]["command"] == "conseq"
    assert (card["data"]["positives"]["examples"], card["data"]["negatives"]["examples"]) == (24, 24)


def test_conseq_reads_as_much_of_a_document_as_its_model(trained: Path, tmp_path: Path) -> None:
    files = contrast_files(tmp_path, 4)
    options = ["--model", trained, "--batch", 2, *FAST]
    for asked, read_tokens in (([], 60), (["--max-document", 50], 50)):
        output = tmp_path / str(read_tokens)
        assert run("train", "conseq", *files, "-o", output, *options, *asked).exit_code == 0
        assert json.loads((output / "quals.json").read_text())["training"]["max_document"] == read_tokens


def test_conseq_goes_on_from_whole_models_and_takes_unequal_numbers(trained: Path, tmp_path: Path) -> None:
    positives, negatives = contrast_files(tmp_path, 6)
    write(negatives, read(negatives)[:2])
    for rank in (0, 4):
        output = tmp_path / str(rank)
        options = ["--model", trained, "--lora-rank", rank, "--batch", 2, "--max-document", 40, *FAST]
        done = run("train", "conseq", positives, negatives, "-o", output, *options, "--smooth-negatives")
        assert done.exit_code == 0, done.output + repr(done.exception)
        assert (output / "adapter_config.json").is_file() == bool(rank)
        assert json.loads((output / "quals.json").read_text())["training"]["learning_rate"] == (4e-5 if rank else 3e-6)
        assert Summarizer.load(str(output), device="cpu").summarize([rows(1)[0]["document"]])[0].texts


def test_the_ends_of_negatives_may_be_spared(trained: Path, tmp_path: Path) -> None:
    """Where all else is to be avoided: left in the loss, the end token becomes less likely, too."""
    positives, negatives = contrast_files(tmp_path, 6)
    options = ["--batch", 6, "--micro-batch", 6, "--max-document", 40, "--learning-rate", 3e-4, *FAST]
    ends = []
    for name, more in (("all", []), ("spared", ["--spare-end"])):
        words = [positives, negatives, "-o", tmp_path / name, "--model", trained, *options, *more]
        done = run("train", "conseq", *words)
        assert done.exit_code == 0, done.output + repr(done.exception)
        ends.append(end_log_prob(tmp_path / name, negatives))
    assert ends[0] < ends[1]


def end_log_prob(folder: Path, path: Path) -> float:
    """Mean log-probability of the end token after the summaries in a file."""
    model = Summarizer.load(str(folder), device="cpu")
    targets = [[[*model.lm.tokenizer(" " + row["summary"]).input_ids, model.form.end]] for row in read(path)]
    found = model.log_probs([model.frame(row["document"]) for row in read(path)], targets)
    return fmean(values[-1] for (values,) in found)


def test_pairs_stay_pairs_or_go_together(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In files of equal length each loses another row: row by row, every pair would be of two documents."""
    good = [{"id": n, "document": f"On day {n} it rained.", "summary": f"Rain on {n}."} for n in range(6)]
    bad = [row | {"summary": f"Snow on {row['id']}."} for row in good]
    good[0]["summary"] = "It rained all day long. " * 20
    bad[4]["summary"], bad[5]["summary"] = None, " "
    files = write(tmp_path / "positives.jsonl", good), write(tmp_path / "negatives.jsonl", bad)
    seen = []
    monkeypatch.setattr(train, "contrasted", lambda *lists: seen.extend(lists[:2]) or contrasted(*lists))
    options = ["--max-summary", 50, "--model", trained, "--batch", 2, "--max-document", 40, *FAST]
    done = run("train", "conseq", *files, "-o", tmp_path / "conseq", *options)
    assert done.exit_code == 0, done.output + repr(done.exception)
    first, second = ([example.document.tolist() for example in examples] for examples in seen)
    assert len(first) == 3
    assert first == second
    for name, kinds, lines in (
        ("positives", ["summary-too-long", "counterpart-left-out", "counterpart-left-out"], [1, 5, 6]),
        ("negatives", ["unreadable", "empty-summary", "counterpart-left-out"], [5, 6, 1]),
    ):
        dropped = read(tmp_path / "conseq" / f"dropped-{name}.jsonl")
        assert [row["dropped"] for row in dropped] == kinds
        assert [row["line"] for row in dropped] == lines
    card = json.loads((tmp_path / "conseq" / "quals.json").read_text())["data"]["negatives"]
    assert card["left_out"] == {"unreadable": 1, "empty-summary": 1, "counterpart-left-out": 1}
    assert "'positives': " in done.output  # though there were fewer steps than between two lines of the log
    assert "'negatives': " in done.output


def test_conseq_wants_a_summarizer(base: Path, tmp_path: Path) -> None:
    positives, negatives = contrast_files(tmp_path, 2)
    assert run("train", "conseq", positives, negatives, "-o", tmp_path / "x").exit_code == 2
    done = run("train", "conseq", positives, negatives, "-o", tmp_path / "x", "--model", base)
    assert "it was not trained by 'quals train'" in str(done.exception)


def test_validation_data_may_have_other_fields_than_the_sets(trained: Path, tmp_path: Path) -> None:
    positives, negatives = contrast_files(tmp_path, 4)
    renamed = [{"body": row["document"], "teaser": row["summary"]} for row in rows(3, seed=4)]
    valid = write(tmp_path / "valid.jsonl", renamed)
    named = ["--document-field", "body", "--summary-field", "teaser"]
    arguments = ["train", "conseq", positives, negatives, *named, "-o", tmp_path / "m", "--model", trained, *TINY]
    done = run(*arguments, "--valid", valid)
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert "validation data: 3 rows" in done.stderr
    for wrong in (arguments, [*arguments, "--valid", positives]):  # a slip is told all the same
        assert "no field named body; there are: id, document, summary" in str(run(*wrong).exception)
