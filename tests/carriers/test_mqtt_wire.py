"""One station's wire behind a broker: what becomes of each message, and that every call is answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.carriers.relay_end import RelayEnd
from voltgate.carriers.bus_wire import MOST_HELD, BusWire
from voltgate.carriers.mqtt.calls import Answered, Given, Open, Past
from voltgate.carriers.mqtt.connection import Publication
from voltgate.carriers.mqtt.packets import NO_SUBSCRIBERS, TOO_LARGE, read_properties
from voltgate.carriers.mqtt.wire import MqttCounts, MqttWire, Obstacle, Topics
from voltgate.ocpp.envelope import Asked
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.carrier import Verdict
from voltgate.relay.tracing import RUNNING
from voltgate.relay.wire import Receiver

TOPICS = Topics.of("cs", "ocpp1.6", "CP-1")
PATIENCE = 30.0


class Broker:
    """Takes what a wire publishes, and brings it what a consumer says."""

    def __init__(self, past: Past | None = None, *, raw: bool = False) -> None:
        self.wheel = Wheel(0.0)
        self.counts = MqttCounts()
        self.now = 0.0
        self.sent: list[Publication] = []
        self.obstacle: Obstacle | None = None
        self.forgotten: list[Past] = []
        self.barred: list[tuple[bytes, str]] = []
        self._later: list[Callable[[], None]] = []
        self.wire = MqttWire(self, TOPICS, "ocpp1.6", past or Past(), PATIENCE, raw=raw)

    def clock(self) -> float:
        """Return the time of the test."""
        return self.now

    def publish(self, message: Publication) -> Obstacle | None:
        """Take a message, unless the test says that something is in the way."""
        if self.obstacle is None:
            self.sent.append(message)
        return self.obstacle

    def attach(self, wire: BusWire[bytes, Past], receiver: Receiver) -> None:
        """Do nothing: the test ends the wire itself."""

    def forget(self, wire: BusWire[bytes, Past], past: Past) -> bool:
        """Note what is kept."""
        self.forgotten.append(past)
        return True

    def bar(self, name: bytes, verdict: Verdict) -> None:
        """Note who is barred."""
        self.barred.append((name, verdict.reason))

    def wires(self, name: bytes) -> tuple[MqttWire, ...]:
        """Return none but the one of the test."""
        return ()

    def soon(self, callback: Callable[[], None]) -> None:
        """Keep it for `turn`."""
        self._later.append(callback)

    def turn(self) -> None:
        """Have the event loop turn."""
        later, self._later = self._later, []
        for callback in later:
            callback()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.wheel.tick(self.now)

    def gets(self, *expected: dict[str, Any] | list[Any]) -> None:
        """Fail unless exactly this was published since the last look."""
        found = [json.loads(message.payload) for message in self.sent]
        self.sent.clear()
        assert found == list(expected)

    def says(self, message: dict[str, Any] | list[Any], correlation: bytes | None = None) -> None:
        """Have a consumer publish a message for the station."""
        self.wire.take(json.dumps(message).encode(), correlation)

    def asks(self, message_id: str, action: str = "Reset", **more: Any) -> None:
        """Have a consumer call the station."""
        self.says({"type": 2, "id": message_id, "action": action, "request": {}} | more)


class Station(RelayEnd):
    """The relay's end of the wire, for whoever would be behind it."""

    def __init__(self, broker: Broker) -> None:
        super().__init__()
        self.broker = broker
        broker.wire.start(self)

    def sends(self, *message: Any) -> None:
        """Say something."""
        self.broker.wire.send(json.dumps(message).encode())


def error(message_id: str, why: str, action: str | None = "Reset", code: str = "InternalError") -> dict[str, Any]:
    """Return the envelope of an error of Voltgate's own."""
    said = {"type": 4, "id": message_id, "error_code": code, "error_description": why}
    return said if action is None else said | {"action": action, "request": {}}


BEAT = {"type": 2, "action": "Heartbeat", "id": "b", "request": {}}


def test_the_station_comes_first() -> None:
    """While a station waits for its answer no call of the consumer is sent to it; it gets both, in this order."""
    broker = Broker()
    station = Station(broker)
    station.sends(2, "b", "Heartbeat", {})
    broker.asks("1")
    broker.asks("2")
    station.gets()
    broker.gets(BEAT)
    broker.says({"type": 3, "id": "b", "response": {"currentTime": "t"}})
    station.gets([3, "b", {"currentTime": "t"}], [2, "1", "Reset", {}], [2, "2", "Reset", {}])


