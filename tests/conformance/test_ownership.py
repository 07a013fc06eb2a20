"""Routing by token, transaction and number: whose each message is, on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.words import MODERN, VERSIONS
from tests.harness import Link, ScriptedStation, Stage

OK = {"idTagInfo": {"status": "Accepted"}}
ACCEPTED = {"status": "Accepted"}
QUICK = {"retry": {"first": 0.1, "jitter": 0, "max": 0.3}}


def split(**rule: Any) -> dict[str, Any]:
    """Give a route on which `second` answers for the token 04A1B2C3, and `first` for everything else."""
    mine = {"tokens": ["04A1B2C3"], "answer": "second", "copy": ["first"], **rule}
    return {"main": {"admit": "gateway", "rules": [mine, {"answer": "first", "copy": ["second"]}]}}


async def two(stage: Stage, version: str = "ocpp1.6", **changes: Any) -> tuple[ScriptedStation, Link, Link]:
    """Play a station with two backends that are split by token."""
    await stage.backend("first")
    await stage.backend("second")
    await stage.gateway(**{"routes": split(), **changes})
    station, first, second = await stage.heard("CP1", version)
    return station, first, second


def authorize(version: str, token: str, kind: str = "ISO14443") -> dict[str, Any]:
    """Write an Authorize."""
    return {"idTag": token} if version == "ocpp1.6" else {"idToken": {"idToken": token, "type": kind}}


def start(tag: str, when: str = "2026-01-01T10:00:00Z", connector: int = 1) -> dict[str, Any]:
    """Write a StartTransaction."""
    return {"connectorId": connector, "idTag": tag, "timestamp": when, "meterStart": 0}


def event(kind: str, seq: int, token: str | None = None, **more: Any) -> dict[str, Any]:
    """Write a TransactionEvent."""
    fields = {
        "eventType": kind,
        "seqNo": seq,
        "timestamp": "2026-01-01T10:00:00Z",
        "triggerReason": "Authorized",
        "transactionInfo": {"transactionId": "T1", **more.pop("info", {})},
        **more,
    }
    return fields if token is None else fields | {"idToken": {"idToken": token, "type": "ISO14443"}}


async def owned(station: ScriptedStation, action: str, payload: Any, owner: Link, reply: Any = None) -> Any:
    """Have the owner answer a message; give what the owner got, and what the station heard."""
    asked = await station.ask(action, payload)
    call = await owner.expect(action)
    await owner.answer(call, reply)
    return call.payload, (await station.expect_result(asked)).payload


async def told(copy: Link, action: str, reply: Any = None) -> Any:
    """See what a copy is told."""
    call = await copy.expect(action)
    await copy.answer(call, reply)
    return call.payload


async def begun(station: ScriptedStation, owner: Link, copy: Link, tag: str, **more: Any) -> int:
    """Play a start; give the station's number. The owner numbers it 5, the copy 9."""
    _, heard = await owned(station, "StartTransaction", start(tag, **more), owner, {"transactionId": 5, **OK})
    await told(copy, "StartTransaction", {"transactionId": 9, **OK})
    return int(heard["transactionId"])


@pytest.mark.parametrize("version", VERSIONS)
async def test_rt_01_tokens_are_compared_without_regard_to_case(stage: Stage, version: str) -> None:
    """A token in lower case is the same token; in 2.x a rule may ask for its type."""
    routes = split(token_types=[] if version == "ocpp1.6" else ["ISO14443"])
    station, first, second = await two(stage, version, routes=routes)
    reply = OK if version == "ocpp1.6" else {"idTokenInfo": ACCEPTED}
    payload, _ = await owned(station, "Authorize", authorize(version, "04a1b2c3"), second, reply)
    assert payload == authorize(version, "04a1b2c3"), "passed on as it came"
    await told(first, "Authorize", reply)
    if version != "ocpp1.6":
        await owned(station, "Authorize", authorize(version, "04A1B2C3", "eMAID"), first, reply)


async def test_rt_02_a_start_without_authorize(stage: Stage) -> None:
    """A start goes by its token although no Authorize came before."""
    station, first, second = await two(stage)
    await begun(station, second, first, "04A1B2C3")


async def test_rt_03_the_number_is_the_gateways_and_outlives_it(stage: Stage) -> None:
    """The station gets a positive number of 31 bits that no backend gave; it is known after a loss of power."""
    station, first, second = await two(stage)
    number = await begun(station, second, first, "04A1B2C3")
    assert 0 < number < 2**31
    assert number not in (5, 9)
    gateway = stage.gateways[-1]
    await gateway.kill()
    await gateway.start()
    station, first, second = await stage.meet("CP1")
    payload, _ = await owned(
        station, "StopTransaction", {"transactionId": number, "meterStop": 1, "timestamp": "x"}, second
    )
    assert payload["transactionId"] == 5


