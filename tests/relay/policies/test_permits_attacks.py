"""A backend with few rights that writes what Voltgate reads one way and a charger, perhaps, another."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.relay.policies.test_commands import asks
from tests.relay.policies.test_transactions_2x import event, happens
from tests.relay.policies.test_transactions_16 import split, starts, told
from tests.relay.stage import Stage, one
from voltgate.ocpp.messages import Call
from voltgate.relay.permit import CHARGE, FULL, OBSERVE, Permit
from voltgate.relay.permit import Pass as Passes

OF_STATION = {"chargingProfilePurpose": "ChargePointMaxProfile"}
TX_PROFILE = {"chargingProfilePurpose": "TxProfile"}
OWN = Permit("own", ("*",))
"""Everything but what is another backend's: its sessions, limits, credentials."""


def of_16(permit: Permit = OWN) -> tuple[Stage, int]:
    """Make a stage of 1.6 where a transaction of `b` runs on connector 1; give its number at the station as well."""
    stage = split(backends={"a": {"permit": permit}, "b": {"permit": permit}})
    number = starts(stage, "b", 5)
    told(stage, "a", 40)
    return stage, number


def of_2x(permit: Permit = OWN) -> Stage:
    """Make a stage of 2.0.1 where transaction T1 of `b` runs on EVSE 1; `a` answers the boots."""
    stage = Stage(
        one("b", actions=("TransactionEvent",)),
        one("a"),
        version="ocpp2.0.1",
        backends={"a": {"permit": permit}, "b": {"permit": permit}},
    )
    stage.up("b", "a")
    happens(stage, "1", event("Started", 0, idToken={"idToken": "x", "type": "Local"}), "b")
    return stage


def is_refused(stage: Stage, name: str, action: str, payload: bytes) -> bool:
    """Have a backend ask; return whether the station was left alone."""
    stage[name].line.take()
    stage[name].sends(b'[2,"q",%b,%b]' % (json.dumps(action).encode(), payload))
    sent = stage.station.take()
    for message in sent:
        stage.station.sends(3, message[1], {})
    assert [message[0] for message in stage[name].line.take()] in ([3], [4])
    return not sent


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("Reset", {"type": "Hard", "connectorId": 2}),
        ("Reset", {"type": "Hard", "evseId": 2}),
        ("Reset", {"type": "OnIdle"}),
        ("Reset", {"Type": "Hard"}),
        ("ChangeAvailability", {"connectorId": 1, "type": "inoperative"}),
        ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative "}),
        ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative", "evseId": 2}),
        ("ChangeAvailability", {"connectorId": "1", "type": "Inoperative"}),
        ("ChangeAvailability", {"ConnectorId": 1, "connectorId": 2, "type": "Inoperative"}),
        ("UnlockConnector", {"connectorId": 1.0}),
        ("unlockconnector", {"connectorId": 1}),
        ("UnlockConnector ", {"connectorId": 1}),
        ("UnlockConnector\0", {"connectorId": 1}),
        ("UnlockConnector-Signed-Signed", {"connectorId": 1}),
    ],
)
def test_ending_the_session_of_another_in_1_6(action: str, fields: dict[str, Any]) -> None:
    """Fields that the action does not have, other spellings and other types open no way around."""
    stage, _ = of_16()
    assert is_refused(stage, "a", action, json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("Reset", {"type": "Immediate", "evse": {"id": 2}}),
        ("Reset", {"type": "Immediate", "evseId": "2"}),
        ("Reset", {"type": "onidle"}),
        ("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 1}, "evseId": 2}),
        ("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": [{"id": 2}]}),
        ("ChangeAvailability", {"operationalStatus": "inoperative"}),
        ("ChangeAvailability", {"type": "Operative", "operationalStatus": "Inoperative"}),
        ("UnlockConnector", {"connectorId": 1, "evseId": 1, "evse": {"id": 2}}),
        ("RequestStopTransaction", {"transactionId": "t1"}),
        ("RequestStopTransaction", {"transactionId": "T1 "}),
        ("RequestStopTransaction", {"TransactionId": "T1"}),
    ],
)
def test_ending_the_session_of_another_in_2_x(action: str, fields: dict[str, Any]) -> None:
    """In 2.x an EVSE is named elsewhere in each action, and transactions are compared without regard to case."""
    assert is_refused(of_2x(), "a", action, json.dumps(fields).encode())