def test_a_call_that_is_traced() -> None:
    """The trace that it belongs to is a user property of the message; the next message has none."""
    broker = Broker()
    station = Station(broker)
    RUNNING.context = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    station.sends(2, "b", "Heartbeat", {})
    RUNNING.context = None
    station.sends(2, "c", "Heartbeat", {})
    traced, plain = broker.sent
    assert read_properties(traced.properties, 0)[1] == len(traced.properties)
    said = b"\x26\x00\x0btraceparent\x00\x3700-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert traced.properties.endswith(said)
    assert b"\x26\x00\x0btraceparent" not in plain.properties


def test_a_call_waits_for_nothing_that_came_after_it() -> None:
    """A station that never stops asking does not keep the consumer's calls from being made."""
    broker = Broker()
    station = Station(broker)
    station.sends(2, "b", "Heartbeat", {})
    broker.asks("1")
    received = station.received

    def asks_again(text: bytes, frame: bytes | None, now: float, until: float) -> None:
        received(text, frame, now, until)
        if json.loads(text)[0] == 3:
            station.sends(2, "c", "Heartbeat", {})

    station.received = asks_again  # type: ignore[method-assign]
    broker.says({"type": 3, "id": "b", "response": {}})
    station.gets([3, "b", {}], [2, "1", "Reset", {}])
    broker.asks("2")
    station.gets()


def test_a_consumer_that_does_not_answer() -> None:
    """Its own calls are made when the time for its answer is up, and its late answer is passed on all the same."""
    broker = Broker()
    station = Station(broker)
    station.sends(2, "b", "Heartbeat", {})
    broker.wait(10)
    broker.asks("1")
    broker.wait(PATIENCE - 11)
    station.gets()
    broker.wait(1.5)
    station.gets([2, "1", "Reset", {}])
    broker.asks("2")
    station.gets([2, "2", "Reset", {}])
    broker.says({"type": 3, "id": "b", "response": {}})
    station.gets([3, "b", {}])


def test_what_a_station_asks_is_never_held_back() -> None:
    """When both ask at once, the station's call goes through while it has the consumer's before it."""
    broker = Broker()
    station = Station(broker)
    broker.asks("1")
    station.gets([2, "1", "Reset", {}])
    station.sends(2, "b", "Heartbeat", {})
    broker.gets(BEAT)
    station.sends(3, "1", {"status": "Accepted"})
    broker.gets({"type": 3, "action": "Reset", "id": "1", "request": {}, "response": {"status": "Accepted"}})
    broker.says({"type": 4, "id": "b", "error_code": "InternalError", "error_description": "later"})
    station.gets([4, "b", "InternalError", "later", {}])


def test_too_many_calls_at_once() -> None:
    """A full queue answers: no call of the consumer is dropped silently."""
    broker = Broker()
    station = Station(broker)
    station.sends(2, "b", "Heartbeat", {})
    broker.sent.clear()
    for number in range(MOST_HELD + 1):
        broker.asks(str(number))
    broker.gets(error(str(MOST_HELD), "Too many calls wait for the station"))
    broker.says({"type": 6, "id": "s", "action": "NotifyPeriodicEventStream"})
    broker.gets()
    assert broker.counts.turned_away == 2
    broker.says({"type": 3, "id": "b", "response": {}})
    station.gets([3, "b", {}], *([2, str(number), "Reset", {}] for number in range(MOST_HELD)))


def test_a_station_that_does_not_read() -> None:
    """The consumer's calls are refused; its answers, which the station waits for, are not."""
    broker = Broker()
    station = Station(broker)
    broker.wire.pause()
    broker.asks("1")
    broker.gets(error("1", "The station does not read"))
    station.sends(2, "b", "Heartbeat", {})
    broker.says({"type": 3, "id": "b", "response": {}})
    station.gets([3, "b", {}])
    broker.wire.resume()
    broker.asks("2")
    station.gets([2, "2", "Reset", {}])


def test_a_call_that_comes_twice() -> None:
    """A call that the broker brings again is not made again: it gets the answer that it was given."""
    broker = Broker()
    station = Station(broker)
    broker.asks("1")
    broker.asks("1")
    station.gets([2, "1", "Reset", {}])
    broker.gets()
    station.sends(3, "1", {"status": "Accepted"})
    answer = {"type": 3, "action": "Reset", "id": "1", "request": {}, "response": {"status": "Accepted"}}
    broker.gets(answer)
    broker.asks("1")
    broker.gets(answer)
    station.gets()
    assert broker.counts.repeated == 2
    broker.asks("1", "ClearCache")
    station.gets([2, "1", "ClearCache", {}])