async def test_rt_04_a_stop_goes_by_its_number(stage: Stage) -> None:
    """A stop with another card, or with none, goes to the owner of the transaction."""
    station, first, second = await two(stage)
    for more, when in (({"idTag": "somebody else"}, "1"), ({}, "2")):
        number = await begun(station, second, first, "04A1B2C3", when=when)
        stop = {"transactionId": number, "meterStop": 1, "timestamp": "x", **more}
        await owned(station, "StopTransaction", stop, second)
        await told(first, "StopTransaction")


async def test_rt_05_minus_one_and_unknown_numbers(stage: Stage) -> None:
    """-1, 0 and numbers that nobody knows are accepted, and go to whoever the connector or the rules say."""
    station, first, second = await two(stage)
    for number in (-1, 0, 12345):
        payload, _ = await owned(
            station, "StopTransaction", {"transactionId": number, "meterStop": 1, "timestamp": str(number)}, first
        )
        assert payload["transactionId"] == number
        await told(second, "StopTransaction")
    await begun(station, second, first, "04A1B2C3")
    await owned(station, "MeterValues", {"connectorId": 1, "transactionId": -1, "meterValue": []}, second)


async def test_rt_06_a_repeated_start(stage: Stage) -> None:
    """The same start under another id gets the same number, and no backend hears of it."""
    station, first, second = await two(stage)
    number = await begun(station, second, first, "04A1B2C3")
    again = await station.call("StartTransaction", start("04A1B2C3"))
    assert again.payload["transactionId"] == number
    await stage.quiet(first, second)


@pytest.mark.parametrize("version", MODERN)
@pytest.mark.parametrize("sign", ["token", "remote start", "reservation"])
async def test_rt_07_what_binds_a_transaction(stage: Stage, version: str, sign: str) -> None:
    """The first event that says whose the transaction is binds it: a token, a remote start, or a reservation."""
    station, first, second = await two(stage, version)
    binding = event("Updated", 1)
    if sign == "token":
        binding = event("Updated", 1, "04A1B2C3")
    elif sign == "remote start":
        ask = {"idToken": {"idToken": "other", "type": "ISO14443"}, "remoteStartId": 7}
        asked = await second.ask("RequestStartTransaction", ask)
        await station.answer(await station.expect("RequestStartTransaction"), ACCEPTED)
        await second.expect_result(asked)
        binding = event("Updated", 1, info={"remoteStartId": 7})
    else:
        ask = {"idToken": {"idToken": "other", "type": "ISO14443"}, "id": 7, "expiryDateTime": "2027-01-01T00:00:00Z"}
        asked = await second.ask("ReserveNow", ask)
        await station.answer(await station.expect("ReserveNow"), ACCEPTED)
        await second.expect_result(asked)
        binding = event("Updated", 1, reservationId=7)
    await owned(station, "TransactionEvent", event("Started", 0), first)
    assert await told(second, "TransactionEvent") == event("Started", 0)
    assert (await owned(station, "TransactionEvent", binding, second))[0] == binding
    await told(first, "TransactionEvent")


@pytest.mark.parametrize("version", MODERN)
async def test_rt_08_events_without_token_follow_the_binding(stage: Stage, version: str) -> None:
    """Events that name no token go to whoever owns the transaction, also after a restart of the gateway."""
    station, first, second = await two(stage, version)
    await owned(station, "TransactionEvent", event("Started", 0, "04A1B2C3"), second)
    await told(first, "TransactionEvent")
    await owned(station, "TransactionEvent", event("Updated", 1), second)
    await told(first, "TransactionEvent")
    gateway = stage.gateways[-1]
    await gateway.kill()
    await gateway.start()
    station, first, second = await stage.meet("CP1", version)
    await owned(station, "TransactionEvent", event("Ended", 2), second)


@pytest.mark.parametrize("version", VERSIONS)
async def test_rt_09_a_remote_start_beats_the_card(stage: Stage, version: str) -> None:
    """The session that a remote start causes belongs to who asked, although the rules give its card to another."""
    station, first, second = await two(stage, version)
    if version == "ocpp1.6":
        asked = await second.ask("RemoteStartTransaction", {"idTag": "guest"})
        await station.answer(await station.expect("RemoteStartTransaction"), ACCEPTED)
        await second.expect_result(asked)
        await begun(station, second, first, "guest")
        await begun(station, first, second, "guest", when="the next one", connector=2)
    else:
        ask = {"idToken": {"idToken": "guest", "type": "ISO14443"}, "remoteStartId": 7}
        asked = await second.ask("RequestStartTransaction", ask)
        await station.answer(await station.expect("RequestStartTransaction"), ACCEPTED)
        await second.expect_result(asked)
        await owned(station, "TransactionEvent", event("Started", 0, "guest"), second)


