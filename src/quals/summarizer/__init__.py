"""Summarizers: trained on documents with summaries, trained on against what is not true to the source, used.

>>> from quals.summarizer import GenerationSettings, Summarizer
>>> model = Summarizer.load("runs/mle")  # doctest: +SKIP
>>> model.summarize(["The mayor of ..."], GenerationSettings(count=6, sample=True))  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quals.summarizer.settings import PRESETS, GenerationSettings

if TYPE_CHECKING:
    from quals.summarizer.model import Summaries, Summarizer

__all__ = ["PRESETS", "GenerationSettings", "Summaries", "Summarizer"]


def __getattr__(name: str) -> Any:
    if name in ("Summaries", "Summarizer"):
        from quals.summarizer import model

        return getattr(model, name)
    raise AttributeError(f"module 'quals.summarizer' has no attribute '{name}'")
