import pytest
from browsing import browser, page  # noqa: F401
from word_pairs import scored


@pytest.fixture
def rows():
    return scored()