@pytest.mark.parametrize("version", VERSIONS)
async def test_rt_10_only_the_owner_stops(stage: Stage, version: str) -> None:
    """A stop by a backend that does not own the transaction is answered Rejected, and the station hears nothing."""
    station, first, second = await two(stage, version)
    if version == "ocpp1.6":
        number: Any = await begun(station, second, first, "04A1B2C3")
        action, theirs, own = "RemoteStopTransaction", 9, 5
    else:
        await owned(station, "TransactionEvent", event("Started", 0, "04A1B2C3"), second)
        await told(first, "TransactionEvent")
        action, theirs, own, number = "RequestStopTransaction", "T1", "T1", "T1"  # type: ignore[assignment]
    asked = await first.ask(action, {"transactionId": theirs})
    assert (await first.expect_result(asked)).payload == {"status": "Rejected"}
    await stage.quiet(station)
    asked = await second.ask(action, {"transactionId": own})
    call = await station.expect(action)
    assert call.payload == {"transactionId": number}
    await station.answer(call, ACCEPTED)
    await second.expect_result(asked)


@pytest.mark.parametrize("version", VERSIONS)
async def test_rt_11_equal_reservations(stage: Stage, version: str) -> None:
    """Two backends reserve under the number 1: the station knows them apart, and each cancels its own."""
    station, first, second = await two(stage, version)
    name = "reservationId" if version == "ocpp1.6" else "id"
    seen = []
    for link in (first, second):
        token = authorize(version, "x")
        asked = await link.ask("ReserveNow", {name: 1, "expiryDate": "2027-01-01T00:00:00Z", "connectorId": 1, **token})
        call = await station.expect("ReserveNow")
        seen.append(call.payload[name])
        await station.answer(call, ACCEPTED)
        await link.expect_result(asked)
    assert len(set(seen)) == 2
    for link, number in zip((first, second), seen, strict=True):
        asked = await link.ask("CancelReservation", {"reservationId": 1})
        call = await station.expect("CancelReservation")
        assert call.payload == {"reservationId": number}
        await station.answer(call, ACCEPTED)
        await link.expect_result(asked)


@pytest.mark.parametrize("version", MODERN)
async def test_rt_12_reports_go_to_who_asked(stage: Stage, version: str) -> None:
    """Two backends ask for a report under the number 1: each gets its own, under its number, and nobody else does."""
    station, first, second = await two(stage, version)
    seen = []
    for link in (first, second):
        asked = await link.ask("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"})
        call = await station.expect("GetBaseReport")
        seen.append(call.payload["requestId"])
        await station.answer(call, ACCEPTED)
        await link.expect_result(asked)
    assert len(set(seen)) == 2
    for link, number in zip((first, second), seen, strict=True):
        report = {"requestId": number, "seqNo": 0, "generatedAt": "2026-01-01T00:00:00Z"}
        payload, _ = await owned(station, "NotifyReport", report, link)
        assert payload["requestId"] == 1
    await stage.quiet(first, second)


