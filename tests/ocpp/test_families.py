"""The two families of versions."""

from __future__ import annotations

import pytest

from voltgate.ocpp.families import may_be_of
from voltgate.ocpp.messages import Call


@pytest.mark.parametrize(
    ("action", "payload", "families"),
    [
        ("StartTransaction", b"{}", "1"),
        ("TransactionEvent", b"{}", "2"),
        ("TransactionEvent-Signed", b"{}", "2"),
        ("MeterValues", b'{"connectorId":1,"meterValue":[]}', "1"),
        ("MeterValues", b'{"evseId":1,"meterValue":[]}', "2"),
        ("StatusNotification", b'{"connectorId":1,"errorCode":"NoError","status":"Available"}', "1"),
        ("StatusNotification", b'{"evseId":1,"connectorId":1,"connectorStatus":"Available"}', "2"),
        ("BootNotification", b'{"chargePointVendor":"V","chargePointModel":"M"}', "1"),
        ("BootNotification", b'{"reason":"PowerUp","chargingStation":{}}', "2"),
        ("Authorize", b'{"idTag":"T"}', "1"),
        ("Authorize", b'{"idToken":{}}', "2"),
        ("Heartbeat", b"{}", "12"),
        ("DataTransfer", b'{"vendorId":"V"}', "12"),
        ("Unheard", b'{"connectorId":1}', "1"),
        ("MeterValues", b"no JSON", "12"),
    ],
)
def test_in_which_family_a_call_was_said(action: str, payload: bytes, families: str) -> None:
    """It is told by the action, else by fields that only one of them has; what says nothing may be of both."""
    call = Call("1", action, payload)
    assert [may_be_of(version, call) for version in ("ocpp1.6", "ocpp1.5")] == ["1" in families] * 2
    assert [may_be_of(version, call) for version in ("ocpp2.0.1", "ocpp2.1")] == ["2" in families] * 2
