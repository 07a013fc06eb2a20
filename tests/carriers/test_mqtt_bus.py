"""Connections to brokers: a real Mosquitto, the carrier as the gateway has it, and stations that are receivers only."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.carriers.relay_end import RelayEnd
from tests.harness import until
from tests.keypair import write_chain
from tests.mqtt_ends import Consumer
from tests.servers import Mosquitto, mosquitto
from voltgate.carriers.bus import Surroundings
from voltgate.carriers.mqtt import bus, homeassistant, later, packets
from voltgate.carriers.mqtt.carrier import MqttCarrier, MqttDialling
from voltgate.carriers.mqtt.connection import Broker
from voltgate.carriers.mqtt.homeassistant import HomeSettings
from voltgate.carriers.mqtt.packets import Published
from voltgate.carriers.mqtt.wire import MqttWire
from voltgate.carriers.websocket import reaching
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.dialler import Dialler
from voltgate.gates import Slots
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Backend, BackendSettings, Endpoint, Retry
from voltgate.relay.carrier import DialContext, DialledWire, Verdict
from voltgate.relay.events import CarrierDown, CarrierUp, Event
from voltgate.telemetry.supervision import Supervision


@pytest.fixture(scope="module")
def shared() -> Iterator[Mosquitto]:
    """A broker that tests share which do nothing to it."""
    with mosquitto() as server:
        yield server


class Gateway:
    """The carrier with the wheel of a process, and what a backend's section says."""

    def __init__(self, broker: Mosquitto, prefix: str, most: int = 50_000, **how: Any) -> None:
        self.events: list[Event] = []
        self.wheel = Wheel(time.monotonic(), 0.01)
        self.supervision = Supervision(shortest=0.01)
        names = how.pop("names", None) or Resolver()
        around = Surroundings(self.wheel, time.monotonic, lambda: 0.0, self.happened, names, self.supervision.keep)
        self.carrier = MqttCarrier(around, most)
        self.dialler = Dialler({"mqtt": self.carrier}, Slots(newcomers=2, sessions=2, probes=1, long=0.2))
        patience = how.pop("patience", 5.0)
        dialled = {key: how.pop(key) for key in ("presence", "raw", "home") if key in how}
        address = Broker(how.pop("host", "localhost"), broker.port, **{"patience": patience, "ping": 0.5} | how)
        dialling = MqttDialling(address, prefix, patience=30.0, **dialled)
        self.endpoint = Endpoint(broker.url, dialling)
        retry = Retry(first=0.05, longest=0.2, jitter=0)
        self.backend = Backend(BackendSettings("bus", retry=retry, endpoints=(self.endpoint,)))
        self._ticking = asyncio.ensure_future(self._tick())

    def happened(self, event: Event) -> None:
        """Keep an event, and do with it what a process does."""
        self.events.append(event)
        if isinstance(event, CarrierUp):
            self.dialler.answers(event.backend)

    async def _tick(self) -> None:
        while True:
            self.wheel.tick(time.monotonic())
            await asyncio.sleep(0.01)

    async def dial(self, identity: str, version: str = "ocpp1.6") -> MqttWire | Verdict:
        """Dial for a station."""
        return await self.carrier.dial(self.backend, self.endpoint, DialContext(identity), (version,), answering=True)

    async def station(self, identity: str) -> tuple[RelayEnd, MqttWire]:
        """Dial for a station until that succeeds, and start its wire."""
        wire = await until(lambda: self._opened(identity), f"a wire for {identity}")
        assert isinstance(wire, MqttWire)
        station = RelayEnd()
        wire.start(station)
        return station, wire

    async def _opened(self, identity: str) -> MqttWire | None:
        found = await self.dial(identity)
        return found if isinstance(found, MqttWire) else None

    @property
    def connections(self) -> list[bus.MqttBus]:
        """Every connection that there is."""
        return [each for each in self.carrier._buses if not each.closed]

    async def drop(self) -> None:
        """Leave."""
        await self.dialler.close()
        await self.carrier.close()
        self._ticking.cancel()


@contextlib.asynccontextmanager
async def gateway(broker: Mosquitto, prefix: str, **how: Any) -> AsyncIterator[Gateway]:
    """Run a carrier for as long as it is needed."""
    made = Gateway(broker, prefix, **how)
    try:
        yield made
    finally:
        await made.drop()


