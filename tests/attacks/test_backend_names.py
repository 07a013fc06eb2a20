"""Actions, keys and fields in other spellings, and commands in the guise of others: credentials and sessions stay."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.attacks.backends import attacks
from tests.harness import Stage

SPELT = ("{} ", " {}", "{}\0", "{}\t", "{}\u200b", "{}-", "{}_", "{}-signed", "{}-Signed-Signed", "{}.req")
"""Spellings of a name that some reader takes for it."""


def spellings(action: str) -> list[str]:
    """Write an action as lenient readers may understand it."""
    folded = [
        action.lower(),
        action.upper(),
        action[0].lower() + action[1:],
        "_".join(action),
        f"{action[:3]} {action[3:]}",
    ]
    return [*(form.format(action) for form in SPELT[:-1]), *folded]


@pytest.mark.parametrize("permit", ["observe", "charge", "full"])
async def test_actions_are_compared_folded_and_trimmed(stage: Stage, permit: str) -> None:
    """An action in another case, with spaces or a NUL is refused to whoever may not do everything alone."""
    attack = await attacks(stage, permit=permit)
    password = '{"key":"AuthorizationKey","value":"0011"}'
    for action in ("ChangeConfiguration", "RemoteStopTransaction", "Reset", "InstallCertificate"):
        for spelt in spellings(action):
            await attack.refused(spelt, password)
            await attack.refused(spelt, f'{{"transactionId":{attack.number}}}')


async def test_a_permit_for_everything_beside_another_backend(stage: Stage) -> None:
    """Who may do everything but what is another's gets through no spelling either."""
    permits = {"p": {"base": "full", "stop": "own", "credentials": True}}
    attack = await attacks(stage, permit="p", permits=permits)
    for spelt in spellings("UnlockConnector"):
        await attack.refused(spelt, '{"connectorId":1}')
    for payload in (
        '{"connectorId":1,"x":1e999}',
        '{"ConnectorId":1}',
        '{"connectorId":2,"ConnectorId":1}',
        '{"connectorId":2,"connectorId":1}',
    ):
        await attack.refused("UnlockConnector", payload)
    assert await attack.sends("UnlockConnector", '{"connectorId":2}'), "it is the form that is refused"
    assert await attack.sends("VendorsOwn", '{"connectorId":1}'), "what nobody takes for OCPP's is the vendor's"


@pytest.mark.parametrize(
    "key", ["AuthorizationKey", "SecurityProfile", "BasicAuthPassword", "CpoName", "AdditionalRootCertificateCheck"]
)
async def test_keys_are_compared_folded_and_trimmed(stage: Stage, key: str) -> None:
    """A key of the link is refused in any spelling, under any spelling of the name `key`, beside any twin."""
    attack = await attacks(stage, permit="full", charging=False)
    shapes = [
        key,
        key.lower(),
        key.upper(),
        f"{key} ",
        f" {key}",
        f"\t{key}\n",
        f"{key}\0",
        f"{key}\u200b",
        "\u200b" + key,
        f"{key}.",
        f".{key}",
        f"{key[:5]}.{key[5:]}",
    ]
    shapes += [f"{key[:5]} {key[5:]}", "-".join(key), key.replace("K", "\u212a").replace("s", "\u017f")]
    for spelt in shapes:
        await attack.refused("ChangeConfiguration", json.dumps({"key": spelt, "value": "1"}))
    for name in ("Key", "KEY", " key", "key ", "key\\u0000", "k e y", "k\\u0065y\\u200b"):
        await attack.refused("ChangeConfiguration", f'{{"{name}":"{key}","value":"1"}}')
        await attack.refused("ChangeConfiguration", f'{{"{name}":"{key}","value":"1","key":"HeartbeatInterval"}}')
        await attack.refused("ChangeConfiguration", f'{{"key":"HeartbeatInterval","value":"1","{name}":"{key}"}}')
    for payload in (
        f'"key":"{key}","key":"x","value":"1"',
        f'"key":"x","k\\u0065y":"{key}","value":"1"',
        f'"key":["{key}"],"value":"1"',
    ):
        await attack.refused("ChangeConfiguration", f"{{{payload}}}")
    for unread in ("1e999", "[1e999]", '"\\ud800"', "NaN"):
        await attack.refused("ChangeConfiguration", f'{{"key":"{key}","value":"1","x":{unread}}}')
        await attack.refused("ChangeConfiguration", f'{{"x":{unread},"key":"HeartbeatInterval","value":"1"}}')
    assert await attack.sends("ChangeConfiguration", '{"key":"HeartbeatInterval","value":"1"}'), "others are set"


