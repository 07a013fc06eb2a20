"""What no test asked for until its line was taken away: the journal, deliveries, and stations that have gone."""

from __future__ import annotations

from tests.relay.policies.test_offline import START as START_77
from tests.relay.policies.test_offline import back, known, says
from tests.relay.stage import Shelf, Stage, one, playing
from tests.relay.test_catching_up import owes, split, stop
from tests.relay.test_comes_again import ALWAYS, START, STOP, charging, comes_again
from tests.relay.test_journal import entered, in_hand, journal, learn, nothing
from voltgate.ocpp.ids import Token
from voltgate.ocpp.messages import Call, Result
from voltgate.relay.journal import UNKNOWN, Journal, JournalSettings
from voltgate.relay.ledger import REMEMBERED, read_transaction
from voltgate.relay.records import OWED_AT_ONCE, Nowhere, OwedRecord, Page, TransactionRecord


def test_a_page_that_comes_later_takes_no_number_back() -> None:
    """What was entered before the page was read keeps its number: the next message does not overwrite it."""
    mine = Journal("cp-1", Shelf(), lambda: 0.0, learn)
    entered(mine, 1, 2, 3)
    mine.read(Page("cp-1", last_owed=1))
    entered(mine, 4)
    assert mine.last == 4


def test_events_that_are_nobodys_yet_stay_in_hand() -> None:
    """All of what will be owed to somebody not yet known is in hand, also when the right to deliver was taken."""
    mine = journal(Shelf())
    for n in range(OWED_AT_ONCE + 8):
        mine.enter(UNKNOWN, Call(f"e{n}", "TransactionEvent", b"{}"), "t")
    assert len(list(mine.of(UNKNOWN))) == OWED_AT_ONCE + 8
    mine.lease(lambda: 0.0, nothing)
    assert len(list(mine.of(UNKNOWN))) == OWED_AT_ONCE + 8


def test_the_right_to_deliver_takes_nothing_away_without_a_database() -> None:
    """Where nothing can be read back what is in hand stays there."""
    mine = Journal("cp-1", Nowhere(), lambda: 0.0, learn)
    entered(mine, 1)
    mine.lease(lambda: 0.0, nothing)
    assert in_hand(mine) == ["x1"]


def test_the_right_to_deliver_is_kept_while_something_is_on_its_way() -> None:
    """Another process may not deliver what this one is still waiting for an answer to."""
    shelf = Shelf()
    mine = journal(shelf)
    entered(mine, 1)
    mine.lease(lambda: 0.0, nothing)
    mine.fetch("a", nothing)
    (record,) = mine.of("a")
    mine.mark(record, under_way=True)
    mine.release()
    assert shelf.leased
    mine.mark(record, under_way=False)
    mine.release()
    assert not shelf.leased


def test_what_stood_back_and_is_done_is_owed_no_more() -> None:
    """When the time of what stood back has come and nothing is left of it, nothing waits behind it."""
    mine = Journal("cp-1", Nowhere(), lambda: 0.0, learn)
    entered(mine, 1)
    (record,) = mine.of("a")
    mine.set_aside(record, 10.0)
    mine.settle(record)
    assert mine.first("a", 10.0) is None
    assert not mine.owes("a")


def test_the_transactions_of_what_is_read_are_learnt() -> None:
    """A message that is read back comes with the transaction that it names, and so with the backend's number of it."""
    shelf, learnt = Shelf(), list[TransactionRecord]()
    mine = Journal("cp-1", shelf, lambda: 0.0, learnt.extend)
    shelf.put(TransactionRecord("cp-1", "t1", "7", "b", 1, "77", 0.0, 1.0, b"{}"))
    entered(mine, 1)
    mine.fetch("a", nothing)
    assert [record.ref for record in learnt] == ["t1"]


def test_how_much_is_owed_is_counted_anew() -> None:
    """What another process has delivered does not count: or meter values would be given up for want of room."""
    shelf = Shelf()
    mine = journal(shelf)
    entered(mine, 1, 2, 3)
    shelf.strike(next(mine.of("a")))
    mine.fetch("a", nothing)
    assert mine.messages("a") == 2


