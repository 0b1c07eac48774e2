"""The process: it stops when it has finished what it accepted."""

from __future__ import annotations

import os
import signal
import socket
from types import FrameType

import click
import uvicorn
from fastapi import FastAPI

from quals.web.settings import ServeSettings

# Longer than clients keep an idle connection (mostly 5 to 60 s): whoever closes last loses no request that the
# other sends at that very moment.
_KEEP_ALIVE = 75
# Seconds for answers to get out, once all is done; whoever has still not sent all of a request waits in vain.
_FLUSH = 5


class Server(uvicorn.Server):
    """At the first signal new work is refused with 503; when the last is done, it stops; at a second, at once."""

    def __init__(self, app: FastAPI, settings: ServeSettings) -> None:
        self._batcher = app.state.service.batcher
        super().__init__(
            uvicorn.Config(
                app,
                host=settings.host,
                port=settings.port,
                log_level="warning",
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_FLUSH,
            )
        )

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until stopped."""
        super().run(sockets)
        if self._batcher.scoring:  # for nobody; Python's own end would wait for the thread, which cannot be stopped
            os._exit(0)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Called by uvicorn; when it listens, standard error tells where."""
        await super().startup(sockets)
        for each in self.servers[:1]:
            host, port, *_ = each.sockets[0].getsockname()
            click.echo(f"Serving at http://{f'[{host}]' if ':' in host else host}:{port}", err=True)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Called by uvicorn on SIGINT and SIGTERM."""
        if self._batcher.closing:  # uvicorn's own way would wait for every open request
            signal.signal(sig, signal.SIG_DFL)
            signal.raise_signal(sig)
        self._batcher.closing = True

    async def on_tick(self, counter: int) -> bool:
        """Called by uvicorn ten times a second; true ends the service."""
        drained = self._batcher.closing and not self._batcher.waiting
        return await super().on_tick(counter) or drained
