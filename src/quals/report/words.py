"""Question-answer pairs -> what each word of the summary loses."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise

from quals.records import PairEvidence, Span

FRAME_TOKEN = re.compile(r"</?\|?\w+\|?>")  # a separator or an end, as vocabularies write them
SPACE_MARKS = str.maketrans({"Ġ": " ", "▁": " ", "Ċ": "\n"})  # how vocabularies write space and line end
_WORD = re.compile(r"\w+")


def word_losses(summary: str, pairs: Sequence[PairEvidence]) -> list[tuple[Span, float]]:
    """Where a word of the summary stands, with what it loses in a pair; one that several pairs use comes several times.

    The loss is the word's log-probability (natural log, sum over its tokens) given the summary minus that given the
    document, at its place in the question or in the answer. A word of the answer is looked for where the answer stands
    in the summary; one of the question, in the whole summary, and only if it stands there once.
    """
    places: dict[str, list[Span]] = defaultdict(list)
    for match in _WORD.finditer(summary):
        places[match[0].casefold()].append(Span(*match.span()))
    return [found for pair in pairs for found in _losses(pair, places)]


def _losses(pair: PairEvidence, places: dict[str, list[Span]]) -> Iterator[tuple[Span, float]]:
    texts = [" " if FRAME_TOKEN.fullmatch(token) else token.translate(SPACE_MARKS) for token in pair.tokens]
    written = "".join(texts)
    answer = written.rfind(pair.answer)
    # An empty token is the rest of a letter that the token before it has.
    starts = [number for number, text in enumerate(texts) if text]
    tokens_at = [(start, end) for start, end in pairwise([*starts, len(texts)]) for _ in texts[start]]
    for match in _WORD.finditer(written):
        found = places.get(match[0].casefold(), [])
        if match.start() >= answer >= 0 and (stands := pair.summary_span):
            found = [place for place in found if stands.start <= place.start and place.end <= stands.end]
        elif len(found) > 1:
            continue
        tokens = range(tokens_at[match.start()][0], tokens_at[match.end() - 1][1])
        loss = sum(pair.summary_logprobs[token] - pair.document_logprobs[token] for token in tokens)
        yield from ((place, loss) for place in found)
