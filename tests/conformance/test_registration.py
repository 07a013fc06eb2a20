"""Registration: what passes between a station and its backends before its BootNotification is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.words import HEARTBEAT, MODERN, VERSIONS, command, status
from tests.harness import Link, ScriptedStation, Stage, boot_accepted, boot_payload, toml

QUICK = {"retry": {"first": 0.1, "jitter": 0, "max": 0.3}}
TRIGGER = {"requestedMessage": "BootNotification"}


async def told(station: ScriptedStation, status: str, main: Link, *others: Link, interval: Any = 60) -> Any:
    """Have the station boot, and the answering backend say this status; give what the station hears."""
    asked = await station.ask("BootNotification", boot_payload(station.subprotocol or "ocpp1.6"))
    answer = boot_accepted() | {"status": status, "interval": interval}
    for other in others:
        await other.answer(await other.expect("BootNotification"), boot_accepted())
    await main.answer(await main.expect("BootNotification"), answer)
    return (await station.expect_result(asked)).payload


async def shared(stage: Stage, version: str, **changes: Any) -> tuple[ScriptedStation, Link, Link]:
    """Play a station that two backends share; the first of them answers its boot."""
    await stage.backend("main")
    await stage.backend("other")
    await stage.gateway(**({"backends": {"other": {"permit": "full"}}} | changes))
    station, main, other = await stage.meet("CP1", version)
    return station, main, other


def starting(version: str) -> tuple[str, dict[str, Any]]:
    """Give the command that starts a transaction."""
    if version == "ocpp1.6":
        return "RemoteStartTransaction", {"idTag": "04E123"}
    return "RequestStartTransaction", {"idToken": {"idToken": "04E123", "type": "ISO14443"}, "remoteStartId": 7}


@pytest.mark.parametrize("version", VERSIONS)
async def test_rg_01_the_interval_can_be_used(stage: Stage, version: str) -> None:
    """A station never gets an interval of 0, below it or beyond 31 bits, whatever its backend says; all else stays."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet("CP1", version)
    for said in ("Accepted", "Pending", "Rejected"):
        for interval in (0, -5, 2**31, "6O", None):
            heard = await told(station, said, main, interval=interval)
            assert heard == boot_accepted() | {"status": said, "interval": 300}
        assert (await told(station, said, main, interval=14400))["interval"] == 14400


@pytest.mark.parametrize("version", VERSIONS)
async def test_rg_01_the_interval_of_the_stand_in(stage: Stage, version: str) -> None:
    """What is answered in the place of a backend that is away has a status, the time and an interval above zero."""
    main = await stage.backend("main")
    await stage.gateway(backends={"main": {"when_down": "answer"}}, routes={"main": {"admit": "gateway"}})
    station, link = await stage.meet("CP1", version)
    await told(station, "Accepted", link, interval=0)
    await main.stop()
    answer = (await station.boot()).payload
    assert answer["status"] == "Accepted"
    assert answer["interval"] == 300
    assert answer["currentTime"].endswith("Z")


@pytest.mark.parametrize("version", MODERN)
@pytest.mark.parametrize("said", ["Pending", "Rejected"])
async def test_rg_02_nothing_else_before_acceptance(stage: Stage, version: str, said: str) -> None:
    """A station that is Pending or Rejected gets SecurityError for all else, and no backend hears of it."""
    station, main, other = await shared(stage, version)
    await told(station, said, main, other)
    assert (await station.call("StatusNotification", status(version))).code == "SecurityError"
    assert (await station.call("Heartbeat")).code == "SecurityError"
    await stage.quiet(station, main, other)
    await told(station, "Accepted", main, other)
    asked = await station.ask("Heartbeat")
    await main.answer(await main.expect("Heartbeat"), HEARTBEAT)
    await station.expect_result(asked)


