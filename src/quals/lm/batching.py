"""Work in batches that fit: longest first, under a token budget, in order again at the end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_batches(
    items: Sequence[Item],
    work: Callable[[list[Item]], list[Result]],
    *,
    cost: Callable[[Item], int],
    budget: int,
) -> list[Result]:
    """``work`` on batches of ``items``; one result per item, in the order of ``items``.

    Args:
        items: what there is to do.
        work: does a batch, one result per item in order.
        cost: tokens of an item alone; in a batch every item costs as much as the longest.
        budget: the most tokens of a batch, padding counted; an item above it goes alone.

    A batch that does not fit in the device's memory is halved, and so is the budget of those that follow.
    """
    costs = [cost(item) for item in items]
    order = sorted(range(len(items)), key=lambda i: -costs[i])
    results: dict[int, Result] = {}
    while order:
        longest = costs[order[0]]
        batch = order[: max(1, budget // longest if longest else len(order))]
        done = _attempt(work, [items[i] for i in batch])
        if done is None:
            budget = len(batch) * longest // 2
        else:
            results.update(zip(batch, done, strict=True))
            order = order[len(batch) :]
    return [results[i] for i in range(len(items))]


def _attempt(work: Callable[[list[Item]], list[Result]], batch: list[Item]) -> list[Result] | None:
    """The results of a batch, or None if it does not fit; an item that does not fit alone is an error."""
    try:
        return work(batch)
    except torch.OutOfMemoryError:
        if len(batch) == 1:
            raise
    # Outside the handler, so that the failed attempt's tensors are free again.
    torch.cuda.empty_cache()
    return None