@contextlib.asynccontextmanager
async def consumer(broker: Mosquitto, prefix: str, **more: Any) -> AsyncIterator[Consumer]:
    """Run a consumer for as long as it is needed."""
    made = await Consumer.connect(broker, prefix, **more)
    try:
        yield made
    finally:
        await made.drop()


def beat(number: int = 0) -> bytes:
    """Return a call of a station."""
    return b'[2,"%d","Heartbeat",{}]' % number


async def test_stations_share_a_connection(shared: Mosquitto) -> None:
    """There is one connection, and another one when it is full; topics are subscribed to in batches."""
    batches: list[int] = []
    subscribe = bus.Connection.subscribe

    def counted(self: bus.Connection, topics: list[bytes], *, retained: bool = False) -> asyncio.Future[bytes]:
        batches.append(len(topics))
        return subscribe(self, topics, retained=retained)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(bus.Connection, "subscribe", counted)
        async with gateway(shared, "share", most=120) as here, consumer(shared, "share") as there:
            stations = await asyncio.gather(*(here.station(f"CP-{number}") for number in range(160)))
            assert sorted(map(len, here.connections)) == [40, 120]
            assert batches == [50, 50, 20, 40]
            assert here.events == [CarrierUp("bus", first=True)] * 2
            await there.ask("CP-159", "Reset", {}, "r")
            await until(lambda: stations[159][0].inbox == [[2, "r", "Reset", {}]], "the call")
            assert not any(station.inbox for station, _ in stations[:159])
            for number, (_, wire) in enumerate(stations):
                wire.send(beat(number))
            heard = {(await there.next()).topic for _ in stations}
            assert heard == {f"share/in/ocpp1.6/CP-{number}" for number in range(160)}


async def test_more_than_the_broker_takes_at_once() -> None:
    """Not more is in flight than the broker's receive maximum; all of it arrives, in order."""
    with mosquitto("max_inflight_messages 5") as broker:
        async with gateway(broker, "flight") as here, consumer(broker, "flight") as there:
            _, wire = await here.station("CP-1")
            for number in range(300):
                wire.send(b'[6,"%d","NotifyPeriodicEventStream",{}]' % number)
            connection = here.connections[0]._connection
            assert connection is not None
            assert (connection.window, connection.waiting) == (5, 295)
            assert [(await there.next()).id for _ in range(300)] == [str(number) for number in range(300)]


async def test_a_broker_that_is_killed(tmp_path: Path) -> None:
    """All stations hear of it, are dialled again, and go on; one event says so, however many they are."""
    with mosquitto() as broker:
        async with gateway(broker, "killed") as here:
            stations = [await here.station(f"CP-{number}") for number in range(60)]
            broker.kill()
            await until(lambda: all(station.ending for station, _ in stations), "every station hears of it")
            stations[0][1].send(beat())
            dialling = [asyncio.ensure_future(here.station(f"CP-{number}")) for number in range(60)]
            await until(lambda: len(here.events) == 2, "the event")
            broker.start()
            again = await asyncio.gather(*dialling)
            async with consumer(broker, "killed") as there:
                again[59][1].send(beat(7))
                assert (await there.next()).topic == "killed/in/ocpp1.6/CP-59"
                await there.ask("CP-0", "Reset", {}, "r")
                await until(lambda: again[0][0].inbox == [[2, "r", "Reset", {}]], "a call of the consumer")
            up, down, back = here.events
            assert (up, back) == (CarrierUp("bus", first=True), CarrierUp("bus", first=False))
            assert isinstance(down, CarrierDown)
            assert here.carrier.counts.losses == 1


async def test_an_answer_that_the_broker_did_not_acknowledge(tmp_path: Path) -> None:
    """It is published again until its asker, who has lost the broker too, can hear it. Calls are repeated otherwise."""
    with mosquitto() as broker:
        async with gateway(broker, "unsent") as here, consumer(broker, "unsent") as there:
            _, wire = await here.station("CP-1")
            await there.ask("CP-1", "Reset", {}, "r")
            await until(lambda: wire._open, "the call")
            broker.signal(signal.SIGSTOP)
            wire.send(b'[3,"r",{"status":"Accepted"}]')
            wire.send(beat())
            await asyncio.sleep(0)  # both are written
            broker.kill()
            broker.start()
            assert (await there.expect_answer("r")).envelope["response"] == {"status": "Accepted"}
            await here.station("CP-1")
            assert not there.unread


