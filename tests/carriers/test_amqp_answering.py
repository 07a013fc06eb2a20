"""A node behind RabbitMQ, heard from the side of a gateway: what it answers, how often, and when it is done with it."""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any

import aio_pika
import pytest
from aio_pika.abc import AbstractIncomingMessage

from tests.harness import Json, until
from tests.servers import RabbitMQ
from voltgate.carriers.amqp import answering
from voltgate.carriers.amqp.answering import MOST_MESSAGES, Node, Station
from voltgate.carriers.amqp.settings import Broker, Layout, NodeSettings
from voltgate.ocpp.messages import Call, Error, Handler, Reason, Reply, Respond, Result, Unanswered
from voltgate.ocpp.wheel import Wheel


class Answers:
    """A handler controlled by a test: calls wait until the test answers them."""

    def __init__(self) -> None:
        self.stations: list[Station] = []
        self.left: list[str] = []
        self.away = ""
        self.calls: deque[tuple[Call, Respond]] = deque()
        self.unkept: list[Callable[[], None]] | None = None
        """What is to be called when it is on record that stations have come or gone; None: it is at once."""

    def serve(self, station: Station) -> Handler:
        """Begin with a station."""
        self.stations.append(station)
        if self.unkept is not None:
            self.unkept.append(station.hold())
        return self._take

    def _take(self, call: Call, respond: Respond) -> None:
        if call.action == "Fault":
            raise ValueError(call.id)
        self.calls.append((call, respond))

    async def next(self, action: str = "Heartbeat") -> Respond:
        """Return what answers the next call; fail unless it is this one."""
        await until(lambda: self.calls, "a call for the handler")
        call, respond = self.calls.popleft()
        assert call.action == action
        return respond


class Gateway:
    """What a gateway puts into the queue of calls, and what comes back to it."""

    def __init__(self, connection: Any, channel: Any, own: Any, queue: str) -> None:
        self.connection = connection
        self.channel = channel
        self.own = own
        self.queue = queue
        self._inbox: deque[tuple[Json, AbstractIncomingMessage]] = deque()

    @classmethod
    async def connect(cls, url: str, prefix: str) -> Gateway:
        """Connect, with a queue of its own."""
        connection = await aio_pika.connect(url)
        channel = await connection.channel(on_return_raises=True)
        own = await channel.declare_queue(exclusive=True)
        gateway = cls(connection, channel, own, f"{prefix}.calls.0")
        await own.consume(gateway._take, no_ack=True)
        return gateway

    async def _take(self, message: AbstractIncomingMessage) -> None:
        self._inbox.extend((item, message) for item in json.loads(message.body))

    async def send(self, *items: Any, queue: str = "") -> None:
        """Put a message with these items into the queue of calls."""
        message = aio_pika.Message(json.dumps(items).encode(), reply_to=self.own.name)
        await self.channel.default_exchange.publish(message, queue or self.queue)

    async def next(self) -> tuple[Json, AbstractIncomingMessage]:
        """Return the next item."""
        await until(lambda: self._inbox, "an item for the gateway")
        return self._inbox.popleft()

    async def answer(self, key: str) -> Any:
        """Return the next message; fail unless it has this key."""
        item, _ = await self.next()
        assert item["key"] == key
        return item["message"]

    async def left(self) -> int:
        """Return how many messages are in the queue of calls, ready."""
        declared = await self.channel.declare_queue(self.queue, passive=True)
        return int(declared.declaration_result.message_count)

    @property
    def unread(self) -> list[Json]:
        """What has come and was not read."""
        return [item for item, _ in self._inbox]


def call(key: str, station: str = "CP-1", action: str = "Heartbeat", message_id: str = "1", **more: Any) -> Json:
    """Return an item with a call."""
    message = {"type": 2, "action": action, "id": message_id, "request": {}}
    return {"station": station, "protocol": "ocpp1.6", "key": key, "until": time.time() + 30, "message": message} | more


def beat(text: str = "t") -> Reply:
    """Return an answer."""
    return Result("", b'{"currentTime":"%b"}' % text.encode())


Begin = Callable[..., Any]


