"""From documents, references and samples to the two sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from overlap import Overlap
from tiny import tiny_pretrained

from quals.cli.contrast import contrast, scorer, scorers
from quals.contrast.score import MeanRouge
from quals.contrast.select import select
from quals.lm.format import PairFormat
from quals.metrics import registry
from quals.metrics.rouge import Rouge1, Rouge2, RougeL
from quals.records import Status
from quals.summarizer import Summarizer

SCORES = st.one_of(st.none(), st.sampled_from([-3.0, -1.0, -0.5, 0.0]), st.floats(-5, 5))
DOCUMENTS = st.lists(st.tuples(st.lists(SCORES, max_size=4), SCORES), max_size=25)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUALS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(registry.METRICS, "overlap", "overlap:Overlap")


def words(number: int) -> str:
    return " ".join(f"{letter}{number}" for letter in "abcdef")


def row(number: int, **fields: Any) -> dict[str, Any]:
    """A document whose second sample has ``number`` words in five that the document lacks."""
    foreign = ["x"] * min(number, 5) + words(number).split()[: max(0, 5 - number)]
    return {
        "id": f"d{number}",
        "document": words(number),
        "summary": " ".join(words(number).split()[:4]) + (" y" if number % 2 else ""),
        "summaries": [words(number), " ".join(foreign)],
        **fields,
    }


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def run(tmp_path: Path, rows: list[Any], *options: str, code: int = 0) -> Result:
    file = tmp_path / "samples.jsonl"
    file.write_text("".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in rows))
    result = CliRunner().invoke(contrast, [str(file), "-o", str(tmp_path / "sets"), *options])
    assert result.exit_code == code, (result.output, result.exception)
    return result


@given(DOCUMENTS, st.floats(0, 1), st.floats(0, 1), st.integers(0, 3))
def test_selection_keeps_its_promises(documents, low, high, seed):
    samples = [{n: score for n, score in enumerate(scores) if score is not None} for scores, _ in documents]
    references = [score for _, score in documents]
    kept = {"negatives": low, "positives": high, "seed": seed}
    loose, paired = (select(samples, references, pairing=how, **kept) for how in ("unpaired", "paired"))
    lowest = {place: min(scores.values()) for place, scores in enumerate(samples) if scores}
    scored = {place: score for place, score in enumerate(references) if score is not None}
    assert len(loose.negatives) == round(low * len(lowest))
    assert len(loose.positives) == round(high * len(scored))
    assert all(samples[place][sample] == lowest[place] for place, sample in loose.negatives.items())
    left_out = set(lowest) - set(loose.negatives)
    assert all(lowest[a] <= lowest[b] for a in loose.negatives for b in left_out)
    assert all(scored[a] >= scored[b] for a in loose.positives for b in set(scored) - set(loose.positives))
    if loose.negatives:
        assert loose.negative_to == max(lowest[place] for place in loose.negatives)
    if loose.positives:
        assert loose.positive_from == min(scored[place] for place in loose.positives)
    assert set(paired.positives) == set(paired.negatives) == set(loose.positives) & set(loose.negatives)
    assert list(paired.positives) == list(paired.negatives)


def test_selection_by_hand():
    samples = [{0: -1.0, 1: -4.0}, {0: -2.0}, {}, {0: -3.0, 1: -0.1}, {0: -0.5}]
    references = [-0.1, -0.2, -0.3, -0.9, None]
    chosen = select(samples, references, negatives=0.5, positives=0.5, pairing="unpaired")
    assert chosen.negatives == {0: 1, 3: 0}
    assert chosen.positives == (0, 1)
    assert (chosen.negative_to, chosen.positive_from) == (-3.0, -0.2)
    paired = select(samples, references, negatives=0.5, positives=0.5)
    assert (paired.positives, paired.negatives) == ((0,), {0: 1})


def test_equal_scores_at_the_edge_are_drawn_by_seed():
    references = [1.0] * 40
    draws = {select([{}] * 40, references, pairing="unpaired", seed=seed).positives for seed in range(5)}
    assert all(len(draw) == 12 for draw in draws)
    assert len(draws) == 5
    again = select([{}] * 40, references, pairing="unpaired", seed=2)
    assert again.positives in draws


def test_either_set_has_a_draw_of_its_own():
    """With one draw for both, the same documents would be at the edge of both."""
    alike = [select([{0: 1.0}] * 40, [1.0] * 40, seed=seed) for seed in range(20)]
    assert sum(len(found.positives) for found in alike) < 20 * 7  # 12 of 40 for either: 3.6 of them in both
    assert any(found.positives for found in alike)


def test_settings_find_their_metric_by_each_of_its_names():
    chosen, confirming = scorers("rouge1", "copy", ["rouge2-precision.stemmer=false", "rouge1.stemmer=true"], 1)
    assert ("stemmer:yes" in chosen.signature, "stemmer:no" in confirming.signature) == (True, True)


def test_mean_rouge_is_the_mean_of_the_three():
    texts = (["x"] * 3, ["the cat sat", "a dog ran off", "one"], ["the cat sat down", "a dog ran off", "one two"])
    parts = [metric().score(*texts) for metric in (Rouge1, Rouge2, RougeL)]
    found = MeanRouge().score(*texts)
    assert [score.value for score in found[:2]] == [
        pytest.approx(sum(part[i].value for part in parts) / 3) for i in (0, 1)
    ]
    assert found[1].value == 1.0
    assert (found[2].value, found[2].status) == (None, Status.EMPTY_SUMMARY)  # one word has no word pair
    assert MeanRouge().score("x", "the cat").status is Status.NO_REFERENCE
    assert "rouge1+rouge2+rougeL" in found[0].signature


def test_rouge_names_the_mean_and_nothing_else_changes():
    assert isinstance(scorer("rouge"), MeanRouge)
    assert scorer("rouge1").name == "rouge1"
    with pytest.raises(click.UsageError, match="no metric 'rogue'"):
        scorer("rogue")


def test_files_of_the_sets(tmp_path):
    run(tmp_path, [row(n) for n in range(6)], "--metric", "overlap", "--negatives", "0.5", "--positives", "0.5")
    positives, negatives = (lines(tmp_path / "sets" / f"{name}.jsonl") for name in ("positives", "negatives"))
    # Lowest samples: d5, d4, d3 (-1, -.8, -.6); best references: the even numbers, which have no stray word.
    assert [one["id"] for one in positives] == [one["id"] for one in negatives] == ["d4"]
    assert positives[0] == {
        "id": "d4",
        "document": words(4),
        "summary": row(4)["summary"],
        "score": 0.0,
        "signature": Overlap().signature,
    }
    bad = negatives[0]
    assert (bad["summary"], bad["sample"], bad["reference"]) == (row(4)["summaries"][1], 1, row(4)["summary"])
    assert bad["score"] == pytest.approx(-0.8)
    assert [piece["score"] for piece in bad["evidence"]] == [-1.0] * 4 + [0.0]
    assert [piece["answer"] for piece in bad["evidence"]] == ["x"] * 4 + ["a4"]
    summary = json.loads((tmp_path / "sets" / "summary.json").read_text())
    assert summary["thresholds"] == {"positive_from": 0.0, "negative_to": pytest.approx(-0.6)}
    assert summary["eligible"] == {"positives": 6, "negatives": 6}
    rows = [row(n) for n in range(6)]
    metric = Overlap()
    for kind, texts in (("references", [[r["summary"]] for r in rows]), ("samples", [r["summaries"] for r in rows])):
        scores = [metric.score(r["document"], text).value for r, of in zip(rows, texts, strict=True) for text in of]
        assert summary["means"][kind] == pytest.approx(sum(scores) / len(scores))
    assert {name: summary["counts"][name] for name in ("documents", "samples", "positives", "negatives", "aside")} == {
        "documents": 6,
        "samples": 12,
        "positives": 1,
        "negatives": 1,
        "aside": 0,
    }
    assert summary["settings"]["signature"] == Overlap().signature


def test_unpaired_sets_and_the_files_for_trl(tmp_path):
    options = ("--metric", "overlap", "--negatives", "0.5", "--positives", "0.5", "--pairing", "unpaired")
    run(tmp_path, [row(n) for n in range(6)], *options, "--prompt", "Shorten {document}!")
    folder = tmp_path / "sets"
    assert [one["id"] for one in lines(folder / "positives.jsonl")] == ["d0", "d2", "d4"]
    assert [one["id"] for one in lines(folder / "negatives.jsonl")] == ["d3", "d4", "d5"]
    assert lines(folder / "dpo.jsonl") == [
        {
            "id": "d4",
            "prompt": f"Shorten {words(4)}!",
            "chosen": f" {row(4)['summary']}",
            "rejected": f" {row(4)['summaries'][1]}",
        }
    ]
    assert [(one["id"], one["label"]) for one in lines(folder / "kto.jsonl")] == [
        *[(name, True) for name in ("d0", "d2", "d4")],
        *[(name, False) for name in ("d3", "d4", "d5")],
    ]


def test_rows_with_something_wrong_are_set_aside_and_counted(tmp_path):
    rows = [
        row(0),
        row(1, summary=7),
        row(2, summaries=["", "x x"]),
        row(3, summaries=[row(3)["summary"], words(3)]),
        row(4, document="BOOM", summary=" "),
        "{broken",
        row(5, summaries=["fine", None]),
        row(6, summaries=[], reason="the document is empty"),
        {"status": "invalid-row", "reason": "news.jsonl:9: not valid JSON"},
    ]
    result = run(tmp_path, rows, "--metric", "overlap", "--negatives", "1", "--positives", "1")
    aside = [(one.get("id"), one.get("sample"), one["status"]) for one in lines(tmp_path / "sets" / "aside.jsonl")]
    assert aside == [
        *[(None, None, "invalid-row")] * 4,
        ("d2", 0, "empty-summary"),
        ("d3", 0, "same-as-reference"),
        ("d4", 0, "error"),
        ("d4", 1, "error"),
        ("d4", None, "error"),
        ("d6", None, "no-samples"),
    ]
    counts = json.loads((tmp_path / "sets" / "summary.json").read_text())["counts"]
    assert (counts["rows"], counts["invalid_rows"], counts["documents"]) == (9, 4, 5)
    assert counts["samples_by_status"] == {"ok": 5, "empty-summary": 1, "error": 2}
    assert counts["documents_without_usable_sample"] == 2
    assert counts["positives"] == counts["negatives"] == 3
    for place in (
        ":2: summary: expected text, found int",
        ":6: not valid JSON",
        ":7: summaries[1]",
        "news.jsonl:9: not",
    ):
        assert place in result.stderr


@pytest.mark.parametrize("metric", ["rouge", "overlap"])
def test_a_row_without_a_document_is_in_no_set(metric, tmp_path):
    rows = [row(0), row(1, document=" "), row(2)]
    run(tmp_path, rows, "--metric", metric, "--negatives", "1", "--positives", "1")
    for name in ("positives", "negatives", "dpo"):
        assert [one["id"] for one in lines(tmp_path / "sets" / f"{name}.jsonl")] == ["d0", "d2"]
    aside = lines(tmp_path / "sets" / "aside.jsonl")
    assert [(one["id"], one.get("sample"), one["status"]) for one in aside] == [
        ("d1", 0, "empty-document"),
        ("d1", 1, "empty-document"),
        ("d1", None, "empty-document"),
    ]


def test_a_second_run_scores_nothing_anew(tmp_path, monkeypatch):
    asked: list[int] = []
    original = Overlap._score
    monkeypatch.setattr(Overlap, "_score", lambda self, d, *more: asked.append(len(d)) or original(self, d, *more))
    rows = [row(n) for n in range(6)]
    run(tmp_path, rows, "--metric", "overlap", "--negatives", "0.5", "--positives", "0.5")
    first = {path.name: path.read_bytes() for path in (tmp_path / "sets").iterdir()}
    assert sum(asked) == 6 * 3 + 1  # every sample and reference, and one negative again for its evidence
    asked.clear()
    with (tmp_path / "sets" / "evidence.jsonl").open("a") as stream:
        stream.write('{"key": "half a li')
    run(tmp_path, rows, "--metric", "overlap", "--negatives", "0.5", "--positives", "0.5")
    assert asked == []
    first["evidence.jsonl"] += b'{"key": "half a li'
    assert first == {path.name: path.read_bytes() for path in (tmp_path / "sets").iterdir()}


@pytest.mark.parametrize(
    ("fields", "options", "message"),
    [
        ({"summaries": "text"}, (), ":1: summaries: expected a list of texts, found str"),
        ({}, ("--samples-field", "hypotheses"), "no field named hypotheses; there are: id, document"),
        ({}, ("--prompt", "Shorten this"), "expected {document} once in the prompt"),
        ({}, ("--metric", "rouge", "--set", "rouge.stemmer=false"), "rouge has no settings here"),
        ({}, ("--metric", "rouge1,rouge2"), "--metric takes one metric, and 'rouge1,rouge2' stands for rouge1, rouge2"),
        ({}, ("--confirm", "rouge1,rouge2"), "--confirm takes one metric"),
        ({}, ("--metric", "copy", "--confirm", "rouge2-precision"), "--confirm takes another metric"),
        ({}, ("--set", "overlap.nosuch=1", "--model", "runs/none"), "no setting of overlap 'nosuch'"),
        ({}, ("--length-within", "nan"), "nan is not a number here"),
        ({}, ("--copying-within", "inf"), "inf is not in the range"),
    ],
)
def test_errors_name_the_place(tmp_path, fields, options, message):
    file = tmp_path / "in.jsonl"
    file.write_text(json.dumps(row(1, **fields)) + "\n")
    result = CliRunner().invoke(contrast, [str(file), "-o", str(tmp_path / "sets"), "--metric", "overlap", *options])
    assert message in result.stderr + str(result.exception)
    assert not (tmp_path / "sets").exists()


def test_a_file_of_broken_lines_is_said_to_be_that(tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_text("{broken\n[1]\n")
    result = CliRunner().invoke(contrast, [str(file), "-o", str(tmp_path / "sets"), "--metric", "overlap"])
    assert str(result.exception).startswith(f"{file}:1: not valid JSON")


def test_a_file_of_which_no_row_is_of_use_makes_no_sets(tmp_path):
    file = tmp_path / "in.jsonl"
    file.write_text(json.dumps(row(1, document="['a', 'b']")) + "\n" + json.dumps(row(2, document=None)) + "\n")
    result = CliRunner().invoke(contrast, [str(file), "-o", str(tmp_path / "sets"), "--metric", "overlap"])
    assert str(result.exception).startswith(f"{file}:1: document: passages written as Python writes a list")
    assert not [*tmp_path.glob("sets/*")]


@pytest.fixture
def summarizer(tmp_path: Path) -> str:
    """A random summarizer as a folder."""
    tiny, folder = tiny_pretrained("llama"), tmp_path / "tiny"
    tiny.model.save_pretrained(folder)
    tiny.tokenizer.save_pretrained(folder)
    form = PairFormat.choose(tiny.tokenizer, encoder_decoder=False)
    card = {"task": "summarizer", "format": form.to_dict(), "training": {"max_document": 64}}
    (folder / "quals.json").write_text(json.dumps(card))
    return str(folder)


def test_a_model_writes_the_samples_once(tmp_path, summarizer, monkeypatch):
    rows = [{name: value for name, value in row(n).items() if name != "summaries"} for n in range(5)]
    rows[3]["document"] = " "
    options = ("--model", summarizer, "--samples", "3", "--min-length", "3", "--max-length", "8", "--device", "cpu")
    options += ("--metric", "overlap", "--negatives", "1", "--positives", "1")
    run(tmp_path, [*rows, "{broken"], *options)
    folder = tmp_path / "sets"
    written = lines(folder / "samples.jsonl")
    assert [len(one["summaries"]) for one in written] == [3, 3, 3, 0, 3, 0]
    assert [one["id"] for one in lines(folder / "negatives.jsonl")] == ["d0", "d1", "d2", "d4"]
    assert {one["summary"] for one in lines(folder / "negatives.jsonl")} <= {t for o in written for t in o["summaries"]}
    without = [one["status"] for one in lines(folder / "aside.jsonl")]
    assert without == ["invalid-row", "no-samples", "empty-document"]
    assert "samples.jsonl:6: not valid JSON" in lines(folder / "aside.jsonl")[0]["reason"]
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    half = b"".join(whole["samples.jsonl"].splitlines(keepends=True)[:2]) + b'{"id": "d'
    (folder / "samples.jsonl").write_bytes(half)
    run(tmp_path, [*rows, "{broken"], *options)
    again = {path.name: path.read_bytes() for path in folder.iterdir()}
    # Another batch, other roundings of the log-probabilities.
    assert [one["summaries"] for one in lines(folder / "samples.jsonl")] == [one["summaries"] for one in written]
    assert {**whole, "samples.jsonl": b""} == {**again, "samples.jsonl": b""}
    with monkeypatch.context() as patch:
        patch.setattr(Summarizer, "summarize", lambda *_: pytest.fail("sampled again"))
        run(tmp_path, [*rows, "{broken"], *options)
    result = CliRunner().invoke(contrast, [str(tmp_path / "samples.jsonl"), "-o", str(folder), *options, "--seed", "1"])
    assert "cannot resume" in str(result.exception)


def test_what_lacks_references_is_not_sampled(tmp_path, summarizer, monkeypatch):
    monkeypatch.setattr(Summarizer, "summarize", lambda *_: pytest.fail("sampled"))
    file = tmp_path / "in.jsonl"
    file.write_text(json.dumps({"document": words(1), "title": "x"}) + "\n")
    arguments = [str(file), "-o", str(tmp_path / "sets"), "--model", summarizer, "--device", "cpu"]
    result = CliRunner().invoke(contrast, arguments)
    told = "no field named reference or target or ground_truth or summary or highlights;"
    assert str(result.exception).startswith(f"{file}: {told}")
    result = CliRunner().invoke(contrast, [*arguments, "--reference-field", "title", "--samples-field", "x"])
    assert "--samples-field goes without --model" in result.output


def trained(trainer_class, config_class, file: Path, tmp_path: Path, **settings: Any):
    from datasets import load_dataset

    model = tmp_path / "model"  # by name, since the trainers load their reference model from it
    tiny = tiny_pretrained("llama")
    tiny.tokenizer.model_max_length = 512
    tiny.model.save_pretrained(model)
    tiny.tokenizer.save_pretrained(model)
    rows = load_dataset("json", data_files=str(file), split="train", cache_dir=str(tmp_path / "hub"))
    arguments = config_class(
        output_dir=str(tmp_path / "out"),
        max_steps=2,
        per_device_train_batch_size=2,
        max_length=256,
        logging_steps=1,
        report_to="none",
        use_cpu=True,
        bf16=False,
        **settings,
    )
    trainer = trainer_class(str(model), args=arguments, train_dataset=rows)
    trainer.train()
    return trainer


@pytest.mark.filterwarnings("ignore")
def test_trl_trains_on_the_files(tmp_path):
    from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer

    options = ("--metric", "overlap", "--negatives", "1", "--positives", "1")
    run(tmp_path, [row(n) for n in range(1, 5)], *options)
    dpo = trained(DPOTrainer, DPOConfig, tmp_path / "sets" / "dpo.jsonl", tmp_path / "dpo")
    assert dpo.state.global_step == 2
    first = dpo.train_dataset[0]
    assert dpo.processing_class.decode(first["prompt_ids"]).endswith("\n\nTL;DR:")
    assert dpo.processing_class.decode(first["rejected_ids"]) == f" {row(1)['summaries'][1]}</s>"
    assert dpo.state.log_history[0]["loss"] == pytest.approx(0.6931, abs=1e-3)  # -log sigmoid(0) before any step
    kto = trained(KTOTrainer, KTOConfig, tmp_path / "sets" / "kto.jsonl", tmp_path / "kto")
    assert kto.state.global_step == 2
