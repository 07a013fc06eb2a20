"""Commands: what backends may ask of a station, and in whose numbers."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.relay.policies.test_transactions_2x import event, happens
from tests.relay.policies.test_transactions_16 import ACCEPTED, OTHER, START, split, starts, told
from tests.relay.stage import Stage, one, playing
from voltgate.ocpp.messages import Call, Reply, Result
from voltgate.relay.events import CommandRefused
from voltgate.relay.permit import CHARGE, OBSERVE, Permit
from voltgate.relay.records import AuditRecord, FactRecord, NumberRecord

BOTH = {"a": {"permit": CHARGE}, "b": {"permit": CHARGE}}
PROFILE = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile"}


def asks(stage: Stage, name: str, action: str, fields: dict[str, Any] | None = None) -> Any:
    """Have a backend ask for something; give what reaches the station, or the answer if nothing does."""
    fields = fields or {}
    stage[name].line.take()
    stage[name].sends(2, "q", action, fields)
    sent = stage.station.take()
    if not sent:
        (answer,) = stage[name].line.take()
        return answer[2] if answer[0] == 3 else answer[2:3]
    stage.station.sends(3, sent[0][1], ACCEPTED)
    stage[name].line.take()
    return sent[0][2:]


def test_the_audit_trail() -> None:
    """Who asked for what, when, and what became of it."""
    stage = Stage(one("a", copy=("b",)), backends={"b": {"permit": OBSERVE}})
    stage.up("a", "b")
    asks(stage, "a", "Reset", {"type": "Soft"})
    asks(stage, "b", "Reset", {"type": "Soft"})
    asks(stage, "a", "GetConfiguration")
    stage["a"].sends(2, "e", "ClearCache", {})
    (sent,) = stage.station.take()
    stage.station.sends(4, sent[1], "InternalError", "", {})
    stage["b"].sends(2, "v", "VendorsOwn", {})
    stage["a"].sends(2, "t", "Reset", {})
    stage.station.hangs_up()
    lines = [(line.backend, line.action, line.outcome, line.answer) for line in stage.store.of(AuditRecord)]
    assert lines == [
        ("a", "Reset", "passed", "Accepted"),
        ("b", "Reset", "refused", "Rejected"),
        ("a", "GetConfiguration", "passed", "Accepted"),
        ("a", "ClearCache", "passed", "InternalError"),
        ("b", "VendorsOwn", "refused", "SecurityError"),
        ("a", "Reset", "undelivered", "InternalError"),
    ]
    assert stage["b"].backend.commands_refused == {"Reset": 1, "other": 1}
    assert [(each.backend, each.action) for each in stage.happened(CommandRefused)] == [
        ("b", "Reset"),
        ("b", "VendorsOwn"),
    ]


def test_an_answer_without_a_status_is_audited() -> None:
    """An answer that has no status was an answer."""
    stage = Stage(one("a"))
    stage.up("a")
    stage["a"].sends(2, "g", "GetConfiguration", {})
    stage.station.sends(3, "g", {"configurationKey": []})
    (line,) = stage.store.of(AuditRecord)
    assert line.answer == "answered"


def test_a_key_is_kept_private() -> None:
    """A backend that insists on its own interval is told that it has it, and sees it, also after a restart."""
    permit = Permit("x", ("*",), keys_absorb=("MeterValueSampleInterval",))
    stage = Stage(one("a", copy=("b",)), backends={"b": {"permit": permit}})
    stage.up("a", "b")
    asked = {"key": "MeterValueSampleInterval", "value": "10"}
    assert asks(stage, "b", "ChangeConfiguration", asked) == ACCEPTED
    assert stage.store.of(AuditRecord)[-1].outcome == "absorbed"
    assert [fact.name for fact in stage.store.of(FactRecord)] == ["registration", "private:b"]
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("a", "b")
    for name, value in (("a", "60"), ("b", "10")):
        stage[name].sends(2, "g", "GetConfiguration", {})
        (sent,) = stage.station.take()
        stage.station.sends(3, sent[1], {"configurationKey": [{"key": "MeterValueSampleInterval", "value": "60"}]})
        stage[name].gets([3, "g", {"configurationKey": [{"key": "MeterValueSampleInterval", "value": value}]}])


def test_private_keys_are_bounded() -> None:
    """Of too many private keys the oldest is forgotten."""
    stage = Stage(one("a", copy=("b",)), backends={"b": {"permit": Permit("x", ("*",), keys_absorb=("*",))}})
    stage.up("a", "b")
    for n in range(105):
        assert asks(stage, "b", "ChangeConfiguration", {"key": f"k{n}", "value": "v" * 2000}) == ACCEPTED
    kept = stage.session.ledger.fact("private:b")
    assert list(kept) == [f"k{n}" for n in range(5, 105)]
    assert len(kept["k7"]) == 1000


def test_some_variables_pass() -> None:
    """Of several variables the station is asked for those that pass; the backend gets one answer to all."""
    permit = Permit("x", ("*",), keys_absorb=("A.kept",), keys_refuse=("A.no",))
    stage = Stage(one("a", copy=("b",)), backends={"b": {"permit": permit}}, version="ocpp2.0.1")
    stage.up("a", "b")
    items = [
        {"component": {"name": "A"}, "variable": {"name": n}, "attributeValue": "1"} for n in ("no", "yes", "kept")
    ]
    stage["b"].sends(2, "v", "SetVariables", {"setVariableData": items})
    stage.station.gets([2, "v", "SetVariables", {"setVariableData": items[1:2]}])
    named = [{k: item[k] for k in ("component", "variable")} for item in items]
    stage.station.sends(3, "v", {"setVariableResult": [{"attributeStatus": "Accepted", **named[1]}]})
    results = [{"attributeStatus": s, **n} for s, n in zip(("Rejected", "Accepted", "Accepted"), named, strict=True)]
    stage["b"].gets([3, "v", {"setVariableResult": results}])


def test_a_remote_start_with_a_profile_that_cannot_be() -> None:
    """A profile inside a remote start is for the transaction to come; any other is refused here."""
    stage = split()
    fields = {"idTag": "77", "chargingProfile": PROFILE | {"transactionId": 5}}
    assert asks(stage, "b", "RemoteStartTransaction", fields) == {"status": "Rejected"}


def test_limits_belong_to_the_owner() -> None:
    """The owner of a transaction sets its limits; elsewhere only who may set limits does."""
    stage = split(backends=BOTH)
    number = starts(stage, "b", 5)
    told(stage, "a", 40)
    tx = {"connectorId": 1, "csChargingProfiles": PROFILE | {"transactionId": 5}}
    assert asks(stage, "b", "SetChargingProfile", tx)[1]["csChargingProfiles"]["transactionId"] == number
    tx = {"connectorId": 1, "csChargingProfiles": PROFILE | {"transactionId": 40}}
    assert asks(stage, "a", "SetChargingProfile", tx) == {"status": "Rejected"}
    default = PROFILE | {"chargingProfilePurpose": "TxDefaultProfile"}
    for name, connector, passes in (("b", 1, True), ("a", 1, False), ("b", 2, False), ("a", 0, False)):
        heard = asks(stage, name, "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": default})
        assert (heard != {"status": "Rejected"}) is passes, (name, connector)
    assert asks(stage, "a", "ClearChargingProfile", {"connectorId": 1}) == {"status": "Unknown"}


def test_who_may_stop_any_session_may_not_limit_any() -> None:
    """`stop` and `limit` are two rights: who has the former only sets limits where its own session runs."""
    stopper = Permit("stopper", ("*",), stop="any")
    stage = split(backends={"a": {"permit": stopper}, "b": {"permit": stopper}})
    starts(stage, "b", 5)
    told(stage, "a", 40)
    default = PROFILE | {"chargingProfilePurpose": "TxDefaultProfile"}
    of_station = PROFILE | {"chargingProfilePurpose": "ChargePointMaxProfile"}
    for name, connector, profile, passes in (
        ("b", 1, default, True),
        ("b", 1, PROFILE | {"transactionId": 5}, True),
        ("a", 1, default, False),
        ("a", 1, PROFILE | {"transactionId": 40}, False),
        ("b", 2, default, False),
        ("b", 0, of_station, False),
    ):
        heard = asks(stage, name, "SetChargingProfile", {"connectorId": connector, "csChargingProfiles": profile})
        assert (heard != {"status": "Rejected"}) is passes, (name, connector)
    assert asks(stage, "a", "ClearChargingProfile", {"connectorId": 1}) == {"status": "Unknown"}
    assert asks(stage, "a", "RemoteStopTransaction", {"transactionId": 40})[0] == "RemoteStopTransaction"


def test_alone_a_permit_without_limits_sets_none() -> None:
    """What a permit says of limits holds for the only backend of a station as well."""
    stage = playing("a", backends={"a": {"permit": CHARGE}})
    of_station = PROFILE | {"chargingProfilePurpose": "ChargePointMaxProfile"}
    assert asks(stage, "a", "SetChargingProfile", {"connectorId": 0, "csChargingProfiles": of_station}) == {
        "status": "Rejected"
    }


def test_profiles_with_equal_numbers() -> None:
    """Two backends number their profiles alike: the station knows them apart, and each clears its own."""
    stage = split(
        backends={"a": {"permit": Permit("l", ("*",), limit=True)}, "b": {"permit": Permit("m", ("*",), limit=True)}}
    )
    default = PROFILE | {"chargingProfilePurpose": "TxDefaultProfile"}
    ids = {}
    for name in ("a", "b"):
        _, fields = asks(stage, name, "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": default})
        ids[name] = fields["csChargingProfiles"]["chargingProfileId"]
    assert ids["a"] != ids["b"]
    for name in ("a", "b"):
        assert asks(stage, name, "ClearChargingProfile", {"id": 1}) == ["ClearChargingProfile", {"id": ids[name]}]
        _, fields = asks(stage, name, "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": default})
        assert fields["csChargingProfiles"]["chargingProfileId"] == ids[name]
    assert asks(stage, "a", "ClearChargingProfile", {"id": 9}) == {"status": "Unknown"}


def test_numbers_are_on_record_and_bounded() -> None:
    """Numbers outlive a restart; of too many, the oldest is forgotten."""
    stage = split()
    for n in range(520):
        asks(stage, "b", "GetLog", {"requestId": n, "logType": "DiagnosticsLog"})
    assert len(stage.store.of(NumberRecord)) == 512
    stage.session, stage.station = stage.newcomer()
    stage.open()
    stage.up("b", "a")
    stage.station.sends(2, "l", "LogStatusNotification", {"requestId": 519, "status": "Uploaded"})
    stage["b"].gets([2, "l", "LogStatusNotification", {"requestId": 519, "status": "Uploaded"}])
    stage["a"].gets()


def test_what_would_end_anothers_transaction() -> None:
    """A reset, an unlock or a change of availability that would end somebody else's transaction is refused."""
    stop = Permit("own", ("*",), limit=True)
    stage = split(backends={"a": {"permit": stop}, "b": {"permit": stop}})
    starts(stage, "b", 5)
    told(stage, "a", 40)
    refused = {"status": "Rejected"}
    for action, fields, passes in (
        ("Reset", {"type": "Hard"}, False),
        ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}, False),
        ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}, False),
        ("ChangeAvailability", {"connectorId": 2, "type": "Inoperative"}, True),
        ("ChangeAvailability", {"connectorId": 1, "type": "Operative"}, True),
        ("ClearCache", {}, True),
    ):
        assert (asks(stage, "a", action, fields) != refused) is passes, (action, fields)
        assert asks(stage, "b", action, fields) != refused


