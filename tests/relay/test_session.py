"""A session: who answers a station, who is told, and what happens when somebody is away."""

from __future__ import annotations

from typing import Any

import pytest

from tests.relay.stage import Stage, one, playing
from voltgate.ocpp.messages import Call, Handler, Reply, Respond, Result
from voltgate.relay.events import LegDown, LegUp, StationMoved, StationWent
from voltgate.relay.leg import State
from voltgate.relay.route import Rule

BEAT = (2, "1", "Heartbeat", {})
START = (2, "s", "StartTransaction", {"idTag": "04EM"})
BOOT = (2, "b", "BootNotification", {"chargePointVendor": "v"})
RESET = (2, "r", "Reset", {"type": "Soft"})
AWAY = {"when_down": "wait", "wait": 10.0}


def boots(stage: Stage, status: str = "Accepted", by: str = "a") -> None:
    """Play a BootNotification that is answered."""
    stage.station.sends(*BOOT)
    stage[by].gets([*BOOT])
    stage[by].sends(3, "b", {"status": status})
    stage.station.gets([3, "b", {"status": status}])


# One backend.


def test_one_backend() -> None:
    """The station's call goes to its backend, and the answer comes back, byte for byte."""
    stage = playing("a")
    stage.station.sends(b'[2, "1", "MeterValues", {"v": 21.40, "\\u00e9": 1e3}]')
    stage["a"].gets(b'[2, "1", "MeterValues", {"v": 21.40, "\\u00e9": 1e3}]')
    stage["a"].sends(b'[3, "1", { }]')
    stage.station.gets(b'[3, "1", { }]')


def test_a_backend_commands_the_station() -> None:
    """A backend's call goes to the station, and the answer to the backend."""
    stage = playing("a")
    stage["a"].sends(*RESET)
    stage.station.gets([*RESET])
    stage.station.sends(3, "r", {"status": "Accepted"})
    stage["a"].gets([3, "r", {"status": "Accepted"}])
    tallies = stage["a"].backend.commands.by_label
    assert tallies["Reset"].results == 1


def test_several_calls_of_the_station() -> None:
    """A station that sends several calls at once is served as it is: in order to the backend, answers in any order."""
    stage = playing("a")
    for n in "123":
        stage.station.sends(2, n, "Heartbeat", {})
    stage["a"].gets(*([2, n, "Heartbeat", {}] for n in "123"))
    for n in "312":
        stage["a"].sends(3, n, {})
    stage.station.gets(*([3, n, {}] for n in "312"))


def test_an_error_of_the_backend() -> None:
    """A backend's error reaches the station, also for a transaction: it is the backend's own."""
    stage = playing("a")
    stage.station.sends(*START)
    stage["a"].gets([*START])
    stage["a"].sends(4, "s", "InternalError", "sorry", {})
    stage.station.gets([4, "s", "InternalError", "sorry", {}])
    assert stage.station.closed is None


def test_a_mute_backend() -> None:
    """A call that the backend does not answer in time is answered by us; the late answer is dropped."""
    stage = playing("a", backend_patience=30)
    stage.station.sends(*BEAT)
    stage.wait(30.2)
    stage.station.gets([4, "1", "InternalError", "No answer within 30 s", {}])
    stage["a"].sends(3, "1", {})
    stage.station.gets()
    assert stage["a"].backend.counts.late == 1
    assert stage["a"].backend.calls.by_label["Heartbeat"].unanswered == {"timed out": 1}


def test_a_mute_station() -> None:
    """A command that the station does not answer in time ends for its backend; the next goes out."""
    stage = playing("a", station_patience=60)
    stage["a"].sends(*RESET)
    stage["a"].sends(2, "r2", "ClearCache", {})
    stage.station.gets([*RESET])
    stage.wait(60.2)
    assert [(kind, message_id) for kind, message_id, *_ in stage["a"].line.take()] == [(4, "r"), (4, "r2")]
    assert stage["a"].backend.commands.by_label["Reset"].unanswered == {"timed out": 1}


def test_nobody_answers() -> None:
    """A call that no rule concerns is refused with an error; a transaction is left to the station."""
    stage = Stage(one("a", actions=("Boot*",)))
    stage.up("a")
    stage.station.sends(*BEAT)
    stage.station.gets([4, "1", "NotSupported", "No rule says who answers this", {}])
    stage.station.sends(*START)
    stage.station.gets()
    assert stage.station.closed == (1008, "No rule says who answers StartTransaction")


# Copies.


def test_a_copy_is_told() -> None:
    """Copies get the station's call; their answers end here, and one that is slow or silent costs nothing."""
    stage = playing("a", "b", "c")
    stage.station.sends(*BEAT)
    for name in "abc":
        stage[name].gets([*BEAT])
    stage["b"].sends(3, "1", {"from": "b"})
    stage["c"].sends(4, "1", "GenericError", "from c", {})
    stage.station.gets()
    stage["a"].sends(3, "1", {"from": "a"})
    stage.station.gets([3, "1", {"from": "a"}])
    stage.wait(60)
    assert stage["b"].backend.copies_dropped == {}


def test_a_copy_that_is_away() -> None:
    """A copy that is away costs the station nothing; what it missed is counted."""
    stage = Stage(one("a", copy=("b",)))
    stage.up("a")
    stage["b"].refuses()
    stage.station.sends(*BEAT)
    stage["a"].sends(3, "1", {})
    stage.station.gets([3, "1", {}])
    stage.wait(10.3)
    assert stage["b"].backend.copies_dropped == {"gone": 1}
    assert stage.station.closed is None


