"""A real server for tests."""

import asyncio
import threading
import time
from contextlib import contextmanager

from word_pairs import WordPairs

from quals.web.app import create_app
from quals.web.server import Server
from quals.web.settings import ServeSettings


@contextmanager
def running(metric=None, **limits):
    """A real server on a free port; gives its address, its metric and the server."""
    metric = metric or WordPairs()
    settings = ServeSettings(port=0, **limits)
    server = Server(create_app(metric, settings), settings)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}", metric, server
    finally:
        server.should_exit = True
        thread.join(10)


class Gated(WordPairs):
    """Scores only while its gate is open, and says when it has begun."""

    def __init__(self):
        super().__init__()
        self.gate, self.begun = threading.Event(), threading.Event()

    def _score(self, documents, summaries, references, explain):
        self.begun.set()
        assert self.gate.wait(30)
        return super()._score(documents, summaries, references, explain)
