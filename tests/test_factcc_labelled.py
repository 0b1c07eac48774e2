"""Judged sentences as claims to learn from."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from claims import NEWS, write
from click.testing import CliRunner

from quals.cli.main import cli
from quals.errors import InputError
from quals.factcc.data import training_claims, with_unsupported
from quals.factcc.labelled import labelled_claims
from quals.factcc.verdict import LABELLED, ClaimPair, Slip
from quals.nlp import load_pipeline
from quals.training.data import Passage
from quals.training.settings import ClaimTrainSettings

TRUE, FALSE = "Nothing came to light in Hull.", "Officers took three men away from Hull."


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return load_pipeline()


def rows_file(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def row(claim: str, label: object, document: object = NEWS[0]) -> dict[str, Any]:
    return {"document": document, "summary": claim, "label": label}


def read(path: Path, pipeline: Any, most: int = 220) -> tuple[list[Passage], list[str]]:
    left_out: list[InputError] = []
    found = labelled_claims([path], pipeline, most, left_out)
    return found, [str(problem).removeprefix(f"{path.parent}/") for problem in left_out]


def verdicts(passages: list[Passage]) -> dict[str, str]:
    return {pair.question: pair.answer for passage in passages for pair in passage.pairs}


def test_claims_of_one_document_are_brought_together(pipeline: Any, tmp_path: Path) -> None:
    other = row("Shares rose.", True, NEWS[1])
    path = rows_file(tmp_path / "a.jsonl", row(TRUE, 1), other, row(FALSE, 0), row("They met.", 0.4), row("Done.", 0.5))
    (first, second), problems = read(path, pipeline)
    assert (first.context, second.context, problems) == (NEWS[0], NEWS[1], [])
    assert verdicts([first]) == {TRUE: "yes", FALSE: "no", "They met.": "no", "Done.": "yes"}
    assert verdicts([second]) == {"Shares rose.": "yes"}
    assert {pair.kind for pair in first.pairs if isinstance(pair, ClaimPair)} == {LABELLED}
    assert first.title != second.title


def test_all_files_and_fields_that_scores_are_made_of_are_read(pipeline: Any, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    with table.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["Source", "answer", "Label"], [NEWS[0], TRUE, "true"], [NEWS[0], FALSE, "FALSE"]])
    listed = rows_file(
        tmp_path / "listed.jsonl", {"contexts": NEWS[:2], "answer": TRUE, "label": True, "sentence_index": 0}
    )
    assert verdicts(read(table, pipeline)[0]) == {TRUE: "yes", FALSE: "no"}
    ((passage,), _) = read(listed, pipeline)
    assert passage.context == f"{NEWS[0]}\n\n{NEWS[1]}"


def test_document_and_claim_are_in_the_fields_that_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"doc": NEWS[0], "prediction": claim, "label": label} for claim, label in ((TRUE, 1), (FALSE, 0))]
    path = rows_file(tmp_path / "a.jsonl", *rows)
    trained: list[list[Passage]] = []
    monkeypatch.setattr("quals.factcc.train.train_checker", lambda passages, *_: trained.append(passages))
    command = ["train", "factcc", "--labelled", str(path), "-o", str(tmp_path / "model")]
    done = CliRunner().invoke(cli, [*command, "--document-field", "doc", "--summary-field", "prediction"])
    assert done.exit_code == 0, done.output
    assert verdicts(trained[0]) == {TRUE: "yes", FALSE: "no"}
    missing = "document: missing; the row has: doc, prediction, label. Name it with --document-field"
    assert f"{path}:1: {missing}" in CliRunner().invoke(cli, command).stderr
    alone = CliRunner().invoke(cli, ["train", "factcc", str(path), "-o", "model", "--document-field", "doc"])
    assert (alone.exit_code, "go with --labelled" in alone.stderr) == (2, True)


def test_what_is_wrong_in_a_text_of_several_sentences_is_not_guessed(pipeline: Any, tmp_path: Path) -> None:
    path = rows_file(tmp_path / "a.jsonl", row(f"{TRUE} Miller said thanks.", 1), row(f"{FALSE} He left.", 0))
    found, problems = read(path, pipeline)
    assert verdicts(found) == {TRUE: "yes", "Miller said thanks.": "yes"}
    assert problems == ["a.jsonl:2: summary: which of its 2 sentences is wrong? Each needs a label of its own"]


def test_a_correction_is_a_claim_too_and_tells_what_is_wrong(pipeline: Any, tmp_path: Path) -> None:
    corrected = row("Police held three men in Hull.", 0) | {"Correction": "Police held three men in Leeds."}
    same = row("They left.", 0) | {"correction": "They left."}
    right = row("Miller gave thanks.", 1) | {"correction": "Nobody reads this."}
    found, problems = read(rows_file(tmp_path / "a.jsonl", corrected, same, right), pipeline)
    assert problems == []
    assert verdicts(found) == {
        "Police held three men in Leeds.": "yes",
        "Police held three men in Hull.": "no: Hull / Leeds",
        "They left.": "no",
        "Miller gave thanks.": "yes",
    }


@pytest.mark.parametrize(
    ("wrong", "right", "slip"),
    [
        ("He left on Monday.", "He left on Friday.", Slip("Monday", "Friday")),
        (
            "He left Leeds on Monday.",
            "He came to Leeds on Friday.",
            Slip("left Leeds on Monday", "came to Leeds on Friday"),
        ),
        ("He did not leave.", "He did leave.", Slip("did not", "did")),
        ("He did leave.", "He did not leave.", Slip("did", "did not")),
        ("Later he left.", "He left.", Slip("Later he", "He")),
        ("Ten men left.", "Ten left.", Slip("Ten men", "Ten")),
        ("He left, then.", "He left.", Slip("left, then", "left")),
        ("He left the the town.", "He left the town.", Slip("the the", "the")),
        ("He left.", "He left!", None),
        ("He left.", "He left.", None),
        ("a " * 18, "b " * 17, None),
        ("a " * 17, "b " * 17, Slip(" ".join("a" * 17), " ".join("b" * 17))),
    ],
)
def test_what_is_wrong_is_what_a_correction_changes(wrong: str, right: str, slip: Slip | None) -> None:
    assert Slip.between(wrong, right) == slip


def test_labels_that_sentences_have_from_their_summary_are_told(
    pipeline: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def told(*labels: int) -> bool:
        caplog.clear()
        rows = [row(f"Claim {i}.", label) | {"sentence_index": i % 3} for i, label in enumerate(labels)]
        read(rows_file(tmp_path / "a.jsonl", *rows), pipeline)
        return "label each by itself" in caplog.text

    assert told(1, 1, 1, 0, 0, 0)
    assert not told(1, 1, 1, 0, 1, 0)
    assert not told(1, 1, 1)


def test_rows_that_cannot_be_used_are_told(pipeline: Any, tmp_path: Path) -> None:
    wrong = [row(TRUE, None), row(TRUE, 2), row(TRUE, "high"), row("...", 1), row(TRUE, 1, " "), row(TRUE, 1, 7)]
    path = rows_file(tmp_path / "a.jsonl", *wrong, {"document": NEWS[0], "label": 1}, row(FALSE, 0))
    with path.open("a") as file:
        file.write("{no JSON\n")
    found, problems = read(path, pipeline)
    assert verdicts(found) == {FALSE: "no"}
    assert problems[:5] == [
        "a.jsonl:1: label: missing or not a number",
        "a.jsonl:2: label: 2 is not in 0..1",
        "a.jsonl:3: label: missing or not a number",
        "a.jsonl:4: summary: has no words",
        "a.jsonl:5: document: has no words",
    ]
    assert [problem.split(":")[1] for problem in problems] == ["1", "2", "3", "4", "5", "6", "7", "9"]


def test_a_claim_that_is_too_long_for_the_pipeline_stops_nothing(
    pipeline: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "max_length", len(FALSE))
    path = rows_file(tmp_path / "a.jsonl", row(FALSE + " " * 2 + TRUE, 1), row(FALSE, 0))
    found, problems = read(path, pipeline)
    assert verdicts(found) == {FALSE: "no"}
    length = len(FALSE) + 2 + len(TRUE)
    assert problems == [f"a.jsonl:1: summary: has {length} characters, spaCy reads at most {len(FALSE)}"]


def test_a_claim_rests_on_the_part_of_a_long_document_that_has_its_words(pipeline: Any, tmp_path: Path) -> None:
    document = " ".join(NEWS)
    claims = ["In Hull a second raid found nothing.", "Erik Lund never saw the ship.", "Its profit fell to £310m."]
    path = rows_file(tmp_path / "a.jsonl", *(row(claim, 1, document) for claim in claims))
    ((passage,), _) = read(path, pipeline, most=25)
    bases = [pair.basis for pair in passage.pairs if isinstance(pair, ClaimPair)]
    sought = (
        "A second raid in Hull on Friday",
        "Captain Erik Lund said",
        "The bank said its profit fell by 12% to £310m",
    )
    for pair, basis, words in zip(passage.pairs, bases, sought, strict=True):
        assert document[pair.start : pair.end] == basis
        assert words in basis
        # Whole sentences, as many as are allowed.
        assert basis[0].isupper()
        assert basis.rstrip()[-1] == "."
        assert len(basis.split()) <= 25
    ((whole,), _) = read(path, pipeline)
    assert {pair.basis for pair in whole.pairs if isinstance(pair, ClaimPair)} == {document}
    ((narrow,), _) = read(path, pipeline, most=3)  # no sentence is that short
    assert narrow.pairs[0].end - narrow.pairs[0].start == len("A second raid in Hull on Friday found nothing. ")


def test_judged_sentences_are_trained_on_beside_documents(tmp_path: Path) -> None:
    data = write(tmp_path / "news.jsonl", NEWS)
    labelled = rows_file(tmp_path / "a.jsonl", row(TRUE, 1), row(FALSE, 0), row("Shares rose.", 1, NEWS[1].upper()))
    held_out = rows_file(tmp_path / "b.jsonl", row("Shares fell.", 0, NEWS[1]))
    settings = ClaimTrainSettings(window_min=10, window_max=30)
    passages, validation = training_claims(
        [data], [], tmp_path, settings, labelled=[labelled], valid_labelled=[held_out]
    )
    judged = [one for one in passages if any(vars(pair)["kind"] == LABELLED for pair in one.pairs)]
    assert verdicts(judged) == {TRUE: "yes", FALSE: "no"}
    # What is held out is so in whatever case, and of documents, too.
    assert {one.context for one in passages} == {NEWS[0], NEWS[2]}
    assert len(passages) == 3
    assert verdicts(validation) == {"Shares fell.": "no"}
    # Where else the document may say it is not known: they are made no claims about what is not in a window.
    assert with_unsupported(judged, passages, share=1.0, seed=0) == judged
    short = Passage("Police.", judged[0].pairs, judged[0].title)
    assert with_unsupported([short], passages, share=1.0, seed=0) == [short]


def test_rows_that_contradict_each_other_are_told(pipeline: Any, tmp_path: Path) -> None:
    corrected = row(FALSE, 0) | {"correction": "Officers took three men away from Leeds."}
    path = rows_file(tmp_path / "a.jsonl", corrected, row(FALSE, 0), row(TRUE, 1), row(FALSE, 1), row(TRUE, 0))
    found, problems = read(path, pipeline)
    assert verdicts(found)[FALSE] == "no: Hull / Leeds"
    assert verdicts(found)[TRUE] == "yes"
    assert problems == [f"a.jsonl:{line}: label: another row says the opposite of the same text" for line in (4, 5)]


def test_held_out_judged_sentences_are_looked_at_beside_documents(tmp_path: Path) -> None:
    """However many more of these there are."""
    valid = write(tmp_path / "news.jsonl", [f"{text} And {number} more." for number in range(9) for text in NEWS])
    judged = [row(TRUE, 1, f"{NEWS[0]} Day {number}.") for number in range(2)]
    held_out = rows_file(tmp_path / "b.jsonl", *judged)
    data = write(tmp_path / "data.jsonl", NEWS)
    settings = ClaimTrainSettings(window_min=10, window_max=30, validate=5)
    _, validation = training_claims([data], [valid], tmp_path, settings, valid_labelled=[held_out])
    kinds = [{vars(pair)["kind"] == LABELLED for pair in one.pairs} for one in validation]
    assert len(kinds) == 5
    assert kinds.count({True}) == 2


def test_judged_sentences_alone_are_enough(tmp_path: Path) -> None:
    labelled = rows_file(tmp_path / "a.jsonl", row(TRUE, 1), row(FALSE, 0), row(TRUE, "?"))
    passages, validation = training_claims([], [], tmp_path, ClaimTrainSettings(), labelled=[labelled])
    assert (verdicts(passages), validation) == ({TRUE: "yes", FALSE: "no"}, [])
    done = CliRunner().invoke(
        cli, ["train", "factcc", "--labelled", str(labelled), "--claims-only", "-o", str(tmp_path / "run")]
    )
    assert done.exit_code == 0, done.output
    assert f"left out: {labelled}:3: label: missing" in done.output
    refused = CliRunner().invoke(cli, ["train", "factcc", "-o", str(tmp_path / "run")])
    assert refused.exit_code == 2
    assert "Missing argument 'DATA...' or option '--labelled'." in refused.output
    nothing = rows_file(tmp_path / "n.jsonl", row(TRUE, "?"))
    with pytest.raises(InputError, match="no documents to make claims of"):
        training_claims([], [], tmp_path, ClaimTrainSettings(), labelled=[nothing])
