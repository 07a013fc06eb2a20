"""Hops, readings and returns in mid-air: what is open, owed or stands back is neither lost nor said twice."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relay.stage import Line, Stage, one, playing
from voltgate.departed import Departed
from voltgate.ocpp.messages import Call
from voltgate.relay.delivery import Delivery
from voltgate.relay.records import OwedRecord, Page
from voltgate.relay.uplink import State

START = {"connectorId": 1, "idTag": "77", "timestamp": "t", "meterStart": 0}
STOP = {"transactionId": 5, "meterStop": 9}
BOOT = {"chargePointVendor": "v", "chargePointModel": "m"}
ALWAYS = {"deliver": "always", "when_down": "wait"}


def event(kind: str, seq: int, **more: Any) -> dict[str, Any]:
    """Make an event of 2.x."""
    return {"eventType": kind, "seqNo": seq, "transactionInfo": {"transactionId": "T1"}, **more}


def charging(stage: Stage, number: int = 5) -> None:
    """Play a start that `a` numbers."""
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": number})
    for far in stage.far.values():
        far.line.take()
    stage.station.take()


class Door:
    """Lets the station come and go as the gateway does."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.departed = stage, Departed(lambda: stage.now)

    def goes(self) -> None:
        """Lose the station's socket."""
        self.stage.station.hangs_up()
        self.departed.add(self.stage.session)

    def comes(self, *, admit: str) -> None:
        """Let the station in again."""
        stage = self.stage
        old = None if stage.session.ended else stage.session
        ledger = old.ledger if old is not None else self.departed.ledger("cp-1", stage.now)
        old = old or self.departed.lingering("cp-1")
        stage.session, stage.station = stage.newcomer(ledger)
        if old is not None:
            stage.session.take_over(old, keep_legs=admit == "gateway")
        stage.open()


def stopping(stage: Stage) -> tuple[Door, Line]:
    """Have the station say its stop to `a`; return its door, and the link on which the stop is open."""
    stage.station.sends(2, "x", "StopTransaction", STOP)
    line = stage["a"].line
    line.take()
    return Door(stage), line


def hops(door: Door, *backends: str) -> None:
    """Lose the station, and let it in again a moment later under `admit = "backend"`."""
    door.goes()
    door.stage.wait(0.5)
    door.comes(admit="backend")
    door.stage.up(*backends)


def test_a_book_that_is_read_late() -> None:
    """A book that is read late, when something of it is under way already, has it delivered once."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS})
    for far in stage.far.values():
        far.dials.clear()
    ledger = stage.ports.ledger("cp-1", Page("cp-1"))
    stage.session, stage.station = stage.newcomer(ledger)
    stage.open()
    stage.up("a", "b")
    stage.station.sends(2, "s", "StartTransaction", START)
    ledger.unread = True
    stage["a"].sends(3, "s", {"transactionId": 5})
    stage["b"].gets([2, "s", "StartTransaction", START])
    ledger.read(stage.store.page("cp-1"))
    stage.session.follow(stage.session.plans, "home", {n: stage[n].backend for n in "ab"})
    stage["b"].sends(3, "s", {"transactionId": 900})
    stage.wait(5)
    stage["b"].gets()


def test_what_was_answered_long_ago() -> None:
    """What the owner has answered is on record when the station comes again much later, without a restart."""
    stage = playing("a", version="ocpp2.0.1")
    stage.station.sends(2, "e0", "TransactionEvent", event("Started", 0))
    stage["a"].gets([2, "e0", "TransactionEvent", event("Started", 0)])
    stage["a"].sends(3, "e0", {})
    stage.station.take()  # lost on the way
    stage.station.hangs_up()
    stage.wait(60)
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a")
    stage.station.sends(2, "f0", "TransactionEvent", event("Started", 0))
    stage["a"].gets()
    stage.station.gets([3, "f0", {}])


def test_two_hops_with_a_stop_open() -> None:
    """A station that comes twice while its stop is open still waits for the first answer."""
    stage = playing("a")
    charging(stage)
    door, first = stopping(stage)
    door.goes()
    door.comes(admit="backend")
    stage.up("a")
    hops(door, "a")
    stage.station.sends(2, "x2", "StopTransaction", STOP)
    stage["a"].gets()
    first.sends(3, "x", {})
    stage.station.gets([3, "x2", {}])


def test_a_reload_and_a_hop_with_a_stop_open() -> None:
    """A stop that is open on a leg which a reload has let go is waited for when the station comes again."""
    stage = playing("a")
    charging(stage)
    door, _ = stopping(stage)
    stage.replaces("a", window=3)
    stage.moves(one("a"))
    stage.up("a")
    hops(door, "a")
    stage.station.sends(2, "x2", "StopTransaction", STOP)
    stage["a"].gets()


def test_two_hops_with_an_owed_start_under_way() -> None:
    """What a backend is being told that it is owed is not told again on the next links."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS})
    stage.up("a", "b")
    door = Door(stage)
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    first = stage["b"].line
    first.gets([2, "s", "StartTransaction", START])
    door.goes()
    door.comes(admit="backend")
    stage.up("a", "b")
    hops(door, "a", "b")
    stage.wait(2)
    stage["b"].gets()


