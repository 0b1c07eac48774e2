"""quals: does a summary say only what its source says?

    >>> import quals
    >>> quals.Quals().score("The mayor resigned on 3 May.", "The mayor resigned on 4 May.")  # doctest: +SKIP

Importing this package loads no model, no torch, and never touches the network.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from quals import metrics
from quals.errors import InputError, MissingExtraError, ModelError, QualsError
from quals.records import (
    ClaimEvidence,
    Doubt,
    Evidence,
    PairEvidence,
    QuestionEvidence,
    Span,
    Status,
    SummaryScore,
    WordEvidence,
)

if TYPE_CHECKING:
    from quals.metrics.quals import Quals

__version__ = "0.1.0"
__all__ = [
    "ClaimEvidence",
    "Doubt",
    "Evidence",
    "InputError",
    "MissingExtraError",
    "ModelError",
    "PairEvidence",
    "Quals",
    "QualsError",
    "QuestionEvidence",
    "Span",
    "Status",
    "SummaryScore",
    "WordEvidence",
    "__version__",
    "metrics",
]


# PyTorch's threads on Linux wait for each other in a loop, 300,000 times before they sleep, on cores that others may
# need. A shorter wait is twice as fast beside busy processes (benchmarks/busy.py). It counts once PyTorch is loaded.
if "OMP_WAIT_POLICY" not in os.environ:
    os.environ.setdefault("GOMP_SPINCOUNT", "3000")


def __getattr__(name: str) -> Any:
    if name == "Quals":
        return metrics.Quals
    raise AttributeError(f"module 'quals' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