def test_a_reset_when_idle_ends_nothing() -> None:
    """A 2.x reset that waits until nothing runs may pass."""
    stop = {"permit": Permit("own", ("*",))}
    stage = Stage(one("a", copy=("b",)), version="ocpp2.0.1", backends={"a": stop, "b": stop})
    stage.up("a", "b")
    happens(stage, "1", event("Started", 0, idToken={"idToken": "x", "type": "Local"}), "a", "b")
    assert asks(stage, "b", "Reset", {"type": "OnIdle"}) == ["Reset", {"type": "OnIdle"}]
    assert asks(stage, "b", "Reset", {"type": "Immediate"}) == {"status": "Rejected"}
    assert asks(stage, "b", "CostUpdated", {"transactionId": "T1", "totalCost": 1}) == ["SecurityError"]
    assert asks(stage, "a", "CostUpdated", {"transactionId": "T1", "totalCost": 1}) != ["SecurityError"]


def test_a_signature_stops_nobody_elses_session() -> None:
    """What is signed is held to the same: whose the transaction is, and that its numbers can be kept apart."""
    stage = Stage(one("a", copy=("b",)), version="ocpp2.0.1", backends=BOTH)
    stage.up("a", "b")
    happens(stage, "1", event("Started", 0, idToken={"idToken": "x", "type": "Local"}), "a", "b")

    def signed(fields: dict[str, Any]) -> dict[str, Any]:
        return {"payload": base64.urlsafe_b64encode(json.dumps(fields).encode()).decode(), "signature": "x"}

    stop = signed({"transactionId": "T1"})
    assert asks(stage, "b", "RequestStopTransaction-Signed", stop) == {"status": "Rejected"}
    assert asks(stage, "a", "RequestStopTransaction-Signed", stop) == ["RequestStopTransaction-Signed", stop]
    unlock = signed({"evseId": 1, "connectorId": 1})
    assert asks(stage, "b", "UnlockConnector-Signed", unlock) == {"status": "UnlockFailed"}
    report = signed({"requestId": 1, "reportBase": "FullInventory"})
    assert asks(stage, "a", "GetBaseReport-Signed", report) == ["GetBaseReport-Signed", report]
    assert asks(stage, "b", "GetBaseReport-Signed", report) == {"status": "Rejected"}


