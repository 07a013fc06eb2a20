"""Stations that come to another gateway of a cluster, and gateways that die or stand still, over real sockets."""

from __future__ import annotations

import asyncio
import signal
from itertools import count
from typing import Any

from tests.harness import Stage
from tests.harness.messages import Message
from tests.harness.station import ScriptedStation
from tests.harness.waiting import until
from tests.mqtt_ends import Consumer
from tests.scenarios.conftest import node, overtaken
from tests.scenarios.test_mqtt import behind
from tests.scenarios.test_promises import START, STARTED, newest, stop
from tests.servers import PostgreSQL, mosquitto


async def test_behind_a_broker(cluster: Stage, server: PostgreSQL) -> None:
    """What a consumer asks of a station that hops, its old sockets still open, is told to one socket at most."""
    with mosquitto() as broker:
        one, two = [await cluster.gateway(behind(broker, "cs", store={"url": server.url})) for _ in range(2)]
        consumer = await Consumer.connect(broker, topic="")
        heard: dict[str, set[str]] = {}

        async def asks() -> None:
            while True:
                await consumer.ask("CP1", "Reset")
                await asyncio.sleep(0.01)

        asking = asyncio.create_task(asks())
        stations: list[ScriptedStation] = []
        for number in range(12):
            station = await cluster.station("CP1", url=(one, two)[number % 2].url("CP1"), name=f"{number}")
            reached = heard[station.name] = set()
            station.answers("Reset", lambda call, reached=reached: reached.add(call.id) or {"status": "Accepted"})
            stations.append(station)
            await asyncio.sleep(0.1)
        await until(lambda: heard["11"], "a call at the last socket")
        asking.cancel()
        last = await consumer.ask("CP1", "ClearCache")
        for station in stations[:-1]:
            assert (await station.closed()).code == 1001
        await until(lambda: any(message.id == last for message in stations[-1].unread), "the last call")
        for station in stations:
            heard[station.name] |= {message.id for message in station.unread}
        everything = [asked for reached in heard.values() for asked in reached]
        assert len(everything) > len(stations)
        assert len(everything) == len(set(everything))
        await consumer.drop()


async def test_the_newest_session_is_the_only_one(cluster: Stage, server: PostgreSQL) -> None:
    """A station comes to another gateway: the former has let it go before the station is let in."""
    one, two = await node(cluster, server), await node(cluster, server)
    first = await cluster.station("CP1", url=one.url("CP1"), name="first")
    link = await cluster.backends["main"].station("CP1")
    asked = await first.ask("StartTransaction", START)
    start = await link.expect("StartTransaction")
    second = await cluster.station("CP1", url=two.url("CP1"), name="second")
    ending = await first.closed()
    assert (ending.code, ending.reason) == (1001, "This station is connected to another gateway by now")
    again = await newest(cluster.backends["main"], link)
    await second.ask("StartTransaction", START, id=asked)
    said = await again.expect("StartTransaction")
    assert (said.id, said.payload) == (start.id, start.payload)
    await again.answer(said, STARTED)
    number = (await second.expect_result(asked)).payload["transactionId"]
    await second.ask("StopTransaction", stop(number))
    ended = await again.expect("StopTransaction")
    assert ended.payload == stop(5)
    await again.answer(ended)


async def test_a_gateway_that_stood_still(cluster: Stage, server: PostgreSQL) -> None:
    """It goes on after its stations have come to another: what it still does of them changes nothing."""
    one, two = await node(cluster, server), await node(cluster, server)
    main = cluster.backends["main"]
    first = await cluster.station("CP1", url=one.url("CP1"), name="first")
    link = await main.station("CP1")
    await first.ask("StartTransaction", START)
    start = await link.expect("StartTransaction")
    one.signal(signal.SIGSTOP)
    try:
        second = await cluster.station("CP1", url=two.url("CP1"), name="second")
        again = await newest(main, link)
        asked = await second.ask("StartTransaction", START)
        await again.answer(await again.expect("StartTransaction"), STARTED | {"transactionId": 6})
        number = (await second.expect_result(asked)).payload["transactionId"]
        await link.answer(start, STARTED)  # it waits in the socket
    finally:
        one.signal(signal.SIGCONT)
    await first.closed()
    assert first.unread == []
    assert await overtaken(one) > 0
    asked = await second.ask("StopTransaction", stop(number))
    ended = await again.expect("StopTransaction")
    assert ended.payload == stop(6)
    await again.answer(ended)
    await second.expect_result(asked)


async def test_two_handshakes_at_once(cluster: Stage, server: PostgreSQL) -> None:
    """A station comes to two gateways in the same instant while a third, which stands still, has it: one keeps it."""
    one, two, three = [await node(cluster, server) for _ in range(3)]
    await cluster.station("CP1", url=three.url("CP1"), name="before")
    three.signal(signal.SIGSTOP)
    try:
        come = [
            cluster.station("CP1", url=each.url("CP1"), name=f"at {number}") for number, each in enumerate((one, two))
        ]
        stations = await asyncio.gather(*come, return_exceptions=True)
        here = [each for each in stations if isinstance(each, ScriptedStation)]
        assert here
        await asyncio.sleep(2)
        assert sum(each.is_open for each in here) == 1
    finally:
        three.signal(signal.SIGCONT)


async def test_a_gateway_dies_while_its_stations_charge(cluster: Stage, server: PostgreSQL) -> None:
    """Its stations come back to the other: their stops reach the owners, once, in the numbers that these gave."""
    owed = {"backends": {"billing": {"deliver": "always"}}}
    one, two = await node(cluster, server, **owed), await node(cluster, server, **owed)
    owners = {"main": Counting(1000), "billing": Counting(5000)}
    for name, backend in cluster.backends.items():
        backend.answers("StartTransaction", owners[name].start)
        backend.answers("StopTransaction", owners[name].stop)
    numbers: dict[str, int] = {}

    async def starts(name: str) -> None:
        station = await cluster.station(name, url=one.url(name), name=name)
        numbers[name] = (await station.call("StartTransaction", START | {"meterStart": meter(name)})).payload[
            "transactionId"
        ]

    async def stops(name: str) -> None:
        station = await cluster.station(name, url=two.url(name), name=f"{name} again")
        await station.call("StopTransaction", stop(numbers[name], meter(name)))

    names = [f"CP{number}" for number in range(40)]
    await asyncio.gather(*map(starts, names))
    await one.kill()
    await asyncio.gather(*map(stops, names))
    for owner in owners.values():
        await until(lambda owner=owner: len(owner.stopped) == len(names), "each stop has come")
        assert owner.stopped.items() <= owner.started.items()
        assert sorted(owner.stopped.values()) == sorted(map(meter, names))


class Counting:
    """A backend that gives its own numbers, and keeps which meter each of them began with and ended with."""

    def __init__(self, base: int) -> None:
        self._numbers = count(base)
        self.started: dict[int, int] = {}
        self.stopped: dict[int, int] = {}

    def start(self, call: Message) -> dict[str, Any]:
        """Take a start."""
        number = next(self._numbers)
        self.started[number] = call.payload["meterStart"]
        return STARTED | {"transactionId": number}

    def stop(self, call: Message) -> dict[str, Any]:
        """Take a stop, once."""
        number = call.payload["transactionId"]
        assert number not in self.stopped
        self.stopped[number] = call.payload["meterStop"]
        return {}


def meter(name: str) -> int:
    """Return what a station's meter shows."""
    return int(name.removeprefix("CP"))
