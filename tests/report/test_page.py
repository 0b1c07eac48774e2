import html
import re
from dataclasses import replace

import pyarrow as pa
import pytest
from word_pairs import WordPairs, scored

from quals.calibrate import Band, Calibration, Logistic
from quals.errors import InputError
from quals.io.scored import OtherEvidence
from quals.records import (
    ClaimEvidence,
    Evidence,
    PairEvidence,
    QuestionEvidence,
    Span,
    Status,
    SummaryScore,
    WordEvidence,
)
from quals.report import MetricFacts, Report, ScoredRow
from quals.report.overview import MEANINGS, overview
from quals.report.view import factor_text, number_text, token_text, view_row

FACTS = MetricFacts.of(WordPairs())
CURVE = Calibration(Logistic(4.0, 1.0), WordPairs().signature, ("made up",), 100, 0.5, 5, 0.1, 0.25, 0.3)


def plain(values):
    return [ScoredRow("d", "s", SummaryScore(v, Status.OK, signature=FACTS.signature), str(v)) for v in values]


def test_overview_counts_everything(rows):
    summed = overview(rows, FACTS)
    assert (summed.rows, summed.scored, dict(summed.statuses)) == (4, 3, {Status.OK: 3, Status.EMPTY_SUMMARY: 1})
    assert sum(bar.count for bar in summed.bars) == 3
    assert (summed.bands, summed.unread) == ({}, 0)
    with_bands = overview(rows, FACTS.calibrated(CURVE))
    assert (sum(with_bands.bands.values()), with_bands.unread) == (3, 0)
    silent = overview([*rows, *plain([0.5])], FACTS.calibrated(replace(CURVE, shortest=2)))  # of the document "d"
    assert (sum(silent.bands.values()), silent.unread, silent.scored) == (3, 1, 4)


def test_a_calibration_that_says_nothing_of_the_documents_is_one():
    facts = FACTS.calibrated(replace(CURVE, shortest=2))
    summed = overview(plain([0.5, -0.5]), facts)
    assert (set(summed.bands.values()), summed.unread) == ({0}, 2)
    assert {bar.band for bar in summed.bars} == {None}
    page = Report(plain([0.5, -0.5]), facts).html()
    assert "no calibration" not in page
    assert "<b>100.0 %</b> no probability" in page


def test_quantiles_and_bars_by_hand():
    summed = overview(plain([-4.0, -3.0, -2.0, -1.0, 0.0]), FACTS)
    assert summed.quantiles == (-4.0, -3.0, -2.0, -1.0, 0.0)
    assert (summed.bars[0].low, summed.bars[-1].high) == (-4.0, 0.0)
    assert [bar.count for bar in summed.bars if bar.count] == [1] * 5
    far = overview(plain([-1000.0, *[-1.0, -0.5, 0.0] * 20]), FACTS)
    assert far.bars[0].low > -10
    assert sum(bar.count for bar in far.bars) == 61


@pytest.mark.parametrize("values", [[], [0.5], [0.5, 0.5, 0.5]])
def test_few_or_equal_scores_make_a_page(values):
    assert "<h1" in Report(plain(values), FACTS).html()


def test_a_row_from_summary_to_tokens(rows):
    view = view_row(rows[0], 7, FACTS)
    worst = view.evidence[0]
    assert (view.anchor, worst.number, worst.anchor) == ("r7", 1, "r7-q1")
    assert worst.answer in ("Friday", "sank", "after")
    assert "".join(piece.text for piece in view.summary) == rows[0].summary
    assert "".join(piece.text for piece in view.document) == rows[0].document
    lost = [token for token in worst.tokens if token.level]
    assert [(t.text, t.summary, t.document, t.change) for t in lost] == [(worst.answer, 90, 0, "−15.9")]
    assert [pair.score for pair in view.evidence] == [number_text(piece.score) for piece in rows[0].score.worst(99)]


def test_the_passage_is_named_where_the_model_read_only_part():
    pair = PairEvidence(-1.0, None, Span(0, 9), "Who?", "Ann", ("Who?",), (-0.1,), (-1.1,))
    row = ScoredRow("Ann left. Bob came.", "Ann", SummaryScore(-1.0, Status.OK, evidence=(pair,), chunks=2))
    page = Report([row], FACTS).html()
    assert "best read with characters 1 to 9 of 19" in page
    assert "read in 2 overlapping parts" in page


@pytest.mark.parametrize(
    ("piece", "named"),
    [
        (ClaimEvidence(0.1, None, Span(0, 3), "Bob left.", "Bob", "Ann"), False),
        (ClaimEvidence(0.1, None, Span(0, 9), "Bob left.", "Bob"), True),
        (QuestionEvidence(0.0, None, Span(0, 3), "Who left?", "Bob", "Bob", "Ann"), False),
        (QuestionEvidence(0.0, None, Span(0, 9), "Who left?", "Bob", "Bob", "Anna"), True),
        (WordEvidence(0.0, None, Span(0, 9), "Bob", -2.0, -1.0), True),
    ],
)
def test_where_words_were_found_is_not_taken_for_what_the_model_read(piece, named):
    row = ScoredRow("Ann left. Bob came.", "Bob left.", SummaryScore(0.1, Status.OK, evidence=(piece,)))
    assert ("best read with" in Report([row]).html()) == named


