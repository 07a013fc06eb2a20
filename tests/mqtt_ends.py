"""A consumer behind a broker, as an integrator would write one: on paho-mqtt, another implementation of MQTT 5."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections import deque
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.harness import Json, until
from tests.servers import Mosquitto


@dataclass(frozen=True, slots=True)
class Taken:
    """A message that a consumer has received."""

    topic: str
    payload: bytes
    properties: Any

    @property
    def envelope(self) -> Json:
        """The payload, parsed."""
        parsed = json.loads(self.payload)
        assert isinstance(parsed, dict)
        return parsed

    @property
    def kind(self) -> int:
        """The message type number."""
        return int(self.envelope["type"])

    @property
    def id(self) -> str:
        """The message id."""
        return str(self.envelope["id"])

    @property
    def action(self) -> str:
        """The action."""
        return str(self.envelope["action"])


class Consumer:
    """A consumer controlled by a test: what it receives is kept until the test reads it."""

    def __init__(self, broker: Mosquitto, prefix: str, client_id: str = "") -> None:
        self._broker = broker
        self._prefix = prefix
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[Taken] = deque()
        self.answers = False
        """Whether it answers every call with an empty result."""
        self._subscribed = 0
        self._acknowledged: dict[int, int] = {}
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id, protocol=paho.MQTTv5)
        self.client.on_message = lambda client, data, message: self._soon(self._take, message)
        self.client.on_subscribe = lambda client, data, mid, codes, properties: self._soon(self._count)
        self.client.on_publish = lambda client, data, mid, code, properties: self._soon(self._settle, mid, code.value)
        self.client.on_connect = lambda client, data, flags, code, properties: self._again()
        self._topics: list[tuple[str, int]] = []

    @classmethod
    async def connect(
        cls,
        broker: Mosquitto,
        prefix: str = "cs",
        topic: str = "in/#",
        *,
        login: tuple[str, str] | None = None,
        trust: ssl.SSLContext | None = None,
        will: tuple[str, bytes] | None = None,
        qos: int = 1,
    ) -> Consumer:
        """Connect and subscribe below the prefix; with an empty `topic` only connect."""
        consumer = cls(broker, prefix)
        if login is not None:
            consumer.client.username_pw_set(*login)
        if trust is not None:
            consumer.client.tls_set_context(trust)
        if will is not None:
            consumer.client.will_set(will[0], will[1], qos=1, retain=True)
        await asyncio.to_thread(consumer.client.connect, "127.0.0.1" if trust is None else "localhost", broker.port)
        consumer.client.loop_start()
        if topic:
            await consumer.subscribe(f"{prefix}/{topic}", qos)
        return consumer

    async def subscribe(self, topic: str, qos: int = 1) -> None:
        """Subscribe to one more topic."""
        wanted = self._subscribed + 1
        self._topics.append((topic, qos))
        self.client.subscribe(topic, qos)
        await until(lambda: self._subscribed >= wanted, f"the broker acknowledges the subscription to {topic}")

    def _again(self) -> None:
        """Subscribe again on a new connection, as every consumer has to."""
        if self._topics:
            self.client.subscribe(list(self._topics))

    def _soon(self, callback: Any, *arguments: Any) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(callback, *arguments)

    def _take(self, message: paho.MQTTMessage) -> None:
        taken = Taken(message.topic, message.payload, message.properties)
        if self.answers and taken.kind == 2:
            reply = json.dumps({"type": 3, "id": taken.id, "response": {}})
            self.client.publish(taken.properties.ResponseTopic, reply, 1)
        else:
            self._inbox.append(taken)

    def _count(self) -> None:
        self._subscribed += 1

    def _settle(self, mid: int, code: int) -> None:
        self._acknowledged[mid] = code

    # What it hears.

    async def next(self) -> Taken:
        """Return the next message."""
        await until(lambda: self._inbox, "a message for the consumer")
        return self._inbox.popleft()

    async def expect(self, action: str, kind: int = 2) -> Taken:
        """Return the next message; fail unless it has this action and type."""
        message = await self.next()
        assert (message.kind, message.envelope.get("action")) == (kind, action), message
        return message

    async def expect_answer(self, message_id: str) -> Taken:
        """Return the next message; fail unless it answers this call."""
        message = await self.next()
        assert message.kind in (3, 4), message
        assert message.id == message_id, message
        return message

    @property
    def unread(self) -> list[Taken]:
        """What was received and not read by the test."""
        return list(self._inbox)

    # What it says.

    async def publish(
        self, topic: str, payload: Any, *, retain: bool = False, correlation: bytes | None = None, qos: int = 1
    ) -> int:
        """Publish below the prefix, as JSON unless it is bytes; return the broker's reason code."""
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        properties = Properties(PacketTypes.PUBLISH)
        if correlation is not None:
            properties.CorrelationData = correlation
        info = self.client.publish(f"{self._prefix}/{topic}", data, qos, retain=retain, properties=properties)
        await until(lambda: info.mid in self._acknowledged, f"the broker acknowledges {topic}")
        return self._acknowledged[info.mid]

    async def ask(
        self,
        station: str,
        action: str,
        request: Json | None = None,
        message_id: str | None = None,
        *,
        protocol: str = "ocpp1.6",
        **more: Any,
    ) -> str:
        """Call a station; return the id of the call."""
        message_id = str(uuid4()) if message_id is None else message_id
        state = {"state": more.pop("state")} if "state" in more else {}
        call = {"type": 2, "id": message_id, "action": action, "request": request or {}} | state
        await self.publish(f"out/{protocol}/{station}", call, **more)
        return message_id

    async def answer(self, call: Taken, response: Json | None = None) -> None:
        """Answer a call with a result."""
        await self._reply(call, {"type": 3, "id": call.id, "response": response or {}})

    async def fail(self, call: Taken, code: str, description: str = "") -> None:
        """Answer a call with an error."""
        await self._reply(call, {"type": 4, "id": call.id, "error_code": code, "error_description": description})

    async def _reply(self, call: Taken, envelope: Json) -> None:
        topic = call.properties.ResponseTopic
        assert topic.startswith(f"{self._prefix}/")
        await self.publish(topic.removeprefix(f"{self._prefix}/"), envelope)

    async def drop(self) -> None:
        """Disconnect."""
        self.client.disconnect()
        await asyncio.to_thread(self.client.loop_stop)
