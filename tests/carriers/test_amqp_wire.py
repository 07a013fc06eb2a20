"""One station's wire behind RabbitMQ: under which key each call goes, and that every call is answered once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVarTuple

import msgspec

from tests.carriers.relay_end import RelayEnd
from voltgate.carriers.amqp.items import Item
from voltgate.carriers.amqp.past import Past
from voltgate.carriers.amqp.publisher import Obstacle, Outgoing, context_of
from voltgate.carriers.amqp.settings import AmqpCounts
from voltgate.carriers.amqp.told import ToldWire
from voltgate.carriers.amqp.wire import AmqpWire
from voltgate.carriers.bus_wire import MOST_HELD, BusWire
from voltgate.relay.carrier import Verdict
from voltgate.relay.tracing import RUNNING
from voltgate.relay.wire import Receiver

Ts = TypeVarTuple("Ts")
QUEUE = "voltgate.calls.0"
START = '[2,"1","StartTransaction",{"idTag":"A"}]'


class Bus:
    """Takes what a wire sends, and brings it what others say."""

    def __init__(self, past: Past | None = None, *, keys: str = "k") -> None:
        self.counts = AmqpCounts()
        self.patience = 30.0
        self.raw = True
        self.now = 0.0
        self.sent: list[tuple[str, Outgoing]] = []
        self.obstacle: Obstacle | None = None
        self.forgotten: list[Past] = []
        self.later: list[Callable[[], None]] = []
        self._keys = keys
        self._minted = 0
        self.told: dict[str, ToldWire] = {}
        self.wire = AmqpWire(self, "CP-1", "ocpp1.6", QUEUE, past or Past(), self.told)

    def clock(self) -> float:
        """Return the time of the test."""
        return self.now

    def wall(self) -> float:
        """Return the same as seconds since 1970."""
        return 1000.0 + self.now

    def put(self, queue: str, outgoing: Outgoing) -> Obstacle | None:
        """Take an item, unless the test says that something is in the way."""
        if self.obstacle is None:
            self.sent.append((queue, outgoing))
        return self.obstacle

    def mint(self) -> str:
        """Return a key."""
        self._minted += 1
        return f"{self._keys}{self._minted}"

    def attach(self, wire: BusWire[str, Past], receiver: Receiver) -> None:
        """Do nothing: the test ends the wire itself."""

    def forget(self, wire: BusWire[str, Past], past: Past) -> bool:
        """Note what is kept."""
        self.forgotten.append(past)
        return True

    def find(self, name: str) -> BusWire[str, Past] | None:
        """Return nothing: the test finds its wire itself."""

    def guard(self, wire: BusWire[str, Past], take: Callable[[*Ts], None], *what: *Ts) -> None:
        """Do it."""
        take(*what)

    def bar(self, name: str, verdict: Verdict) -> None:
        """Do nothing."""

    def wires(self, name: str) -> list[BusWire[str, Past]]:
        """Return the only one."""
        return [self.wire]

    def soon(self, callback: Callable[[], None]) -> None:
        """Keep it for later."""
        self.later.append(callback)

    def items(self) -> list[tuple[str, Any]]:
        """Return what was sent since the last look, each with its queue."""
        found = [(queue, json.loads(outgoing.item)) for queue, outgoing in self.sent]
        self.sent.clear()
        return found

    def keys(self, *texts: str) -> list[str]:
        """Have the station say something; return the keys under which it went."""
        for text in texts:
            self.wire.send(text.encode())
        return [item["key"] for _, item in self.items()]

    def says(self, key: str, message: list[Any], reply_to: str = "node", until: float = 2000.0) -> None:
        """Have somebody say something to the station."""
        self.wire.take(Item("CP-1", "", key, until, msgspec.Raw(json.dumps(message).encode())), reply_to)


class Station(RelayEnd):
    """The relay's end of the wire, for the station that would be behind it."""

    def __init__(self, bus: Bus) -> None:
        super().__init__()
        bus.wire.start(self)


def begun(past: Past | None = None, *, keys: str = "k") -> tuple[Bus, Station]:
    """Return a bus whose wire has been started, and the relay's end of it."""
    bus = Bus(past, keys=keys)
    station = Station(bus)
    assert bus.items()[-1] == (QUEUE, {"station": "CP-1", "protocol": "ocpp1.6", "until": 1030.0, "event": "connected"})
    return bus, station