def test_a_page_says_how_much_there_is_beside_it() -> None:
    """A page holds the first messages only: the journal knows that there are more."""
    shelf = Shelf()
    entered(journal(shelf), *range(OWED_AT_ONCE + 8))
    mine = journal(shelf)
    assert (len(in_hand(mine)), mine.messages("a"), mine.is_whole("a")) == (OWED_AT_ONCE, OWED_AT_ONCE + 8, False)


def test_nothing_slips_while_messages_are_read() -> None:
    """What is being read may belong to a transaction that has just ended: its numbers are kept until then."""
    stage = playing("a")
    ledger = stage.session.ledger
    ledger.owe("a", stop(), None)
    stage.store.slow = True
    ledger.journal.fetch("a", nothing)
    transactions = [ledger.begin("a", ()) for _ in range(REMEMBERED + 1)]
    for tx in transactions:
        ledger.end(tx)
    assert ledger.of(transactions[0].ref) is transactions[0]


def test_one_error_changes_no_order() -> None:
    """A message that failed once is sent again before those behind it, as long as an answer may take."""
    stage = split()
    owes(stage, "a", stop(1, "x1"), stop(2, "x2"))
    stage.session.legs["a"].deliver(late=True)
    stage["a"].line.take()
    stage["a"].sends(4, "x1", "InternalError", "", {})
    stage.wait(2)
    assert [message[1] for message in stage["a"].line.take()] == ["x1"]


def test_a_new_link_begins_with_what_stood_back() -> None:
    """On a new link everything goes in its order again, behind what the lost one left open."""
    stage = split(backend_patience=5)
    owes(stage, "a", *(stop(n, f"x{n}") for n in (1, 2, 3)))
    stage.session.legs["a"].deliver(late=True)
    stage.wait(5.2)
    assert [message[1] for message in stage["a"].line.take()] == ["x1", "x2"]
    stage["a"].hangs_up()
    stage.wait(2)
    stage.up("a")
    assert [message[1] for message in stage["a"].line.take()] == ["x2"]
    stage["a"].sends(3, "x2", {})
    assert [message[1] for message in stage["a"].line.take()] == ["x1"]


def test_a_new_link_forgets_what_failed_on_the_old_one() -> None:
    """What failed on another link does not make a message stand back at its first failure on this one."""
    stage = split()
    owes(stage, "a", stop(1, "x1"), stop(2, "x2"))
    stage.session.legs["a"].deliver(late=True)
    stage["a"].line.take()
    stage["a"].sends(4, "x1", "InternalError", "", {})
    stage["a"].hangs_up()
    stage.wait(40)
    stage.up("a")
    stage["a"].line.take()
    stage["a"].sends(4, "x1", "InternalError", "", {})
    stage.wait(2)
    assert [message[1] for message in stage["a"].line.take()] == ["x1"]


def test_what_is_tried_again_counts_against_the_rate() -> None:
    """A message that failed is overdue from then on: a backend in trouble is not sent more than `rate`."""
    stage = split(journal=JournalSettings(rate=0.1))
    owes(stage, "a", stop())
    stage.session.legs["a"].deliver()
    tries = 0
    for _ in range(16):
        for message in stage["a"].line.take():
            tries += 1
            stage["a"].sends(4, message[1], "InternalError", "", {})
        stage.wait(0.5)
    assert tries == 2


def test_a_call_that_expires_does_not_end_the_tries() -> None:
    """When a call has waited behind a message for too long, that message is still tried again at its time."""
    stage = split()
    owes(stage, "a", stop())
    stage.session.legs["a"].deliver(late=True)
    stage.station.sends(2, "1", "DataTransfer", {"vendorId": "v"})
    tries = 0
    for _ in range(80):
        for message in stage["a"].line.take():
            tries += 1
            stage["a"].sends(4, message[1], "InternalError", "", {})
        stage.wait(0.5)
    assert stage.station.take() != []
    assert tries == 6


