"""A metric's work shared out among processes: for several GPUs, for a GPU that waits for its host, for many cores.

    rows -> parts of like length, the rows of a document together -> processes, each with the metric -> scores in order

On GPUs, which are dealt out in turn, each process takes its share of the memory; on a CPU each gets its share of
torch's threads. A score is what it is with one process, to the rounding of other batches.
"""

from __future__ import annotations

import heapq
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.queues import SimpleQueue
from typing import Any, TypeVar

from quals.calibrate.calibration import Calibration
from quals.errors import QualsError
from quals.metrics import registry
from quals.metrics.base import Metric
from quals.metrics.safe import safe_scores
from quals.records import SummaryScore, Texts

_PARTS = 4  # for each process and call: more even out the work, fewer make fuller batches
_MOST = 8  # metrics that a process keeps: whoever makes new ones all day does not fill the memory
_numbers = itertools.count()
Result = TypeVar("Result")


@dataclass(frozen=True)
class Recipe:
    """What each process makes the metric from; ``number`` tells one from another."""

    number: int
    name: str
    device: str
    settings: Mapping[str, Any]


class Workers(Metric):
    """A metric at work in several processes; all that are made with the same number share these.

    In a script of your own, keep what starts the work under ``if __name__ == "__main__":``, as for all of Python's
    `multiprocessing`.

    Args:
        name: of the metric, as in the registry.
        workers: how many processes.
        device: as for the metric itself; ``auto`` and ``cuda`` deal out all GPUs.
        settings: of the metric.

    Raises:
        QualsError: what the metric itself raises, or a process was killed.
    """

    def __init__(self, name: str, workers: int, /, *, device: str = "auto", **settings: object) -> None:
        for fact in ("name", "range", "meaning", "higher", "needs_reference"):
            setattr(self, fact, getattr(registry.find(name), fact))
        self.workers = workers
        self._recipe = Recipe(next(_numbers), name, device, settings)
        (self._signature, self.device), *_ = self._results(_facts, [(self._recipe,)])

    @property
    def signature(self) -> str:
        """That of the metric."""
        return self._signature

    def _score(
        self, documents: Sequence[str], summaries: Sequence[str], references: Sequence[str] | None, explain: bool
    ) -> list[SummaryScore]:
        known: Sequence[str | None] = references or [None] * len(documents)
        rows = list(map(Texts, documents, summaries, known))
        parts = shares(rows, _PARTS * self.workers)
        work = [(self._recipe, self.calibration, [rows[place] for place in part], explain) for part in parts]
        found: dict[int, SummaryScore] = {}
        for part, scores in zip(parts, self._results(_scores, work), strict=True):
            found.update(zip(part, scores, strict=True))
        return [found[place] for place in range(len(rows))]

    def _read(self, score: SummaryScore, document: str, summary: str, explain: bool) -> SummaryScore:
        return score  # the processes have seen to it

    def _results(self, work: Callable[..., Result], arguments: Sequence[tuple[object, ...]]) -> list[Result]:
        """What the work comes to with each of these; a process may be dead already when it is handed out."""
        futures: list[Future[Result]] = []
        try:
            futures.extend(_pool(self.workers).submit(work, *each) for each in arguments)
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            _pool(self.workers).close()
            raise QualsError(
                f"one of the {self.workers} processes was killed, perhaps for want of memory; try with fewer"
            ) from error
        except (KeyboardInterrupt, SystemExit):
            _pool(self.workers).close()
            raise
        finally:
            for future in futures:  # where one has failed, what has not begun is not needed
                future.cancel()


def shares(rows: Sequence[Texts], count: int) -> list[list[int]]:
    """The places of rows in at most so many parts of like length; those of one document are in the same part."""
    together: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        together.setdefault(row.document, []).append(place)
    lengths = {text: len(text) + sum(len(rows[place].summary) for place in of) for text, of in together.items()}
    parts: list[tuple[int, int, list[int]]] = [(0, number, []) for number in range(min(count, len(together)))]
    for document in sorted(together, key=lengths.__getitem__, reverse=True):  # each to the part that is shortest so far
        length, number, part = parts[0]
        heapq.heapreplace(parts, (length + lengths[document], number, [*part, *together[document]]))
    return [part for _, _, part in sorted(parts)]


class Pool:
    """Processes that copy nothing from this one, which may hold locks and a GPU, and end when it does."""

    def __init__(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        places: SimpleQueue[int] = context.SimpleQueue()
        for place in range(count):
            places.put(place)
        ended, self._open = context.Pipe(duplex=False)
        arguments = (ended, places, count)
        self._executor = ProcessPoolExecutor(count, context, initializer=_begin, initargs=arguments)
        self.submit = self._executor.submit

    def close(self) -> None:
        """End the processes at once, whatever they are doing; the next work is for others."""
        self._open.close()
        self._executor.shutdown(cancel_futures=True)
        for count in [count for count, pool in pools.items() if pool is self]:
            del pools[count]


pools: dict[int, Pool] = {}  # by how many processes they have
if hasattr(os, "register_at_fork"):  # those of a forked process's parent are not its own
    os.register_at_fork(after_in_child=pools.clear)


def _pool(count: int) -> Pool:
    """The pool of so many processes, made when first asked for."""
    if count not in pools:
        pools[count] = Pool(count)
    return pools[count]


# What follows runs in the processes.


@dataclass
class Here:
    """What a process is and has.

    Attributes:
        place: its number, from 0.
        places: how many there are.
        share: of a GPU's memory, for all processes on that GPU.
        metrics: by the number of their recipes, those used last at the end.
    """

    place: int
    places: int
    share: float
    metrics: dict[int, Metric] = field(default_factory=dict)

    def metric(self, recipe: Recipe) -> Metric:
        """The metric, made when first asked for."""
        if (found := self.metrics.pop(recipe.number, None)) is None:
            found = registry.load(recipe.name, device=self._device(recipe.device), **recipe.settings)
        self.metrics[recipe.number] = found  # behind those that were used before
        if len(self.metrics) > _MOST:
            del self.metrics[next(iter(self.metrics))]
        return found

    def _device(self, device: str) -> str:
        import torch

        from quals.lm.device import SHARE

        gpus = torch.cuda.device_count() if device in ("auto", "cuda") else 0
        os.environ[SHARE] = str(self.share / -(-self.places // max(1, gpus)))
        return f"cuda:{self.place % gpus}" if gpus else device


_here: Here


def _begin(ended: Connection, places: SimpleQueue[int], count: int) -> None:
    global _here
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the one that waits for us ends us
    threading.Thread(target=_end_with, args=(ended,), daemon=True).start()

    import torch
    from tqdm import tqdm

    from quals.lm.device import gpu_share

    tqdm.set_lock(threading.RLock())  # its own is a semaphore, which is missed when a process ends at once
    torch.set_num_threads(max(1, torch.get_num_threads() // count))
    _here = Here(places.get(), count, gpu_share())


def _end_with(ended: Connection) -> None:
    ended.poll(None)  # until the other end is closed, or who holds it is dead
    os._exit(1)


def _facts(recipe: Recipe) -> tuple[str, str]:
    metric = _here.metric(recipe)
    return metric.signature, metric.device


def _scores(
    recipe: Recipe, calibration: Calibration | None, rows: Sequence[Texts], explain: bool
) -> list[SummaryScore]:
    metric = _here.metric(recipe)
    metric.calibration = calibration
    return safe_scores(metric, rows, explain=explain)
