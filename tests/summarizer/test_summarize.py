"""`quals summarize`, and the summarizer in Python."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from tiny import DECODERS, SEQ2SEQ, tiny_pretrained

from quals.errors import InputError
from quals.io.rows import Row, take
from quals.lm.format import PairFormat
from quals.records import Status
from quals.summarizer import PRESETS, GenerationSettings, Summaries, Summarizer
from quals.summarizer.run import summarized
from tests.summarizer.conftest import read, rows, run, write

SHORT = ["--min-length", 1, "--max-length", 20, "--device", "cpu"]
DOCUMENTS = ["The mayor resigned on 3 May.", "Police said that two people were hurt. " * 9, "Who resigned?"]


@pytest.fixture(params=[*DECODERS, *SEQ2SEQ])
def model(request: pytest.FixtureRequest) -> Summarizer:
    pretrained = tiny_pretrained(request.param)
    form = PairFormat.choose(pretrained.tokenizer, encoder_decoder=pretrained.encoder_decoder)
    made = Summarizer.of(pretrained, form, request.param)
    made.window = 100
    return made


SETTINGS = [
    GenerationSettings(count=3, sample=True, min_length=2, max_length=9, max_document=60),
    GenerationSettings(count=2, min_length=2, max_length=9, max_document=60, no_repeat_ngram=2),
]


@pytest.mark.parametrize("settings", SETTINGS)
def test_summaries_do_not_depend_on_order_or_company(model: Summarizer, settings: GenerationSettings) -> None:
    together = model.summarize(DOCUMENTS, settings)
    backward = model.summarize(DOCUMENTS[::-1], settings)[::-1]
    alone = [model.summarize([document], settings)[0] for document in DOCUMENTS]
    assert [result.texts for result in together] == [result.texts for result in backward]
    assert [result.texts for result in together] == [result.texts for result in alone]
    for result in together:
        assert len(result.texts) == len(result.log_probs) == settings.count


def test_fewer_samples_are_the_first_of_more(model: Summarizer) -> None:
    few, many = (GenerationSettings(count=count, sample=True, max_length=12) for count in (2, 4))
    other = GenerationSettings(count=2, sample=True, max_length=12, seed=1)
    first = model.summarize(DOCUMENTS, few)
    assert [result.texts for result in first] == [result.texts[:2] for result in model.summarize(DOCUMENTS, many)]
    assert all(a.texts != b.texts for a, b in zip(first, model.summarize(DOCUMENTS, other), strict=True))


def test_no_summary_holds_a_token_of_the_frame(model: Summarizer) -> None:
    special = {token.content for token in model.lm.tokenizer.added_tokens_decoder.values() if token.special}
    for result in model.summarize(DOCUMENTS, GenerationSettings(count=8, sample=True, top_k=0, max_length=30)):
        assert not any(token in text for token in special for text in result.texts)


def test_what_cannot_be_summarized_has_a_status_and_a_reason(model: Summarizer) -> None:
    settings = GenerationSettings(max_length=12, max_document=20)
    bad = model.summarize([" ", "half \ud83d", DOCUMENTS[1]], settings)
    assert bad[0] == Summaries((), (), Status.EMPTY_DOCUMENT, "the document is empty")
    assert (bad[1].status, bad[1].texts) == (Status.ERROR, ())
    assert (bad[2].status, bad[2].read_tokens) == (Status.OK, 20)
    length = bad[2].document_tokens
    assert bad[2].reason == f"only the first 20 of the document's {length} tokens were read"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"count": 5}, "count: 4 beams find 4 summaries, not 5"),
        ({"count": 0}, "count: must be at least 1"),
        ({"top_p": 0.0}, "top_p: must be above 0 and at most 1"),
        ({"temperature": 0.0}, "temperature: must be above 0"),
        ({"min_length": 61}, "min_length: must be at least 0 and at most max_length"),
        ({"max_document": -1}, "max_document: must be at least 0"),
    ],
)
def test_settings_out_of_range(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        GenerationSettings(**values)


def test_more_than_the_model_can_hold_is_refused() -> None:
    pretrained = tiny_pretrained("llama")
    model = Summarizer.of(pretrained, PairFormat.choose(pretrained.tokenizer, encoder_decoder=False))
    with pytest.raises(InputError, match="490 tokens of text and 60 written after it are more than the model's 512"):
        model.summarize(DOCUMENTS, GenerationSettings(max_document=490))
    with pytest.raises(InputError, match="documents: expected a sequence of texts"):
        model.summarize("a text")


def test_rows_come_out_with_a_summary(trained: Path, tmp_path: Path) -> None:
    given = rows(5, seed=4)
    data, output = write(tmp_path / "in.jsonl", given), tmp_path / "out.jsonl"
    done = run("summarize", data, "--model", trained, "-o", output, *SHORT)
    assert done.exit_code == 0, done.output
    assert "5 documents summarized" in done.stderr
    found = read(output)
    for before, after in zip(given, found, strict=True):
        assert list(after) == ["id", "document", "reference", "summary", "log_prob", "status", "reason", "signature"]
        assert (after["id"], after["reference"]) == (before["id"], before["summary"])
        assert (after["summary"], after["status"]) == (before["summary"], "ok")
        assert after["log_prob"] > -0.1
    assert found[0]["signature"].startswith("metric:summary|model:tiny|revision:")
    assert "|beams:4|min_length:1|max_length:20|" in found[0]["signature"]


def test_several_summaries_are_a_list_and_the_rows_own_stays(trained: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", [*rows(3), {"document": "", "summary": "x", "summaries": 1, "status": 2}])
    done = run("summarize", data, "--model", trained, "-n", 6, "--sample", "--top-k", 5, *SHORT)
    assert done.exit_code == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [len(row["summaries"]) for row in found] == [6, 6, 6, 0]
    assert [row["summary"] for row in found] == [row["summary"] for row in [*rows(3), {"summary": "x"}]]
    assert (found[3]["status"], found[3]["input_summaries"], found[3]["input_status"]) == ("empty-document", 1, 2)
    assert "without a summary: empty-document 1" in done.stderr


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "-"])
def test_other_formats(suffix: str, trained: Path, tmp_path: Path) -> None:
    source, output = tmp_path / f"in.{suffix}", tmp_path / "out.parquet"
    separator = "\t" if suffix == "tsv" else ","
    lines = [f"n{separator}article"] + [f"{row['id']}{separator}{row['document']}" for row in rows(3)]
    text = "\n".join(lines) + "\n"
    if suffix == "parquet":
        import pyarrow as pa

        pq.write_table(pa.table({"n": [0, 1, 2], "article": [row["document"] for row in rows(3)]}), source)
    elif suffix == "-":
        source = Path("-")
        text = "".join(json.dumps({"article": row["document"]}) + "\n" for row in rows(3))
    else:
        source.write_text(text)
    done = run("summarize", source, "--model", trained, "-o", output, *SHORT, input=text)
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert pq.read_table(output)["summary"].to_pylist() == [row["summary"] for row in rows(3)]


def test_bad_rows_do_not_stop_a_run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write(tmp_path / "in.jsonl", [*rows(2), {"document": 5}, {"document": "Break!"}])
    with data.open("a") as stream:
        stream.write("{\n")
    write_now = Summarizer._write

    def write_or_break(self: Summarizer, texts: list[list[int]], settings: GenerationSettings) -> Any:
        if self.frame("Break!") in texts:
            raise RuntimeError("broken")
        return write_now(self, texts, settings)

    monkeypatch.setattr(Summarizer, "_write", write_or_break)
    done = run("summarize", data, "--model", trained, *SHORT)
    assert done.exit_code == 4
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["status"] for row in found] == ["ok", "ok", "invalid-row", "error", "invalid-row"]
    assert [row["summary"] for row in found[2:]] == [None, None, None]
    assert "expected text, found int" in found[2]["reason"]
    assert found[3]["reason"] == "RuntimeError: broken"
    assert "in.jsonl:5" in found[4]["reason"]


def test_what_was_read_before_a_file_breaks_off_is_summarized(model: Summarizer) -> None:
    def breaking_off() -> Iterator[Row]:
        yield from [Row({}, "f", number, document) for number, document in enumerate(DOCUMENTS, 1)]
        raise InputError("cannot be read any further")

    found, failure = take(summarized(breaking_off(), model, GenerationSettings(max_length=12)), 9)
    assert [row.document for row, _ in found] == DOCUMENTS
    assert "cannot be read any further" in str(failure)


def test_an_interrupted_run_goes_on(trained: Path, tmp_path: Path) -> None:
    data, output = write(tmp_path / "in.jsonl", rows(6)), tmp_path / "out.jsonl"
    arguments = ["summarize", data, "--model", trained, "-o", output, "-n", 2, "--sample", *SHORT]
    assert run(*arguments).exit_code == 0
    whole = output.read_text()
    output.write_text(whole[: whole.index("\n", whole.index("\n") + 1) + 20])  # two rows and a piece of the third
    done = run(*arguments, "--resume", "--batch-rows", 1)
    assert done.exit_code == 0, done.output
    for before, after in zip(whole.splitlines(), output.read_text().splitlines(), strict=True):
        expected, found = json.loads(before), json.loads(after)
        # In other batches numbers are rounded differently.
        assert found.pop("log_probs") == pytest.approx(expected.pop("log_probs"), abs=1e-4)
        assert found == expected
    assert "6 documents summarized" in done.stderr
    refused = run(*arguments, "--resume", "--seed", 3)
    assert "not with metric:summary|" in str(refused.exception)
    output.write_text(whole.replace('"reason": "", ', ""))
    assert ":1: not a result of this command; cannot resume" in str(run(*arguments, "--resume").exception)
    output.write_text(whole)
    write(data, rows(6, seed=9))
    assert "the result of another row than" in str(run(*arguments, "--resume").exception)
    assert output.read_text() == whole


def test_presets_give_way_to_options(trained: Path, tmp_path: Path) -> None:
    data = write(tmp_path / "in.jsonl", rows(1))
    for preset, values in PRESETS.items():
        done = run("summarize", data, "--model", trained, "--preset", preset, "--max-length", 57, "--device", "cpu")
        expected = {**values, "max_length": 57}
        signature = json.loads(done.stdout)["signature"]
        assert all(f"|{name}:{value}|" in signature for name, value in expected.items())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--top-k", 5], "--top-k needs --sample"),
        (["--sample", "--beams", 5], "--beams cannot be used with --sample"),
        (["--resume"], "--resume needs the --output file"),
        (["-o", "x.txt"], "results go to a file ending in .jsonl, .csv, .tsv or .parquet"),
        (["-n", 5], "--count: 4 beams find 4 summaries, not 5"),
        (["--sample", "--top-p", 2], "--top-p: must be above 0 and at most 1"),
    ],
)
def test_options_that_do_not_go_together(trained: Path, tmp_path: Path, options: list[object], message: str) -> None:
    done = run("summarize", write(tmp_path / "in.jsonl", rows(1)), "--model", trained, *options)
    assert done.exit_code == 2
    assert message in done.stderr


def test_an_empty_file_is_an_error(trained: Path, tmp_path: Path) -> None:
    data, output = write(tmp_path / "in.jsonl", []), tmp_path / "o.jsonl"
    output.write_text("precious")
    assert "holds no rows" in str(run("summarize", data, "--model", trained, "-o", output).exception)
    assert output.read_text() == "precious"
