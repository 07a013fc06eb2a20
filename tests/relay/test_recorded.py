"""What is written down of a station's messages: why each went where it went, and what was changed on the way."""

from __future__ import annotations

import json
from typing import Any

from tests.relay.policies.test_transactions_16 import ACCEPTED, OTHER, START, split, starts, told
from tests.relay.stage import Stage, one, playing
from voltgate.ocpp.messages import Call, Result
from voltgate.relay.plan import Chain
from voltgate.relay.policies.validation import strictly
from voltgate.relay.rule import Rule
from voltgate.relay.tap import Decision, Heard, Overheard, decision_of, overheard_of
from voltgate.relay.tokens import ANY, listed


class Pencil:
    """A recorder of a stage, from now on: of all stations, or of those on some routes."""

    def __init__(self, stage: Stage, *routes: str) -> None:
        self.taken: list[tuple[Overheard, Decision | None]] = []
        self.odd: list[tuple[str, str | None, bytes, str]] = []
        self._routes = routes
        stage.ports.taps.recorder = self
        stage.session.look_for_taps()

    def wants(self, key: str, route: str) -> bool:
        """Say whether a station is recorded."""
        return not self._routes or route in self._routes

    def take(self, heard: Heard) -> None:
        """Take a call."""
        self.taken.append((overheard_of(heard), decision_of(heard)))

    def malformed(self, station: str, backend: str | None, at: float, text: bytes, why: str) -> None:
        """Take a frame that is no message."""
        self.odd.append((station, backend, text, why))

    def why(self) -> list[tuple[str, str, int | None]]:
        """Give the decisions on the station's calls since the last look: action, why, rule."""
        found = [(each.call.action, why.why, why.number) for each, why in self.taken if why is not None]
        assert all((why is not None) is (each.direction == "from_station") for each, why in self.taken)
        self.taken.clear()
        return found

    def changed(self) -> list[tuple[str, Any, Any]]:
        """Give what was changed since the last look: on which way, what it was and what it is."""
        pairs = [(each.direction, part) for each, _ in self.taken for part in (each.call, each.reply)]
        self.taken.clear()
        return [
            (way, _fields(part.original), _fields(part))
            for way, part in pairs
            if isinstance(part, Call | Result) and part.original is not None and part.original.payload != part.payload
        ]


def _fields(part: Call | Result) -> Any:
    return json.loads(bytes(part.payload))


def test_the_rule_that_decided() -> None:
    """Each call says which rule of which route it met; one that no rule is for says so."""
    stage = Stage(one("a", actions=("Heartbeat",)), one("b", actions=("StatusNotification",)))
    stage.up("a", "b")
    pencil = Pencil(stage)
    stage.station.sends(2, "m1", "Heartbeat", {})
    stage["a"].sends(3, "m1", {})
    stage.station.sends(2, "m2", "StatusNotification", {})
    stage["b"].sends(4, "m2", "InternalError", "", {})
    assert {why.route for _, why in pencil.taken if why is not None} == {"home"}
    assert pencil.why() == [("Heartbeat", "rule", 0), ("StatusNotification", "rule", 1)]
    stage.station.sends(2, "m3", "FirmwareStatusNotification", {})
    assert pencil.why() == [("FirmwareStatusNotification", "nobody", None)]
    stage.station.sends(2, "m4", "StopTransaction", {"transactionId": 1, "meterStop": 1, "timestamp": "x"})
    assert pencil.why() == [("StopTransaction", "nobody", None)]


def test_a_rule_that_looks_into_calls() -> None:
    """The rule that a token met is the one that is named; what follows is the owner's."""
    stage = split()
    pencil = Pencil(stage)
    stage.station.sends(2, "m1", "Authorize", {"idTag": "04EMA"})
    stage["b"].sends(3, "m1", {"idTagInfo": ACCEPTED})
    stage["a"].sends(3, "m1", {"idTagInfo": ACCEPTED})
    stage.station.sends(2, "m2", "Authorize", {"idTag": "77"})
    stage["a"].sends(3, "m2", {"idTagInfo": ACCEPTED})
    stage["b"].sends(3, "m2", {"idTagInfo": ACCEPTED})
    assert pencil.why() == [("Authorize", "rule", 0), ("Authorize", "rule", 1)]
    stage["a"].line.take(), stage["b"].line.take(), stage.station.take()
    number = starts(stage, "b", 5)
    told(stage, "a", 40)
    assert pencil.why() == [("StartTransaction", "rule", 0)]
    stage.station.sends(2, "e", "StopTransaction", {"transactionId": number, "meterStop": 9, "timestamp": "x"})
    stage["b"].sends(3, "e", {})
    assert pencil.why() == [("StopTransaction", "owner", None)]