def refused(key: str, message_id: str, code: str, why: str) -> tuple[str, Any]:
    """Return the item by which somebody hears that their call is not answered by the station."""
    item = {"station": "CP-1", "protocol": "ocpp1.6", "key": key, "until": 1030.0}
    return "node", item | {"message": [4, message_id, code, why, {}]}


def test_the_key_of_a_call() -> None:
    """A call has a new one; one that goes again after the broker was lost has its own, and a later twin has not."""
    bus, _ = begun()
    beat, other = '[2,"1","Heartbeat",{}]', '[2,"2","Heartbeat",{}]'
    assert bus.keys(beat, other, beat) == ["k1", "k2", "k3"]
    again, _ = begun(bus.wire.end(), keys="n")
    assert again.keys(beat, other, beat) == ["k3", "k2", "n1"]
    once_more, _ = begun(bus.wire.end(), keys="n")
    assert once_more.keys('[2,"1","Authorize",{}]', other) == ["n1", "n2"]


def test_a_call_that_is_traced() -> None:
    """The trace that it belongs to goes with it, in a header of a message that holds nothing else."""
    bus, _ = begun()
    RUNNING.context = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    bus.wire.send(b'[2,"1","Heartbeat",{}]')
    RUNNING.context = None
    bus.wire.send(b'[2,"2","Heartbeat",{}]')
    traced, plain = (outgoing for _, outgoing in bus.sent[-2:])
    assert context_of([traced]) == {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
    assert context_of([plain]) == context_of([traced, plain]) == {}


def test_the_key_of_what_somebody_is_paid_by() -> None:
    """It is the same through any gateway, under the same id; other words, ids or stations make another."""
    first, second = begun()[0], begun(keys="n")[0]
    (key,) = first.keys(START)
    assert second.keys(START, START) == [key, key]
    others = second.keys(START.replace('"A"', '"B"'), START.replace('"1"', '"2"'))
    second.wire = AmqpWire(second, "CP-2", "ocpp1.6", QUEUE, Past(), second.told)
    others += second.keys(START)
    assert len({key, *others}) == 4


def test_an_answer_goes_to_the_call_that_has_its_key() -> None:
    """One that comes twice, or to an older call with the same id, goes nowhere and is counted."""
    bus, station = begun()
    old, new = bus.keys('[2,"1","Heartbeat",{}]', '[2,"1","Authorize",{}]')
    bus.says(old, [3, "1", {"currentTime": "t"}])
    station.gets()
    bus.says(new, [3, "1", {"idTagInfo": {}}])
    bus.says(new, [3, "1", {"idTagInfo": {}}])
    station.gets([3, "1", {"idTagInfo": {}}])
    assert bus.counts.repeated == 2


def test_what_is_said_about_an_answer() -> None:
    """A CALLRESULTERROR answers nothing, whichever key it has: who has asked still gets the answer."""
    bus, station = begun()
    (key,) = bus.keys('[2,"1","Heartbeat",{}]')
    about = [5, "1", "FormatViolation", "", {}]
    bus.says(key, about)
    bus.says("another", about)
    bus.says(key, [3, "1", {"currentTime": "t"}])
    station.gets(about, about, [3, "1", {"currentTime": "t"}])


def test_calls_for_the_station() -> None:
    """One that comes again is made once; what cannot be passed on is answered, to who has asked."""
    bus, station = begun()
    reset = [2, "r", "Reset", {}]
    bus.says("a", reset)
    bus.says("a", reset)
    bus.says("b", reset)
    bus.says("c", [2, "late", "Reset", {}], until=999.0)
    bus.wire.pause()
    bus.says("d", [2, "p", "Reset", {}])
    bus.wire.resume()
    station.gets(reset)
    assert bus.items() == [
        refused("b", "r", "GenericError", "Another call with this id is open"),
        refused("c", "late", "InternalError", "The call has come too late: do the clocks agree?"),
        refused("d", "p", "InternalError", "The station does not read"),
    ]
    bus.wire.send(b'[3,"r",{"status":"Accepted"}]')
    bus.wire.send(b'[3,"r",{"status":"Accepted"}]')  # nobody waits for a second one
    (answer,) = bus.items()
    assert (answer[0], answer[1]["key"], answer[1]["message"]) == ("node", "a", [3, "r", {"status": "Accepted"}])
    assert (bus.counts.repeated, bus.counts.late, bus.counts.turned_away) == (1, 1, 1)


def test_a_call_has_the_time_that_it_was_given() -> None:
    """The relay is told until when, by its own clock, also of a call that came before the session."""
    bus = Bus()
    bus.says("a", [2, "a", "Reset", {}], until=1004.0)
    station = Station(bus)
    assert station.until == bus.clock() + 4.0
    bus.says("b", [2, "b", "Reset", {}], until=1002.5)
    assert station.until == bus.clock() + 2.5


def test_calls_before_the_session_has_begun() -> None:
    """So many are kept for it; more are answered."""
    bus = Bus()
    for number in range(MOST_HELD + 1):
        bus.says(f"k{number}", [2, str(number), "Reset", {}])
    why = "Too many calls wait for the station"
    assert bus.items() == [refused(f"k{MOST_HELD}", str(MOST_HELD), "InternalError", why)]
    Station(bus).gets(*([2, str(number), "Reset", {}] for number in range(MOST_HELD)))


def test_what_was_open_when_the_broker_was_lost() -> None:
    """Whoever asked hears from the next wire that it is not known what the station did."""
    bus, _ = begun()
    bus.says("a", [2, "r", "Reset", {}])
    again = Bus(bus.wire.end())
    assert again.items() == [
        refused(
            "a",
            "r",
            "InternalError",
            "The broker was lost before the station had answered: whether it did this is not known",
        )
    ]


def test_a_station_that_goes() -> None:
    """What it was asked is answered, and it is told of as gone; afterwards nothing more is said."""
    bus, station = begun()
    bus.says("a", [2, "r", "Reset", {}])
    bus.wire.close(1000, "")
    gone = (QUEUE, {"station": "CP-1", "protocol": "ocpp1.6", "until": 1030.0, "event": "disconnected"})
    assert bus.items() == [refused("a", "r", "InternalError", "The station has gone"), gone]
    bus.wire.send(b'[2,"1","Heartbeat",{}]')
    bus.wire.close(1000, "")
    assert not bus.items()
    assert station.ending is None


def test_a_call_that_is_not_taken() -> None:
    """Its station's backend is away; that nobody needs it any more is no reason."""
    for obstacle, ends in ((Obstacle.FULL, True), (Obstacle.UNROUTABLE, True), (Obstacle.LATE, False), (None, False)):
        bus, station = begun()
        bus.wire.send(b'[2,"1","Heartbeat",{}]')
        bus.sent[0][1].settled(obstacle)
        assert (station.ending is not None) is ends
    bus, station = begun()
    bus.obstacle = Obstacle.TOO_MANY
    bus.wire.send(START.encode())
    bus.later.pop()()
    assert station.ending == (1006, "too many messages wait for the broker")
    station.gets()


GONE = (QUEUE, {"station": "CP-1", "protocol": "ocpp1.6", "until": 1030.0, "event": "disconnected"})


def look(bus: Bus, times: int) -> list[tuple[str, Any]]:
    """Look so often who is there; return what was said."""
    for _ in range(times):
        for wire in list(bus.told.values()):
            wire.looked(is_news=False)
    return bus.items()


def test_a_station_that_goes_while_its_wire_is_lost() -> None:
    """That it has gone is said when it has not come again for a while, until the broker has it, and no more."""
    bus, _ = begun()
    bus.wire.lose("nobody consumes the queue")
    assert look(bus, AmqpWire.RETURNS - 1) == []
    bus.obstacle = Obstacle.FULL
    assert look(bus, 1) == []
    bus.obstacle = None
    for later in bus.later:
        later()
    assert look(bus, AmqpWire.RETURNS - 1) == []
    for wire in list(bus.told.values()):
        wire.looked(is_news=False)
    outgoing = bus.sent[0][1]
    assert bus.items() == [GONE]
    assert outgoing.expires == 3600.0  # whoever answers next needs to know
    outgoing.settled(None)
    assert look(bus, 2 * AmqpWire.RETURNS) == []


def test_a_station_that_comes_again_in_time() -> None:
    """It is not said to have gone."""
    bus, _ = begun()
    bus.wire.lose("full")
    look(bus, AmqpWire.RETURNS - 1)
    bus.wire = AmqpWire(bus, "CP-1", "ocpp1.6", QUEUE, Past(apart=True), bus.told)
    Station(bus)
    bus.items()
    assert look(bus, 2 * AmqpWire.RETURNS) == []


def test_a_station_whose_coming_is_not_taken() -> None:
    """It is without its backend, and comes again: else nobody would know of it before it says something."""
    bus = Bus()
    station = Station(bus)
    bus.sent[0][1].settled(Obstacle.FULL)
    assert station.ending == (1006, f"{QUEUE}: the queue takes no more")
