"""Routing, as far as it needs neither tokens nor the ledger: one answer, every copy, and the order of things."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.words import HEARTBEAT, VERSIONS, authorize, authorized, status
from tests.harness import Stage, boot_accepted, boot_payload

RETRY = {"first": 0.1, "jitter": 0, "max": 0.3}


@pytest.mark.parametrize("version", VERSIONS)
async def test_rt_14_every_backend_is_told_the_status(stage: Stage, version: str) -> None:
    """A StatusNotification reaches every backend; the answering one's reply reaches the station."""
    await stage.backend("main")
    await stage.backend("copy")
    await stage.gateway()
    station, main, copy = await stage.meet("CP1", version)
    asked = await station.ask("StatusNotification", status(version))
    await copy.expect("StatusNotification", id=asked)
    await main.answer(await main.expect("StatusNotification", id=asked), {})
    await station.expect_result(asked)


@pytest.mark.parametrize("version", VERSIONS)
async def test_rt_17_only_the_answering_backend_is_heard(stage: Stage, version: str) -> None:
    """A copy that says something else, an error, twice or nothing: the station hears the answering backend once."""
    await stage.backend("main")
    await stage.backend("copy")
    await stage.backend("mute")
    await stage.gateway()
    station, main, copy, mute = await stage.meet("CP1", version)
    asked = await station.ask("Authorize", authorize(version))
    told = await copy.expect("Authorize", id=asked)
    await copy.answer(told, {"idTagInfo": {"status": "Invalid"}})
    await copy.fail(told, "InternalError")
    await mute.expect("Authorize", id=asked)
    await stage.quiet(station, copy)
    await main.answer(await main.expect("Authorize", id=asked), authorized(version))
    assert (await station.expect_result(asked)).payload == authorized(version)
    await stage.quiet(station, main, copy, mute)


@pytest.mark.parametrize("version", VERSIONS)
async def test_rt_18_the_order_of_a_station_is_kept_over_an_outage(stage: Stage, version: str) -> None:
    """What a station says while its backend is away arrives in order and once when it is back."""
    main = await stage.backend("main")
    waits = {"wait": 60, "copy_waiting": 500, "retry": {"first": 0.1, "jitter": 0, "max": 0.3}}
    await stage.gateway(backends={"main": waits}, calls={"backend_window": 500})
    station, _ = await stage.meet("CP1", version)
    await main.stop()
    for number in range(200):
        await station.ask("DataTransfer", {"vendorId": "Finch", "data": str(number)}, id=str(number))
    await main.start()
    link = await main.station("CP1")
    assert [(await link.expect("DataTransfer")).id for _ in range(200)] == [str(number) for number in range(200)]
    for number in range(200):
        link.send(f'[3,"{number}",{{"status":"Accepted"}}]')
    for number in range(200):
        await station.expect_result(str(number))
    await stage.quiet(station, link)


@pytest.mark.parametrize("version", VERSIONS)
async def test_rt_18_the_order_of_the_journal_is_kept(stage: Stage, version: str) -> None:
    """What a copy is owed of an outage of 200 messages arrives in order, each once, under its own id."""
    await stage.backend("main")
    copy = await stage.backend("copy")
    owed = {"deliver": "always", "owed": ["DataTransfer"], "retry": RETRY}
    await stage.gateway(backends={"copy": owed}, journal={"rate": 10000}, limits={"messages_per_second": 0})
    station, main, _ = await stage.meet("CP1", version)
    await copy.stop()
    for number in range(200):
        await station.ask("DataTransfer", {"vendorId": "Finch", "data": str(number)}, id=str(number))
        await main.answer(await main.expect("DataTransfer"), {"status": "Accepted"})
        await station.expect_result(str(number))
    await copy.start()
    link = await copy.station("CP1")
    for number in range(200):
        call = await link.expect("DataTransfer")
        assert (call.id, call.payload["data"]) == (str(number), str(number))
        await link.answer(call, {"status": "Accepted"})
    await stage.quiet(station, main, link)


