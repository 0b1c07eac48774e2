"""The service as one ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as AnyHTTPException

import quals
from quals.metrics.base import Metric
from quals.report.facts import MetricFacts
from quals.web import api, pages
from quals.web.batcher import Batcher
from quals.web.guard import Guard
from quals.web.refusal import answer
from quals.web.service import Service
from quals.web.settings import ServeSettings


def create_app(metric: Metric, settings: ServeSettings) -> FastAPI:
    """The application around a metric that is already loaded."""
    batcher = Batcher(metric, batch=settings.batch, queue=settings.queue, patience=settings.timeout)
    service = Service(batcher, MetricFacts.of(metric), settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        worker = asyncio.create_task(batcher.work())
        yield
        worker.cancel()

    # FastAPI's own documentation pages load scripts from elsewhere; the description itself does not.
    app = FastAPI(
        title="quals",
        version=quals.__version__,
        description="Does a summary say only what its source says?",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.service = service
    for router in (api.scoring, api.state, pages.router):
        app.include_router(router)
    for kind in (AnyHTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _answer)
    app.add_middleware(Guard, settings=settings)
    return app


async def _answer(request: Request, error: Exception) -> Response:
    return answer(error)