@pytest.mark.parametrize("version", MODERN)
async def test_rg_02_what_a_pending_station_was_asked_for_passes(stage: Stage, version: str) -> None:
    """While Pending a station sends the report that a backend asked for, and what it was triggered to send."""
    await stage.backend("main")
    await stage.gateway(protocol={"registration": "gateway"})
    station, main = await stage.meet("CP1", version)
    await told(station, "Pending", main)
    report = {"requestId": 7, "seqNo": 0, "generatedAt": "2026-01-01T00:00:00Z"}
    assert (await station.call("NotifyReport", report)).code == "SecurityError"
    for action, payload in (
        ("GetBaseReport", {"requestId": 7, "reportBase": "FullInventory"}),
        ("TriggerMessage", {"requestedMessage": "StatusNotification"}),
    ):
        asked = await main.ask(action, payload)
        await station.answer(await station.expect(action), {"status": "Accepted"})
        await main.expect_result(asked)
    for action, payload in (("NotifyReport", report), ("StatusNotification", status(version))):
        asked = await station.ask(action, payload)
        await main.answer(await main.expect(action), {})
        await station.expect_result(asked)
    assert (await station.call("NotifyReport", report | {"requestId": 8})).code == "SecurityError"
    assert (await station.call("Heartbeat")).code == "SecurityError"


@pytest.mark.parametrize("registration", ["backend", "gateway"])
async def test_rg_03_a_1_6_station_before_acceptance(stage: Stage, registration: str) -> None:
    """A 1.6 station that is not accepted is refused by Voltgate, or it is left to its only backend: a setting."""
    await stage.backend("main")
    await stage.gateway(protocol={"registration": registration})
    station, main = await stage.meet()
    await told(station, "Rejected", main)
    asked = await station.ask("Heartbeat")
    if registration == "gateway":
        assert (await station.expect_error(asked)).code == "SecurityError"
    else:
        await main.answer(await main.expect("Heartbeat"), HEARTBEAT)
        await station.expect_result(asked)
    await stage.quiet(station, main)


@pytest.mark.parametrize("version", VERSIONS)
async def test_rg_04_a_rejected_station_is_asked_nothing(stage: Stage, version: str) -> None:
    """While the station is rejected no backend's command reaches it; the backend is told why, and the trail says so."""
    station, main, other = await shared(stage, version)
    await told(station, "Rejected", main, other)
    action, payload = command(version)
    for link in (main, other):
        refused = await link.expect_error(await link.ask(action, payload))
        assert (refused.code, refused.description) == (
            "SecurityError",
            "The station was not asked: its BootNotification was rejected",
        )
    await stage.quiet(station)
    assert await stage.gateways[-1].metric("voltgate_commands_refused_total", action=action) == 2
    await told(station, "Accepted", main, other)
    asked = await other.ask(action, payload)
    await station.answer(await station.expect(action), {"status": "Accepted"})
    await other.expect_result(asked)


@pytest.mark.parametrize("version", VERSIONS)
async def test_rg_04_a_pending_station_starts_nothing(stage: Stage, version: str) -> None:
    """While the station is Pending it may be configured, but no session is started."""
    station, main, other = await shared(stage, version)
    await told(station, "Pending", main, other)
    refused = await other.expect_error(await other.ask(*starting(version)))
    assert refused.code == "SecurityError"
    assert "it is pending" in refused.description
    action, payload = command(version)
    asked = await other.ask(action, payload)
    await station.answer(await station.expect(action), {"status": "Accepted"})
    await other.expect_result(asked)
    await stage.quiet(station)


@pytest.mark.parametrize("version", VERSIONS)
async def test_rg_05_only_one_registration_reaches_the_station(stage: Stage, version: str) -> None:
    """A copy that rejects the station changes nothing for it; a backend that comes late hears the boot again."""
    await stage.backend("main")
    copy = await stage.backend("copy")
    await copy.stop()
    await stage.gateway(backends={"copy": QUICK})
    station = await stage.station("CP1", version)
    main = await stage.backends["main"].station("CP1")
    assert (await told(station, "Accepted", main))["status"] == "Accepted"
    await copy.start()
    late = await copy.station("CP1")
    again = await late.expect("BootNotification")
    assert again.payload == boot_payload(version)
    await late.answer(again, boot_accepted() | {"status": "Rejected"})
    asked = await station.ask("Heartbeat")
    await main.answer(await main.expect("Heartbeat"), HEARTBEAT)
    await station.expect_result(asked)
    await stage.quiet(station, main)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("admit", ["backend", "gateway"])
