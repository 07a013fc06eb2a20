"""Liveness: who is there, who only seems to be, and what happens when somebody goes."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest

from tests.conformance.words import HEARTBEAT, VERSIONS, status
from tests.harness import Stage, until


async def test_lv_01_pings_end_at_the_gateway_and_heartbeats_go_through(stage: Stage) -> None:
    """The gateway answers a station's ping itself; a Heartbeat goes to the backend, whose time the station gets."""
    await stage.backend("main")
    await stage.gateway()
    station, main = await stage.meet()
    await station.ping()
    assert main.pings == 0
    beat = await station.ask("Heartbeat")
    await main.answer(await main.expect("Heartbeat"), HEARTBEAT)
    assert (await station.expect_result(beat)).payload == HEARTBEAT


async def test_lv_02_a_station_without_pongs_lives_by_its_traffic(stage: Stage) -> None:
    """Some stations never send a pong: while they say anything else they are not dropped."""
    main = await stage.backend("main")
    main.answers("Heartbeat", HEARTBEAT)
    document = stage.configuration()
    document["listen"]["stations"] = [{"url": document["listen"]["stations"][0], "ping": 0.5, "misses": 2}]
    await stage.gateway(document)
    station = await stage.station("CP1")
    station.pongs = False
    for _ in range(10):
        await station.call("Heartbeat")
        await station.expect_ping(station.pings + 1)
    assert station.is_open


async def test_lv_02_pings_can_be_switched_off_for_one_station(stage: Stage) -> None:
    """A station that closes on pings gets none, by its own setting; others do."""
    await stage.backend("main")
    document = stage.configuration(
        stations=[{"identity": "SHY", "route": "main", "ping": 0}, {"match": "*", "route": "main"}]
    )
    document["listen"]["stations"] = [{"url": document["listen"]["stations"][0], "ping": 0.3, "misses": 5}]
    await stage.gateway(document)
    shy, other = await stage.station("SHY"), await stage.station("CP1")
    await other.expect_ping(4)
    assert shy.pings == 0
    assert shy.is_open