async def test_an_answer_just_after_the_connection_was_lost() -> None:
    """It waits for the next connection, as one does that the broker has not acknowledged."""
    with mosquitto() as broker:
        async with gateway(broker, "after") as here, consumer(broker, "after") as there:
            station, wire = await here.station("CP-1")
            await there.ask("CP-1", "Reset", {}, "r")
            await until(lambda: station.inbox, "the call")
            connection = here.connections[0]._connection
            assert connection is not None
            connection.connection_lost(None)
            wire.send(b'[3,"r",{"status":"Accepted"}]')
            assert (await there.expect_answer("r")).kind == 3
            assert here.carrier.counts.answers_lost == 0


async def test_answers_that_nobody_wants(shared: Mosquitto) -> None:
    """They are given up when they are old."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(later, "_STALE", 0.3)
        patched.setattr(later, "_AGAIN", 0.1)
        async with gateway(shared, "unwanted") as here, consumer(shared, "unwanted", topic="") as there:
            station, wire = await here.station("CP-1")
            await there.ask("CP-1", "Reset", {}, "r")
            await until(lambda: station.inbox, "the call")
            wire.send(b'[3,"r",{"status":"Accepted"}]')
            await until(lambda: here.carrier.counts.answers_lost == 1, "it is given up")
            assert station.ending is None


async def test_a_broker_that_says_nothing() -> None:
    """Silence is noticed by what was not acknowledged, or by a ping, and ends the connection."""
    with mosquitto() as broker:
        async with gateway(broker, "silent", patience=0.5) as here:
            for spoken in (True, False):
                station, wire = await here.station("CP-1")
                broker.signal(signal.SIGSTOP)
                if spoken:
                    wire.send(beat())
                await until(lambda: station.ending, "the silence is noticed")  # noqa: B023 - awaited here
                assert station.ending == (1006, "the broker has been silent for 0.5 s")
                found = await here.dial("CP-1")
                assert isinstance(found, Verdict)
                assert found.shared
                broker.signal(signal.SIGCONT)


async def test_credentials_that_are_revoked(tmp_path: Path) -> None:
    """The broker lets us go, and says why it does not let us in again; with good ones all is well."""
    passwords = tmp_path / "passwords"

    def write(password: str) -> None:
        subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "gateway", password], check=True)
        subprocess.run(["mosquitto_passwd", "-b", str(passwords), "other", "x"], check=True)

    await asyncio.to_thread(write, "secret")
    with mosquitto(f"password_file {passwords}") as broker:
        async with gateway(broker, "login", login=("gateway", "secret"), patience=2.0) as here:
            station, _ = await here.station("CP-1")
            await asyncio.to_thread(write, "another")
            broker.signal(signal.SIGHUP)
            await until(lambda: station.ending, "the broker lets us go")
            refused = await until(lambda: _refusal(here), "the broker refuses us")
            assert "refuses the connection: not authorized (0x87)" in refused.reason
            assert refused.shared
            await asyncio.to_thread(write, "secret")
            broker.signal(signal.SIGHUP)
            await here.station("CP-1")
        async with gateway(broker, "login", patience=2.0) as stranger:
            found = await _refusal(stranger)
            assert found is not None
            assert "not authorized" in found.reason


async def _refusal(here: Gateway) -> Verdict | None:
    found = await here.dial("CP-1")
    return found if isinstance(found, Verdict) and "refuses" in found.reason else None


async def test_topics_that_are_not_ours(tmp_path: Path) -> None:
    """A station whose topic the broker does not let us publish on is left alone for a while.

    Mosquitto 2.0.11 closes the connection of all stations at each attempt.
    """
    rules = tmp_path / "rules"
    rules.write_text("topic readwrite rules/+/ocpp1.6/CP-1\n")
    with mosquitto(f"acl_file {rules}") as broker:
        async with gateway(broker, "rules") as here, consumer(broker, "rules") as there:
            _, wire = await here.station("CP-1")
            mute, barred = await here.station("CP-2")
            barred.send(beat())
            await until(lambda: mute.ending, "the broker does not take it")
            why = "the broker does not take rules/in/ocpp1.6/CP-2: not authorized (0x87)"
            assert mute.ending == (1006, why)
            assert await here.dial("CP-2") == Verdict(None, why)
            assert here.carrier.counts.refused == 1
            _, wire = await here.station("CP-1")
            wire.send(beat())
            await there.answer(await there.expect("Heartbeat"))


async def test_topics_of_home_assistant_that_are_not_ours(tmp_path: Path) -> None:
    """It is not told any more then: Mosquitto 2.0.11 would close the connection of all stations each time."""
    rules = tmp_path / "rules"
    rules.write_text("topic readwrite home/#\n")
    with mosquitto(f"acl_file {rules}") as broker:
        settings = HomeSettings()
        async with gateway(broker, "home", home=settings) as here, consumer(broker, "home") as there:
            status = b'[2,"s","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available"}]'
            with capture_logs() as log:
                station, wire = await here.station("CP-1")
            told = [line for line in log if line["log_level"] == "error"]
            assert [line["reason"] for line in told] == ["not authorized (0x87)"]
            assert "let the gateway publish below its prefix" in told[0]["event"]
            for _ in range(3):
                wire.send(status)
                await there.answer(await there.expect("StatusNotification"))
            await until(lambda: len(station.inbox) == 3, "the answers")
            assert station.ending is None


async def test_more_stations_than_a_home_has(shared: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that came first are shown; who goes makes room."""
    monkeypatch.setattr(homeassistant, "_MOST_STATIONS", 1)
    async with gateway(shared, "many", home=HomeSettings()) as here:
        _, first = await here.station("CP-1")
        _, second = await here.station("CP-2")
        assert (first.watcher is None, second.watcher is None) == (False, True)
        first.close(1000, "gone")
        _, third = await here.station("CP-3")
        assert third.watcher is not None
        await here.station("CP-1")