@pytest.mark.parametrize("version", VERSIONS)
async def test_rt_18_the_order_of_what_a_stand_in_took_is_kept(stage: Stage, version: str) -> None:
    """What was answered in a backend's place reaches it in order, each once, and what follows behind that."""
    main = await stage.backend("main")
    backends = {"main": {"when_down": "answer", "retry": RETRY}}
    limits = {"messages_per_second": 0}
    await stage.gateway(
        backends=backends, routes={"main": {"admit": "gateway"}}, journal={"rate": 10000}, limits=limits
    )
    station, link = await stage.meet("CP1", version)
    asked = await station.ask("BootNotification", boot_payload(version))
    await link.answer(await link.expect("BootNotification"), boot_accepted())
    await station.expect_result(asked)
    await main.stop()
    for number in range(200):
        await station.expect_result(await station.ask("StatusNotification", numbered(version, number), id=str(number)))
    await main.start()
    link = await main.station("CP1")
    await link.answer(await link.expect("BootNotification"), boot_accepted())
    for number in range(200):
        call = await link.expect("StatusNotification")
        assert (call.id, call.payload) == (str(number), numbered(version, number))
        await link.answer(call)
    await stage.quiet(station, link)


def numbered(version: str, number: int) -> dict[str, Any]:
    """Give a StatusNotification that is told from the others by its time."""
    return status(version) | {"timestamp": f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z"}


async def test_rt_22_data_transfer_may_have_a_rule_of_its_own(stage: Stage) -> None:
    """A rule on the action sends DataTransfer elsewhere; the backend answers it, not the gateway."""
    await stage.backend("main")
    await stage.backend("vendor")
    rules = [{"actions": ["DataTransfer"], "answer": "vendor"}, {"answer": "main"}]
    await stage.gateway(routes={"main": {"rules": rules}})
    station, main, vendor = await stage.meet()
    asked = await station.ask("DataTransfer", {"vendorId": "Nobody"})
    await vendor.answer(await vendor.expect("DataTransfer"), {"status": "UnknownVendorId"})
    assert (await station.expect_result(asked)).payload == {"status": "UnknownVendorId"}
    beat = await station.ask("Heartbeat")
    await main.answer(await main.expect("Heartbeat"), HEARTBEAT)
    await station.expect_result(beat)
    await stage.quiet(station, main, vendor)


async def test_rt_23_the_answer_arrives_before_what_it_causes(stage: Stage) -> None:
    """A report's answer precedes its notifications at the backend, a thousand times."""
    await stage.backend("main")
    await stage.gateway(limits={"messages_per_second": 0, "commands_per_second": 0})
    station, main = await stage.meet("CP1", "ocpp2.0.1")
    for number in range(1000):
        main.send(f'[2,"{number}","GetBaseReport",{{"requestId":{number},"reportBase":"FullInventory"}}]')
        call = await station.expect("GetBaseReport")
        station.send(f'[3,"{call.id}",{{"status":"Accepted"}}]')
        station.send(f'[2,"n{number}","NotifyReport",{{"requestId":{number},"seqNo":0}}]')
        assert (await main.next()).text.startswith("[3,")
        told = await main.expect("NotifyReport")
        main.send(f'[3,"{told.id}",{{}}]')
        await station.expect_result(told.id)


async def test_rt_25_the_gateway_adds_little_time(stage: Stage) -> None:
    """Exchanges that a car waits for pass while the gateway is at work for others, all of them answered."""
    main = await stage.backend("main")
    main.answers("Authorize", authorized("ocpp2.0.1"))
    await stage.gateway()
    stations = [await stage.station(f"CP{number}", "ocpp2.0.1") for number in range(20)]
    for _ in range(10):
        asked = [await station.ask("Authorize", authorize("ocpp2.0.1")) for station in stations]
        for station, message_id in zip(stations, asked, strict=True):
            await station.expect_result(message_id)
