"""The same command to stations of different versions: what each of them hears."""

from __future__ import annotations

from typing import Any

import pytest

from tests.csms.commands.stations import Station, sent
from voltgate.ocpp.messages import Error

PROFILE = {"purpose": "transaction", "periods": [{"start": 0, "limit": 10}], "begins": "2026-11-21T08:00:00+01:00"}


@pytest.mark.parametrize(
    ("version", "command", "fields", "heard"),
    [
        ("ocpp1.2", "reset", {"kind": "immediate"}, ("Reset", {"type": "Hard"})),
        ("ocpp1.6", "reset", {}, ("Reset", {"type": "Soft"})),
        ("ocpp1.6", "reset", {"kind": "on-idle"}, "OCPP 1.6 has no reset on-idle; nearest: soft, which ends"),
        ("ocpp1.6", "reset", {"evse": 1}, "OCPP 1.6 has no reset of one connector; nearest: the whole station"),
        ("ocpp2.0.1", "reset", {"kind": "soft"}, ("Reset", {"type": "Immediate"})),
        ("ocpp2.0.1", "reset", {"kind": "on-idle", "evse": 2}, ("Reset", {"type": "OnIdle", "evseId": 2})),
        (
            "ocpp2.0.1",
            "reset",
            {"kind": "resume"},
            "OCPP 2.0.1 has no reset that resumes transactions; nearest: on-idle",
        ),
        ("ocpp2.1", "reset", {"kind": "resume"}, ("Reset", {"type": "ImmediateAndResume"})),
        ("ocpp1.5", "unlock", {"evse": 2}, ("UnlockConnector", {"connectorId": 2})),
        (
            "ocpp1.6",
            "unlock",
            {"evse": 2, "connector": 2},
            "OCPP 1.6 has no connector 2 of EVSE 2; nearest: the EVSE alone",
        ),
        ("ocpp2.1", "unlock", {"evse": 2}, ("UnlockConnector", {"evseId": 2, "connectorId": 1})),
        (
            "ocpp1.6",
            "availability",
            {"operative": False},
            ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}),
        ),
        ("ocpp2.1", "availability", {"operative": True}, ("ChangeAvailability", {"operationalStatus": "Operative"})),
        (
            "ocpp2.1",
            "availability",
            {"operative": True, "evse": 1, "connector": 2},
            ("ChangeAvailability", {"operationalStatus": "Operative", "evse": {"id": 1, "connectorId": 2}}),
        ),
        (
            "ocpp2.1",
            "availability",
            {"operative": True, "connector": 2},
            "A connector is one of an EVSE: name the EVSE as well",
        ),
        ("ocpp1.6", "start", {"token": "me", "evse": 1}, ("RemoteStartTransaction", {"idTag": "me", "connectorId": 1})),
        ("ocpp1.6", "start", {"token": "x" * 21}, "OCPP 1.6 takes 20 characters as a token, and these are 21"),
        (
            "ocpp1.5",
            "start",
            {"token": "me", "profile": PROFILE},
            "OCPP 1.5 has no charging profiles; nearest: start without",
        ),
        (
            "ocpp2.0.1",
            "start",
            {"token": "04a1b2c3", "evse": 1, "group": "G"},
            (
                "RequestStartTransaction",
                {
                    "idToken": {"idToken": "04a1b2c3", "type": "ISO14443"},
                    "remoteStartId": 77,
                    "evseId": 1,
                    "groupIdToken": {"idToken": "G", "type": "Central"},
                },
            ),
        ),
        (
            "ocpp2.0.1",
            "start",
            {"token": "x", "kind": "VIN"},
            "OCPP 2.0.1 has no token of the type VIN; nearest: Central",
        ),
        ("ocpp1.6", "stop", {"transaction": "12"}, ("RemoteStopTransaction", {"transactionId": 12})),
        ("ocpp1.6", "stop", {"transaction": "T1"}, "OCPP 1.6 has no transaction 'T1'; nearest: its number"),
        ("ocpp2.0.1", "stop", {"transaction": "12"}, ("RequestStopTransaction", {"transactionId": "12"})),
        (
            "ocpp1.6",
            "reserve",
            {"token": "me", "expires": "2026-11-21T09:00:00+01:00", "group": "G"},
            (
                "ReserveNow",
                {
                    "connectorId": 0,
                    "expiryDate": "2026-11-21T08:00:00.000Z",
                    "idTag": "me",
                    "parentIdTag": "G",
                    "reservationId": 77,
                },
            ),
        ),
        (
            "ocpp2.0.1",
            "reserve",
            {"token": "NLABC123456789", "expires": "2026-11-21T08:00:00Z", "connector_type": "cCCS2", "id": 3},
            (
                "ReserveNow",
                {
                    "id": 3,
                    "expiryDateTime": "2026-11-21T08:00:00.000Z",
                    "idToken": {"idToken": "NLABC123456789", "type": "eMAID"},
                    "connectorType": "cCCS2",
                },
            ),
        ),
        (
            "ocpp1.6",
            "firmware",
            {"location": "http://a.example/f", "retries": 2},
            (
                "UpdateFirmware",
                {"location": "http://a.example/f", "retrieveDate": "2026-11-21T07:30:00.000Z", "retries": 2},
            ),
        ),
        (
            "ocpp1.6",
            "firmware",
            {"location": "http://a.example/f", "install": "2026-11-21T09:00:00Z"},
            "OCPP 1.6 has no time for installing unsigned firmware; nearest: retrieve",
        ),
        (
            "ocpp2.0.1",
            "firmware",
            {"location": "http://a.example/f", "signature": "c2ln"},
            "The signature of firmware and the certificate that it was made with belong together",
        ),
        (
            "ocpp1.5",
            "logs",
            {"location": "http://a.example", "kind": "security"},
            "OCPP 1.5 has no security log; nearest",
        ),
        (
            "ocpp1.6",
            "data-transfer",
            {"vendor": "v", "data": {"a": 1}},
            ("DataTransfer", {"vendorId": "v", "data": '{"a":1}'}),
        ),
        (
            "ocpp2.1",
            "data-transfer",
            {"vendor": "v", "data": {"a": 1}},
            ("DataTransfer", {"vendorId": "v", "data": {"a": 1}}),
        ),
        (
            "ocpp1.6",
            "certificate-list",
            {"roots": ["v2g"]},
            "OCPP 1.6 has no certificate of the kind v2g; nearest: csms or",
        ),
        (
            "ocpp2.0.1",
            "customer-information",
            {},
            "Name the customer in one way: by an identifier, a token or a certificate",
        ),
        ("ocpp1.6", "trigger", {"message": "SignV2GCertificate"}, "OCPP 1.6 has no trigger of SignV2GCertificate"),
        (
            "ocpp2.0.1",
            "trigger",
            {"message": "CustomTrigger", "custom": "x"},
            "OCPP 2.0.1 has no trigger of CustomTrigger",
        ),
        ("ocpp2.1", "trigger", {"message": "CustomTrigger"}, "CustomTrigger takes the station's own word as custom"),
    ],
)
def test_what_a_station_hears(version: str, command: str, fields: dict[str, Any], heard: Any) -> None:
    """One command, in the words of the station's version; or what the operator reads instead."""
    said = sent(version, command, **fields)
    if isinstance(heard, str):
        assert said.startswith(heard)
    else:
        assert said == heard


