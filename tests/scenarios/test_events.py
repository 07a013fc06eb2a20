"""What happens at stations is told alike, whatever they speak: through a real gateway, as its API streams it."""

from __future__ import annotations

from typing import Any

from tests import soap_ends
from tests.harness import Stage
from tests.soap_ends import SoapServer, SoapStation, response
from tests.web.client import TOKEN, asking

KINDS = ["StationBooted", "StatusChanged", "TransactionBegan", "TransactionEnded", "StationRefused"]
AT = "2026-01-01T00:00:00Z"
ACCEPTED = "<status>Accepted</status>"

SAID = [
    ("StationBooted", {"vendor": "Acme", "model": "X1"}),
    ("StatusChanged", {"connector": 1, "status": "Preparing", "error_code": "NoError"}),
    ("TransactionBegan", {"owner": "main"}),
    ("StatusChanged", {"connector": 1, "status": "Charging", "error_code": "NoError"}),
    ("StatusChanged", {"connector": 1, "status": "Charging", "error_code": "GroundFailure"}),
    ("TransactionEnded", {"owner": "main", "energy_wh": 5000.0, "seconds": 3600.0, "reason": "Local"}),
]
"""What each of the stations below does, as it is told."""
NOT_SAID = [SAID[3]]
"""What a station of 1.5 says nothing of: it is Occupied before and after."""


def _same(events: list[Any], expected: list[tuple[str, dict[str, Any]]]) -> None:
    told = [
        (each.kind, {name: each.data[name] for name in wanted})
        for each, (_, wanted) in zip(events, expected, strict=True)
    ]
    assert told == expected


async def test_1_6_and_2_0_1(stage: Stage) -> None:
    """A session with an error in the midst of it is the same in both, though they say it by other messages."""
    backend = await stage.backend("main")
    accepted = {"transactionId": 7, "idTagInfo": {"status": "Accepted"}}
    boot = {"status": "Accepted", "currentTime": AT, "interval": 300}
    for action in ("StatusNotification", "StopTransaction", "TransactionEvent", "NotifyEvent"):
        backend.answers(action, {})
    backend.answers("BootNotification", boot)
    backend.answers("StartTransaction", accepted)
    gateway = await stage.gateway(admin_token=TOKEN, store={"url": "off"})
    async with asking(gateway.http_port) as api, api.stream("/events", kind=KINDS) as stream:
        old, modern = await stage.station("OLD"), await stage.station("NEW", "ocpp2.0.1")
        status = {"connectorId": 1, "errorCode": "NoError"}
        await old.call("BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "X1"})
        await old.call("StatusNotification", status | {"status": "Preparing"})
        await old.call("StartTransaction", {"connectorId": 1, "idTag": "A", "timestamp": AT, "meterStart": 1000})
        await old.call("StatusNotification", status | {"status": "Charging"})
        await old.call("StatusNotification", status | {"status": "Charging", "errorCode": "GroundFailure"})
        await old.call("StopTransaction", {"transactionId": 7, "timestamp": "2026-01-01T01:00:00Z", "meterStop": 6000})
        _same(await stream.take(6), SAID)

        def event(kind: str, at: str, value: float, **info: Any) -> dict[str, Any]:
            values = [{"timestamp": at, "sampledValue": [{"value": value}]}]
            about = {"transactionInfo": {"transactionId": "t1"} | info, "meterValue": values, "seqNo": int(value)}
            return {"eventType": kind, "timestamp": at, "triggerReason": "Trigger", "evse": {"id": 1}} | about

        place = {"evseId": 1, "connectorId": 1, "timestamp": AT}
        await modern.call(
            "BootNotification", {"reason": "PowerUp", "chargingStation": {"vendorName": "Acme", "model": "X1"}}
        )
        await modern.call("StatusNotification", place | {"connectorStatus": "Occupied"})
        await modern.call("TransactionEvent", event("Started", AT, 1000.0))
        await modern.call("TransactionEvent", event("Updated", AT, 1001.0, chargingState="Charging"))
        fault = {
            "eventId": 1,
            "timestamp": AT,
            "trigger": "Alerting",
            "actualValue": "true",
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": "RCD", "evse": {"id": 1, "connectorId": 1}},
            "variable": {"name": "Tripped"},
        }
        await modern.call("NotifyEvent", {"generatedAt": AT, "seqNo": 0, "eventData": [fault]})
        await modern.call("TransactionEvent", event("Ended", "2026-01-01T01:00:00Z", 6000.0))
        _same(await stream.take(6), SAID)


async def test_soap(stage: Stage) -> None:
    """A station of 1.5 has no word for charging, and is told of like the others."""
    server = await SoapServer.start(stage, "main")
    stations = [{"match": "CP*", "route": "main"}]
    gateway = await soap_ends.gateway(stage, admin_token=TOKEN, store={"url": "off"}, stations=stations)
    station = await SoapStation.start(stage, "CP1")

    async def says(operation: str, content: str, answer: str = "") -> None:
        asked = await station.ask(station.request(operation, content, version="1.5"))
        call = await server.expect(operation)
        await call.answer(response(operation, answer, call.id, version="1.5"))
        assert (await asked.reply()).status == 200
        await asked.drop()

    def status(word: str, error: str = "NoError") -> str:
        return f"<connectorId>1</connectorId><status>{word}</status><errorCode>{error}</errorCode>"

    async with asking(gateway.http_port) as api, api.stream("/events", kind=KINDS) as stream:
        await says(
            "BootNotification",
            "<chargePointVendor>Acme</chargePointVendor><chargePointModel>X1</chargePointModel>",
            f"{ACCEPTED}<currentTime>{AT}</currentTime><heartbeatInterval>300</heartbeatInterval>",
        )
        await says("StatusNotification", status("Occupied"))
        start = f"<connectorId>1</connectorId><idTag>A</idTag><timestamp>{AT}</timestamp><meterStart>1000</meterStart>"
        await says("StartTransaction", start, f"<transactionId>7</transactionId><idTagInfo>{ACCEPTED}</idTagInfo>")
        await says("StatusNotification", status("Occupied", "GroundFailure"))
        stop = "<transactionId>7</transactionId><timestamp>2026-01-01T01:00:00Z</timestamp><meterStop>6000</meterStop>"
        await says("StopTransaction", stop)
        _same(await stream.take(5), [each for each in SAID if each not in NOT_SAID])
