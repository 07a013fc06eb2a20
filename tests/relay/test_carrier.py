"""Carriers that many stations share: one event for all of them, where each leg would tell its own."""

from __future__ import annotations

import pytest

from tests.relay.stage import Line, Stage, one
from voltgate.ocpp.messages import FOREVER
from voltgate.relay.backend import Endpoint
from voltgate.relay.carrier import DialContext, SharedConnection
from voltgate.relay.events import CarrierDown, CarrierUp, Event, LegDown, LegUp
from voltgate.relay.leg import Leg
from voltgate.relay.wire import Receiver

BEAT = (2, "1", "Heartbeat", {})


class SharedLine(Line):
    """A station's share of a connection."""

    def __init__(self, stage: Stage, connection: SharedConnection) -> None:
        super().__init__(stage)
        self.shared = True
        self._connection = connection

    def start(self, receiver: Receiver) -> None:
        """Have the connection tell the receiver of its end."""
        super().start(receiver)
        self._connection.attach(self, receiver)

    def close(self, code: int, reason: str) -> None:
        """Leave the connection."""
        super().close(code, reason)
        self._connection.detach(self)


class Broker:
    """A carrier of the test: one connection for all stations, up or down when the test says so."""

    def __init__(self, *stages: Stage) -> None:
        self.events: list[Event] = []
        self.connection = SharedConnection("bus", self.events.append)
        self._stages = stages

    def up(self) -> None:
        """Connect, and answer what is dialled."""
        self.connection.up()
        for stage in self._stages:
            for leg in self._dials(stage):
                line = SharedLine(stage, self.connection)
                stage["bus"].lines.append(line)
                leg.opened(line)

    def refuse(self) -> None:
        """Fail to connect, and refuse what is dialled."""
        self.connection.down("connection refused", 1.0)
        for stage in self._stages:
            for leg in self._dials(stage):
                leg.failed("connection refused", shared=True)

    @staticmethod
    def _dials(stage: Stage) -> list[Leg]:
        legs = list(stage["bus"].dials)
        stage["bus"].dials.clear()
        return legs


def test_a_shared_connection_is_reported_once() -> None:
    """However many stations share it, that it is up, down and up again is one event each, and no event of legs."""
    stages = [Stage(one("bus")) for _ in range(3)]
    broker = Broker(*stages)
    broker.up()
    for stage in stages:
        stage.station.sends(*BEAT)
        stage["bus"].gets([*BEAT])
        stage["bus"].sends(3, "1", {})
        stage.station.gets([3, "1", {}])
    assert len(broker.connection) == 3
    broker.connection.down("the broker stops", 1.0)
    broker.connection.down("the broker stops", 1.0)
    assert len(broker.connection) == 0
    for stage in stages:
        stage.wait(2.0)
    broker.refuse()
    for stage in stages:
        assert stage.session.legs["bus"].state.value == "away"
        stage.wait(3.0)
    broker.up()
    assert all(stage.session.legs["bus"].up for stage in stages)
    assert broker.events == [
        CarrierUp("bus", first=True),
        CarrierDown("bus", "the broker stops", 1.0),
        CarrierUp("bus", first=False),
    ]
    for stage in stages:
        assert stage.happened(LegUp) == stage.happened(LegDown) == []


def test_a_shared_connection_that_never_was() -> None:
    """A connection that cannot be opened is reported once as well."""
    stage = Stage(one("bus"))
    broker = Broker(stage)
    broker.refuse()
    stage.wait(2.0)
    broker.refuse()
    assert broker.events == [CarrierDown("bus", "connection refused", 1.0)]
    assert stage.happened(LegDown) == []


def test_a_station_that_leaves_a_shared_connection() -> None:
    """The connection stays, and forgets the station."""
    stage, other = Stage(one("bus")), Stage(one("bus"))
    broker = Broker(stage, other)
    broker.up()
    stage.session.end(1000, "done")
    assert len(broker.connection) == 1
    broker.connection.down("the broker stops", None)
    assert other.session.legs["bus"].state.value == "away"


def test_a_wire_that_is_closed_while_its_leg_takes_it() -> None:
    """A session that ends by the first thing that is sent leaves nothing behind on a shared connection."""
    stage = Stage(one("bus"))
    broker = Broker(stage)
    broker.connection.up()
    (leg,) = stage["bus"].dials
    line = SharedLine(stage, broker.connection)
    line.send = lambda text, frame=None: stage.session.end(1001, "enough")  # type: ignore[method-assign]
    stage.station.sends(*BEAT)
    leg.opened(line)
    assert line.closed == (1000, "The station has gone")
    assert line.receiver is None
    assert len(broker.connection) == 0


def test_receivers_that_fail() -> None:
    """Every receiver is told of the end, also after one that fails."""
    told: list[str] = []

    class Failing:
        def __init__(self, name: str) -> None:
            self.name = name

        def received(self, text: bytes, frame: bytes | None, now: float, until: float = FOREVER) -> None: ...

        def writable(self, yes: bool) -> None: ...

        def lost(self, code: int, reason: str) -> None:
            told.append(self.name)
            raise RuntimeError(self.name)

    connection = SharedConnection("bus", lambda event: None)
    connection.up()
    connection.up()
    for name in "ab":
        connection.attach(name, Failing(name))
    with pytest.raises(ExceptionGroup) as failed:
        connection.down("gone", None)
    assert told == [str(fault) for fault in failed.value.exceptions] == ["a", "b"]


def test_an_endpoint() -> None:
    """The scheme picks the carrier; the identity is one percent-encoded segment of the path."""
    endpoint = Endpoint("WSS://csms.example/ocpp/{station}")
    assert endpoint.scheme == "wss"
    assert endpoint.address("a/b c") == "WSS://csms.example/ocpp/a%2Fb%20c"
    assert endpoint.address("a+b|c", "/x/a+b|c/?y") == "WSS://csms.example/ocpp/a+b|c"
    assert endpoint.address("CP1", "/ws://host/CP_1/S1") == "WSS://csms.example/ocpp/CP1"
    assert Endpoint("wss://x/y?id={station}").address("a&b", "/a&b") == "wss://x/y?id=a%26b"
    assert Endpoint("local:").scheme == "local"


class OfItsOwn:
    """A station that speaks another protocol than its session."""

    speaks = "ocpp1.5"


def test_what_a_station_speaks_itself() -> None:
    """A station whose session speaks otherwise than itself is told apart by its carrier."""
    assert DialContext("CP-1").speaks == ""
    assert DialContext("CP-1", native=OfItsOwn()).speaks == "ocpp1.5"


def test_a_connection_that_is_lost_while_a_wire_is_dialled() -> None:
    """A wire that was dialled before the connection was lost, and is started after, hears of it at once."""
    stage = Stage(one("bus"))
    broker = Broker(stage)
    broker.connection.up()
    (leg,) = stage["bus"].dials
    line = SharedLine(stage, broker.connection)
    broker.connection.down("the broker stops", None)
    leg.opened(line)
    assert stage.session.legs["bus"].state.value == "away"
    assert stage.station.closed is None
    assert len(broker.connection) == 0