def test_a_name_that_stands_twice() -> None:
    """A call that names two transactions under one name is refused: the station may read the other one."""
    stage = split(backends=BOTH)
    starts(stage, "b", 5)
    told(stage, "a", 40)
    stage["b"].sends(b'[2,"q","RemoteStopTransaction",{"transactionId":7,"transactionId":5}]')
    stage["b"].gets([3, "q", {"status": "Rejected"}])
    stage.station.gets()


def test_a_transaction_that_nobody_knows() -> None:
    """A number that is not in the ledger may be the default backend's from before; another backend has none such."""
    stage = split(backends=BOTH)
    asked = {"transactionId": 77}
    assert asks(stage, "a", "RemoteStopTransaction", asked) == ["RemoteStopTransaction", asked]
    assert asks(stage, "b", "RemoteStopTransaction", asked) == {"status": "Rejected"}
    assert asks(stage, "a", "RemoteStopTransaction", {"transactionId": None})[1] == {"transactionId": None}


def test_the_only_backend_names_a_number_of_ours() -> None:
    """With one backend, too, a number that it never gave is not taken for the station's."""
    stage = Stage(one("a"), backends={"a": {"when_down": "wait"}})
    stage.up("a")
    starts(stage, "a", 5)
    stage.session.ledger.find("5").numbers["a"] = 6  # type: ignore[union-attr]
    assert asks(stage, "a", "RemoteStopTransaction", {"transactionId": 5}) == {"status": "Rejected"}
    assert asks(stage, "a", "RemoteStopTransaction", {"transactionId": 6})[1] == {"transactionId": 5}


