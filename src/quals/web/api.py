"""The routes of the API."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, Security
from fastapi.security import HTTPBearer

import quals
from quals.records import Status
from quals.web.refusal import Refusal
from quals.web.schemas import BadRow, Health, Problem, Row, Rows, Score, Scores, Version
from quals.web.service import Service

Explain = Annotated[bool, Query(description="Add the evidence the score rests on.")]

# The token itself is checked by `guard`, before a body is read; here it is only described.
_described = Security(HTTPBearer(auto_error=False, description="Needed if the service was started with a token."))
_refusals = {
    401: "The token is missing or wrong.",
    413: "Too many or too long; the field says where.",
    422: "Not a valid request; the field says where.",
    429: "Too many summaries are waiting; Retry-After says when to come back.",
    503: "The service is stopping.",
    504: "Not done in time.",
}
scoring = APIRouter(
    prefix="/v1",
    tags=["scores"],
    dependencies=[_described],
    responses={status: {"model": Problem, "description": text} for status, text in _refusals.items()},
)
state = APIRouter(tags=["state"])


@scoring.post("/score")
async def score_one(request: Request, row: Row, explain: Explain = False) -> Score:
    """Score one summary."""
    service_of(request).check(row.document, row.summary)
    return (await _score(request, [row], explain))[0]


@scoring.post("/scores")
async def score_many(request: Request, rows: Rows, explain: Explain = False) -> Scores:
    """Score several summaries; the answer has them in the same order, with the status invalid-row what is no row."""
    return Scores(rows=await _score(request, rows.rows, explain))


@state.head("/health", include_in_schema=False)
@state.get("/health", responses={503: {"model": Health, "description": "Stopping."}})
async def health(request: Request, response: Response) -> Health:
    """Whether the service takes requests."""
    batcher = service_of(request).batcher
    response.status_code = 503 if batcher.closing else 200
    status = "stopping" if batcher.closing else "busy" if batcher.busy else "ok"
    return Health(status=status, waiting=batcher.waiting)


@state.get("/version")
async def version(request: Request) -> Version:
    """What is running, and how to read its numbers."""
    facts = service_of(request).facts
    low, high = (limit if math.isfinite(limit) else None for limit in facts.range)
    return Version(
        quals=quals.__version__,
        metric=facts.name,
        signature=facts.signature,
        meaning=facts.meaning,
        range=(low, high),
        calibration=facts.calibration.to_dict() if facts.calibration else None,
    )


def service_of(request: Request) -> Service:
    """The service behind a request."""
    service: Service = request.app.state.service
    return service


async def _score(request: Request, rows: Sequence[Row], explain: bool) -> list[Score]:
    service = service_of(request)
    faults = [_fault(service, row) for row in rows]
    good = [(row.document, row.summary) for row, fault in zip(rows, faults, strict=True) if not fault]
    accepted = service.accept(good, explain=explain)
    scored = iter([score async for score in service.results(request, accepted)])
    bad = partial(service.batcher.metric.without, Status.INVALID_ROW)
    scores = [bad(fault) if fault else next(scored) for fault in faults]
    return [Score.of(score, id=row.id, explain=explain) for row, score in zip(rows, scores, strict=True)]


def _fault(service: Service, row: Row) -> str:
    """What keeps a row from being scored; mostly nothing."""
    if isinstance(row, BadRow):
        return row.fault
    try:
        service.check(row.document, row.summary)
    except Refusal as refusal:
        return f"{refusal.field}: {refusal.detail}"
    return ""
