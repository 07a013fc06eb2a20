"""1.6: who owns a transaction, and which number each party knows it by."""

from __future__ import annotations

from typing import Any

from tests.relay.stage import Stage, one
from voltgate.relay.events import TransactionBegan
from voltgate.relay.permit import CHARGE, FULL
from voltgate.relay.records import InvitationRecord, TransactionRecord
from voltgate.relay.route import Route
from voltgate.relay.rule import Rule
from voltgate.relay.tokens import listed

START = {"connectorId": 1, "idTag": "04EMA", "timestamp": "2026-01-01T10:00:00Z", "meterStart": 0}
OTHER = START | {"connectorId": 2, "idTag": "77"}
ACCEPTED = {"status": "Accepted"}


def split(**more: Any) -> Stage:
    """Make a stage where `b` answers for tokens that begin with 04EM, `a` for everything else, and each is told."""
    stage = Stage(
        Rule(tokens=listed(["04em*"]), answer=("b",), copy=("a",)),
        one("a", copy=("b",)),
        **more,
    )
    stage.up("b", "a")
    return stage


def starts(stage: Stage, owner: str, number: int, start: dict[str, Any] = START, mid: str = "s") -> int:
    """Play a start that its owner numbers, and give the station's number of it."""
    stage.station.sends(2, mid, "StartTransaction", start)
    stage[owner].gets([2, mid, "StartTransaction", start])
    stage[owner].sends(3, mid, {"transactionId": number, "idTagInfo": ACCEPTED})
    (reply,) = stage.station.take()
    assert reply[:2] == [3, mid]
    return int(reply[2]["transactionId"])


def told(stage: Stage, copy: str, number: int | None, start: dict[str, Any] = START, mid: str = "s") -> None:
    """Play the same start at a backend that is told of it."""
    stage[copy].gets([2, mid, "StartTransaction", start])
    stage[copy].sends(3, mid, {} if number is None else {"transactionId": number, "idTagInfo": ACCEPTED})


def test_each_token_has_its_own_backend() -> None:
    """Two cards charge at two connectors at once: each backend answers for its own, and sees its own numbers."""
    stage = split()
    for mid, tag, mine, other in (("1", "04EMA", "b", "a"), ("2", "77", "a", "b")):
        stage.station.sends(2, mid, "Authorize", {"idTag": tag})
        stage[mine].gets([2, mid, "Authorize", {"idTag": tag}])
        stage[other].gets([2, mid, "Authorize", {"idTag": tag}])
        stage[other].sends(3, mid, {"idTagInfo": {"status": "Invalid"}})
        stage[mine].sends(3, mid, {"idTagInfo": ACCEPTED})
        stage.station.gets([3, mid, {"idTagInfo": ACCEPTED}])
    stage.draw = 0.25
    first = starts(stage, "b", 5)
    told(stage, "a", 40)
    stage.draw = 0.75
    second = starts(stage, "a", 5, OTHER, "t")
    told(stage, "b", 41, OTHER, "t")
    assert len({first, second, 5}) == 3, "equal numbers of two backends are two at the station"
    for number, owner, own, copy, its in ((first, "b", 5, "a", 40), (second, "a", 5, "b", 41)):
        meter = {"connectorId": 1, "transactionId": number, "meterValue": []}
        stage.station.sends(2, f"m{number}", "MeterValues", meter)
        stage[owner].gets([2, f"m{number}", "MeterValues", meter | {"transactionId": own}])
        stage[copy].gets([2, f"m{number}", "MeterValues", meter | {"transactionId": its}])
        stage[owner].sends(3, f"m{number}", {})
        stage[copy].sends(3, f"m{number}", {})
        stage.station.gets([3, f"m{number}", {}])
        stop = {"transactionId": number, "meterStop": 9, "timestamp": "x", "idTag": "another card"}
        stage.station.sends(2, f"x{number}", "StopTransaction", stop)
        stage[owner].gets([2, f"x{number}", "StopTransaction", stop | {"transactionId": own}])
        stage[copy].gets([2, f"x{number}", "StopTransaction", stop | {"transactionId": its}])
        stage[owner].sends(3, f"x{number}", {})
        stage.station.gets([3, f"x{number}", {}])
    assert {(each.transaction, each.owner) for each in stage.happened(TransactionBegan)} == {
        (str(first), "b"),
        (str(second), "a"),
    }
    assert not stage.session.ledger.running