def test_the_right_of_2_x_is_kept() -> None:
    """What does not touch the session of another passes as before."""
    for action, fields in (
        ("Reset", {"type": "Immediate", "evseId": 2}),
        ("Reset", {"type": "OnIdle"}),
        ("ChangeAvailability", {"operationalStatus": "Inoperative", "evse": {"id": 2}}),
        ("ChangeAvailability", {"operationalStatus": "Operative"}),
        ("UnlockConnector", {"evseId": 2, "connectorId": 1}),
        ("DataTransfer", {"vendorId": "v", "data": {"Type": "x", "TYPE": "y"}}),
        ("Reset", {"type": "OnIdle", "customData": {"vendorId": "v", "Type": "x"}}),
    ):
        assert asks(of_2x(), "a", action, fields) == [action, fields]


@pytest.mark.parametrize(
    "named", ["{}", '"{}"', '" {} "', "{}.0", '"0{}"', '{},"x":1e999', '{},"x":"\\ud800"', '{},"transactionID":1']
)
def test_stopping_the_transaction_of_another_by_its_number(named: str) -> None:
    """The backend that answers boots may stop what nobody knows, but by no spelling what is known as another's."""
    stage, number = of_16(CHARGE)
    payload = '{"transactionId":' + named.replace("{}", str(number)) + "}"
    assert is_refused(stage, "a", "RemoteStopTransaction", payload.encode())


@pytest.mark.parametrize(
    "fields",
    [
        {
            "connectorId": 1,
            "csChargingProfiles": {"chargingProfilePurpose": "ChargePointMaxProfile", "transactionId": 5},
        },
        {"connectorId": 0, "csChargingProfiles": {"chargingProfilePurpose": "TxDefaultProfile", "transactionId": 5}},
        {"connectorId": 1, "csChargingProfiles": OF_STATION},
        {"connectorId": 1, "csChargingProfiles": {"chargingProfilePurpose": {}}},
        {"connectorId": 1, "chargingProfile": {"chargingProfilePurpose": "TxProfile"}, "csChargingProfiles": [{}]},
    ],
)
def test_a_limit_of_the_station_in_the_guise_of_ones_own(fields: dict[str, Any]) -> None:
    """The owner of a transaction sets limits of that, and of its connector; naming it makes no other limit its own."""
    stage, _ = of_16(CHARGE)
    assert is_refused(stage, "b", "SetChargingProfile", json.dumps(fields).encode())


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("ClearChargingProfile", {"id": "9"}),
        ("ClearChargingProfile", {"id": 9.0}),
        ("ClearChargingProfile", {"id": {}}),
        ("ClearChargingProfile", {"Id": 9}),
        ("RemoteStartTransaction", {"idTag": "1", "chargingProfile": [OF_STATION]}),
        ("CancelReservation", {"reservationId": "9"}),
        ("CancelReservation", {"reservationId": 9.0}),
        ("CancelReservation", {"ReservationId": 9}),
    ],
)
def test_numbers_of_another_in_another_form(action: str, fields: dict[str, Any]) -> None:
    """A profile and a reservation of another are not had by writing their number as a text or with a fraction."""
    for permit in (CHARGE, Permit("l", ("*",), limit=True)):
        stage, _ = of_16(permit)
        asks(stage, "b", "ReserveNow", {"connectorId": 2, "idTag": "1", "reservationId": 9, "expiryDate": "t"})
        assert is_refused(stage, "a", action, json.dumps(fields).encode())


@pytest.mark.parametrize("permit", [CHARGE, FULL])
def test_two_profiles_of_which_one_is_shown(permit: Permit) -> None:
    """A profile under the name of another version hides no profile of the station."""
    stage = of_2x(permit)
    mine = TX_PROFILE | {"transactionId": "T1"}
    asked = {"evseId": 1, "csChargingProfiles": mine, "chargingProfile": OF_STATION}
    assert is_refused(stage, "b", "SetChargingProfile", json.dumps(asked).encode())
    asked = {"evseId": 1, "chargingProfile": mine}
    assert not is_refused(stage, "b", "SetChargingProfile", json.dumps(asked).encode())


def test_a_limit_of_another_behind_a_field_that_is_not_read() -> None:
    """In 2.x it is the criteria that say which EVSE's limits are cleared."""
    stage = of_2x(CHARGE)
    asked = {"evseId": 1, "chargingProfileCriteria": {"evseId": 2}}
    assert is_refused(stage, "b", "ClearChargingProfile", json.dumps(asked).encode())
    asked = {"chargingProfileCriteria": {"evseId": 1}}
    assert not is_refused(stage, "b", "ClearChargingProfile", json.dumps(asked).encode())


