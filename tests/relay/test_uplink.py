"""A leg's link: what is said of it, and what is not."""

from __future__ import annotations

from tests.relay.stage import Line, Stage, one
from voltgate.relay.events import LegClosed, LegDown, LegUp


def shared(stage: Stage) -> Line:
    """Have the backend accept its dial by a connection that carries many stations."""
    (leg,) = stage["a"].dials
    stage["a"].dials.clear()
    line = Line(stage)
    line.shared = True
    stage["a"].lines.append(line)
    leg.opened(line)
    return line


def test_a_link_on_a_shared_connection_says_nothing_of_itself() -> None:
    """That a connection of many stations is up or down is reported by its carrier once, not for each station."""
    stage = Stage(one("a"), backends={"a": {"when_down": "wait"}})
    line = shared(stage)
    stage.station.sends(2, "1", "Heartbeat", {})
    line.gets([2, "1", "Heartbeat", {}])
    line.hangs_up()
    assert stage.happened(LegUp) + stage.happened(LegDown) == []
    stage.wait(1.2)
    (leg,) = stage["a"].dials
    stage["a"].dials.clear()
    leg.failed("the connection is down", shared=True)
    assert stage.happened(LegDown) == []
    stage.wait(2.2)
    shared(stage).gets([2, "1", "Heartbeat", {}])
    assert stage["a"].backend.up == 1


def test_a_link_of_its_own_is_reported() -> None:
    """A link of one station is reported when it comes, when it is lost, and when it comes back."""
    stage = Stage(one("a"), backends={"a": {"when_down": "wait"}})
    stage.up("a")
    stage["a"].hangs_up(1012, "restart")
    stage.wait(1.2)
    stage.up("a")
    assert [event.first for event in stage.happened(LegUp)] == [True, False]
    assert [(event.reason, event.retry) for event in stage.happened(LegDown)] == [("closed 1012 restart", 1.0)]


def test_a_link_that_the_gateway_closes_is_reported() -> None:
    """When the station goes its links go with it, and each says so, but that of a shared connection."""
    stage = Stage(one("a"))
    stage.up("a")
    stage.station.hangs_up()
    assert [(event.station, event.backend) for event in stage.happened(LegClosed)] == [(stage.session.identity, "a")]
    assert stage.happened(LegDown) == []
    stage = Stage(one("a"))
    shared(stage)
    stage.station.hangs_up()
    assert stage.happened(LegClosed) == []


def test_a_dial_that_waits_for_its_turn_may_be_wanted_no_more() -> None:
    """While the station comes in again its old session dials nobody, nor does it once it is over."""
    stage = Stage(one("a"))
    (leg,) = stage["a"].dials
    assert leg.link.wanted
    stage.session.pause_dialling()
    assert not leg.link.wanted
    leg.failed("is not wanted any more", shared=True)
    stage["a"].dials.clear()
    stage.session.resume_dialling()
    (again,) = stage["a"].dials
    assert (again, again.link.wanted) == (leg, True)
    stage.station.hangs_up()
    assert not leg.link.wanted
