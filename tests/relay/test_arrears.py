"""Arrears: what a backend is owed that does not take what its station speaks by now."""

from __future__ import annotations

import json
from typing import Any

from tests.relay.stage import Line, Stage, one
from voltgate.ocpp.messages import Call, Reply, Result
from voltgate.relay.asked import Asked
from voltgate.relay.events import GivenUp
from voltgate.relay.leg import Leg
from voltgate.relay.plan import Plan
from voltgate.relay.records import OwedRecord

START = [2, "1", "StartTransaction", {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": "t"}]
STARTED = {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}


class Again(Stage):
    """A station of 1.6 that comes again in 2.0.1, and a backend `b` that takes 1.6 only, and owns a transaction."""

    def __init__(self) -> None:
        super().__init__(one("b", copy=("a",)), backends={"b": {"deliver": "always"}})
        self.up("a", "b")
        self.station.sends(*START)
        self["a"].sends(3, "1", STARTED)
        self["b"].sends(3, "1", STARTED)
        self.number = self.station.take()[-1][2]["transactionId"]
        self["b"].gets(START)

    def owes(self, action: str, **fields: Any) -> None:
        """Have `b` owed a message of the transaction."""
        (tx,) = self.session.ledger.running.values()
        self.session.ledger.owe("b", Call(f"m-{action}", action, json.dumps(fields).encode()), tx)

    def comes_again(self) -> None:
        """Have the station come in 2.0.1, for `a` alone."""
        self.station.hangs_up()
        self._version = "ocpp2.0.1"
        self.session, self.station = self.newcomer()
        self.route = Stage(one("a")).route
        self.session.opened(self.station, self.plans(), "home", {"a": self.known("a")})
        self.session.roster.catch_up({"b": (self.known("b"), "ocpp1.6")})

    def arrears(self) -> Leg:
        """Give the leg that delivers what is owed."""
        return self.session.roster.arrears["b"]


def test_it_is_delivered_in_the_version_of_then() -> None:
    """A backend gets what it is owed on a link of its own, in its numbers; then the link is let go."""
    stage = Again()
    stage.owes("StopTransaction", transactionId=stage.number, meterStop=9, timestamp="u")
    stage.session.ledger.owe("b", Call("m-s", "StatusNotification", b'{"connectorId":1}'), None)
    stage.comes_again()
    assert stage["b"].offered == ("ocpp1.6",)
    line = stage["b"].accepts()
    line.gets([2, "m-StopTransaction", "StopTransaction", {"transactionId": 7, "meterStop": 9, "timestamp": "u"}])
    stage.session.roster.catch_up({"b": (stage.known("b"), "ocpp1.6")})
    line.sends(2, "c", "Reset", {"type": "Soft"})
    line.gets([4, "c", "NotSupported", "The station speaks another version now", {}])
    line.sends(3, "m-StopTransaction", {})
    stage.wait(0.3)
    line.gets([2, "m-s", "StatusNotification", {"connectorId": 1}])
    line.sends(3, "m-s", {})
    assert line.closed == (1000, "Nothing more is owed")
    assert (stage.store.of(OwedRecord), stage.session.roster.arrears) == ([], {})


def test_who_takes_both_versions_gets_it_in_its_own_numbers() -> None:
    """A backend that goes on in the version of now is told what it is owed there, and not by the station's number."""
    stage = Again()
    stage.owes("StopTransaction", transactionId=stage.number, meterStop=9, timestamp="u")
    stage.station.hangs_up()
    stage._version = "ocpp2.0.1"
    stage.session, stage.station = stage.newcomer()
    stage.open()
    line = stage["b"].accepts()
    line.gets([2, "m-StopTransaction", "StopTransaction", {"transactionId": 7, "meterStop": 9, "timestamp": "u"}])
    line.sends(4, "m-StopTransaction", "NotImplemented", "", {})
    assert stage.happened(GivenUp) == []
    assert [record.action for record in stage.store.of(OwedRecord)] == ["StopTransaction"]  # for a session in 1.6


def test_what_cannot_be_said_in_it_is_given_up() -> None:
    """What is owed of yet another version is never told on that link: it is given up, counted and reported."""
    stage = Again()
    stage.owes("TransactionEvent", eventType="Ended")
    stage.comes_again()
    line = stage["b"].accepts()
    line.gets()
    assert [each.action for each in stage.happened(GivenUp)] == ["TransactionEvent"]
    assert stage["b"].backend.given_up == 1
    assert line.closed is not None


def test_it_outlives_its_session_until_it_is_answered() -> None:
    """A message that was sent may still be answered when the station has gone; nothing more is begun."""
    stage = Again()
    stage.owes("MeterValues", connectorId=1, transactionId=stage.number, meterValue=[])
    stage.owes("StopTransaction", transactionId=stage.number, meterStop=9, timestamp="u")
    stage.comes_again()
    line = stage["b"].accepts()
    stage.station.hangs_up()
    stage.session.roster.catch_up({"b": (stage.known("b"), "ocpp1.6")})
    assert line.closed is None
    line.sends(3, "m-MeterValues", {})
    stage.wait(0.5)
    assert line.closed == (1000, "The station has gone")
    assert [record.action for record in stage.store.of(OwedRecord)] == ["StopTransaction"]


def test_a_backend_that_stays_away_is_dialled_back() -> None:
    """Its link is dialled back like any; not while a newcomer is let in, which may come by the same backend."""
    stage = Again()
    stage.owes("StopTransaction", transactionId=stage.number, meterStop=9, timestamp="u")
    stage.comes_again()
    stage["b"].refuses()
    stage.session.pause_dialling()
    stage.wait(5)
    assert stage["b"].dials == []
    stage.session.resume_dialling()
    line = stage["b"].accepts()
    line.is_full()
    line.has_drained()
    assert stage.station.pauses == 0
    stage.session.roster.catch_up({})
    assert line.closed is None, "it is being asked to take a message"
    line.sends(3, "m-StopTransaction", {})
    stage.wait(0.5)
    assert line.closed == (1000, "Nothing more is owed")


def test_what_another_process_delivers_meanwhile() -> None:
    """The link is let go as soon as it is seen that nothing is owed: nobody hears anything on it."""
    stage = Again()
    stage.owes("StopTransaction", transactionId=stage.number, meterStop=9, timestamp="u")
    stage.store.elsewhere = True
    stage.session.ledger.journal.release()
    stage.comes_again()
    line = stage["b"].accepts()
    _delivered_elsewhere(stage)
    line.gets()
    assert (line.closed, stage.session.roster.arrears) == ((1000, "Nothing more is owed"), {})


def test_what_another_process_delivers_to_a_backend_that_the_station_has_left() -> None:
    """The leg that was only kept for it is let go as well, in whatever version."""
    stage = Stage(one("b"), backends={"b": {"deliver": "always"}})
    stage.up("b")
    stage.session.ledger.owe("b", Call("m", "StatusNotification", b'{"connectorId":1}'), None)
    stage.store.elsewhere = True
    stage.session.ledger.journal.release()
    stage.moves(one("a"))
    stage["a"].accepts()
    assert list(stage.session.legs) == ["a", "b"]
    _delivered_elsewhere(stage)
    assert (list(stage.session.legs), stage["b"].line.closed is not None) == (["a"], True)


def _delivered_elsewhere(stage: Stage) -> None:
    for record in stage.store.of(OwedRecord):
        stage.store.strike(record)
    stage.store.elsewhere = False
    stage.wait(3)


def test_a_question_that_is_put_to_it_all_the_same() -> None:
    """It goes as it is, and its answer comes home."""
    stage = Again()
    stage.owes("StopTransaction", transactionId=stage.number, meterStop=9, timestamp="u")
    stage.comes_again()
    line: Line = stage["b"].accepts()
    answers: list[Reply] = []
    call = Call("q", "Heartbeat", b"{}")
    call.deadline = stage.now + 9
    stage.arrears().ask(Asked(stage.session.dispatcher, call, Plan(("b",)), answers.append, plain=True, question=True))
    line.sends(3, "q", {"currentTime": "t"})
    assert [type(answer) for answer in answers] == [Result]


def test_a_boot_in_the_words_of_another_version() -> None:
    """A BootNotification on record is replayed to a backend that is back only in the words of its version."""
    stage = Again()
    stage.session.ledger.note("boot", '{"chargePointVendor":"V","chargePointModel":"M"}')
    assert stage.session.ledger.boot("ocpp1.6") is not None
    assert stage.session.ledger.boot("ocpp2.0.1") is None
    stage.comes_again()
    stage["a"].accepts()
    stage["a"].hangs_up()
    stage.wait(2)
    stage["a"].accepts().gets()