@pytest.mark.parametrize("when_down", ["wait", "refuse", "close"])
def test_a_hop_with_a_stop_open_where_the_gateway_admits(when_down: str) -> None:
    """Under `admit = "gateway"` a station that comes again with a stop open gets links of its own."""
    stage = Stage(one("a", copy=("b",)), backends={"a": {"when_down": when_down}, "b": ALWAYS})
    stage.up("a", "b")
    charging(stage)
    stage["b"].sends(3, "s", {"transactionId": 900})
    door, first = stopping(stage)
    door.goes()
    door.comes(admit="gateway")
    stage.station.sends(2, "x2", "StopTransaction", STOP)
    first.sends(3, "x", {})
    stage.station.gets([3, "x2", {}])
    stage.wait(1)
    stage.station.sends(2, "h", "Heartbeat", {})
    assert all(leg.state is not State.ENDED for leg in stage.session.legs.values())


def test_a_stop_that_is_said_again_to_the_stand_in() -> None:
    """A stop that the station says again to the stand-in is owed once."""
    stage = Stage(one("a"), backends={"a": {"when_down": "answer"}})
    stage.up("a")
    stage.station.sends(2, "b", "BootNotification", BOOT)
    stage["a"].sends(3, "b", {"status": "Accepted", "interval": 60, "currentTime": "t"})
    charging(stage)
    stage["a"].hangs_up()
    stage.station.sends(2, "x", "StopTransaction", STOP)
    stage.station.hangs_up()
    stage.session, stage.station = stage.newcomer()
    stage.open()
    del stage["a"].dials[:-1]
    stage["a"].refuses()
    stage.station.sends(2, "x2", "StopTransaction", STOP)
    assert len(stage.store.of(OwedRecord)) == 1


def test_what_stands_back_wakes_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transaction that stands back wakes nobody while its link is away, and nobody after the end."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS}, backend_patience=5)
    stage.up("a", "b")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    stage.wait(6)
    stage["b"].hangs_up()
    stage.wait(1.5)
    stage["b"].dials.clear()
    stage.wait(30)
    woken: list[float] = []
    wake = Delivery._wake

    def count(delivery: Delivery, now: float) -> None:
        woken.append(now)
        wake(delivery, now)

    monkeypatch.setattr(Delivery, "_wake", count)
    stage.wait(10)
    assert len(woken) < 5
    stage.station.hangs_up()
    stage["a"].line.hangs_up()
    woken.clear()
    stage.wait(10)
    assert woken == []


def test_what_is_taken_back_while_the_rest_is_read() -> None:
    """What stood back when a piece was asked for, and is taken back before it comes, is not forgotten."""
    stage = Stage(one("a", copy=("b",)), backends={"b": ALWAYS}, backend_patience=5)
    stage.up("a", "b")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    stage["b"].gets([2, "s", "StartTransaction", START])
    stage.wait(5.2)  # never answered: it stands back
    assert stage.session.ledger.journal.back_at("b") < 1e300
    # enough for a piece of its own
    for n in range(40):
        stage.station.sends(2, f"m{n}", "MeterValues", {"connectorId": 2, "n": n})
        stage["a"].sends(3, f"m{n}", {})
    stage.store.slow = True
    for _ in range(40):
        for message in stage["b"].line.take():
            stage["b"].sends(3, message[1], {})
    debt = stage.session.ledger.journal._debts["b"]
    assert debt.reading is not None
    stage["b"].hangs_up()
    stage.wait(2)
    stage.up("b")
    stage.store.slow = False
    stage.store.writes()
    got: list[str] = []
    for _ in range(60):
        stage.wait(1)
        for message in stage["b"].line.take():
            got.append(message[1])
            stage["b"].sends(3, message[1], {"transactionId": 900})
    assert "s" in got, stage.store.of(OwedRecord)


def test_many_stations_go_at_once() -> None:
    """However many stations go at once, what is open of one of them is waited for."""
    stage = playing("a")
    charging(stage)
    door, _ = stopping(stage)
    door.goes()
    for n in range(1000):
        stage.now += 0.001
        other, _ = stage.newcomer()
        other.key = f"other-{n}"
        door.departed.add(other)
    door.comes(admit="backend")
    stage.up("a")
    stage.station.sends(2, "x2", "StopTransaction", STOP)
    stage["a"].gets()


@pytest.mark.parametrize("how", ["2x", "16"])
def test_what_is_said_again_while_the_backend_catches_up(how: str) -> None:
    """What is said again while the backend catches up is owed once."""
    version = "ocpp1.6" if how == "16" else "ocpp2.0.1"
    stage = Stage(one("a"), version=version, backends={"a": {"when_down": "answer"}})
    stage.up("a")
    stage.station.sends(2, "b", "BootNotification", BOOT)
    stage["a"].sends(3, "b", {"status": "Accepted", "interval": 60, "currentTime": "t"})
    if how == "16":
        charging(stage)
        said = ("StopTransaction", STOP)
    else:
        stage.station.sends(2, "s", "TransactionEvent", event("Started", 0))
        stage["a"].sends(3, "s", {})
        stage["a"].line.take()
        said = ("TransactionEvent", event("Ended", 1))
    stage.session.ledger.owe("a", Call("old", "StopTransaction", b'{"transactionId":1}'), None)
    stage.session.legs["a"].deliver(late=True)
    assert stage["a"].line.take()[0][1] == "old"
    stage.station.sends(2, "x", *said)
    stage.station.hangs_up()
    stage.session, stage.station = stage.newcomer(stage.session.ledger)
    stage.open()
    stage.up("a")
    stage.station.sends(2, "x2", *said)
    assert [r.message_id for r in stage.store.of(OwedRecord)] == ["old", "x"]
