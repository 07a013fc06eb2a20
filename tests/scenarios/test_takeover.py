"""Stations that come to another gateway of a cluster, and gateways that die or stand still, over real sockets."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter
from contextlib import suppress
from itertools import count
from typing import Any
from uuid import uuid4

from chaos.wires import AWAY, WebsocketWire
from tests.harness import Gateway, Stage
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
            reached = heard[f"{number}"] = set()
            answers = {"Reset": lambda call, reached=reached: reached.add(call.id) or {"status": "Accepted"}}
            url = (one, two)[number % 2].url("CP1")
            stations.append(await cluster.station("CP1", url=url, name=f"{number}", answers=answers))
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


SPLIT = [{"tokens": ["EMP*"], "answer": "billing", "copy": ["main"]}, {"answer": "main", "copy": ["billing"]}]
CHARGERS, METERS = 200, 3


async def test_a_gateway_dies_while_200_chargers_charge(cluster: Stage, server: PostgreSQL) -> None:
    """They come back to the other: each message reaches its owner and who is told of it, in their own numbers.

    Only what the gateway that died had delivered may come again, and that once.
    """
    owed = {"backends": {name: {"deliver": "always"} for name in ("main", "billing")}}
    one, two = await node(cluster, server, SPLIT, **owed), await node(cluster, server, SPLIT, **owed)
    killed = asyncio.Event()
    told = {name: Told(name, base, killed) for name, base in (("main", 1000), ("billing", 5000))}
    for name, backend in cluster.backends.items():
        for action, answer in told[name].answers.items():
            backend.answers(action, answer)
    chargers = [Charger(f"CP{number}", (one, two), killed) for number in range(CHARGERS)]
    charging = asyncio.gather(*(charger.charge() for charger in chargers))
    await until(lambda: len(told["main"].heard) >= CHARGERS, "the chargers charge")
    await one.kill()
    links = [link for backend in cluster.backends.values() for link in backend.links]
    await until(lambda: not any(link.is_open for link in links), "all that it has sent has come")
    killed.set()
    assert await charging == [owner_of(charger.name) for charger in chargers]
    everything = {(meter(charger.name), what) for charger in chargers for what in ("start", *range(METERS), "stop")}
    for each in told.values():
        await until(lambda each=each: each.heard.keys() >= everything, f"{each.name} has heard everything")
        assert each.heard.keys() == everything
        assert not each.wrong
        twice = {what for what, times in each.heard.items() if times > 1}
        assert twice <= each.before
        assert max(each.heard.values()) <= 2
    for charger in chargers:
        charger.drop()


def tag_of(name: str) -> str:
    """Return the card with which every second charger charges, so that it is billing's."""
    return f"{'EMP' if meter(name) % 2 else 'GUEST'}{meter(name)}"


def owner_of(name: str) -> str:
    """Return whose the transaction of a charger is."""
    return "billing" if tag_of(name).startswith("EMP") else "main"


class Charger:
    """A charger that says again, to the other gateway, what was not answered when its connection was lost."""

    def __init__(self, name: str, gateways: tuple[Gateway, Gateway], killed: asyncio.Event) -> None:
        self.name = name
        self._urls = [gateway.url(name) for gateway in gateways]
        self._killed = killed
        self._wire: WebsocketWire | None = None

    async def charge(self) -> str:
        """Charge a car, whose stop waits until the gateway is dead; return who answered the start."""
        mark = meter(self.name)
        started = await self._say("StartTransaction", START | {"idTag": tag_of(self.name), "meterStart": mark})
        for value in range(METERS):
            sample = {"timestamp": START["timestamp"], "sampledValue": [{"value": f"{mark}.{value}"}]}
            fields = {"connectorId": 1, "transactionId": started["transactionId"], "meterValue": [sample]}
            await self._say("MeterValues", fields)
        await self._killed.wait()
        await self._say("StopTransaction", stop(started["transactionId"], mark))
        return str(started["idTagInfo"]["parentIdTag"])

    async def _say(self, action: str, fields: dict[str, Any]) -> dict[str, Any]:
        message_id = str(uuid4())
        while True:
            with suppress(*AWAY):
                kind, _, payload, *_ = await (await self._connected()).ask(message_id, action, fields)
                assert kind == 3, payload
                return dict(payload)
            self._wire = None
            await self._killed.wait()

    async def _connected(self) -> WebsocketWire:
        if self._wire is None:
            url = self._urls[self._killed.is_set()]
            self._wire = await WebsocketWire.dial(url, "ocpp1.6", 0, lambda *_: {})
        return self._wire

    def drop(self) -> None:
        """Lose the connection."""
        if self._wire is not None:
            self._wire.abort()


class Told:
    """A backend that gives its own numbers, and keeps what it has heard, how often, and what was wrong with it.

    What it has heard is named by the mark of the charger, and "start", "stop" or the number of the meter values.
    """

    def __init__(self, name: str, base: int, killed: asyncio.Event) -> None:
        self.name = name
        self.heard: Counter[tuple[int, str | int]] = Counter()
        self.before: set[tuple[int, str | int]] = set()
        """What it had heard before the gateway died."""
        self.wrong: list[Message] = []
        self.answers = {"StartTransaction": self._start, "MeterValues": self._meter, "StopTransaction": self._stop}
        self._numbers = count(base)
        self._given: dict[int, int] = {}
        self._killed = killed

    def _hear(self, mark: int, what: str | int) -> None:
        self.heard[mark, what] += 1
        if not self._killed.is_set():
            self.before.add((mark, what))

    def _start(self, call: Message) -> dict[str, Any]:
        """Give a number; to the same start the same one, as a backend must."""
        mark = call.payload["meterStart"]
        self._hear(mark, "start")
        number = self._given.setdefault(mark, next(self._numbers))
        return {"transactionId": number, "idTagInfo": {"status": "Accepted", "parentIdTag": self.name}}

    def _meter(self, call: Message) -> dict[str, Any]:
        mark, value = call.payload["meterValue"][0]["sampledValue"][0]["value"].split(".")
        self._hear(int(mark), int(value))
        return self._judge(call, int(mark))

    def _stop(self, call: Message) -> dict[str, Any]:
        self._hear(call.payload["meterStop"], "stop")
        return self._judge(call, call.payload["meterStop"])

    def _judge(self, call: Message, mark: int) -> dict[str, Any]:
        if call.payload["transactionId"] != self._given.get(mark):
            self.wrong.append(call)
        return {}


def meter(name: str) -> int:
    """Return what a station's meter shows."""
    return int(name.removeprefix("CP"))