def test_with_one_backend_no_byte_changes() -> None:
    """With one backend its number is the station's too, but who owns the transaction is on record."""
    stage = Stage(one("a"))
    stage.up("a")
    assert starts(stage, "a", 7) == 7
    stage.station.sends(b'[2, "x", "StopTransaction", {"transactionId": 7 }]')
    stage["a"].gets(b'[2, "x", "StopTransaction", {"transactionId": 7 }]')
    (record,) = stage.store.of(TransactionRecord)
    assert (record.id, record.owner, record.connector, record.ended) == ("7", "a", 1, None)


def test_the_number_is_on_disk_before_the_station_knows_it() -> None:
    """The answer to a start waits for the disk, and no command of the same backend overtakes it."""
    stage = split()
    stage.store.slow = True
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["b"].gets([2, "s", "StartTransaction", START])
    stage["b"].sends(3, "s", {"transactionId": 5, "idTagInfo": ACCEPTED})
    stage["b"].sends(2, "r", "RemoteStopTransaction", {"transactionId": 5})
    stage["a"].sends(2, "g", "GetLocalListVersion", {})
    stage.station.gets([2, "g", "GetLocalListVersion", {}])
    stage.store.writes()
    (reply,) = stage.station.take()
    assert reply[0] == 3
    stage.station.sends(3, "g", {"listVersion": 0})
    (command,) = stage.station.take()
    assert command == [2, "r", "RemoteStopTransaction", {"transactionId": reply[2]["transactionId"]}]


def test_too_many_commands_behind_the_disk() -> None:
    """What waits for the disk is bounded."""
    stage = split()
    stage.store.slow = True
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["b"].take = stage["b"].line.take  # type: ignore[attr-defined]
    stage["b"].sends(3, "s", {"transactionId": 5, "idTagInfo": ACCEPTED})
    for n in range(65):
        stage["b"].sends(2, f"c{n}", "GetLocalListVersion", {})
    assert stage["b"].line.take()[-1][:3] == [4, "c64", "InternalError"]
    stage.station.gets()


def test_what_cannot_be_written_is_not_answered() -> None:
    """When the number cannot be brought to disk the station is let go, so that it keeps the start and comes again."""
    stage = split()
    stage.store.broken = True
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["b"].sends(3, "s", {"transactionId": 5, "idTagInfo": ACCEPTED})
    stage.station.gets()
    assert stage.station.closed == (1013, "This cannot be written down now: keep it and come again")


def test_a_charger_that_retries() -> None:
    """A start that comes again under another id is answered the same, and no backend hears of it twice."""
    stage = split()
    number = starts(stage, "b", 5)
    told(stage, "a", 40)
    stage.station.sends(2, "again", "StartTransaction", START)
    stage["a"].gets()
    stage["b"].gets()
    stage.station.gets([3, "again", {"transactionId": number, "idTagInfo": ACCEPTED}])


def test_a_start_that_is_repeated_while_it_is_asked() -> None:
    """A start that comes again before it was answered is asked once, and each is answered."""
    stage = split()
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["b"].gets([2, "s", "StartTransaction", START])
    stage.station.sends(2, "s2", "StartTransaction", START)
    stage["b"].gets()
    stage["b"].sends(3, "s", {"transactionId": 5, "idTagInfo": ACCEPTED})
    one, other = stage.station.take()
    assert (one[1], other[1]) == ("s", "s2")
    assert one[2] == other[2]


def test_a_station_that_comes_again_while_its_start_is_asked() -> None:
    """A start that comes again on a new connection is not asked again: the new one gets the answer to the first."""
    stage = split()
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["b"].gets([2, "s", "StartTransaction", START])
    old = stage.session
    stage.session, stage.station = stage.newcomer(old.ledger)
    stage.session.take_over(old, keep_legs=True)
    stage.open()
    stage.station.sends(2, "s2", "StartTransaction", START)
    stage["b"].gets()
    stage["b"].sends(3, "s", {"transactionId": 5, "idTagInfo": ACCEPTED})
    (reply,) = stage.station.take()
    assert reply[:2] == [3, "s2"]


