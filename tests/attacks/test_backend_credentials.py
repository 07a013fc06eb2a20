"""What a charger shows of its passwords and keys: only a backend whose permit reaches them sees it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.attacks.backends import attacks
from tests.harness import Stage

SECRETS = (
    "AuthorizationKey",
    "authorizationkey",
    "BasicAuthPassword",
    "Authorization Key",
    "VendorSecret",
    "WifiPassword",
)
REACHING = {"p": {"base": "full", "credentials": True}}


@pytest.mark.parametrize("permit", ["observe", "charge", "full"])
async def test_get_configuration(stage: Stage, permit: str) -> None:
    """A key that is a secret is listed without its value to whom it is not for; all else is as the charger said."""
    attack = await attacks(stage, permit=permit, charging=False)
    shown = [{"key": key, "readonly": False, "value": "0011"} for key in SECRETS]
    plain = [{"key": "HeartbeatInterval", "readonly": False, "value": "300"}]
    heard = await attack.reads("GetConfiguration", {}, {"configurationKey": [*plain, *shown], "unknownKey": ["x"]})
    masked = [{"key": key, "readonly": False} for key in SECRETS]
    assert heard == {"configurationKey": [*plain, *masked], "unknownKey": ["x"]}
    for name, value in (("Key", "value"), ("key", "Value"), (" key", "value "), ("KEY", "VALUE")):
        heard = await attack.reads(
            "GetConfiguration", {}, {"configurationKey": [{name: "AuthorizationKey", value: "0011"}]}
        )
        assert "0011" not in json.dumps(heard)


async def test_get_configuration_that_cannot_be_read(stage: Stage) -> None:
    """An answer that cannot be read whole is not handed to a backend that must not see all of it."""
    attack = await attacks(stage, permit="full", charging=False)
    for odd in ('"x":1e999', '"x":"\\ud800"', '"x":' + "[" * 5000 + "]" * 5000):
        asked = await attack.attacker.ask("GetConfiguration", {})
        call = await attack.station.expect("GetConfiguration")
        told = f'{{"configurationKey":[{{"key":"AuthorizationKey","value":"0011"}}],{odd}}}'
        attack.station.send(f'[3,"{call.id}",{told}]')
        assert "0011" not in (await attack.attacker.expect_answer(asked)).text


WRAPPING = {"base": "observe", "pass": ["DataTransfer", "SetVariableMonitoring"]}


@pytest.mark.parametrize("permit", ["full", "w", "p"])
async def test_reading_inside_a_data_transfer(stage: Stage, permit: str) -> None:
    """What has the charger show its passwords is asked inside a DataTransfer by none to whom they are not for."""
    attack = await attacks(stage, permit=permit, permits=REACHING | {"w": WRAPPING}, charging=False)
    for action in ("GetConfiguration", "getconfiguration ", "GetConfigurationRequest", "GetVariables", "GetBaseReport"):
        wrapped = {"vendorId": "v", "messageId": action, "data": "{}"}
        reached = await attack.sends("DataTransfer", json.dumps(wrapped))
        assert (reached is not None) is (permit == "p"), action
    for action in ("GetReport", "SetVariableMonitoring"):
        reached = await attack.sends("DataTransfer", json.dumps({"vendorId": "v", "messageId": action, "data": {}}))
        assert (reached is not None) is (permit == "p"), action
    assert await attack.sends("DataTransfer", '{"vendorId":"v","messageId":"GetLocalListVersion"}'), "it shows none"


async def test_who_reaches_credentials_reads_them_inside_a_data_transfer(stage: Stage) -> None:
    """The answer to a command that is wrapped goes to whom the permit gives credentials as the charger wrote it."""
    attack = await attacks(stage, permit="p", permits=REACHING, charging=False)
    told = {"status": "Accepted", "data": '{"configurationKey":[{"key":"AuthorizationKey","value":"0011"}]}'}
    asked = {"vendorId": "v", "messageId": "GetConfiguration", "data": "{}"}
    assert await attack.reads("DataTransfer", asked, told) == told


async def test_who_reaches_credentials_sees_them(stage: Stage) -> None:
    """A permit with `credentials = true` sees what the charger shows, byte for byte."""
    attack = await attacks(stage, permit="p", permits=REACHING, charging=False)
    told = {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": "0011"}]}
    assert await attack.reads("GetConfiguration", {}, told) == told


def variable(name: str, component: str = "SecurityCtrlr") -> dict[str, Any]:
    """Name a variable."""
    return {"component": {"name": component}, "variable": {"name": name}}


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
async def test_get_variables(stage: Stage, version: str) -> None:
    """A variable that is a secret is answered as one that can only be written."""
    attack = await attacks(stage, version, "observe", charging=False)
    secrets = [
        variable("BasicAuthPassword"),
        variable("basicauthpassword "),
        variable("VpnKey", "NetworkConfiguration"),
    ]
    secrets += [variable("SimPin", "NetworkConfiguration"), variable("ApnPassword", "NetworkConfiguration")]
    plain = variable("HeartbeatInterval", "OCPPCommCtrlr")
    items = [{"attributeStatus": "Accepted", "attributeValue": "0011", **each} for each in (*secrets, plain)]
    heard = await attack.reads("GetVariables", {"getVariableData": []}, {"getVariableResult": items})
    masked = [{"attributeStatus": "Rejected", **each} for each in secrets]
    assert heard == {"getVariableResult": [*masked, items[-1]]}


@pytest.mark.parametrize("permit", ["observe", "p"])
@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
async def test_reports(stage: Stage, version: str, permit: str) -> None:
    """NotifyReport and NotifyEvent go without the values of secrets to whom these are not for, asked for or not."""
    attack = await attacks(stage, version, permit, permits=REACHING, charging=False)
    await attack.reads("GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"}, {"status": "Accepted"})
    secret = {**variable("BasicAuthPassword"), "variableAttribute": [{"type": "Actual", "value": "0011"}]}
    plain = {**variable("HeartbeatInterval"), "variableAttribute": [{"type": "Actual", "value": "300"}]}
    report = {"requestId": 7, "seqNo": 0, "generatedAt": "2026-01-01T00:00:00Z", "reportData": [secret, plain]}
    asked = await attack.station.ask("NotifyReport", report)
    heard = await attack.attacker.expect("NotifyReport")
    await attack.attacker.answer(heard)
    await attack.station.expect_result(asked)
    masked = report | {"reportData": [secret | {"variableAttribute": [{"type": "Actual"}]}, plain]}
    assert heard.payload == (report if permit == "p" else masked)
    event = {"eventId": 1, "actualValue": "0011", **variable("BasicAuthPassword")}
    events = {"generatedAt": "2026-01-01T00:00:00Z", "seqNo": 0, "eventData": [event]}
    asked = await attack.station.ask("NotifyEvent", events)
    for link in (attack.attacker, attack.victim):
        heard = await link.expect("NotifyEvent")
        assert heard.payload == events | {"eventData": [event | {"actualValue": ""}]}, "it goes to several"
        await link.answer(heard)
    await attack.station.expect_result(asked)


async def test_a_signed_report(stage: Stage) -> None:
    """A signed report loses the values of secrets as well, and its signature with them."""
    attack = await attacks(stage, "ocpp2.0.1", "observe", charging=False)
    secret = {**variable("BasicAuthPassword"), "variableAttribute": [{"value": "0011"}]}
    inside = json.dumps({"requestId": 8, "seqNo": 0, "reportData": [secret]}).encode()
    signed = {"protected": "e30", "payload": base64.urlsafe_b64encode(inside).decode().rstrip("="), "signature": "x"}
    asked = await attack.station.ask("NotifyReport-Signed", signed)
    for link in (attack.attacker, attack.victim):
        heard = await link.expect("NotifyReport-Signed")
        text = heard.payload["payload"]
        assert b"0011" not in base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        assert (heard.payload["protected"], heard.payload["signature"]) == ("e30", "x")
        await link.answer(heard)
    await attack.station.expect_result(asked)


@pytest.mark.parametrize(
    ("version", "foreign", "own"),
    [
        ("ocpp1.6", "V2GCertificate V2G20Certificate", ""),
        ("ocpp2.0.1", "V2G20Certificate", "V2GCertificate"),
        ("ocpp2.1", "ChargingStationCertificate", "V2GCertificate V2G20Certificate"),
    ],
)
async def test_the_certificate_of_the_link_under_another_name(
    stage: Stage, version: str, foreign: str, own: str
) -> None:
    """A type that a version does not know is no reason to believe that a certificate is a car's."""
    attack = await attacks(stage, version, "full", charging=False)
    chain = {"certificateChain": "-----BEGIN CERTIFICATE-----x"}
    for kind in foreign.split():
        await attack.refused("CertificateSigned", json.dumps(chain | {"certificateType": kind}))
    for kind in own.split():
        assert await attack.sends("CertificateSigned", json.dumps(chain | {"certificateType": kind})), "a car's"


async def test_an_only_backend(stage: Stage) -> None:
    """A charger's only backend sees no password that its permit keeps from it; without a permit it sees all."""
    await stage.backend("main")
    told = {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": "0011"}]}
    for permit in ({}, {"permit": "full"}):
        gateway = await stage.gateway(backends={"main": permit}, routes={"main": {"admit": "backend"}})
        station, main = await stage.meet("CP1", "ocpp2.0.1")
        asked = await main.ask("GetConfiguration", {})
        await station.answer(await station.expect("GetConfiguration"), told)
        masked = {"configurationKey": [{"key": "AuthorizationKey", "readonly": False}]}
        assert (await main.expect_result(asked)).payload == (masked if permit else told)
        item = {**variable("BasicAuthPassword"), "variableAttribute": [{"value": "0011"}]}
        asked = await station.ask("NotifyReport", {"requestId": 1, "reportData": [item]})
        heard = await main.expect("NotifyReport")
        assert ("0011" in heard.text) is (not permit)
        await main.answer(heard)
        await station.expect_result(asked)
        await gateway.stop()