@pytest.fixture
async def begin(rabbit: RabbitMQ, prefix: str) -> AsyncIterator[Begin]:
    """What begins nodes, which end with the test."""
    running: list[asyncio.Task[None]] = []

    async def begin(answers: Answers, **more: Any) -> tuple[Node, asyncio.Task[None]]:
        settings = NodeSettings(Broker("127.0.0.1", rabbit.port), Layout(prefix, 1), **more)
        wheel = Wheel(time.monotonic())
        node = Node(
            settings,
            answers.serve,
            wheel,
            time.monotonic,
            time.time,
            lambda each: answers.left.append(each.identity),
            away=lambda: answers.away,
        )
        there = asyncio.Event()
        running.append(asyncio.create_task(node.run(there.set)))
        running.append(asyncio.create_task(_ticking(wheel)))
        await until(there.is_set, "the node consumes")
        return node, running[-2]

    yield begin
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def _ticking(wheel: Wheel) -> None:
    while True:
        wheel.tick(time.monotonic())
        await asyncio.sleep(0.01)


@pytest.fixture
async def gateway(rabbit: RabbitMQ, prefix: str) -> AsyncIterator[Gateway]:
    """The gateway."""
    gateway = await Gateway.connect(rabbit.url, prefix)
    yield gateway
    await gateway.connection.close()


async def test_a_repeated_call(begin: Begin, gateway: Gateway) -> None:
    """A key that is known gets the same answer, whoever asks, and the handler is not asked again."""
    answers = Answers()
    node, _ = await begin(answers)
    await gateway.send(call("a"), call("b", "CP-2"))
    first, second = await answers.next(), await answers.next()
    await gateway.send(call("a"))  # while it is open
    await until(lambda: node.counts.repeated == 1, "it is recognised")
    second(beat("2"))
    assert (await gateway.answer("b"))["response"] == {"currentTime": "2"}
    first(beat("1"))
    assert (await gateway.answer("a"))["response"] == {"currentTime": "1"}
    await gateway.send(call("a", message_id="9"))  # when it is answered
    assert await gateway.answer("a") == {"type": 3, "id": "1", "response": {"currentTime": "1"}}
    assert not answers.calls
    await until(lambda: not node._acks, "all is acknowledged")
    assert not gateway.unread


async def test_a_node_that_dies(begin: Begin, gateway: Gateway) -> None:
    """What it was given and had not answered goes to another node, as often as it takes."""
    dying, other = Answers(), Answers()
    _, running = await begin(dying)
    await gateway.send(call("a"), call("b", "CP-2"))
    (await dying.next())(beat("1"))
    assert (await gateway.answer("a"))["response"] == {"currentTime": "1"}
    await dying.next()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await begin(other)
    for key, text in (("a", "again"), ("b", "2")):  # one message: the other node does not know what was answered
        (await other.next())(beat(text))
        assert (await gateway.answer(key))["response"] == {"currentTime": text}


async def test_a_node_that_loses_the_broker(begin: Begin, gateway: Gateway, rabbit: RabbitMQ) -> None:
    """It goes on with what it has begun; what the broker brings again has the answer that it made meanwhile."""
    answers = Answers()
    node, _ = await begin(answers)
    await gateway.send(call("a"))
    respond = await answers.next()
    ended: list[Any] = []
    assert node._connection is not None
    answers.stations[0].command(Call("x", "Reset", b"{}"), ended.append)
    await gateway.next()
    node._connection.lose("the test")
    await until(lambda: ended, "the command ends")
    assert "not known" in ended[0].description
    respond(beat("1"))
    assert (await gateway.answer("a"))["response"] == {"currentTime": "1"}
    assert not answers.calls


async def test_what_is_not_answered(begin: Begin, gateway: Gateway) -> None:
    """Nobody makes up an answer to what somebody is paid by; everything else is answered; and both may come again."""
    answers = Answers()
    node, _ = await begin(answers, patience=0.5)
    none = Unanswered(Reason.OVERLOADED, "too much")
    await gateway.send(call("a"), call("b", action="StartTransaction"), call("c", "CP-2"))
    (await answers.next())(none)
    (await answers.next("StartTransaction"))(none)
    late = await answers.next()
    assert (await gateway.answer("a"))["error_code"] == "InternalError"
    await until(lambda: node.counts.late == 1, "one is given up")
    late(beat())
    await gateway.send(call("b", action="StartTransaction"), call("d", until=time.time() - 1), call(""), {"x": 1})
    (await answers.next("StartTransaction"))(Error("", "GenericError", "no"))
    assert (await gateway.answer("b"))["error_code"] == "GenericError"
    assert (node.counts.late, node.counts.unreadable) == (2, 2)
    assert not gateway.unread
    assert not answers.calls


