"""Reading CSV and TSV: what spreadsheets write, and what a stray quote damages."""

import gzip

import pytest

from quals.errors import InputError
from quals.io.pieces import RowLines
from quals.io.rows import count_rows, read_documents, read_rows
from quals.io.separated import separated_rows


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def texts(rows):
    return [(row.document, row.summary) for row in rows]


def errors(rows):
    return [str(row.error) if row.error else None for row in rows]


@pytest.mark.parametrize(
    ("lines", "sound"),
    [
        # Lines of a text that goes on after a stray quote, up to the row's end or to a row that begins with a quote.
        (['"He said "hi" to', "her, and left. Then", 'he went","S"', '"D","S"', "D,S"], [5, 6]),
        (['"He said "hi" to', "her, and left", '"D","S"', "D,S"], [4, 5]),
        (['"He said "hi" to', 'her, and "no", then', 'left, for good","S"', "D,S"], [5]),
        (['"He said', '"hi" to', "her, and", 'left","S"', "D,S"], [6]),
        (['D,"He said "hi" to', 'her, and left"', "D,S"], [4]),
        (['"A 5" disk', 'and more","S"', '"D","S"'], [4]),
        (['"A 5" disk","S"', '"D","S"', "D,S"], [3, 4]),
        (['"He said "hi" to', "her", "and left, then"], [4]),  # no quote ends it
        # Rows of which no text was damaged, or of one line.
        (['"D"x,S', "D,S", '"D","S"', "D,S"], [3, 4, 5]),
        (['"D,S', '"D","S"', "D,S"], [3, 4]),
        (['"D,S', "D,S", '"D" x,S', *["D,S"] * 30], list(range(5, 35))),
        (['"D" 5" x,S', *["D,S"] * 25, 'a 5",S', 'the "D",S'], list(range(3, 30))),
        (['"D"x,S', 'a 5",S', "D,S"], [3, 4]),
        (['D,"S "x" y"', 'D,"a, b"', "D,S"], [3, 4]),
        (['D,"S "x y"', *['D,"a, b"'] * 30], list(range(3, 33))),
    ],
)
def test_no_piece_of_a_damaged_csv_row_is_a_row(tmp_path, lines, sound):
    path = write(tmp_path / "a.csv", "\n".join(["document,summary", *lines, ""]))
    rows = list(read_rows(path))
    assert [row.line for row in rows if not row.error] == sound
    assert rows[0].line == 2
    told = [str(row.error) for row in rows[1:] if row.error and "not valid" not in str(row.error)]
    assert all("may belong to the damaged row of line 2" in error or "columns, but" in error for error in told)


@pytest.mark.parametrize("delimiter", [",", ";"])
@pytest.mark.parametrize("bad", ['1{}"He said "hi" there"{}"s"', '1{}"He said "hi there"{}"s"'])
def test_rows_whose_first_cell_is_not_quoted_are_no_pieces(tmp_path, delimiter, bad):
    damaged = bad.replace("{}", delimiter)
    rows = [delimiter.join([str(number), f'"d, {number}"', f'"s; {number}"']) for number in range(100)]
    path = write(tmp_path / "a.csv", "\n".join([delimiter.join(["id", "document", "summary"]), damaged, *rows, ""]))
    assert [row.error is None for row in read_rows(path)] == [False, *[True] * 100]


def test_many_damaged_rows_are_read_in_time_and_memory(tmp_path, monkeypatch):
    """Neither does what is given back pile up, nor what is held."""
    path = write(tmp_path / "a.csv", "document,summary\n" + '"D,S\n' * 20_000)
    assert sum(1 for _ in read_rows(path)) == 20_000
    rows = ['"D" x,S' if number % 15 == 0 else "D,S" for number in range(3_000)]
    path = write(tmp_path / "b.csv", "\n".join(["document,summary", *rows, ""]))
    lines = []
    found = iter(separated_rows(str(path), "csv"))
    monkeypatch.setattr(RowLines, "__next__", _told(RowLines.__next__, lines))
    assert next(found)
    assert len(lines) < 500
    assert sum(1 for _ in found) == 2_999


def _told(read, lines):
    return lambda self: (lines.append(1), read(self))[1]


def test_rows_held_back_are_read_where_the_file_breaks_off(tmp_path):
    path = write(tmp_path / "a.csv.gz", gzip.compress(b'document,summary\n"D"x,S\nD,S\nD,S\n')[:-9])
    seen = []
    with pytest.raises(InputError, match="cannot be read any further"):
        seen.extend(read_rows(path))
    assert [row.error is None for row in seen] == [False, True, True]


def test_csv_text_comes_through_unchanged(tmp_path):
    document = 'He said "no",\r\nthen\tleft. ' + "x" * 200_000
    path = write(tmp_path / "a.csv", 'document,summary\n"' + document.replace('"', '""') + '",\n')
    [row] = read_rows(path)
    assert (row.document, row.summary) == (document, "")


@pytest.mark.parametrize(
    "content",
    [
        b"sep=;\r\ndocument;summary\r\nD, E;S\r\n",
        b'sep=,\ndocument,summary\n"D, E",S\n',
        b"\nsep=|\ndocument|summary\nD, E|S\n",
        b"sep=\t\ndocument\tsummary\nD, E\tS\n",
        b'"id, old";"document";"summary"\n1;D, E;S\n',
        b'"id; old\nor new",document,summary\n1,"D, E",S\n',
        b'document,summary,id; old\n"D, E",S,1\n',
    ],
)
def test_csv_of_spreadsheets(tmp_path, content):
    path = write(tmp_path / "a.csv", content)
    assert (texts(read_rows(path)), count_rows(path)) == ([("D, E", "S")], 1)


def test_empty_columns_without_names_at_the_end_of_csv(tmp_path):
    path = write(tmp_path / "a.csv", "document,summary,,\nD,S,,\nD,S,x,\nD,S\n")
    assert errors(read_rows(path)) == [None, f"{path}:3: 4 columns, but the header has 2", None]
    assert next(read_rows(path)).fields == {"document": "D", "summary": "S"}


def test_only_a_first_line_tells_the_delimiter(tmp_path):
    path = write(tmp_path / "a.csv", "document,summary\nsep=,\nD,S\n")
    assert texts(read_rows(path)) == [("sep=", ""), ("D", "S")]


def test_csv_of_one_column_is_separated_by_comma(tmp_path):
    path = write(tmp_path / "a.csv", 'document\n"D, E"\nD, E\n')
    assert errors(read_documents(path)) == [None, f"{path}:3: 2 columns, but the header has 1"]


def test_csv_that_ends_within_quotes_is_an_error(tmp_path):
    path = write(tmp_path / "a.csv", 'document,summary\nD,S\n"D,S\nD,S\n')
    assert errors(read_rows(path)) == [None, f"{path}:3: not valid CSV: unexpected end of data"]


def test_csv_that_is_not_utf8_in_one_row(tmp_path):
    path = write(tmp_path / "a.csv", b"document,summary\nD,S\nD\xe9,S\nD,S\n")
    assert errors(read_rows(path))[::2] == [None, None]
    assert f"{path}:3: document: not text" in errors(read_rows(path))[1]
    assert errors(read_rows(path))[1].endswith("; save it as UTF-8")
    [nameless] = read_rows(write(tmp_path / "b.csv", b",document,summary\n\xe9,D,S\n"))
    assert "not text" in str(nameless.error)
