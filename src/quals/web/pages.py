"""The routes of the page: a form, and its answers, with script row by row, without as one report."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cache

import jinja2
from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.responses import HTMLResponse, Response, StreamingResponse

from quals.report.facts import MetricFacts
from quals.report.page import Report, asset, environment, policy, row_html
from quals.report.rows import ScoredRow
from quals.report.view import view_row
from quals.web.api import service_of
from quals.web.guard import allowed
from quals.web.refusal import Refusal
from quals.web.splitting import split

router = APIRouter(include_in_schema=False)
_ASSETS = {
    "report.css": ("quals.report", "text/css"),
    "page.css": ("quals.web", "text/css"),
    "page.js": ("quals.web", "text/javascript"),
}
_BETWEEN_SUMMARIES = re.compile(r"\n[^\S\n]*\n\s*")


@dataclass(frozen=True)
class _Asked:
    """What came with the form; ``name`` is that of the file with the summaries, if there was one."""

    document: str
    summaries: list[str]
    names: list[str]
    name: str


@router.head("/")
@router.get("/")
async def page(request: Request) -> Response:
    """The page."""
    return HTMLResponse(_page(request, FormData()))


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """The page's style and script."""
    if name not in _ASSETS:
        raise Refusal(404, "no such file")
    package, kind = _ASSETS[name]
    return Response(asset(name, package), media_type=kind)


@router.post("/stream")
async def stream(request: Request) -> Response:
    """For the page's script: one JSON object a line, first the total, then each summary's HTML as it is scored."""
    async with _form(request) as form:
        asked = await _read(request, form)
    service = service_of(request)
    accepted = service.accept([(asked.document, summary) for summary in asked.summaries])

    async def lines() -> AsyncIterator[str]:
        yield json.dumps({"total": len(accepted)}) + "\n"
        number = 0
        try:
            async for score in service.results(request, accepted):
                row = ScoredRow(asked.document, asked.summaries[number], score, asked.names[number])
                number += 1
                html = await run_in_threadpool(_row_html, row, number, service.facts)
                yield json.dumps({"done": number, "html": html}) + "\n"
        except Refusal as error:
            yield json.dumps({"error": error.detail}) + "\n"

    return StreamingResponse(lines(), media_type="application/x-ndjson")


@router.post("/report")
async def report(request: Request) -> Response:
    """For browsers without script: the answer as a report, or the page again with what was typed and what is wrong."""
    service = service_of(request)
    async with _form(request) as form:
        try:
            asked = await _read(request, form)
            accepted = service.accept([(asked.document, summary) for summary in asked.summaries])
            scores = [score async for score in service.results(request, accepted)]
        except Refusal as error:
            return HTMLResponse(_page(request, form, str(error.detail)), error.status_code, error.headers)
    rows = [ScoredRow(asked.document, *row) for row in zip(asked.summaries, scores, asked.names, strict=True)]
    made = Report(rows, service.facts, title=asked.name or "Scores")
    html = await run_in_threadpool(made.html)
    return HTMLResponse(html, headers={"Content-Security-Policy": policy()})


def _row_html(row: ScoredRow, number: int, facts: MetricFacts) -> str:
    return row_html(view_row(row, number, facts))


def _form(request: Request) -> AbstractAsyncContextManager[FormData]:
    most = service_of(request).settings.bytes
    return request.form(max_files=2, max_fields=8, max_part_size=most)


async def _read(request: Request, form: FormData) -> _Asked:
    """The form's fields; a file stands in for the text beside it.

    Raises:
        Refusal: the token is missing or wrong (401), or a field cannot be used (422) or is too long (413).
    """
    service = service_of(request)
    if not allowed(service.settings, request.headers, str(form.get("token", ""))):
        raise Refusal(401, "the token is missing or wrong", field="token")
    document, _ = await _text(form, "document")
    text, name = await _text(form, "summaries")
    summaries = [part.strip() for part in _BETWEEN_SUMMARIES.split(text.strip()) if part.strip()]
    for value, what in ((document.strip(), "document"), (summaries, "summaries")):
        if not value:
            raise Refusal(422, f"no {what} given", field=what)
    service.check_count(len(summaries))  # before each is split
    for summary in summaries:
        service.check(document, summary)
    several = len(summaries) > 1
    names = [f"{name} {number}".strip() if several else name for number in range(1, len(summaries) + 1)]
    if form.get("sentences"):
        summaries, names = await run_in_threadpool(_by_sentence, summaries, names)
    return _Asked(document, summaries, names, name)


def _by_sentence(summaries: Sequence[str], names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Each sentence in place of its summary, and its name; a summary without any stays."""
    found = []
    for summary, name in zip(summaries, names, strict=True):
        parts = [span.of(summary) for span in split(summary)]
        found += [(part, ", ".join(filter(None, (name, f"sentence {n}")))) for n, part in enumerate(parts, 1)]
        found += [] if parts else [(summary, name)]
    texts, called = zip(*found, strict=True)
    return list(texts), list(called)


async def _text(form: FormData, field: str) -> tuple[str, str]:
    file = form.get(f"{field}_file")
    if not isinstance(file, UploadFile) or not file.filename:
        # Browsers send text areas with CR LF.
        return str(form.get(field, "")).replace("\r\n", "\n"), ""
    try:
        return (await file.read()).decode("utf-8-sig").replace("\r\n", "\n"), file.filename
    except UnicodeDecodeError as error:
        raise Refusal(422, f"{file.filename} is not UTF-8 text", field=field) from error


def _page(request: Request, typed: FormData, error: str = "") -> str:
    service = service_of(request)
    template = _environment().get_template("page.html.j2")
    return template.render(
        facts=service.facts,
        token=bool(service.settings.token),
        typed=typed,
        error=error,
        base=str(request.base_url),
    )


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.ChoiceLoader([jinja2.PackageLoader("quals.web"), jinja2.PackageLoader("quals.report")])
    return environment().overlay(loader=loader)
