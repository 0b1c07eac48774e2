from pathlib import Path

import pytest

from quals.io.files import appearing_whole, write_whole


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    with appearing_whole(target) as partial:
        partial.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    write_whole(target, "two\r\nlines\n")
    assert target.read_bytes() == b"two\r\nlines\n"
    assert list(tmp_path.iterdir()) == [target]


def test_one_that_cannot_be_finished_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(target, "ne\ud83d")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