async def test_rg_05_the_boot_outlives_the_session_that_it_came_in(stage: Stage, version: str, admit: str) -> None:
    """A backend that is away while a station boots hears that when it is back, though the station only reconnected."""
    await stage.backend("main")
    copy = await stage.backend("copy")
    await copy.stop()
    await stage.gateway(backends={"copy": QUICK}, routes={"main": {"admit": admit}})
    station = await stage.station("CP1", version)
    main = await stage.backends["main"].station("CP1")
    await told(station, "Accepted", main)
    station.kill()
    await stage.gateways[-1].logged("station went")
    station = await stage.station("CP1", version)
    main = await stage.backends["main"].station("CP1")
    stage.backends["main"].answers("BootNotification", boot_accepted())
    stage.backends["main"].answers("Heartbeat", HEARTBEAT)
    await station.call("Heartbeat")
    await copy.start()
    late = await copy.station("CP1")
    again = await late.expect("BootNotification")
    assert again.payload == boot_payload(version)
    await late.answer(again, boot_accepted() | {"status": "Rejected"})
    await station.call("Heartbeat")
    await stage.quiet(station)
    action, payload = command(version)
    await main.ask(action, payload)
    await station.expect(action)


@pytest.mark.parametrize("version", VERSIONS)
async def test_rg_06_no_command_before_the_boot_is_answered(stage: Stage, version: str) -> None:
    """What backends ask of a station that has just connected follows the answer to its BootNotification."""
    station, main, other = await shared(stage, version)
    action, payload = command(version)
    first, second = await main.ask(action, payload), await other.ask(action, payload)
    await stage.quiet(station, main, other)
    asked = await station.ask("BootNotification", boot_payload(version))
    await other.answer(await other.expect("BootNotification"), boot_accepted())
    await stage.quiet(station)
    await main.answer(await main.expect("BootNotification"), boot_accepted())
    assert (await station.next()).id == asked
    for _ in range(2):
        await station.answer(await station.expect(action), {"status": "Accepted"})
    await main.expect_result(first)
    await other.expect_result(second)


@pytest.mark.parametrize("version", VERSIONS)
async def test_rg_06_a_station_that_comes_back_need_not_boot(stage: Stage, version: str) -> None:
    """A station that was accepted before is asked at once on its next connection, also after a restart of Voltgate."""
    station, main, other = await shared(stage, version, routes={"main": {"admit": "gateway"}})
    await told(station, "Accepted", main, other)
    gateway = stage.gateways[-1]
    await gateway.stop()
    await gateway.start()
    station, main, other = await stage.meet("CP1", version)
    action, payload = command(version)
    await main.ask(action, payload)
    await station.expect(action)


@pytest.mark.parametrize("version", VERSIONS)
async def test_rg_06_an_accepted_station_is_not_triggered_to_boot(stage: Stage, version: str) -> None:
    """A backend that triggers the boot of an accepted station gets the last one; the station is not asked."""
    station, main, other = await shared(stage, version)
    await told(station, "Accepted", main, other)
    asked = await other.ask("TriggerMessage", TRIGGER)
    assert (await other.expect_result(asked)).payload == {"status": "Accepted"}
    again = await other.expect("BootNotification")
    assert again.payload == boot_payload(version)
    await other.answer(again, boot_accepted() | {"status": "Rejected"})
    await stage.quiet(station, main, other)


async def test_rg_08_a_new_backend_gets_the_remembered_boot(stage: Stage) -> None:
    """A backend that is added while a station is connected hears its boot; the station is not asked for it."""
    await stage.backend("main")
    gateway = await stage.gateway()
    station, main = await stage.meet()
    await told(station, "Accepted", main)
    await stage.backend("added")
    document = stage.configuration()
    document["backends"]["added"]["permit"] = "full"
    document["listen"] = {
        "stations": [f"ws://127.0.0.1:{gateway.address[1]}"],
        "http": f"127.0.0.1:{gateway.http_port}",
    }
    gateway.reload(toml(document))
    added = await stage.backends["added"].station("CP1")
    assert (await added.expect("BootNotification")).payload == boot_payload("ocpp1.6")
    await stage.quiet(station, main)
    action, payload = command("ocpp1.6")
    asked = await added.ask(action, payload)
    await station.answer(await station.expect(action), {"status": "Accepted"})
    await added.expect_result(asked)
