import pytest
from browsing import browser, page  # noqa: F401
from overlap import scored


@pytest.fixture
def rows():
    return scored()
