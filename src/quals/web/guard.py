"""Who may ask, how much may be sent, and what headers go out."""

from __future__ import annotations

import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quals.web.refusal import Refusal, answer
from quals.web.settings import ServeSettings

_LOOPBACK_NAMES = {"localhost", "127.0.0.1", "::1"}
# style-src-attr: the bars of a figure carry their heights in style attributes, written by us as integers.
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; style-src-attr 'unsafe-inline'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _PAGE_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers send our own form with "Origin: null"
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """ASGI middleware: refuses what must not come in before any of it is read."""

    def __init__(self, app: ASGIApp, settings: ServeSettings) -> None:
        self.app, self.settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        headers = Headers(scope=scope)
        if refusal := self._refusal(scope["path"], headers):
            await answer(refusal)(scope, receive, send_with_headers)
        else:
            await self.app(scope, self._limited(receive), send_with_headers)

    def _refusal(self, path: str, headers: Headers) -> Refusal | None:
        host = headers.get("host", "")
        # A foreign page can make a browser send here; one that rebinds its own name even reads the answer.
        if self.settings.loopback and _hostname(host) not in _LOOPBACK_NAMES | {self.settings.host}:
            return Refusal(403, "this service answers on this machine only")
        origin = headers.get("origin")
        if origin is not None and _netloc(origin) != host:
            return Refusal(403, "requests from pages of other sites are refused")
        if path.startswith("/v1/") and not allowed(self.settings, headers):
            message = "send the service's token as 'Authorization: Bearer TOKEN'"
            return Refusal(401, message, headers={"WWW-Authenticate": "Bearer"})
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.settings.bytes:
            return Refusal(413, self._too_large())
        return None

    def _limited(self, receive: Receive) -> Receive:
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self.settings.bytes:  # a body sent in chunks tells no length beforehand
                raise Refusal(413, self._too_large())
            return message

        return limited

    def _too_large(self) -> str:
        return f"the request is larger than {self.settings.bytes:,} bytes"


def allowed(settings: ServeSettings, headers: Headers, token: str = "") -> bool:
    """Whether a request carries the token, in its header or as given, or needs none."""
    if not settings.token:
        return True
    scheme, _, sent = headers.get("authorization", "").partition(" ")
    given = sent.strip() if scheme.lower() == "bearer" else token
    return secrets.compare_digest(given.encode(), settings.token.encode())


def _netloc(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


def _hostname(host: str) -> str | None:
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