def test_a_disk_that_cannot_be_read_is_asked_later() -> None:
    """While the next messages cannot be read nothing is asked in circles; when they can, they are delivered."""
    stage = split()
    owes(stage, "a", *(stop(n, f"x{n}") for n in range(OWED_AT_ONCE + 1)))
    stage.session.legs["a"].deliver()
    for n in range(OWED_AT_ONCE):
        stage.store.broken = n == OWED_AT_ONCE - 1
        assert [message[1] for message in stage["a"].line.take()] == [f"x{n}"]
        stage["a"].sends(3, f"x{n}", {})
    stage.wait(3)
    stage["a"].gets()
    stage.store.broken = False
    stage.wait(1)
    assert [message[1] for message in stage["a"].line.take()] == [f"x{OWED_AT_ONCE}"]


def test_a_call_that_has_waited_is_not_waited_for_twice() -> None:
    """Behind what is owed a call waits out of its own time: its deadline stays when it is sent."""
    stage = split()
    owes(stage, "a", stop())
    stage.session.legs["a"].deliver(late=True)
    stage.station.sends(2, "1", "DataTransfer", {"vendorId": "v"})
    stage.wait(20)
    stage["a"].sends(3, "x", {})
    assert [message[1] for message in stage["a"].line.take()] == ["x", "1"]
    stage.wait(11)
    assert [message[1] for message in stage.station.take()] == ["1"]


def test_a_link_that_lingers_delivers_nothing_more() -> None:
    """When the station has gone what is under way is waited for; what is owed behind it is not sent on that link."""
    stage = split()
    owes(stage, "a", stop(1, "x1"), stop(2, "x2"))
    stage.session.legs["a"].deliver(late=True)
    stage["a"].line.take()
    stage.station.hangs_up()
    assert stage["a"].line.closed is None
    stage["a"].sends(3, "x1", {})
    stage["a"].gets()
    assert [record.message_id for record in stage.store.of(OwedRecord)] == ["x2"]


def test_a_link_that_lingers_is_read() -> None:
    """A backend that was not read because its station did not read is read again when that has gone: it may answer."""
    stage = playing("a")
    charging(stage)
    stage.station.sends(2, "x", "StopTransaction", STOP)
    stage.station.is_full()
    assert stage["a"].line.pauses == 1
    stage.station.hangs_up()
    assert (stage["a"].line.closed, stage["a"].line.pauses) == (None, 0)


def test_the_right_to_deliver_is_given_back_when_a_link_has_lingered() -> None:
    """When what was under way is answered, another process may deliver the rest."""
    stage = split()
    owes(stage, "a", stop(1, "x1"), stop(2, "x2"))
    stage.session.legs["a"].deliver(late=True)
    stage.station.hangs_up()
    assert stage.store.leased
    stage["a"].sends(3, "x1", {})
    stage.wait(0.5)
    assert not stage.store.leased


def test_a_session_whose_link_is_gone_does_not_linger() -> None:
    """No answer comes on a link that is lost: nothing is waited for when the station goes."""
    stage = playing("a")
    charging(stage)
    stage.station.sends(2, "x", "StopTransaction", STOP)
    stage["a"].hangs_up()
    stage.station.hangs_up()
    assert not stage.session.lingers


def test_a_stop_that_waits_for_the_link_goes_to_the_new_leg() -> None:
    """A stop that waited for a backend that is configured anew does not wait for its old leg to end."""
    stage = playing("a")
    charging(stage)
    stage["a"].hangs_up()
    stage.station.sends(2, "x", "StopTransaction", STOP)
    stage.replaces("a", window=3)
    stage.moves(one("a"))
    stage.up("a")
    stage["a"].gets([2, "x", "StopTransaction", STOP])


def test_what_has_moved_is_asked_of_nobody_before() -> None:
    """A start that waited for one backend and was answered by another is open nowhere, and its owner is on disk."""
    stage = Stage(one("a", "b"))
    stage.station.sends(2, "s", "StartTransaction", START)
    stage.up("b")
    stage["b"].gets([2, "s", "StartTransaction", START])
    (tx,) = stage.store.of(TransactionRecord)
    assert tx.owner == "b"
    stage["b"].sends(3, "s", {"transactionId": 5})
    assert stage.session.dispatcher.asking == {}


