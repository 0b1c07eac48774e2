"""Systems compared: reading, the table and its formats, the command."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from overlap import Overlap
from rich.console import Console

from quals.cli.compare import compare as command
from quals.cli.metrics import metric_names
from quals.compare.comparison import Comparison, compare
from quals.compare.differences import Usage, differences, pieces, words
from quals.compare.paired import Resampling
from quals.compare.table import to_latex, to_markdown, to_terminal
from quals.errors import InputError
from quals.io.systems import read_systems
from quals.metrics import registry
from quals.metrics.rouge import Rouge1, Rouge2Precision
from quals.records import Span
from quals.scoring.cache import ScoreCache
from quals.texts import length, novel_bigrams

FEW = Resampling(resamples=500)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUALS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(registry.METRICS, "overlap", "overlap:Overlap")


def written(path: Path, rows: list[Any]) -> str:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def row(number: int, summary: str, **fields: Any) -> dict[str, Any]:
    document = f"the mayor of town {number} resigned on tuesday"
    return {"id": number, "document": document, "summary": summary, "reference": "the mayor resigned", **fields}


def systems(tmp_path: Path, **summaries: list[str]) -> list[str]:
    """A file for each system, as the command wants it."""
    return [
        f"{name}={written(tmp_path / f'{name}.jsonl', [row(n, text) for n, text in enumerate(texts)])}"
        for name, texts in summaries.items()
    ]


def made(tmp_path: Path, baseline: str = "one", resampling: Resampling = FEW, **summaries: list[str]) -> Comparison:
    found = read_systems(systems(tmp_path, **summaries))
    return compare(found, [Overlap(), Rouge1()], baseline, resampling, ScoreCache())


THREE = {
    "one": ["the mayor resigned"] * 6,
    "two": ["the mayor died"] * 3 + ["the mayor resigned"] * 3,
    "three": ["", "the mayor"] + ["the mayor died on friday"] * 4,
}


@pytest.mark.parametrize(
    ("document", "summary", "share"),
    [
        ("a b c d", "a b c", 0.0),
        ("a b c d", "b a", 1.0),
        ("The mayor resigned.", "the mayor, resigned today", 1 / 3),
        ("a b", "a b a b a", 0.5),  # a b, b a, a b, b a
        ("a b", "a", None),
        ("", "a b", 1.0),
    ],
)
def test_novel_bigrams_by_hand(document, summary, share):
    assert novel_bigrams(document, summary) == (None if share is None else pytest.approx(share))


def test_novelty_is_the_opposite_of_copying():
    document, summary = "the mayor of the town resigned on tuesday", "the mayor resigned on friday of the week"
    copied = Rouge2Precision(stemmer=False).score(document, summary).value
    assert novel_bigrams(document, summary) == pytest.approx(1 - copied)
    assert length(" two  words\n") == 2


def test_cells_are_the_metrics_own_numbers(tmp_path):
    found = made(tmp_path, **THREE)
    documents = [each.text for each in found.systems.documents]
    for name, summaries in THREE.items():
        scores = [score.value for score in Overlap().score(documents, summaries)]
        cell = found.cells[name, "overlap"]
        assert cell.mean.value == pytest.approx(np.mean([value for value in scores if value is not None]))
        assert cell.mean.count == 6 - scores.count(None)
    two = found.cells["two", "overlap"]
    assert two.against is not None
    assert two.against.difference.value == pytest.approx(-1 / 6)  # one word in three, on half of the documents
    assert (two.against.wins, two.against.ties, two.against.losses) == (0, 3, 3)
    assert two.against.p_randomisation == pytest.approx(2 / 8)  # the three that differ all have one sign
    assert found.cells["one", "overlap"].against is None
    assert found.cells["three", "words"].mean.value == pytest.approx((0 + 2 + 4 * 5) / 6)


def test_what_is_left_at_equal_copying_stands_beside_the_difference(tmp_path):
    summaries = {"one": ["the mayor of"] * 12, "two": ["the mayor of"] * 6 + ["the mayor died"] * 6}
    found = made(tmp_path, **summaries)
    cell = found.cells["two", "overlap"]
    assert cell.against.difference.value == pytest.approx(-1 / 6)
    assert cell.at_equal_copying.value == pytest.approx(0)  # the wrong word makes a new pair
    assert found.cells["one", "overlap"].at_equal_copying is None
    assert found.cells["two", "words"].at_equal_copying is None
    line = next(line for line in to_markdown(found).splitlines() if line.startswith("| overlap | two | "))
    assert line.endswith("| 12 | 0.000 (0.000 to 0.000) |")


def test_rows_without_a_score_leave_the_pair_and_are_told(tmp_path):
    found = made(tmp_path, **THREE)
    three = found.cells["three", "overlap"]
    assert three.unscored == {"empty-summary": 1}
    assert three.against.difference.count == 5
    text = to_markdown(found)
    assert "- overlap, three: 1 of 6 documents have no value (empty-summary)" in text
    assert "- novel 2-grams, three: 1 of 6 documents have no value (fewer than two words)" in text


def test_formats_show_the_same_numbers(tmp_path):
    found = made(tmp_path, **{"one": THREE["one"], "a_b|c": THREE["two"]})
    text, latex = to_markdown(found), to_latex(found)
    assert "| one (baseline) | 0.000 (0.000 to 0.000) |" in text
    assert "| a_b/c | -0.167 (" in text
    assert "| overlap | a_b/c | -0.167 (" in text
    assert r"a\_b|c & $-$0.167 (" in latex
    assert latex.count(r"\toprule") == latex.count(r"\end{tabular}") == 2
    widths = {line.count("&") for line in latex.splitlines() if line.endswith(r"\\")}
    assert widths == {4, 7}  # no cell breaks a row
    console = Console(width=120, record=True, file=open("/dev/null", "w"))
    for table in to_terminal(found):
        console.print(table)
    assert "-0.167" in console.export_text()


@pytest.mark.parametrize(("level", "shown"), [(0.95, "middle 95% of"), (0.999, "middle 99.9% of")])
def test_the_level_of_the_intervals_is_told(tmp_path, level, shown):
    assert shown in to_markdown(made(tmp_path, resampling=Resampling(resamples=50, level=level), **THREE))


def test_no_cell_is_an_option_to_latex(tmp_path):
    latex = to_latex(made(tmp_path, **{"one": THREE["one"], "[mle]": THREE["two"]}))
    assert "\n{[}mle] & " in latex
    assert "\n[" not in latex


def run(*arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(command, list(arguments))
    assert result.exit_code == code, (result.output, result.exception)
    return result


def test_the_command_writes_every_format_and_scores_once(tmp_path, monkeypatch):
    files = systems(tmp_path, **THREE)
    outputs = [tmp_path / f"table{suffix}" for suffix in (".MD", ".tex", ".Json")]
    arguments = [*files, "--metric", "overlap,rouge1", "--resamples", "200", "--baseline", "two"]
    arguments += [part for path in outputs for part in ("-o", str(path))]
    result = run(*arguments)
    assert result.stdout == outputs[0].read_text()
    content = json.loads(outputs[2].read_text())
    assert (content["baseline"], content["documents"][0]) == ("two", "0")
    assert content["values"]["overlap"]["three"][0] is None
    assert {(one["system"], one["measure"]) for one in content["results"]} == {
        (system, measure) for system in THREE for measure in ("overlap", "rouge1", "novel 2-grams", "words")
    }
    assert content["signatures"]["overlap"] == Overlap().signature
    monkeypatch.setattr(Overlap, "_score", lambda *_: pytest.fail("scored again"))
    before = [path.read_bytes() for path in outputs]
    run(*arguments)
    assert [path.read_bytes() for path in outputs] == before


@pytest.mark.parametrize(("reference", "expected"), [(None, ["quals"]), ("R", ["quals", "rouge1", "rouge2", "rougeL"])])
def test_rouge_needs_references_to_be_there_by_itself(tmp_path, monkeypatch, reference, expected):
    loaded = []
    monkeypatch.setattr(
        "quals.cli.compare.load_metrics", lambda names, _, workers: loaded.extend(metric_names(names)) or []
    )
    row = {"document": "D", "summary": "S"} | ({"reference": reference} if reference else {})
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(row))
    run(f"one={path}", f"two={path}")
    assert loaded == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("one=a.jsonl", "-o", "x.pdf"), "expected an ending among .md, .tex, .json"),
        (("one=a.jsonl", "--page", "no/folder/x.html"), "there is no folder no/folder"),
        (("one=a.jsonl", "--doubts", "qags"), "'qags' is not among the metrics"),
        (("one=a.jsonl", "--doubts", "quals"), "--doubts marks words on a page: give --page"),
        (("one=missing.jsonl",), "missing.jsonl: cannot be read"),
    ],
)
def test_errors_of_the_command(arguments, message):
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code != 0
    assert message in result.stderr + str(result.exception)


def test_an_unknown_baseline_is_named(tmp_path):
    with pytest.raises(InputError, match=r"no system 'four' \(given: one, two, three\)"):
        made(tmp_path, baseline="four", **THREE)


DOCUMENT = "Mayor Ann Lee resigned on Friday, 3 May. The council met twice. It cost £1,200."


def test_differing_words_have_their_kind():
    summaries = ["Ann Lee resigned on Friday after 1,200 protests.", "Bob Lee resigned on Monday; 1200 voted, say two."]
    found = differences(DOCUMENT, summaries)
    shown = [
        [(text[span.start : span.end], kind) for span, kind in each]
        for text, each in zip(summaries, found, strict=True)
    ]
    assert shown == [
        [("Ann", "fact"), ("Friday", "fact"), ("protests", "word")],
        [("Bob", "stray"), ("Monday", "stray"), ("voted", "word"), ("two", "stray")],
    ]
    assert differences(DOCUMENT, ["Ann.", "Ann."]) == [[], []]
    assert differences(DOCUMENT, ["Ann left."]) == [[]]


def test_the_first_word_of_a_sentence_is_a_name_only_with_reason():
    usage = Usage.of(DOCUMENT, ["Proposals failed. Ann stayed. Bob Smith left."])
    names = {word.key for word in words("Proposals failed. Ann stayed. Bob Smith left.", usage) if word.fact}
    assert names == {"ann", "bob", "smith"}


def test_pieces_keep_the_text_and_cut_at_every_change():
    text = "Ann left on Monday."
    found = pieces(text, [(Span(0, 3), "fact"), (Span(12, 18), "stray")], [(Span(0, 8), 2.0), (Span(15, 18), 1.0)])
    assert [(piece.text, piece.kind, piece.loss) for piece in found] == [
        ("Ann", "fact", 2.0),
        (" left", "", 2.0),
        (" on ", "", 0.0),
        ("Mon", "stray", 0.0),
        ("day", "stray", 1.0),
        (".", "", 0.0),
    ]
    assert "".join(piece.text for piece in pieces(text, [], [])) == text
    assert pieces("", [], []) == []


def test_references_reach_the_metrics(tmp_path):
    found = made(tmp_path, **THREE)
    assert found.cells["one", "rouge1"].mean.value == 1.0
    assert found.cells["two", "rouge1"].mean.value == pytest.approx((3 * 2 / 3 + 3) / 6)


def test_words_that_are_alike_and_names_that_are_none():
    assert differences("It was Lee's car.", ["It was Lee's car.", "It was Lee’s car, of Lee."]) == [[], []]
    assert differences("X.", ["the won't car", "the won’t car"]) == [[], []]

    def facts(text, document):
        return {word.key for word in words(text, Usage.of(document, [text])) if word.fact}

    assert facts("In Dark Woods they sat.", "The woods are dark.") == set()
    assert facts("In Dark Woods they sat. The dark woods.", "x") == set()
    assert facts("They often tend to secondary halves", "") == set()
    assert "k" in facts("It was Agent K there", "")


def test_names_that_are_spelled_like_empty_words():
    def shown(document, *summaries):
        found = differences(document, summaries)
        return [[(t[s.start : s.end], kind) for s, kind in each] for t, each in zip(summaries, found, strict=True)]

    assert shown("He left on 3 June.", "He left on 3 May.", "He left on 3 June.") == [
        [("May", "stray")],
        [("June", "fact")],
    ]
    assert shown("The WHO said no.", "WHO said no.", "The FDA said no.") == [[("WHO", "fact")], [("FDA", "stray")]]
    assert shown("They may go.", "May they go?", "They go.") == [[], []]
    assert shown("Then Will Smith left.", "So Will left.", "So I left.") == [[("Will", "fact")], []]


def test_accents_that_are_characters_of_their_own_are_the_same_letters():
    document, summary = "Jörg Müller ist in München.", "Jörg Müller ist in Köln."
    apart = unicodedata.normalize("NFD", document)
    assert novel_bigrams(apart, document) == novel_bigrams(document, apart) == 0
    (found,), (expected,) = (differences(text, [document, summary])[1:] for text in (apart, document))
    assert found == expected == [(Span(19, 23), "stray")]
    (_, moved) = differences(document, [document, unicodedata.normalize("NFD", summary)])
    assert moved == [(Span(21, 26), "stray")]
