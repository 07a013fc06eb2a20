"""Whatever goes wrong, a client reads one kind of document, and nothing in it that is not for him."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from io import BytesIO
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from structlog.testing import capture_logs

from tests.web.world import Answer, Web, serving
from voltgate.web import problems
from voltgate.web.access import Viewer
from voltgate.web.problems import Problem

router = APIRouter()


class Asked(BaseModel):
    """A filter as a model."""

    tag: str | None = None
    most: int = Field(default=1, alias="limit")
    kinds: list[str] | None = Field(default=None, alias="kind")


class List(BaseModel):
    """A body."""

    model_config = ConfigDict(extra="forbid")

    stations: list[Annotated[str, Field(max_length=48)]]


@router.get("/things")
async def things(_: Viewer, asked: Annotated[Asked, Query()]) -> dict[str, Any]:
    """List things."""
    return {"tag": asked.tag, "limit": asked.most}


@router.get("/things/{name}")
async def thing(name: str, _: Viewer) -> None:
    """Meet a problem."""
    if name == "fault":
        raise RuntimeError("secret-of-the-exception")
    raise Problem(409, "Conflict", "It is not connected.", station=name)


@router.put("/backends/{name}/stations")
@router.put("/things/{name}")
async def put(name: str, body: List, _: Viewer) -> int:
    """Take a list."""
    return len(body.stations)


@router.post("/slow/{name}")
async def slow(name: str, request: Request, _: Viewer) -> int:
    """Read a body that nobody declared."""
    return len(await request.body())


def is_problem(answer: Answer, status: int, path: str, title: str) -> None:
    """Check what all problems have."""
    assert answer.status == status, answer.json
    assert answer.kind == "application/problem+json"
    assert answer.json["type"] == "about:blank"
    assert answer.json["status"] == status
    assert answer.json["title"] == title
    assert answer.json["instance"] == path


async def test_a_problem_says_what_and_where() -> None:
    """A problem has its type, title, status, detail and place, and what the case adds (RFC 9457)."""
    async with serving(resources=[router]) as web:
        answer = await web.get("/api/v1/things/CP1", "viewer")
    is_problem(answer, 409, "/api/v1/things/CP1", "Conflict")
    assert answer.json["detail"] == "It is not connected."
    assert answer.json["station"] == "CP1"


async def test_unknown_paths_and_methods_are_problems(web: Web) -> None:
    """A path that is not there, and a method that a path does not take, are problems like any other."""
    nowhere = await web.get("/nowhere")
    is_problem(nowhere, 404, "/nowhere", "Not Found")
    assert "api.base_path" in nowhere.json["detail"]
    is_problem(await web.get("/api/v1/nowhere", "admin"), 404, "/api/v1/nowhere", "Not Found")
    answer = await web.ask("PATCH", "/api/v1/me", "admin")
    is_problem(answer, 405, "/api/v1/me", "Method Not Allowed")
    assert "GET" in answer.headers["Allow"]


async def test_every_mistake_is_named_by_its_place() -> None:
    """A body that is not as declared is answered with each mistake and where it is."""
    async with serving(resources=[router]) as web:
        body = {"stations": ["CP1", 2, "x" * 49], "statoins": []}
        answer = await web.ask("PUT", "/api/v1/things/x", "viewer", json=body)
        many = await web.ask("PUT", "/api/v1/things/x", "viewer", json={"stations": [1] * 250})
        broken = await web.ask(
            "PUT", "/api/v1/things/x", "viewer", data=b"{", headers={"Content-Type": "application/json"}
        )
    is_problem(answer, 422, "/api/v1/things/x", "Unprocessable Content")
    assert [error["where"] for error in answer.json["errors"]] == [
        "body.stations[1]",
        "body.stations[2]",
        "body.statoins",
    ]
    assert all(error["problem"] for error in answer.json["errors"])
    assert len(many.json["errors"]) == problems.MOST_ERRORS
    assert "Of 250 mistakes" in many.json["detail"]
    is_problem(broken, 422, "/api/v1/things/x", "Unprocessable Content")


@pytest.mark.parametrize("query", ["?tga=x", "?tag=x&most=3", "?access_token=x", "?tag=x&tag=y"])
async def test_a_misspelt_filter_does_not_give_everything(query: str) -> None:
    """A query parameter that an operation does not have is a mistake, and so is one that is written twice."""
    async with serving(resources=[router]) as web:
        answer = await web.get(f"/api/v1/things{query}", "viewer")
        known = await web.get("/api/v1/things?tag=x&limit=3&kind=a&kind=b", "viewer")
        bare = await web.get("/api/v1/me?x=1", "viewer")
    is_problem(answer, 422, "/api/v1/things", "Unprocessable Content")
    assert answer.json["errors"][0]["where"].startswith("query.")
    assert known.json == {"tag": "x", "limit": 3}
    assert bare.status == 422


async def test_a_fault_of_ours_gives_nothing_away() -> None:
    """An unexpected exception is a bare 500 for the client, and stands in the log for us; the server goes on."""
    with capture_logs() as logs:
        async with serving(resources=[router]) as web:
            answer = await web.get("/api/v1/things/fault", "viewer")
            after = await web.get("/healthz")
    is_problem(answer, 500, "/api/v1/things/fault", "Internal Server Error")
    assert b"secret-of-the-exception" not in answer.content
    assert b"RuntimeError" not in answer.content
    assert [entry["path"] for entry in logs if entry["log_level"] == "error"] == ["/api/v1/things/fault"]
    assert after.status == 200


_FAULT = """
import structlog
from voltgate.telemetry import logs
logs.configure("info", "human")
def failing(header):
    try:
        raise RuntimeError("it failed")
    except RuntimeError:
        structlog.get_logger("voltgate").exception("a fault")
