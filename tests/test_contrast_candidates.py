"""Which texts of a document become a good and a bad example, and which pairs a second metric confirms."""

from __future__ import annotations

import json

import pytest
from test_contrast import _own_cache, lines, row, run  # noqa: F401

from quals.contrast.candidates import Likeness, Manner
from quals.contrast.rows import read_examples
from quals.contrast.select import select
from quals.errors import InputError


def test_negatives_may_have_to_be_as_long_as_their_reference(tmp_path):
    reference = "a b c d e f g h"
    samples = ["x x x", "x x a b c d", "a b c d e f g x x x", "x x x x x x x x x x x"]
    made = {"document": reference, "summary": reference, "summaries": samples}
    options = ("--metric", "overlap", "--negatives", "1", "--positives", "1")
    for within, chosen, unusable in (
        ((), 0, 0),
        (("--length-within", "0.25"), 1, 0),
        (("--length-within", "0"), None, 1),
    ):
        run(tmp_path, [made], *options, *within)
        assert [one["sample"] for one in lines(tmp_path / "sets" / "negatives.jsonl")] == [chosen][: 1 - unusable]
        counts = json.loads((tmp_path / "sets" / "summary.json").read_text())["counts"]
        assert counts["documents_without_usable_sample"] == unusable


def test_good_examples_may_be_samples_and_need_no_references(tmp_path):
    made = [
        {"id": 1, "document": "a b c d", "summaries": ["a b c x", "a b x x x", "a x x x", "x a b c"]},
        {"id": 2, "document": "a b c d", "summaries": ["a b", "b c", "c d"], "summary": None},  # nothing to choose
        {"id": 3, "document": "a b c d", "summaries": ["a b c", "a b", "x x x x", ""]},
        {"id": 4, "document": "a b c d", "summaries": []},
    ]
    options = ("--metric", "overlap", "--negatives", "1", "--positives", "1", "--good", "samples")
    result = run(tmp_path, made, *options)
    folder = tmp_path / "sets"
    positives, negatives = (lines(folder / f"{name}.jsonl") for name in ("positives", "negatives"))
    assert [(one["id"], one["sample"], one["score"]) for one in positives] == [("1", 0, -0.25), ("3", 0, 0.0)]
    assert [(one["id"], one["sample"], one["score"]) for one in negatives] == [("1", 2, -0.75), ("3", 2, -1.0)]
    assert [one["reference"] for one in negatives] == [None, None]
    assert [one["chosen"] for one in lines(folder / "dpo.jsonl")] == [" a b c x", " a b c"]
    aside = [(one["id"], one["status"]) for one in lines(folder / "aside.jsonl")]
    assert aside == [("3", "empty-summary"), ("4", "no-samples"), ("2", "no-pair")]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["means"]["references"] is None
    assert summary["counts"]["documents_without_usable_sample"] == 2
    # a b, b c of five pairs; a b, b c, then nothing
    assert summary["copying"] == {"positives": pytest.approx((2 / 3 + 1) / 2), "negatives": 0.0}
    assert "S+: 2 samples" in result.output
    assert "83% of their word pairs stand in the documents" in result.output
    run(tmp_path, made, *options, "--length-within", "0")
    # Of the first document only samples of four words are compared, and of the third none is as long as another.
    assert [(one["id"], one["sample"]) for one in lines(folder / "negatives.jsonl")] == [("1", 2)]
    with pytest.raises(InputError, match="no field named reference"):
        read_examples(tmp_path / "samples.jsonl", {}, limit=1)


def test_references_are_read_beside_samples_for_metrics_that_want_them(tmp_path):
    made = {"document": "x y", "summary": "a b c d", "summaries": ["a b c d", "a b c x", "x x x x"]}
    run(tmp_path, [made], "--metric", "rouge", "--good", "samples", "--negatives", "1", "--positives", "1")
    good, bad = (lines(tmp_path / "sets" / f"{name}.jsonl")[0] for name in ("positives", "negatives"))
    assert (good["sample"], good["score"], bad["sample"], bad["score"]) == (0, 1.0, 2, 0.0)
    del made["summary"]
    run(tmp_path, [made], "--metric", "rouge", "--good", "samples")
    assert {one["status"] for one in lines(tmp_path / "sets" / "aside.jsonl")} == {"no-reference"}


def test_only_samples_that_copy_alike_are_held_against_each_other(tmp_path):
    # Words of the document in its order, in another order, and few of them: 3 of 3, 0 of 3 and 0 of 3 pairs copied.
    made = [{"id": n, "document": "a b c d", "summaries": ["a b c d", "d c b a", "x d x b"]} for n in range(3)]
    made.append({"id": 3, "document": "a b c d", "summaries": ["a b c x", "a b c y", "a b x z", "b"]})
    options = ("--metric", "overlap", "--negatives", "1", "--positives", "1", "--good", "samples")
    for within, chosen in (
        (None, [(0, 2)] * 3 + [(3, 2)]),  # one word has no pairs: it copies like nothing
        ("1", [(0, 2)] * 4),
        ("0.34", [(1, 2)] * 3 + [(0, 2)]),
        ("0", [(1, 2)] * 3),
    ):
        run(tmp_path, made, *options, *(() if within is None else ("--copying-within", within)))
        good, bad = (lines(tmp_path / "sets" / f"{name}.jsonl") for name in ("positives", "negatives"))
        assert [(one["sample"], other["sample"]) for one, other in zip(good, bad, strict=True)] == chosen