@pytest.mark.parametrize("version", VERSIONS)
async def test_lv_05_the_time_ends_in_z(stage: Stage, version: str) -> None:
    """The answer to a Heartbeat carries a UTC time that chargers can read."""
    await stage.stand_in()
    await stage.gateway()
    station = await stage.station("CP1", version)
    told = (await station.call("Heartbeat")).payload["currentTime"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z", told)


async def test_lv_06_lost_backends_are_dialled_with_growing_waits(stage: Stage) -> None:
    """The waits between attempts double up to their bound; after a success they begin anew."""
    main = await stage.backend("main")
    await stage.backend("steady")
    retry = {"first": 0.2, "factor": 2, "max": 0.8, "jitter": 0}
    await stage.gateway(backends={"main": {"retry": retry, "wait": 60}})
    _, link, _ = await stage.meet()
    main.refuse(503)
    link.kill()
    handshakes = await main.expect_handshakes(6)
    waits = [after.at - before.at for before, after in pairwise(handshakes[1:])]
    assert all(wait >= 0.99 * least for wait, least in zip(waits, (0.4, 0.8, 0.8, 0.8), strict=False)), waits


@pytest.mark.parametrize("version", VERSIONS)
async def test_lv_07_no_boot_is_expected_after_a_reconnect(stage: Stage, version: str) -> None:
    """A station that comes back may begin with anything."""
    main = await stage.backend("main")
    main.answers("StatusNotification", {})
    await stage.gateway()
    for _ in range(2):
        station = await stage.station("CP1", version)
        await station.expect_result(await station.ask("StatusNotification", status(version)))
        await station.close()


async def test_lv_09_a_lost_backend_ends_in_the_stations_close(stage: Stage) -> None:
    """The only backend goes: within its grace the station is let go with 1001 and a reason, so that it queues."""
    main = await stage.backend("main")
    await stage.gateway(backends={"main": {"wait": 0.5}})
    station, _ = await stage.meet()
    await main.stop()
    ending = await station.closed()
    assert ending.code == 1001
    assert ending.reason


async def test_lv_09_a_backend_that_is_back_in_time_costs_nothing(stage: Stage) -> None:
    """The backend is back before the grace is over: the station keeps its socket, and its call is answered."""
    main = await stage.backend("main")
    await stage.gateway(backends={"main": {"wait": 60, "retry": {"first": 0.1, "jitter": 0, "max": 0.5}}})
    station, _ = await stage.meet()
    await main.stop()
    beat = await station.ask("Heartbeat")
    await main.start()
    link = await main.station("CP1")
    await link.answer(await link.expect("Heartbeat"), HEARTBEAT)
    await station.expect_result(beat)


async def test_lv_10_a_lost_station_ends_its_links(stage: Stage) -> None:
    """The station's power fails: each of its backends sees a close."""
    await stage.backend("main")
    await stage.backend("copy")
    await stage.gateway()
    station, main, copy = await stage.meet()
    station.kill()
    await main.closed()
    await copy.closed()


async def test_lv_11_each_backend_gets_one_link_with_the_same_identity(stage: Stage) -> None:
    """One link a station and backend, with the identity as the station wrote it."""
    main, copy = await stage.backend("main"), await stage.backend("copy")
    await stage.gateway()
    station, *_ = await stage.meet("RDAM|123")
    await station.ping()
    for backend in (main, copy):
        assert [handshake.path for handshake in backend.handshakes] == ["/ocpp/RDAM%7C123"]


async def test_lv_12_a_vanished_station_is_found_and_reported(stage: Stage) -> None:
    """A station that is silent, without a word of farewell, is gone within its stated time."""
    await stage.backend("main")
    document = stage.configuration()
    document["listen"]["stations"] = [{"url": document["listen"]["stations"][0], "ping": 0.3, "misses": 2}]
    gateway = await stage.gateway(document)
    station, main = await stage.meet()
    station.deafen()
    await main.closed()
    await gateway.logged("station went", "CP1", "no sign of life")
    assert await gateway.metric("voltgate_stations") == 0


async def test_lv_12_a_vanished_backend_is_found_and_dialled_again(stage: Stage) -> None:
    """A backend that is silent is taken for gone and dialled again."""
    main = await stage.backend("main")
    ping = {"ping": 0.3, "misses": 2, "wait": 60, "retry": {"first": 0.1, "jitter": 0}}
    await stage.gateway(backends={"main": ping})
    station, link = await stage.meet()
    link.deafen()
    again = await main.station("CP1")
    beat = await station.ask("Heartbeat")
    await again.answer(await again.expect("Heartbeat"), HEARTBEAT)
    await station.expect_result(beat)


async def test_lv_13_the_message_limit(stage: Stage) -> None:
    """900 kB pass, 9 MB close with 1009; a station that is closed so is the only one that notices."""
    main = await stage.backend("main")
    main.answers("Heartbeat", HEARTBEAT)
    await stage.gateway()
    station, link = await stage.meet("CP1", "ocpp2.0.1")
    text = '[2,"1","NotifyReport",{"x":"' + "y" * 900_000 + '"}]'
    station.send(text)
    await link.expect_text(text)
    other = await stage.station("CP2")
    station.send('[2,"2","NotifyReport",{"x":"' + "y" * 9_000_000 + '"}]')
    assert (await station.closed()).code == 1009
    await other.call("Heartbeat")


async def test_lv_14_a_storm_of_reconnects_is_accepted_and_asks_nothing(stage: Stage) -> None:
    """Many stations come at once: all are accepted, and the gateway sends none of them a call of its own."""
    await stage.backend("main")
    gateway = await stage.gateway()
    stations = [await stage.station(f"CP{number}") for number in range(200)]
    started = time.monotonic()
    await until(lambda: _count(gateway, 200), "all stations are in")
    assert time.monotonic() - started < 30
    await stage.quiet(*stations)


async def _count(gateway: object, wanted: int) -> bool:
    return bool(await gateway.metric("voltgate_stations") == wanted)  # type: ignore[attr-defined]