def test_the_rules_change_in_the_middle() -> None:
    """A transaction stays with the backend that it began with, whatever the rules say by then; then it is let go."""
    stage = split()
    number = starts(stage, "b", 5)
    told(stage, "a", 40)
    stage.moves(one("c"))
    stage.up("c")
    assert stage["b"].line.closed is None
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": number})
    stage["b"].gets([2, "x", "StopTransaction", {"transactionId": 5}])
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 40}])
    stage["c"].gets()
    stage["b"].sends(3, "x", {})
    stage["a"].sends(3, "x", {})
    stage.station.gets([3, "x", {}])
    stage.wait(1)
    assert stage["b"].line.closed is not None
    assert stage["a"].line.closed is not None


def test_a_restart_in_the_middle() -> None:
    """After a restart the page of the station says whose its transaction is."""
    stage = split()
    number = starts(stage, "b", 5)
    told(stage, "a", 40)
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("b", "a")
    stage.station.sends(2, "again", "StartTransaction", START)
    stage.station.gets([3, "again", {"transactionId": number, "idTagInfo": ACCEPTED}])
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": number})
    stage["b"].gets([2, "x", "StopTransaction", {"transactionId": 5}])
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 40}])


def test_a_restart_after_the_end() -> None:
    """A stop that comes again after a restart is answered as its owner did, who hears of it once; another finds it."""
    stage = split()
    number = starts(stage, "b", 5)
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": number})
    stage["b"].sends(3, "x", {})
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("b", "a")
    stage.station.sends(2, "y", "StopTransaction", {"transactionId": number})
    stage["b"].gets()
    stage.station.gets([3, "y", {}])
    stage.station.sends(2, "z", "StopTransaction", {"transactionId": number, "meterStop": 9})
    stage["b"].gets([2, "z", "StopTransaction", {"transactionId": 5, "meterStop": 9}])


def test_an_owner_that_is_not_configured_any_more() -> None:
    """When the owner is gone from the configuration the rules say who answers."""
    stage = split()
    number = starts(stage, "b", 5)
    stage.unknown.add("b")
    stage.route = Route("home", "gateway", (one("a"),))
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a")
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": number})
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": -1}])


def test_a_copy_that_gives_no_number() -> None:
    """A copy that never numbered a transaction gets no invented number: no stop, and meter values without one."""
    stage = split()
    number = starts(stage, "b", 5)
    told(stage, "a", None)
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": []})
    stage["a"].gets([2, "m", "MeterValues", {"connectorId": 1, "meterValue": []}])
    stage["a"].sends(3, "m", {})
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": number})
    stage["a"].gets()
    assert stage["a"].backend.copies_dropped == {"refused": 1}


