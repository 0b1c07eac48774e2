"""One bad item does not take the others with it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from quals.errors import QualsError

Item = TypeVar("Item")
Result = TypeVar("Result")


def salvage(
    work: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item], failed: Callable[[BaseException], Result]
) -> list[Result]:
    """The results of ``work`` on all items; where it fails, on either half, until only the items at fault are left.

    Args:
        work: one result per item, in order.
        items: what there is to do.
        failed: the result of an item that the work fails on by itself.

    Raises:
        QualsError: the work cannot be done at all, for instance for want of a model.
    """
    if not items:
        return []
    try:
        return work(items)
    except (QualsError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # libraries in Rust raise a PanicException, which is no Exception
        if len(items) == 1:
            return [failed(error)]
    half = len(items) // 2
    return [result for part in (items[:half], items[half:]) for result in salvage(work, part, failed)]
