"""Question-answer data: files -> passages, each a context with all its pairs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quals.errors import InputError
from quals.io.text import json_lines, open_text


@dataclass(frozen=True)
class Pair:
    """A question with its answer; ``start`` is the answer's first character in the context, -1 if unknown.

    An empty answer means that the context has none.
    """

    question: str
    answer: str
    start: int = -1

    @property
    def end(self) -> int:
        """The character of the context behind what the pair rests on, if ``start`` is known."""
        return self.start + len(self.answer)


@dataclass(frozen=True)
class Passage:
    """A context, the pairs that are about it, and the title of the article it is from, if known."""

    context: str
    pairs: tuple[Pair, ...]
    title: str = ""


def read_passages(paths: Iterable[str | Path]) -> list[Passage]:
    """Read SQuAD-format JSON and JSONL ``{context, question, answer[, title]}`` files, plain or gzipped.

    Pairs of the same context are brought together across files, duplicates dropped.

    Raises:
        InputError: a file or a row cannot be read; names file, line and field.
    """
    by_context: dict[str, dict[tuple[str, str], Pair]] = {}
    titles: dict[str, str] = {}
    for path in paths:
        for context, title, pair in _read(path):
            by_context.setdefault(context, {}).setdefault((pair.question, pair.answer), pair)
            titles[context] = titles.get(context) or title
    return [Passage(context, tuple(pairs.values()), titles[context]) for context, pairs in by_context.items()]


def _read(path: str | Path) -> Iterator[tuple[str, str, Pair]]:
    if str(path).removesuffix(".gz").endswith(".json"):
        return _squad(path)
    return _jsonl(path)


def _jsonl(path: str | Path) -> Iterator[tuple[str, str, Pair]]:
    for line, row in json_lines(path):
        if isinstance(row, InputError):
            raise row
        context, question, answer = (_text(row, field, path, line) for field in ("context", "question", "answer"))
        yield context, str(row.get("title") or ""), _located(context, question, answer, row.get("answer_start"))


def _squad(path: str | Path) -> Iterator[tuple[str, str, Pair]]:
    with open_text(path) as stream:
        try:
            articles = json.load(stream)["data"]
            rows = [
                (paragraph["context"], article.get("title", ""), qa["question"], qa["answers"][0])
                for article in articles
                for paragraph in article["paragraphs"]
                for qa in paragraph["qas"]
                if qa["answers"]  # SQuAD 2.0 leaves unanswerable questions without one
            ]
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise InputError(f"not SQuAD-format JSON: {error!r}", file=str(path)) from error
    for context, title, question, answer in rows:
        yield context, title, _located(context, question.strip(), answer["text"].strip(), answer.get("answer_start"))


def _text(row: dict[str, Any], field: str, path: str | Path, line: int) -> str:
    value = row.get(field)
    if not isinstance(value, str) or not value.strip():
        raise InputError("missing or not a text", file=str(path), line=line, field=field)
    # The context stays as it is: answer_start counts its characters.
    return value if field == "context" else value.strip()


def _located(context: str, question: str, answer: str, start: Any) -> Pair:
    if not (isinstance(start, int) and context.startswith(answer, start)):
        start = context.find(answer)
    return Pair(question, answer, start)