@pytest.mark.parametrize("name", ["x" * 51, "transactionId" + "\0" * 50])
def test_objects_that_no_schema_knows(name: str) -> None:
    """Names without end and objects of thousands of names are not looked through: they are refused."""
    stage, _ = of_16(CHARGE)
    assert is_refused(stage, "a", "GetConfiguration", json.dumps({name: 1}).encode())
    assert is_refused(stage, "a", "GetConfiguration", json.dumps({str(n): 1 for n in range(101)}).encode())


@pytest.mark.parametrize("noise", ["", "!", "=", "\n", "eyJ9"])
def test_what_is_signed_and_cannot_be_read(noise: str) -> None:
    """Base64 that two decoders may read differently, or that holds no object, is refused."""
    inside = base64.urlsafe_b64encode(b'{"transactionId":"T1" }').decode()
    payload = f"{inside[:8]}{noise}{inside[8:]}" if noise else "%%%"
    stage = of_2x(CHARGE)
    assert is_refused(stage, "a", "RequestStopTransaction-Signed", json.dumps({"payload": payload}).encode())
    assert is_refused(stage, "a", "RequestStopTransaction-Signed", b"{}")


@pytest.mark.parametrize(
    ("version", "action", "payload"),
    [
        ("ocpp1.6", "ChangeConfiguration", b'{"key":"AuthorizationKey ","value":"x"}'),
        ("ocpp1.6", "ChangeConfiguration", b'{"key":"AuthorizationKey\\u0000x","value":"x"}'),
        ("ocpp1.6", "ChangeConfiguration", b'{"Key":"AuthorizationKey","value":"x"}'),
        ("ocpp1.6", "ChangeConfiguration", b'{"key":"AuthorizationKey","value":"x","y":1e999}'),
        ("ocpp1.6", "ChangeConfiguration", b'{"key":["AuthorizationKey"],"value":"x"}'),
        ("ocpp1.6", "changeConfiguration", b'{"key":"AuthorizationKey","value":"x"}'),
        ("ocpp1.6", "ExtendedTriggerMessage", b'{"requestedMessage":"signChargePointCertificate "}'),
        ("ocpp1.6", "ExtendedTriggerMessage", b'{"RequestedMessage":"SignChargePointCertificate"}'),
        (
            "ocpp1.6",
            "ExtendedTriggerMessage",
            b'{"requestedMessage":"SignChargePointCertificate","requestedMessage":"x"}',
        ),
        ("ocpp1.6", "InstallCertificate", b'{"certificateType":"ManufacturerRootCertificate","CertificateType":"x"}'),
        ("ocpp2.0.1", "SetVariables", b'{"SetVariableData":[{"component":{"name":"SecurityCtrlr"}}]}'),
        ("ocpp2.0.1", "SetVariables", b'{"setVariableData":{"component":{"name":"SecurityCtrlr"}}}'),
        (
            "ocpp2.0.1",
            "SetVariables",
            b'{"setVariableData":[{"component":{"name":" SecurityCtrlr"},"variable":{"name":"X"}}]}',
        ),
        (
            "ocpp2.0.1",
            "SetVariables",
            b'{"setVariableData":[{"component":{"name":"SecurityCtrlr","instance":"1"},"variable":{"name":'
            b'"BasicAuthPassword","instance":"2"},"attributeType":"MinSet","attributeValue":"1"}]}',
        ),
        (
            "ocpp2.0.1",
            "SetVariables",
            b'{"setVariableData":[{"component":{"Name":"SecurityCtrlr"},"variable":{"name":"X"},"attributeValue":"1"}]}',
        ),
        ("ocpp2.0.1", "SetVariables", b'{"setVariableData":[["SecurityCtrlr"]]}'),
    ],
)
def test_credentials_in_disguise(version: str, action: str, payload: bytes) -> None:
    """Spaces, case, NUL, twins and odd types change no password where credentials are not the backend's."""
    assert not isinstance(FULL.judge(version, Call("1", action, payload)), Passes)


def test_a_trigger_that_two_readers_understand_differently() -> None:
    """Who may only read triggers no boot by naming two messages."""
    twice = b'{"requestedMessage":"BootNotification","requestedMessage":"Heartbeat"}'
    assert not isinstance(OBSERVE.judge("ocpp1.6", Call("1", "TriggerMessage", twice)), Passes)


def test_what_is_refused_costs_no_more_than_a_line() -> None:
    """However long the name of an action or a key is, the audit trail and the event hold a short reason."""
    stage, _ = of_16(CHARGE)
    long = "x" * 100_000
    assert is_refused(stage, "a", long, b"{}")
    assert is_refused(stage, "a", "ChangeConfiguration", json.dumps({"key": long, "value": long}).encode())
    assert max(len(repr(each)) for each in (*stage.store.records.values(), *stage.events)) < 2000