def test_a_stand_in_that_is_a_copy() -> None:
    """A backend that is told, and stands in for the one that answers, hears of a call once."""
    stage = Stage(one("a", "b", copy=("b",)))
    stage.up("a", "b")
    stage.station.sends(*BEAT)
    stage["b"].gets([*BEAT])
    stage["a"].hangs_up()
    stage.station.sends(2, "2", "Heartbeat", {})
    stage["b"].gets([2, "2", "Heartbeat", {}])
    stage["b"].sends(3, "2", {})
    stage.station.take()


def test_a_command_of_our_own() -> None:
    """A command that no backend made counts for none."""
    stage = playing("a")
    heard: list[Reply] = []
    stage.session.turns.ask(Call("1", "Reset", b"{}"), heard.append)
    stage.station.sends(3, "1", {})
    assert len(heard) == 1
    assert stage["a"].backend.commands.by_label == {}


def test_a_copy_commands_the_station() -> None:
    """Any backend may call the station; with equal ids each gets its own answer, one call after the other."""
    stage = playing("a", "b")
    stage["a"].sends(*RESET)
    stage["b"].sends(2, "r", "ClearCache", {})
    stage.station.gets([*RESET])
    stage.station.sends(3, "r", {"for": "a"})
    stage["a"].gets([3, "r", {"for": "a"}])
    stage.station.gets([2, "r", "ClearCache", {}])
    stage.station.sends(3, "r", {"for": "b"})
    stage["b"].gets([3, "r", {"for": "b"}])
    stage["a"].gets()


def test_equal_ids_at_one_time() -> None:
    """Where a station may have several calls open, an id that is taken is replaced, and put back in the answer."""
    stage = playing("a", "b", window=2)
    stage["a"].sends(*RESET)
    stage["b"].sends(2, "r", "ClearCache", {})
    (_, first, *_), (_, second, *_) = stage.station.take()
    assert first == "r" != second
    stage.station.sends(3, second, {"for": "b"})
    stage.station.sends(3, "r", {"for": "a"})
    stage["b"].gets([3, "r", {"for": "b"}])
    stage["a"].gets([3, "r", {"for": "a"}])
    assert stage.counts.minted == 1


# Before the backend is there.


def test_what_comes_before_the_backend_is_kept() -> None:
    """What the station sends before its backend is there goes out, in order, when it is, whichever connects first."""
    stage = Stage(one("a", copy=("b",)))
    stage.station.sends(*BOOT)
    stage.station.sends(*BEAT)
    stage.up("b")
    stage["b"].gets([*BOOT], [*BEAT])
    stage.wait(5)
    stage.up("a")
    stage["a"].gets([*BOOT], [*BEAT])
    stage["a"].sends(3, "b", {"status": "Accepted"})
    stage.station.gets([3, "b", {"status": "Accepted"}])


@pytest.mark.parametrize("when_down", ["refuse", "close"])
def test_the_first_dial_is_waited_for(when_down: str) -> None:
    """A backend that is being dialled for the first time is not away: what comes meanwhile is kept."""
    stage = Stage(one("a"), backends={"a": {"when_down": when_down}})
    stage.station.sends(*BEAT)
    stage.up("a")
    stage["a"].gets([*BEAT])
    stage.station.gets()


# when_down.


def test_wait_then_close() -> None:
    """While its backend is away a call waits; when that was in vain the station is let go."""
    stage = playing("a", backends={"a": AWAY})
    stage["a"].hangs_up()
    stage.station.sends(*BEAT)
    stage["a"].refuses() if stage["a"].dials else None
    stage.wait(9.5)
    assert stage.station.closed is None
    stage.wait(1)
    assert stage.station.closed is not None
    assert stage.station.closed[0] == 1001
    stage.station.gets()


def test_wait_then_flush() -> None:
    """What waited goes out, in order, when the backend is back in time; a transaction was never answered by us."""
    stage = playing("a", backends={"a": AWAY})
    stage["a"].hangs_up()
    stage.station.sends(*START)
    stage.station.sends(*BEAT)
    stage.wait(1.2)
    stage.up("a")
    stage["a"].gets([*START], [*BEAT])
    stage.station.gets()


def test_wait_then_refuse() -> None:
    """With `then = "refuse"` a call that waited in vain is refused and the station stays."""
    stage = Stage(one("a"), backends={"a": {**AWAY, "then": "refuse"}})
    stage["a"].refuses()
    stage.station.sends(*BEAT)
    stage.wait(10.2)
    stage.station.gets([4, "1", "InternalError", "Waited 10 s for a connection", {}])
    assert stage.station.closed is None


def test_a_transaction_is_not_refused() -> None:
    """Where other calls are refused, a transaction that nobody took is left to the station: its socket is closed."""
    stage = Stage(one("a"), backends={"a": {**AWAY, "then": "refuse"}})
    stage["a"].refuses()
    stage.station.sends(*START)
    stage.wait(10.2)
    stage.station.gets()
    assert stage.station.closed == (1001, "Nobody took StartTransaction: keep it and come again")


def test_a_transaction_that_times_out() -> None:
    """A transaction whose answer does not come is not answered by us: the station keeps it."""
    stage = playing("a")
    stage.station.sends(*START)
    stage["a"].gets([*START])
    stage.wait(30.2)
    stage.station.gets()
    assert stage.station.closed == (1001, "Nobody took StartTransaction: keep it and come again")


def test_a_transaction_whose_answer_is_broken() -> None:
    """A transaction whose answer cannot be read is not answered by us either; another call is, at once."""
    stage = playing("a")
    stage.station.sends(*BEAT)
    stage["a"].sends(b'[3,"1",')
    ((kind, message_id, *_),) = stage.station.take()
    assert (kind, message_id) == (4, "1")
    stage.station.sends(*START)
    stage["a"].sends(b'[3,"s",')
    stage.station.gets()
    assert stage.station.closed is not None


