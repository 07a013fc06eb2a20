"""Commands whose payload one reader can read and another cannot, or reads otherwise: they stop nobody's session."""

from __future__ import annotations

import base64

import pytest

from tests.attacks.backends import attacks
from tests.harness import Stage

MODERN = ("ocpp2.0.1", "ocpp2.1")
UNREADABLE = (
    '{%,"x":1e999}',
    '{%,"x":-1e999}',
    '{"x":1e999,%}',
    '{"x":[{"y":1e999}],%}',
    '{"customData":{"vendorId":"v","x":1e999},%}',
    '{%,"x":"\\ud800"}',
    '{%,"\\udfff":1}',
    '{%,"x":NaN}',
    '{%,"x":Infinity}',
    '{%,"x":0x10}',
    '{%,"x":01}',
    '{%,"x":+1}',
    '{%,"x":.5}',
    "{%,'x':1}",
    '{%,"x":1,}',
    '{%,"x":"\t"}',
    '{%,"x":"\\x41"}',
    "{%/**/}",
    '{%,"x":' + "[" * 5000 + "]" * 5000 + "}",
    '{%,"x":' + '{"y":' * 5000 + "1" + "}" * 5000 + "}",
    '{%,"x":' + "9" * 400 + "}",
    '{%,"x":' + "9" * 5000 + "}",
    '{%,"x":1' + "0" * 5000 + ".0}",
)
"""What one reader takes and another does not, around the fields that count (`%`)."""
TWINS = (
    "{%,%}",
    '{"x":1,"x":2,%}',
    '{%,"x":{"y":1,"y":2}}',
    '{%,"x":[[{"y":1,"y":2}]]}',
)
"""Names that stand twice, of which each reader takes another."""
OTHER_NAMES = (
    "TransactionId",
    "transactionid",
    "transaction_id",
    " transactionId",
    "transactionId ",
    "transactionId\\u0000",
)


def stops_2x(name: str = '"T1"', key: str = "transactionId") -> str:
    """Write the field that names the victim's transaction."""
    return f'"{key}":{name}'


def signed(inside: bytes, more: str = "") -> str:
    """Wrap a payload as 2.x signs it."""
    text = base64.urlsafe_b64encode(inside).decode()
    return f'{{"protected":"e30","payload":"{text}","signature":"x"{more}}}'


@pytest.mark.parametrize("permit", ["charge", "full"])
@pytest.mark.parametrize("version", MODERN)
async def test_a_transaction_of_another_in_a_payload_that_is_read_in_part(
    stage: Stage, version: str, permit: str
) -> None:
    """1e999, half a surrogate pair, NaN, depth and names that stand twice stop no transaction of 2.x of another."""
    permits = {"p": {"base": permit, "stop": "own"}}
    attack = await attacks(stage, version, "p", permits=permits)
    for form in (*UNREADABLE, *TWINS):
        for named in ('"T1"', '"unknown"'):
            await attack.refused("RequestStopTransaction", form.replace("%", stops_2x(named)))
    assert await attack.sends("RequestStopTransaction", '{"transactionId":"unknown"}'), "it is the form that is refused"


@pytest.mark.parametrize("version", MODERN)
async def test_what_is_signed_is_read_as_strictly(stage: Stage, version: str) -> None:
    """A signed payload that cannot be read whole is refused, inside and around, and so is base64 that is not quite."""
    attack = await attacks(stage, version)
    action = "RequestStopTransaction-Signed"
    for form in (*UNREADABLE, *TWINS):
        for named in ('"T1"', '"unknown"'):
            await attack.refused(action, signed(form.replace("%", stops_2x(named)).encode()))
    assert await attack.sends(action, signed(b'{"transactionId":"unknown"}')), "it is the form that is refused"
    for inside in (
        b'{"transactionId":"T1"}x',
        b'{"transactionId":"T1"}{}',
        b'{"transactionId":"T1\xff"}',
        b"\xef\xbb\xbf{}",
    ):
        await attack.refused(action, signed(inside))
    for more in (',"x":1e999', ',"payload":"e30"', ',"Payload":"e30"', ',"x":"\\ud800"'):
        await attack.refused(action, signed(b'{"transactionId":"T2"}', more))
    for payload in ("e3=0", "e 30", "e30\\n", "%%%", "e30==="):
        await attack.refused(action, f'{{"payload":"{payload}"}}')
    await attack.refused("RequestStopTransaction-Signed-Signed", signed(stops_2x().encode()))


@pytest.mark.parametrize("version", ["ocpp1.6", *MODERN])
async def test_frames_that_two_readers_divide_differently(stage: Stage, version: str) -> None:
    """What follows the message, a payload beside the payload, and bytes that are no text reach no station."""
    attack = await attacks(stage, version)
    action, payload = b'"GetLocalListVersion"', b"{}"
    for rest, tail in (
        (action + b"," + payload, b"]x"),
        (action + b"," + payload, b"][]"),
        (action + b"," + payload + b',{"x":1}', b"]"),
        (action + b',"x"', b"]"),
        (action + b",[]", b"]"),
    ):
        assert await attack.frame(rest, tail) is None
    attack.attacker.send(b'[2,"u","GetLocalListVersion",{"x":"\xff"}]')
    assert (await attack.attacker.closed()).code == 1007
    await attack.station.silence()


