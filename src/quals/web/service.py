"""What the API and the page share: the metric behind its queue, and the limits on what goes in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from fastapi import Request

from quals.records import SummaryScore
from quals.report.facts import MetricFacts
from quals.web.batcher import Batcher
from quals.web.refusal import Refusal
from quals.web.settings import ServeSettings


@dataclass(frozen=True)
class Service:
    """The running service."""

    batcher: Batcher
    facts: MetricFacts
    settings: ServeSettings

    def check(self, document: str, summary: str) -> None:
        """Whether the texts of a row can be taken.

        Raises:
            Refusal: one is too long (413).
        """
        most = self.settings.characters
        for field, text in (("document", document), ("summary", summary)):
            if len(text) > most:
                raise Refusal(413, f"{len(text):,} characters; at most {most:,} are taken", field=field)

    def check_count(self, rows: int) -> None:
        """Whether so many can be taken at once.

        Raises:
            Refusal: they are too many (413).
        """
        most = min(self.settings.rows, self.settings.queue)  # what the queue cannot hold would be refused for ever
        if rows > most:
            message = f"{rows} summaries or sentences; at most {most} are taken in a request"
            raise Refusal(413, message, field="rows")

    def accept(self, rows: Sequence[tuple[str, str]], *, explain: bool = True) -> list[asyncio.Future[SummaryScore]]:
        """Take (document, summary) rows, which have been checked, into the queue.

        Raises:
            Refusal: too many rows (413); and see `Batcher.submit`.
        """
        self.check_count(len(rows))
        return self.batcher.submit(rows, explain=explain)

    async def results(
        self, request: Request, accepted: Sequence[asyncio.Future[SummaryScore]]
    ) -> AsyncIterator[SummaryScore]:
        """Yield the scores in order, each as soon as it is there; what is not wanted any more is given up.

        The request's body must have been read.

        Raises:
            Refusal: they are not all there in time (504), or the client has gone (499, which nobody reads).
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.settings.timeout
        gone = asyncio.ensure_future(request.receive())  # after the body nothing else can come
        try:
            for future in accepted:
                left = max(deadline - loop.time(), 0)
                await asyncio.wait((future, gone), timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if not future.done():
                    message = f"not done within {self.settings.timeout:g} s; send fewer or shorter texts"
                    raise Refusal(499, "the client has gone") if gone.done() else Refusal(504, message)
                yield future.result()
        finally:
            gone.cancel()
            for future in accepted:
                future.cancel()