failing("Bearer " + "vg" + "_" + "secret")
"""


def test_a_fault_shows_no_token_on_a_terminal() -> None:
    """What a fault writes for people has the lines of the program, and no values: one may be somebody's token."""
    done = subprocess.run([sys.executable, "-c", _FAULT], capture_output=True, text=True, check=True)
    assert "it failed" in done.stderr
    assert "vg_secret" not in done.stderr


# Bodies.


async def test_a_body_has_a_bound() -> None:
    """A body may have 1 MiB, a backend's list of stations 32; what is over is refused, whether it says its length."""
    mebibyte = b"x" * (1 << 20)

    async def parts() -> Any:
        for _ in range(4):
            yield mebibyte[: 1 << 18] + b"y"

    async with serving(resources=[router]) as web:
        exact = await web.ask("POST", "/api/v1/slow/x", "viewer", data=BytesIO(mebibyte))
        over = await web.ask("POST", "/api/v1/slow/x", "viewer", data=BytesIO(mebibyte + b"x"))
        unsaid = await web.ask("POST", "/api/v1/slow/x", "viewer", data=parts())
        elsewhere = await web.ask("POST", "/healthz", data=BytesIO(mebibyte + b"x"))
        stations = {"stations": [f"CP-{number:026}" for number in range(100_000)]}
        whole = BytesIO(json.dumps(stations).encode())
        json_kind = {"Content-Type": "application/json"}
        list_ = await web.ask("PUT", "/api/v1/backends/billing/stations", "viewer", data=whole, headers=json_kind)
        endless = await web.ask("PUT", "/api/v1/backends/billing/stations", "viewer", data=BytesIO(mebibyte * 33))
    assert exact.json == 1 << 20
    is_problem(over, 413, "/api/v1/slow/x", "Content Too Large")
    is_problem(unsaid, 413, "/api/v1/slow/x", "Content Too Large")
    is_problem(elsewhere, 413, "/healthz", "Content Too Large")
    assert list_.json == 100_000
    is_problem(endless, 413, "/api/v1/backends/billing/stations", "Content Too Large")


async def test_nobody_unknown_has_his_body_read() -> None:
    """A body without a token is refused before any of it was sent."""
    async with serving(resources=[router]) as web:
        host, port = web.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"PUT /api/v1/backends/x/stations HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
        async with asyncio.timeout(30):
            assert await reader.readline() == b"HTTP/1.1 401 Unauthorized\r\n"
        writer.close()
        await writer.wait_closed()


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A body that stays away is answered 408, and its client is let go."""
    monkeypatch.setattr("voltgate.web.bodies.Bodies.__init__.__defaults__", (0.2,))
    async with serving(resources=[router]) as web:
        host, port = web.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST /api/v1/slow/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {web.tokens['viewer']}\r\n"
        writer.write(f"{head}Content-Length: 10\r\n\r\nhalf".encode())
        async with asyncio.timeout(30):
            assert await reader.readline() == b"HTTP/1.1 408 Request Timeout\r\n"
        writer.close()
        await writer.wait_closed()
