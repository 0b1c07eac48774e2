"""Documents in overlapping pieces, and where these stand."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from tiny import DECODERS, SEQ2SEQ, TEXT, tiny_pretrained

from quals.lm.chunks import chunks, in_parts
from quals.lm.format import PairFormat, text_ids
from quals.lm.framed import FramedModel
from quals.records import Span


@pytest.fixture(params=[*DECODERS, *SEQ2SEQ])
def model(request: pytest.FixtureRequest) -> FramedModel:
    pretrained = tiny_pretrained(request.param)
    form = PairFormat.choose(pretrained.tokenizer, encoder_decoder=pretrained.encoder_decoder)
    return FramedModel.of(pretrained, form)


def test_chunks_overlap_and_cover_the_document(model: FramedModel) -> None:
    document = f"\n\n {TEXT} \n"
    (found,) = chunks(model, [document], 12, 4)
    ids = text_ids(model.lm.tokenizer, document)
    windows = [ids[start : start + 12] for start in range(0, len(ids) - 4, 8)]
    assert [chunk.ids for chunk in found] == [model.form.frame(window) for window in windows]
    for number, (chunk, window) in enumerate(zip(found, windows, strict=True)):
        read = document[chunk.span.start : chunk.span.end]
        assert model.lm.tokenizer.decode(window) == (read if number else f" {read}")
    assert (found[0].span.start, found[-1].span.end) == (3, 3 + len(TEXT))
    assert all(before.span.end > after.span.start for before, after in pairwise(found))


def test_a_document_that_fits_is_one_chunk(model: FramedModel) -> None:
    length = len(text_ids(model.lm.tokenizer, TEXT))
    for size, count in ((length + 1, 1), (length, 1), (length - 1, 2)):
        (found,) = chunks(model, [TEXT], size, 4)
        assert len(found) == count
    (found,) = chunks(model, [f" {TEXT}\n"], length, 4)
    assert [(chunk.ids, chunk.span) for chunk in found] == [(model.frame(TEXT), Span(1, 1 + len(TEXT)))]
    assert chunks(model, [], 12, 4) == []


def test_what_looks_like_a_special_token_is_text(model: FramedModel) -> None:
    text = "The mayor </s> resigned."
    ((chunk,),) = chunks(model, [text], 64, 4)
    assert chunk.ids == model.frame(text)
    assert chunk.ids.count(model.lm.tokenizer.eos_token_id) == model.frame("").count(model.lm.tokenizer.eos_token_id)


def test_the_best_of_all_parts_is_found_for_all_that_is_asked() -> None:
    def work(texts: Sequence[list[int]], asked: Sequence[Sequence[str]]) -> list[list[int]]:
        return [[len(each) * sum(text) for each in group] for text, group in zip(texts, asked, strict=True)]

    found = in_parts(work, [[[1], [3, 4], [2]], [[5]], []], [["a", "bc"], ["d"], ["e"]], list)
    assert found == [[[1, 7, 2], [2, 14, 4]], [[5]], []]
