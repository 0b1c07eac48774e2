"""The pages of a study: one for each annotator and one for the organiser, each behind its own secret link."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from quals.errors import InputError, MissingExtraError
from quals.study import export
from quals.study.people import profiles
from quals.study.posted import MAX_BYTES, MAX_COMMENT, parse_save
from quals.study.records import ATTRIBUTES, CHOICES, Judgement
from quals.study.stats import alpha_value
from quals.study.store import Annotator, Store, Task
from quals.study.votes import by_systems, units

try:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from starlette.applications import Starlette
    from starlette.concurrency import run_in_threadpool
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
    from starlette.routing import Mount, Route
    from starlette.staticfiles import StaticFiles
    from starlette.types import ASGIApp, Message, Receive, Scope, Send
except ImportError as error:
    raise MissingExtraError("quals study serve", "study") from error

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}

_MAX_ID = 2**31 - 1  # a database would not even look for a larger one

# A word, for marking: what stands between spaces, or one character of a script that has no spaces.
_WORD = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|[^\s\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+")

_pages = Environment(
    loader=PackageLoader("quals.study"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def make_app(store: Store) -> Starlette:
    """The web application of one study."""
    handlers = _Pages(store)
    routes = [
        Route("/a/{token}/", handlers.welcome),
        Route("/a/{token}/{item:int}", handlers.item, methods=["GET"]),
        Route("/a/{token}/{item:int}", handlers.save, methods=["PUT"]),
        Route("/o/{token}/", handlers.organiser),
        Route("/o/{token}/renew/{annotator:int}", handlers.renew, methods=["POST"]),
        Route("/o/{token}/judgements.csv", handlers.judgements_csv),
        Route("/o/{token}/judgements.json", handlers.judgements_json),
        Mount("/static", StaticFiles(directory=str(files("quals.study") / "static"))),
    ]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _error, InputError: _refused})
    app.add_middleware(_SafeHeaders)
    return app


class _Pages:
    def __init__(self, store: Store) -> None:
        self._store = store
        # Under this name browsers keep what they could not send yet. The token itself is the organiser's alone.
        self._study = hashlib.sha256(store.token.encode()).hexdigest()[:16]

    def welcome(self, request: Request) -> Response:
        who = self._annotator(request)
        tasks = self._store.tasks(who.id)
        opened = [task for task in tasks if not task.answer.complete]
        started = any(task.version for task in tasks)
        return _page(
            "welcome.html",
            title=self._store.title,
            tasks=tasks,
            opened=opened,
            started=started,
            study=self._study,
            numbers=[{"id": task.id, "number": task.number} for task in tasks],
            attributes=ATTRIBUTES,
        )

    def item(self, request: Request) -> Response:
        who = self._annotator(request)
        tasks = self._store.tasks(who.id)
        index = next((index for index, task in enumerate(tasks) if task.id == request.path_params["item"]), None)
        shown = None if index is None else self._store.shown(who.id, tasks[index].id)
        if index is None or shown is None:
            raise HTTPException(404)
        task = tasks[index]
        return _page(
            "item.html",
            title=self._store.title,
            study=self._study,
            task=task,
            tasks=tasks,
            done=_done(tasks),
            before=tasks[index - 1] if index else None,
            after=tasks[index + 1] if index + 1 < len(tasks) else None,
            document=shown.document,
            sides={"left": _words(shown.left), "right": _words(shown.right)},
            attributes=ATTRIBUTES,
            choices=CHOICES,
            max_comment=MAX_COMMENT,
            state=_state(task),
        )

    async def save(self, request: Request) -> Response:
        body = await _body(request)
        return await run_in_threadpool(self._save, request, body)

    def _save(self, request: Request, body: bytes) -> Response:
        who, item = self._annotator(request), request.path_params["item"]
        shown = self._store.shown(who.id, item) if item <= _MAX_ID else None
        if shown is None:
            raise HTTPException(404)
        save = parse_save(body, shown)
        version = self._store.save(item, save.answer, bases=save.bases, write_id=save.write_id)
        tasks = self._store.tasks(who.id)
        if version is not None:
            return JSONResponse({"version": version, "done": _done(tasks)})
        current = next(task for task in tasks if task.id == item)
        return JSONResponse(_state(current), status_code=409)

    def organiser(self, request: Request) -> Response:
        self._organiser(request)
        judgements = self._store.judgements()
        known = {profile.annotator: profile for profile in profiles(judgements)}
        people = [(who, self._store.tasks(who.id), known.get(who.name)) for who in self._store.annotators()]
        return _page(
            "organiser.html",
            title=self._store.title,
            created_at=self._store.created_at,
            settings=self._store.settings,
            attributes=ATTRIBUTES,
            people=[(who, _done(tasks), len(tasks), profile) for who, tasks, profile in people],
            agreement=_agreement_so_far(judgements),
        )

    def renew(self, request: Request) -> Response:
        self._organiser(request)
        annotator = request.path_params["annotator"]
        if annotator > _MAX_ID or not self._store.renew_link(annotator):
            raise HTTPException(404)
        return RedirectResponse("../", status_code=303)

    def judgements_csv(self, request: Request) -> Response:
        self._organiser(request)
        text = export.to_csv(export.judgement_rows(self._store.judgements()))
        return _download(text, "text/csv; charset=utf-8", "judgements.csv")

    def judgements_json(self, request: Request) -> Response:
        self._organiser(request)
        text = export.to_json([export.judgement_dict(judgement) for judgement in self._store.judgements()])
        return _download(text, "application/json", "judgements.json")

    def _annotator(self, request: Request) -> Annotator:
        who = self._store.find_annotator(request.path_params["token"])
        if who is None:
            raise HTTPException(404)
        return who

    def _organiser(self, request: Request) -> None:
        if not secrets.compare_digest(request.path_params["token"].encode(), self._store.token.encode()):
            raise HTTPException(404)


def _agreement_so_far(judgements: Sequence[Judgement]) -> list[tuple[str, str, list[float | None]]]:
    """Alpha per pair of systems and question: whether people agree, not on what."""
    return [
        (first, second, [alpha_value(units(group, attribute)) for attribute in ATTRIBUTES])
        for (first, second), group in by_systems(judgements).items()
    ]


class _SafeHeaders:
    """Adds the headers that keep pages out of caches, frames and other sites' scripts."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.lower().encode(), value.encode()) for name, value in _HEADERS.items()),
                ]
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _page(template: str, status: int = 200, **context: Any) -> Response:
    return HTMLResponse(_pages.get_template(template).render(context), status_code=status)


def _state(task: Task) -> dict[str, Any]:
    return {"write": task.write_id, **asdict(task.answer)}


def _done(tasks: list[Task]) -> int:
    return sum(task.answer.complete for task in tasks)


def _words(text: str) -> list[tuple[str, int | None]]:
    """Cut a text into words, each with its place, and what stands between them, with None."""
    pieces: list[tuple[str, int | None]] = []
    end = 0
    for word in _WORD.finditer(text):
        pieces += [(text[end : word.start()], None), (word.group(), word.start())]
        end = word.end()
    return [(piece, start) for piece, start in [*pieces, (text[end:], None)] if piece]


async def _body(request: Request) -> bytes:
    body = b""
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BYTES:
                raise HTTPException(413)
    except ClientDisconnect as error:  # a connection lost half way: nobody is there to be answered
        raise HTTPException(400) from error
    return body


def _download(text: str, media_type: str, name: str) -> Response:
    return Response(text, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.method == "PUT":
        return JSONResponse({"error": error.detail}, status_code=error.status_code)
    return _page("error.html", status=error.status_code, found=error.status_code != 404)


def _refused(_request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, status_code=422)
