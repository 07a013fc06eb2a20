"""What no database holds: whoever says it is served as far as can be, and everybody else as ever."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.harness import Gateway, Stage
from tests.scenarios.test_database import SPLIT, _upgraded
from tests.servers import postgresql
from tests.web.client import TOKEN as ADMIN
from tests.web.client import asking

START = {"connectorId": 1, "idTag": "EMP1", "timestamp": "2026-01-01T10:00:00Z", "meterStart": 0}
STARTED = {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}
ODD: tuple[dict[str, Any], ...] = (
    {"connectorId": 2**63},
    {"connectorId": 3_000_000_000},
    {"idTag": "EMP1\0"},
    {"idTag": "EMP\ud83d"},  # half of a character, where the station has cut the text
)
"""What chargers send: a NUL was seen in the field."""


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, stage: Stage) -> AsyncIterator[dict[str, Any]]:
    """The section of the configuration for a database of each kind."""
    if request.param == "sqlite":
        yield {"patience": 2}
        return
    with postgresql() as server:
        await _upgraded(server, stage.folder)
        yield {"url": server.url, "patience": 2}
        await stage.close()


async def store_of(gateway: Gateway) -> dict[str, Any]:
    """Read what the gateway says of its database."""
    return json.loads((await gateway.get("/readyz")).body)["store"]  # type: ignore[no-any-return]


async def test_what_a_charger_sends(stage: Stage, store: dict[str, Any]) -> None:
    """Each of its starts is answered, and its stop finds its owner after a restart; the other notices nothing."""
    billing, employer = await stage.backend("billing"), await stage.backend("employer")
    gateway = await stage.gateway(routes={"main": SPLIT}, store=store, backends={"billing": {"deliver": "always"}})
    station, other = await stage.station("CP1"), await stage.station("CP2")
    link, told = await employer.station("CP1"), await billing.station("CP1")
    numbers = []
    for theirs, odd in enumerate(ODD, 5):
        asked = await station.ask("StartTransaction", START | odd)
        call = await link.expect("StartTransaction")
        assert call.payload == START | odd
        await link.answer(call, STARTED | {"transactionId": theirs})
        numbers.append((await station.expect_result(asked)).payload["transactionId"])
        copy = await told.expect("StartTransaction")
        assert copy.payload == json.loads(json.dumps(START | odd).replace("\\ud83d", "\\ufffd"))  # it was on disk
        await told.answer(copy, STARTED | {"transactionId": 100 + theirs})
    asked = await other.ask("StartTransaction", START)
    second = await employer.station("CP2")
    await second.answer(await second.expect("StartTransaction"), STARTED)
    assert (await other.expect_result(asked)).payload["idTagInfo"] == {"status": "Accepted"}
    said = await store_of(gateway)
    assert (said["status"], said["unwritable_records"], said["faults"]) == ("ok", 0, 0)
    await gateway.stop()
    await gateway.start()
    back = await stage.station("CP1")
    link = await employer.station("CP1")
    for theirs, number in enumerate(numbers, 5):
        asked = await back.ask("StopTransaction", {"transactionId": number, "meterStop": 1, "timestamp": "x"})
        call = await link.expect("StopTransaction")
        assert call.payload["transactionId"] == theirs
        await link.answer(call)
        await back.expect_result(asked)
    await gateway.stop()


async def test_what_a_backend_sends(stage: Stage, store: dict[str, Any]) -> None:
    """A number beyond 64 bits is not passed on; what the backend asks next, whatever it is, is answered."""
    await stage.backend("billing")
    await stage.backend("employer")
    gateway = await stage.gateway(routes={"main": SPLIT}, store=store, backends={"billing": {"permit": "charge"}})
    station, link, _ = await stage.heard("CP1")
    other, _, second = await stage.heard("CP2")
    reservation = {"connectorId": 1, "expiryDate": "2026-01-01T10:00:00Z", "idTag": "A", "reservationId": 2**63}
    start = {"idTag": "B", "connectorId": 2**63}
    for action, beyond in (
        ("ReserveNow", reservation),
        ("RemoteStartTransaction", start),
    ):
        asked = await link.ask(action, beyond)
        assert (await link.expect_result(asked)).payload == {"status": "Rejected"}
    for action, payload in (
        ("RemoteStartTransaction", {"idTag": "A", "connectorId": 1}),
        ("TriggerMessage", {"requestedMessage": {}}),
        ("DeleteCertificate", {"certificateHashData": []}),
        ("InstallCertificate", {"certificateType": {}, "certificate": 5}),
    ):
        asked = await link.ask(action, payload)
        if action == "RemoteStartTransaction":
            await station.answer(await station.expect(action), {"status": "Accepted"})
            assert (await link.expect_result(asked)).payload == {"status": "Accepted"}
        else:
            await link.expect_answer(asked)
    asked = await second.ask("RemoteStartTransaction", {"idTag": "EMP1"})
    await other.answer(await other.expect("RemoteStartTransaction"), {"status": "Accepted"})
    assert (await second.expect_result(asked)).payload == {"status": "Accepted"}
    said = await store_of(gateway)
    assert (said["status"], said["unwritable_records"], said["faults"]) == ("ok", 0, 0)
    await gateway.stop()


async def test_what_the_management_system_is_told(stage: Stage, store: dict[str, Any]) -> None:
    """Whatever stands in the texts of transaction messages, they are answered and priced by what they say."""
    gateway = await stage.gateway(
        backends={"csms": {"url": "local:"}},
        csms={"tokens": "any"},
        routes={"main": {"rules": [{"answer": "csms"}]}},
        store=store,
        admin_token=ADMIN,
    )
    station, modern = await stage.station("CP1"), await stage.station("CP2", "ocpp2.0.1")
    odd, at = "\ude00\0\ud83d", "2026-01-01T10:00:00Z"
    token = f"EMP{odd}"
    started = (await station.call("StartTransaction", START | {"idTag": token})).payload
    assert started["idTagInfo"] == {"status": "Accepted"}
    number = started["transactionId"]
    sample = {"timestamp": at, "sampledValue": [{"value": "400", "unit": "Wh", "format": odd}]}
    said = {"connectorId": 1, "transactionId": number, "meterValue": [sample]}
    assert (await station.call("MeterValues", said)).payload == {}
    stop = {"transactionId": number, "idTag": token, "meterStop": 900, "timestamp": at, "reason": odd}
    assert (await station.call("StopTransaction", stop)).payload == {"idTagInfo": {"status": "Accepted"}}
    event = {"timestamp": at, "seqNo": 0, "transactionInfo": {"transactionId": f"tx{odd}"}, "evse": {"id": 1}}
    for each in ({"eventType": "Started", "triggerReason": odd}, {"eventType": "Ended", "seqNo": 1}):
        asked = event | each | {"idToken": {"idToken": token, "type": "Central"}}
        assert (await modern.call("TransactionEvent", asked)).payload["idTokenInfo"] == {"status": "Accepted"}
    async with asking(gateway.http_port) as api:
        kept = {each["station"]: each for each in (await api.get("/transactions")).gives(200)["items"]}
    old, new = kept["CP1"], kept["CP2"]
    written = "EMP\ufffd\0\ufffd"
    assert (old["energy"], old["state"], old["token"]) == (900, "ended", written)
    assert (new["state"], new["token"]) == ("ended", written)
    await gateway.stop()
