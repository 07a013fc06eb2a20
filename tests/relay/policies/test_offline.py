"""The stand-in: a station charges while its backend is away, and the backend hears of all of it later."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.relay.stage import Stage, one
from voltgate.ocpp.schemas import check
from voltgate.relay.records import OwedRecord, TransactionRecord
from voltgate.relay.rule import Rule
from voltgate.relay.stand_in import StandIn
from voltgate.relay.tokens import listed

START = {"connectorId": 1, "idTag": "77", "timestamp": "2026-01-01T10:00:00Z", "meterStart": 0}
STATUS = {"connectorId": 1, "status": "Charging", "errorCode": "NoError"}


def known(*names: str, version: str = "ocpp1.6", **settings: Any) -> Stage:
    """Make a stage whose first backend has accepted the station and a token, and is then lost."""
    names = names or ("a",)
    stage = Stage(
        one(names[0], copy=names[1:]), version=version, backends={names[0]: {"when_down": "answer", **settings}}
    )
    stage.up(*names)
    boot = {"currentTime": "x", "interval": 120, "status": "Accepted"}
    token = {"idTag": "77"} if version == "ocpp1.6" else {"idToken": {"idToken": "77", "type": "ISO14443"}}
    info = "idTagInfo" if version == "ocpp1.6" else "idTokenInfo"
    for mid, action, fields, reply in (
        ("b", "BootNotification", {"chargePointVendor": "v"}, boot),
        ("t", "Authorize", token, {info: {"status": "Accepted"}}),
    ):
        stage.station.sends(2, mid, action, fields)
        for name in names:
            stage[name].sends(3, mid, reply)
    stage.station.take()
    for name in names:
        stage[name].line.take()
    stage[names[0]].hangs_up()
    return stage


def says(stage: Stage, action: str, fields: dict[str, Any], mid: str = "1") -> Any:
    """Have the station say something, and give the answer."""
    stage.station.sends(2, mid, action, fields)
    (reply,) = stage.station.take()
    assert reply[:2] == [3, mid], reply
    assert check(stage.session.dialect.version, action, "response", reply[2]) is None
    return reply[2]


def back(stage: Stage) -> None:
    """Let the backend come back, and answer the replayed boot."""
    stage.wait(2)
    stage.up("a")
    (boot,) = stage["a"].line.take()
    assert boot[2] == "BootNotification"
    stage["a"].sends(3, boot[1], {"status": "Accepted"})


def gets(stage: Stage, action: str, reply: dict[str, Any] | None = None) -> Any:
    """See that the backend is sent something that it was owed, and have it answered."""
    for _ in range(20):
        if not stage["a"].line.sent:
            stage.wait(0.1)
    message = stage["a"].line.take()[0]
    assert message[2] == action
    stage["a"].sends(3, message[1], reply or {})
    return message[3]


def test_a_whole_day_without_the_backend() -> None:
    """The station boots, beats, authorises, charges and stops; the backend gets all of it later, in its numbers."""
    stage = known()
    boot = says(stage, "BootNotification", {"chargePointVendor": "v"})
    assert (boot["status"], boot["interval"]) == ("Accepted", 120)
    assert boot["currentTime"].startswith("2027-")
    says(stage, "Heartbeat", {})
    assert says(stage, "Authorize", {"idTag": "77"}) == {"idTagInfo": {"status": "Accepted"}}
    assert says(stage, "Authorize", {"idTag": "unknown"}) == {"idTagInfo": {"status": "Invalid"}}
    started = says(stage, "StartTransaction", START)
    assert started["idTagInfo"] == {"status": "Accepted"}
    number = started["transactionId"]
    assert says(stage, "StartTransaction", START, "again") == started
    says(stage, "StatusNotification", STATUS)
    says(stage, "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": []})
    says(stage, "StopTransaction", {"transactionId": number, "meterStop": 9, "timestamp": "x"})
    assert stage.station.closed is None
    back(stage)
    assert gets(stage, "StartTransaction", {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}) == START
    assert gets(stage, "StatusNotification") == STATUS
    assert gets(stage, "MeterValues")["transactionId"] == 5
    assert gets(stage, "StopTransaction")["transactionId"] == 5
    assert stage.store.of(OwedRecord) == []
    (record,) = stage.store.of(TransactionRecord)
    assert record.ended is not None


def test_back_in_the_middle() -> None:
    """What the station says of a transaction while its backend catches up waits its turn behind what is owed."""
    stage = known()
    number = says(stage, "StartTransaction", START)["transactionId"]
    back(stage)
    (start,) = stage["a"].line.take()
    says(stage, "StopTransaction", {"transactionId": number, "meterStop": 9, "timestamp": "x"})
    stage["a"].gets()
    stage["a"].sends(3, start[1], {"transactionId": 5, "idTagInfo": {"status": "Accepted"}})
    assert gets(stage, "StopTransaction")["transactionId"] == 5


def test_a_call_that_got_lost_with_the_link() -> None:
    """What was sent and not answered when the link was lost is owed under the id that it had."""
    stage = known()
    back(stage)
    stage.station.sends(2, "s", "StartTransaction", START)
    assert stage["a"].line.take()[0][1] == "s"
    stage["a"].hangs_up()
    (reply,) = stage.station.take()
    assert reply[2]["transactionId"] > 0
    stage.wait(4)
    stage.up("a")
    (boot,) = stage["a"].line.take()
    stage["a"].sends(3, boot[1], {"status": "Accepted"})
    stage.wait(0.2)
    assert stage["a"].line.take()[0][:3] == [2, "s", "StartTransaction"]


@pytest.mark.parametrize("stop", [True, False])
def test_a_token_that_the_backend_refuses_later(stop: bool) -> None:
    """A session that was let begin is stopped when its owner refuses the token; that is a setting."""
    stage = known(stand_in=StandIn("all", stop_refused=stop))
    number = says(stage, "StartTransaction", START)["transactionId"]
    back(stage)
    gets(stage, "StartTransaction", {"transactionId": 5, "idTagInfo": {"status": "Blocked"}})
    sent = stage.station.take()
    assert [message[2:] for message in sent] == ([["RemoteStopTransaction", {"transactionId": number}]] if stop else [])
    if stop:
        stage.station.sends(3, sent[0][1], {"status": "Accepted"})
        stage["a"].gets()


@pytest.mark.parametrize(
    ("settings", "tag", "status"),
    [
        (StandIn("known", listed(["guest"])), "GUEST", "Accepted"),
        (StandIn("known"), "GUEST", "Invalid"),
        (StandIn("all"), "GUEST", "Accepted"),
        (StandIn("none"), "77", "Invalid"),
    ],
)
def test_which_tokens_may_charge(settings: StandIn, tag: str, status: str) -> None:
    """The tokens that may charge meanwhile: those known and listed, all, or none."""
    assert says(known(stand_in=settings), "Authorize", {"idTag": tag}) == {"idTagInfo": {"status": status}}


def test_a_token_that_was_refused_is_not_known_any_more() -> None:
    """What the backend last said of a token counts."""
    stage = known()
    back(stage)
    stage.station.sends(2, "t", "Authorize", {"idTag": "77"})
    stage["a"].sends(3, "t", {"idTagInfo": {"status": "Blocked"}})
    stage.station.take()
    stage["a"].hangs_up()
    assert says(stage, "Authorize", {"idTag": "77"}) == {"idTagInfo": {"status": "Invalid"}}


def test_a_station_that_was_never_accepted() -> None:
    """Only a station that the backend accepted before is answered; another is let go, and keeps what it has."""
    for boot in (None, {"status": "Pending", "interval": 5}):
        stage = Stage(one("a"), backends={"a": {"when_down": "answer"}})
        stage.up("a")
        if boot is not None:
            stage.station.sends(2, "b", "BootNotification", {})
            stage["a"].sends(3, "b", boot)
            stage.station.take()
        stage["a"].hangs_up()
        stage.station.sends(2, "1", "StartTransaction", START)
        stage.station.gets()
        assert stage.station.closed == (1001, "Backend a is away")


def test_what_nobody_else_can_know() -> None:
    """What only the backend itself can answer lets the station go."""
    stage = known()
    stage.station.sends(2, "1", "DataTransfer", {"vendorId": "x"})
    assert stage.station.closed is not None
    stage = known(version="ocpp2.0.1")
    stage.station.sends(2, "1", "Get15118EVCertificate", {})
    assert stage.station.closed is not None


def test_events_of_2() -> None:
    """A 2.x transaction goes on without its backend, which gets the events later; a refused token stops it."""
    stage = known(version="ocpp2.0.1", stand_in=StandIn("all"))
    token = {"idToken": "new", "type": "ISO14443"}
    started = {"eventType": "Started", "seqNo": 0, "transactionInfo": {"transactionId": "T1"}, "idToken": token}
    assert says(stage, "TransactionEvent", started) == {"idTokenInfo": {"status": "Accepted"}}
    updated = {"eventType": "Updated", "seqNo": 1, "transactionInfo": {"transactionId": "T1"}}
    assert says(stage, "TransactionEvent", updated) == {}
    says(stage, "NotifyEvent", {"seqNo": 0})
    back(stage)
    assert gets(stage, "TransactionEvent", {"idTokenInfo": {"status": "Invalid"}}) == started
    (stop,) = stage.station.take()
    assert stop[2:] == ["RequestStopTransaction", {"transactionId": "T1"}]
    assert gets(stage, "TransactionEvent") == updated
    stage.station.sends(3, stop[1], {"status": "Accepted"})
    ended = {"eventType": "Ended", "seqNo": 2, "transactionInfo": {"transactionId": "T1"}}
    assert gets(stage, "NotifyEvent") == {"seqNo": 0}
    stage.station.sends(2, "e", "TransactionEvent", ended)
    stage["a"].gets([2, "e", "TransactionEvent", ended])
    stage["a"].sends(3, "e", {})
    stage.station.gets([3, "e", {}])


def test_it_ends_while_the_backend_is_away() -> None:
    """A 2.x transaction that ends while its backend is away has ended."""
    stage = known(version="ocpp2.0.1")
    for kind, seq in (("Started", 0), ("Ended", 1)):
        says(stage, "TransactionEvent", {"eventType": kind, "seqNo": seq, "transactionInfo": {"transactionId": "T1"}})
    assert not stage.session.ledger.running
    assert len(stage.store.of(OwedRecord)) == 2


def test_without_an_interval() -> None:
    """A backend that named no usable interval is stood in for with one of ours."""
    stage = Stage(one("a"), backends={"a": {"when_down": "answer"}})
    stage.up("a")
    stage.station.sends(2, "b", "BootNotification", {})
    stage["a"].sends(3, "b", {"status": "Accepted", "interval": 0})
    stage.station.take()
    stage["a"].hangs_up()
    assert says(stage, "BootNotification", {})["interval"] == 300


def test_a_start_whose_token_nobody_judged() -> None:
    """An answer that says nothing of the token changes nothing of what is known of it."""
    stage = known()
    back(stage)
    stage.station.sends(2, "t", "Authorize", {"idTag": "77"})
    stage["a"].sends(4, "t", "InternalError", "", {})
    stage.station.take()
    stage.station.sends(2, "u", "Authorize", {"idTag": 5})
    stage["a"].sends(3, "u", {})
    stage.station.take()
    stage["a"].hangs_up()
    assert says(stage, "Authorize", {"idTag": "77"}) == {"idTagInfo": {"status": "Accepted"}}
    assert says(stage, "StartTransaction", START | {"idTag": 5})["transactionId"] > 0


def test_the_owner_gives_the_start_up() -> None:
    """A stop whose start the owner never took is sent to it under -1, as the errata say."""
    stage = known()
    number = says(stage, "StartTransaction", START)["transactionId"]
    says(stage, "StopTransaction", {"transactionId": number, "meterStop": 9})
    back(stage)
    start = stage["a"].line.take()[0]
    stage["a"].sends(4, start[1], "FormationViolation", "", {})
    assert gets(stage, "StopTransaction")["transactionId"] == -1


def test_its_copies_are_told_meanwhile() -> None:
    """The copies hear of what the stand-in answers as they always do, and number it themselves."""
    stage = known("a", "b")
    number = says(stage, "StartTransaction", START)["transactionId"]
    stage["b"].gets([2, "1", "StartTransaction", START])
    stage["b"].sends(3, "1", {"transactionId": 77})
    says(stage, "StopTransaction", {"transactionId": number}, "2")
    stage["b"].gets([2, "2", "StopTransaction", {"transactionId": 77}])
    assert json.loads(stage.store.of(TransactionRecord)[0].data)["numbers"] == {"b": 77}


def test_what_a_stand_in_cannot_write_is_not_answered() -> None:
    """When what the absent backend is owed cannot be brought to disk, the station is let go: it keeps its start."""
    stage = known()
    stage.store.broken = True
    stage.station.sends(2, "s", "StartTransaction", START)
    stage.station.gets()
    assert stage.station.closed == (1013, "This cannot be written down now: keep it and come again")


def test_a_group_of_tokens_that_may_charge_meanwhile() -> None:
    """A pattern of the stand-in stands for all tokens that begin so, as in a rule."""
    stage = known(stand_in=StandIn("known", listed(["04EM*", "Guest"])))
    for tag, status in (("04em17", "Accepted"), ("guest", "Accepted"), ("04E", "Invalid"), ("guests", "Invalid")):
        assert says(stage, "Authorize", {"idTag": tag}) == {"idTagInfo": {"status": status}}


# An owner that is told of the boot.


ACCEPTED = {"currentTime": "x", "interval": 120, "status": "Accepted"}


def shared(**settings: Any) -> Stage:
    """Make a stage where `b` owns tokens that begin with 04EM and is told of the rest, and `a` answers the boot."""
    rules = (Rule(tokens=listed(["04EM*"]), answer=("b",), copy=("a",)), one("a", copy=("b",)))
    stage = Stage(*rules, backends={"b": {"when_down": "answer", "stand_in": StandIn("all"), **settings}})
    stage.up("b", "a")
    return stage


def charges_without(stage: Stage) -> None:
    """Lose `b`, and see that its cards charge all the same."""
    stage["b"].hangs_up()
    stage["a"].line.take()
    stage.station.take()
    assert says(stage, "StartTransaction", START | {"idTag": "04EM1"})["idTagInfo"] == {"status": "Accepted"}
    assert [record.backend for record in stage.store.of(OwedRecord)] == ["b"]


def test_an_owner_by_token_that_was_told_of_the_boot() -> None:
    """A backend that is told of the boot and accepts it is stood in for, though another answers the station."""
    stage = shared()
    stage.station.sends(2, "b", "BootNotification", {"chargePointVendor": "v"})
    for name in ("b", "a"):
        stage[name].sends(3, "b", ACCEPTED)
    charges_without(stage)


def test_an_owner_by_token_that_did_not_accept_the_boot_it_was_told_of() -> None:
    """A backend that did not accept the station is not stood in for, whoever else did."""
    stage = shared()
    stage.station.sends(2, "b", "BootNotification", {"chargePointVendor": "v"})
    stage["b"].sends(3, "b", {"status": "Rejected", "interval": 5})
    stage["a"].sends(3, "b", ACCEPTED)
    stage["b"].hangs_up()
    stage.station.take()
    stage.station.sends(2, "1", "StartTransaction", START | {"idTag": "04EM1"})
    stage.station.gets()
    assert stage.station.closed == (1001, "Backend b is away")


def test_a_boot_that_is_answered_with_an_error() -> None:
    """A backend that has accepted the station, and then stumbles over a boot, has accepted it all the same."""
    stage = shared()
    for reply in ((3, "b", ACCEPTED), (4, "b", "InternalError", "", {})):
        stage.station.sends(2, "b", "BootNotification", {"chargePointVendor": "v"})
        for name in ("b", "a"):
            stage[name].sends(*reply)
    stage["b"].line.take()
    charges_without(stage)


def test_an_owner_by_token_that_heard_the_boot_when_it_came() -> None:
    """A backend that was away while the station booted, and accepts the boot that it is told later, counts as well."""
    stage = shared()
    stage["b"].hangs_up()
    stage.station.sends(2, "b", "BootNotification", {"chargePointVendor": "v"})
    stage["a"].sends(3, "b", ACCEPTED)
    stage.wait(3)
    stage.up("b")
    boot = stage["b"].line.take()[0]
    assert boot[2] == "BootNotification"
    stage["b"].sends(3, boot[1], ACCEPTED)
    charges_without(stage)


def test_a_token_that_is_refused_late_is_not_known_any_more() -> None:
    """What the backend says of a card when it hears of the session counts for the next outage; that it charges, not."""
    for late, status in (("Blocked", "Invalid"), ("ConcurrentTx", "Accepted")):
        stage = known()
        says(stage, "StartTransaction", START)
        back(stage)
        gets(stage, "StartTransaction", {"transactionId": 5, "idTagInfo": {"status": late}})
        stage.station.take()
        stage["a"].hangs_up()
        assert says(stage, "Authorize", {"idTag": "77"}) == {"idTagInfo": {"status": status}}


def test_a_boot_that_was_replayed_counts() -> None:
    """A backend that accepted the station when it came back, and not when that booted, is stood in for as well."""
    stage = Stage(
        Rule(tokens=listed(["04em*"]), answer=("a",)),
        one("b", copy=("a",)),
        backends={"a": {"when_down": "answer", "stand_in": StandIn("all"), "wait": 1.0}},
    )
    stage["a"].refuses()
    stage.up("b")
    stage.station.sends(2, "1", "BootNotification", {"chargePointVendor": "v"})
    accepted = {"currentTime": "x", "interval": 120, "status": "Accepted"}
    stage["b"].sends(3, "1", accepted)
    stage.station.take()
    stage.wait(5)
    stage.up("a")
    ((_, replayed, action, _),) = stage["a"].line.take()
    assert action == "BootNotification"
    stage["a"].sends(3, replayed, accepted)
    stage["a"].hangs_up()
    assert says(stage, "StartTransaction", START | {"idTag": "04EM1"})["idTagInfo"] == {"status": "Accepted"}
