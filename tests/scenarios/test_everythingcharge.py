"""A gateway in the place of EVerythingcharge's worker: what one of its API servers hears, says and finds again."""

from __future__ import annotations

import json
import signal
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from tests.harness import Json, Stage, free_port, until
from tests.servers import RabbitMQ

HEADER = "Charge-Point-Id"


class Api:
    """What that API server does on its broker: it answers only stations that it was told of since it has started."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.inbox: deque[tuple[str, Any]] = deque()
        self.connected: set[str] = set()
        self.lost: list[str] = []
        self.unknown: list[str] = []
        self._exchanges: dict[str, Any] = {}

    @classmethod
    async def start(cls, rabbit: RabbitMQ) -> Api:
        """Declare its exchanges and queues, and consume."""
        api = cls(await aio_pika.connect(rabbit.url))
        channel = await api.connection.channel()
        for name, kind in (("connections", "topic"), ("tasks", "fanout"), ("events", "direct")):
            api._exchanges[name] = await channel.declare_exchange(name, kind, auto_delete=True)
        for exchange, key in (
            ("connections", "new_connections"),
            ("connections", "lost_connections"),
            ("events", "events"),
        ):
            queue = await channel.declare_queue(key, auto_delete=True)
            await queue.bind(api._exchanges[exchange], key)
            await queue.consume(api._take)
        return api

    async def _take(self, message: AbstractIncomingMessage) -> None:
        station = str(message.headers[HEADER])
        assert message.content_type == "text/plain"
        if message.routing_key == "new_connections":
            assert message.body == b"[]"
            self.connected.add(station)
        elif message.routing_key == "lost_connections":
            assert message.body == b"[]"
            self.connected.discard(station)
            self.lost.append(station)
        else:
            if station not in self.connected:
                self.unknown.append(station)
            self.inbox.append((station, json.loads(message.body)))
        await message.ack()

    async def expect(self, station: str) -> Any:
        """Return the next frame; fail unless it is of this station."""
        await until(lambda: self.inbox, "a frame for the API")
        who, frame = self.inbox.popleft()
        assert who == station
        return frame

    async def say(self, station: str, frame: Any) -> None:
        """Say something to a station, wherever it is."""
        message = aio_pika.Message(json.dumps(frame).encode(), content_type="text/plain", headers={HEADER: station})
        await self._exchanges["tasks"].publish(message, "")

    async def force_close(self, station: str) -> None:
        """Have a station's connection closed."""
        message = aio_pika.Message(b"[]", content_type="text/plain", headers={HEADER: station})
        await self._exchanges["connections"].publish(message, "force_close.now")

    async def stop(self) -> None:
        """End it."""
        await self.connection.close()


@pytest.fixture
async def apis(rabbit: RabbitMQ) -> AsyncIterator[Callable[[], Awaitable[Api]]]:
    """What starts API servers, which end with the test."""
    begun: list[Api] = []

    async def begin() -> Api:
        begun.append(await Api.start(rabbit))
        return begun[-1]

    yield begin
    for api in begun:
        await api.stop()


@pytest.fixture
async def api(apis: Callable[[], Awaitable[Api]]) -> Api:
    """The API server."""
    return await apis()


def served(rabbit: RabbitMQ, **changes: Any) -> Json:
    """Return the configuration of a gateway that serves an API server."""
    api = {"url": rabbit.url, "layout": "everythingcharge", "retry": {"first": 0.1, "max": 0.1}, "wait": 60}
    return {
        "listen": {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{free_port()}"},
        "backends": {"api": api | changes},
        "routes": {"main": {"rules": [{"answer": "api"}]}},
        "stations": [{"match": "*", "route": "main"}],
        "shutdown": {"ahead": 0, "grace": 2, "spread": 0},
    }


async def test_a_station_and_its_api(stage: Stage, rabbit: RabbitMQ, api: Api) -> None:
    """Frames go through as they are, both ways; a station that is lost without a word is reported too."""
    await stage.gateway(served(rabbit))
    stations = [await stage.station(f"CP-{number}") for number in range(2)]
    await until(lambda: api.connected == {"CP-0", "CP-1"}, "it hears of both")
    beat = await stations[0].ask("Heartbeat")
    assert await api.expect("CP-0") == [2, beat, "Heartbeat", {}]
    await api.say("CP-0", [3, beat, {"currentTime": "t"}])
    assert (await stations[0].expect_result(beat)).payload == {"currentTime": "t"}
    await api.say("CP-1", [2, "r-1", "Reset", {"type": "Hard"}])
    await stations[1].answer(await stations[1].expect("Reset", id="r-1"), {"status": "Accepted"})
    assert await api.expect("CP-1") == [3, "r-1", {"status": "Accepted"}]
    await api.say("CP-7", [2, "r-2", "Reset", {"type": "Hard"}])  # of another worker
    await stage.quiet(*stations)
    await stations[0].close()
    stations[1].kill()
    await until(lambda: sorted(api.lost) == ["CP-0", "CP-1"], "it hears that both have gone")
    assert not api.unknown


async def test_an_api_that_is_restarted(
    stage: Stage, rabbit: RabbitMQ, api: Api, apis: Callable[[], Awaitable[Api]]
) -> None:
    """It hears of every station that is connected, which go on where they were."""
    gateway = await stage.gateway(served(rabbit))
    station = await stage.station("CP-1")
    await until(lambda: api.connected, "it hears of the station")
    await api.stop()
    await gateway.logged("carrier down")
    beat = await station.ask("Heartbeat")
    again = await apis()
    await until(lambda: again.connected == {"CP-1"}, "it hears of the station")
    assert await again.expect("CP-1") == [2, beat, "Heartbeat", {}]
    await again.say("CP-1", [3, beat, {"currentTime": "t"}])
    assert (await station.expect_result(beat)).payload == {"currentTime": "t"}
    assert not again.unknown


async def test_a_station_that_the_api_does_not_know(stage: Stage, rabbit: RabbitMQ, api: Api) -> None:
    """It is cut off at once, and refused when it comes again."""
    gateway = await stage.gateway(served(rabbit, when_down="close"))
    station = await stage.station("CP-1")
    await until(lambda: api.connected, "it hears of the station")
    await api.force_close("CP-1")
    assert (await station.closed()).code
    with pytest.raises(Exception, match="404"):
        await stage.station("CP-1", url=gateway.url("CP-1"))


async def test_who_comes_and_goes_while_the_broker_is_slow(stage: Stage, rabbit: RabbitMQ, api: Api) -> None:
    """The API hears of it in the order in which it was, however long the broker takes to confirm."""
    gateway = await stage.gateway(served(rabbit))
    stays, goes = await stage.station("stays"), await stage.station("goes")
    await until(lambda: api.connected == {"stays", "goes"}, "it hears of both")
    rabbit.signal(signal.SIGSTOP)
    try:
        await stage.station("first")
        await goes.close()
        brief = await stage.station("brief")
        await brief.close()
        await stays.close()
        stays = await stage.station("stays")

        async def all_known() -> bool:
            return await gateway.metric("voltgate_stations") == 2

        await until(all_known, "the gateway knows who is there")
    finally:
        rabbit.signal(signal.SIGCONT)
    await until(lambda: sorted(api.lost) == ["brief", "goes", "stays"], "it hears who has gone")
    await until(lambda: api.connected >= {"first", "stays"}, "it hears who has come")
    await stage.quiet(stays)
    assert api.connected == {"first", "stays"}