def test_refuse() -> None:
    """With `refuse` a call is answered at once while its backend is away, and served when it is back."""
    stage = playing("a", backends={"a": {"when_down": "refuse"}})
    stage.station.sends(*BEAT)
    stage["a"].hangs_up()
    stage.station.gets([4, "1", "InternalError", "The connection was lost", {}])
    stage.station.sends(*BEAT)
    stage.station.gets([4, "1", "InternalError", "Backend a is away", {}])
    stage.wait(1.2)
    stage.station.sends(*BEAT)
    stage.station.gets([4, "1", "InternalError", "Backend a is away", {}])
    stage.up("a")
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])
    stage.wait(25)
    stage["a"].sends(3, "1", {})
    stage.station.gets([3, "1", {}])


def test_refuse_what_waited_for_the_first_dial() -> None:
    """When the first dial comes to nothing, what waited for it is refused at once."""
    stage = Stage(one("a"), backends={"a": {"when_down": "refuse"}})
    stage.station.sends(*BEAT)
    stage["a"].refuses()
    stage.station.gets([4, "1", "InternalError", "Backend a is away", {}])
    stage.wait(100)
    assert stage.station.closed is None


def test_refuse_leaves_transactions_to_the_station() -> None:
    """With `refuse` a transaction closes the station's socket at once."""
    stage = playing("a", backends={"a": {"when_down": "refuse"}})
    stage["a"].hangs_up()
    stage.station.sends(*START)
    stage.station.gets()
    assert stage.station.closed is not None


def test_close() -> None:
    """With `close` the station is let go as soon as its backend is."""
    stage = playing("a", backends={"a": {"when_down": "close"}})
    stage.station.sends(*BEAT)
    stage["a"].hangs_up(1012, "restart")
    stage.station.gets()
    assert stage.station.closed == (1001, "Backend a is away")
    assert stage.happened(StationWent)[0].by == "gateway"


def test_close_when_nothing_was_open() -> None:
    """With `close` the station is let go though it waits for nothing, and when its backend cannot be dialled."""
    stage = playing("a", backends={"a": {"when_down": "close"}})
    stage["a"].hangs_up()
    assert stage.station.closed == (1001, "Backend a is away")
    stage = Stage(one("a"), backends={"a": {"when_down": "close"}})
    stage["a"].refuses()
    assert stage.station.closed == (1001, "Backend a is away")


def test_a_copy_that_closes_nobody() -> None:
    """That a mere copy is away never costs the station its connection."""
    stage = playing("a", "b", backends={"b": {"when_down": "close"}})
    stage["b"].hangs_up()
    stage.station.sends(*BEAT)
    stage["a"].sends(3, "1", {})
    stage.station.gets([3, "1", {}])
    stage.wait(10.3)
    assert stage["b"].backend.copies_dropped == {"gone": 1}
    assert stage.station.closed is None


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
    stage = playing("a", backends={"a": {**AWAY, "wait": 1000.0, "retry": _retry(**retry)}})
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


def _retry(**settings: Any) -> Any:
    from voltgate.relay.backend import Retry

    return Retry(**settings)


def test_a_link_is_not_dialled_for_ever_when_not_wanted() -> None:
    """After the last of its tries a link stays down; a station that calls is treated as configured."""
    stage = Stage(one("a"), backends={"a": {"wait": 1000.0, "retry": _retry(jitter=0.0, tries=2)}})
    stage["a"].refuses()
    stage.wait(1.2)
    stage["a"].refuses()
    stage.wait(2.2)
    stage["a"].refuses()
    assert stage.happened(LegDown)[-1].retry is None
    stage.wait(500)
    assert stage["a"].dialled == 3
    stage.session.hold()
    stage.session.release()
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


# Failover.


def failing_over(**settings: Any) -> Stage:
    stage = Stage(one("a", "b"), backends={"a": settings, "b": settings})
    stage.up("a")
    return stage


def test_the_second_is_dialled_when_the_first_is_lost() -> None:
    """A backend that stands behind another is dialled when that one is lost, and answers until it is back."""
    stage = failing_over(**AWAY)
    assert stage["b"].dialled == 0
    stage["a"].hangs_up()
    stage.up("b")
    stage.station.sends(*BEAT)
    stage["b"].gets([*BEAT])
    stage["b"].sends(3, "1", {"from": "b"})
    stage.station.gets([3, "1", {"from": "b"}])
    stage.wait(1.1)
    stage.up("a")
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])
    stage["b"].gets()


def test_the_second_is_dialled_when_the_first_cannot_be() -> None:
    """A failed dial moves on to the next, and what waited goes there."""
    stage = Stage(one("a", "b", "c"))
    stage.station.sends(*BOOT)
    stage.station.sends(*BEAT)
    stage["a"].refuses()
    stage["b"].refuses()
    stage.up("c")
    stage["c"].gets([*BOOT], [*BEAT])
    stage["c"].sends(3, "b", {})
    stage.station.gets([3, "b", {}])


def test_what_was_sent_stays_with_its_backend() -> None:
    """A call that was written to a backend waits for that backend; only what was not sent yet goes to another."""
    stage = failing_over(**AWAY, window=1)
    stage.station.sends(*START)
    stage.station.sends(*BEAT)
    stage["a"].gets([*START])
    stage["a"].hangs_up()
    stage.up("b")
    stage["b"].gets([*BEAT])
    stage.wait(1.1)
    stage.up("a")
    stage["a"].gets([*START])
    stage["a"].sends(3, "s", {})
    stage["b"].sends(3, "1", {})
    stage.station.gets([3, "s", {}], [3, "1", {}])


