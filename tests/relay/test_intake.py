"""What a backend asks of one station: how much is taken, and what is refused, said once for many."""

from __future__ import annotations

from typing import Any

from tests.relay.stage import Stage, one
from voltgate.relay.events import CommandRefused
from voltgate.relay.permit import OBSERVE
from voltgate.relay.rate import Bucket, Pace
from voltgate.relay.records import AuditRecord

BOTH = {"b": {"permit": OBSERVE}}


def playing(**settings: Any) -> Stage:
    """Play a station with `a`, and `b`, which may only read."""
    stage = Stage(one("a", copy=("b",)), backends=BOTH, **settings)
    stage.up("a", "b")
    return stage


def said(stage: Stage) -> list[tuple[str, str]]:
    """Return what the audit trail says of refusals: action and detail."""
    return [(line.action, line.detail) for line in stage.store.of(AuditRecord) if line.outcome == "refused"]


def test_a_bucket() -> None:
    """So much at once, so much a second, and into an empty one whatever comes; without a rate there is no limit."""
    bucket = Bucket(2.0, 3)
    assert [bucket.allows(0.0) for _ in range(5)] == [True, True, True, False, False]
    assert [bucket.allows(0.5), bucket.allows(0.5)] == [True, False]
    assert not bucket.allows(1.0, 100)
    assert [bucket.allows(2.0, 100), bucket.allows(48.0), bucket.allows(52.5)] == [True, False, True]
    assert all(Bucket(0, 1).allows(0.0, 100) for _ in range(10))


def test_more_calls_than_the_rate_are_refused_unread() -> None:
    """They are answered, counted, and told once; another backend, and the same one later, is not concerned."""
    stage = playing(commands=Pace(1.0, 2))
    for n in range(5):
        stage["b"].sends(2, str(n), "GetConfiguration", {})
        for sent in stage.station.take():
            stage.station.sends(3, sent[1], {})
    assert [each[0] for each in stage["b"].line.take()] == [3, 3, 4, 4, 4]
    why = "more commands, or bytes of them, than limits allow one backend at one station"
    assert said(stage) == [("GetConfiguration", why)]
    assert stage["b"].backend.commands_refused == {"GetConfiguration": 3}
    stage["a"].sends(2, "x", "GetConfiguration", {})
    assert len(stage.station.take()) == 1
    stage.wait(61)
    assert said(stage)[1:] == [("GetConfiguration", f"{why} (2 times within a minute)")]
    assert [each.times for each in stage.happened(CommandRefused)] == [1, 2]
    stage["b"].sends(2, "y", "GetConfiguration", {})
    assert len(stage.station.take()) == 1


def test_more_bytes_than_the_rate_are_refused_unread() -> None:
    """A large call is let in alone, not many of them."""
    stage = playing(commands=Pace(0.0, 0, 100.0, 1000))
    large = {"key": ["x" * 2000]}
    for n in range(3):
        stage["b"].sends(2, str(n), "GetConfiguration", large)
    assert len(stage.station.take()) == 1
    assert [each[0] for each in stage["b"].line.take()] == [4, 4]


def test_refusals_of_one_kind_are_told_once() -> None:
    """The first is told at once, the others after a minute with their number; one after that is told at once again."""
    stage = playing()
    for n in range(10):
        stage["b"].sends(2, str(n), "Reset", {"type": "Soft"})
    assert len(stage["b"].line.take()) == 10
    assert said(stage) == [("Reset", "permit observe: Reset is not allowed")]
    stage.wait(61)
    assert said(stage)[1:] == [("Reset", "permit observe: Reset is not allowed (9 times within a minute)")]
    for _ in range(2):
        stage.wait(61)
    assert len(said(stage)) == 2
    stage["b"].sends(2, "x", "Reset", {"type": "Soft"})
    assert len(said(stage)) == 3
    stage.wait(61)
    stage.wait(61)
    assert len(said(stage)) == 3


def test_many_kinds_are_told_as_one() -> None:
    """However many names a backend finds, the trail gets a few lines."""
    stage = playing()
    for n in range(1000):
        stage["b"].sends(2, str(n), f"Own{n}", {})
    assert len(said(stage)) == 17
    stage.wait(61)
    assert said(stage)[17:] == [
        ("Own999", "permit observe: Own999 is not allowed (983 times within a minute; as others of several kinds)")
    ]


def test_nothing_is_lost_at_the_end() -> None:
    """What was not told yet is told when the session ends."""
    stage = playing()
    for n in range(4):
        stage["b"].sends(2, str(n), "Reset", {"type": "Soft"})
    stage.station.hangs_up()
    assert said(stage)[1:] == [("Reset", "permit observe: Reset is not allowed (3 times within a minute)")]
    stage.wait(61)
    assert len(said(stage)) == 2
