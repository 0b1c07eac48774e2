"""Python's search for garbage, and when to do without."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_DELIBERATE = 1000  # objects that somebody keeps frozen; Python 3.12 does so with some hundred of its own


@contextmanager
def without_collecting() -> Iterator[None]:
    """While modules are imported and models read there is no garbage, and to look for it takes a fifth of the time.

    What has been made meanwhile counts as old at the end, so that it is not looked through at once.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() < _DELIBERATE:
            gc.freeze()
            gc.unfreeze()
        if collects:
            gc.enable()