def test_what_stays_keeps_its_place() -> None:
    """When part of what waits goes to a stand-in, the rest waits on in the order it came."""
    stage = Stage(
        one("a", actions=("Authorize",)),
        one("c", copy=("a",), actions=("Heartbeat",)),
        one("a", "b"),
        backends={"a": AWAY},
    )
    stage.up("c")
    stage["a"].refuses()
    stage.station.sends(2, "1", "Authorize", {})
    stage.station.sends(2, "2", "Heartbeat", {})
    stage.station.sends(2, "3", "DataTransfer", {})
    stage.up("b")
    stage["b"].gets([2, "3", "DataTransfer", {}])
    stage.wait(1.1)
    stage.up("a")
    stage["a"].gets([2, "1", "Authorize", {}], [2, "2", "Heartbeat", {}])


def test_what_was_not_sent_goes_to_a_backend_that_is_there_already() -> None:
    """A backend that is lost with calls unsent leaves them to the one that stands in and is there."""
    stage = Stage(one("c", actions=("Authorize",), copy=("b",)), one("a", "b"), backends={"a": {**AWAY, "window": 1}})
    stage.up("a", "b", "c")
    stage.station.sends(*START)
    stage.station.sends(*BEAT)
    stage["a"].hangs_up()
    stage["b"].gets([*BEAT])


@pytest.mark.parametrize("when_down", ["wait", "refuse", "close"])
def test_a_stand_in_is_given_the_time_to_come(when_down: str) -> None:
    """Whatever the first backend's `when_down` says, its stand-in is tried before it applies."""
    stage = failing_over(when_down=when_down)
    stage["a"].hangs_up()
    assert stage.station.closed is None
    stage.station.sends(*BEAT)
    stage.station.gets()
    stage.up("b")
    stage["b"].gets([*BEAT])
    stage["b"].sends(3, "1", {})
    stage.station.gets([3, "1", {}])


@pytest.mark.parametrize(
    ("when_down", "answer", "closed"),
    [
        ("refuse", [4, "1", "InternalError", "Backend a is away", {}], None),
        ("close", None, (1001, "Backend b is away")),
    ],
)
def test_all_are_away(when_down: str, answer: list[Any] | None, closed: tuple[int, str] | None) -> None:
    """When the stand-in is away too, `when_down` applies."""
    stage = failing_over(when_down=when_down)
    stage["a"].hangs_up()
    stage.station.sends(*BEAT)
    stage["b"].refuses()
    stage.station.gets(*([answer] if answer else []))
    assert stage.station.closed == closed


def test_a_backend_that_nobody_stands_in_for() -> None:
    """With `close` a backend that answers some calls alone closes the station, though others have a stand-in."""
    stage = Stage(one("a", actions=("Authorize",)), one("a", "b"), backends={"a": {"when_down": "close"}})
    stage.up("a")
    stage["a"].hangs_up()
    assert stage.station.closed == (1001, "Backend a is away")


def test_the_loss_of_one_without_a_stand_in_dials_nobody() -> None:
    """A stand-in is dialled for its own list only."""
    stage = Stage(one("c", actions=("Authorize",)), one("a", "b"), backends={"c": AWAY})
    stage.up("a", "c")
    stage["c"].hangs_up()
    assert stage["b"].dialled == 0


def test_a_boot_goes_to_the_stand_in_once() -> None:
    """A boot that waits for the first backend goes to the second when that is there, and is not replayed to it too."""
    stage = Stage(one("a", "b"))
    stage.station.sends(*BOOT)
    stage["a"].refuses()
    stage.up("b")
    stage["b"].gets([*BOOT])


def test_an_unsent_call_goes_by_the_policy_of_the_backend_it_went_to() -> None:
    """A call that moved to another backend ends as that backend's `when_down` says."""
    stage = Stage(one("a", "b"), backends={"a": {"when_down": "wait"}, "b": {"when_down": "refuse"}})
    stage.station.sends(*BEAT)
    stage["a"].refuses()
    stage.up("b")
    stage["b"].gets([*BEAT])
    stage["b"].hangs_up()
    stage.station.gets([4, "1", "InternalError", "The connection was lost", {}])
    assert stage.station.closed is None


def test_both_come_and_go() -> None:
    """However the two come and go, a call is asked of one of them."""
    stage = Stage(one("a", "b"), backends={"a": {**AWAY, "wait": 100.0}, "b": {**AWAY, "wait": 100.0}})
    stage["a"].refuses()
    stage["b"].refuses()
    stage.station.sends(*BEAT)
    stage.wait(1.2)
    stage["b"].accepts()
    stage["b"].gets([*BEAT])
    stage["a"].accepts()
    stage["a"].gets()


# Overload, and the station's manners.


def test_overload() -> None:
    """Calls beyond what may wait for a backend are refused; a transaction is left to the station."""
    stage = playing("a", backends={"a": {"window": 1, "waiting": 1}})
    for n in "123":
        stage.station.sends(2, n, "Heartbeat", {})
    stage.station.gets([4, "3", "InternalError", "Too many calls wait for this connection", {}])
    stage.station.sends(*START)
    stage.station.gets()
    assert stage.station.closed == (1013, "Nobody took StartTransaction: keep it and come again")


def test_a_backend_that_commands_too_much() -> None:
    """Commands beyond what may wait for the station are refused, to the backend that sends too many."""
    stage = playing("a", "b", waiting=1)
    for n in "123":
        stage["a"].sends(2, n, "Reset", {})
    stage["b"].sends(2, "1", "Reset", {})
    stage["a"].gets([4, "3", "InternalError", "Too many calls wait for this connection", {}])
    stage["b"].gets()


def test_a_flood() -> None:
    """A station that sends more than its rate is let go; its burst is its own."""
    stage = playing("a", messages_per_second=10.0, burst=20)
    for _ in range(20):
        stage.station.sends(*BEAT)
    stage.wait(1)
    for _ in range(10):
        stage.station.sends(*BEAT)
    assert stage.station.closed is None
    stage.station.sends(*BEAT)
    assert stage.station.closed == (1008, "More than 10 messages a second")


