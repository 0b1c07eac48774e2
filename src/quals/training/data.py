"""Question-answer data: files -> passages, each a context with all its pairs."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from quals.errors import InputError
from quals.io.text import json_lines, suffix_of, whole_text
from quals.io.values import is_text

log = logging.getLogger(__name__)


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
class BasedPair(Pair):
    """A pair that rests on ``basis``, a part of the context, which begins at ``start``."""

    basis: str = ""

    @property
    def end(self) -> int:
        """The character behind the basis."""
        return self.start + len(self.basis)


@dataclass(frozen=True)
class Passage:
    """A context, the pairs that are about it, and the title of the article it is from, if known."""

    context: str
    pairs: tuple[Pair, ...]
    title: str = ""


Found = tuple[str, str, Pair]  # a context, the title of its article, and a pair on it
Kept = TypeVar("Kept")
_LISTS = ("data", "paragraphs", "qas", "answers")  # each within the one before, in SQuAD's format


def read_passages(paths: Iterable[str | Path], left_out: list[InputError] | None = None) -> list[Passage]:
    """Read SQuAD-format JSON and JSONL ``{context, question, answer[, title]}`` files, plain or gzipped.

    A question that its context does not answer has an empty answer, or in SQuAD's format none.
    Pairs of the same context are brought together across files, duplicates dropped. For ``left_out`` see `readable`.

    Raises:
        InputError: a file cannot be read, or a row; names the file, and the line and the field where they are known.
    """
    by_context: dict[str, dict[tuple[str, str], Pair]] = {}
    titles: dict[str, str] = {}
    for context, title, pair in readable((found for path in paths for found in _read(str(path))), left_out):
        by_context.setdefault(context, {}).setdefault((pair.question, pair.answer), pair)
        titles[context] = titles.get(context) or title
    return [Passage(context, tuple(pairs.values()), titles[context]) for context, pairs in by_context.items()]


def answerable(passages: Iterable[Passage]) -> list[Passage]:
    """The passages without the questions that have no answer, which are counted on standard error."""
    found, left_out = [], 0
    for passage in passages:
        pairs = tuple(pair for pair in passage.pairs if pair.answer)
        left_out += len(passage.pairs) - len(pairs)
        found += [replace(passage, pairs=pairs)] if pairs else []
    if left_out:
        log.warning("%d questions without an answer are left out", left_out)
    return found


def readable(rows: Iterable[Kept | InputError], left_out: list[InputError] | None) -> Iterator[Kept]:
    """The rows that could be read; what is wrong with the others goes to ``left_out``.

    Raises:
        InputError: a row cannot be read, and there is no such list.
    """
    for row in rows:
        if not isinstance(row, InputError):
            yield row
        elif left_out is None:
            raise row
        else:
            left_out.append(row)


def _read(path: str) -> Iterator[Found | InputError]:
    return _squad(path) if suffix_of(path) == ".json" else _jsonl(path)


def _jsonl(path: str) -> Iterator[Found | InputError]:
    for line, row in json_lines(path):
        if isinstance(row, InputError):
            yield row
        else:
            texts = {field: row.get(field) for field in ("context", "question", "answer")}
            yield _found(texts, row.get("title"), row.get("answer_start"), path, line)


def _squad(path: str) -> Iterator[Found | InputError]:
    content = whole_text(path)
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"not SQuAD-format JSON: {error!r}", file=path) from error
    if not (isinstance(whole, dict) and isinstance(whole.get("data"), list)):
        raise InputError("not SQuAD-format JSON: it has no list 'data'", file=path)
    return _within([whole], "", path)


def _within(parts: list[Any], place: str, path: str) -> Iterator[Found | InputError]:
    """The pairs in the last of the parts, which stands within the others, at ``place``."""
    name, last = _LISTS[len(parts) - 1], parts[-1]
    listed = last.get(name) if isinstance(last, dict) else None
    if not isinstance(listed, list):
        yield InputError("missing or not a list", file=path, field=place + name)
    elif name != _LISTS[-1]:
        for number, part in enumerate(listed):
            yield from _within([*parts, part], f"{place}{name}.{number}.", path)
    else:
        _, article, paragraph, question = parts
        first = listed[0] if listed else {"text": ""}  # SQuAD 2.0 leaves unanswerable questions without one
        answer = first if isinstance(first, dict) else {}
        texts = {
            place[: place.index("qas")] + "context": paragraph.get("context"),
            place + "question": question.get("question"),
            place + "answers.0.text": answer.get("text"),
        }
        yield _found(texts, article.get("title"), answer.get("answer_start"), path)


def _found(texts: dict[str, Any], title: Any, start: Any, path: str, line: int = 0) -> Found | InputError:
    """What is made of a context, a question and an answer, given by the fields they stand in."""
    for field, text in texts.items():
        may_be_empty = field == list(texts)[-1]  # the answer
        if not (isinstance(text, str) and is_text(text) and (text.strip() or may_be_empty)):
            return InputError("missing or not a text", file=path, line=line, field=field)
    context, question, answer = texts.values()
    # The context stays as it is: answer_start counts its characters.
    return context, str(title or ""), _located(context, question.strip(), answer.strip(), start)


def _located(context: str, question: str, answer: str, start: Any) -> Pair:
    if not (isinstance(start, int) and start >= 0 and context.startswith(answer, start)):
        start = context.find(answer)
    return Pair(question, answer, start if answer else -1)
