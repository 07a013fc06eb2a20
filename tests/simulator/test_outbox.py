"""What waits at a station."""

from __future__ import annotations

from voltgate.simulator.calls import OutgoingCall
from voltgate.simulator.outbox import MOST_KEPT, Outbox


def call(action: str, *, kept: bool = False) -> OutgoingCall:
    return OutgoingCall(action, {}, lambda answer, now: None, kept=kept)


def filled(*calls: OutgoingCall) -> Outbox:
    outbox = Outbox()
    assert all(outbox.put(asked) for asked in calls)
    return outbox


def taken(outbox: Outbox, now: float) -> list[str]:
    actions = []
    while (asked := outbox.take(now)) is not None:
        actions.append(asked.action)
    return actions


def test_calls_leave_in_order() -> None:
    """Calls are sent in the order in which they were asked."""
    outbox = filled(call("a"), call("b", kept=True), call("c"))
    assert outbox.has_kept
    assert taken(outbox, 0.0) == ["a", "b", "c"]
    assert not outbox.has_kept


def test_while_a_transaction_message_waits_for_its_retry_the_others_go_around() -> None:
    """A transaction message that is tried again later holds back those behind it, and nothing else."""
    outbox = filled(call("start", kept=True), call("meter", kept=True), call("status"))
    start = outbox.take(0.0)
    assert start is not None
    outbox.put_back(start, until=5.0)
    assert taken(outbox, 4.9) == ["status"]
    assert taken(outbox, 5.0) == ["start", "meter"]


def test_a_new_connection_ends_the_wait() -> None:
    """After a reconnect what is owed goes out at once."""
    outbox = filled(call("start", kept=True))
    start = outbox.take(0.0)
    assert start is not None
    outbox.put_back(start, until=60.0)
    outbox.resume()
    assert taken(outbox, 1.0) == ["start"]


def test_a_lost_connection_keeps_what_must_not_be_lost() -> None:
    """When the connection is lost, transaction messages stay in order, the open one first; the rest is given up."""
    outbox = filled(call("meter", kept=True), call("status"))
    given_up = outbox.keep([call("start", kept=True), call("heartbeat")])
    assert [asked.action for asked in given_up] == ["heartbeat", "status"]
    assert taken(outbox, 0.0) == ["start", "meter"]


def test_a_station_keeps_only_so_many() -> None:
    """What waits is bounded, and who asks for more hears it."""
    outbox = filled(*(call("meter", kept=True) for _ in range(MOST_KEPT)))
    assert not outbox.put(call("meter", kept=True))
    assert len(outbox) == MOST_KEPT