# Back-pressure.


def test_a_backend_that_does_not_read() -> None:
    """While the answering backend does not read, the station is not read."""
    stage = playing("a")
    stage["a"].line.is_full()
    assert stage.station.pauses == 1
    stage.station.sends(*BEAT)
    stage["a"].gets()
    stage["a"].line.has_drained()
    assert stage.station.pauses == 0
    stage["a"].gets([*BEAT])


def test_a_copy_that_does_not_read() -> None:
    """A copy that does not read costs the station nothing."""
    stage = playing("a", "b")
    stage["b"].line.is_full()
    assert stage.station.pauses == 0
    for n in range(70):
        stage.station.sends(2, str(n), "Heartbeat", {})
        stage["a"].sends(3, str(n), {})
    stage["b"].gets()
    assert stage["b"].backend.copies_dropped == {"overloaded": 6}
    stage["b"].line.has_drained()
    assert len(stage["b"].line.take()) == 16


def test_two_backends_that_do_not_read() -> None:
    """The station is read when both of those that answer it read again."""
    stage = Stage(one("a", actions=("Heartbeat",)), one("b"))
    stage.up("a", "b")
    stage["a"].line.is_full()
    stage["b"].line.is_full()
    stage["a"].line.is_full()
    assert stage.station.pauses == 2
    stage["a"].line.has_drained()
    assert stage.station.pauses == 1
    stage["b"].line.has_drained()
    stage["b"].line.has_drained()
    assert stage.station.pauses == 0


@pytest.mark.parametrize("how", ["lost", "moved", "ended"])
def test_a_backend_that_goes_without_having_read(how: str) -> None:
    """A backend that is lost, left or ended while it does not read leaves the station readable."""
    stage = playing("a")
    stage["a"].line.is_full()
    if how == "lost":
        stage["a"].hangs_up()
    elif how == "moved":
        stage.moves(one("b"))
    else:
        stage.session.end(1001, "over")
    assert stage.station.pauses == 0


def test_a_station_that_does_not_read() -> None:
    """While the station does not read, no backend is read, and commands wait; also a backend that comes meanwhile."""
    stage = Stage(one("a", copy=("b",)))
    stage.up("a")
    stage.station.is_full()
    stage.up("b")
    assert (stage["a"].line.pauses, stage["b"].line.pauses) == (1, 1)
    stage["a"].sends(*RESET)
    stage.station.gets()
    stage.station.has_drained()
    assert (stage["a"].line.pauses, stage["b"].line.pauses) == (0, 0)
    stage.station.gets([*RESET])


def test_a_link_lost_while_the_station_does_not_read() -> None:
    """A link that comes back while the station does not read is paused once, and read when the station is."""
    stage = playing("a", backends={"a": AWAY})
    stage.station.is_full()
    stage["a"].hangs_up()
    stage.wait(1.1)
    stage.up("a")
    assert stage["a"].line.pauses == 1
    stage.station.has_drained()
    assert stage["a"].line.pauses == 0


def test_a_backend_that_is_left_while_the_station_does_not_read() -> None:
    """A backend that the station moves away from can give its last answer though the station does not read just now."""
    stage = playing("a")
    stage.station.sends(*BEAT)
    stage.station.is_full()
    left = stage["a"].line
    stage.moves(one("b"))
    stage.up("b")
    assert (left.pauses, stage["b"].line.pauses) == (0, 1)
    stage["a"].sends(3, "1", {})
    stage.station.has_drained()
    stage.station.gets([3, "1", {}])
    assert (left.pauses, stage["b"].line.pauses) == (0, 0)


# Takeover.


def test_a_hold() -> None:
    """While a newcomer knocks no link is dialled back; when it was refused, what was lost is dialled at once."""
    stage = playing("a", "b", backends={"a": AWAY})
    stage.session.hold()
    stage["a"].hangs_up()
    stage.wait(5)
    assert stage["a"].dialled == 1
    stage.session.release()
    assert (stage["a"].dialled, stage["b"].dialled) == (2, 1)
    stage.station.sends(*BEAT)
    stage.up("a")
    stage["a"].gets([*BEAT])


def test_a_hold_closes_nobody() -> None:
    """A backend that drops the old link when a newcomer knocks does not cost the old station its place."""
    stage = playing("a", backends={"a": {"when_down": "close"}})
    stage.session.hold()
    stage["a"].hangs_up()
    assert stage.station.closed is None
    stage.session.release()
    stage.up("a")
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])


def test_a_hold_does_not_outlast_the_grace() -> None:
    """A station that was held while all its backends were away for too long is let go after the release."""
    stage = Stage(one("a"))
    stage["a"].refuses()
    stage.session.hold()
    stage.wait(20)
    assert stage.station.closed is None
    stage.session.release()
    stage["a"].refuses()
    stage.wait(0.3)
    assert stage.station.closed == (1001, "No backend is there")


def test_knocking_causes_no_dials() -> None:
    """However often a newcomer knocks and is refused, an absent backend is dialled no more often than it should be."""
    stage = Stage(one("a"), backends={"a": {"wait": 1000.0, "retry": _retry(first=20.0, jitter=0.0)}})
    stage["a"].refuses()
    for _ in range(100):
        stage.wait(0.1)
        stage.session.hold()
        stage.session.release()
    assert stage["a"].dialled == 1
    assert len(stage.wheel) == 2
    stage.wait(10.2)
    stage["a"].refuses()
    stage.wait(39)
    assert stage["a"].dialled == 2
    stage.wait(1.2)
    assert stage["a"].dialled == 3