def test_an_invitation_decides() -> None:
    """A session that a remote start caused is its asker's, whatever the rules say of the token."""
    stage = split()
    pencil = Pencil(stage)
    stage["a"].sends(2, "r", "RemoteStartTransaction", {"idTag": "04EMA", "connectorId": 1})
    stage.station.take()
    stage.station.sends(3, "r", ACCEPTED)
    stage["a"].line.take()
    stage.station.sends(2, "m1", "Authorize", {"idTag": "04EMA"})
    stage["a"].sends(3, "m1", {"idTagInfo": ACCEPTED})
    stage["b"].sends(3, "m1", {"idTagInfo": ACCEPTED})
    stage["a"].line.take(), stage["b"].line.take(), stage.station.take()
    starts(stage, "a", 5)
    assert pencil.why() == [("Authorize", "invitation", None), ("StartTransaction", "invitation", None)]


def test_a_chain_decides() -> None:
    """Where backends are asked whose token it is, that is what decided."""
    stage = Stage(Rule(tokens=ANY, answer=("a",), chain=Chain(("a", "b"))), one("a"))
    stage.up("a", "b")
    pencil = Pencil(stage)
    stage.station.sends(2, "m1", "Authorize", {"idTag": "77"})
    stage["a"].sends(3, "m1", {"idTagInfo": {"status": "Invalid"}})
    stage["b"].sends(3, "m1", {"idTagInfo": ACCEPTED})
    assert pencil.why() == [("Authorize", "authorize", None)]


def test_a_reservation_decides() -> None:
    """A start that names a reservation is of the backend that made it."""
    stage = split()
    pencil = Pencil(stage)
    reserve = {"connectorId": 1, "idTag": "04EMA", "expiryDate": "2030-01-01T00:00:00Z", "reservationId": 3}
    stage["a"].sends(2, "r", "ReserveNow", reserve)
    ((_, _, _, asked),) = stage.station.take()
    stage.station.sends(3, "r", ACCEPTED)
    stage["a"].line.take()
    start = START | {"reservationId": asked["reservationId"]}
    stage.station.sends(2, "s", "StartTransaction", start)
    stage["a"].sends(3, "s", {"transactionId": 5, "idTagInfo": ACCEPTED})
    assert pencil.why() == [("StartTransaction", "owner", None)]


def test_what_was_answered_before() -> None:
    """A start that is said again, and a stop, are answered from the ledger; a call that is wrong by the gateway."""
    stage = playing("a")
    pencil = Pencil(stage)
    number = starts(stage, "a", 5, OTHER)
    stop = {"transactionId": number, "meterStop": 9, "timestamp": "x"}
    for mid in ("t", "u"):
        stage.station.sends(2, mid, "StartTransaction", OTHER)
    stage.station.sends(2, "v", "StopTransaction", stop)
    stage["a"].sends(3, "v", {})
    stage.station.sends(2, "w", "StopTransaction", stop)
    start, again, once_more, stopped, stopped_again = pencil.why()
    assert start == ("StartTransaction", "rule", 0)
    assert again == once_more == ("StartTransaction", "ledger", None)
    assert (stopped, stopped_again) == (("StopTransaction", "owner", None), ("StopTransaction", "ledger", None))


def test_what_the_gateway_refuses() -> None:
    """What validation stands in the way of was decided by the gateway."""
    stage = playing("a", from_station=(strictly,))
    pencil = Pencil(stage)
    stage.station.sends(2, "m1", "Heartbeat", {"no": 1})
    assert pencil.why() == [("Heartbeat", "gateway", None)]


def test_a_stand_in_decides() -> None:
    """What is answered while the backend is away was decided by its stand-in."""
    stage = playing("a", backends={"a": {"when_down": "answer"}})
    stage.station.sends(2, "b", "BootNotification", {"chargePointVendor": "x", "chargePointModel": "y"})
    stage["a"].sends(3, "b", {"status": "Accepted", "currentTime": "2026-01-01T00:00:00Z", "interval": 60})
    stage["a"].hangs_up()
    stage.wait(2)
    stage["a"].refuses()
    pencil = Pencil(stage)
    stage.station.sends(2, "m1", "Heartbeat", {})
    assert pencil.why() == [("Heartbeat", "stand-in", None)]


