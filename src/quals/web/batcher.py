"""Requests -> batches: whatever waits while one batch is being scored makes up the next."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from quals.errors import QualsError
from quals.metrics.base import Metric
from quals.records import SummaryScore
from quals.salvage import salvage
from quals.web.refusal import Refusal

_GATHER = 0.005  # seconds an idle worker waits for company before it starts
_ROW = 5_000  # a row of no length takes about as long as so many characters of one: questions have to be found as well
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Job:
    document: str
    summary: str
    explain: bool
    future: asyncio.Future[SummaryScore]

    @property
    def effort(self) -> int:
        """What the time it takes is about proportional to."""
        return _ROW + len(self.document) + len(self.summary)


class Batcher:
    """Feeds a metric from one thread; lives on one event loop.

    Args:
        metric: what scores.
        batch: most rows in one call of it.
        queue: most rows accepted and not yet scored.
        patience: seconds that those who ask will wait; what would take longer, by the pace so far, is refused.
    """

    def __init__(self, metric: Metric, *, batch: int, queue: int, patience: float) -> None:
        self.metric, self.batch, self.queue, self.patience = metric, batch, queue, patience
        self.waiting = 0  # accepted, and neither scored nor given up
        self.closing = False
        self.scoring = False  # whether a batch is in the works, be it wanted still or not
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="metric")
        self._effort = 0  # of what is waiting
        self._pace = 0.0  # seconds per effort; 0 until the first batch is done

    @property
    def busy(self) -> bool:
        """Whether so much is waiting that not even the shortest row would be accepted."""
        return not self._takes(1, _ROW)

    def submit(self, rows: Sequence[tuple[str, str]], *, explain: bool = True) -> list[asyncio.Future[SummaryScore]]:
        """Accept (document, summary) rows, all or none; cancel a future to give its row up.

        Unless they are to ``explain``, scores need not have evidence.

        Raises:
            Refusal: the service is stopping (503), or they do not fit into the queue now, or not in time (429).
        """
        if self.closing:
            raise Refusal(503, "the service is stopping", headers={"Retry-After": "5"})
        loop = asyncio.get_running_loop()
        jobs = [_Job(document, summary, explain, loop.create_future()) for document, summary in rows]
        if not self._takes(len(jobs), _effort(jobs)):
            seconds = max(1, math.ceil(self._effort * self._pace))
            message = f"{self.waiting} summaries are waiting already; try again in {seconds} s"
            raise Refusal(429, message, headers={"Retry-After": str(seconds)})
        self.waiting += len(jobs)
        self._effort += _effort(jobs)
        for job in jobs:
            job.future.add_done_callback(partial(self._finished, job))
            self._jobs.put_nowait(job)
        return [job.future for job in jobs]

    def _takes(self, rows: int, effort: int) -> bool:
        # With nobody ahead it is tried, whatever the pace says: so another pace is learned, should it have changed.
        in_time = not self.waiting or (self._effort + effort) * self._pace <= self.patience
        return in_time and self.waiting + rows <= self.queue

    async def work(self) -> None:
        """Score until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            jobs = await self._next()
            started = time.monotonic()
            self.scoring = True
            scores = await loop.run_in_executor(self._thread, self._score, jobs)
            self.scoring = False
            for job, score in zip(jobs, scores, strict=True):
                if not job.future.done():  # given up meanwhile
                    job.future.set_result(score)
            pace = (time.monotonic() - started) / _effort(jobs)
            self._pace = 0.8 * self._pace + 0.2 * pace if self._pace else pace

    def _finished(self, job: _Job, _: asyncio.Future[SummaryScore]) -> None:
        self.waiting -= 1
        self._effort -= job.effort

    async def _next(self) -> list[_Job]:
        jobs: list[_Job] = []
        while not jobs:
            waiting = [await self._jobs.get()]
            if self._jobs.empty():
                await asyncio.sleep(_GATHER)
            while len(waiting) < self.batch and not self._jobs.empty():
                waiting.append(self._jobs.get_nowait())
            jobs = [job for job in waiting if not job.future.done()]
        return jobs

    def _score(self, jobs: Sequence[_Job]) -> list[SummaryScore]:
        def score(part: Sequence[_Job]) -> list[SummaryScore]:
            documents, summaries = [job.document for job in part], [job.summary for job in part]
            return self.metric.score(documents, summaries, explain=any(job.explain for job in part))

        def failed(error: BaseException) -> SummaryScore:
            _log.error("scoring a summary failed", exc_info=error)
            return self.metric.failed(error)

        try:
            return salvage(score, jobs, failed)
        except QualsError as error:  # the service stays, to say so again
            return [failed(error)] * len(jobs)


def _effort(jobs: Sequence[_Job]) -> int:
    return sum(job.effort for job in jobs)