@pytest.mark.parametrize(
    "form", ["{}.0", "{}e0", "{}E+0", "{}.00", '"{}"', '"0{}"', '" {}"', '"{}.0"', "[{}]", '{{"x":{}}}']
)
async def test_a_number_that_names_is_an_integer(stage: Stage, form: str) -> None:
    """7.0, 7e0 and "7" name no transaction, no connector and no reservation, whoever's they are."""
    attack = await attacks(stage, permit="p", permits={"p": {"base": "full", "stop": "own"}})
    for number in (attack.number, 5, 9, 12345):
        await attack.refused("RemoteStopTransaction", f'{{"transactionId":{form.format(number)}}}')
    for connector in (1, 2):
        odd = form.format(connector)
        await attack.refused("UnlockConnector", f'{{"connectorId":{odd}}}')
        await attack.refused("ChangeAvailability", f'{{"connectorId":{odd},"type":"Inoperative"}}')
        await attack.refused("ReserveNow", f'{{"connectorId":{odd},"reservationId":1,"idTag":"x"}}')
        await attack.refused("ReserveNow", f'{{"connectorId":2,"reservationId":{odd},"idTag":"x"}}')
        await attack.refused("CancelReservation", f'{{"reservationId":{odd}}}')
        await attack.refused("ClearChargingProfile", f'{{"id":{odd}}}')
        await attack.refused("ClearChargingProfile", f'{{"connectorId":{odd}}}')
        await attack.refused("RemoteStartTransaction", f'{{"idTag":"x","connectorId":{odd}}}')
    assert await attack.sends("UnlockConnector", '{"connectorId":2}'), "it is the form that is refused"
    assert await attack.sends("RemoteStartTransaction", '{"idTag":"x","connectorId":2}'), (
        "it is the form that is refused"
    )


@pytest.mark.parametrize("form", ["{}.0", "{}e0", '"{}"', "[{}]"])
async def test_a_number_that_names_in_2_x_is_an_integer(stage: Stage, form: str) -> None:
    """An EVSE, a remote start and a profile of 2.x are named by integers as well."""
    attack = await attacks(stage, "ocpp2.0.1", "p", permits={"p": {"base": "full", "stop": "own"}})
    token = '"idToken":{"idToken":"x","type":"Local"}'
    for number in (1, 2):
        odd = form.format(number)
        await attack.refused("Reset", f'{{"type":"Immediate","evseId":{odd}}}')
        await attack.refused("UnlockConnector", f'{{"evseId":{odd},"connectorId":1}}')
        await attack.refused("UnlockConnector", f'{{"evseId":2,"connectorId":{odd}}}')
        await attack.refused("ChangeAvailability", f'{{"operationalStatus":"Inoperative","evse":{{"id":{odd}}}}}')
        await attack.refused("RequestStartTransaction", f'{{"remoteStartId":{odd},{token}}}')
        await attack.refused("RequestStartTransaction", f'{{"remoteStartId":1,"evseId":{odd},{token}}}')
        await attack.refused("ClearChargingProfile", f'{{"chargingProfileId":{odd}}}')
        await attack.refused("ClearChargingProfile", f'{{"chargingProfileCriteria":{{"evseId":{odd}}}}}')
        await attack.refused("CancelReservation", f'{{"reservationId":{odd}}}')
        await attack.refused("GetReport", f'{{"requestId":{odd}}}')
    for odd in ("1.0", "1e0", '["T1"]', '{"x":"T1"}', "true"):
        await attack.refused("RequestStopTransaction", f'{{"transactionId":{odd}}}')
    assert await attack.sends("UnlockConnector", '{"evseId":2,"connectorId":1}'), "it is the form that is refused"
    assert await attack.sends("RequestStartTransaction", f'{{"remoteStartId":1,{token}}}'), (
        "it is the form that is refused"
    )


async def test_numbers_that_a_charger_of_32_bits_takes_for_others(stage: Stage) -> None:
    """A number beyond 32 bits is another's to a charger that cuts it off: it names nothing here."""
    attack = await attacks(stage, permit="p", permits={"p": {"base": "full", "stop": "own"}})
    for beyond in (1 << 32, 1 << 64, 1 << 63):
        await attack.refused("RemoteStopTransaction", f'{{"transactionId":{beyond + attack.number}}}')
        await attack.refused("RemoteStopTransaction", f'{{"transactionId":{attack.number - beyond}}}')
        await attack.refused("UnlockConnector", f'{{"connectorId":{beyond + 1}}}')
        await attack.refused("ChangeAvailability", f'{{"connectorId":{beyond + 1},"type":"Inoperative"}}')
        await attack.refused("CancelReservation", f'{{"reservationId":{beyond + 1}}}')


@pytest.mark.parametrize("key", OTHER_NAMES)
async def test_names_of_fields_are_compared_folded_and_trimmed(stage: Stage, key: str) -> None:
    """`TransactionId`, ` transactionId` and the like, alone or beside the right one, stop nothing of another."""
    attack = await attacks(stage, "ocpp2.0.1")
    await attack.refused("RequestStopTransaction", f"{{{stops_2x(key=key)}}}")
    await attack.refused("RequestStopTransaction", f'{{{stops_2x(key=key)},"transactionId":"T2"}}')
    await attack.refused("RequestStopTransaction", f'{{"transactionId":"T2",{stops_2x(key=key)}}}')
