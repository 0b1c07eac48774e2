"""Work in batches that fit: longest first, under a token budget, in order again at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
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
        cost: tokens of an item once padded to itself.
        budget: the most tokens of a batch, padding counted; an item above it goes alone.

    A batch that does not fit in the device's memory is halved and tried again.
    """
    costs = [cost(item) for item in items]
    order = sorted(range(len(items)), key=lambda i: -costs[i])
    results: dict[int, Result] = {}
    for batch in _packed(order, costs, budget):
        results.update(zip(batch, _halving([items[i] for i in batch], work), strict=True))
    return [results[i] for i in range(len(items))]


def _packed(order: Sequence[int], costs: Sequence[int], budget: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for i in order:
        if batch and (len(batch) + 1) * costs[batch[0]] > budget:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _halving(batch: list[Item], work: Callable[[list[Item]], list[Result]]) -> list[Result]:
    try:
        return work(batch)
    except torch.OutOfMemoryError:
        if len(batch) == 1:
            raise
    # Outside the handler, so that the failed attempt's tensors are free again.
    torch.cuda.empty_cache()
    middle = len(batch) // 2
    return _halving(batch[:middle], work) + _halving(batch[middle:], work)
