"""A backend behind a broker: it consumes what stations say, and has the moods of any other.

A link is what one gateway says of one station while the broker lives. That an answer was read shows in the next call of
that station by the same gateway, which sends one at a time.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from chaos.backend import Backend
from chaos.records import Books, Delivery

_ALIVE = 5
"""Seconds after which a consumer takes a silent broker for dead."""


@dataclass(slots=True, eq=False)
class Topic:
    """What a gateway says of a station, since the broker was there. `answers` is where it hears what is said to it.

    `keys` are those of its calls, by their ids, where calls have keys.
    """

    number: int
    station: str
    gateway: int
    version: str
    opened: float
    answers: str
    deliveries: list[Delivery] = field(default_factory=list)
    keys: dict[str, str] = field(default_factory=dict)


class Behind(Backend):
    """A backend behind a broker."""

    def __init__(self, name: str, port: int, books: Books, *, seed: int) -> None:
        super().__init__(name, port, books, newest_only=False, seed=seed)
        self._topics: dict[tuple[int, str], Topic] = {}
        self._heard: dict[str, Topic] = {}
        self._numbered = itertools.count(1)

    def cut(self, chosen: Any = None) -> None:
        """Take what was said so far for lost: a consumer has no connection of a station's to cut."""
        for key, topic in list(self._topics.items()):
            if chosen is None or chosen(topic.station):
                del self._topics[key]
                _lose(topic)

    def _topic(self, gateway: int, station: str, version: str, answers: str) -> Topic:
        """Return what the gateway says of that station; a gateway that hears elsewhere has lost what was before."""
        topic = self._topics.get((gateway, station))
        if topic is None or topic.answers != answers:
            if topic is not None:
                _lose(topic)
            topic = Topic(next(self._numbered), station, gateway, version, time.monotonic(), answers)
            self._topics[gateway, station] = topic
        self._heard[station] = topic
        return topic

    def _hear(self, topic: Topic, said: dict[str, Any]) -> None:
        """Take an envelope."""
        match said["type"]:
            case 2:
                self._know(topic, said["id"])
                self._take(topic, [2, said["id"], said["action"], said["request"]])  # type: ignore[arg-type]
            case 3:
                self._end_command([3, said["id"], said["response"]])
            case _:
                self._end_command([4, said["id"], said["error_code"], said["error_description"], {}])

    def _know(self, topic: Topic, message_id: str) -> None:
        """Take note that the answer before this call was read, if the gateway that read it is still alive."""
        now, before = time.monotonic(), topic.deliveries[-1] if topic.deliveries else None
        if before is None or before.answered is None or before.known is not None or before.message_id == message_id:
            return
        died = any(number == topic.gateway and at >= before.at for number, at in self._books.deaths)
        before.known = None if died else now

    async def _answer(self, link: Any, delivery: Delivery, reply: list[Any], delay: float) -> None:
        if delay:
            await asyncio.sleep(delay)
        envelope = {"type": reply[0], "id": reply[1]}
        if reply[0] == 3:
            envelope["response"] = reply[2]
        else:
            envelope |= {"error_code": reply[2], "error_description": reply[3]}
        for _ in range(2 if self.moods["twice"] else 1):
            if await self._publish(link, envelope):
                delivery.answered = time.monotonic()

    def _newest(self, station: str) -> Any:
        return self._heard.get(station)

    async def _send(self, link: Any, text: str) -> None:
        _, message_id, action, fields = json.loads(text)
        await self._publish(link, {"type": 2, "id": message_id, "action": action, "request": fields})

    @abstractmethod
    async def _publish(self, topic: Topic, envelope: dict[str, Any]) -> bool:
        """Say something to a station; tell whether it has gone to the broker."""


def _lose(topic: Topic) -> None:
    for delivery in topic.deliveries:
        delivery.lost = time.monotonic()


class BehindMosquitto(Behind):
    """A backend behind Mosquitto, on another implementation of MQTT than Voltgate's."""

    _client: paho.Client | None = None

    async def start(self) -> None:
        """Consume; while the broker is away, try again."""
        loop = asyncio.get_running_loop()
        client = self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
        client.reconnect_delay_set(1, 1)
        client.on_connect = lambda each, *_: each.subscribe(f"{self.name}/+/+/in/#", 1)
        client.on_disconnect = lambda each, data, flags, code, more: _soon(loop, self.cut)
        client.on_message = lambda each, data, message: _soon(loop, self._said, message)
        client.connect_async("127.0.0.1", self._port, keepalive=_ALIVE)
        client.loop_start()

    async def stop(self) -> None:
        """Consume no more."""
        client, self._client = self._client, None
        if client is not None:
            client.on_disconnect = client.on_message = None
            client.disconnect()
            await asyncio.to_thread(client.loop_stop)
        self.cut()

    def _said(self, message: paho.MQTTMessage) -> None:
        _, gateway, address, _, version, station = message.topic.split("/")
        answers = f"{self.name}/{gateway}/{address}/out/{version}/{station}"
        self._hear(self._topic(int(gateway), station, version, answers), json.loads(message.payload))

    async def _publish(self, topic: Topic, envelope: dict[str, Any]) -> bool:
        if self._client is not None:
            self._client.publish(topic.answers, json.dumps(envelope), 1)
        return True


def _soon(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *arguments: Any) -> None:
    loop.call_soon_threadsafe(callback, *arguments)
