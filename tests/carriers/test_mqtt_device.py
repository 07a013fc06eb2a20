"""What is known of a station for Home Assistant, from what it says: 1.6 and 2.x, odd values, units."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest

from voltgate.carriers.mqtt.device import Device
from voltgate.carriers.mqtt.homeassistant import safe
from voltgate.carriers.mqtt.meters import Reading, reading
from voltgate.ocpp.messages import Call

_ids = itertools.count(1)


def values(*samples: dict[str, Any]) -> list[dict[str, Any]]:
    """Return meter values of one moment."""
    return [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": list(samples)}]


def said(device: Device, action: str, **fields: Any) -> str:
    """Have a station make a call; return its id."""
    call = Call(str(next(_ids)), action, json.dumps(fields).encode())
    device.take(call)
    return call.id


def state(device: Device, number: int = 1) -> tuple[Any, ...]:
    """Return what Home Assistant is shown of a connector."""
    return tuple(device.connectors[number].state(device.statuses).values())


POWER, ENERGY = "Power.Active.Import", "Energy.Active.Import.Register"


@pytest.mark.parametrize(
    ("samples", "found"),
    [
        ([{"value": "1500"}], (None, 1500)),
        ([{"value": "1.5", "unit": "kWh"}, {"value": "7.2", "measurand": POWER, "unit": "kW"}], (7200, 1500)),
        ([{"value": "7200", "measurand": POWER}], (7200, None)),
        ([{"value": 15, "unitOfMeasure": {"unit": "Wh", "multiplier": 2}}], (None, 1500)),
        ([{"value": 7.2, "measurand": POWER, "unitOfMeasure": {"unit": "W", "multiplier": 3}}], (7200, None)),
        ([{"value": 7.2, "measurand": POWER, "unitOfMeasure": {"unit": "kW"}}], (7200, None)),
        ([{"value": each, "measurand": POWER, "phase": phase} for each, phase in ((1, "L1"), (2, "L2"))], (3, None)),
        ([{"value": 9, "measurand": POWER}, {"value": 4, "measurand": POWER, "phase": "L1"}], (9, None)),
        ([{"value": "5", "location": "EV"}, {"value": "6", "unit": "varh"}, {"value": "80", "measurand": "SoC"}], ()),
        ([{"value": "1e999"}, {"value": "x"}, {"value": None}, {"value": True}, {"value": "NaN"}, {"value": {}}], ()),
        ([{"value": 10**400}, {"value": 1, "unitOfMeasure": {"multiplier": 10**9}}, {"measurand": 7, "value": 1}], ()),
    ],
)
def test_units(samples: list[dict[str, Any]], found: tuple[float | None, ...]) -> None:
    """Whatever unit a value came in, it is in W and Wh; what cannot be read is nothing."""
    assert reading(values(*samples)) == Reading(*found)


def test_the_newest_values_count() -> None:
    """Of several moments the last one that says anything."""
    assert reading([*values({"value": "1"}), *values({"value": "2"}), {"sampledValue": 7}, 7]) == Reading(None, 2)
    assert reading(None) == Reading()


def test_a_session_of_1_6() -> None:
    """Status, power and register as they are said; the session's energy counts from where it began."""
    device = Device("ocpp1.6")
    said(device, "BootNotification", chargePointVendor="Vendor", chargePointModel="X" * 99, firmwareVersion=7)
    assert device.about == {"manufacturer": "Vendor", "model": "X" * 64}
    said(device, "StatusNotification", connectorId=0, status="Available")
    said(device, "StatusNotification", connectorId=1, status="Charging")
    assert state(device) == ("Charging", None, None, None)
    start = said(device, "StartTransaction", connectorId=1, meterStart=1000, idTag="A")
    assert device.end(1) is None, "its number is not known yet"
    assert device.awaits(start)
    device.started(start, {"transactionId": 7})
    assert device.end(1) == ("RemoteStopTransaction", {"transactionId": 7})
    more = {"connectorId": 1, "transactionId": 7}
    said(device, "MeterValues", **more, meterValue=values({"value": "1500"}, {"value": "7200", "measurand": POWER}))
    assert state(device) == ("Charging", 7200.0, 1.5, 0.5)
    said(device, "StopTransaction", transactionId=7, meterStop=2000)
    assert state(device) == ("Charging", 0.0, 2.0, 1.0)
    assert device.end(1) is None
    said(device, "MeterValues", connectorId=1, meterValue=values({"value": "2500"}))
    assert state(device) == ("Charging", 0.0, 2.5, 1.0), "the session has ended"