def test_an_answer_that_is_given_again_waits_for_the_disk() -> None:
    """A repeated stop is answered when what others are owed of it is on disk, not before."""
    stage = playing("a", "b", backends={"b": ALWAYS})
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    ((_, _, started),) = stage.station.take()
    stop_now = {"transactionId": started["transactionId"], "meterStop": 9}
    stage.store.slow = True
    stage.station.sends(2, "x", "StopTransaction", stop_now)
    stage["a"].sends(3, "x", {})
    comes_again(stage)
    stage.up("a")
    stage.station.sends(2, "x2", "StopTransaction", stop_now)
    assert stage.station.take() == []
    stage.store.writes()
    assert stage.station.take() == [[3, "x2", {}]]


def test_what_an_old_leg_did_not_answer_in_time_is_not_sent_again() -> None:
    """A stop that timed out on a link that was let go is not sent on the new one: the station keeps it."""
    stage = playing("a")
    charging(stage)
    stage.station.sends(2, "x", "StopTransaction", STOP)
    stage.replaces("a", window=3)
    stage.moves(one("a"))
    stage.up("a")
    stage.wait(31)
    stage["a"].gets()
    assert stage.station.closed is not None


def test_what_a_copy_of_a_failover_is_owed_is_on_disk_first() -> None:
    """What a copy that might have had to answer is owed is on disk before the station is answered."""
    stage = Stage(one("a", "b", copy=("b",)), backends={"b": ALWAYS})
    stage.up("a", "b")
    stage.store.slow = True
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage["a"].sends(3, "m", {})
    assert stage.station.take() == []
    stage.store.writes()
    assert stage.station.take() == [[3, "m", {}]]


def test_an_owner_that_is_not_configured_keeps_its_transaction() -> None:
    """What another has to answer while the owner is not configured stays its own, by the numbers that it gave."""
    stage = playing("a", "b")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    ((_, _, started),) = stage.station.take()
    stage["b"].sends(3, "s", {"transactionId": 9})
    stage["b"].line.take()
    stage.unknown.add("a")
    stage.moves(one("b"))
    meter = {"connectorId": 1, "transactionId": started["transactionId"]}
    stage.station.sends(2, "m", "MeterValues", meter)
    stage["b"].gets([2, "m", "MeterValues", meter | {"transactionId": 9}])
    (tx,) = stage.session.ledger
    assert tx.owner == "a"


def test_a_copy_is_owed_a_stop_once_after_a_restart() -> None:
    """A stop that was entered for a copy, and that its owner had not answered, is not owed again after a restart."""
    stage = playing("a", "b", backends={"b": ALWAYS})
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    ((_, _, started),) = stage.station.take()
    stage["b"].line.take()
    stage["b"].sends(3, "s", {"transactionId": 9})
    stop_now = {"transactionId": started["transactionId"], "meterStop": 9}
    stage.station.sends(2, "x", "StopTransaction", stop_now)
    stage["b"].gets([2, "x", "StopTransaction", stop_now | {"transactionId": 9}])
    stage["b"].sends(3, "x", {})
    stage.session, stage.station = stage.newcomer()
    stage.far["a"].dials.clear()
    stage.open()
    stage.up("a", "b")
    stage.station.sends(2, "x2", "StopTransaction", stop_now)
    stage["b"].gets()
    assert stage.store.of(OwedRecord) == []


def test_a_card_waits_for_a_backend_that_catches_up() -> None:
    """A backend that is there judges cards itself, behind what it is owed: nobody judges in its place."""
    stage = known()
    says(stage, "StartTransaction", START_77)
    back(stage)
    (start,) = stage["a"].line.take()
    stage.station.sends(2, "t", "Authorize", {"idTag": "77"})
    assert stage.station.take() == []
    stage["a"].sends(3, start[1], {"transactionId": 5, "idTagInfo": {"status": "Accepted"}})
    stage["a"].gets([2, "t", "Authorize", {"idTag": "77"}])