def test_nobody_answered() -> None:
    """A call that a backend left unanswered went by its rule all the same."""
    stage = playing("a", backend_patience=30)
    pencil = Pencil(stage)
    stage.station.sends(2, "m1", "Heartbeat", {})
    stage.wait(30.2)
    assert pencil.why() == [("Heartbeat", "rule", 0)]


def test_numbers_are_changed() -> None:
    """Where a backend knows a transaction by its own number, what was said and what it got are both there."""
    stage = split()
    number = starts(stage, "b", 5)
    told(stage, "a", 40)
    pencil = Pencil(stage)
    meter = {"connectorId": 1, "transactionId": number, "meterValue": []}
    stage.station.sends(2, "m", "MeterValues", meter)
    for name in "ab":
        stage[name].sends(3, "m", {})
    assert sorted(pencil.changed(), key=str) == [
        ("to_backend", meter, meter | {"transactionId": 40}),
        ("to_backend", meter, meter | {"transactionId": 5}),
    ]
    stage["b"].sends(2, "r", "RemoteStopTransaction", {"transactionId": 5})
    stage.station.sends(3, "r", ACCEPTED)
    assert pencil.changed() == [("to_station", {"transactionId": 5}, {"transactionId": number})]
    stage.station.take(), stage["a"].line.take(), stage["b"].line.take()
    second = starts(stage, "a", 41, OTHER, "n")
    ((way, was, made),) = pencil.changed()
    assert (way, was["transactionId"], made["transactionId"]) == ("from_station", 41, second)


def test_calls_of_one_moment_are_told_apart() -> None:
    """Two calls that came in one read have times of their own, the same on each leg."""
    stage = playing("a", "b")
    pencil = Pencil(stage)
    for mid in ("m1", "m2"):
        stage.station.sends(2, mid, "Heartbeat", {})
    for mid in ("m2", "m1"):
        for name in "ba":
            stage[name].sends(3, mid, {})
    ids = {each.call.at: {other.call.id for other, _ in pencil.taken if other.call.at == each.call.at}
           for each, _ in pencil.taken}  # fmt: skip
    assert sorted(ids.values(), key=str) == [{"m1"}, {"m2"}]
    assert len(pencil.taken) == 6


def test_frames_that_are_no_messages() -> None:
    """A frame that cannot be read is written down with who sent it and what is wrong; a ping in a text is not."""
    stage = playing("a")
    pencil = Pencil(stage)
    stage.station.sends(b"[2,")
    stage.station.sends(b'[9,"x",{}]')
    stage.station.sends(b"ping")
    stage["a"].sends(b"{}")
    assert [(station, backend, text) for station, backend, text, _ in pencil.odd] == [
        ("CP-1", None, b"[2,"),
        ("CP-1", None, b'[9,"x",{}]'),
        ("CP-1", "a", b"{}"),
    ]
    assert pencil.odd[1][3] == "Message type 9 is unknown"


def test_only_some_routes_are_recorded() -> None:
    """A station that is moved to a route that is recorded is heard from then on; one that leaves it is not."""
    stage = playing("a")
    pencil = Pencil(stage, "away")
    assert stage.session.tap is None
    stage.moves(one("a"))
    stage.station.sends(2, "m1", "Heartbeat", {})
    stage["a"].sends(3, "m1", {})
    assert [each.direction for each, _ in pencil.taken] == ["to_backend", "from_station"]
    stage.moves(one("a"), name="home")
    assert stage.session.tap is None


def test_who_listens_goes_and_the_record_goes_on() -> None:
    """A session that is recorded and listened to keeps its tap when the listener goes; frames are for the record."""
    stage = playing("a")
    heard: list[Overheard] = []
    stage.ports.taps.open(None, heard.append)
    stage.session.look_for_taps()
    stage.station.sends(b"[2,")
    pencil = Pencil(stage)
    stage.ports.taps.close(None, stage.ports.taps._everything[0])
    stage.session.look_for_taps()
    stage.station.sends(2, "m1", "Heartbeat", {})
    stage["a"].sends(3, "m1", {})
    assert (len(heard), len(pencil.taken), pencil.odd) == (0, 2, [])


def test_what_is_owed_of_an_earlier_version_is_heard() -> None:
    """A call that waits for its backend's link, and is given up, is heard as unanswered."""
    stage = Stage(one("a"), backends={"a": {"when_down": "wait", "wait": 5.0, "then": "refuse"}})
    stage.up("a")
    pencil = Pencil(stage)
    stage.station.sends(2, "m1", "Heartbeat", {})
    stage["a"].hangs_up()
    stage.wait(6)
    assert [each.direction for each, _ in pencil.taken] == ["to_backend", "from_station"]
    assert listed(["x"]) is not None