def test_times_are_sent_in_utc_and_bounded() -> None:
    """A time whose UTC lies before the year 1 is refused, as it cannot be written."""
    said = sent("ocpp1.6", "reserve", token="me", expires="0001-01-01T00:00:00+01:00")
    assert said == "A time must lie in the years from 1970 to 9999"


def test_a_trigger_that_a_1_6_station_does_not_know_is_asked_for_again() -> None:
    """The station knows only the message of the security extension: it is asked by that, in the words of that."""
    station = Station("ocpp1.6", {"TriggerMessage": {"status": "NotImplemented"}})
    outcome = station.told("trigger", message="DiagnosticsStatusNotification", evse=1)
    assert station.heard == [
        ("TriggerMessage", {"requestedMessage": "DiagnosticsStatusNotification", "connectorId": 1}),
        ("ExtendedTriggerMessage", {"requestedMessage": "LogStatusNotification", "connectorId": 1}),
    ]
    assert outcome.status == "Accepted"


def test_a_trigger_that_nobody_knows_is_not_implemented() -> None:
    """A station without the extension is not said to have answered what it was asked last."""
    station = Station(
        "ocpp1.6",
        {"TriggerMessage": {"status": "NotImplemented"}, "ExtendedTriggerMessage": Error("1", "NotSupported", "Hm?")},
    )
    outcome = station.told("trigger", message="Heartbeat")
    assert (len(station.heard), outcome.accepted, outcome.status) == (2, False, "NotImplemented")


