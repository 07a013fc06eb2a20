"""Connections to the API's port, by those who have no token and no manners."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from tests.harness import within
from voltgate.web.connections import Connection
from voltgate.web.server import WebServer, application, listening


class _Nothing:
    def collect(self) -> list[object]:
        """Collect nothing."""
        return []


@pytest.fixture
async def port() -> AsyncIterator[int]:
    """Serve health and metrics."""
    server = WebServer(application(_Nothing(), lambda: {"ready": True}, "test"), listening("127.0.0.1", 0))  # type: ignore[arg-type]
    serving = asyncio.create_task(server.serve())
    yield server.port
    await server.close()
    await serving


async def ended(port: int, *parts: bytes) -> bytes:
    """Send something, wait until the server has closed the connection, and give what it said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    said = b""
    with contextlib.suppress(ConnectionError):
        for part in parts:
            writer.write(part)
            await within(writer.drain(), "the server reads")
        while data := await within(reader.read(1 << 16), "the server ends the connection"):
            said += data
    writer.close()
    return said


HEAD = b"GET /healthz HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize("sent", [b"", b"G", HEAD, b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"])
async def test_a_request_that_does_not_come_ends(port: int, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    """Nobody holds a connection open by saying nothing, or half of something."""
    monkeypatch.setattr(Connection, "patience", 0.3)
    await ended(port, sent)


@pytest.mark.parametrize(
    "sent",
    [
        [HEAD, b"A: ", *[b"x" * 10_000] * 1000],
        [HEAD, *[b"X-Y: z\r\n" * 1000] * 1000],
        [b"GET /", *[b"x" * 10_000] * 1000],
        [HEAD, b"Transfer-Encoding: chunked\r\n\r\n0\r\n", *[b"X-Y: z\r\n" * 1000] * 1000],
    ],
    ids=["value", "headers", "path", "trailers"],
)
async def test_a_head_without_an_end_is_cut_off(port: int, sent: list[bytes]) -> None:
    """Megabytes that no token goes before are not kept in memory."""
    await ended(port, *sent)


async def test_there_are_only_so_many(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound the connection is closed that has waited longest for a request; the others go on."""
    monkeypatch.setattr(Connection, "most", 2)
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
    assert await within(held[0][0].read(), "it is closed") == b""
    for reader, writer in held[1:]:
        writer.write(HEAD + b"\r\n")
        assert b"200 OK" in await within(reader.readline(), "an answer")
    for _, writer in held:
        writer.close()


async def test_a_large_body_in_small_pieces_passes(port: int) -> None:
    """What is a body is bounded as a body: here the resource itself refuses it."""
    chunks = [b"100\r\n" + b"x" * 256 + b"\r\n"] * 2000
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.writelines([HEAD.replace(b"GET", b"POST"), b"Transfer-Encoding: chunked\r\n\r\n", *chunks, b"0\r\n\r\n"])
    assert b"405" in await within(reader.readline(), "an answer")
    writer.write(HEAD + b"\r\n")
    writer.close()