def test_a_copy_is_told_of_the_stop_after_it_numbered_the_start() -> None:
    """What follows a start waits for the copy's answer to it."""
    stage = split()
    number = starts(stage, "b", 5)
    stage["a"].gets([2, "s", "StartTransaction", START])
    stage.station.sends(2, "n", "StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError"})
    stage["a"].gets([2, "n", "StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}])
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": number})
    stage["a"].gets()
    stage.station.sends(2, "h", "StatusNotification", {"connectorId": 1, "status": "Finishing", "errorCode": "NoError"})
    stage["a"].gets()
    stage["a"].sends(3, "s", {"transactionId": 40})
    stop, status = stage["a"].line.take()
    assert (stop[2:], status[2]) == (["StopTransaction", {"transactionId": 40}], "StatusNotification")


def test_minus_one() -> None:
    """A stop with -1 belongs to the start that nobody answered; without any, to whom the token belongs."""
    stage = split()
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": -1, "idTag": "04EMA"})
    stage["b"].gets([2, "x", "StopTransaction", {"transactionId": -1, "idTag": "04EMA"}])
    stage["b"].sends(3, "x", {})
    stage["a"].line.take()
    stage.station.sends(2, "s", "StartTransaction", OTHER)
    stage["a"].sends(4, "s", "InternalError", "", {})
    stage.station.take()
    stage["a"].line.take()
    stage.station.sends(2, "y", "StopTransaction", {"transactionId": -1, "idTag": "04EMA"})
    stage["a"].gets([2, "y", "StopTransaction", {"transactionId": -1, "idTag": "04EMA"}])
    stage["a"].sends(3, "y", {"idTagInfo": {"status": "Expired"}})
    stage.station.take()
    stage["b"].line.take()
    stage.station.sends(2, "z", "StopTransaction", {"transactionId": -1, "idTag": "04EMA"})
    stage["b"].gets()
    stage.station.gets([3, "z", {"idTagInfo": {"status": "Expired"}}])


def test_an_unknown_number() -> None:
    """A number that is not in the ledger goes to the default backend, but never as a number of something else."""
    stage = split()
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": 99, "idTag": "04EMA"})
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 99, "idTag": "04EMA"}])
    stage["a"].sends(3, "x", {})
    stage.station.gets([3, "x", {}])
    starts(stage, "a", 99, OTHER)
    stage.station.sends(2, "y", "StopTransaction", {"transactionId": 99})
    stage["a"].gets([2, "y", "StopTransaction", {"transactionId": -1}])


def test_meter_values_without_transaction() -> None:
    """Meter values without a transaction belong to what runs on their connector; else the rules decide."""
    stage = split()
    number = starts(stage, "b", 5)
    told(stage, "a", 40)
    for mid, fields, owner, seen in (
        ("1", {"connectorId": 1}, "b", {"connectorId": 1}),
        ("2", {"connectorId": 2}, "a", {"connectorId": 2}),
        ("3", {"connectorId": 0}, "a", {"connectorId": 0}),
        ("4", {"connectorId": 1, "transactionId": 0}, "b", {"connectorId": 1, "transactionId": 0}),
    ):
        stage.station.sends(2, mid, "MeterValues", fields)
        stage[owner].gets([2, mid, "MeterValues", seen])
        stage[owner].sends(3, mid, {})
        stage["a" if owner == "b" else "b"].line.take()
        stage["a" if owner == "b" else "b"].sends(3, mid, {})
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": number})
    stage["b"].line.take()
    stage["b"].sends(3, "x", {})
    stage.station.sends(2, "5", "MeterValues", {"connectorId": 1, "transactionId": 17})
    stage["b"].gets([2, "5", "MeterValues", {"connectorId": 1, "transactionId": 17}])


def test_the_next_start_ends_the_one_before() -> None:
    """One connector charges one car: a start whose predecessor never stopped takes its place."""
    stage = split()
    stage.draw = 0.1
    first = starts(stage, "b", 5)
    stage.draw = 0.2
    second = starts(stage, "b", 6, START | {"timestamp": "later"}, "t")
    (running,) = stage.session.ledger.running.values()
    assert running.id == str(second)
    assert first != second


def test_a_start_without_a_usable_answer() -> None:
    """An error of the owner, or an answer without a number, is the station's to deal with."""
    stage = split()
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["b"].sends(3, "s", {"idTagInfo": {"status": "Invalid"}})
    stage.station.gets([3, "s", {"idTagInfo": {"status": "Invalid"}}])


def test_a_start_fails_over_before_it_is_sent() -> None:
    """A start that waits for an absent backend goes to the next of the failover, which then owns the transaction."""
    stage = Stage(one("a", "b", copy=("c",)), backends={"a": {"when_down": "wait"}})
    stage.up("c")
    stage.station.sends(2, "s", "StartTransaction", START)
    stage["a"].refuses()
    stage.up("b")
    stage["b"].gets([2, "s", "StartTransaction", START])
    stage["b"].sends(3, "s", {"transactionId": 5, "idTagInfo": ACCEPTED})
    (record,) = stage.store.of(TransactionRecord)
    assert record.owner == "b"


def test_nobody_is_there_for_a_token() -> None:
    """A token that no rule is for is answered with an error."""
    stage = Stage(one("a", actions=("Heartbeat",)))
    stage.station.sends(2, "1", "Authorize", {"idTag": "77"})
    assert stage.station.take()[0][:3] == [4, "1", "NotSupported"]