async def test_by_tls(tmp_path: Path) -> None:
    """The broker's certificate is verified, by the authority that is trusted, and by no other."""
    chain, key, root = write_chain(tmp_path)
    trusting, distrusting = ssl.create_default_context(cafile=str(root)), ssl.create_default_context()
    with mosquitto(pair=(chain, key)) as broker:
        async with (
            gateway(broker, "tls", ssl=trusting) as here,
            consumer(broker, "tls", trust=trusting) as there,
        ):
            _, wire = await here.station("CP-1")
            wire.send(beat())
            await there.expect("Heartbeat")
        async with gateway(broker, "tls", ssl=distrusting, patience=1.0) as here:
            found = await here.dial("CP-1")
            assert isinstance(found, Verdict)
            assert "name the authority that signed it in ca" in found.reason


async def test_messages_that_are_too_large() -> None:
    """What the broker does not take is not sent: it would close the connection of all stations."""
    with mosquitto("max_packet_size 2000") as broker:
        async with gateway(broker, "large") as here, consumer(broker, "large") as there:
            station, wire = await here.station("CP-1")
            wire.send(b'[2,"1","DataTransfer",{"data":"%b"}]' % (b"x" * 2000))
            await until(lambda: station.inbox, "an answer")
            assert station.inbox == [[4, "1", "InternalError", "the message is larger than the broker takes", {}]]
            wire.send(b'[2,"2","DataTransfer",{"data":"%b"}]' % (b"x" * 1500))
            assert (await there.expect("DataTransfer")).id == "2"
            assert (station.ending, here.carrier.counts.oversized) == (None, 1)


async def test_a_limit_that_the_broker_does_not_tell() -> None:
    """It is found out once, for Mosquitto closes the connection of all stations at each message beyond it."""
    with mosquitto("message_size_limit 2000") as broker:
        async with gateway(broker, "limit") as here, consumer(broker, "limit") as there:
            for number in range(1, 4):
                station, wire = await here.station("CP-1")
                wire.send(b'[2,"1","DataTransfer",{"data":"%b"}]' % (b"x" * 3000))
                await until(partial(_answered_or_gone, station, number), "an answer; the first time, the end too")
                assert station.inbox == [[4, "1", "InternalError", "the message is larger than the broker takes", {}]]
                assert bool(station.ending) is (number == 1)
            assert (here.carrier.counts.losses, here.carrier.counts.oversized) == (1, 2)
            await there.ask("CP-1", "GetConfiguration", {}, "g")
            await until(lambda: len(station.inbox) == 2, "the call")
            wire.send(b'[3,"g",{"configurationKey":["%b"]}]' % (b"x" * 3000))
            assert (await there.expect_answer("g")).envelope["error_code"] == "InternalError"