def test_a_command_inside_a_data_transfer() -> None:
    """It is judged as what it is, and goes as it is or not at all: its numbers are not changed on the way."""
    stage, number = of_16(Permit("p", ("*",), credentials=True))
    for data in ({"transactionId": number}, {"transactionId": 40}, "{", {"transactionId": 2**40}):
        wrapped = {"vendorId": "v", "messageId": "RemoteStopTransaction", "data": data}
        assert is_refused(stage, "a", "DataTransfer", json.dumps(wrapped).encode())
    unlock = {"vendorId": "v", "messageId": "UnlockConnector", "data": {"connectorId": 2}}
    assert asks(stage, "a", "DataTransfer", unlock) == ["DataTransfer", unlock]
    again = unlock | {"messageId": "DataTransfer", "data": unlock}
    stage, _ = of_16(FULL)
    assert is_refused(stage, "a", "DataTransfer", json.dumps(again).encode())
    installs = {"vendorId": "v", "messageId": "InstallCertificate", "data": "{}"}
    assert is_refused(stage, "a", "DataTransfer", json.dumps(installs).encode())
    assert asks(stage, "a", "DataTransfer", unlock) == ["DataTransfer", unlock]


def test_what_could_not_be_read_is_not_asked() -> None:
    """Half a surrogate pair, and whole numbers beyond all bounds, are no command's."""
    stage, _ = of_16(CHARGE)
    for payload in (b'{"x":"\\ud800"}', b'{"x":%d}' % 2**64, b'{"x":[[%d]]}' % -(2**64)):
        assert is_refused(stage, "a", "GetConfiguration", payload)


def test_a_number_beyond_32_bits_is_another_one_to_the_station() -> None:
    """What a backend numbers so large is known to the station by a number of ours."""
    stage, _ = of_16(CHARGE)
    reserve = {"connectorId": 2, "idTag": "1", "reservationId": 2**40 + 9, "expiryDate": "t"}
    number = asks(stage, "b", "ReserveNow", reserve)[1]["reservationId"]
    assert 0 < number < 2**31
    assert asks(stage, "b", "CancelReservation", {"reservationId": 2**40 + 9})[1] == {"reservationId": number}
    assert is_refused(stage, "a", "RemoteStopTransaction", b'{"transactionId":%d}' % (2**40 + 5))


def test_an_answer_with_secrets() -> None:
    """A backend reads none of them, nor an answer that may hold them and cannot be read; others read all."""
    stage, _ = of_16(CHARGE)
    told = {"configurationKey": [{"key": "AuthorizationKey", "value": "1"}]}
    for answer, heard in (
        (json.dumps(told), {"configurationKey": [{"key": "AuthorizationKey"}]}),
        ('{"configurationKey":[]}', {"configurationKey": []}),
        ('{"configurationKey":[{"key":"AuthorizationKey","value":1e999}]}', None),
    ):
        stage["a"].line.take()
        stage["a"].sends(2, "q", "GetConfiguration", {})
        stage.station.sends(b'[3,"%b",%b]' % (stage.station.take()[0][1].encode(), answer.encode()))
        ((kind, _, what, *_),) = stage["a"].line.take()
        assert (kind, what) == ((3, heard) if heard is not None else (4, "InternalError"))
    stage["a"].sends(2, "q", "GetConfiguration", {})
    stage.station.sends(4, stage.station.take()[0][1], "InternalError", "", {})
    assert stage["a"].line.take()[0][0] == 4


def test_a_report_with_secrets() -> None:
    """A report loses them where one of those who get it may not see them; one that cannot be read, all of it."""
    item = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    report = {"requestId": 1, "reportData": [item | {"variableAttribute": [{"value": "1"}]}]}
    stage = of_2x(OBSERVE)
    stage.station.sends(2, "r", "NotifyReport", report)
    stage["a"].gets([2, "r", "NotifyReport", report | {"reportData": [item | {"variableAttribute": [{}]}]}])
    stage["a"].sends(3, "r", {})
    stage.station.sends(b'[2,"r","NotifyReport",{"x":1e999}]')
    stage["a"].gets([2, "r", "NotifyReport", {}])
    stage["a"].sends(3, "r", {})
    stage.station.sends(b'[2,"r","NotifyReport",{"x": 1.0}]')
    stage["a"].gets(b'[2,"r","NotifyReport",{"x": 1.0}]')
    stage = of_2x(Permit("all", ("*",), credentials=True))
    stage.station.sends(2, "r", "NotifyReport", report)
    stage["a"].gets([2, "r", "NotifyReport", report])
