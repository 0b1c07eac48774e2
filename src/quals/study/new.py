"""Making a study: from rows to a plan in a database."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from quals.errors import InputError
from quals.io.systems import Systems
from quals.study.choose import choose_documents, form_checks, form_pairs
from quals.study.plan import make_plan
from quals.study.records import Plan


@dataclass(frozen=True)
class StudySettings:
    """How a study is set up.

    Attributes:
        documents: how many documents to draw.
        strata: into how many parts, by length, the documents are split before drawing; 1 for none.
        judgements: how many annotators judge each pair.
        repeats: how many of their pairs each annotator sees a second time, sides swapped.
        checks: how many attention checks each annotator sees.
        seed: equal seeds, rows and settings give equal plans.
    """

    documents: int = 100
    strata: int = 1
    judgements: int = 3
    repeats: int = 0
    checks: int = 0
    seed: int = 1

    def to_dict(self) -> dict[str, int]:
        """As plain JSON values."""
        return asdict(self)


def plan_study(found: Systems, settings: StudySettings, names: Sequence[str]) -> Plan:
    """Draw the documents, form the pairs and plan who sees what.

    Raises:
        InputError: the settings do not go together, or with the rows.
    """
    if not names or not all(name.strip() for name in names):
        raise InputError("every annotator needs a name")
    rng = random.Random(settings.seed)
    chosen = choose_documents(found.documents, settings.documents, settings.strata, rng)
    taken = {document.id for document in chosen}
    spare = [document for document in found.documents if document.id not in taken]
    checks = form_checks(chosen, spare, found.names, settings.checks, rng)
    return make_plan(
        form_pairs(chosen, found.names),
        checks,
        annotators=len(names),
        judgements=settings.judgements,
        repeats=settings.repeats,
        rng=rng,
    )
