"""Training summarizers for real, on tiny models, through the command line."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

import datasets
import pytest
from tiny import save_tiny

from quals.errors import InputError, MissingExtraError, ModelError
from quals.summarizer import GenerationSettings, Summarizer
from tests.summarizer.conftest import TINY, contrast_files, read, rows, run, write

ROOT = Path(__file__).parents[2]


def test_training_teaches_and_is_recorded(trained: Path) -> None:
    history = read(trained / "history.jsonl")
    assert [record["examples"] for record in history] == [0, 480, 960]
    assert history[0]["loss"] > 5  # a uniform guess is ln 380 = 5.9
    assert history[-1]["loss"] < 0.05
    assert history[-1]["samples"][0]["summary"] == history[-1]["samples"][0]["reference"]
    card = (trained / "README.md").read_text()
    assert f"| 120 | 960 | {history[-1]['hours']:.3f} | {history[-1]['loss']:.3f} |" in card
    assert "120 rows of" in card
    model = Summarizer.load(str(trained), device="cpu")
    assert model.window == 60
    documents = [row["document"] for row in rows(6, seed=2)]
    found = model.summarize(documents, GenerationSettings(min_length=1))
    assert [result.texts[0] for result in found] == [row["summary"] for row in rows(6, seed=2)]


@pytest.mark.parametrize("kind", ["gpt2", "bart", "t5"])
def test_other_architectures_train(kind: str, tmp_path: Path) -> None:
    base, data = save_tiny(tmp_path / "base", kind), write(tmp_path / "data.jsonl", rows(8))
    done = run("train", "summarizer", data, "-o", tmp_path / "model", "--model", base, *TINY)
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert json.loads((tmp_path / "model" / "quals.json").read_text())["task"] == "summarizer"
    (result,) = Summarizer.load(str(tmp_path / "model"), device="cpu").summarize([rows(1)[0]["document"]])
    assert result.texts


def test_what_cannot_be_learnt_from_is_left_out_counted_and_kept(base: Path, tmp_path: Path) -> None:
    good = rows(4)
    bad = [
        {"document": "", "summary": "Nothing."},
        {"document": "It rained.", "summary": " "},
        {"document": "It rained.", "summary": 3},
        {"document": "It rained. Share this with Email, Facebook, Messenger", "summary": "Rain."},
        {"document": "It rained.", "summary": "Collection of all USATODAY.com coverage of rain, including photos."},
        {"document": "It rained.", "summary": "It rained all day long. " * 20},
    ]
    data = write(tmp_path / "data.jsonl", [*good, *bad])
    with data.open("a") as stream:
        stream.write("{broken\n")
    options = ["--filter-corrupt", "--max-summary", 50, "--model", base, *TINY, "--max-document", 9]
    done = run("train", "summarizer", data, "-o", tmp_path / "model", *options)
    assert done.exit_code == 0, done.output
    dropped = read(tmp_path / "model" / "dropped-training-data.jsonl")
    kinds = ["empty-document", "empty-summary", "unreadable", "boilerplate-share-buttons"]
    kinds += ["boilerplate-collection-page", "unreadable", "summary-too-long"]
    assert [row["dropped"] for row in dropped] == kinds
    assert [row["line"] for row in dropped] == [5, 6, 7, 8, 9, 11, 10]
    assert "expected text, found int" in dropped[2]["reason"]
    assert dropped[3]["document"] == bad[3]["document"]
    card = json.loads((tmp_path / "model" / "quals.json").read_text())["data"]["training data"]
    assert card["left_out"] == {kind: kinds.count(kind) for kind in kinds}
    assert card["examples"] == 4
    assert card["documents_cut"] == 4
    assert card["share_of_tokens_cut"] > 0.3
    readme = (tmp_path / "model" / "README.md").read_text()
    assert "7 left out" in readme
    assert "4 documents lost their tail" in readme
    assert "4 documents lost their tail" in done.output


def test_files_of_other_formats_and_field_names(base: Path, tmp_path: Path) -> None:
    first = tmp_path / "a.csv"
    first.write_text("article,highlights\n" + "".join(f"{r['document']},{r['summary']}\n" for r in rows(3)))
    second = tmp_path / "b.jsonl.gz"
    lines = [json.dumps({"body": row["document"], "title": row["summary"]}) for row in rows(3)]
    second.write_bytes(gzip.compress("\n".join(lines).encode()))
    common = ["-o", tmp_path / "model", "--model", base, *TINY]
    assert run("train", "summarizer", first, *common).exit_code == 0
    refused = run("train", "summarizer", second, *common)
    assert isinstance(refused.exception, InputError)
    assert "Name it with --document-field" in str(refused.exception)
    named = ["--document-field", "body", "--summary-field", "title"]
    done = run("train", "summarizer", second, *named, *common[:1], tmp_path / "other", *common[2:])
    assert done.exit_code == 0, done.output


def save_dataset(folder: Path) -> Path:
    splits = {name: datasets.Dataset.from_list(rows(4, seed)) for seed, name in enumerate(("train", "validation"))}
    datasets.DatasetDict(splits).save_to_disk(folder)
    return folder


def test_data_sets_saved_on_disk_and_their_splits(base: Path, tmp_path: Path) -> None:
    saved = save_dataset(tmp_path / "saved")
    plain = tmp_path / "plain"  # as a data set's repository on the Hub
    plain.mkdir()
    for seed, name in enumerate(("train", "validation")):
        write(plain / f"{name}.jsonl", rows(4, seed))
    losses = []
    for number, folder in enumerate((saved, plain)):
        output = tmp_path / str(number)
        done = run("train", "summarizer", folder, "--valid", folder, "-o", output, "--model", base, *TINY)
        assert done.exit_code == 0, done.output + repr(done.exception)
        losses.append(read(output / "history.jsonl")[-1]["loss"])
    assert losses[0] == losses[1]
    lonely = tmp_path / "lonely"
    lonely.mkdir()
    write(lonely / "train.jsonl", rows(2))
    refused = run("train", "summarizer", saved, "--valid", lonely, "-o", tmp_path / "x", "--model", base, *TINY)
    assert isinstance(refused.exception, InputError)
    assert "cannot load the split 'validation'" in str(refused.exception)


def test_hub_ids(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def load(name, config=None, *, split, revision=None):
        asked.append((name, config, split, revision))
        if name == "EdinburghNLP/xsum" and revision is None:
            raise RuntimeError("Dataset scripts are no longer supported, but found xsum.py")
        found = [{"article": row["document"], "highlights": row["summary"]} for row in rows(2)]
        return datasets.Dataset.from_list(found if "cnn" in name else rows(2))

    monkeypatch.setattr(datasets, "load_dataset", load)
    for number, name in enumerate(("EdinburghNLP/xsum", "abisee/cnn_dailymail", "abisee/cnn_dailymail:1.0.0")):
        done = run("train", "summarizer", name, "-o", tmp_path / str(number), "--model", base, *TINY)
        assert done.exit_code == 0, done.output + repr(done.exception)
    assert asked == [
        ("EdinburghNLP/xsum", None, "train", None),
        ("EdinburghNLP/xsum", None, "train", "refs/convert/parquet"),
        ("abisee/cnn_dailymail", "3.0.0", "train", None),
        ("abisee/cnn_dailymail", "1.0.0", "train", None),
    ]


def test_sources_that_are_not_there(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal(source: str) -> BaseException | None:
        return run("train", "summarizer", source, "-o", tmp_path, "--model", base, *TINY).exception

    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    error = refusal("nobody/nothing")
    assert isinstance(error, InputError)
    assert "nobody/nothing: cannot load the split 'train'" in str(error)
    assert "Without a network, give a file" in str(error)
    assert "no such file" in str(refusal("missing.jsonl"))
    (tmp_path / "notes.txt").write_text("It rained.")
    message = "notes.txt: unknown suffix '.txt'; training reads .jsonl, .ndjson, .csv, .tsv, .parquet"
    assert message in str(refusal(str(tmp_path / "notes.txt")))
    monkeypatch.setitem(sys.modules, "datasets", None)
    error = refusal("nobody/nothing")
    assert isinstance(error, MissingExtraError)
    assert "pip install '.[hub]'" in str(error)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--batch", 0, "--batch: must be at least 1"),
        ("--label-smoothing", 1, "--label-smoothing: must be at least 0 and below 1"),
        ("--clip", 0, "--clip: must be above 0"),
        ("--seed", -1, "--seed: must be at least 0 and at most 4294967295"),
        ("--seed", 2**32, "--seed: must be at least 0 and at most 4294967295"),
    ],
)
def test_settings_out_of_range(base: Path, tmp_path: Path, option: str, value: object, message: str) -> None:
    data = write(tmp_path / "data.jsonl", rows(2))
    done = run("train", "summarizer", data, "-o", tmp_path / "m", "--model", base, *TINY, option, value)
    assert (done.exit_code, message in done.stderr) == (2, True)


def test_more_text_than_the_model_reads(base: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "data.jsonl", rows(2))
    done = run("train", "summarizer", data, "-o", tmp_path / "m", "--model", base, *TINY, "--max-document", 400)
    message = "max_document: 400 tokens of text and 256 written after it are more than the model's 512"
    assert message in str(done.exception)


def test_nothing_to_train_on_is_an_error(base: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "data.jsonl", [{"document": "", "summary": "x"}])
    done = run("train", "summarizer", data, "-o", tmp_path / "m", "--model", base, *TINY)
    assert "training data: nothing to train on: 0 rows of" in str(done.exception)
    assert "1 left out (empty-document 1)" in str(done.exception)


def test_validation_data_that_is_trained_on_is_said_to_be(base: Path, tmp_path: Path) -> None:
    made = [{"document": f"On day {n} it rained.", "summary": f"Rain on {n}."} for n in range(6)]
    data = write(tmp_path / "train.jsonl", made[:4])
    valid = write(tmp_path / "valid.jsonl", [made[5], made[1] | {"document": " on day 1 it RAINED."}])
    done = run("train", "summarizer", data, "--valid", valid, "-o", tmp_path / "m", "--model", base, *TINY)
    assert done.exit_code == 0, done.output
    said = "2 rows of {}; the documents of 1 are trained on, too: for these the loss is not held out"
    assert said.format(valid) in done.stderr
    assert said.format(valid) in (tmp_path / "m" / "README.md").read_text()
    card = json.loads((tmp_path / "m" / "quals.json").read_text())["data"]
    assert card["validation data"]["also_trained_on"] == 1
    assert "also_trained_on" not in card["training data"]


def test_the_card_has_the_rank_of_the_adapter_that_was_trained_on(base: Path, tmp_path: Path) -> None:
    positives, negatives = contrast_files(tmp_path, 4)
    assert run("train", "summarizer", positives, "-o", tmp_path / "mle", "--model", base, *TINY).exit_code == 0
    for rank in (0, 16):
        output = tmp_path / str(rank)
        options = [*TINY, "--model", tmp_path / "mle", "--lora-rank", rank]
        for _ in range(2):  # the second finds it finished
            done = run("train", "conseq", positives, negatives, "-o", output, *options)
            assert done.exit_code == 0, done.output + repr(done.exception)
        assert json.loads((output / "quals.json").read_text())["training"]["lora_rank"] == 4
        assert "| lora_rank | 4 |" in (output / "README.md").read_text()


def test_cards_are_written_whatever_the_locale_and_the_working_folder(base: Path, tmp_path: Path) -> None:
    made = [{"document": f"Am {n}. Mai fiel Schnee.", "summary": f"Schnee fällt → {n}."} for n in range(4)]
    data = write(tmp_path / "data.jsonl", made)
    (tmp_path / "here").mkdir()
    arguments = map(str, ["train", "summarizer", data, "--valid", data, "-o", ".", "--model", base, *TINY])
    plain = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-m", "quals.cli.main", *arguments],
        cwd=tmp_path / "here",
        env=os.environ | plain,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    readme = (tmp_path / "here" / "README.md").read_text(encoding="utf-8")
    assert readme.startswith("# here\n")
    assert "reference: Schnee fällt → " in readme


def test_what_fits_the_model_is_looked_at_too(base: Path, tmp_path: Path) -> None:
    """490 tokens and 19 fill the model, where summaries of 60 would have no room."""
    data = write(tmp_path / "data.jsonl", rows(6))
    options = [*TINY, "--max-document", 490, "--max-summary", 19, "--epochs", 2]
    done = run("train", "summarizer", data, "--valid", data, "-o", tmp_path / "m", "--model", base, *options)
    assert done.exit_code == 0, done.output + repr(done.exception)
    # Of the two steps of an epoch the second has two examples left.
    seen = [(record["step"], record["examples"]) for record in read(tmp_path / "m" / "history.jsonl")]
    assert seen == [(0, 0), (4, 12)]


def test_a_run_that_ends_in_its_warm_up_is_told_so(base: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "data.jsonl", rows(10))
    for warmup, epochs, said in (
        (20, 1, "only 1 step, with a warm-up of 20: the learning rate goes to 0 of 0.0004 at most; choose"),
        (5, 1.5, "only 5 steps, with a warm-up of 5: the learning rate goes to 0.00032 of 0.0004 at most; choose"),
        (4, 1.5, ""),
    ):
        output = tmp_path / f"{warmup}"
        options = [*TINY, "--model", base, "--batch", 10 if warmup == 20 else 4, "--warmup", warmup]
        done = run("train", "summarizer", data, "-o", output, *options, "--epochs", epochs)
        assert done.exit_code == 0, done.output + repr(done.exception)
        assert said in done.stderr
        assert ("warm-up" in done.stderr) == bool(said)


def test_a_training_that_diverged_leaves_no_model(base: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "data.jsonl", rows(8))
    options = [*TINY, "--lora-rank", 0, "--learning-rate", 1e30, "--warmup", 0, "--epochs", 2]
    for _ in range(2):
        done = run("train", "summarizer", data, "-o", tmp_path / "m", "--model", base, *options)
        assert isinstance(done.exception, ModelError)
        assert "some weights are not finite; choose a lower --learning-rate" in str(done.exception)
    assert not (tmp_path / "m" / "quals.json").exists()
    assert not (tmp_path / "m" / "model.safetensors").exists()
