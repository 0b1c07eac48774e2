"""Claims made of questions and their answers, by the real pipeline."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from claims import NEWS, write
from click.testing import CliRunner

from quals.cli.main import cli
from quals.factcc.asked import question_claims
from quals.factcc.data import training_claims, with_unsupported
from quals.factcc.generate import Claim, ClaimSettings
from quals.factcc.kept import ASKED, ClaimPair, kept_claims
from quals.factcc.statements import statement
from quals.nlp import load_pipeline
from quals.training.data import Pair, Passage
from quals.training.settings import ClaimTrainSettings

FORMS = {("invent", "VBD"): "invented", ("give", "VBD"): "gave", ("play", "VBZ"): "plays", ("close", "VBD"): "closed"}

LIGHTHOUSE = (
    "The lighthouse at Skarvik was built in 1871 by Erik Larsen. Its lamp was replaced in 1932, when Anna Berg was the "
    "keeper. Two ferries a day go there from Tornes in winter, and nine in summer. Nobody has lived there since."
)
LETTER = "Karl Olsen wrote the letter on 3 May 1990. Maria read it in Tornes."
CAKE = "Emma ate the cake. Peter had baked it."


@pytest.fixture(scope="module")
def pipeline() -> Any:
    return load_pipeline()


def passage(*pairs: tuple[str, str], text: str = LIGHTHOUSE, title: str = "Skarvik") -> Passage:
    return Passage(text, tuple(Pair(question, answer, text.index(answer)) for question, answer in pairs), title)


ASKED_OF_IT = passage(
    ("Who constructed the lighthouse?", "Erik Larsen"),
    ("Who looked after the light?", "Anna Berg"),
    ("When was it erected?", "1871"),
    ("When was the lamp changed?", "1932"),
    ("How many boats go there in winter?", "Two"),
    ("How many boats sail in summer?", "nine"),
    ("Is it open?", "Nobody"),
)


@pytest.mark.parametrize(
    ("question", "answer", "before", "said"),
    [
        ("Who founded the town of Skarvik?", "two fishermen", "", "Two fishermen founded the town of Skarvik."),
        ("Which team won the cup?", "Leeds United", "", "Leeds United won the cup."),
        ("What has been banned?", "smoking", "", "Smoking has been banned."),
        ("What is the capital of France?", "Paris", "", "The capital of France is Paris."),
        ("What was the store called?", "The Corner", "called", "The store was called The Corner."),
        ("Where is the company based?", "London", "in", "The company is based in London."),
        ("Where is the company based?", "the old port", "by", "The company is based by the old port."),
        ("When was the bridge opened?", "1932", "the", "The bridge was opened in 1932."),
        ("When was the bridge opened?", "May 3, 1932", "the", "The bridge was opened on May 3, 1932."),
        ("When was the bridge opened?", "after Easter", "only", "The bridge was opened after Easter."),
        ("To whom did the queen give the crown?", "her son", "to", "The queen gave the crown to her son."),
        ("What did the company invent in 1920?", "a mop", "", "The company invented a mop in 1920."),
        ("What did the school belong to?", "the church", "to", "The school did belong to the church."),
        ("What type of music does the band play?", "jazz", "", "The band plays jazz."),
        ("How many people live in Oslo?", "700,000", "", "700,000 people live in Oslo."),
        ("How many people live in Oslo?", "700,000 people", "", "700,000 people live in Oslo."),
        ("Who will the club sign?", "Erik Larsen", "", "The club will sign Erik Larsen."),
        ("What did the mayor not sign?", "the law", "", "The mayor did not sign the law."),
        ("What does iTunes sell?", "music", "", "iTunes does sell music."),
        ("Why did the bank close the branch?", "due to rain", "", "The bank closed the branch due to rain."),
        # What there is no rule for.
        ("When was the bridge opened?", "spring", "the", None),
        ("Why did the bank close the branch?", "falling profits", "of", None),
        ("How did the thief enter the house?", "a window", "", None),
        ("How long did the war last?", "six years", "", None),
        ("What could happen to them?", "could be expelled", "", None),
        ("The capital of France is what?", "Paris", "", None),
        ("Did it rain?", "no", "", None),
        ("Why?", "due to rain", "", None),
        ("?", "rain", "", None),
        ("Who came?", "", "", None),
        ("Who was it?", " ".join(["word"] * 15), "", None),
    ],
)
def test_statements(pipeline: Any, question: str, answer: str, before: str, said: str | None) -> None:
    made = statement(pipeline(question), answer, before, FORMS)
    assert (made and made.text) == said
    if made:
        assert made.text[made.start : made.end].lower() in (answer.lower(), f"{answer} people")


def made_of(asked: Passage, pipeline: Any, seed: int = 0) -> list[Claim]:
    (claims,) = question_claims([asked], pipeline, ClaimSettings(seed, pairs=20, noised=0.0))
    return claims


def test_a_question_gives_a_true_and_a_false_claim(pipeline: Any) -> None:
    claims = made_of(ASKED_OF_IT, pipeline)
    true, false = claims[::2], claims[1::2]
    assert len(true) >= 4
    assert all(one.consistent and one.change is None and one.claim == one.sentence for one in true)
    assert "Erik Larsen constructed the lighthouse." in {one.claim for one in true}
    for one, other in zip(true, false, strict=True):
        assert other.change is not None
        assert not other.consistent
        assert other.claim == other.change.apply(one.claim) != one.claim
        assert (one.basis, one.sentence) == (other.basis, other.sentence)
        assert one.basis in LIGHTHOUSE
        assert one.basis.endswith(".")


def test_another_answer_of_the_same_kind_makes_it_false(pipeline: Any) -> None:
    exchanged = {
        claim.claim for seed in range(12) for claim in made_of(ASKED_OF_IT, pipeline, seed) if claim.kind == "answer"
    }
    assert exchanged <= {
        "Anna Berg constructed the lighthouse.",
        "Erik Larsen looked after the light.",
        "It was erected in 1932.",
        "The lamp was changed in 1871.",
        "Nine boats go there in winter.",
        "Two boats sail in summer.",
    }
    assert len(exchanged) >= 4


def test_an_answer_that_may_be_right_too_is_not_exchanged(pipeline: Any) -> None:
    text = "The mayor, Erik Larsen, opened the bridge at noon. Larsen cut the ribbon and then left for the town hall."
    asked = passage(("Who opened the bridge?", "Erik Larsen"), ("Who cut the ribbon?", "Larsen"), text=text)
    twice = passage(("Who opened it?", "The mayor"), ("Who opened it?", "Erik Larsen"), text=text)
    for one in (asked, twice):
        kinds = {claim.kind for seed in range(8) for claim in made_of(one, pipeline, seed)}
        assert "answer" not in kinds


def test_claims_of_a_text_do_not_depend_on_the_others(pipeline: Any) -> None:
    other = passage(("Who closed the door?", "Karl"), text="Karl closed the door and erected a fence.")
    settings = ClaimSettings(noised=0.5)
    alone, *_ = question_claims([ASKED_OF_IT], pipeline, settings)
    among, *_ = question_claims([ASKED_OF_IT, other], pipeline, settings)
    assert alone == among != []
    limited, *_ = question_claims([ASKED_OF_IT], pipeline, ClaimSettings(pairs=2))
    assert len(limited) == 4


def test_questions_without_an_answer_in_the_text_give_no_claims(pipeline: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = Passage(LIGHTHOUSE, (Pair("Who lives there?", "", -1), Pair("Who lives there?", "Karl", -1)))
    assert list(question_claims([nothing, Passage(LIGHTHOUSE, ())], pipeline, ClaimSettings())) == [[], []]
    monkeypatch.setattr(pipeline, "max_length", len(LIGHTHOUSE))
    assert list(question_claims([ASKED_OF_IT], pipeline, ClaimSettings())) == [[]]  # too long for the pipeline


def test_unsupported_ones_are_of_other_passages_of_the_article(pipeline: Any, tmp_path: Path) -> None:
    second = passage(("Who wrote the letter?", "Karl Olsen"), ("Who read it?", "Maria"), text=LETTER)
    foreign = passage(("Who ate the cake?", "Emma"), ("Who baked it?", "Peter"), text=CAKE, title="Cake")
    made = kept_claims([ASKED_OF_IT, second, foreign], pipeline, ClaimSettings(noised=0.0), tmp_path)
    assert [one.title for one in made] == ["article Skarvik", "article Skarvik", "article Cake"]
    assert {pair.kind for one in made for pair in one.pairs if isinstance(pair, ClaimPair)} == {ASKED}
    varied = with_unsupported(made, made, share=1.0, seed=0)
    assert {pair.question for pair in varied[0].pairs} <= {pair.question for pair in made[1].pairs}
    assert {pair.question for pair in varied[1].pairs} <= {pair.question for pair in made[0].pairs}
    assert {pair.answer for one in varied[:2] for pair in one.pairs} == {"no"}
    assert varied[2] == made[2]


def asked_file(path: Path, *passages: Passage) -> Path:
    rows = [
        {"context": one.context, "question": pair.question, "answer": pair.answer, "title": one.title}
        for one in passages
        for pair in one.pairs
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_questions_are_trained_on_beside_documents(tmp_path: Path) -> None:
    shouted = passage(("WHO BUILT IT?", "ERIK LARSEN"), text=LIGHTHOUSE.upper())
    other = passage(("Who ate the cake?", "Emma"), ("Who baked it?", "Peter"), text=CAKE)
    data, valid = write(tmp_path / "news.jsonl", NEWS), write(tmp_path / "valid.jsonl", NEWS[:1])
    questions = asked_file(tmp_path / "asked.jsonl", shouted, other)
    held_out = asked_file(tmp_path / "held_out.jsonl", ASKED_OF_IT)
    options = ["--claims-only", "--window-min", "10", "--window-max", "30", "--noised", "0", "--valid", str(valid)]
    options += ["--questions", str(questions), "--valid-questions", str(held_out), "-o", str(tmp_path / "run")]
    done = CliRunner().invoke(cli, ["train", "factcc", str(data), *options])
    assert done.exit_code == 0, done.output
    kept = [json.loads(line) for path in (tmp_path / "run" / "claims").glob("*.jsonl") for line in path.open()]
    assert {row["document"] for row in kept} == {*NEWS, LIGHTHOUSE, other.context}

    settings = ClaimTrainSettings(window_min=10, window_max=30)
    passages, validation = training_claims([data], [valid], tmp_path, settings, questions=([questions], [held_out]))
    asked = [one for one in passages if any(vars(pair)["kind"] == ASKED for pair in one.pairs)]
    # The lighthouse is held out, in whatever case.
    assert [one.context for one in asked] == [other.context]
    assert {one.context for one in passages} - {other.context} <= set(NEWS[1:])
    assert any(one.context in LIGHTHOUSE for one in validation)

    both = ([questions, held_out], [])
    for most in (1, 2, 9):
        found, _ = training_claims([data], [], tmp_path, ClaimTrainSettings(asked=most), questions=both)
        # The one text is there twice, shouted and not.
        assert len({one.context for one in found} - set(NEWS)) == min(most, 2)
