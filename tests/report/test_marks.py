import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quals.records import Span
from quals.report.marks import Passages, mark, sentences, visible


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], [("abcdef", 0.0, ())]),
        ([(Span(1, 3), 2.0)], [("a", 0.0, ()), ("bc", 2.0, (0,)), ("def", 0.0, ())]),
        # Where spans overlap, the piece they share gets the mean of their losses.
        (
            [(Span(0, 4), 1.0), (Span(2, 6), 4.0)],
            [("ab", 1.0, ()), ("cd", 2.5, (0,)), ("ef", 4.0, (1,))],
        ),
        ([(Span(0, 6), 1.0), (Span(0, 6), 3.0)], [("abcdef", 2.0, (0, 1))]),
        ([(None, 9.0)], [("abcdef", 0.0, ())]),
        ([(Span(4, 99), 1.0)], [("abcd", 0.0, ()), ("ef", 1.0, (0,))]),
        ([(Span(-1, 1), 1.0)], [("a", 1.0, (0,)), ("bcdef", 0.0, ())]),
        ([(Span(3, 3), 1.0)], [("abc", 0.0, ()), ("def", 0.0, ())]),
    ],
)
def test_mark(spans, expected):
    losses = [(span, loss) for span, loss in spans if span]
    pieces = mark("abcdef", losses, [span for span, _ in spans])
    assert [(piece.text, piece.loss, piece.ends) for piece in pieces] == expected


def test_what_is_numbered_need_not_be_marked():
    pieces = mark("abcdef", [(Span(1, 3), 2.0), (Span(1, 3), 4.0)], [Span(0, 4), None])
    assert [(piece.text, piece.loss, piece.ends) for piece in pieces] == [
        ("a", 0.0, ()),
        ("bc", 3.0, ()),
        ("d", 0.0, (0,)),
        ("ef", 0.0, ()),
    ]


@given(st.text(), st.lists(st.tuples(st.integers(-3, 40), st.integers(-3, 40), st.floats(0, 9))))
def test_no_character_is_lost_and_no_place_moves(text, spans):
    pieces = mark(text, [(Span(start, end), loss) for start, end, loss in spans])
    assert "".join(piece.text for piece in pieces) == visible(text)
    assert len(visible(text)) == len(text)
    visible(text).encode()


def test_sentences():
    text = "He said: “No.” Then he left!\nA heading\n 3.5 metres, e.g. this. "
    found = [text[span.start : span.end] for span in sentences(text)]
    assert found == ["He said: “No.”", "Then he left!", "A heading", "3.5 metres, e.g.", "this."]


_LAZY = re.compile(r"\S.*?(?:[.!?…]+[\"'”’»)\]]*(?=\s|$)|$)", re.MULTILINE)


@given(st.text(st.sampled_from("ab .!?…\"'”)]\n\r\t\x85"), max_size=30))
def test_sentences_are_those_of_the_plain_definition(text):
    assert [(span.start, span.end) for span in sentences(text)] == [match.span() for match in _LAZY.finditer(text)]


@pytest.mark.parametrize("piece", [".", "!)", "a.", ".a"])
def test_a_long_row_of_ends_is_read_to_its_end(piece):
    # The limit is no measure: it ends a search whose time is the square of the length, which here takes an hour.
    code = f"from quals.report.marks import sentences; print(len(sentences({piece!r} * 300_000 + 'a')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "1\n"


DOCUMENT = "The mayor resigned on Tuesday. The deputy leads the council. The ferry sails."


@pytest.mark.parametrize(
    ("texts", "within", "expected"),
    [
        (["When did the mayor resign?", "Tuesday"], None, "The mayor resigned on Tuesday."),
        (["Who leads the council?", "the deputy"], None, "The deputy leads the council."),
        (["Zebras?"], None, None),
        (["When did the mayor resign?"], Span(31, 60), "The deputy leads the council."),  # only "the" is shared there
    ],
)
def test_nearest_sentence(texts, within, expected):
    span = Passages(DOCUMENT).nearest(texts, within)
    assert (DOCUMENT[span.start : span.end] if span else None) == expected