def test_a_send_of_a_backend() -> None:
    """A SEND of a backend passes as far as its permit goes; nobody waits for an answer."""
    stage = Stage(one("a", copy=("b",)), version="ocpp2.1", backends={"b": {"permit": OBSERVE}})
    stage.up("a", "b")
    stage["a"].sends(6, "1", "NotifyPeriodicEventStream", {"id": 1})
    stage.station.gets([6, "1", "NotifyPeriodicEventStream", {"id": 1}])
    stage["b"].sends(6, "2", "NotifyPeriodicEventStream", {"id": 1})
    stage.station.gets()
    stage["b"].gets()


@pytest.mark.parametrize("number", [5, 6])
def test_a_number_that_is_taken(number: int) -> None:
    """A number of the only backend that the station knows something else by is not given to it a second time."""
    stage = Stage(one("a"), backends={"a": {"when_down": "wait"}})
    stage.up("a")
    starts(stage, "a", 5)
    tx = stage.session.ledger.find("5")
    assert tx is not None
    tx.numbers["a"] = 9
    given = starts(stage, "a", number, OTHER, "t")
    assert (given == number) is (number == 6)


def test_the_same_start_is_forgotten_with_its_time() -> None:
    """A start at another time is another one."""
    stage = split()
    first = starts(stage, "b", 5)
    stage.draw = 0.5
    assert starts(stage, "b", 6, START | {"timestamp": "later"}, "t") != first