async def test_a_handler_that_fails(begin: Begin, gateway: Gateway) -> None:
    """Its station is told at once; as many as a node works on at a time keep nobody from being answered."""
    answers = Answers()
    node, _ = await begin(answers)
    for number in range(MOST_MESSAGES):
        await gateway.send(call(str(number), action="Fault"))
    await gateway.send(call("after"))
    (await answers.next())(beat())
    for number in range(MOST_MESSAGES):
        assert (await gateway.answer(str(number)))["error_code"] == "InternalError"
    assert (await gateway.answer("after"))["response"] == {"currentTime": "t"}
    assert node.counts.faults == MOST_MESSAGES


async def test_commands(begin: Begin, gateway: Gateway, prefix: str) -> None:
    """A station is called where it was heard last; when it cannot be, that is said at once."""
    answers = Answers()
    await begin(answers)
    await gateway.send({"station": "CP-1", "protocol": "ocpp1.6", "event": "connected"})
    await until(lambda: answers.stations, "it has heard the station")
    station = answers.stations[0]
    heard: list[Any] = []
    for text in ("1", "2"):
        station.command(Call("same", "Reset", b'{"type":"Soft"}'), heard.append)
        item, message = await gateway.next()
        assert (item["station"], item["message"]["action"]) == ("CP-1", "Reset")
        assert item["until"] - time.time() <= 30
        assert message.expiration is not None
        reply = {"type": 3, "id": item["message"]["id"], "response": {"status": text}}
        assert message.reply_to
        await gateway.send({"station": "CP-1", "key": item["key"], "message": reply}, queue=message.reply_to)
        await until(lambda: heard, "the answer")
        assert heard.pop().fields == {"status": text}
    await gateway.own.delete(if_unused=False)
    station.command(Call("3", "Reset", b"{}"), heard.append)
    await until(lambda: heard, "that its gateway is gone")
    assert "not there" in heard.pop().description
    station.command(Call("4", "Reset", b"{}"), heard.append)
    assert "cannot be reached" in heard.pop().description


