"""Question-answer data: files -> passages, each a context with all its pairs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quals.errors import InputError
from quals.io.text import is_text, json_lines, whole_text


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
        InputError: a file or a row cannot be read; names the file, and the line and the field where they are known.
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
    content = whole_text(path)
    try:
        rows = [
            (
                {
                    f"data.{a}.paragraphs.{p}.context": paragraph.get("context"),
                    f"data.{a}.paragraphs.{p}.qas.{q}.question": qa.get("question"),
                    f"data.{a}.paragraphs.{p}.qas.{q}.answers.0.text": qa["answers"][0].get("text"),
                },
                article.get("title"),
                qa["answers"][0].get("answer_start"),
            )
            for a, article in enumerate(json.loads(content)["data"])
            for p, paragraph in enumerate(article["paragraphs"])
            for q, qa in enumerate(paragraph["qas"])
            if qa["answers"]  # SQuAD 2.0 leaves unanswerable questions without one
        ]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"not SQuAD-format JSON: {error!r}", file=str(path)) from error
    for texts, title, start in rows:
        for place, text in texts.items():
            if not (isinstance(text, str) and is_text(text)):
                raise InputError("missing or not a text", file=str(path), field=place)
        context, question, answer = texts.values()
        yield context, str(title or ""), _located(context, question.strip(), answer.strip(), start)


def _text(row: dict[str, Any], field: str, path: str | Path, line: int) -> str:
    value = row.get(field)
    if not (isinstance(value, str) and is_text(value) and value.strip()):
        raise InputError("missing or not a text", file=str(path), line=line, field=field)
    # The context stays as it is: answer_start counts its characters.
    return value if field == "context" else value.strip()


def _located(context: str, question: str, answer: str, start: Any) -> Pair:
    if not (isinstance(start, int) and context.startswith(answer, start)):
        start = context.find(answer)
    return Pair(question, answer, start)
