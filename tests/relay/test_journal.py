"""The journal of a station: the first messages of each backend in hand, the rest on disk, read back in pieces."""

from __future__ import annotations

from collections.abc import Iterable

from tests.relay.stage import Shelf
from voltgate.ocpp.actions import SIGNED
from voltgate.ocpp.messages import Call
from voltgate.relay.journal import Journal, is_paid_by
from voltgate.relay.records import OWED_AT_ONCE, Lease, Nowhere, OwedRecord, TransactionRecord


def learn(records: Iterable[TransactionRecord]) -> None:
    """Learn nothing of transactions."""
    assert list(records) == []


def journal(shelf: Shelf) -> Journal:
    """Open the journal of a station."""
    mine = Journal("cp-1", shelf, lambda: 0.0, learn)
    mine.read(shelf.page("cp-1"))
    return mine


def entered(mine: Journal, *numbers: int) -> None:
    """Enter stops that `a` is owed, each of a transaction of its own."""
    for n in numbers:
        mine.enter("a", Call(f"x{n}", "StopTransaction", b"{}"), f"t{n}")


def in_hand(mine: Journal) -> list[str]:
    """Return what is in hand for `a`."""
    return [record.message_id for record in mine.of("a")]


def with_one_on_disk(shelf: Shelf) -> Journal:
    """Open a journal of which all that was in hand has been delivered: one message is left, on disk."""
    mine = journal(shelf)
    entered(mine, *range(OWED_AT_ONCE + 1))
    for record in list(mine.of("a")):
        mine.settle(record)
    return mine


def nothing() -> None:
    """Do nothing."""


def test_numbers_go_on() -> None:
    """After a restart the numbers of messages go on where they were: nothing takes another's place."""
    shelf = Shelf()
    entered(journal(shelf), *range(40))
    entered(journal(shelf), 40)
    assert sorted(record.seq for record in shelf.of(OwedRecord)) == list(range(1, 42))


def test_what_is_struck_out_while_the_rest_is_read() -> None:
    """What another leg delivers while a piece is read is not in hand again; who asks meanwhile waits for the same."""
    shelf = Shelf()
    mine = journal(shelf)
    entered(mine, *range(OWED_AT_ONCE + 8))
    heard: list[str] = []
    records = list(mine.of("a"))
    shelf.slow = True
    mine.fetch("a", lambda: heard.append("one"))
    mine.fetch("a", lambda: heard.append("other"))
    shelf.strike = lambda record: None  # type: ignore[method-assign]  # on its way to the disk
    mine.settle(records[0])
    assert heard == []
    shelf.writes()
    assert heard == ["one", "other"]
    assert in_hand(mine)[0] == "x1"


def test_what_is_entered_while_the_rest_is_read() -> None:
    """What comes while a piece is read is found by the next one."""
    shelf = Shelf()
    mine = with_one_on_disk(shelf)
    shelf.slow = True
    mine.fetch("a", nothing)
    entered(mine, 99)
    shelf.writes()
    assert not mine.is_whole("a")
    mine.fetch("a", nothing)
    shelf.writes()
    assert mine.is_whole("a")
    assert in_hand(mine) == [f"x{OWED_AT_ONCE}", "x99"]
    assert mine.messages("a") == 2


def test_a_piece_that_cannot_be_read() -> None:
    """While the database is away what is owed stays owed."""
    shelf = Shelf()
    mine = with_one_on_disk(shelf)
    shelf.broken = True
    mine.fetch("a", nothing)
    assert (mine.first("a", 0.0), mine.is_whole("a"), mine.owes("a")) == (None, False, True)


def test_what_another_process_has_delivered() -> None:
    """What was thought to be owed, and is on disk no more, is owed no more."""
    shelf = Shelf()
    mine = journal(shelf)
    entered(mine, 1, 2)
    shelf.records.clear()
    shelf.epoch = 2
    mine.lease(lambda: 0.0, nothing)
    assert mine.first("a", 0.0) is None, "it is read back first"
    mine.fetch("a", nothing)
    assert not mine.owes("a")


def test_what_nobody_else_can_have_delivered() -> None:
    """What is in hand needs not be read back as long as no other process has had the right to deliver."""
    shelf = Shelf()
    mine = journal(shelf)
    for turn in range(3):
        entered(mine, turn)
        mine.lease(lambda: 0.0, nothing)
        (record,) = mine.of("a")
        assert record.message_id == f"x{turn}"
        mine.settle(record)
        mine.release()