def test_what_was_stood_in_for_is_open_nowhere() -> None:
    """What was answered in the place of a backend that catches up is answered again when it is said again."""
    stage = known()
    says(stage, "StartTransaction", START_77)
    back(stage)
    assert says(stage, "MeterValues", {"connectorId": 0}, "m") == {}
    assert says(stage, "MeterValues", {"connectorId": 0}, "m2") == {}
    assert stage.session.dispatcher.asking == {}


def test_a_standby_hears_of_what_was_stood_in_for() -> None:
    """A copy that might have had to answer is told when the answer was given in the place of one that catches up."""
    stage = Stage(one("a", "b", copy=("b",)), backends={"a": {"when_down": "answer"}, "b": ALWAYS})
    stage.up("a", "b")
    stage.station.sends(2, "b", "BootNotification", {"chargePointVendor": "v"})
    stage["a"].sends(3, "b", {"currentTime": "x", "interval": 120, "status": "Accepted"})
    stage.station.take()
    stage["b"].line.take()
    owes(stage, "a", stop())
    stage.session.legs["a"].deliver()
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 0})
    assert stage.station.take() == [[3, "m", {}]]
    stage["b"].gets([2, "m", "MeterValues", {"connectorId": 0}])


def test_only_what_was_owed_is_reconsidered() -> None:
    """A copy of a session that another owns does not have it stopped by refusing its card."""
    stage = playing("a", "b", backends={"b": {"when_down": "answer"}})
    stage.station.sends(2, "s", "StartTransaction", START_77)
    stage["a"].sends(3, "s", {"transactionId": 5, "idTagInfo": {"status": "Accepted"}})
    stage.station.take()
    stage["b"].sends(3, "s", {"transactionId": 9, "idTagInfo": {"status": "Invalid"}})
    assert stage.station.take() == []


def test_a_page_that_comes_later_takes_nothing_back() -> None:
    """What was learnt, noted and expected before the page was read stays as it is."""
    stage = playing("a", "b")
    ledger = stage.session.ledger
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].sends(3, "s", {"transactionId": 5})
    ledger.note("boot", "old")
    page = stage.store.page("cp-1")
    stage["b"].sends(3, "s", {"transactionId": 9})
    ledger.note("boot", "new")
    ledger.invite("a", Token("77", ""), 2)
    ledger.read(page)
    (tx,) = ledger
    assert tx.numbers == {"a": 5, "b": 9}
    assert ledger.fact("boot") == "new"
    assert ledger.invited(Token("77", ""), 2) is not None
    assert read_transaction(tx.record).numbers == tx.numbers
    tx.started = "2026-01-01T10:00:00Z"
    assert read_transaction(tx.record).started == tx.started
    assert stage.newcomer()[0].ledger.renumbered, "also after a restart"


def test_what_waits_for_an_owner_is_on_record() -> None:
    """A book is not blank on which events wait for whoever turns out to own them."""
    stage = playing("a")
    stage.session.ledger.owe(UNKNOWN, Call("e", "TransactionEvent", b"{}"), None)
    assert not stage.session.ledger.blank


def test_what_is_heard_of_a_transaction() -> None:
    """What is heard after an end does not take the end back; what is heard after an error says that it runs."""
    ledger = playing("a").session.ledger
    tx = ledger.begin("a", ())
    tx.id = "T1"
    ledger.hear(tx, over=True)
    ledger.hear(tx)
    assert tx.over
    tx.failed = True
    ledger.hear(tx)
    assert not tx.failed


def test_only_the_last_answers_are_remembered() -> None:
    """Of a transaction with very many events the last answers are kept, and no more."""
    tx = playing("a").session.ledger.begin("a", ())
    for n in range(40):
        call = Call(f"e{n}", "TransactionEvent", b'{"seqNo":%d}' % n)
        tx.remember(call, Result(call.id, b"{}"))
    assert len(tx.answered) == 16
    assert tx.answer_to(call) == b"{}"


def test_no_number_of_a_backend_is_minted() -> None:
    """A number that a backend gave is not given to another transaction of that station."""
    ledger = playing("a").session.ledger
    first = ledger.mint()
    ledger.begin("a", ()).numbers["a"] = first
    assert ledger.mint() != first
