"""Every answer that is not a success, in one form."""

from __future__ import annotations

from fastapi import HTTPException
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as AnyHTTPException
from starlette.responses import JSONResponse


class Refusal(HTTPException):
    """A request that cannot be served: the HTTP status, what is wrong, and in which field.

    Being an `HTTPException` it comes through the framework's reading of bodies unchanged.
    """

    def __init__(
        self, status: int, message: str, *, field: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        self.field = field
        super().__init__(status, message, headers)


def answer(error: Exception) -> JSONResponse:
    """The answer to a refusal, to one of the framework's own, or to a fault of ours, as `schemas.Problem`."""
    if isinstance(error, AnyHTTPException) and error.status_code == 400:  # the framework's, on reading a body
        message = "the body cannot be read; JSON has to be UTF-8, without too many brackets within brackets"
        error = Refusal(422, str(error.detail) if "parsing the body" not in str(error.detail) else message)
    elif isinstance(error, RequestValidationError):
        first = error.errors()[0]
        if first["loc"] == ("body",):  # none, a list, or nothing that was called JSON
            error = Refusal(422, "expected a JSON object, sent as Content-Type: application/json")
        elif first["type"] == "json_invalid":
            error = Refusal(422, f"not valid JSON at character {first['loc'][-1]}: {first['ctx']['error']}")
        else:
            error = Refusal(
                422, first["msg"].removeprefix("Value error, "), field=".".join(map(str, first["loc"][1:])) or None
            )
    elif not isinstance(error, AnyHTTPException):
        error = Refusal(500, "the service failed; its log says how")
    body = {"message": str(error.detail), "field": getattr(error, "field", None)}
    return JSONResponse({"error": body}, error.status_code, error.headers)