@pytest.mark.parametrize(
    ("score", "words"),
    [
        (-0.01, "as likely given the document as given the summary"),
        (-0.693147, "2.0 times less likely per token given the document"),
        (-2.615, "14 times less likely per token given the document"),
        (0.693147, "2.0 times more likely per token given the document"),
    ],
)
def test_factor_text(score, words):
    assert factor_text(score) == words


@pytest.mark.parametrize(
    ("token", "last", "shown"),
    [(" the", False, "the"), (" Ġ", False, "Ġ"), ("<file_sep>", False, "answer:"), ("\ufffd", False, "answer:"),
     ("<|endoftext|>", True, "end"), ("</s>", True, "end"), (" ", False, "␣"), ("\n", False, "↵"), ("<", False, "<"),
     ("", False, "…")],
)  # fmt: skip
def test_token_text(token, last, shown):
    assert token_text(token, last=last) == shown


@pytest.mark.parametrize(("value", "text"), [(-0.0001, "0.000"), (-2.6154, "−2.615"), (1.5, "1.500")])
def test_number_text(value, text):
    assert number_text(value) == text


@pytest.mark.parametrize(
    ("limits", "score", "level"),
    [((0, 1), 0.6, 0), ((0, 1), 0.4, 1), ((0, 1), 0.2, 2), ((0, 1), 0.1, 3)]
    + [((float("-inf"), float("inf")), -loss, level) for loss, level in ((0.9, 0), (1.0, 1), (2.5, 2), (3.5, 3))],
)
def test_strength_of_a_mark(limits, score, level):
    facts = MetricFacts("m", limits, "")
    assert facts.level(Evidence(score, None, None)) == level


def test_evidence_of_other_metrics_is_shown():
    piece = OtherEvidence(0.1, Span(0, 3), None, {"sentence": "Ann <left>.", "probability": 0.1})
    row = ScoredRow("d", "Ann left.", SummaryScore(0.1, Status.OK, evidence=(piece,)))
    page = Report([row], MetricFacts("factcc", (0.0, 1.0), "Mean probability.")).html()
    assert "Ann &lt;left&gt;." in page
    assert '<mark class="m3"' in page


def test_lowest_first_and_never_cut_in_silence(rows):
    lowest = sorted(range(4), key=lambda n: (rows[n].score.value is None, rows[n].score.value or 0.0))
    page = Report(rows, FACTS, limit=2).html()
    assert re.findall(r'data-number="(\d+)"', page) == [str(number + 1) for number in lowest[:2]]
    assert "Listed are the 2 lowest of 4 rows" in page
    assert len(re.findall(r'<li class="row"', Report(rows, FACTS).html())) == 4


def test_no_probability_without_a_calibration(rows):
    assert "data-band" not in re.sub(r"<style>.*?</style>", "", Report(rows, FACTS).html(), flags=re.S)
    page = Report(rows, FACTS.calibrated(CURVE)).html()
    assert all(band in page for band in Band)
    assert "made up" in page


def test_facts_follow_from_the_signature():
    facts = MetricFacts.from_signature("metric:rouge2|version:0.1.0")
    assert (facts.name, facts.range) == ("rouge2", (0.0, 1.0))
    assert MetricFacts.from_signature("").name == "score"


def test_two_ways_of_scoring_are_pointed_out():
    mixed = [*scored(["The mayor."]), *scored(["The mayor."], metric=WordPairs(answers=2))]
    assert "scored in 2 different ways" in Report(mixed).html()


def test_notebook_and_file_show_the_same(tmp_path, rows):
    page = Report.of([r.document for r in rows], [r.summary for r in rows], [r.score for r in rows], WordPairs())
    frame = page._repr_html_()
    assert frame.startswith("<iframe srcdoc=")
    assert html.unescape(frame.split('"')[1]) == page.html()
    page.write(tmp_path / "r.html")
    assert (tmp_path / "r.html").read_text() == page.html()
    with pytest.raises(InputError, match="differ in length"):
        Report.of(["a"], ["b", "c"], [], WordPairs())


def test_passages_and_columns_make_a_report_as_they_make_scores():
    metric, passages = WordPairs(), [["The mayor.", "He resigned."]]
    joined = Report.of(["The mayor.\n\nHe resigned."], ["He left."], metric.score(passages, ["He left."]), metric)
    columns = pa.array(passages), pa.array(["He left."])
    for given in ((passages, ["He left."]), columns):
        assert Report.of(*given, metric.score(*given), metric).html() == joined.html()
    with pytest.raises(InputError, match="expected texts"):
        Report.of([3], ["b"], metric.score(["a"], ["b"]), metric)


def test_every_status_has_a_meaning():
    assert set(MEANINGS) == set(Status)