def take_over(stage: Stage) -> None:
    """Have the station come again, as the gateway does where the legs survive."""
    old, (new, line) = stage.session, stage.newcomer()
    new.legs, new.boot = old.give_up_legs(), old.boot
    for leg in new.legs.values():
        leg.session = new
    old.end(1001, "Replaced by a new connection")
    stage.session, stage.station = new, line
    stage.open()


def test_legs_survive_a_takeover() -> None:
    """A station that comes again finds its backends' links as they were."""
    stage = playing("a")
    old = stage.station
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])
    stage["a"].sends(*RESET)
    take_over(stage)
    assert old.closed == (1001, "Replaced by a new connection")
    stage["a"].gets([4, "r", "InternalError", "The station has gone", {}])
    stage["a"].sends(3, "1", {})
    stage.station.gets()
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])
    stage["a"].sends(3, "1", {"for": "the new one"})
    stage.station.gets([3, "1", {"for": "the new one"}])
    stage["a"].sends(*RESET)
    stage.station.gets([*RESET])
    assert (stage["a"].dialled, stage["a"].backend.legs, stage["a"].backend.up) == (1, 1, 1)
    assert stage["a"].line.closed is None


def test_a_takeover_while_the_backend_does_not_read() -> None:
    """A backend that did not read the old connection's calls holds the new connection back just the same."""
    stage = playing("a")
    old = stage.station
    stage["a"].line.is_full()
    take_over(stage)
    assert (old.pauses, stage.station.pauses) == (0, 1)
    stage["a"].line.has_drained()
    assert stage.station.pauses == 0


def test_a_takeover_while_the_station_does_not_read() -> None:
    """That the old connection was not read does not keep a backend from being read for the new one."""
    stage = playing("a", "b")
    stage.station.is_full()
    take_over(stage)
    assert (stage["a"].line.pauses, stage["b"].line.pauses) == (0, 0)
    stage.station.is_full()
    stage.station.has_drained()
    assert (stage["a"].line.pauses, stage["b"].line.pauses) == (0, 0)


def test_a_takeover_pays_nobody_twice() -> None:
    """A transaction that waited unsent is repeated by the station, and so dropped; what else waited is not lost."""
    stage = playing("a", backends={"a": AWAY})
    stage["a"].hangs_up()
    stage.station.sends(*START)
    stage.station.sends(2, "n", "StatusNotification", {})
    take_over(stage)
    stage.station.sends(*START)
    stage.wait(1.2)
    stage.up("a")
    stage["a"].gets([2, "n", "StatusNotification", {}], [*START])
    stage["a"].sends(3, "n", {})
    stage["a"].sends(3, "s", {})
    stage.station.gets([3, "s", {}])


def test_a_backend_left_behind_before_a_takeover() -> None:
    """A link of the old connection's that opens when the legs have gone over to the new one disturbs nobody."""
    stage = Stage(one("a", copy=("b",)))
    stage.up("a")
    stage.station.sends(*BEAT)
    left = stage["b"]
    stage.replaces("b", window=3)
    stage.moves(one("a", "b"))
    take_over(stage)
    line = left.accepts()
    line.gets([*BEAT])
    stage.wait(0.5)
    assert line.closed is not None
    assert left.backend.legs == 0


# Moving to another route.


def test_a_station_moves() -> None:
    """A station that moves is served by its new backend at once; the old one's link ends when its answer is given."""
    stage = playing("a")
    stage.station.sends(*BEAT)
    left = stage["a"].line
    stage.moves(one("b"))
    assert stage.happened(StationMoved) == [StationMoved("CP-1", "away")]
    stage.up("b")
    stage.station.sends(2, "2", "Heartbeat", {})
    stage["b"].gets([2, "2", "Heartbeat", {}])
    stage.wait(5)
    assert left.closed is None
    stage["a"].sends(3, "1", {"from": "a"})
    stage.station.gets([3, "1", {"from": "a"}])
    stage.wait(0.5)
    assert left.closed == (1000, "The station has moved to another backend")
    assert (stage["a"].backend.legs, stage["a"].backend.up) == (0, 0)
    assert stage.station.closed is None


def test_what_was_not_sent_moves() -> None:
    """What the old backend was not sent yet goes to the new one, or is refused when no rule is for it."""
    stage = playing("a", backends={"a": {"window": 1}})
    for n, action in enumerate(("Heartbeat", "Authorize", "DataTransfer")):
        stage.station.sends(2, str(n), action, {})
    stage["a"].gets([2, "0", "Heartbeat", {}])
    stage.moves(one("b", actions=("Authorize",)))
    stage.up("b")
    stage["b"].gets([2, "1", "Authorize", {}])
    stage.station.gets([4, "2", "NotSupported", "No rule says who answers this", {}])
    stage["a"].sends(3, "0", {})
    stage["b"].sends(3, "1", {})
    stage.station.gets([3, "0", {}], [3, "1", {}])


def test_a_backend_that_never_answers_is_left_in_the_end() -> None:
    """The old backend's link ends when its time to answer is over, and the station stays."""
    stage = playing("a")
    stage.station.sends(*BEAT)
    stage.moves(one("b"))
    stage.up("b")
    stage.wait(31)
    assert stage["a"].line.closed is not None
    stage.station.gets([4, "1", "InternalError", "No answer within 30 s", {}])
    assert stage.station.closed is None


def test_an_idle_station_moves_at_once() -> None:
    """A link that nobody waits for is closed at once, one that is only dialled is never taken."""
    stage = Stage(one("a", copy=("c",)))
    stage.up("a")
    stage.moves(one("b"))
    assert stage["a"].line.closed is not None
    line = stage["c"].accepts()
    assert line.closed == (1001, "The station has gone")
    stage["a"].hangs_up()
    assert stage.happened(LegDown) == []


def test_a_dial_that_fails_when_it_is_not_wanted_any_more() -> None:
    """That a backend which was left could not be dialled is nobody's business."""
    stage = Stage(one("a"))
    stage.moves(one("b"))
    stage["a"].refuses()
    assert stage.happened(LegDown) == []


