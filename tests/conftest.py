"""Fixtures for all tests; no test touches the network."""

from __future__ import annotations

import os

os.environ.setdefault("HF_HUB_OFFLINE", "1")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # threads of processes side by side wait for each other

import pytest
from tiny import DECODERS, SEQ2SEQ, tiny_pretrained

from quals.lm.architectures import language_model
from quals.lm.model import LanguageModel


@pytest.fixture(params=[*DECODERS, *SEQ2SEQ])
def lm(request: pytest.FixtureRequest) -> LanguageModel:
    """One of the four architectures behind the interface."""
    return language_model(tiny_pretrained(request.param))