class Caller:
    """A caller of the API."""

    name = "api:anna"


def calls(stage: Stage, action: str, fields: dict[str, Any]) -> list[Any]:
    """Ask the station on behalf of a caller of the API; return what the station gets."""
    call = Call("c", action, json.dumps(fields).encode())
    call.asker = Caller()
    heard: list[Reply] = []
    stage.session.command(call, heard.append)
    ((_, message_id, *sent),) = stage.station.take()
    stage.station.sends(3, message_id, ACCEPTED)
    assert isinstance(heard[0], Result)
    return sent


def test_a_caller_of_the_api_has_numbers_of_its_own() -> None:
    """A reservation of the API under a number that a backend uses gets another; a report is no other backend's."""
    stage = Stage(one("a", copy=("b",)), version="ocpp2.0.1", backends=BOTH)
    stage.up("a", "b")
    reservation = {"id": 7, "expiryDateTime": "t", "idToken": {"idToken": "1", "type": "Central"}}
    assert asks(stage, "b", "ReserveNow", reservation)[1]["id"] == 7
    ours = calls(stage, "ReserveNow", reservation)[1]["id"]
    assert ours != 7
    assert calls(stage, "CancelReservation", {"reservationId": 7}) == ["CancelReservation", {"reservationId": ours}]
    assert calls(stage, "GetBaseReport", {"requestId": 3, "reportBase": "FullInventory"})[1]["requestId"] == 3
    stage.station.sends(2, "n", "NotifyReport", {"requestId": 3, "seqNo": 0, "generatedAt": "t"})
    stage["a"].gets([2, "n", "NotifyReport", {"requestId": 3, "seqNo": 0, "generatedAt": "t"}])
    stage["a"].sends(3, "n", {})
    stage.station.take()
    assert asks(stage, "a", "GetBaseReport", {"requestId": 3, "reportBase": "FullInventory"})[1]["requestId"] != 3
    stage.station.sends(2, "m", "NotifyReport", {"requestId": 3, "seqNo": 1, "generatedAt": "t"})
    stage["a"].gets([2, "m", "NotifyReport", {"seqNo": 1, "generatedAt": "t"}])


def test_a_caller_of_the_api_is_left_alone_with_one_backend() -> None:
    """With one backend the numbers of the API go out as they are."""
    stage = Stage(one("a"))
    stage.up("a")
    assert calls(stage, "CancelReservation", {"reservationId": 7}) == ["CancelReservation", {"reservationId": 7}]


def test_a_backend_that_mints_without_end_pushes_no_other_backends_numbers_out() -> None:
    """However many requests one backend makes, the reservation of another is found again."""
    stage = Stage(one("a", copy=("b",)), version="ocpp2.0.1", backends=BOTH)
    stage.up("a", "b")
    asks(stage, "a", "ReserveNow", {"id": 5, "expiryDateTime": "t", "idToken": {"idToken": "1", "type": "Central"}})
    for n in range(600):
        asks(stage, "b", "GetBaseReport", {"requestId": n, "reportBase": "FullInventory"})
    assert stage.session.ledger.numbers.inward("reservation", 5) == ("a", 5)


@pytest.mark.parametrize("value", [[], {}, 7, None])
@pytest.mark.parametrize(
    ("action", "name"), [("TriggerMessage", "requestedMessage"), ("DeleteCertificate", "certificateType")]
)
def test_what_is_no_word_is_refused(action: str, name: str, value: object) -> None:
    """Whatever JSON can hold in the place of a word, the backend is answered and keeps its link."""
    stage = Stage(one("a", copy=("b",)), version="ocpp2.0.1", backends={"b": {"permit": CHARGE}})
    stage.up("a", "b")
    assert asks(stage, "b", action, {name: value})["status"] in ("Rejected", "NotImplemented", "Failed")
    assert stage["b"].line.closed is None