def test_what_stands_back() -> None:
    """A transaction that stands back is passed over until its time has come, or the link has."""
    shelf = Shelf()
    mine = journal(shelf)
    entered(mine, 1, 2)
    first = mine.first("a", 0.0)
    assert first is not None
    assert mine.set_aside(first, 10.0)
    assert [record.message_id for record in (mine.first("a", 5.0),) if record] == ["x2"]
    assert mine.back_at("a") == 10.0
    assert mine.first("a", 10.0) is None, "it is read back first"
    mine.fetch("a", nothing)
    assert in_hand(mine) == ["x1", "x2"]
    mine.set_aside(first, 20.0)
    mine.take_back("a")
    mine.take_back("a")
    assert not mine.is_aside("a", "t1")
    mine.take_back("nobody")


def test_without_a_database_all_of_it_is_in_hand() -> None:
    """A gateway that keeps nothing has the whole journal in memory; what stood back is there when its time comes."""
    mine = Journal("cp-1", Nowhere(), lambda: 0.0, learn)
    entered(mine, *range(100))
    assert len(in_hand(mine)) == 100
    first = mine.first("a", 0.0)
    assert first is not None
    mine.set_aside(first, 10.0)
    assert mine.first("a", 5.0) != first
    assert mine.first("a", 10.0) == first


def test_the_right_to_deliver_is_asked_for_once() -> None:
    """Who asks for the right to deliver while it is asked for waits for the same answer."""
    shelf = Shelf()
    mine = journal(shelf)
    heard: list[str] = []
    asked: list[object] = []

    def lease(station: str, then: object) -> None:
        asked.append(then)

    shelf.lease = lease  # type: ignore[method-assign]
    mine.lease(lambda: 0.0, lambda: heard.append("one"))
    mine.lease(lambda: 0.0, lambda: heard.append("other"))
    (then,) = asked
    then(Lease(60.0, 1))  # type: ignore[operator]
    assert heard == ["one", "other"]
    assert mine.is_leased(60.0)
    mine.release()
    mine.release()
    assert not mine.is_leased(0.0)


def test_a_right_that_is_wanted_again_before_it_is_granted() -> None:
    """Who has given up what it asked for, and asks again meanwhile, keeps it."""
    shelf = Shelf()
    mine = journal(shelf)
    shelf.slow = True
    mine.lease(lambda: 0.0, nothing)
    mine.release()
    mine.lease(lambda: 0.0, nothing)
    shelf.writes()
    assert shelf.leased
    assert mine.is_leased(60.0)


def test_what_was_never_asked_for_is_not_given_back() -> None:
    """A station that was owed nothing costs the database nothing when it goes."""
    shelf, released = Shelf(), list[str]()
    shelf.release = released.append  # type: ignore[method-assign]
    mine = journal(shelf)
    mine.release()
    assert released == []
    mine.lease(lambda: 0.0, nothing)
    mine.release()
    mine.release()
    assert released == ["cp-1"]


def test_what_another_process_has_entered_before() -> None:
    """What a page brings that was said before what is in hand is sent before it, also by who has the right already."""
    shelf, now = Shelf(), 1000.0
    mine, other = (Journal("cp-1", shelf, lambda: now, learn) for _ in range(2))
    mine.lease(lambda: 0.0, nothing)
    entered(other, 1)
    now += 1
    entered(mine, 2)
    mine.read(shelf.page("cp-1"), again=True)
    assert mine.first("a", 0.0) is None, "it is read back first"
    mine.fetch("a", nothing)
    assert in_hand(mine) == ["x1", "x2"]


def test_who_is_paid_by_what() -> None:
    """A transaction begins, ends, and says whose it is: somebody is paid by this, and by nothing else."""
    assert is_paid_by(Call("1", "StartTransaction", b"{}"))
    assert is_paid_by(Call("1", "StopTransaction", b"{}"))
    assert is_paid_by(Call("1", "TransactionEvent", b'{"eventType":"Started"}'))
    assert is_paid_by(Call("1", "TransactionEvent", b'{"eventType":"Updated","idToken":{}}'))
    assert is_paid_by(Call("1", f"TransactionEvent{SIGNED}", b"{}")), "what cannot be read may be anything"
    assert not is_paid_by(Call("1", "TransactionEvent", b'{"eventType":"Updated"}'))
    assert not is_paid_by(Call("1", "MeterValues", b"{}"))


def test_two_processes_never_give_one_number() -> None:
    """Two processes that have read the same page enter messages under different numbers, in the order of time."""
    shelf, now = Shelf(), 1000.0
    one, other = (Journal("cp-1", shelf, lambda: now, learn) for _ in range(2))
    entered(one, 1)
    now += 0.001
    entered(other, 2)
    now += 0.001
    entered(one, 3)
    now -= 500
    entered(one, 4)
    assert [record.message_id for record in sorted(shelf.of(OwedRecord), key=lambda each: each.seq)] == [
        "x1", "x2", "x3", "x4",
    ]  # fmt: skip