def test_a_backend_that_was_left_does_not_close_the_station() -> None:
    """When a backend is configured anew, the loss of its old link is not the loss of the new one's."""
    stage = playing("a", "c", backends={"c": {"when_down": "close"}})
    stage.station.sends(*BEAT)
    old = stage.replaces("c", when_down="wait")
    stage.moves(one("c"), name="home")
    stage["c"].refuses()
    old.hangs_up()
    assert stage.station.closed is None


def test_a_backend_that_was_left_with_a_call() -> None:
    """A call that the old backend still owed an answer ends, when its link is lost, as its `when_down` says."""
    stage = playing("a", backends={"a": {"when_down": "close"}})
    stage.station.sends(*BEAT)
    stage.moves(one("b"))
    stage["a"].hangs_up()
    assert stage.station.closed == (1001, "Backend a is away")


def test_a_move_keeps_what_stays() -> None:
    """A backend that is on both routes keeps its link; one that comes to answer is dialled."""
    stage = Stage(one("a", "b"))
    stage.up("a")
    stage.moves(one("b", copy=("a",)))
    assert (stage["a"].dialled, stage["b"].dialled) == (1, 1)
    stage.up("b")
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])
    stage["b"].gets([*BEAT])


def test_a_station_that_goes_while_it_moves() -> None:
    """When the station goes while its old backend still owes it an answer, that link goes too."""
    stage = playing("a")
    stage.station.sends(*BEAT)
    stage.moves(one("b"))
    stage.station.hangs_up()
    stage.wait(0.5)
    assert stage["a"].line.closed is not None
    assert stage["a"].backend.legs == 0


# SEND and CALLRESULTERROR.

STREAM = (6, "x", "NotifyPeriodicEventStream", {"id": 1})


def test_a_send_passes() -> None:
    """A SEND goes to whoever would answer, and to the copies; nothing comes back (FR-04)."""
    stage = playing("a", "b", version="ocpp2.1")
    stage.station.sends(*BEAT)
    stage.station.sends(*STREAM)
    stage["a"].gets([*BEAT], [*STREAM])
    stage["b"].gets([*BEAT], [*STREAM])
    stage.wait(60)
    assert [sent[1] for sent in stage.station.take()] == ["1"]


def test_a_send_that_nobody_takes() -> None:
    """A SEND that no rule is for, or that no backend is there for, is dropped in silence."""
    stage = Stage(one("a", actions=("Notify*",)), version="ocpp2.1", backends={"a": {"when_down": "refuse"}})
    stage.station.sends(6, "x", "Other", {})
    stage["a"].refuses()
    stage.station.sends(*STREAM)
    stage.wait(20)
    stage.station.gets()
    assert stage["a"].backend.copies_dropped == {"gone": 1}


def test_a_complaint_passes() -> None:
    """A CALLRESULTERROR goes to the backend whose answer it is about (FR-03)."""
    stage = playing("a", "b", version="ocpp2.1")
    stage.station.sends(2, "1", "Authorize", {})
    stage["b"].sends(3, "1", {})
    stage["a"].sends(3, "1", {"tariff": 1})
    stage.station.gets([3, "1", {"tariff": 1}])
    stage.station.sends(5, "1", "PropertyConstraintViolation", "No such tariff", {})
    stage["a"].gets([2, "1", "Authorize", {}], [5, "1", "PropertyConstraintViolation", "No such tariff", {}])
    stage["b"].gets([2, "1", "Authorize", {}])


def test_a_complaint_of_a_backend() -> None:
    """A backend that dislikes the station's answer tells the station so."""
    stage = playing("a", version="ocpp2.1")
    stage["a"].sends(*RESET)
    stage.station.sends(3, "r", {"status": "Perhaps"})
    stage["a"].sends(5, "r", "PropertyConstraintViolation", "", {})
    stage.station.gets([*RESET], [5, "r", "PropertyConstraintViolation", "", {}])


# Registration by the gateway.


@pytest.mark.parametrize("status", ["Pending", "Rejected"])
def test_registration_by_the_gateway(status: str) -> None:
    """A station that was not accepted is refused by us until it is; its transactions are not."""
    stage = playing("a", registration="gateway")
    boots(stage, status)
    stage.station.sends(*BEAT)
    stage.station.gets([4, "1", "SecurityError", "The BootNotification is not accepted yet", {}])
    stage["a"].gets()
    stage.station.sends(*START)
    stage["a"].gets([*START])
    boots(stage)
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])


def test_registration_is_not_changed_by_an_error() -> None:
    """A boot that ends in an error, or in no status at all, accepts nobody."""
    stage = playing("a", registration="gateway")
    boots(stage, "Rejected")
    for answer in ((4, "b", "InternalError", "", {}), (3, "b", {"status": 17}), (3, "b", {})):
        stage.station.sends(*BOOT)
        stage["a"].sends(*answer)
        stage["a"].line.take()
        stage.station.take()
        stage.station.sends(*BEAT)
        stage["a"].gets()


def test_a_station_that_does_not_boot() -> None:
    """A station that comes back need not boot (LV-07)."""
    stage = playing("a", registration="gateway")
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])


def test_registration_is_the_backends_by_default() -> None:
    """By default what a rejected station may do is its backend's to say."""
    stage = playing("a")
    boots(stage, "Rejected")
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])


def test_a_screen() -> None:
    """A screen answers before the session does."""

    def screen(handler: Handler) -> Handler:
        def screened(call: Call, respond: Respond) -> None:
            if call.action == "Authorize":
                respond(Result(call.id, b'{"screened":true}'))
            else:
                handler(call, respond)

        return screened

    stage = playing("a", screen=screen)
    stage.station.sends(2, "1", "Authorize", {})
    stage.station.sends(*BEAT)
    stage.station.gets([3, "1", {"screened": True}])
    stage["a"].gets([*BEAT])


