"""Planning who judges what, in which order, and which summary stands on the left.

Three things are balanced, each as evenly as whole numbers allow:

- how many pairs each annotator judges, in all and per pair of systems, and how often two annotators meet;
- on which side a system stands: within each pair of summaries, pair of systems, annotator, and annotator
  and pair of systems together;
- the order, by drawing it anew for every annotator.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence

from quals.errors import InputError
from quals.study.records import Item, Pair, Plan

Seat = tuple[int, int]  # annotator, pair


def make_plan(
    pairs: Sequence[Pair],
    checks: Sequence[Pair],
    *,
    annotators: int,
    judgements: int,
    repeats: int,
    rng: random.Random,
) -> Plan:
    """Plan a study in which every pair is judged by ``judgements`` different annotators.

    Each annotator also sees every attention check, and ``repeats`` of their own pairs a second time with
    the sides swapped.

    Raises:
        InputError: more judgements per pair than annotators, more repeats than pairs per annotator, or nothing to judge
            for some annotator.
    """
    if not 1 <= judgements <= annotators:
        raise InputError(f"{judgements} judgements per pair need as many annotators, not {annotators}")
    if len(pairs) * judgements < annotators:
        raise InputError(
            f"{len(pairs)} pairs with {judgements} judgements each are too few for {annotators} annotators"
        )
    seats = _seat(pairs, annotators, judgements, rng)
    flips = balance_sides(seats, pairs, rng)
    items: list[Item] = []
    for annotator in range(annotators):
        own = [Item(who, pair, flipped) for (who, pair), flipped in zip(seats, flips, strict=True) if who == annotator]
        if repeats > len(own):
            raise InputError(f"annotator {annotator + 1} has only {len(own)} pairs to repeat", field="repeats")
        shown = range(len(pairs), len(pairs) + len(checks))
        items += _order(own, [Item(annotator, pair, False) for pair in shown], repeats, rng)
    return Plan([*pairs, *checks], items)


def _seat(pairs: Sequence[Pair], annotators: int, judgements: int, rng: random.Random) -> list[Seat]:
    """Give each pair to the annotators who have least of its systems, least in all, and met least often."""
    load: Counter[tuple[int, Hashable]] = Counter()
    met: Counter[frozenset[int]] = Counter()
    seats: list[Seat] = []
    for index in sorted(rng.sample(range(len(pairs)), len(pairs)), key=lambda index: pairs[index].systems):
        chosen: list[int] = []
        for _ in range(judgements):
            free = [who for who in rng.sample(range(annotators), annotators) if who not in chosen]

            def burden(
                who: int, systems: Hashable = pairs[index].systems, mates: list[int] = chosen
            ) -> tuple[int, ...]:
                return load[who, systems], load[who, None], sum(met[frozenset((who, mate))] for mate in mates)

            who = min(free, key=burden)
            met.update(frozenset((who, mate)) for mate in chosen)
            load.update([(who, pairs[index].systems), (who, None)])
            chosen.append(who)
        seats += [(who, index) for who in chosen]
    return seats


def balance_sides(seats: Sequence[Seat], pairs: Sequence[Pair], rng: random.Random) -> list[bool]:
    """Decide for each seat whether the sides are swapped, half of the time in each group given above.

    The groups form two nested families (annotator and systems within annotator; pair within systems), so
    the constraint matrix of the linear program is totally unimodular: every vertex of it is a plan of whole
    swaps. Random costs pick one vertex.
    """
    import numpy as np
    from scipy.optimize import linprog
    from scipy.sparse import csr_array, vstack

    groups: defaultdict[Hashable, list[int]] = defaultdict(list)
    for seat, (who, pair) in enumerate(seats):
        systems = pairs[pair].systems
        for group in (("annotator", who), ("both", who, systems), ("pair", pair), ("systems", systems)):
            groups[group].append(seat)
    rows = np.repeat(np.arange(len(groups)), [len(members) for members in groups.values()])
    columns = np.concatenate([np.array(members) for members in groups.values()])
    matrix = csr_array((np.ones(len(rows)), (rows, columns)), shape=(len(groups), len(seats)))
    sizes = np.array([len(members) for members in groups.values()])
    solution = linprog(
        np.random.default_rng(rng.getrandbits(64)).normal(size=len(seats)),
        A_ub=vstack([matrix, -matrix]),
        b_ub=np.concatenate([(sizes + 1) // 2, -(sizes // 2)]),
        bounds=(0, 1),
        method="highs-ds",
    )
    return [bool(value > 0.5) for value in solution.x]


def _order(own: list[Item], checks: list[Item], repeats: int, rng: random.Random) -> list[Item]:
    """Shuffle; repeats of the first third come in the last; checks are spread, with sides in turn."""
    rng.shuffle(own)
    early = max((len(own) + 2) // 3, repeats)
    late = max(len(own) - early, early)
    again = [
        Item(item.annotator, item.pair, not item.flipped, repeat=True) for item in rng.sample(own[:early], repeats)
    ]
    tail = own[late:] + again
    rng.shuffle(tail)
    order = own[:late] + tail
    start = rng.randrange(2)
    for number, check in enumerate(rng.sample(checks, len(checks))):
        low, high = (len(order) * part // len(checks) for part in (number, number + 1))
        flipped = bool((number + start) % 2)
        order.insert(rng.randint(low, max(low, high)), Item(check.annotator, check.pair, flipped))
    return order
