"""The waiting room: who knocked in vain, and for how many there is room."""

from __future__ import annotations

from voltgate.directory.waiting import WaitingRoom


class Clock:
    """A clock that goes on a second with each look."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


def room(most: int) -> WaitingRoom:
    """Make a waiting room."""
    return WaitingRoom(most, Clock())


def test_a_stranger_is_remembered() -> None:
    """First and last visit, their number, and how the last one was."""
    waiting = room(10)
    waiting.note("CP1", "192.0.2.1", ("ocpp1.6",), "unknown station")
    waiting.note("CP1", "192.0.2.2", ("ocpp2.0.1",), "no such route")
    (stranger,) = waiting
    assert (stranger.identity, stranger.first, stranger.last, stranger.tries) == ("CP1", 1, 2, 2)
    assert (stranger.address, stranger.offered, stranger.reason) == ("192.0.2.2", ("ocpp2.0.1",), "no such route")


def test_the_latest_comes_first() -> None:
    """The list begins with whoever knocked last."""
    waiting = room(10)
    for identity in ("A", "B", "A"):
        waiting.note(identity, "", (), "")
    assert [stranger.identity for stranger in waiting] == ["A", "B"]


def test_the_room_is_bounded() -> None:
    """Whoever was unseen for longest is forgotten first, and counted."""
    waiting = room(2)
    for identity in ("A", "B", "A", "C"):
        waiting.note(identity, "", (), "")
    assert [stranger.identity for stranger in waiting] == ["C", "A"]
    assert (len(waiting), waiting.forgotten) == (2, 1)


def test_a_long_offer_is_cut() -> None:
    """What one stranger may leave behind is bounded too."""
    waiting = room(1)
    waiting.note("A", "", ("ocpp1.6",) * 1000, "")
    assert len(next(iter(waiting)).offered) == 16


def test_the_room_shrinks() -> None:
    """A smaller room is one at once; nobody is kept in a room for none."""
    waiting = room(3)
    for identity in ("A", "B", "C"):
        waiting.note(identity, "", (), "")
    waiting.trim(1)
    assert [stranger.identity for stranger in waiting] == ["C"]
    waiting.trim(0)
    waiting.note("D", "", (), "")
    assert len(waiting) == 0


def test_who_was_admitted_is_struck_out() -> None:
    """Somebody who was let in waits no longer; striking out nobody does no harm."""
    waiting = room(3)
    waiting.note("A", "", (), "")
    waiting.forget("A")
    waiting.forget("B")
    assert list(waiting) == []
    waiting.note("A", "", (), "")
    assert next(iter(waiting)).tries == 1
