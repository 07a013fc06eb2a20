"""The bench's broker and the consumer behind it: a process that starts Mosquitto, and answers each call at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bench.frames import KINDS, Kind, sequence_of
from bench.installs import program
from bench.worker import job, run, serve
from voltgate.carriers.bus import Away
from voltgate.carriers.mqtt import packets
from voltgate.carriers.mqtt.connection import Broker, Connection, Publication
from voltgate.carriers.mqtt.packets import Published
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.ocpp.wheel import Wheel

MARK = b'"id":"'
_BY_REQUEST = {kind.payload: kind for kind in KINDS}
QUIET = packets.complete(b"")


def kind_of(said: bytes) -> Kind | None:
    """Return which call of the bench an envelope is."""
    return _BY_REQUEST.get(said[said.find(b'"request":') + 10 : -1])


@dataclass(slots=True)
class Tally:
    """What came, and what was answered."""

    links: int = 0
    """Stations that have said something."""
    calls: int = 0
    out_of_order: int = 0
    """Calls whose number is not the one after the station's last."""
    wrong: int = 0
    """Messages that no station sent."""
    following: dict[bytes, int] = field(default_factory=dict)
    """The number that each station's next call has, by the topic that its answers go to."""


class Consumer:
    """One connection to the broker that takes what all stations say."""

    def __init__(self, tally: Tally) -> None:
        self.tally = tally
        self.connection: Connection | None = None

    def published(self, message: Published) -> None:
        """Answer a call."""
        tally, said = self.tally, message.payload
        at = said.find(MARK) + len(MARK)
        message_id = said[at : at + 36]
        kind = kind_of(said)
        number = sequence_of(message_id)
        if kind is None or number < 0 or self.connection is None:
            tally.wrong += 1
            return
        topic = message.topic.replace(b"cs/in/", b"cs/out/", 1)
        if number != tally.following.get(topic, 0):
            tally.out_of_order += 1
        tally.following[topic] = number + 1
        tally.calls += 1
        answer = b'{"type":3,"id":"%b","response":%b}' % (message_id, kind.answer)
        self.connection.publish(Publication(packets.field(topic), QUIET, answer, 0.0))

    def too_large(self, size: int) -> None:
        """Fail: this broker takes all."""
        sys.exit(f"the broker does not take {size} bytes")

    def ended(self, connection: Connection, reason: str) -> None:
        """End with the broker."""
        sys.exit(f"the broker has gone: {reason}")


async def main() -> None:
    """Start the broker, consume, and report the tally when asked."""
    port = job()["ports"]["answer"]
    with tempfile.TemporaryDirectory(prefix="bench-mqtt-") as folder:
        configuration = Path(folder, "mosquitto.conf")
        user = "user root\n" if os.geteuid() == 0 else ""
        await asyncio.to_thread(
            configuration.write_text,
            f"listener {port} 127.0.0.1\nallow_anonymous true\n{user}"
            "set_tcp_nodelay true\nmax_inflight_messages 1000\nmax_queued_messages 0\n"
            "persistence false\nlog_type error\n",
        )
        broker = await asyncio.create_subprocess_exec(program("mosquitto"), "-c", str(configuration))
        try:
            await consume(port)
        finally:
            broker.kill()
            await broker.wait()


async def consume(port: int) -> None:
    """Connect, subscribe, and serve the bench."""
    wheel = Wheel(time.monotonic())
    consumer = Consumer(Tally())
    broker, until = Broker("127.0.0.1", port, ping=0.0), time.monotonic() + 10
    while consumer.connection is None:
        with contextlib.suppress(Away):
            consumer.connection = await Connection.open(broker, "bench", consumer, Resolver(), wheel, time.monotonic)
        if time.monotonic() > until:
            sys.exit("the broker does not listen")
        await asyncio.sleep(0.02)
    await consumer.connection.subscribe([b"cs/in/#"])

    async def answer(_: dict[str, object]) -> dict[str, object]:
        tally = consumer.tally
        tally.links = len(tally.following)
        found = asdict(tally)
        del found["following"]
        return {"answer": found}

    await serve(answer)
    consumer.connection.close()


if __name__ == "__main__":
    sys.exit(run(main))
