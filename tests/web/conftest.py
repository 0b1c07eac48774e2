import httpx
import pytest
from browsing import browser, page  # noqa: F401
from serving import Gated, running


@pytest.fixture
def gated():
    metric = Gated()
    yield metric
    metric.gate.set()


@pytest.fixture(scope="module")
def service():
    with running() as (url, metric, _), httpx.Client(base_url=url, timeout=30) as client:
        client.metric = metric
        yield client
