"""Problem documents: what a client is told when its request came to nothing (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 100
"""Mistakes of one request that are listed: a wrong list of 100,000 would be answered by a longer one."""

log = structlog.get_logger("voltgate.web")


class Problem(Exception):  # noqa: N818 - the word of RFC 9457
    """Why a request came to nothing: the status and a title for its kind, with what only this case has.

    `headers` go with the answer; whatever else is named becomes a member of the document.
    """

    def __init__(
        self, status: int, title: str, detail: str = "", *, headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(f"{status} {title}")
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = headers
        self.more = more


def document(problem: Problem, path: str) -> dict[str, Any]:
    """Write a problem that was met at `path` as the members of its document."""
    members: dict[str, Any] = {"type": "about:blank", "title": problem.title, "status": problem.status}
    if problem.detail:
        members["detail"] = problem.detail
    return members | {"instance": path} | problem.more


def answer(problem: Problem, path: str) -> Response:
    """Make the HTTP answer of a problem."""
    return JSONResponse(document(problem, path), problem.status, problem.headers, MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have everything that goes wrong in `app` answered with a problem document."""
    app.add_exception_handler(Problem, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(Exception, _of_fault)


async def _of_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - it is registered for nothing else
    return answer(error, request.url.path)


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return answer(invalid(error.errors()), request.url.path)


async def _of_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    title = HTTPStatus(error.status_code).phrase
    detail = "" if error.detail == title else str(error.detail)
    return answer(Problem(error.status_code, title, detail, headers=error.headers), request.url.path)


async def _of_fault(request: Request, error: Exception) -> Response:
    """Say no more than that it is our fault: what happened stands in the log."""
    log.error("a fault of Voltgate: a request failed", method=request.method, path=request.url.path, exc_info=error)
    return answer(Problem(500, "Internal Server Error", "What happened stands in the log."), request.url.path)


def invalid(errors: Sequence[Any]) -> Problem:
    """Make the problem of a request that is not as the API says, from what pydantic found in it."""
    listed = [{"where": _where(error["loc"]), "problem": str(error["msg"])} for error in errors[:MOST_ERRORS]]
    more = {"more_errors": len(errors) - MOST_ERRORS} if len(errors) > MOST_ERRORS else {}
    return Problem(422, "Unprocessable Content", "The request is not as the API says.", errors=listed, **more)


def _where(place: Sequence[str | int]) -> str:
    """Write a place as people do: `body.stations[3]`."""
    text = ""
    for step in place:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")
