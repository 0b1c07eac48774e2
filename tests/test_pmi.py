"""PMI on tiny models, against its formula in direct forward passes; and the base model, for which it was made."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import fmean

import pytest
from click.testing import CliRunner
from tiny import plain_log_probs, tiny_pretrained

from quals.cli.main import cli
from quals.errors import InputError, ModelError
from quals.lm.architectures import language_model
from quals.lm.load import load_pretrained
from quals.metrics import registry
from quals.metrics.pmi import Pmi, PmiSettings
from quals.records import Span, Status, WordEvidence

DOCUMENT = "The mayor of Springfield resigned on 3 May after a fire in the town hall. Police said that two were hurt."
SUMMARIES = ["The mayor resigned on 3 May.", "Police said so \u2014 “twice”, on 14 May.", "  Nobody\n was hurt 😀 "]
SETTINGS = PmiSettings(chunk=300, overlap=20)


def saved(folder: Path, architecture: str) -> str:
    pretrained = tiny_pretrained(architecture)
    for part in (pretrained.model, pretrained.tokenizer):
        part.save_pretrained(folder / architecture)
    return str(folder / architecture)


@pytest.fixture(scope="module", params=["llama", "gpt2"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved(tmp_path_factory.mktemp("models"), request.param)


@pytest.fixture(scope="module")
def metric(model: str) -> Pmi:
    return Pmi(model, "cpu", settings=SETTINGS)


@pytest.mark.parametrize("summary", SUMMARIES)
def test_the_score_is_the_share_of_information_that_the_document_takes_away(
    metric: Pmi, model: str, summary: str
) -> None:
    pretrained = load_pretrained(model)
    lm, tokenizer = language_model(pretrained), pretrained.tokenizer

    def total(document: str) -> float:
        start = [tokenizer.bos_token_id, *tokenizer(document + "\n\nSummary:", add_special_tokens=False).input_ids]
        target = tokenizer(" " + summary.strip(), add_special_tokens=False).input_ids
        found = plain_log_probs(lm, start, target)
        return sum(float(found[place, token]) for place, token in enumerate(target))

    score = metric.score(DOCUMENT, summary)
    assert score.value == pytest.approx(1 - total(f" {DOCUMENT}") / total(""), abs=1e-4)
    assert (score.status, score.reason, score.chunks) == (Status.OK, "", 1)


def test_words_are_where_they_stand_and_their_mean_is_the_score(metric: Pmi) -> None:
    wanted = [
        ["The", "mayor", "resigned", "on", "3", "May"],
        ["Police", "said", "so", "\u2014", "twice", "on", "14", "May"],
    ]
    wanted.append(["Nobody", "was", "hurt", "😀"])
    for summary, words, score in zip(SUMMARIES, wanted, metric.score([DOCUMENT] * 3, SUMMARIES), strict=True):
        evidence = [piece for piece in score.evidence if isinstance(piece, WordEvidence)]
        assert [piece.word for piece in evidence] == words
        for piece in evidence:
            assert piece.summary_span is not None
            assert summary[piece.summary_span.start : piece.summary_span.end] == piece.word
            assert piece.document_span == Span(0, len(DOCUMENT))
        assert fmean(piece.score for piece in evidence) == pytest.approx(score.value)
        alone = sum(piece.log_prob_alone for piece in evidence)
        assert score.value == pytest.approx(1 - sum(piece.log_prob for piece in evidence) / alone)


def test_the_command_tells_the_bounds_and_shows_words(model: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({"document": DOCUMENT, "summary": SUMMARIES[0]}))
    options = ["-m", "pmi", "--model", model, "--set", "pmi.chunk=300", "--device", "cpu"]
    done = CliRunner().invoke(cli, ["score", str(tmp_path / "rows.jsonl"), *options])
    assert done.exit_code == 0, done.output
    told = " ".join(done.output.split())
    assert "At most 1; higher is more consistent." in told
    assert "doubted most: " in told


def test_company_and_order_change_nothing(metric: Pmi) -> None:
    documents = [DOCUMENT, "Two were hurt.", DOCUMENT, "", DOCUMENT]
    summaries = [SUMMARIES[1], SUMMARIES[0], SUMMARIES[2], SUMMARIES[0], SUMMARIES[1]]
    together = metric.score(documents, summaries)
    for document, summary, score in zip(documents, summaries, together, strict=True):
        alone = metric.score(document, summary)
        assert (alone.status, alone.value is None) == (score.status, score.value is None)
        if alone.value is not None:
            assert score.value == pytest.approx(alone.value, abs=1e-5)
    assert together[3].status is Status.EMPTY_DOCUMENT
    unexplained = metric.score(documents, summaries, explain=False)
    assert [score.value for score in unexplained] == pytest.approx([score.value for score in together])
    assert all(not score.evidence for score in unexplained)
    assert metric.score([], []) == []


def test_of_a_long_document_each_word_takes_the_best_chunk(model: str, metric: Pmi) -> None:
    short = Pmi(model, "cpu", settings=PmiSettings(chunk=12, overlap=4))
    score = short.score(DOCUMENT, SUMMARIES[0])
    spans = {piece.document_span for piece in score.evidence}
    assert score.chunks > 2
    assert len(spans) > 1
    assert "each word takes its best" in score.reason
    read = [DOCUMENT[span.start : span.end] for span in sorted(spans, key=lambda span: span.start)]
    by_chunk = {text: short.score(text, SUMMARIES[0]) for text in read}
    for place, piece in enumerate(score.evidence):
        best = max(found.evidence[place].log_prob for found in by_chunk.values())
        assert piece.log_prob == pytest.approx(best, abs=1e-4)


def test_what_cannot_be_scored_and_what_does_not_fit(model: str, metric: Pmi, tmp_path: Path) -> None:
    long, good = metric.score([DOCUMENT] * 2, ["resigned " * 400, SUMMARIES[0]])
    assert (long.status, good.status) == (Status.SUMMARY_TOO_LONG, Status.OK)
    assert "tokens, the model reads at most" in long.reason
    with pytest.raises(InputError, match="chunk: 500 tokens of text and 64 written after it are more than"):
        Pmi(model, "cpu", settings=PmiSettings(chunk=500, overlap=20))
    with pytest.raises(InputError, match="dtype: 'half' is none of"):
        Pmi(model, "cpu", dtype="half")
    with pytest.raises(InputError, match="overlap: must be at least 0 and below chunk"):
        registry.load("pmi", chunk=30, overlap=30)
    with pytest.raises(ModelError, match="has an encoder"):
        Pmi(saved(tmp_path, "bart"), "cpu")


def test_the_base_model_prefers_what_the_document_says() -> None:
    metric = registry.load("pmi", device="cpu")
    assert metric.signature.startswith("metric:pmi|model:smollm2-135m-instruct|revision:b179c952|chunk:1800/200|")
    right, wrong = metric.score([DOCUMENT] * 2, ["The mayor resigned on 3 May.", "The mayor resigned on 9 June."])
    assert 0 < wrong.value < right.value < 1
    assert [doubt.text for doubt in wrong.doubts] == ["June"]