def test_a_stop_that_is_answered_with_an_error() -> None:
    """A stop that its owner answers with an error has not ended the transaction."""
    stage = split()
    number = starts(stage, "b", 5)
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": number})
    stage["b"].sends(4, "x", "InternalError", "", {})
    assert stage.session.ledger.running


def test_meter_values_fail_over_before_they_are_sent() -> None:
    """What waits for an absent backend and belongs to no transaction goes to the next of the failover."""
    stage = Stage(one("a", "b"))
    stage.station.sends(2, "m", "MeterValues", {"connectorId": 1})
    stage["a"].refuses()
    stage.up("b")
    stage["b"].gets([2, "m", "MeterValues", {"connectorId": 1}])
    stage["b"].sends(3, "m", {})
    stage.station.gets([3, "m", {}])


def test_a_stop_fails_over_before_it_is_sent() -> None:
    """A stop of a transaction that nobody knows goes to the next of the failover, too."""
    stage = Stage(one("a", "b"))
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": -1})
    stage["a"].refuses()
    stage.up("b")
    stage["b"].gets([2, "x", "StopTransaction", {"transactionId": -1}])


def test_what_belongs_to_an_owner_waits_for_it() -> None:
    """What belongs to a transaction of an absent backend goes to nobody else."""
    stage = Stage(one("a", "b"))
    stage.up("a")
    number = starts(stage, "a", 5)
    stage["a"].hangs_up()
    stage.up("b")
    stage.station.sends(2, "x", "StopTransaction", {"transactionId": number})
    stage["b"].gets()
    stage.wait(2)
    stage.up("a")
    stage["a"].gets([2, "x", "StopTransaction", {"transactionId": 5}])


def test_the_owner_leaves_while_it_is_asked() -> None:
    """When the owner is taken out of the configuration while it is asked, its answer still counts."""
    stage = split()
    stage.station.sends(2, "s", "StartTransaction", START)
    stage.unknown.add("b")
    stage.moves(one("a", copy=("c",)))
    stage["b"].sends(3, "s", {"transactionId": 5, "idTagInfo": ACCEPTED})
    (reply,) = stage.station.take()
    assert reply[2]["idTagInfo"] == ACCEPTED


def test_a_reservation_is_used() -> None:
    """A start that uses a reservation belongs to the backend that reserved, under its own number."""
    stage = split()
    for name in ("a", "b"):
        stage[name].sends(2, "r", "ReserveNow", {"reservationId": 1, "connectorId": 1, "idTag": "77"})
        (sent,) = stage.station.take()
        stage.station.sends(3, sent[1], ACCEPTED)
        stage[name].line.take()
    number = sent[3]["reservationId"]
    stage.station.sends(2, "s", "StartTransaction", OTHER | {"reservationId": number})
    stage["b"].gets([2, "s", "StartTransaction", OTHER | {"reservationId": 1}])
    stage["a"].gets([2, "s", "StartTransaction", OTHER])


def test_a_station_gives_no_connector() -> None:
    """A start without connector is a transaction all the same."""
    stage = split()
    starts(stage, "b", 5, {"idTag": "04EMA"})
    starts(stage, "b", 6, {"idTag": "04EMA", "timestamp": "x"}, "t")
    assert len(stage.session.ledger.running) == 2


def test_nobody_is_there_for_a_start() -> None:
    """A start that no rule is for lets the station go."""
    stage = Stage(one("a", actions=("Heartbeat",)))
    stage.station.sends(2, "s", "StartTransaction", START)
    assert stage.station.closed == (1008, "No rule says who answers StartTransaction")


# Remote starts.