def test_a_session_that_began_before() -> None:
    """It is known by its meter values, and counts from the first of them."""
    device = Device("ocpp1.6")
    for energy in ("1000", "1200"):
        said(device, "MeterValues", connectorId=2, transactionId=9, meterValue=values({"value": energy}))
    assert state(device, 2) == (None, None, 1.2, 0.2)
    assert device.end(2) == ("RemoteStopTransaction", {"transactionId": 9})


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
def test_a_session_of_2_x(version: str) -> None:
    """An EVSE is shown as a whole, whichever of its connectors is in use."""
    device = Device(version)
    said(device, "BootNotification", chargingStation={"vendorName": "Vendor", "model": "X", "serialNumber": "\0"})
    assert device.about == {"manufacturer": "Vendor", "model": "X"}
    for connector, status in ((1, "Available"), (2, "Unavailable"), (1, "Occupied")):
        said(device, "StatusNotification", evseId=1, connectorId=connector, connectorStatus=status)
    assert state(device)[0] == "Occupied"
    info = {"transactionId": "t-1"}
    said(
        device,
        "TransactionEvent",
        eventType="Started",
        transactionInfo=info,
        evse={"id": 1},
        meterValue=values({"value": 1e3}),
    )
    said(device, "TransactionEvent", eventType="Updated", transactionInfo=info, meterValue=values({"value": 3e3}))
    assert state(device) == ("Occupied", None, 3.0, 2.0)
    assert device.end(1) == ("RequestStopTransaction", {"transactionId": "t-1"})
    said(device, "TransactionEvent", eventType="Ended", transactionInfo=info, meterValue=values({"value": 4e3}))
    assert state(device) == ("Occupied", 0.0, 4.0, 3.0)
    assert device.end(1) is None
    action, request = device.begin(1, "TAG")
    assert (action, request["idToken"]) == ("RequestStartTransaction", {"idToken": "TAG", "type": "Central"})
    assert 0 <= request["remoteStartId"] < 2**31


def test_what_a_station_may_not_do() -> None:
    """However many connectors it invents, and whatever stands where a number should, there is a bound."""
    device = Device("ocpp1.6")
    for number in [*range(1, 100), 10_000, -1, True, "1", None, {}, [], 1.5, 2**70]:
        said(device, "StatusNotification", connectorId=number, status="Available")
    assert list(device.connectors) == list(range(1, 33))
    for status in ("Broken", 7, None, [], {}):
        said(device, "StatusNotification", connectorId=1, status=status)
    assert state(device)[0] == "Available"
    for _ in range(100):
        said(device, "StartTransaction", connectorId=1, meterStart={})
    assert len(device._starting) == 16
    said(device, "StopTransaction", transactionId=[], transactionData=7)
    said(device, "MeterValues", connectorId=1, transactionId="x" * 1000, meterValue={"a": 1})
    assert device.end(1) is None
    for fields in (
        {},
        {"evse": 7, "transactionInfo": 7},
        {"evse": {"id": "1"}, "transactionInfo": {"transactionId": 1}},
    ):
        said(Device("ocpp2.1"), "TransactionEvent", **fields)
    device.take(Call("1", "BootNotification", b"[]"))
    Device("ocpp2.1").take(Call("1", "StatusNotification", b"null"))


def test_names_that_no_two_stations_have_in_common() -> None:
    """An identity is part of topics and of unique ids: with letters, digits, - and _ only."""
    identities = ["CP-1", "CP_1", "CP.1", "CP_2e1", "ü", "a/b", "+", "#", "$SYS", "CP 1"]
    names = [safe(identity) for identity in identities]
    assert names[:2] == ["CP-1", "CP_5f1"]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[A-Za-z0-9_-]+", name) for name in names)