async def test_rt_13_one_arbiter_for_profiles_and_lists(stage: Stage) -> None:
    """Profiles with equal numbers are kept apart; limits of the station and its list are for who may set them."""
    limits = {"permits": {"energy": {"base": "charge", "limit": True}}}
    backends = {"first": {"permit": "full"}, "second": {"permit": "energy"}}
    station, first, second = await two(stage, **limits, backends=backends)
    profile = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "ChargePointMaxProfile"}
    seen = []
    for link in (first, second):
        asked = await link.ask("SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile})
        call = await station.expect("SetChargingProfile")
        seen.append(call.payload["csChargingProfiles"]["chargingProfileId"])
        await station.answer(call, ACCEPTED)
        await link.expect_result(asked)
    assert len(set(seen)) == 2
    asked = await second.ask("SendLocalList", {"listVersion": 1, "updateType": "Full"})
    assert (await second.expect_result(asked)).payload == {"status": "Failed"}
    await stage.quiet(station)


async def test_rt_15_meter_values_without_transaction(stage: Stage) -> None:
    """They belong to what runs on their connector; connector 0 is the whole station's."""
    station, first, second = await two(stage)
    await begun(station, second, first, "04A1B2C3")
    for connector, owner, copy in ((1, second, first), (2, first, second), (0, first, second)):
        await owned(station, "MeterValues", {"connectorId": connector, "meterValue": []}, owner)
        await told(copy, "MeterValues")


@pytest.mark.parametrize("version", VERSIONS)
async def test_rt_16_groups_are_the_owners(stage: Stage, version: str) -> None:
    """The group of a token comes from its owner; what a copy says of it reaches nobody."""
    station, first, second = await two(stage, version)
    info, parent = ("idTagInfo", "parentIdTag") if version == "ocpp1.6" else ("idTokenInfo", "groupIdToken")

    def reply(group: str) -> dict[str, Any]:
        return {
            info: {
                "status": "Accepted",
                parent: group if version == "ocpp1.6" else {"idToken": group, "type": "Central"},
            }
        }

    asked = await station.ask("Authorize", authorize(version, "04A1B2C3"))
    await told(first, "Authorize", reply("theirs"))
    await second.answer(await second.expect("Authorize"), reply("ours"))
    assert (await station.expect_result(asked)).payload == reply("ours")


@pytest.mark.parametrize("version", VERSIONS)
async def test_rt_19_what_was_queued_offline_is_delivered_whatever_is_answered(stage: Stage, version: str) -> None:
    """A session from offline times is refused by its owner: all of it is delivered all the same."""
    station, first, second = await two(stage, version)
    if version == "ocpp1.6":
        blocked = {"transactionId": 5, "idTagInfo": {"status": "Blocked"}}
        _, heard = await owned(station, "StartTransaction", start("04A1B2C3", "2020-01-01T00:00:00Z"), second, blocked)
        assert heard["idTagInfo"] == {"status": "Blocked"}
        await told(first, "StartTransaction", {"transactionId": 9, **OK})
        stop = {"transactionId": heard["transactionId"], "meterStop": 1, "timestamp": "2020-01-01T01:00:00Z"}
        assert (await owned(station, "StopTransaction", stop, second))[0]["transactionId"] == 5
    else:
        for seq, kind in enumerate(("Started", "Updated", "Ended")):
            sent = event(kind, seq, "04A1B2C3" if not seq else None, offline=True)
            assert (await owned(station, "TransactionEvent", sent, second, {"idTokenInfo": {"status": "Blocked"}}))[
                0
            ] == sent
            await told(first, "TransactionEvent")


@pytest.mark.parametrize(
    ("settings", "statuses"),
    [
        ({"accept": "known", "tokens": ["listed"]}, ["Accepted", "Accepted", "Invalid"]),
        ({"accept": "all"}, ["Accepted", "Accepted", "Accepted"]),
        ({"accept": "none"}, ["Invalid", "Invalid", "Invalid"]),
    ],
)
async def test_rt_20_a_backend_that_is_down_when_a_card_comes(
    stage: Stage, settings: dict[str, Any], statuses: list[str]
) -> None:
    """What the backend decided before, a list, everybody or nobody: as configured."""
    main = await stage.backend("main")
    backends = {"main": {"when_down": "answer", "stand_in": settings, **QUICK}}
    await stage.gateway(backends=backends, routes={"main": {"admit": "gateway"}})
    station, link = await stage.meet()
    boot = {"currentTime": "2026-01-01T00:00:00Z", "interval": 300, "status": "Accepted"}
    await owned(station, "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"}, link, boot)
    await owned(station, "Authorize", {"idTag": "before"}, link, OK)
    await main.stop()
    heard = [(await station.call("Authorize", {"idTag": tag})).payload for tag in ("before", "listed", "unknown")]
    assert [reply["idTagInfo"]["status"] for reply in heard] == statuses


@pytest.mark.parametrize(
    ("settings", "statuses"),
    [
        ({"accept": "known", "tokens": ["04A1B2C3L"]}, ["Accepted", "Accepted", "Invalid"]),
        ({"accept": "all"}, ["Accepted", "Accepted", "Accepted"]),
        ({"accept": "none"}, ["Invalid", "Invalid", "Invalid"]),
    ],
)
async def test_rt_20_the_owner_of_the_card_is_down(stage: Stage, settings: dict[str, Any], statuses: list[str]) -> None:
    """Of two backends the one that owns the card is away: it is stood in for as set; the other decides of nothing."""
    routes = split(tokens=["04A1B2C3*"])
    backends = {"second": {"when_down": "answer", "stand_in": settings, **QUICK}}
    station, first, second = await two(stage, routes=routes, backends=backends)
    boot = {"currentTime": "2026-01-01T00:00:00Z", "interval": 300, "status": "Accepted"}
    payload = {"chargePointVendor": "v", "chargePointModel": "m"}
    await owned(station, "BootNotification", payload, first, boot)
    await told(second, "BootNotification", boot)
    await owned(station, "Authorize", {"idTag": "04A1B2C3B"}, second, OK)
    await told(first, "Authorize", OK)
    await stage.backends["second"].stop()
    await stage.gateways[-1].logged("backend away", "second")
    for tag, expected in zip(("04A1B2C3B", "04A1B2C3L", "04A1B2C3U"), statuses, strict=True):
        heard = await station.call("Authorize", {"idTag": tag})
        assert heard.payload["idTagInfo"]["status"] == expected
        await told(first, "Authorize", OK if expected == "Invalid" else {"idTagInfo": {"status": "Blocked"}})
    payload, heard = await owned(station, "Authorize", {"idTag": "another"}, first, OK)
    assert heard == OK