def test_only_samples_that_copy_as_the_reference_are_bad_ones(tmp_path):
    made = [{"id": 1, "document": "a b c d", "summary": "a b c", "summaries": ["x y z", "a b c x", "a b c d"]}]
    options = ("--metric", "overlap", "--negatives", "1", "--positives", "1")
    for within, sample in (("1", 0), ("0.34", 1), ("0", 2)):
        run(tmp_path, made, *options, "--copying-within", within)
        assert [one["sample"] for one in lines(tmp_path / "sets" / "negatives.jsonl")] == [sample]


def test_a_second_metric_confirms_pairs(tmp_path):
    # Of the first document ROUGE likes the sample that has the most foreign words best, of the last it scores nothing.
    texts = (("a b c x", "a y x x"), ("a b c", "a b x"), ("a b c", "a x z"))
    made = [
        {"id": n, "document": "a b c d", "summary": reference, "summaries": samples}
        for n, (reference, samples) in enumerate(zip(("y x x", "a b c", None), texts, strict=True))
    ]
    options = ("--metric", "overlap", "--negatives", "1", "--positives", "1", "--good", "samples")
    run(tmp_path, made, *options)
    assert [one["id"] for one in lines(tmp_path / "sets" / "dpo.jsonl")] == ["0", "1", "2"]
    run(tmp_path, made, *options, "--confirm", "rouge1", "--set", "rouge1.stemmer=false")
    folder = tmp_path / "sets"
    for name in ("positives", "negatives", "dpo"):
        assert [one["id"] for one in lines(folder / f"{name}.jsonl")] == ["1"]
    aside = [(one["id"], one["status"], one["reason"]) for one in lines(folder / "aside.jsonl")]
    assert [each[:2] for each in aside] == [("0", "not-confirmed"), ("2", "not-confirmed")]
    assert aside[0][2] == "rouge1: 0.857, and 0.286 for the good one"
    assert aside[1][2].startswith("rouge1 has no score: ")
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["counts"]["not_confirmed"] == 2
    assert "stemmer:no" in summary["settings"]["confirm_signature"]
    for wrong in (("--confirm", "overlap"), ("--confirm", "rouge", "--pairing", "unpaired")):
        assert "--confirm takes another metric" in run(tmp_path, made, *options, *wrong, code=2).stderr


def test_what_is_just_as_far_as_the_limit_is_alike():
    for good in range(11):
        for bad in range(11):
            alike = Likeness(0.1, 0.1).holds(Manner(10 + bad - good, bad / 10), Manner(10, good / 10))
            assert alike == (abs(bad - good) <= 1), (good, bad)


def test_documents_without_a_pair_are_set_aside_with_the_reason(tmp_path):
    made = [
        {"id": 0, "document": "a b c", "summary": "a b", "summaries": ["a b", "a b"]},
        {"id": 1, "document": "a b c", "summary": "a b", "summaries": ["a b c", "x y z v w"]},
    ]
    for options, reasons in (
        ((), {0: "no sample with a score differs from the reference"}),
        (("--good", "samples"), {0: "no two samples differ in score"}),
        (
            ("--good", "samples", "--length-within", "0.1"),
            dict.fromkeys(
                (0, 1),
                "no two samples differ in score, or none that are as alike in length and copying as was asked for",
            ),
        ),
    ):
        run(tmp_path, made, "--metric", "overlap", *options)
        aside = lines(tmp_path / "sets" / "aside.jsonl")
        assert {int(one["id"]): one["reason"] for one in aside if one["status"] == "no-pair"} == reasons


def test_a_reference_that_is_no_text_is_none_where_none_is_needed(tmp_path):
    made = {"id": 0, "document": "a b c", "summary": 7, "summaries": ["a b", "x y"]}
    file = tmp_path / "in.jsonl"
    file.write_text(json.dumps(made) + "\n")
    (example,), problems = read_examples(file, {}, references=False)
    assert (example.reference, problems) == (None, [])
    with pytest.raises(InputError, match="summary: expected text"):
        read_examples(file, {})


ALL = ("--metric", "overlap", "--negatives", "1", "--positives", "1", "--good", "samples")


def test_length_is_a_share_of_the_good_ones_and_a_tie_confirms_nothing(tmp_path):
    made = {"id": 1, "document": "a b c d e f", "summaries": ["a b c d", "x x x x x"]}
    run(tmp_path, [made], *ALL, "--length-within", "0.2")  # 5 words are 25 % more than 4, 4 only 20 % less than 5
    assert lines(tmp_path / "sets" / "negatives.jsonl") == []
    made = {"id": 1, "document": "a b c d", "summary": "q r", "summaries": ["a b c", "a x y"]}
    run(tmp_path, [made], *ALL, "--confirm", "rouge1")
    assert lines(tmp_path / "sets" / "negatives.jsonl") == []


def test_either_share_is_its_own_and_what_has_no_score_does_not_count(tmp_path):
    shares = ("--negatives", "0.34", "--positives", "0.67", "--pairing", "unpaired")
    run(tmp_path, [row(n) for n in range(6)], "--metric", "overlap", *shares)
    assert [len(lines(tmp_path / "sets" / f"{name}.jsonl")) for name in ("negatives", "positives")] == [2, 4]
    chosen = select([{0: -1.0}, {}, {}], [-0.1, -0.2, None], negatives=1, positives=1)
    assert (chosen.eligible_positives, chosen.eligible_negatives) == (2, 1)
    ten = [float(n) for n in range(10)]
    assert len(select([{0: one} for one in ten], ten, pairing="unpaired").negatives) == 3
