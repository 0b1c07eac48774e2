"""Which implementation of a `LanguageModel` fits a model."""

from __future__ import annotations

from quals.lm.decoder import DecoderModel
from quals.lm.load import Pretrained
from quals.lm.model import LanguageModel
from quals.lm.seq2seq import Seq2SeqModel


def language_model(pretrained: Pretrained) -> LanguageModel:
    """The implementation that fits a model's architecture.

    Raises:
        ModelError: there is none.
    """
    return (Seq2SeqModel if pretrained.encoder_decoder else DecoderModel)(pretrained)