@pytest.mark.parametrize("version", ["ocpp2.0.1", "ocpp2.1"])
async def test_variables_are_compared_folded_and_trimmed(stage: Stage, version: str) -> None:
    """A variable of the link is refused however component and variable are spelt."""
    attack = await attacks(stage, version, "full", charging=False)
    for component, variable in (
        ("SecurityCtrlr", "BasicAuthPassword"),
        ("OCPPCommCtrlr", "NetworkConfigurationPriority"),
    ):
        for form in (*SPELT[:5], "{}.", ".{}", "Security Ctrlr"):
            for one, two in (
                (form.format(component), variable),
                (component, form.format(variable)),
                (component.lower(), variable.upper()),
            ):
                if component == "OCPPCommCtrlr" and form == "Security Ctrlr":
                    continue
                item = {"attributeValue": "1", "component": {"name": one}, "variable": {"name": two}}
                await attack.refused("SetVariables", json.dumps({"setVariableData": [item]}))
        for text in (
            '{"setVariableData":[{"attributeValue":"1","component":{"name":"X","Name":"%s"},"variable":{"name":"%s"}}]}',
            '{"setVariableData":[{"attributeValue":"1","component":{"name":"X","name":"%s"},"variable":{"name":"%s"}}]}',
            '{"setVariableData":[],"SetVariableData":[{"attributeValue":"1","component":{"name":"%s"},"variable":{"name":"%s"}}]}',
        ):
            await attack.refused("SetVariables", text % (component, variable))
    item = {"attributeValue": "1", "component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
    assert await attack.sends("SetVariables", json.dumps({"setVariableData": [item]})), "others are set"


ROOT = {"certificateType": "CentralSystemRootCertificate", "certificate": "PEM"}
CAR = {"certificateType": "V2GRootCertificate", "certificate": "PEM"}
PNC = "org.openchargealliance.iso15118pnc"


def transferred(message: str, data: Any, vendor: str = PNC) -> str:
    """Write a DataTransfer that holds a command."""
    return json.dumps({"vendorId": vendor, "messageId": message, "data": data})


async def test_commands_inside_a_data_transfer(stage: Stage) -> None:
    """InstallCertificate and the like in a DataTransfer are judged as what they are, as text and as JSON."""
    attack = await attacks(stage, permit="full")
    own = {"key": "AuthorizationKey", "value": "00"}
    for message in (
        "InstallCertificate",
        "installcertificate",
        " InstallCertificate ",
        "InstallCertificate.req",
        "InstallCertificateRequest",
        "InstallCertificate\0",
    ):
        for data in (json.dumps(ROOT), ROOT, json.dumps(ROOT)[:-1] + ',"x":1e999}', "{", "", None, json.dumps([ROOT])):
            await attack.refused("DataTransfer", transferred(message, data))
        await attack.refused("DataTransfer", transferred(message, json.dumps(ROOT), "another.vendor"))
    for message, data in (
        ("CertificateSigned", {"certificateChain": "PEM"}),
        ("DeleteCertificate", {"certificateHashData": {}}),
        ("SetNetworkProfile", {"configurationSlot": 1}),
        ("ChangeConfiguration", own),
        ("TriggerMessage", {"requestedMessage": "SignChargePointCertificate"}),
        ("ExtendedTriggerMessage", {"requestedMessage": "SignChargePointCertificate"}),
        (
            "SetVariables",
            {
                "setVariableData": [
                    {
                        "component": {"name": "SecurityCtrlr"},
                        "variable": {"name": "BasicAuthPassword"},
                        "attributeValue": "1",
                    }
                ]
            },
        ),
        ("DataTransfer", {"vendorId": PNC, "messageId": "InstallCertificate", "data": json.dumps(ROOT)}),
    ):
        await attack.refused("DataTransfer", transferred(message, json.dumps(data)))
        await attack.refused("DataTransfer", transferred(message, data))
    twins = json.dumps(ROOT)[1:-1] + ',"certificateType":"V2GRootCertificate"'
    for twin in (
        transferred("InstallCertificate", "%")[:-4] + json.dumps("{" + twins + "}") + "}",
        f'{{"vendorId":"{PNC}","messageId":"InstallCertificate","data":{{{twins}}}}}',
    ):
        await attack.refused("DataTransfer", twin)
    for names in (
        '"messageId":"x","MessageId":"InstallCertificate"',
        '"MessageId":"InstallCertificate"',
        '"messageId":"x","messageId":"InstallCertificate"',
    ):
        await attack.refused("DataTransfer", f'{{"vendorId":"{PNC}",{names},"data":{json.dumps(json.dumps(ROOT))}}}')
    await attack.refused(
        "DataTransfer", f'{{"vendorId":"{PNC}","messageId":"InstallCertificate","Data":{json.dumps(json.dumps(ROOT))}}}'
    )
    await attack.refused("DataTransfer", transferred("InstallCertificate", CAR, "another.vendor"))
    for message, data in (
        ("InstallCertificate", CAR),
        ("CertificateSigned", {"certificateChain": "PEM", "certificateType": "V2GCertificate"}),
        ("GetInstalledCertificateIds", {}),
        ("vendorsOwn", {"Key": 1, "key": 2}),
    ):
        assert await attack.sends("DataTransfer", transferred(message, json.dumps(data))), "what it may do it may wrap"
        assert await attack.sends("DataTransfer", transferred(message, data)), "what it may do it may wrap"


async def test_sessions_of_others_inside_a_data_transfer(stage: Stage) -> None:
    """What would end another's session does so in a DataTransfer as little, nor under a number of another's."""
    permits = {"p": {"base": "full", "stop": "own", "limit": False, "credentials": True}}
    attack = await attacks(stage, permit="p", permits=permits)
    of_station = {"chargingProfilePurpose": "ChargePointMaxProfile"}
    for message, data in (
        ("RemoteStopTransaction", {"transactionId": attack.number}),
        ("RemoteStopTransaction", {"transactionId": float(attack.number)}),
        ("Reset", {"type": "Hard"}),
        ("UnlockConnector", {"connectorId": 1}),
        ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}),
        ("SetChargingProfile", {"connectorId": 1, "csChargingProfiles": of_station}),
        ("ClearChargingProfile", {}),
        ("ReserveNow", {"connectorId": 2, "reservationId": 0, "idTag": "x"}),
    ):
        await attack.refused("DataTransfer", transferred(message, json.dumps(data)))
        await attack.refused("DataTransfer", transferred(message, data, "v"))
    assert await attack.sends("DataTransfer", transferred("UnlockConnector", {"connectorId": 2})), "nobody's"
