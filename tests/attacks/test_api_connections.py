"""The port of the API: connections that say nothing, streams without end, proxies that nobody has named."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack, ExitStack

import aiohttp
import pytest

from tests.claimants import ADMIN, api_of, token_of
from tests.harness import Gateway, Stage, within
from voltgate.web import bearer

VIEWER, OTHER = "vg_a-viewer-of-the-tests", "vg_another-viewer-of-the-tests"
VIEWERS = [
    {"name": name, "role": "viewer", "hash": bearer.written(bearer.digest_of(token))}
    for name, token in (("greedy", VIEWER), ("modest", OTHER))
]


A = {"url": "ws://127.0.0.1:9/ocpp/{station}"}


def connected(gateway: Gateway, source: str = "127.0.0.1") -> socket.socket:
    """Connect to the API's port, and say nothing."""
    opened = socket.create_connection(("127.0.0.1", gateway.http_port), source_address=(source, 0))
    opened.setblocking(False)
    return opened


def shown(token: str) -> dict[str, str]:
    """Show a token."""
    return {"Authorization": f"Bearer {token}"}


@pytest.mark.parametrize(
    "sent", [b"", b"GET /healthz HT", b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n1"]
)
async def test_health_while_others_say_nothing(stage: Stage, sent: bytes) -> None:
    """With 1,005 connections that are idle, or half of a request, health and readiness are answered all the time."""
    async with api_of(stage, {"a": A}, routes={"main": None}) as (_, gateway):
        with ExitStack() as held:
            for _ in range(1005):
                held.enter_context(connected(gateway)).send(sent)
            for path in ("/healthz", "/readyz", "/metrics") * 3:
                assert (await gateway.get(path)).status == 200


async def test_silent_connections_leave_room_for_other_addresses(stage: Stage) -> None:
    """One address holds 500 connections, the longest idle ones of it go; whoever holds one elsewhere keeps it."""
    loop = asyncio.get_running_loop()
    async with api_of(stage, {"a": A}, routes={"main": None}) as (_, gateway):
        with ExitStack() as held:
            elsewhere = held.enter_context(connected(gateway, "127.0.0.2"))
            crowd = []
            for n in range(600):
                crowd.append(held.enter_context(connected(gateway)))
                if n % 50 == 49:  # nobody waits longer for its next request than it may
                    await loop.sock_sendall(elsewhere, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                    answer = b""
                    while not answer.endswith(b"}"):
                        answer += await within(loop.sock_recv(elsewhere, 4096), "an answer")
                    assert b"200 OK" in answer
            closed = [loop.sock_recv(each, 1) for each in crowd[:100]]
            for result in await within(asyncio.gather(*closed, return_exceptions=True), "they are closed"):
                assert result == b"" or isinstance(result, ConnectionError)


async def test_one_viewer_leaves_streams_for_others(stage: Stage) -> None:
    """A viewer with 25 streams is answered 429; another one's stream opens."""
    async with (
        api_of(stage, {"a": A}, routes={"main": None}, api={"tokens": VIEWERS}) as (_, gateway),
        aiohttp.ClientSession() as session,
    ):
        url = f"http://127.0.0.1:{gateway.http_port}/api/v1/events"
        async with AsyncExitStack() as held:
            for _ in range(25):
                stream = await held.enter_async_context(session.get(url, headers=shown(VIEWER)))
                assert stream.status == 200
            async with session.get(url, headers=shown(VIEWER)) as refused:
                assert (refused.status, "close one" in await refused.text()) == (429, True)
            async with session.get(url, headers=shown(OTHER)) as other:
                assert other.status == 200


async def test_one_viewer_leaves_pages_for_others(stage: Stage) -> None:
    """A viewer with 62 live pages is told to close one; another one's page opens."""
    async with (
        api_of(stage, {"a": A}, routes={"main": None}, api={"tokens": VIEWERS}) as (_, gateway),
        aiohttp.ClientSession() as session,
    ):
        url = f"ws://127.0.0.1:{gateway.http_port}/api/v1/live"
        async with AsyncExitStack() as held:

            async def opened(token: str) -> aiohttp.WSMessage:
                page = await held.enter_async_context(session.ws_connect(url))
                await page.send_json({"token": token})
                return await within(page.receive(), "the first word to a page")

            for _ in range(62):
                assert (await opened(VIEWER)).type == aiohttp.WSMsgType.TEXT
            refused = await opened(VIEWER)
            assert (refused.type, refused.data, "yours" in str(refused.extra)) == (aiohttp.WSMsgType.CLOSE, 1013, True)
            assert (await opened(OTHER)).type == aiohttp.WSMsgType.TEXT


async def _tries(gateway: Gateway, number: int, forwarded: str) -> list[int]:
    """Try unknown tokens, each with another address that a header tells."""
    statuses = []
    async with aiohttp.ClientSession() as session:
        for n in range(number):
            headers = shown(f"vg_wrong-{n}") | {"X-Forwarded-For": forwarded.format(n)}
            async with session.get(f"http://127.0.0.1:{gateway.http_port}/api/v1/me", headers=headers) as answer:
                statuses.append(answer.status)
    return statuses


async def test_forwarded_addresses_of_nobody(stage: Stage) -> None:
    """From loopback, too, an address in a header is nobody's: who tries tokens is stopped however many he writes."""
    async with api_of(stage, {"a": A}, routes={"main": None}, api={"failed_tokens": 1}) as (_, gateway):
        assert (await _tries(gateway, 12, "198.51.100.{}"))[-1] == 429


async def test_forwarded_addresses_of_a_named_proxy(stage: Stage) -> None:
    """A proxy that the configuration names is believed; what a client has written before it is not."""
    async with api_of(
        stage, {"a": A}, routes={"main": None}, api={"failed_tokens": 1, "trusted_proxies": ["127.0.0.1"]}
    ) as (_, gateway):
        assert set(await _tries(gateway, 12, "198.51.100.{}")) == {401}
        assert (await _tries(gateway, 12, "198.51.100.{}, 203.0.113.9"))[-1] == 429


async def test_a_scheme_of_nobody(stage: Stage) -> None:
    """A cookie is marked as one for TLS by a named proxy's word or the browser's own, not by anybody's header."""
    for proxies, secure in (([], False), (["127.0.0.1"], True)):
        async with (
            api_of(stage, {"a": A}, routes={"main": None}, api={"trusted_proxies": proxies}) as (_, gateway),
            aiohttp.ClientSession() as session,
        ):
            url = f"http://127.0.0.1:{gateway.http_port}/api/v1/sign-in"
            body, headers = json.dumps({"token": token_of(ADMIN)}), {"X-Forwarded-Proto": "https"}
            headers["Content-Type"] = "application/json"
            async with session.post(url, data=body, headers=headers) as answer:
                assert answer.status == 200
                assert ("Secure" in answer.headers["Set-Cookie"]) is secure


async def test_rubbish_fills_no_log(stage: Stage) -> None:
    """What is no HTTP is answered 400, each time, and leaves no line."""
    async with api_of(stage, {"a": A}, routes={"main": None}) as (_, gateway):
        await gateway.logged('"listening"')
        before = gateway.log
        for _ in range(50):
            with connected(gateway) as rubbish:
                rubbish.settimeout(30)
                rubbish.sendall(b"\x16\x03\x01\x02")
                assert rubbish.recv(100).startswith(b"HTTP/1.1 400")
        assert (await gateway.get("/healthz")).status == 200
        assert gateway.log == before
