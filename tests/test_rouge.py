from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np
import pandas
import pytest

import quals.metrics
from quals.errors import InputError, MissingExtraError
from quals.metrics import registry
from quals.metrics.rouge import Rouge1, Rouge2, Rouge2Precision, RougeL
from quals.records import Status

# Worked out by hand. Summary: police killed the gunman (4 words, 3 pairs); reference: police kill the
# gunman today (5 words, 4 pairs), so unstemmed they share police, the, gunman and the pair "the gunman".
SUMMARY, REFERENCE = "Police killed the gunman.", "Police kill the gunman today"
HAND = [
    (Rouge1, False, 2 * 3 / (4 + 5)),  # police, the, gunman
    (Rouge2, False, 2 * 1 / (3 + 4)),  # "the gunman"
    (RougeL, False, 2 * 3 / (4 + 5)),  # police .. the gunman
    (Rouge1, True, 2 * 4 / (4 + 5)),  # killed and kill have one stem
    (Rouge2, True, 2 * 3 / (3 + 4)),
    (RougeL, True, 2 * 4 / (4 + 5)),
]


@pytest.mark.parametrize(("metric", "stemmer", "expected"), HAND)
def test_f1_against_reference(metric: Any, stemmer: bool, expected: float) -> None:
    result = metric(stemmer=stemmer).score("Some document.", SUMMARY, REFERENCE)
    assert math.isclose(result.value, expected, rel_tol=1e-9)


def test_order_matters_to_rouge_l_only() -> None:
    rows = (["d"], ["gunman the killed police"], ["police killed the gunman"])
    assert Rouge1().score(*rows)[0].value == 1.0
    assert RougeL().score(*rows)[0].value == 0.25


def test_copying_baseline_counts_pairs_as_often_as_the_document_has_them() -> None:
    document = "the cat sat on the mat . the cat ran"
    summary = "the cat the cat the cat"  # pairs: 3 "the cat" (2 in the document), 2 "cat the" (none)
    assert Rouge2Precision().score(document, summary).value == pytest.approx(2 / 5)
    assert Rouge2Precision().score(document, "the cat sat on the mat").value == 1.0


STATUSES = [
    (Rouge1, "d", "words here", None, Status.NO_REFERENCE),
    (Rouge1, "d", "words here", "  ", Status.NO_REFERENCE),
    (Rouge2, "d", "words here", "words", Status.NO_REFERENCE),
    (Rouge1, "d", "", "words here", Status.EMPTY_SUMMARY),
    (Rouge1, "d", "?!", "words here", Status.EMPTY_SUMMARY),
    (Rouge2, "d", "words", "words here", Status.EMPTY_SUMMARY),
    (Rouge1, "d", "Мэр ушёл в 2014 году", "words here", Status.UNSUPPORTED_SCRIPT),
    (Rouge2Precision, "", "words here", None, Status.EMPTY_DOCUMENT),
    (Rouge2Precision, "市長は辞任した", "words here", None, Status.UNSUPPORTED_SCRIPT),
    (Rouge1, "", "words here", "words here", Status.OK),  # ROUGE-1 does not read the document
    (Rouge1, "d", "déjà vu à Paris", "déjà vu", Status.OK),
]


@pytest.mark.parametrize(("metric", "document", "summary", "reference", "status"), STATUSES)
def test_status(metric: Any, document: str, summary: str, reference: str | None, status: Status) -> None:
    result = metric().score(document, summary, reference)
    assert result.status is status
    assert (result.value is None) == (status is not Status.OK)
    assert bool(result.reason) == (status is not Status.OK)


def test_rows_keep_their_places_around_a_bad_one() -> None:
    results = Rouge2Precision().score(["a b c d", "", "a b c d"], ["a b", "a b", "c d e"])
    assert [result.value for result in results] == [1.0, None, 0.5]


def test_columns_of_tables_are_taken_by_place() -> None:
    table = pandas.DataFrame({"document": ["a b", "c d", "a b c"], "summary": ["a b", "a b", "b c"]}).iloc[[1, 2, 0]]
    found = Rouge2Precision().score(table.document, table.summary)
    assert [result.value for result in found] == [0.0, 1.0, 1.0]
    by_reference = Rouge1().score(
        table.document, table.summary.to_numpy(), references=(text for text in table.document)
    )
    assert [result.value for result in by_reference] == [0.0, 0.8, 1.0]
    with pytest.raises(InputError, match="summaries: expected texts, found int at place 0"):
        Rouge1().score(table.document, pandas.Series([1, 2, 3]))
    # These would give the names of their columns, their keys, or no order.
    for whole in (table, {"a b": "c d"}, {"a b", "c d"}, np.array("a b")):
        with pytest.raises(InputError, match="documents: expected a sequence of texts"):
            Rouge2Precision().score(whole, table.summary)  # type: ignore[call-overload]


def test_signature_tells_settings_apart() -> None:
    assert Rouge1().signature != Rouge1(stemmer=False).signature
    assert Rouge2().signature != Rouge2Precision().signature
    assert "against:document" in Rouge2Precision().score("a b", "a b").signature


def test_missing_library_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rouge_score_rs", None)
    with pytest.raises(MissingExtraError, match=r"'\.\[agree\]'"):
        Rouge1()


def test_metrics_load_by_name() -> None:
    assert isinstance(quals.metrics.load("rouge1"), Rouge1)
    assert (Rouge1.needs_reference, Rouge2Precision.needs_reference) == (True, False)


def test_registry_loads_by_name() -> None:
    assert registry.expand("copy") == ("rouge2-precision",)
    assert isinstance(registry.load("rouge2-precision", device="cpu"), Rouge2Precision)
    assert registry.load("rouge1", stemmer=False).signature == Rouge1(stemmer=False).signature
    for name in ("rouge1", "rouge2", "rougeL", "rouge2-precision"):
        assert registry.load(name).name == name


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("rouge", {}, "'rouge' stands for several metrics: rouge1, rouge2, rougeL"),
        ("rougee", {}, "no metric 'rougee'; did you mean 'rouge'.*known: quals, .*rouge1"),
        ("zzz", {}, r"no metric 'zzz' \(known: quals"),
        ("rouge1", {"steming": True}, "no setting of rouge1 'steming'; did you mean 'stemmer'"),
        ("rouge1", {"name": "x"}, "no setting of rouge1 'name'"),
        ("quals", {"settings": 1}, "no setting of quals 'settings'"),
        ("quals", {"model": 2024}, "quals.model: expected a text, found '2024'"),
        ("quals", {"device": 0}, "quals.device: expected a text, found '0'"),
        ("quals", {"workers": "many"}, "quals.workers: expected a whole number, found 'many'"),
    ],
)
def test_registry_errors_suggest(name: str, settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        registry.load(name, **settings)


def test_one_summary_takes_one_reference() -> None:
    with pytest.raises(InputError, match="references: expected one text"):
        Rouge1().score("A document.", "A summary.", ["A reference."])  # type: ignore[call-overload]
