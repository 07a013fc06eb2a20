"""Draining: what stations, balancers and operators see of a gateway that hands its stations over."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

from tests.app.running import Running, running
from tests.harness import Message, Stage, free_port, until
from tests.harness.http_client import get

BEAT = {"currentTime": "2026-01-01T00:00:00Z"}
LONG = 3600
"""Seconds that no test waits for."""


class House:
    """A gateway in the process of the test, and the stage of its stations and backends."""

    def __init__(self, stage: Stage, document: dict[str, Any], gateway: Running) -> None:
        self.stage = stage
        self.gateway = gateway
        self.draining = gateway.parts.draining
        self._http = int(document["listen"]["http"].rpartition(":")[2])
        self._stations = document["listen"]["stations"][0]

    def at(self, identity: str) -> str:
        """Return the URL of a station."""
        return f"{self._stations}/{identity}"

    async def ready(self) -> tuple[int, str]:
        """Ask whether stations can come in."""
        answer = await get(self._http, "/readyz")
        return answer.status, json.loads(answer.body)["state"]


async def test_stations_are_handed_over_and_taken_again(stage: Stage, tmp_path: Path) -> None:
    """A drain refuses who comes and lets go who is here, spread in time; its undoing keeps those who are still here."""
    await stage.backend("main")
    document = stage.configuration(store={"url": "off"}, shutdown={"grace": LONG, "spread": LONG})
    async with running(tmp_path, document) as gateway:
        here = House(stage, document, gateway)
        first, second = [await stage.station(name, url=here.at(name)) for name in ("CP1", "CP2")]
        assert await here.ready() == (200, "serving")
        await here.draining.drain()
        assert (await first.closed()).code == 1001
        assert await here.ready() == (503, "draining")
        refused = await stage.refused("CP3", url=here.at("CP3"))
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "10")
        await here.draining.drain()
        await stage.quiet(second)
        await here.draining.undrain()
        assert await here.ready() == (200, "serving")
        third = await stage.station("CP3", url=here.at("CP3"))
        await stage.quiet(second, third)
        await here.draining.drain(0)
        assert [(await station.closed()).code for station in (second, third)] == [1001, 1001]
        await until(lambda: not gateway.parts.gateway.sessions, "all have gone")


async def test_the_balancer_hears_of_a_drain_first(stage: Stage, tmp_path: Path) -> None:
    """A gateway that is drained says so while it still takes stations, and may be told to stay."""
    await stage.backend("main")
    document = stage.configuration(store={"url": "off"}, shutdown={"ahead": LONG, "grace": 0, "spread": 0})
    async with running(tmp_path, document) as gateway:
        here = House(stage, document, gateway)
        before = await stage.station("CP1", url=here.at("CP1"))
        await here.draining.drain()
        assert await here.ready() == (503, "draining")
        after = await stage.station("CP2", url=here.at("CP2"))
        await here.draining.undrain()
        await stage.quiet(before, after)
        document["shutdown"]["ahead"] = 0
        assert await gateway.change(document) == ()


async def test_an_operator_in_a_hurry(stage: Stage, tmp_path: Path) -> None:
    """Another spread holds for those who are still here; a drained gateway is changed like any other, and can end."""
    await stage.backend("main")
    document = stage.configuration(store={"url": "off"}, shutdown={"grace": 0, "spread": 0})
    async with running(tmp_path, document) as gateway:
        here = House(stage, document, gateway)
        stations = [await stage.station(f"CP{n}", url=here.at(f"CP{n}")) for n in range(3)]
        await here.draining.drain(LONG)
        await stations[0].closed()
        await stage.quiet(*stations[1:])
        port = free_port()
        document["listen"]["stations"].append(f"ws://127.0.0.1:{port}")
        assert await gateway.change(document) == ()
        refused = await stage.refused("CP9", url=f"ws://127.0.0.1:{port}/CP9")
        assert refused.status_code == 503
        await here.draining.drain(0)
        for station in stations[1:]:
            assert (await station.closed()).code == 1001
        assert await here.ready() == (503, "draining")
    assert here.draining.state == "stopping"
    await here.draining.drain()
    await here.draining.undrain()
    assert here.draining.state == "stopping"


async def test_the_balancer_hears_it_first(stage: Stage) -> None:
    """After SIGTERM /readyz says 503 while stations are still let in and served; those who come later lose nothing."""
    main = await stage.backend("main")
    main.answers("Heartbeat", BEAT)
    gateway = await stage.gateway(shutdown={"ahead": LONG, "grace": LONG, "spread": 0})
    before = await stage.station("CP1")
    gateway.signal(signal.SIGTERM)

    async def refuses() -> bool:
        return (await gateway.get("/readyz")).status == 503

    await until(refuses, "the balancer is told")
    assert json.loads((await gateway.get("/readyz")).body)["state"] == "stopping"
    after = await stage.station("CP2")
    for station in (before, after):
        await station.call("Heartbeat")
    await stage.quiet(before, after)
    gateway.signal(signal.SIGTERM)
    assert await gateway.exited() == 130


async def test_bursts_end_between_two_calls(stage: Stage) -> None:
    """Stations that never pause get the answer to all that their backend was sent; what comes after that they keep."""
    main = await stage.backend("main")
    numbers = count(1)
    main.answers("StartTransaction", lambda _: {"transactionId": next(numbers), "idTagInfo": {"status": "Accepted"}})
    gateway = await stage.gateway(shutdown={"grace": LONG, "spread": 0.2})
    start = {"connectorId": 1, "idTag": "A", "meterStart": 0}

    async def talk(name: str) -> None:
        station = await stage.station(name)
        while station.is_open:
            at = datetime.fromtimestamp(next(numbers), UTC).isoformat()
            with contextlib.suppress(AssertionError, OSError):  # it has ended
                await station.call("StartTransaction", start | {"timestamp": at})
        assert station.ending is not None
        assert station.ending.code == 1001

    names = [f"CP{number}" for number in range(8)]
    talking = [asyncio.ensure_future(talk(name)) for name in names]
    await until(lambda: all(len(stage.transcript.got(name)) > 5 for name in names), "all talk")
    gateway.signal(signal.SIGTERM)
    await asyncio.gather(*talking)
    assert await gateway.exited() == 0
    for name in names:
        asked = [Message(text).id for text in stage.transcript.got(f"main/{name}") if text.startswith("[2,")]
        heard = [Message(text).id for text in stage.transcript.got(name) if text.startswith("[3,")]
        assert asked == heard, name
