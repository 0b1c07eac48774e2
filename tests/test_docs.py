"""The documentation's links lead somewhere, and its Python runs."""

from __future__ import annotations

import functools
import json
import re
import textwrap
from pathlib import Path

import pytest

import quals
from quals.lm import framed
from quals.lm.search import SearchSettings
from quals.metrics.quals import Quals, QualsSettings

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("models/*/README.md")]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]*))?\)")


def anchors(page: Path) -> set[str]:
    """The headings as GitHub names them in addresses."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for file, anchor in LINK.findall(re.sub(r"\]\(\s*\n\s*", "](", text)):
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), file
        assert not anchor or anchor in anchors(target), f"{file}#{anchor}"
        assert ROOT in (target, *target.parents), file


INDENTED = re.compile(r"(?:^ {4}.*\n|^\n(?= {4}))+", re.MULTILINE)


def blocks(name: str) -> list[str]:
    """The Python that a page shows: what is fenced as such; in docs/python.md all that is indented."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if name == "docs/python.md":
        return [textwrap.dedent(block) for block in INDENTED.findall(text)]
    return re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize(
    ("name", "count", "said"),
    [
        ("README.md", 1, r"True ok metric:quals\|.*\n4 22 23 3\n"),
        ("docs/python.md", 3, r"2 \S+ ok\n.*"),
        ("docs/answers.md", 3, r".* passage 1 from character 27\n"),
        ("docs/new-metric.md", 1, r"0\.5 \['8'\]\n"),
    ],
)
def test_python(
    name: str,
    count: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A page's blocks follow each other, in a folder with the files that they name."""
    monkeypatch.chdir(tmp_path)
    if name == "docs/python.md":  # which shows no scores
        few = functools.partial(Quals, settings=QualsSettings(search=SearchSettings(groups=4)))
        monkeypatch.setattr(quals, "Quals", few, raising=False)
        monkeypatch.setattr(quals.metrics, "Quals", few, raising=False)
        monkeypatch.setattr(framed, "load_pretrained", functools.cache(framed.load_pretrained))
    Path("news.csv").write_text("document,summary\nThe mayor left on 3 May.,The mayor left.\n", encoding="utf-8")
    Path("my-model").symlink_to(ROOT / "models" / "quals-small")
    for file, score in {"old": 0.2, "new": 0.4}.items():
        rows = [{"id": n, "contexts": [], "answer": "", "score": score * n, "status": "ok"} for n in range(2)]
        Path(f"{file}.scored.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    found = blocks(name)
    assert len(found) == count
    names: dict[str, object] = {}
    for block in found:
        exec(compile(block, name, "exec"), names)
    assert re.fullmatch(said, capsys.readouterr().out, re.DOTALL)