async def test_more_commands_than_may_wait(begin: Begin, gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one beyond is not sent; an answer, and a deadline, makes room for another."""
    monkeypatch.setattr(answering, "_MOST_COMMANDS", 2)
    answers = Answers()
    await begin(answers)
    await gateway.send({"station": "CP-1", "protocol": "ocpp1.6", "event": "connected"})
    await until(lambda: answers.stations, "it has heard the station")
    heard: list[Any] = []

    def command(patience: float = 30.0) -> None:
        asked = Call("x", "Reset", b"{}")
        asked.deadline = time.monotonic() + patience
        answers.stations[0].command(asked, heard.append)

    command()
    command(patience=0.3)
    command()
    assert (heard[0].reason, heard[0].id) == (Reason.OVERLOADED, "")
    item, message = await gateway.next()
    await gateway.next()
    await until(lambda: len(heard) == 2, "the second one is over")
    assert heard[1].reason is Reason.TIMED_OUT
    command()
    await gateway.next()
    reply = {"type": 3, "id": item["message"]["id"], "response": {}}
    await gateway.send({"station": "CP-1", "key": item["key"], "message": reply}, queue=message.reply_to or "")
    await until(lambda: len(heard) == 3, "the first one is answered")
    command()
    await gateway.next()
    assert len(heard) == 3


async def test_a_station_that_moves(begin: Begin, gateway: Gateway, rabbit: RabbitMQ, prefix: str) -> None:
    """It is gone when the gateway where it was heard last says so, and not when an older one does."""
    answers = Answers()
    node, _ = await begin(answers)
    newer = await Gateway.connect(rabbit.url, prefix)
    came, went = ({"station": "CP-1", "protocol": "ocpp1.6", "event": event} for event in ("connected", "disconnected"))
    await gateway.send(came)
    await newer.send(came)
    await gateway.send(went)
    await gateway.send(call("a"))
    await answers.next()
    assert answers.left == ["CP-1"]  # the one that was there first
    assert node.stations["CP-1"].reply_to == gateway.own.name
    await newer.send(call("b", "CP-2"))
    await answers.next()
    await gateway.send(went)
    await until(lambda: "CP-1" not in node.stations, "it has gone")
    await newer.connection.close()


async def test_a_node_that_cannot_answer(begin: Begin, gateway: Gateway) -> None:
    """It leaves the queues: what it has not answered is brought to another node, or to it when it can again."""
    answers = Answers()
    node, _ = await begin(answers)
    await gateway.send(call("a", action="StartTransaction"), call("b", "CP-2"))
    start, beats = await answers.next("StartTransaction"), await answers.next()
    answers.away = "the database is away"
    start(Unanswered(Reason.GONE, "it cannot be kept"))
    await until(lambda: not node.is_connected, "it leaves")
    beats(Unanswered(Reason.GONE, "it cannot be kept"))
    other = Answers()
    _, running = await begin(other)
    respond, _ = await other.next("StartTransaction"), await other.next()
    respond(Result("", b'{"transactionId":7}'))
    assert (await gateway.answer("a"))["response"] == {"transactionId": 7}
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    answers.away = ""
    (await answers.next("StartTransaction"))(Result("", b'{"transactionId":7}'))  # it does not know of the other one
    assert (await gateway.answer("a"))["response"] == {"transactionId": 7}
    (await answers.next())(beat("2"))
    assert (await gateway.answer("b"))["response"] == {"currentTime": "2"}


async def test_a_node_that_dies_before_it_has_written_down_who_came(begin: Begin, gateway: Gateway) -> None:
    """Another one hears of it: the broker has the message until it is on record."""
    answers, other = Answers(), Answers()
    answers.unkept = []
    _, running = await begin(answers)
    await gateway.send({"station": "CP-1", "protocol": "ocpp1.6", "event": "connected"})
    await gateway.send({"station": "CP-2", "protocol": "ocpp1.6", "event": "connected"})
    await until(lambda: len(answers.unkept or ()) == 2, "it has heard both")
    answers.unkept[0]()
    await gateway.send(call("a"))
    (await answers.next())(beat())
    await gateway.answer("a")  # the first one is acknowledged by now
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await begin(other)
    await until(lambda: other.stations, "another one hears of it")
    await gateway.send(call("b"))
    await other.next()
    assert [each.identity for each in other.stations] == ["CP-2", "CP-1"]


async def test_a_station_that_only_others_have_heard(begin: Begin, gateway: Gateway) -> None:
    """It is called at the queue of its gateway; that it has gone is taken note of; and so is the end of the gateway."""
    answers = Answers()
    node, _ = await begin(answers, name="bus")
    station = node.at("CP-7", "ocpp1.6", gateway.own.name)
    assert station.holder == f"bus/{gateway.own.name}"
    heard: list[Any] = []
    station.command(Call("1", "Reset", b"{}"), heard.append)
    item, message = await gateway.next()
    assert message.reply_to
    error = {"type": 4, "id": item["message"]["id"], "error_code": "InternalError", "error_description": "no"}
    away = {"station": "CP-7", "protocol": "ocpp1.6", "key": item["key"], "message": error, "event": "disconnected"}
    await gateway.send(away, queue=message.reply_to)
    await until(lambda: heard, "that it is not there")
    assert isinstance(heard[0], Unanswered)
    assert (heard[0].reason, heard[0].id) == (Reason.GONE, "")
    assert answers.left == ["CP-7"]
    await gateway.send({"station": "CP-8", "protocol": "ocpp1.6", "event": "disconnected"})
    await until(lambda: answers.left == ["CP-7", "CP-8"], "that another has gone")
    assert not answers.stations
    assert not await node.has_gone(gateway.own.name)
    assert await node.has_gone("no.such.queue")