def _answered_or_gone(station: RelayEnd, number: int) -> bool:
    return bool(station.inbox and (station.ending or number > 1))


async def test_an_answer_beyond_a_limit_that_the_broker_does_not_tell() -> None:
    """Whoever asked hears that it is too large."""
    with mosquitto("message_size_limit 2000") as broker:
        async with gateway(broker, "limit") as here, consumer(broker, "limit") as there:
            station, wire = await here.station("CP-1")
            await there.ask("CP-1", "GetConfiguration", {}, "g")
            await until(lambda: station.inbox, "the call")
            wire.send(b'[3,"g",{"configurationKey":["%b"]}]' % (b"x" * 3000))
            assert (await there.expect_answer("g")).envelope["error_code"] == "InternalError"


async def test_an_answer_beyond_a_quota(shared: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is published again: what a broker refuses for the moment was still asked for."""
    codes = iter([0x97])
    monkeypatch.setattr(packets, "read_ack", lambda body: (int.from_bytes(body[:2], "big"), next(codes, 0)))
    async with gateway(shared, "quota") as here, consumer(shared, "quota") as there:
        station, wire = await here.station("CP-1")
        await there.ask("CP-1", "Reset", {}, "1")
        await until(lambda: station.inbox, "the call")
        wire.send(b'[3,"1",{}]')
        assert [(await there.expect_answer("1")).kind for _ in range(2)] == [3, 3]
        assert here.carrier.counts.answers_lost == 0


async def test_messages_that_the_broker_keeps(shared: Mosquitto) -> None:
    """A RemoteStart that was published as a retained message does not begin a session with every connection."""
    async with gateway(shared, "kept") as here, consumer(shared, "kept") as there:
        station, wire = await here.station("CP-1")
        await there.ask("CP-1", "RemoteStartTransaction", {"idTag": "A"}, "r", retain=True)
        await until(lambda: station.inbox == [[2, "r", "RemoteStartTransaction", {"idTag": "A"}]], "it is made once")
        wire.close(1000, "The station has gone")
        assert (await there.expect_answer("r")).kind == 4
        station, _ = await here.station("CP-1")
        await there.ask("CP-1", "Reset", {}, "s")
        await until(lambda: station.inbox, "a call")
        assert station.inbox == [[2, "s", "Reset", {}]]


async def test_stations_that_go(shared: Mosquitto) -> None:
    """Nobody listens on the topic of a station that is not here, and its sender can know that from the broker."""
    async with gateway(shared, "gone") as here, consumer(shared, "gone") as there:
        _, wire = await here.station("CP-1")
        wire.close(1000, "gone")
        found = [await there.publish("out/ocpp1.6/CP-1", {}) for _ in range(50)]
        assert found[-1] == 0x10, "no matching subscribers"


async def test_a_call_that_crosses_a_stations_leave(shared: Mosquitto) -> None:
    """It goes to whichever gateway has the station now; where none has, it is answered: nothing is lost between."""
    call = {"type": 2, "id": "1", "action": "Reset", "request": {}, "state": 7}
    async with gateway(shared, "leave") as here, consumer(shared, "leave") as there:
        _, wire = await here.station("CP-1")
        crossing = Published(b"leave/out/ocpp1.6/CP-1", json.dumps(call).encode(), None, False, b"mine")
        wire.close(1000, "gone")
        here.connections[0].published(crossing)
        answer = await there.expect_answer("1")
        assert (answer.kind, answer.topic) == (4, "leave/in/ocpp1.6/CP-1")
        assert (answer.envelope["request"], answer.envelope["state"]) == ({}, 7)
        assert answer.properties.CorrelationData == b"mine"
        async with gateway(shared, "leave") as elsewhere:
            _, wire = await here.station("CP-1")
            station, new = await elsewhere.station("CP-1")
            wire.close(1000, "gone")
            here.connections[0].published(replace(crossing, payload=json.dumps(call | {"id": "2"}).encode()))
            await until(lambda: station.inbox, "the call")
            new.send(b'[3,"2",{}]')
            answer = await there.expect_answer("2")
            assert (answer.kind, answer.properties.CorrelationData) == (3, b"mine")
        _, wire = await here.station("CP-1")
        wire.close(1000, "gone")
        here.connections[0].published(replace(crossing, payload=json.dumps(call | {"id": "3"}).encode()))
        here.connections[0].published(replace(crossing, payload=b'{"type":3,"id":"4"}'))
        station, wire = await here.station("CP-1")
        await until(lambda: station.inbox, "the call")
        assert station.inbox == [[2, "3", "Reset", {}]]
        assert here.carrier.counts.strays == 1, "an answer that nobody waits for"


async def test_a_call_that_comes_with_the_subscription(shared: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker may send the first message in the same moment in which it acknowledges the topic."""
    granted = bus.MqttBus.granted

    def with_a_call(self: bus.MqttBus, name: bytes) -> None:
        granted(self, name)
        self.published(Published(name, b'{"type":2,"id":"1","action":"Reset","request":{}}', None, False, None))

    monkeypatch.setattr(bus.MqttBus, "granted", with_a_call)
    async with gateway(shared, "early") as here:
        station, _ = await here.station("CP-1")
        await until(lambda: station.inbox, "the call")
        assert station.inbox == [[2, "1", "Reset", {}]]


async def test_a_call_that_comes_again_after_its_station_did(shared: Mosquitto) -> None:
    """A Reset makes a station connect anew: the same call, which QoS 1 may bring twice, must not reset it again."""
    async with gateway(shared, "again") as here, consumer(shared, "again") as there:
        for ends in ("closed", "replaced"):
            station, wire = await here.station("CP-1")
            await there.ask("CP-1", "Reset", {}, ends)
            await until(partial(_has_heard, station), "the call")
            wire.send(b'[3,"%b",{"status":"Accepted"}]' % ends.encode())
            await there.expect_answer(ends)
            if ends == "closed":
                wire.close(1000, "the station resets")
            again, newer = await here.station("CP-1")
            if ends == "replaced":
                wire.close(1000, "replaced")
            await there.ask("CP-1", "Reset", {}, ends)
            assert (await there.expect_answer(ends)).envelope["response"] == {"status": "Accepted"}
            assert not again.inbox
            newer.close(1000, "gone")


def _has_heard(station: RelayEnd) -> bool:
    return bool(station.inbox)


async def test_a_station_that_comes_again(shared: Mosquitto) -> None:
    """The newer wire takes over when it begins; when the older one goes, the newer keeps its topic."""
    async with gateway(shared, "twice") as here, consumer(shared, "twice") as there:
        old, old_wire = await here.station("CP-1")
        wire = await here.dial("CP-1")
        assert isinstance(wire, MqttWire)
        await there.ask("CP-1", "Reset", {}, "1")
        await until(lambda: old.inbox, "the older one still answers")
        new = RelayEnd()
        wire.start(new)
        old_wire.close(1000, "replaced")
        assert (await there.expect_answer("1")).kind == 4
        await there.ask("CP-1", "Reset", {}, "2")
        await until(lambda: new.inbox, "the newer one does")
        assert (len(old.inbox), len(new.inbox), len(here.connections[0])) == (1, 1, 1)


async def test_who_is_there(shared: Mosquitto) -> None:
    """With a presence topic the backend is there while one of its consumers is, and each may die at any time."""
    presence = "there/consumers/+"
    async with gateway(shared, "there", presence=presence, patience=1.5) as here:
        found = await here.dial("CP-1")
        assert found == Verdict(None, f"no consumer is present at {presence}", shared=True)
        one = await Consumer.connect(shared, "there", will=("there/consumers/one", b""))
        async with consumer(shared, "there") as two:
            await one.publish("consumers/one", b"online", retain=True)
            station, wire = await here.station("CP-1")
            await two.publish("consumers/two", b"1", retain=True)
            await two.publish("consumers/two", b"offline")
            wire.send(beat())
            await two.expect("Heartbeat")
            assert station.ending is None
            one.client._sock_close()  # as if it had died: its will is published
            await until(lambda: station.ending, "nobody is there")
            assert station.ending == (1006, f"no consumer is present at {presence}")
            await two.publish("consumers/two", b"online", retain=True)
            await here.station("CP-1")
        assert [type(event) for event in here.events] == [CarrierDown, CarrierUp, CarrierDown, CarrierUp]
        await one.drop()


@pytest.mark.parametrize("identity", ["a/b", "a+", "#", "a\0b", "\n", "\x85", "\ufffe", "\ud800"])
async def test_identities_that_no_topic_ends_with(shared: Mosquitto, identity: str) -> None:
    """A station's identity is never another station's topic, nor a broker's reason to close the connection."""
    async with gateway(shared, "odd") as here:
        found = await here.dial(identity)
        assert isinstance(found, Verdict)
        assert (found.status, found.shared, found.ours) == (400, False, True)
        assert found.reason.startswith("cannot have a topic for this identity, which contains '")
        assert not here.connections


async def test_quality_of_service_0(shared: Mosquitto) -> None:
    """Nothing is acknowledged, and everything goes both ways."""
    async with gateway(shared, "zero", qos=0) as here, consumer(shared, "zero", qos=0) as there:
        station, wire = await here.station("CP-1")
        wire.send(beat(7))
        await there.answer(await there.expect("Heartbeat"))
        await until(lambda: station.inbox == [[3, "7", {}]], "the answer")
        connection = here.connections[0]._connection
        assert connection is not None
        assert not connection.unsettled()


async def test_a_dial_that_is_given_up(shared: Mosquitto) -> None:
    """Nothing is left of a station that went while it was dialled for."""
    async with gateway(shared, "given-up") as here, consumer(shared, "given-up") as there:
        await here.station("CP-2")
        dialling = asyncio.ensure_future(here.dial("CP-1"))
        await asyncio.sleep(0)
        dialling.cancel()
        await asyncio.gather(dialling, return_exceptions=True)
        assert len(here.connections[0]) == 1
        await until(lambda: _is_gone(there), "the topic is let go")


async def _is_gone(there: Consumer) -> bool:
    return await there.publish("out/ocpp1.6/CP-1", {}) == 0x10


async def test_a_fault_in_what_the_broker_says(shared: Mosquitto) -> None:
    """It ends the connection, and is made known as whatever the event loop calls; the next connection goes on."""
    loop = asyncio.get_running_loop()
    async with gateway(shared, "said") as here, consumer(shared, "said") as there:
        station, _ = await here.station("CP-1")
        with capture_logs() as lines, pytest.MonkeyPatch.context() as patched:
            loop.set_exception_handler(here.supervision.of_the_loop)
            patched.setattr(bus.MqttWire, "started", property(lambda wire: wire.nonsense))
            await there.ask("CP-1", "Reset")
            await until(lambda: station.ending, "the station hears of it")
        loop.set_exception_handler(None)
        assert [line["task"] for line in lines if line["log_level"] == "error"] == ["callbacks"]
        again, _ = await here.station("CP-1")
        await there.ask("CP-1", "ClearCache", {}, "c")
        await until(lambda: [2, "c", "ClearCache", {}] in again.inbox, "a call")


async def test_an_address_that_is_silent(shared: Mosquitto, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker of several addresses is had at the one that answers, though another one accepts connections first."""
    monkeypatch.setattr(reaching, "_DELAY", 600.0)  # however long it takes to accept
    names = Resolver(look_up=lambda host, port: ["127.0.0.2", "127.0.0.1"])
    with socket.socket() as silent:
        silent.bind(("127.0.0.2", shared.port))
        silent.listen(16)
        async with gateway(shared, "addresses", patience=1.0, host="broker.test", names=names) as here:
            found = await here.dial("CP-1")
            assert found == Verdict(None, "no answer within 1 s", shared=True)
            await here.station("CP-1")


class Newcomer:
    """A leg that a dialler brings a wire."""

    def __init__(self, backend: Backend) -> None:
        self.backend, self.link, self.wanted = backend, self, True
        self.became: object = None

    def opened(self, wire: DialledWire) -> None:
        """Keep the wire."""
        self.became = wire

    def failed(self, reason: str, *, shared: bool = False) -> None:
        """Keep why there is none; it is the connection's doing, not this station's."""
        assert shared
        self.became = reason


async def test_a_broker_that_hangs_is_dialled_once() -> None:
    """However many stations want it there is one connection; they are told soon, and all come in when it answers."""
    with mosquitto() as broker:
        async with gateway(broker, "hangs", patience=1.5) as here:
            opened = list[bool]()
            open_one = bus.Connection.open
            under_way = 0

            async def counted(*terms: Any) -> bus.Connection:
                nonlocal under_way
                opened.append(under_way == 0)
                under_way += 1
                try:
                    return await open_one(*terms)
                finally:
                    under_way -= 1

            def newcomer(number: int) -> asyncio.Future[DialledWire | Verdict]:
                context = DialContext(f"CP-{number}")
                return asyncio.ensure_future(
                    here.dialler.dial(here.backend, context, ("ocpp1.6",), answering=True, within=60.0)
                )

            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(bus.Connection, "open", counted)
                broker.signal(signal.SIGSTOP)
                legs = [Newcomer(here.backend) for _ in range(20)]
                for number, leg in enumerate(legs):
                    here.dialler.start(leg, DialContext(f"IN-{number}"), ("ocpp1.6",), answering=True)  # type: ignore[arg-type]
                refused = await asyncio.gather(*map(newcomer, range(20)))
                await until(lambda: all(leg.became for leg in legs), "the sessions are told")
                assert all(isinstance(each, Verdict) and each.shared for each in refused)
                assert all(opened)
                assert len(here.connections) == 1
                broker.signal(signal.SIGCONT)
                await here.station("CP-100")
            found = await asyncio.gather(*map(newcomer, range(20)))
            assert [type(each) for each in found] == [MqttWire] * 20
            assert [each.newcomers.hangs for each in here.dialler.gates.values()] == [False]


@contextlib.asynccontextmanager
async def pretender(*said: bytes) -> AsyncIterator[Any]:
    """Pretend to be a broker, which answers each packet with the next of these, and then with nothing."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            for answer in said:
                if not await reader.read(1000):
                    break
                writer.write(answer)
            await reader.read()
        writer.transport.abort()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield SimpleNamespace(port=port, url=f"mqtt://localhost:{port}")


LET_IN = b"\x20\x03\0\0\0"
DOES_NOT_LET = "the broker does not let us subscribe to no/out/ocpp1.6/CP-1: "


@pytest.mark.parametrize(
    ("said", "reason", "shared"),
    [
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(100),), "the broker sent no CONNACK", True),
        ((b"\x20\x03\0\x84\0",), "the broker refuses the connection: it does not speak MQTT 5 (0x84)", True),
        ((b"\x20\x01\0",), "the broker sent a CONNACK that is cut off", True),
        ((b"\x20\xff\xff\xff\xff",), "the broker sent a number of more than four bytes", True),
        ((), "no answer within 0.3 s", True),
        ((LET_IN, b"\x90\x04\0\x01\0\x87"), f"{DOES_NOT_LET}not authorized (0x87)", False),
        ((LET_IN, b"\xe0\x02\x98\0"), "the broker says: administrative action (0x98)", True),
        ((LET_IN + b"\xe0\x01\x98",), "the broker says: administrative action (0x98)", True),
        ((LET_IN + b"\x20\x00",), "the broker sent a packet of type 2, which is not for clients", True),
        ((LET_IN, b"\x60\0"), "the broker sent a packet of type 6, which is not for clients", True),
        ((LET_IN,), "the broker has been silent for 0.3 s", True),
    ],
)
async def test_a_far_end_that_is_no_broker(said: tuple[bytes, ...], reason: str, *, shared: bool) -> None:
    """Whatever answers there, dialling ends with a reason; those of the connection are reported for all stations."""
    async with pretender(*said) as somebody, gateway(somebody, "no", patience=0.3) as here:
        assert await here.dial("CP-1") == Verdict(None, reason, shared=shared)


async def test_nobody_is_at_the_port() -> None:
    """A station that is being let in does not wait for a broker that is known to be away."""
    with mosquitto() as broker:
        broker.kill()
        async with gateway(broker, "nobody", patience=60.0) as here:
            for _ in range(2):
                found = await here.dial("CP-1")
                assert isinstance(found, Verdict)
                assert "Connect call failed" in found.reason


def test_what_is_one_connection() -> None:
    """Backends share none, and a new certificate makes a new one."""
    first = Broker("localhost", 1883)
    assert first == replace(first, ssl=ssl.create_default_context())
    assert first != replace(first, trust=("new",))