def test_an_id_that_is_used_again() -> None:
    """A consumer that counts from one again after a restart makes new calls: only a repetition soon after is none."""
    broker = Broker()
    station = Station(broker)
    broker.asks("1")
    station.sends(3, "1", {"status": "Accepted"})
    broker.wait(59)
    broker.asks("1")
    station.gets([2, "1", "Reset", {}])
    broker.wait(1)
    broker.asks("1")
    station.gets([2, "1", "Reset", {}])


def test_another_call_with_the_same_id() -> None:
    """While the first is open, nobody could tell whose an answer is."""
    broker = Broker()
    station = Station(broker)
    broker.asks("1")
    broker.asks("1", "ClearCache")
    station.gets([2, "1", "Reset", {}])
    broker.gets(error("1", "Another call with this id is open", "ClearCache", "GenericError"))
    station.sends(3, "1", {})
    broker.gets({"type": 3, "action": "Reset", "id": "1", "request": {}, "response": {}})


def test_how_many_answers_are_remembered() -> None:
    """The last sixteen, and of large ones none: what does something has a short answer."""
    answered = Answered()
    asked = Asked("Reset", b"{}")
    for number in range(17):
        answered.remember(str(number), Given(Open(asked, None), b"x", 0.0))
    answered.remember("16", Given(Open(asked, None), b"y", 0.0))
    assert answered.find("0", asked, 0.0) is None
    assert len(answered) == 16
    found = answered.find("16", asked, 0.0)
    assert found is not None
    assert found.payload == b"y"
    assert answered.find("16", Asked("Reset", b'{"type":"Hard"}'), 0.0) is None
    answered.remember("large", Given(Open(asked, None), bytes(20_000), 0.0))
    assert len(answered) == 16, "the others are not forgotten for it"
    for number in range(3):
        answered.remember(str(number), Given(Open(Asked("Reset", b"{}", bytes(3000)), bytes(4000)), b"x", 0.0))
    assert len(answered) == 2, "whatever is kept with it counts"


def test_what_is_asked_while_the_session_begins() -> None:
    """It is kept for the station, as far as there is room."""
    broker = Broker()
    for number in range(MOST_HELD + 1):
        broker.asks(str(number))
    broker.gets(error(str(MOST_HELD), "Too many calls wait for the station"))
    Station(broker).gets(*([2, str(number), "Reset", {}] for number in range(MOST_HELD)))


def test_a_station_that_goes() -> None:
    """Who waits for its answer is told."""
    broker = Broker()
    station = Station(broker)
    broker.asks("1")
    broker.says({"type": 2, "id": "2", "action": "Reset"}, b"trace")
    broker.wire.close(1000, "The station has gone")
    assert [message.properties.endswith(b"\x09\0\x05trace") for message in broker.sent] == [False, True]
    broker.gets(error("1", "The station has gone"), error("2", "The station has gone"))
    (past,) = broker.forgotten
    assert past is not None
    assert not past.open, "what is remembered is answered"
    broker.wire.close(1000, "again")
    broker.wire.send(b'[3,"1",{}]')
    broker.gets()
    assert station.ending is None


def test_what_is_no_message() -> None:
    """Its sender is told, under its id where that could be read; the station gets none of it."""
    broker = Broker()
    station = Station(broker)
    broker.wire.take(b"{", None)
    broker.gets(error("-1", "The message is no envelope in JSON", None, "RpcFrameworkError"))
    broker.says({"type": 2, "id": "1"}, b"c")
    assert broker.sent[0].properties.endswith(b"c")
    broker.gets(error("1", "The call names no action", None, "FormatViolation"))
    station.gets()
    assert broker.counts.unreadable == 2


def test_nobody_subscribes() -> None:
    """A broker that has nobody to give a call to says so: the backend is away, and its leg is told why."""
    broker = Broker()
    station = Station(broker)
    station.sends(2, "b", "Heartbeat", {})
    (message,) = broker.sent
    assert message.settled is not None
    message.settled(NO_SUBSCRIBERS)
    assert station.ending == (1006, "nobody subscribes to cs/in/ocpp1.6/CP-1")
    assert not broker.wire.shared
    assert (broker.counts.unheard, broker.counts.refused) == (1, 0)
    message.settled(0x87)
    (past,) = broker.forgotten
    assert past is not None
    assert not Broker(past).wire.shared, "that it is back is reported too"


