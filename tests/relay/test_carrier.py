"""The seam to the carriers: a connection that carries many stations, and what a station speaks itself."""

from __future__ import annotations

import pytest

from voltgate.relay.carrier import DialContext, SharedConnection
from voltgate.relay.events import CarrierDown, CarrierUp, Event


class Far:
    """The receiver of one wire of a shared connection."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.lost_by: list[tuple[int, str]] = []
        self._fault = fault

    def received(self, text: bytes, frame: bytes | None, now: float) -> None:
        """Take a message."""

    def writable(self, yes: bool) -> None:
        """Take note of the buffer."""

    def lost(self, code: int, reason: str) -> None:
        """Take note of the end."""
        self.lost_by.append((code, reason))
        if self._fault is not None:
            raise self._fault


class OfItsOwn:
    """A station that speaks another protocol than its session."""

    speaks = "ocpp1.5"


def test_a_shared_connection_says_once_that_it_is_up_or_down() -> None:
    """However many stations it carries, a connection is reported once when it is lost and once when it is back."""
    events: list[Event] = []
    shared = SharedConnection("bus", events.append)
    assert shared.is_up is None
    shared.up()
    shared.up()
    receivers = [Far(), Far(), Far()]
    for number, receiver in enumerate(receivers):
        shared.attach(number, receiver)
    shared.detach(2)
    shared.detach(2)
    assert len(shared) == 2
    shared.down("the broker has gone", 1.0)
    shared.down("the broker has gone", 2.0)
    shared.up()
    assert events == [
        CarrierUp("bus", first=True),
        CarrierDown("bus", "the broker has gone", 1.0),
        CarrierUp("bus", first=False),
    ]
    assert [receiver.lost_by for receiver in receivers] == [[(1006, "the broker has gone")]] * 2 + [[]]
    assert len(shared) == 0


def test_no_wire_is_opened_on_a_connection_that_is_down() -> None:
    """A connection that was never up, or is lost, takes no station."""
    shared = SharedConnection("bus", [].append)
    with pytest.raises(ValueError, match="down"):
        shared.attach(1, Far())
    shared.down("refused", None)
    with pytest.raises(ValueError, match="down"):
        shared.attach(1, Far())


def test_a_receiver_that_fails_keeps_no_other_from_being_told() -> None:
    """All stations are told that their connection is lost, though one of them fails; the failure is raised."""
    shared = SharedConnection("bus", [].append)
    shared.up()
    bad, good = Far(RuntimeError("bad")), Far()
    shared.attach("bad", bad)
    shared.attach("good", good)
    with pytest.raises(ExceptionGroup) as failed:
        shared.down("gone", None)
    assert [str(fault) for fault in failed.value.exceptions] == ["bad"]
    assert good.lost_by == [(1006, "gone")]


def test_what_a_station_speaks_itself() -> None:
    """A station whose session speaks otherwise than itself is told apart by its carrier."""
    assert DialContext("CP-1").speaks == ""
    assert DialContext("CP-1", native=OfItsOwn()).speaks == "ocpp1.5"
