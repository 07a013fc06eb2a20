"""Calls and answers that did not come as text: they take the same way, and go on in their own form where they can."""

from __future__ import annotations

import json
from typing import Any

from tests.relay.stage import Stage, playing
from voltgate.ocpp.carried import CarriedCall, CarriedResult
from voltgate.relay.leg import Leg


class Whole(CarriedCall):
    """A call in a form of its own."""

    __slots__ = ()

    def carry(self, wire: Any, message_id: str) -> None:
        """Be sent as a text of the test's own making."""
        wire.send(json.dumps(["whole call", message_id, self.action]).encode())


class WholeAnswer(CarriedResult):
    """An answer in a form of its own."""

    __slots__ = ()

    def carry(self, wire: Any, message_id: str) -> None:
        """Be sent as a text of the test's own making."""
        wire.send(json.dumps(["whole answer", message_id]).encode())


def asks(stage: Stage, message_id: str) -> None:
    """Let the station ask in a form of its own."""
    stage.session.take(Whole(message_id, "Heartbeat", b"{}"), stage.now)


def leg_of(stage: Stage, name: str) -> Leg:
    """Give a leg of the session, whose wire the test holds."""
    leg = stage.session.legs[name]
    assert leg.wire is stage[name].line
    return leg


def test_there_and_back() -> None:
    """A call goes on as it is, and so does its answer, which is counted as one."""
    stage = playing("main")
    asks(stage, "1")
    stage["main"].gets(["whole call", "1", "Heartbeat"])
    leg_of(stage, "main").replied(WholeAnswer("1", b"{}"), stage.now)
    stage.station.gets(["whole answer", "1"])
    assert stage["main"].backend.calls.by_label["Heartbeat"].results == 1


def test_an_answer_as_text_goes_home_as_text() -> None:
    """The two sides need not speak alike."""
    stage = playing("main")
    asks(stage, "1")
    stage["main"].gets(["whole call", "1", "Heartbeat"])
    stage["main"].sends(3, "1", {"currentTime": "x"})
    stage.station.gets([3, "1", {"currentTime": "x"}])


def test_a_station_that_sends_too_fast_is_let_go() -> None:
    """Its rate is limited in whatever form it speaks."""
    stage = playing("main", messages_per_second=1.0, burst=2)
    for number in range(4):
        asks(stage, str(number))
    assert stage.station.closed == (1008, "More than 1 messages a second")


def test_a_leg_without_a_link_has_no_wire() -> None:
    """Only an open link can take what is not text."""
    stage = playing("main")
    leg = leg_of(stage, "main")
    stage["main"].hangs_up()
    assert leg.wire is None


def test_a_carrier_that_knows_of_no_answer_says_so_at_once() -> None:
    """A backend hears why its command came to nothing, the next in turn goes out, and what is not open is nobody's."""
    stage = playing("main")
    stage["main"].sends(2, "1", "Reset", {"type": "Soft"})
    stage["main"].sends(2, "2", "ClearCache", {})
    stage.station.gets([2, "1", "Reset", {"type": "Soft"}])
    stage.session.unanswered("1", "cannot connect", stage.now, sent=False)
    stage["main"].gets([4, "1", "InternalError", "cannot connect", {}])
    stage.station.gets([2, "2", "ClearCache", {}])
    stage.session.unanswered("1", "cannot connect", stage.now, sent=False)
    stage.session.unanswered("2", "the connection was lost", stage.now, sent=True)
    stage["main"].gets([4, "2", "InternalError", "the connection was lost", {}])
