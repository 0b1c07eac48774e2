import pytest

from quals.errors import InputError, QualsError
from quals.records import PairEvidence
from quals.report import pair_figure, save_pair_figure

PAIR = PairEvidence(
    -1.0, None, None, "Who owes $5 & <why>?", "Ann $x_1$", ("Who", "?", "<sep>", "Ann $x_1$", "</s>"),
    (-0.1, -0.2, -0.1, -0.3, -0.3), (-0.1, -0.3, -0.1, -5.0, -0.5),
)  # fmt: skip


def test_bars_have_the_pairs_probabilities():
    above, below = pair_figure(PAIR).axes
    heights = [bar.get_height() for bar in above.patches]
    assert heights == pytest.approx(
        [0.9048, 0.8187, 0.9048, 0.7408, 0.7408, 0.9048, 0.7408, 0.9048, 0.0067, 0.6065], abs=1e-4
    )
    assert [bar.get_height() for bar in below.patches] == pytest.approx([0, -0.1, 0, -4.7, -0.2])
    assert [label.get_text() for label in below.get_xticklabels()][2] == "answer:"


@pytest.mark.parametrize(("ending", "begins"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_saved(tmp_path, ending, begins):
    paths = [tmp_path / f"{name}.{ending}" for name in "ab"]
    for path in paths:
        save_pair_figure(PAIR, path)
    assert paths[0].read_bytes().startswith(begins)
    if ending != "pdf":  # a PDF carries the time
        assert paths[0].read_bytes() == paths[1].read_bytes()


def test_text_stays_text(tmp_path):
    save_pair_figure(PAIR, tmp_path / "a.svg")
    svg = (tmp_path / "a.svg").read_text()
    assert "Who owes $5 &amp; &lt;why&gt;? → Ann $x_1$" in svg
    assert "score −1.000" in svg


def test_what_cannot_be_drawn_is_refused(tmp_path):
    with pytest.raises(InputError, match="svg"):
        save_pair_figure(PAIR, tmp_path / "a.gif")
    with pytest.raises(InputError, match="no tokens"):
        pair_figure(PairEvidence(0.0, None, None, "q", "a", (), (), ()))


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(QualsError, match=r"a\.svg: cannot be written: No such file or directory"):
        save_pair_figure(PAIR, tmp_path / "none" / "a.svg")
