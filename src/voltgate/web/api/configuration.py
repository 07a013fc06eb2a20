"""`/configuration/routes`: the routes as they are written in the file of the configuration, to be edited."""

from __future__ import annotations

import hashlib
from typing import Annotated, Protocol

from fastapi import APIRouter, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from voltgate.web.access import Admin
from voltgate.web.audited import say
from voltgate.web.problems import Problem, declared, title_of

router = APIRouter(tags=["routes"])

LONGEST = 500_000
"""Characters of a text of routes."""


class RoutesWritten(BaseModel):
    """The routes as they are written in the file of the gateway that is asked."""

    file: str | None = Field(description="The file; null: there is none.")
    text: str | None = Field(description="Its tables `[routes]`; null: they are not shown.")
    editable: bool = Field(description="Whether they can be changed here.")
    why: str | None = Field(description="Why they cannot.")
    shared: bool = Field(description="Whether this is one of several nodes: each of them has a file of its own.")


class Remark(BaseModel):
    """What `voltgate check` says of a configuration: a mistake, or with `warning` what is doubtful."""

    line: int | None = Field(description="The line of the text that was sent; null: it is about something else.")
    file_line: int | None = Field(description="The line of the whole file, as it would be.")
    key: str
    message: str
    warning: bool


class Checked(BaseModel):
    """What is to be said of routes before they are in force: with any remark that is no warning they are not taken."""

    items: list[Remark]


class RoutesWanted(BaseModel):
    """Other routes: the tables `[routes]` in TOML, and nothing else."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: Annotated[str, Field(max_length=LONGEST)]


class RoutesFile(Protocol):
    """The file that the routes stand in. All raise Problem."""

    async def show(self) -> RoutesWritten:
        """Return the routes as they are written."""

    async def check(self, text: str) -> Checked:
        """Say what is wrong with other routes: 409 where they cannot be edited."""

    async def put(self, text: str, tag: str, by: str) -> RoutesWritten:
        """Write other routes and go by them, unless those of `tag` are not there any more: 409, 412, 422."""


@router.get("/configuration/routes", summary="Show the routes as they are written", responses=declared(503))
async def written(request: Request, response: Response, _: Admin) -> RoutesWritten:
    """Show the routes as they are written in the file of this gateway, with an `ETag` to change them by."""
    return _tagged(response, await _file(request).show())


@router.post("/configuration/routes/check", summary="Check other routes", responses=declared(409, 503))
async def check(request: Request, _: Admin, wanted: RoutesWanted) -> Checked:
    """Say what is wrong with other routes, as `voltgate check` does. Nothing is changed."""
    say(request, f"routes {tag_of(wanted.text)}")
    return await _file(request).check(wanted.text)


@router.put("/configuration/routes", summary="Change the routes", responses=declared(409, 412, 422, 428, 503))
async def put(
    request: Request,
    response: Response,
    caller: Admin,
    wanted: RoutesWanted,
    if_match: Annotated[str | None, Header(max_length=100, description="The `ETag` of what is changed.")] = None,
) -> RoutesWritten:
    """Write other routes into the file, and go by them: all of it, or nothing."""
    say(request, f"routes {tag_of(wanted.text)}")
    if if_match is None:
        raise Problem(428, title_of(428), "Send If-Match with the ETag of the routes that you have changed.")
    return _tagged(response, await _file(request).put(wanted.text, if_match.strip(), caller.name))


def _file(request: Request) -> RoutesFile:
    file: RoutesFile = request.app.state.routes_file
    return file


def _tagged(response: Response, shown: RoutesWritten) -> RoutesWritten:
    response.headers["Cache-Control"] = "no-store"
    if shown.text is not None:
        response.headers["ETag"] = tag_of(shown.text)
    return shown


def tag_of(text: str) -> str:
    """Return the entity tag of a text of routes (RFC 9110 section 8.8.3)."""
    return f'"{hashlib.sha256(text.encode()).hexdigest()}"'
