"""A lost link: what was open is asked again, the link is dialled again, the boot is replayed."""

from __future__ import annotations

from tests.relay.calls import AWAY, BEAT, BOOT, START, boots
from tests.relay.stage import Stage, one, playing
from voltgate.relay.backend import Retry
from voltgate.relay.events import LegDown, LegUp

# Lost links.


def test_what_was_open_is_asked_again() -> None:
    """A call that a lost link left open is asked again under its id, before what waited: did it arrive?"""
    stage = playing("a", backends={"a": {**AWAY, "window": 1}})
    stage.station.sends(*START)
    stage.station.sends(*BEAT)
    stage["a"].gets([*START])
    stage["a"].hangs_up()
    stage.wait(1.1)
    stage.up("a")
    stage["a"].gets([*START])
    stage["a"].sends(3, "s", {})
    stage["a"].gets([*BEAT])
    stage.station.gets([3, "s", {}])


def test_links_are_dialled_back() -> None:
    """A lost link is dialled back after longer and longer waits, which begin anew when a link has been steady."""
    retry = {"jitter": 0.0}
    stage = playing("a", backends={"a": {**AWAY, "wait": 1000.0, "retry": Retry(**retry)}})
    waits = []
    for _ in range(3):
        stage["a"].hangs_up()
        waits.append(stage.happened(LegDown)[-1].retry)
        stage.wait(waits[-1] + 0.2)
        stage.up("a")
        stage.wait(1)
    assert waits == [1, 2, 4]
    stage.wait(10)
    stage["a"].hangs_up(1012, "restart")
    assert stage.happened(LegDown)[-1] == LegDown("CP-1", "a", "closed 1012 restart", 1.0)
    ups = stage.happened(LegUp)
    assert [up.first for up in ups] == [True, False, False, False]


def test_a_link_is_not_dialled_for_ever_when_not_wanted() -> None:
    """After the last of its tries a link stays down; a station that calls is treated as configured."""
    stage = Stage(one("a"), backends={"a": {"wait": 1000.0, "retry": Retry(jitter=0.0, tries=2)}})
    stage["a"].refuses()
    stage.wait(1.2)
    stage["a"].refuses()
    stage.wait(2.2)
    stage["a"].refuses()
    assert stage.happened(LegDown)[-1].retry is None
    stage.wait(500)
    assert stage["a"].dialled == 3
    stage.session.pause_dialling()
    stage.session.resume_dialling()
    assert stage["a"].dialled == 3


def test_the_link_of_one_who_came_late_is_the_first() -> None:
    """A link that opens after the boot is the first one all the same."""
    stage = Stage(one("a"))
    stage.station.sends(*BOOT)
    stage.up("a")
    assert stage.happened(LegUp) == [LegUp("CP-1", "a", True)]


# The replay of the boot.


def test_the_boot_is_replayed() -> None:
    """A backend that comes back hears the last BootNotification first; the rest goes when it has answered."""
    stage = playing("a", backends={"a": AWAY})
    boots(stage)
    stage["a"].hangs_up()
    stage.station.sends(*BEAT)
    stage.wait(1.1)
    stage.up("a")
    ((kind, message_id, action, payload),) = stage["a"].line.take()
    assert (kind, action, payload) == (2, "BootNotification", {"chargePointVendor": "v"})
    assert message_id != "b"
    stage["a"].sends(3, message_id, {"status": "Accepted"})
    stage["a"].gets([*BEAT])
    stage.station.gets()


def test_the_boot_is_replayed_to_whoever_missed_it() -> None:
    """A copy that comes when the boot is long over hears of it; one that still has it waiting hears it once."""
    stage = Stage(one("a", copy=("b", "c")))
    stage.up("a")
    stage["b"].refuses()
    stage["c"].refuses()
    boots(stage)
    stage.wait(1.2)
    stage.up("c")
    stage["c"].gets([*BOOT])
    stage.wait(12)
    stage.up("b")
    ((_, message_id, action, _),) = stage["b"].line.take()
    assert (action, message_id != "b") == ("BootNotification", True)


def test_a_boot_that_waits_is_not_replayed() -> None:
    """A station that boots while its backend is away boots once."""
    stage = playing("a", backends={"a": AWAY})
    boots(stage)
    stage["a"].hangs_up()
    stage.station.sends(2, "b2", "BootNotification", {})
    stage.wait(1.1)
    stage.up("a")
    stage["a"].gets([2, "b2", "BootNotification", {}])


def test_the_boot_is_not_replayed_when_not_wanted() -> None:
    """The replay is a setting."""
    stage = playing("a", backends={"a": {**AWAY, "replay_boot": False}})
    boots(stage)
    stage["a"].hangs_up()
    stage.station.sends(*BEAT)
    stage.wait(1.1)
    stage.up("a")
    stage["a"].gets([*BEAT])


def test_a_replay_that_is_cut_off_is_begun_anew() -> None:
    """A link that is lost before the replayed boot was answered is followed by one with a replay of its own."""
    stage = playing("a", backends={"a": AWAY})
    boots(stage)
    for _ in range(2):
        stage["a"].hangs_up()
        stage.station.sends(2, f"h{_}", "Heartbeat", {})
        stage.wait(2.2)
        stage.up("a")
        ((_, message_id, action, _),) = stage["a"].line.take()
        assert action == "BootNotification"
    stage["a"].line.is_full()
    stage["a"].line.has_drained()
    stage["a"].gets()
    stage["a"].sends(3, message_id, {})
    assert [sent[2] for sent in stage["a"].line.take()] == ["Heartbeat", "Heartbeat"]