def test_a_remote_start_by_another_backend() -> None:
    """The session that a remote start causes belongs to the backend that asked, whatever the rules say of the card."""
    stage = split()
    stage["b"].sends(2, "r", "RemoteStartTransaction", {"idTag": "77", "connectorId": 2})
    stage.station.gets([2, "r", "RemoteStartTransaction", {"idTag": "77", "connectorId": 2}])
    stage.station.sends(3, "r", ACCEPTED)
    stage["b"].gets([3, "r", ACCEPTED])
    stage.station.sends(2, "1", "Authorize", {"idTag": "77"})
    stage["b"].gets([2, "1", "Authorize", {"idTag": "77"}])
    stage["b"].sends(3, "1", {"idTagInfo": ACCEPTED})
    stage["a"].line.take()
    stage.station.take()
    starts(stage, "b", 5, OTHER)
    told(stage, "a", 6, OTHER)
    assert stage.store.of(InvitationRecord) == []
    starts(stage, "a", 8, OTHER | {"timestamp": "later"}, "t")


def test_a_remote_start_is_written_down_before_it_is_sent() -> None:
    """A remote start waits for the disk; what cannot be written is refused."""
    stage = split()
    stage.store.slow = True
    stage["b"].sends(2, "r", "RemoteStartTransaction", {"idTag": "77"})
    stage.station.gets()
    stage.store.writes()
    stage.station.gets([2, "r", "RemoteStartTransaction", {"idTag": "77"}])
    stage.station.sends(3, "r", {"status": "Rejected"})
    assert stage.store.of(InvitationRecord) == [], "a rejected one is struck out"
    stage.store.slow, stage.store.broken = False, True
    stage["b"].line.take()
    stage["b"].sends(2, "q", "RemoteStartTransaction", {"idTag": "77"})
    stage["b"].gets([3, "q", {"status": "Rejected"}])


def test_a_backend_that_owns_nothing_may_start_something() -> None:
    """A button of a home begins the session, and whom the rules name answers for it: who is paid by it."""
    stage = split(backends={"b": {"permit": CHARGE, "invites": "none"}})
    stage["b"].sends(2, "r", "RemoteStartTransaction", {"idTag": "77", "connectorId": 2})
    stage.station.gets([2, "r", "RemoteStartTransaction", {"idTag": "77", "connectorId": 2}])
    assert stage.store.of(InvitationRecord) == []
    stage.station.sends(3, "r", ACCEPTED)
    stage["b"].line.take()
    starts(stage, "a", 5, OTHER)


def test_an_invitation_expires() -> None:
    """A session that comes too late is no longer the one that was asked for; one on another connector never was."""
    stage = split(station_patience=5)
    stage["b"].sends(2, "r", "RemoteStartTransaction", {"idTag": "77", "connectorId": 1})
    stage.station.take()
    stage.wait(6)
    starts(stage, "a", 1, OTHER)
    assert len(stage.store.of(InvitationRecord)) == 1, "a remote start that timed out may still come to be"
    stage.wait(600)
    starts(stage, "a", 5, OTHER | {"connectorId": 1}, "t")
    assert stage.store.of(InvitationRecord) == []


def test_only_the_owner_stops() -> None:
    """A backend that does not own a transaction cannot stop it, nor what would end it, unless its permit says so."""
    stage = split(backends={"a": {"permit": CHARGE}, "b": {"permit": FULL}})
    number = starts(stage, "b", 5)
    told(stage, "a", 40)
    for action, fields, answer in (
        ("RemoteStopTransaction", {"transactionId": 40}, [3, "r", {"status": "Rejected"}]),
        ("RemoteStopTransaction", {"transactionId": number}, [3, "r", {"status": "Rejected"}]),
        ("UnlockConnector", {"connectorId": 1}, [3, "r", {"status": "UnlockFailed"}]),
    ):
        stage["a"].sends(2, "r", action, fields)
        stage["a"].gets(answer)
    stage.station.gets()
    stage["a"].sends(2, "u", "UnlockConnector", {"connectorId": 2})
    stage.station.gets([2, "u", "UnlockConnector", {"connectorId": 2}])
    stage.station.sends(3, "u", {"status": "Unlocked"})
    stage["b"].sends(2, "o", "RemoteStopTransaction", {"transactionId": 5})
    stage.station.gets([2, "o", "RemoteStopTransaction", {"transactionId": number}])
    stage.station.sends(3, "o", ACCEPTED)
    stage["b"].gets([3, "o", ACCEPTED])