@pytest.mark.parametrize(
    ("when_down", "ends"),
    [({"when_down": "refuse"}, "error"), ({"when_down": "close"}, "close"), ({"wait": 0.5, "then": "refuse"}, "error")],
)
async def test_rt_20_the_owner_of_the_card_is_down_and_nobody_stands_in(
    stage: Stage, when_down: dict[str, Any], ends: str
) -> None:
    """Without a stand-in the card is refused at once or after a wait, or the station is let go; nobody else decides."""
    station, first, _ = await two(stage, backends={"second": {**when_down, **QUICK}})
    await stage.backends["second"].stop()
    if ends == "error":
        assert (await station.call("Authorize", {"idTag": "04A1B2C3"})).code == "InternalError"
        await told(first, "Authorize", OK)
        await owned(station, "Authorize", {"idTag": "another"}, first, OK)
    else:
        assert (await station.closed()).code == 1001


async def test_rt_20_the_next_of_the_list_answers_for_the_card(stage: Stage) -> None:
    """Where a rule names who stands in for the owner of a card, that backend decides while the owner is away."""
    station, first, _ = await two(stage, routes=split(answer=["second", "first"], copy=[]))
    await stage.backends["second"].stop()
    await stage.gateways[-1].logged("backend away", "second")
    _, heard = await owned(station, "Authorize", {"idTag": "04A1B2C3"}, first, OK)
    assert heard == OK


async def test_rt_20_the_next_backend_is_asked(stage: Stage) -> None:
    """A backend that is silent when a card comes is passed over, when that is set."""
    await stage.backend("first")
    await stage.backend("second")
    chain = {"authorize": ["first", "second"], "authorize_silence": True, "authorize_within": 1}
    await stage.gateway(routes={"main": {"admit": "gateway", "rules": [{"answer": "first", **chain}]}})
    station, first, second = await stage.meet()
    asked = await station.ask("Authorize", {"idTag": "x"})
    await first.expect("Authorize")
    await second.answer(await second.expect("Authorize"), OK)
    assert (await station.expect_result(asked)).payload == OK


@pytest.mark.parametrize(
    ("normalize", "token"),
    [(["reverse_bytes"], "C3B2A104"), (["strip_zeros"], "4A1B2C3"), ([], "04a1b2c3")],
)
async def test_rt_21_what_readers_do_to_tokens(stage: Stage, normalize: list[str], token: str) -> None:
    """Reversed bytes, lost zeros and lower case are allowed for; the token is passed on as it came, however long."""
    station, first, second = await two(stage, routes=split(normalize=normalize))
    payload, _ = await owned(station, "Authorize", {"idTag": token}, second, OK)
    assert payload == {"idTag": token}
    await told(first, "Authorize", OK)
    payload, _ = await owned(station, "Authorize", {"idTag": "x" * 30}, first, OK)
    assert payload == {"idTag": "x" * 30}


async def test_rt_24_the_profile_of_a_remote_start(stage: Stage) -> None:
    """A profile inside a remote start must be a TxProfile without transaction; any other is refused here."""
    station, _, second = await two(stage)
    good = {"chargingProfileId": 1, "stackLevel": 0, "chargingProfilePurpose": "TxProfile"}
    for profile, passes in (
        (good, True),
        (good | {"transactionId": 5}, False),
        (good | {"chargingProfilePurpose": "TxDefaultProfile"}, False),
    ):
        asked = await second.ask("RemoteStartTransaction", {"idTag": "x", "chargingProfile": profile})
        if passes:
            await station.answer(await station.expect("RemoteStartTransaction"), ACCEPTED)
        assert (await second.expect_result(asked)).payload == {"status": "Accepted" if passes else "Rejected"}
    await stage.quiet(station)