def test_a_rejected_trigger_is_not_asked_for_again() -> None:
    """Rejected is an answer: the station knows the message and will not send it now."""
    station = Station("ocpp1.6", {"TriggerMessage": {"status": "Rejected"}})
    assert station.told("trigger", message="Heartbeat").status == "Rejected"
    assert len(station.heard) == 1


def test_diagnostics_of_a_1_6_station_that_has_get_log_only() -> None:
    """A station that knows only GetLog uploads its diagnostics by that."""
    station = Station("ocpp1.6", {"GetDiagnostics": Error("1", "NotImplemented")})
    outcome = station.told("logs", location="https://a.example/l", since="2026-11-20T00:00:00Z")
    assert station.heard == [
        ("GetDiagnostics", {"location": "https://a.example/l", "startTime": "2026-11-20T00:00:00.000Z"}),
        (
            "GetLog",
            {
                "logType": "DiagnosticsLog",
                "requestId": 77,
                "log": {"remoteLocation": "https://a.example/l", "oldestTimestamp": "2026-11-20T00:00:00.000Z"},
            },
        ),
    ]
    assert outcome.follow is not None
    assert (outcome.follow.actions, outcome.follow.request) == (("LogStatusNotification",), 77)


def test_soap_stations_are_not_asked_for_what_only_json_has() -> None:
    """1.6 over SOAP has no security extension: nothing of it is tried."""
    station = Station("ocpp1.6", {"TriggerMessage": {"status": "NotImplemented"}}, soap=True)
    assert station.told("trigger", message="Heartbeat").status == "NotImplemented"
    assert station.told("certificate-list").info.startswith("OCPP 1.6 over SOAP has no certificates")
    assert [action for action, _ in station.heard] == ["TriggerMessage"]


def test_certificates_of_1_6_and_2_x_look_the_same() -> None:
    """1.6 is asked for each kind; the list names them as that of 2.x does."""
    data = {"hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "1"}

    def of_16(payload: dict[str, Any]) -> dict[str, Any]:
        csms = payload["certificateType"] == "CentralSystemRootCertificate"
        return {"status": "Accepted", "certificateHashData": [data]} if csms else {"status": "NotFound"}

    chain = {"certificateType": "CSMSRootCertificate", "certificateHashData": data}
    answer_2x = {"status": "Accepted", "certificateHashDataChain": [chain]}
    old = Station("ocpp1.6", {"GetInstalledCertificateIds": of_16}).told("certificate-list")
    new = Station("ocpp2.0.1", {"GetInstalledCertificateIds": answer_2x}).told("certificate-list")
    assert (
        old.result
        == new.result
        == {
            "certificates": [
                {
                    "root": "csms",
                    "algorithm": "SHA256",
                    "issuer_name_hash": "a",
                    "issuer_key_hash": "b",
                    "serial_number": "1",
                }
            ]
        }
    )
    assert old.accepted
    assert new.accepted
