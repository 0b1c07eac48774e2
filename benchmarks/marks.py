"""Whether a report's marks stand on the words that are wrong: false summaries beside true ones of their document.

    quals score pairs.jsonl --explain -o scored.jsonl
    python benchmarks/marks.py scored.jsonl

Rows need document, summary and label (1 true, 0 false). Of each false summary, the words that the most similar true one
of the same document does not have are the wrong ones; a false summary that only lacks words is left out.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import click
from common import files_argument, output_option, share_at_highest, write

from quals.doubts import Losses, loss_of, losses, steps
from quals.records import Span
from quals.report import MetricFacts, ScoredRow, read_rows
from quals.report.marks import mark

_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Judged:
    """What is said of the words of a false summary.

    Attributes:
        losses: for each word.
        levels: of its mark, 0 to 3.
        wrong: the places among them of those that are wrong.
    """

    losses: list[float]
    levels: list[int]
    wrong: set[int]


def answers(facts: MetricFacts, row: ScoredRow) -> Losses:
    """For comparison: each answer's words with the mean loss of its pair's tokens."""
    found = [(span, loss_of(piece, facts.range)) for piece in row.score.evidence if (span := piece.summary_span)]
    return Losses(found, steps(facts.range))


WAYS: dict[str, Callable[[MetricFacts, ScoredRow], Losses]] = {
    "words": lambda facts, row: losses(row.summary, row.score.evidence, facts.range),
    "answers": answers,
}


def judge(row: ScoredRow, true: list[str], said: Losses) -> Judged:
    """What is said of the words of this row, of which ``true`` are the true summaries."""
    places = [Span(*match.span()) for match in _WORD.finditer(row.summary)]
    found = [0.0] * len(places)
    for piece in mark(row.summary, said.places, places):
        for number in piece.ends:
            found[number] = piece.loss
    return Judged(found, [said.level(loss) for loss in found], wrong_words(row.summary, true))


def wrong_words(summary: str, true: list[str]) -> set[int]:
    """The numbers of the words that the most similar of the true summaries does not have there."""
    words, *others = (_WORD.findall(text.casefold()) for text in (summary, *true))
    matchers = [difflib.SequenceMatcher(None, other, words, autojunk=False) for other in others]
    nearest = max(matchers, key=lambda matcher: matcher.ratio())
    changes = [(start, end) for kind, _, _, start, end in nearest.get_opcodes() if kind in ("replace", "insert")]
    return {number for start, end in changes for number in range(start, end)}


def figures(found: list[Judged]) -> dict[str, object]:
    """``first``: how often the word with the largest loss is a wrong one, and ``chance`` of a word drawn; the shares of
    wrong and of right words, and of summaries with a wrong word, whose mark is at least of a level.

    Where several words lose most (all of them, if nothing is doubted), the share of wrong ones among them counts.
    """

    def shares(level: int) -> dict[str, float]:
        wrong = [each.levels[number] >= level for each in found for number in each.wrong]
        right = [value >= level for each in found for n, value in enumerate(each.levels) if n not in each.wrong]
        caught = [any(each.levels[number] >= level for number in each.wrong) for each in found]
        return {"wrong": round(fmean(wrong), 3), "right": round(fmean(right), 3), "summaries": round(fmean(caught), 3)}

    first = [share_at_highest(each.losses, each.wrong) for each in found]
    chance = [len(each.wrong) / len(each.losses) for each in found]
    return {
        "summaries": len(found),
        "first": round(fmean(first), 3),
        "chance": round(fmean(chance), 3),
        "marked": {level: shares(level) for level in (1, 2, 3)},
    }


def false_rows(path: str) -> Iterator[tuple[ScoredRow, list[str]]]:
    """The false summaries of a file that have words of their own, each with the true ones of its document."""
    labels = [json.loads(line)["label"] for line in Path(path).read_text(encoding="utf-8").splitlines()]
    rows = list(zip(read_rows(path), labels, strict=True))
    true: dict[str, list[str]] = defaultdict(list)
    for row, label in rows:
        if label == 1:
            true[row.document].append(row.summary)
    for row, label in rows:
        if label == 0 and (known := true[row.document]) and row.score.evidence and wrong_words(row.summary, known):
            yield row, known


@click.command(help=__doc__)
@files_argument
@output_option
def main(files: tuple[str, ...], output: Path | None) -> None:
    content: dict[str, object] = {}
    for path in files:
        rows = list(false_rows(path))
        facts = MetricFacts.from_signature(rows[0][0].score.signature)
        content["signature"] = facts.signature
        content[Path(path).stem] = {
            name: figures([judge(row, known, way(facts, row)) for row, known in rows]) for name, way in WAYS.items()
        }
    click.echo(json.dumps(content, indent=1))
    write(output, content)


if __name__ == "__main__":
    main()