def test_a_broker_that_refuses() -> None:
    """What the broker does not let us publish has not been heard either."""
    broker = Broker()
    station = Station(broker)
    station.sends(2, "b", "Heartbeat", {})
    (message,) = broker.sent
    assert message.settled is not None
    message.settled(0x87)
    assert station.ending == (1006, "the broker does not take cs/in/ocpp1.6/CP-1: not authorized (0x87)")
    assert broker.counts.refused == 1
    assert broker.barred == [(TOPICS.towards_station, station.ending[1])]


def test_a_broker_that_is_busy() -> None:
    """What it refuses for the moment is tried again as the backend's `retry` says: the station is not left alone."""
    broker = Broker()
    station = Station(broker)
    station.sends(2, "b", "Heartbeat", {})
    (message,) = broker.sent
    assert message.settled is not None
    message.settled(0x97)
    assert station.ending == (1006, "the broker does not take cs/in/ocpp1.6/CP-1: quota exceeded (0x97)")
    assert not broker.barred


def test_a_call_that_the_broker_finds_too_large() -> None:
    """It is as one that is known to be too large: the backend is not away for that."""
    broker = Broker()
    station = Station(broker)
    station.sends(2, "b", "DataTransfer", {})
    station.sends(2, "t", "MeterValues", {})
    for message in broker.sent:
        assert message.settled is not None
        message.settled(0x95)
        broker.turn()
    station.gets([4, "b", "InternalError", "the message is larger than the broker takes", {}])
    assert station.ending == (1006, "the message is larger than the broker takes")
    assert not broker.barred


def test_an_answer_that_nobody_hears_is_no_loss() -> None:
    """Only a call needs somebody: what a consumer asked and does not wait for is its own affair."""
    broker = Broker()
    station = Station(broker)
    broker.asks("1")
    station.sends(3, "1", {})
    assert [message.settled for message in broker.sent] == [None]


@pytest.mark.parametrize("obstacle", [Obstacle.TOO_MANY, Obstacle.AWAY])
def test_a_call_that_cannot_be_sent(obstacle: Obstacle) -> None:
    """The backend is away then: no answer is made up, and nobody is told before the call has been noted."""
    broker = Broker()
    station = Station(broker)
    broker.obstacle = obstacle
    station.sends(2, "b", "Heartbeat", {})
    assert station.ending is None
    broker.turn()
    assert station.ending == (1006, obstacle.value)


def test_a_call_that_is_too_large() -> None:
    """Its station is told, for it would be as large the next time; but nobody answers what somebody is paid by."""
    broker = Broker()
    station = Station(broker)
    broker.obstacle = Obstacle.TOO_LARGE
    station.sends(2, "b", "DataTransfer", {})
    station.sends(6, "s", "NotifyPeriodicEventStream", {})
    broker.turn()
    station.gets([4, "b", "InternalError", "the message is larger than the broker takes", {}])
    assert station.ending is None
    station.sends(2, "t", "MeterValues", {})
    broker.turn()
    assert station.ending == (1006, "the message is larger than the broker takes")


@pytest.mark.parametrize("known", [True, False])
def test_a_call_that_is_too_large_holds_back_nothing(*, known: bool) -> None:
    """The station has its answer: what a consumer asks it then does not wait for another one."""
    broker = Broker()
    station = Station(broker)
    broker.obstacle = Obstacle.TOO_LARGE if known else None
    station.sends(2, "b", "DataTransfer", {})
    broker.obstacle = None
    broker.asks("1")
    for message in broker.sent:
        assert message.settled is not None
        message.settled(TOO_LARGE)
    broker.turn()
    broker.asks("2")
    refused = [4, "b", "InternalError", "the message is larger than the broker takes", {}]
    station.gets(refused, [2, "1", "Reset", {}], [2, "2", "Reset", {}])


def test_an_answer_that_is_too_large() -> None:
    """The consumer hears that it is."""
    broker = Broker()
    station = Station(broker)
    broker.asks("1")
    publish, broker.obstacle = broker.publish, Obstacle.TOO_LARGE

    def but_errors(message: Publication) -> Obstacle | None:
        broker.obstacle = Obstacle.TOO_LARGE if b'"type":3' in message.payload else None
        return publish(message)

    broker.publish = but_errors  # type: ignore[method-assign]
    station.sends(3, "1", {"list": []})
    broker.gets(error("1", "The station's answer is larger than the broker takes"))


