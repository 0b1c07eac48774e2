"""What can be said of each annotator, and who stands out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from quals.errors import MissingExtraError
from quals.study.records import Judgement
from quals.study.votes import by_pair, median_seconds, votes

try:
    from scipy.stats import binomtest, fisher_exact
except ImportError as error:
    raise MissingExtraError("quals study report", "study") from error

_SUSPICIOUS = 0.01  # p below which a count is not put down to chance
_FEW = 10  # answers from which on "always the same" means something


@dataclass(frozen=True)
class Profile:
    """One annotator's work; counts of answers are over all three questions.

    Attributes:
        median_seconds: active time per item.
        checks_passed: attention checks on which the document's own summary was the more consistent.
        same_again: answers to repeated pairs that were the same as the first time, of ``repeated``.
        left, equal, right: how often each side was preferred.
        leaning_left, leaning_right: items of which more answers preferred that side than the other.
        with_others: answers that were those of most other annotators of the pair, of ``compared``; where no answer of
            theirs is more frequent than all others, nothing is compared.
        items_with_others: items of which more than half of the compared answers were, of ``items_compared``.
        remarks: why the annotator stands out; empty if they do not.
    """

    annotator: str
    items: int
    median_seconds: float | None
    checks_passed: int
    checks: int
    same_again: int
    repeated: int
    left: int
    equal: int
    right: int
    leaning_left: int
    leaning_right: int
    with_others: int
    compared: int
    items_with_others: int
    items_compared: int
    remarks: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**asdict(self), "remarks": "; ".join(self.remarks)}


def profiles(judgements: Sequence[Judgement], exclude: Collection[str] = ()) -> list[Profile]:
    """Everybody who has answered, in the order of the plan; beside others, those to ``exclude`` do not count."""
    names = dict.fromkeys(judgement.annotator for judgement in judgements)
    counted = [judgement for judgement in judgements if judgement.annotator not in exclude]
    everybody = [
        _profile(name, [judgement for judgement in judgements if judgement.annotator == name], counted)
        for name in names
    ]
    usual = [one for one in everybody if one.annotator not in exclude]
    return [Profile(**{**asdict(one), "remarks": tuple(_remarks(one, usual))}) for one in everybody]


def _profile(name: str, own: Sequence[Judgement], counted: Sequence[Judgement]) -> Profile:
    checks = [choice for judgement in own if judgement.check for choice in votes([judgement], "consistency")]
    by_item = [[-choice if one.flipped else choice for choice in one.choices.values()] for one in own]
    sides = [side for item in by_item for side in item]
    again = list(_repeated(own))
    compared = list(_compared(own, [judgement for judgement in counted if judgement.annotator != name]))
    return Profile(
        annotator=name,
        items=len(own),
        median_seconds=median_seconds(own),
        checks_passed=checks.count(1),
        checks=len(checks),
        same_again=again.count(True),
        repeated=len(again),
        left=sides.count(1),
        equal=sides.count(0),
        right=sides.count(-1),
        leaning_left=sum(sum(item) > 0 for item in by_item),
        leaning_right=sum(sum(item) < 0 for item in by_item),
        with_others=sum(map(sum, compared)),
        compared=sum(map(len, compared)),
        items_with_others=sum(2 * sum(alike) > len(alike) for alike in compared),
        items_compared=len(compared),
    )


def _repeated(own: Sequence[Judgement]) -> Iterator[bool]:
    first = {judgement.pair: judgement for judgement in own if judgement.counted}
    for judgement in own:
        if judgement.repeat and judgement.pair in first:
            before = first[judgement.pair].choices
            for attribute in before.keys() & judgement.choices.keys():
                yield before[attribute] == judgement.choices[attribute]


def _compared(own: Sequence[Judgement], others: Sequence[Judgement]) -> Iterator[list[bool]]:
    """For each item with answers that can be compared: for each of these, whether it is that of most others."""
    of_others = by_pair(others)
    for pair, group in by_pair(own).items():
        for judgement in group:
            if alike := list(_alike(judgement, of_others.get(pair, ()))):
                yield alike


def _alike(judgement: Judgement, others: Sequence[Judgement]) -> Iterator[bool]:
    for attribute, choice in judgement.choices.items():
        first, second, *_ = [*Counter(votes(others, attribute)).most_common(2), (0, 0), (0, 0)]
        if first[1] > second[1]:
            yield choice == first[0]


def _remarks(one: Profile, everybody: Sequence[Profile]) -> Iterator[str]:
    others = [profile for profile in everybody if profile is not one]
    if one.checks_passed < one.checks:
        yield f"failed {one.checks - one.checks_passed} of {one.checks} attention checks"
    if 2 * one.same_again < one.repeated:
        yield f"answered {one.repeated - one.same_again} of {one.repeated} repeated questions differently"
    # The three answers to an item go together: an item is one trial.
    leaning = one.leaning_left + one.leaning_right
    if leaning and binomtest(one.leaning_left, leaning).pvalue < _SUSPICIOUS:
        yield f"preferred the left in {one.leaning_left} items, the right in {one.leaning_right}"
    if one.left + one.equal + one.right >= _FEW and [one.left, one.equal, one.right].count(0) == 2:
        yield "always gave the same answer"
    usual = median([profile.median_seconds or 0.0 for profile in others]) if others else 0.0
    if one.median_seconds is not None and one.median_seconds < usual / 3:
        yield f"took {one.median_seconds:.0f} s per item, others {usual:.0f} s"
    # Fisher's exact test takes the others' share for an estimate, as the annotator's own is one: few items say little.
    answers = [_alike_and_other([one]), _alike_and_other(others)]
    if fisher_exact(answers, alternative="less").pvalue < _SUSPICIOUS:
        own, theirs = (alike / (alike + other) for alike, other in answers)
        yield f"agrees with the others in {own:.0%} of the items, they in {theirs:.0%}"


def _alike_and_other(everybody: Sequence[Profile]) -> tuple[int, int]:
    """Compared items in which they agree with the others, and those in which they do not."""
    alike = sum(profile.items_with_others for profile in everybody)
    return alike, sum(profile.items_compared for profile in everybody) - alike
