"""Problem documents: the answers to requests that failed (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from voltgate.csms.ports import StoreAway, Unfit

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 100
"""Mistakes of one request that are listed: else a wrong list of 100,000 would be answered by a longer one."""

SCHEMA = {
    "type": "object",
    "description": "Why a request came to nothing (RFC 9457).",
    "required": ["type", "title", "status", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["where", "problem"],
                "properties": {"where": {"type": "string"}, "problem": {"type": "string"}},
            },
        },
    },
}
"""The schema of a problem document: `components.schemas.Problem` of the OpenAPI document."""

_TITLES = {413: "Content Too Large", 422: "Unprocessable Content"}
"""RFC 9110's phrases, where older versions of Python have others."""

_ELSEWHERE = (
    "Nothing is at this address. The dashboard is at /, the API at /api/v1; both are also under api.base_path, which "
    "has to be set where a proxy puts a prefix before every path and passes it on."
)

log = structlog.get_logger("voltgate.web")


class Problem(Exception):  # noqa: N818 - the term of RFC 9457
    """Why a request failed: the status and the title of its kind, with the detail of this case.

    `headers` are those of the response; other keywords become members of the document.
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


class Unfinished(Exception):  # noqa: N818 - what becomes of the answer
    """An answer that has begun cannot be finished: its connection is broken off, so that nobody takes it for whole."""


def document(problem: Problem, path: str) -> dict[str, Any]:
    """Return the members of the document of a problem at `path`."""
    members: dict[str, Any] = {"type": "about:blank", "title": problem.title, "status": problem.status}
    if problem.detail:
        members["detail"] = problem.detail
    return members | {"instance": path} | problem.more


def answer(problem: Problem, path: str) -> Response:
    """Return the HTTP response of a problem."""
    return JSONResponse(document(problem, path), problem.status, problem.headers, MEDIA_TYPE)


def declared(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the declaration of an operation's problems, for `responses=`; docs.py adds those that any may have."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": title_of(status), "content": content} for status in statuses}


def title_of(status: int) -> str:
    """Return the phrase of an HTTP status."""
    return _TITLES.get(status) or HTTPStatus(status).phrase


def install(app: FastAPI) -> None:
    """Answer every error in `app` with a problem document."""
    app.add_exception_handler(Problem, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_validation)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(StoreAway, _of_store)
    app.add_exception_handler(Unfit, _of_data)
    app.add_middleware(_Faults)


async def _of_ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)  # noqa: S101 - registered for this exception only
    return answer(error, request.url.path)


async def _of_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return answer(invalid(error.errors()), request.url.path)


async def _of_framework(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    title = title_of(error.status_code)
    detail = "" if error.detail == HTTPStatus(error.status_code).phrase else str(error.detail)
    if error.status_code == 404 and not request.url.path.startswith("/api/"):
        detail = _ELSEWHERE
    return answer(Problem(error.status_code, title, detail, headers=error.headers), request.url.path)


async def _of_store(request: Request, error: Exception) -> Response:
    away = Problem(503, title_of(503), f"Nothing was changed: {error}.", headers={"Retry-After": "5"})
    return answer(away, request.url.path)


async def _of_data(request: Request, error: Exception) -> Response:
    return answer(invalid([{"loc": ("request",), "msg": f"is nothing that can be kept: {error}"}]), request.url.path)


class _Faults:
    """ASGI middleware that answers unexpected exceptions with a bare 500; the log has the details."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def noting(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Unfinished as error:
            log.warning("an answer of the API ends before its end", path=scope.get("path"), reason=str(error))
            raise ConnectionAbortedError("the answer cannot be finished") from None
        except Exception as error:
            log.exception("a fault of Voltgate: a request failed", method=scope.get("method"), path=scope.get("path"))
            if begun:
                raise ConnectionAbortedError("the answer cannot be finished") from error
            fault = Problem(500, "Internal Server Error", "What happened stands in the log.")
            await answer(fault, scope["path"])(scope, receive, send)


def invalid(errors: Sequence[Any]) -> Problem:
    """Return the problem of an invalid request, from pydantic's errors."""
    listed = [{"where": _location(error["loc"]), "problem": str(error["msg"])} for error in errors[:MOST_ERRORS]]
    detail = "The request is not as the API says."
    if len(errors) > MOST_ERRORS:
        detail += f" Of {len(errors)} mistakes the first {MOST_ERRORS} are listed."
    return Problem(422, title_of(422), detail, errors=listed)


def _location(path: Sequence[str | int]) -> str:
    """Return a location in readable form: `body.stations[3]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")
