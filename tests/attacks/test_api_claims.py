"""Claims as a weapon: bodies that cost more than they may, and lists that leave nothing for others."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest

from tests.claimants import api_of, token_of
from tests.harness import Gateway, Stage

A = {"url": "ws://127.0.0.1:9/ocpp/{station}"}
B = {"url": "ws://127.0.0.1:9/other/{station}"}


def peak(gateway: Gateway) -> int:
    """Return the most memory that a gateway had at a time, in MiB."""
    lines = Path(f"/proc/{gateway.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) >> 10


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_millions_of_strings(stage: Stage, method: str) -> None:
    """8 million strings in 30 MB are refused before one is built: 413, and memory grows by less than the body."""
    key = b"stations" if method == "PUT" else b"add"
    body = b'{"%s": ["",%s""]}' % (key, b'"",' * 8_000_000)
    async with api_of(stage, {"a": A}, routes={"main": None}) as (api, gateway):
        before = peak(gateway)
        answer = await api.ask(method, "/backends/a/stations", by="a", data=body)
        assert "strings" in answer.gives(413)["detail"]
        assert peak(gateway) - before < 64
        (await api.put("a", "CP1")).gives(200)


async def test_escaped_quotes_are_counted_too(stage: Stage) -> None:
    """However the strings are written, they count."""
    body = b'{"stations": [%s""]}' % (b'"\\"",' * 1_000_000)
    async with api_of(stage, {"a": A}, routes={"main": None}) as (api, _):
        (await api.ask("PUT", "/backends/a/stations", by="a", data=body)).gives(413)


async def test_as_many_as_may_be_are_taken(stage: Stage) -> None:
    """A whole list of the length that the API allows is taken, and health is answered meanwhile."""
    async with api_of(stage, {"a": A}, routes={"main": None}) as (api, gateway):
        putting = asyncio.ensure_future(api.put("a", *(f"CP{n:06}" for n in range(100_000))))
        waits = []
        while not putting.done():
            began = time.monotonic()
            assert (await gateway.get("/healthz")).status == 200
            waits.append(time.monotonic() - began)
        assert (await putting).gives(200)["stations"] == 100_000
        print(f"health was answered {len(waits)} times meanwhile, the slowest after {max(waits) * 1000:.0f} ms")
        assert waits


async def test_a_backend_leaves_claims_for_others(stage: Stage) -> None:
    """One backend's token uses up its own share, and not the bound of all."""
    shares = {"claims": {"most": 3}}
    backends = {"a": A | shares, "b": B | shares}
    async with api_of(stage, backends, routes={"main": None}, claims={"most": 6}) as (api, _):
        refused = (await api.put("a", "CP1", "CP2", "CP3", "CP4")).gives(409)
        assert "backends.a.claims.most" in refused["detail"]
        (await api.put("a", "CP1", "CP2", "CP3")).gives(200)
        (await api.patch("a", "CP4")).gives(409)
        (await api.put("b", "CP5", "CP6", "CP7")).gives(200)


async def test_one_long_list_of_a_token_at_a_time(stage: Stage) -> None:
    """While a token sends a long list, another long one of it is answered 429, and other tokens' lists are taken."""
    async with api_of(stage, {"a": A, "b": B}, routes={"main": None}) as (api, gateway):
        begun, whole = asyncio.Event(), asyncio.Event()

        async def slowly():  # type: ignore[no-untyped-def]
            yield b'{"stations": ["CP1"'
            begun.set()
            await whole.wait()
            yield b" " * (1 << 20) + b"]}"

        url = f"http://127.0.0.1:{gateway.http_port}/api/v1/backends/a/stations"
        long = b'{"stations": ["CP2"%b]}' % (b" " * (1 << 20))
        async with aiohttp.ClientSession() as session:
            shown = {"Authorization": f"Bearer {token_of('a')}"}
            sending = asyncio.ensure_future(session.put(url, data=slowly(), headers=shown))
            await begun.wait()
            while (answer := await api.ask("PUT", "/backends/a/stations", by="a", data=long)).status == 200:
                pass  # the first one has not come so far yet
            assert "already" in answer.gives(429)["detail"]
            (await api.ask("PUT", "/backends/b/stations", by="b", data=long)).gives(200)
            whole.set()
            async with await sending as taken:
                assert taken.status == 200
        (await api.ask("PUT", "/backends/a/stations", by="a", data=long)).gives(200)
