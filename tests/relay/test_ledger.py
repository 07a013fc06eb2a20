"""The ledger of a station: what it holds, and that it holds no more than it must."""

from __future__ import annotations

import math

import pytest

from tests.relay.stage import CALENDAR, START, Shelf
from voltgate.ocpp.ids import Token
from voltgate.ocpp.messages import Call
from voltgate.relay.calendar import Calendar
from voltgate.relay.invitation import same
from voltgate.relay.ledger import MOST_INVITATIONS, MOST_RUNNING, Ledger
from voltgate.relay.numbers import LARGEST, mint
from voltgate.relay.records import (
    InvitationRecord,
    Lease,
    Nowhere,
    OwedRecord,
    Page,
    Piece,
    RegisterRecord,
    TransactionRecord,
)

CARD = Token("04E1", "ISO14443")


def ledger(shelf: Shelf | None = None) -> Ledger:
    """Open a station's ledger, at the page that a shelf keeps."""
    shelf = shelf or Shelf()
    return Ledger("cp-1", shelf, Calendar(lambda: CALENDAR + START, lambda: 0.0), lambda: 0.0, shelf.page("cp-1"))


def test_what_runs_is_bounded() -> None:
    """Of too many transactions the oldest counts as ended."""
    mine = ledger()
    for n in range(MOST_RUNNING + 1):
        mine.begin("a", ()).id = str(n)
    assert len(mine.running) == MOST_RUNNING
    first = mine.find("0")
    assert first is not None
    assert first.ended is not None


def test_what_is_expected_is_bounded() -> None:
    """Of too many invitations the oldest is struck out."""
    shelf = Shelf()
    mine = ledger(shelf)
    for _ in range(MOST_INVITATIONS + 1):
        mine.invite("a", CARD)
    assert len(shelf.of(InvitationRecord)) == MOST_INVITATIONS


def test_what_is_expected_outlives_a_restart() -> None:
    """An invitation is found again, by token or by the number of its remote start."""
    shelf = Shelf()
    mine = ledger(shelf)
    mine.invite("a", CARD, connector=2)
    mine.invite("b", None, remote_start=7)
    again = ledger(shelf)
    found = again.invited(Token("04e1"), 2)
    assert found is not None
    assert (found.backend, found.connector) == ("a", 2)
    assert again.invited(CARD, 1) is None
    by_number = again.invited(None, None, 7)
    assert by_number is not None
    assert by_number.backend == "b"
    assert again.invited(CARD, None, 8) is not None, "an unknown number leaves the token"
    again.disinvite(found)
    again.disinvite(found)
    assert len(shelf.of(InvitationRecord)) == 1


@pytest.mark.parametrize("jump", [0.0, 60 * 86400.0, -60 * 86400.0])
def test_the_last_that_ended_are_the_newest_on_record(jump: float) -> None:
    """The order of ends is that in which they came, though the clock stands or jumps in between and back again."""
    shelf, shown = Shelf(), [CALENDAR]
    mine = Ledger("cp-1", shelf, Calendar(lambda: shown[-1], lambda: 0.0), lambda: 0.0, shelf.page("cp-1"))
    ended = [mine.begin("a", ()) for _ in range(4)]
    for tx, ahead in zip(ended, (0.0, jump, jump, 0.0), strict=True):
        shown.append(CALENDAR + ahead)
        mine.end(tx)
    records = sorted(shelf.of(TransactionRecord), key=lambda record: record.ended or 0.0)
    assert [record.ref for record in records] == [tx.ref for tx in ended]
    assert len({record.ended for record in records}) == len(records)


def test_transactions_that_somebody_is_owed_messages_of_are_remembered() -> None:
    """However many transactions ended meanwhile: what is owed can be put into a backend's own numbers."""
    shelf = Shelf()
    mine = ledger(shelf)
    for n in range(20):
        tx = mine.begin("a", ("b",))
        tx.id = str(n)
        if n < 5:
            mine.owe("b", Call("x", "StopTransaction", b"{}"), tx)
        mine.end(tx)
        mine.end(tx)
        if n == 3:
            mine.journal.settle(list(mine.journal.of("b"))[-1])
    assert [tx.id for tx in mine] == [str(n) for n in (19, 18, 17, 16, 15, 14, 13, 12, 4, 2, 1, 0)]
    assert len(shelf.of(TransactionRecord)) == 20


def test_tokens_are_compared_as_ocpp_says() -> None:
    """Case does not count; a type counts when both have one."""
    assert same(Token("04e1"), Token("04E1", "ISO14443"))
    assert not same(Token("04e1", "eMAID"), Token("04E1", "ISO14443"))


def test_numbers_are_minted_within_bounds() -> None:
    """A number of ours is positive, has 31 bits, and is not used."""
    assert mint(lambda number: number < 5, lambda: 0.0) == 5
    assert mint(lambda number: number == LARGEST, lambda: 1.0) == 1


async def test_nothing_is_kept() -> None:
    """Without a database a book is empty, and nobody waits for a disk."""
    nowhere = Nowhere()
    mine = Ledger("cp-1", nowhere, Calendar(lambda: 0.0, lambda: 0.0), lambda: 0.0, await nowhere.take("cp-1"))
    mine.disinvite(mine.invite("a", CARD))
    heard: list[bool] = []
    nowhere.after(heard.append)
    assert await nowhere.load("cp-1") == Page("cp-1")
    nowhere.came("cp-1", taken=False)
    nowhere.went("cp-1")
    assert nowhere.holds("cp-1")
    assert heard == [True]
    assert not nowhere.lasting
    assert not nowhere.away
    assert nowhere.owed_bytes == 0


def test_without_a_database_nobody_else_delivers() -> None:
    """Without a database nothing can be read back, and the right to deliver is this process's for ever."""
    nowhere = Nowhere()
    read: list[Piece | None] = []
    given: list[Lease | None] = []
    nowhere.read_owed("cp-1", "a", (), read.append)
    nowhere.lease("cp-1", given.append)
    nowhere.release("cp-1")
    assert (read, given) == ([Piece()], [Lease(math.inf, 1)])


def test_entries_of_the_register_are_told_apart() -> None:
    """An entry of the register takes the place of the one of its kind and name, and of no other."""
    shelf = Shelf()
    for kind, name, data in (("claims", "a/0", b"1"), ("claims", "a/1", b"2"), ("key", "a/0", b"3")):
        shelf.put(RegisterRecord(kind, name, CALENDAR, data))
    shelf.put(RegisterRecord("claims", "a/0", CALENDAR + 1, b"4"))
    assert sorted(record.data for record in shelf.of(RegisterRecord)) == [b"2", b"3", b"4"]


def test_what_is_owed_is_struck_out_once() -> None:
    """A message that was delivered twice, as its backend was configured anew meanwhile, is struck out once."""
    shelf = Shelf()
    mine = ledger(shelf)
    for n in "12":
        mine.owe("a", Call(n, "Heartbeat", b"{}"), None)
    record, other = mine.journal.of("a")
    mine.journal.settle(record)
    mine.journal.settle(record)
    assert list(mine.journal.of("a")) == [other]
    assert mine.journal.messages("a") == 1
    mine.journal.settle(other)
    mine.journal.settle(other)
    assert shelf.of(OwedRecord) == []
    assert not mine.journal.owes("a")