# All are away.


def test_all_backends_are_gone() -> None:
    """A station whose backends are all away for longer than their grace is let go, though it waits for nothing."""
    stage = playing("a", "b", backends={"a": AWAY})
    stage["a"].hangs_up()
    stage.wait(60)
    assert stage.station.closed is None
    stage["b"].hangs_up()
    stage["a"].dials.clear()
    stage.wait(9.5)
    assert stage.station.closed is None
    stage.wait(1)
    assert stage.station.closed == (1001, "No backend is there")
    assert stage.ended == [stage.session]


def test_a_backend_that_comes_in_time_keeps_the_station() -> None:
    """The grace begins anew when a backend was there."""
    stage = playing("a", backends={"a": AWAY})
    for _ in range(4):
        stage["a"].hangs_up()
        stage.wait(8.5)
        stage.up("a")
    stage.wait(30)
    assert stage.station.closed is None


@pytest.mark.parametrize("rule", [one("a"), Rule(stations="others", answer=("a",))])
def test_a_station_without_backends_stays(rule: Rule) -> None:
    """A station whose backends refuse instead of closing is kept, and so is one that no rule is for."""
    stage = Stage(rule, backends={"a": {"when_down": "refuse"}})
    for _ in range(40):
        for far in stage.far.values():
            far.refuses()
        stage.wait(90)
    assert stage.station.closed is None
    assert len(stage.wheel) <= 3


def test_a_move_to_backends_that_are_less_patient() -> None:
    """A station that was kept without a backend, and moves where none is either, is let go when that grace is over."""
    stage = Stage(one("a"), backends={"a": {"when_down": "refuse"}})
    stage["a"].refuses()
    stage.moves(one("b"))
    stage["b"].refuses()
    stage.wait(9.8)
    assert stage.station.closed is None
    stage.wait(0.5)
    assert stage.station.closed == (1001, "No backend is there")


def test_looking_for_backends_fills_no_memory() -> None:
    """However often an absent backend is dialled, few wakes are in the wheel."""
    stage = Stage(one("a"), backends={"a": {"when_down": "refuse", "retry": _retry(first=1.0, longest=1.0)}})
    for _ in range(300):
        stage["a"].refuses()
        stage.wait(1.2)
    assert len(stage.wheel) <= 3


# The end.


def test_the_end_answers_everybody() -> None:
    """When the station goes, everybody who waits for it hears, its links end, and it is told once."""
    stage = playing("a", "b")
    stage["a"].sends(*RESET)
    stage["b"].sends(*RESET)
    stage.station.sends(*BEAT)
    stage["a"].gets([*BEAT])
    stage["b"].gets([*BEAT])
    assert stage.session.busy
    stage.wait(7)
    stage.station.hangs_up(1000, "bye")
    for name in "ab":
        stage[name].gets([4, "r", "InternalError", "The station has gone", {}])
        assert stage[name].line.closed == (1000, "The station has gone")
        assert (stage[name].backend.legs, stage[name].backend.up) == (0, 0)
        stage[name].hangs_up()
    (went,) = stage.happened(StationWent)
    assert (went.code, went.reason, went.by) == (1000, "bye", "station")
    assert abs(went.seconds - 7) < 0.01
    assert stage.ended == [stage.session]
    assert not stage.session.busy
    assert stage.happened(LegDown) == []


def test_the_end_comes_once() -> None:
    """However often and by whomever a session is ended, it ends once."""
    stage = playing("a")
    stage.session.end(1001, "over")
    stage.session.end(1008, "again")
    stage.station.hangs_up()
    stage.session.legs["a"].end("again")
    assert stage.station.closed == (1001, "over")
    assert len(stage.happened(StationWent)) == 1
    assert stage.ended == [stage.session]
    assert stage["a"].backend.legs == 0


def test_a_session_that_never_began_can_end() -> None:
    """A session may end before its station is connected."""
    stage = Stage(one("a"), opened=False)
    stage.session.pause()
    stage.session.resume()
    stage.session.end(1001, "over")
    assert stage.station.closed is None
    assert stage.ended == [stage.session]


def test_a_loss_that_ends_the_session_is_not_followed_by_a_dial() -> None:
    """When a lost link costs the station its place, that link is not dialled back, nor reported after the end."""
    stage = playing("a", "b", backends={"a": {"when_down": "refuse"}})
    stage.station.sends(*START)
    stage["a"].hangs_up()
    assert stage.station.closed is not None
    assert [type(event).__name__ for event in stage.events][-1] == "StationWent"
    assert stage.session.legs["a"].state is State.ENDED
    stage.wait(100)
    assert stage["a"].dialled == 1
    assert (stage["a"].backend.legs, stage["a"].backend.up) == (0, 0)


def test_a_dial_that_succeeds_too_late() -> None:
    """A link that opens when the station has gone is closed."""
    stage = Stage(one("a"))
    stage.station.hangs_up()
    line = stage["a"].accepts()
    assert line.closed == (1001, "The station has gone")
    assert stage.happened(LegUp) == []


def test_nothing_is_dialled_after_the_end() -> None:
    """A retry that was due when the station went is not made."""
    stage = playing("a")
    stage["a"].hangs_up()
    stage.station.hangs_up()
    stage.wait(100)
    assert stage["a"].dialled == 1
    assert len(stage.wheel) == 0


def test_a_leg_has_a_link_while_it_is_up() -> None:
    """What a backend is reached by can be seen as long as it is there."""
    stage = playing("a")
    leg = stage.session.legs["a"]
    assert leg.wire is stage["a"].line
    stage["a"].hangs_up()
    assert leg.wire is None