def test_an_answer_that_the_broker_finds_too_large() -> None:
    """Brokers that do not tell their limit beforehand say so afterwards: the consumer hears that too."""
    broker = Broker()
    station = Station(broker)
    broker.asks("1")
    station.sends(3, "1", {"list": []})
    (message,) = broker.sent
    broker.sent.clear()
    assert message.instead is not None
    message.instead()
    refused = error("1", "The station's answer is larger than the broker takes")
    broker.gets(refused)
    broker.asks("1")
    broker.gets(refused)


def test_an_error_that_is_too_large() -> None:
    """It does not repeat the request then, which is what makes it so: every call is answered."""
    broker = Broker()
    station = Station(broker)
    broker.asks("1")
    publish = broker.publish

    def but_short_ones(message: Publication) -> Obstacle | None:
        return Obstacle.TOO_LARGE if b'"request"' in message.payload else publish(message)

    broker.publish = but_short_ones  # type: ignore[method-assign]
    station.sends(3, "1", {})
    why = "The station's answer is larger than the broker takes"
    broker.gets({"type": 4, "id": "1", "error_code": "InternalError", "error_description": why})
    broker.wire.pause()
    broker.asks("2")
    why = "The station does not read"
    broker.gets({"type": 4, "id": "2", "error_code": "InternalError", "error_description": why})


def test_a_connection_that_is_lost() -> None:
    """What the consumer had asked is answered on the next one: nobody knows whether the station has done it.

    The same call, which the consumer's own client may publish again, is not made again.
    """
    broker = Broker()
    station = Station(broker)
    broker.asks("1")
    station.gets([2, "1", "Reset", {}])
    past = broker.wire.end()
    broker.wire.send(b'[3,"1",{}]')
    broker.gets()
    again = Broker(past)
    lost = "The broker was lost before the station had answered: whether it did this is not known"
    again.gets(error("1", lost))
    assert again.wire.shared
    station = Station(again)
    again.asks("1")
    again.gets(error("1", lost))
    station.gets()


def test_a_wire_that_was_lost_before_its_session_began() -> None:
    """Whoever starts it is told at once."""
    broker = Broker()
    broker.wire.end()
    station = Station(broker)
    assert station.ending == (1006, "the connection was lost meanwhile")


def test_frames_as_they_are() -> None:
    """With `envelope = "ocpp"` both sides speak OCPP-J, and every rule holds as it does for envelopes."""
    broker = Broker(raw=True)
    station = Station(broker)
    station.sends(2, "b", "Heartbeat", {})
    broker.says([2, "1", "Reset", {}])
    broker.gets([2, "b", "Heartbeat", {}])
    broker.says([3, "b", {}])
    station.gets([3, "b", {}], [2, "1", "Reset", {}])
    broker.says([2, "1", "Reset", {}])
    station.sends(3, "1", {"status": "Accepted"})
    broker.says([2, "1", "Reset", {}])
    broker.gets([3, "1", {"status": "Accepted"}], [3, "1", {"status": "Accepted"}])
    broker.says([9])
    broker.gets([4, "-1", "MessageTypeNotSupported", "Message type 9 is unknown", {}])
    station.sends(5, "x", "FormatViolation", "bad", {})
    broker.gets([5, "x", "FormatViolation", "bad", {}])


def test_messages_of_2_1() -> None:
    """SEND waits for no answer and holds nothing back; a complaint about a result is passed on."""
    broker = Broker()
    station = Station(broker)
    station.sends(6, "s", "NotifyPeriodicEventStream", {})
    broker.gets({"type": 6, "action": "NotifyPeriodicEventStream", "id": "s", "request": {}})
    broker.says({"type": 6, "id": "t", "action": "Anything"})
    broker.says({"type": 5, "id": "u", "error_code": "FormatViolation", "error_description": "bad"})
    station.gets([6, "t", "Anything", {}], [5, "u", "FormatViolation", "bad", {}])
    station.sends(5, "x", "FormatViolation", "bad", {})
    broker.gets({"type": 5, "id": "x", "error_code": "FormatViolation", "error_description": "bad"})
    broker.wire.close(1000, "")
    broker.gets()
