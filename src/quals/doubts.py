"""Evidence -> the places of a summary that it speaks against, and how strongly."""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

from quals.records import Doubt, Evidence, PairEvidence, Span
from quals.texts import has_words

# A separator or an end, as vocabularies write them; the separator may be a byte that is no text.
FRAME_TOKEN = re.compile(r"</?\|?\w+\|?>|\ufffd")
_WORD = re.compile(r"[\w\u0300-\u036f]+")  # with accents that are characters of their own

# The losses from which doubt is slight, clear and strong. Rules of thumb for the eye, not probabilities.
_LOSSES = (1.0, 2.0, 3.0)  # evidence of a metric without bounds, natural log per token: 2.7, 7.4, 20 times less likely
_SHARES = (0.5, 0.75, 0.9)  # evidence of one with bounds, as share of the range
WORD_LOSSES = (3.0, 5.0, 8.0)  # single words of pairs, natural log; from data with known edits: benchmarks/marks.py

Range = tuple[float, float]


@dataclass(frozen=True)
class Losses:
    """What evidence says of a summary's places.

    Attributes:
        places: each with how much speaks against it; one that several pieces of evidence speak of comes several times.
        steps: the mean losses of a place from which doubt of it is slight, clear and strong.
    """

    places: list[tuple[Span, float]]
    steps: tuple[float, ...]

    def level(self, loss: float) -> int:
        """How strong the doubt is: 0 (none) to 3."""
        return sum(loss >= step for step in self.steps)


def doubts(summary: str, evidence: Sequence[Evidence], range: Range) -> tuple[Doubt, ...]:
    """The places of the summary that evidence speaks against, in order; ``range`` is the metric's (see `Metric`)."""
    found = losses(summary, evidence, range)
    return tuple(
        Doubt(span.of(summary), span, loss, level)
        for span, loss in covered(len(summary), found.places)
        if (level := found.level(loss)) and has_words(span.of(summary))
    )


def losses(summary: str, evidence: Sequence[Evidence], range: Range) -> Losses:
    """What evidence says of the summary: pairs, word by word; other evidence, of the places it names."""
    pairs = [piece for piece in evidence if isinstance(piece, PairEvidence)]
    if pairs:
        return Losses(word_losses(summary, pairs), WORD_LOSSES)
    places = [(piece.summary_span, loss_of(piece, range)) for piece in evidence if piece.summary_span]
    return Losses(places, steps(range))


def loss_of(evidence: Evidence, range: Range) -> float:
    """How much a piece of evidence speaks against the summary; 0 is nothing."""
    best = range[1] if math.isfinite(range[1]) else 0.0
    return max(0.0, best - evidence.score)


def steps(range: Range) -> tuple[float, ...]:
    """The losses of single pieces of evidence from which they are slight, clear and strong."""
    low, high = range
    bounded = math.isfinite(low) and math.isfinite(high)
    return tuple(share * (high - low) for share in _SHARES) if bounded else _LOSSES


def covered(
    length: int, places: Sequence[tuple[Span, float]], cuts: Sequence[Span] = ()
) -> Iterator[tuple[Span, float]]:
    """A text of this length, cut where places or ``cuts`` begin or end, with the mean loss of what covers each piece.

    The mean, not the worst, because a score is a mean over its evidence: one odd question among five about
    the same words is weak evidence against them.
    """
    placed: dict[Span, list[float]] = defaultdict(list)
    for span, loss in places:
        placed[clip(span, length)].append(loss)
    spans = [*placed, *(clip(span, length) for span in cuts)]
    beginning: dict[int, list[Span]] = defaultdict(list)
    for span in placed:
        beginning[span.start].append(span)
    here: list[Span] = []
    for start, end in itertools.pairwise(sorted({0, length, *(edge for span in spans for edge in astuple(span))})):
        here = [span for span in (*here, *beginning[start]) if span.end > start]
        over = [loss for span in here for loss in placed[span]]
        yield Span(start, end), math.fsum(over) / len(over) if over else 0.0


def clip(span: Span, length: int) -> Span:
    """The part of a span that lies inside a text of this length."""
    start = min(max(span.start, 0), length)
    return Span(start, min(max(span.end, start), length))


def word_losses(summary: str, pairs: Sequence[PairEvidence]) -> list[tuple[Span, float]]:
    """Where a word of the summary stands, with what it loses in a pair; one that several pairs use comes several times.

    The loss is the word's log-probability (natural log, sum over its tokens) given the summary minus that given the
    document, at its place in the question or in the answer. A word of the answer is looked for where the answer stands
    in the summary; one of the question, in the whole summary, and only if it stands there once.
    """
    places: dict[str, list[Span]] = defaultdict(list)
    for match in _WORD.finditer(summary):
        places[_key(match[0])].append(Span(*match.span()))
    return [found for pair in pairs for found in _of_pair(pair, places)]


def _of_pair(pair: PairEvidence, places: dict[str, list[Span]]) -> Iterator[tuple[Span, float]]:
    texts = [" " if FRAME_TOKEN.fullmatch(token) else token for token in pair.tokens]
    written = "".join(texts)
    answer = written.rfind(pair.answer)
    # An empty token is the rest of a letter that the token before it has.
    starts = [number for number, text in enumerate(texts) if text]
    tokens_at = [(start, end) for start, end in itertools.pairwise([*starts, len(texts)]) for _ in texts[start]]
    for match in _WORD.finditer(written):
        found = places.get(_key(match[0]), [])
        if match.start() >= answer >= 0 and (stands := pair.summary_span):
            found = [place for place in found if stands.start <= place.start and place.end <= stands.end]
        elif len(found) > 1:
            continue
        tokens = slice(tokens_at[match.start()][0], tokens_at[match.end() - 1][1])
        loss = sum(pair.summary_logprobs[tokens]) - sum(pair.document_logprobs[tokens])
        yield from ((place, loss) for place in found)


def _key(word: str) -> str:
    return unicodedata.normalize("NFC", word).casefold()
