"""Stations against the stand-in backend, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.simulator.world import QUICK, STILL, RunningBackend, running, running_backend
from voltgate.simulator.backend import VERSIONS
from voltgate.simulator.behaviour import Behaviour, Boot, Lie
from voltgate.simulator.charger import Charger
from voltgate.simulator.fleet import Plan
from voltgate.simulator.profile import PROFILES, Boots, Ids, Profile, StationSettings
from voltgate.simulator.station_record import StationRecord
from voltgate.simulator.tally import Fault

SETTINGS = StationSettings(echo=True, history=1000).impatient()


def plan(
    there: RunningBackend,
    versions: tuple[str, ...] = VERSIONS,
    stations: int = 3,
    profile: Profile = QUICK,
    settings: StationSettings = SETTINGS,
) -> Plan:
    return Plan(there.url, stations, versions, profile, settings, duration=None)


def assert_same(charger: Charger, received: StationRecord) -> None:
    """What the station did is what the backend was told, no more and no less."""
    assert len(charger.history) == len(received.transactions)
    for record in charger.history:
        assert record.name is not None
        entry = received.transactions[record.name]
        assert record.confirmed
        assert entry.ended
        assert entry.connector == record.connector
        assert entry.tag == record.tag
        if charger.modern:
            assert sorted(entry.events) == list(range(len(entry.events))), "an event is missing"
        else:
            assert (entry.meter_start, entry.meter_stop) == (record.meter_start, record.meter_stop)
            assert entry.messages == record.samples + 2


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("ids", list(Ids))
async def test_whole_transactions(version: str, ids: Ids) -> None:
    """Stations of every version charge cars, and the backend's book says afterwards exactly what they did."""
    async with running_backend() as there:
        settings = replace(SETTINGS, ids=ids, transactions=8)
        async with running(plan(there, (version,), settings=settings)) as run:
            await run.until(lambda: run.tally.confirmed == 8)
            tally = await run.over()
        assert tally.as_dict()["failures"] == 0, tally.examples
        assert there.backend.tally.failures == 0, there.backend.tally.examples
        assert tally.begun == tally.confirmed == 8
        for charger in run.fleet.chargers:
            assert_same(charger, there.backend.records[charger.identity])


async def test_transactions_that_run_when_the_simulation_ends_are_finished_and_confirmed() -> None:
    """Stopping a simulation loses no transaction."""
    async with running_backend() as there:
        async with running(plan(there, profile=replace(QUICK, charging=(500.0, 600.0)))) as run:
            await run.until(lambda: run.tally.begun == 6)
            tally = await run.over()
        assert tally.failures == 0, tally.examples
        assert tally.begun == tally.confirmed == 6
        assert all(entry.ended for record in there.backend.records.values() for entry in record.transactions.values())


async def test_commands_are_obeyed() -> None:
    """Stations of every version obey the backend's commands: reports, triggers, settings, remote starts and stops."""
    async with running_backend(Behaviour(commands=0.05)) as there:
        async with running(plan(there, profile=replace(STILL, charging=(500.0, 600.0)))) as run:
            await run.until(lambda: run.tally.begun >= 3 and sum(run.tally.commands.values()) >= 60)
            tally = await run.over()
        assert tally.failures == 0, tally.examples
        assert there.backend.tally.failures == 0, there.backend.tally.examples
        assert {"RemoteStartTransaction", "RequestStartTransaction", "GetBaseReport", "DataTransfer"} <= set(
            tally.commands
        )
        assert all(there.backend.records[charger.identity].received.get("Heartbeat") for charger in run.fleet.chargers)


async def test_a_backend_that_hangs_up_loses_no_transaction() -> None:
    """Cut off again and again, a station keeps its transaction messages and delivers each of them."""
    async with running_backend(Behaviour(hang_up=0.4)) as there:
        async with running(plan(there, settings=replace(SETTINGS, transactions=9))) as run:
            await run.until(lambda: run.tally.confirmed == 9)
            tally = await run.over()
        assert tally.faults[Fault.DROPPED] > 0
        assert tally.faults[Fault.LOST] == 0, tally.examples
        for charger in run.fleet.chargers:
            for record in charger.history:
                assert record.name is not None
                assert there.backend.records[charger.identity].transactions[record.name].ended


async def test_a_station_charges_while_its_backend_is_away_and_tells_it_all_afterwards() -> None:
    """What happens while nobody listens is queued, and delivered in order once the backend is back."""
    async with running_backend() as there:
        async with running(plan(there, settings=replace(SETTINGS, transactions=12))) as run:
            await run.until(lambda: run.tally.begun >= 2)
            await there.vanish()
            await run.until(lambda: run.tally.begun == 12)
            assert run.tally.confirmed < 12
            await there.open()
            await run.until(lambda: run.tally.confirmed == 12)
            tally = await run.over()
        assert tally.faults[Fault.LOST] == 0, tally.examples
        assert tally.faults[Fault.DROPPED] == 3
        for charger in run.fleet.chargers:
            assert_same(charger, there.backend.records[charger.identity])


async def test_a_reconnecting_station_does_not_boot_again_unless_told_to() -> None:
    """A station that was accepted goes on after a reconnect without a BootNotification (conformance LV-07)."""
    for boots, several in ((Boots.ONCE, False), (Boots.ALWAYS, True)):
        async with running_backend(Behaviour(hang_up=0.2)) as there:
            async with running(plan(there, stations=1, profile=STILL, settings=replace(SETTINGS, boots=boots))) as run:
                await run.until(lambda: run.tally.connected >= 3 and run.tally.sent["StatusNotification"] >= 6)
                tally = await run.over()
            assert (tally.sent["BootNotification"] > 1) is several


async def test_a_treadmill_asks_as_fast_as_answers_come() -> None:
    """A station on the treadmill sends the mix of a fleet and checks that every answer is its own."""
    async with running_backend() as there:
        async with running(plan(there, profile=PROFILES["treadmill"])) as run:
            await run.until(lambda: sum(run.tally.answered.values()) > 500)
            tally = await run.over()
        assert tally.failures == 0, tally.examples
        assert {"Heartbeat", "MeterValues", "DataTransfer"} <= set(tally.answered)


async def test_a_fixed_pace_counts_latency_from_when_a_call_was_due() -> None:
    """At a fixed rate a slow answer delays the next call of its station, and that delay counts."""
    async with running_backend(Behaviour(delay=0.3)) as there:
        paced = replace(plan(there, stations=1, profile=PROFILES["treadmill"]), rate=20.0)
        async with running(paced) as run:
            await run.until(lambda: run.tally.latency.get("MeterValues", run.tally.total).count >= 4)
            tally = await run.over()
        assert tally.latency["MeterValues"].longest > 0.6, "two delays: its own and that of the call before"


# A backend that does wrong.


@pytest.mark.parametrize(
    ("lie", "faults"),
    [
        (Lie.WRONG_ID, {Fault.STRAY, Fault.MISSING}),
        (Lie.DOUBLED, {Fault.DOUBLED}),
        (Lie.MALFORMED, {Fault.MALFORMED}),
        (Lie.PAYLOAD, {Fault.WRONG}),
        (Lie.SPACES, {Fault.MALFORMED}),
        (Lie.ANOTHER, {Fault.WRONG}),
        (Lie.ERROR, {Fault.REFUSED}),
    ],
)
@pytest.mark.parametrize("version", VERSIONS)
async def test_a_lying_backend_is_found_out(lie: Lie, faults: set[Fault], version: str) -> None:
    """Whatever is wrong with an answer, it is counted as what it is."""
    async with running_backend(Behaviour(lie=lie)) as there:
        settings = replace(SETTINGS, timeout=0.5)
        async with running(plan(there, (version,), stations=1, profile=STILL, settings=settings)) as run:
            await run.until(lambda: all(run.tally.faults[fault] for fault in faults))
            tally = await run.over()
        assert tally.failures > 0
        assert set(tally.faults) == faults, tally.examples


@pytest.mark.parametrize("version", VERSIONS)
async def test_an_answer_that_comes_too_late_is_missing_first_and_late_then(version: str) -> None:
    """A call without an answer in time is missing; its answer, when it comes, is late and changes nothing."""
    async with running_backend(Behaviour(delay=0.6)) as there:
        settings = replace(SETTINGS, timeout=0.3)
        async with running(plan(there, (version,), stations=1, profile=STILL, settings=settings)) as run:
            await run.until(lambda: run.tally.faults[Fault.LATE] > 0)
            tally = await run.over()
        assert tally.faults[Fault.MISSING] > 0
        assert not run.fleet.chargers[0].booted


async def test_a_transaction_that_nobody_confirms_is_lost() -> None:
    """A simulation whose transactions were never confirmed says so."""
    silent = frozenset({"StartTransaction", "TransactionEvent"})
    async with running_backend(Behaviour(silent=silent)) as there:
        settings = replace(SETTINGS, timeout=0.3, transactions=3)
        async with running(plan(there, settings=settings)) as run:
            await run.until(lambda: run.tally.begun == 3)
            tally = await run.over()
        assert tally.faults[Fault.LOST] == 3, tally.examples
        assert tally.confirmed == 0
        assert tally.faults[Fault.MISSING] > 0
        assert tally.repeated > 0, "what must not be lost is tried again"


async def test_a_babbling_backend_is_found_out_and_harms_no_transaction() -> None:
    """Nonsense between the answers is counted, and the station goes on charging."""
    async with running_backend(Behaviour(babble=0.02)) as there:
        async with running(plan(there, settings=replace(SETTINGS, transactions=6))) as run:
            await run.until(
                lambda: (
                    run.tally.confirmed == 6
                    and run.tally.faults[Fault.MALFORMED] > 9
                    and run.tally.faults[Fault.STRAY] > 9
                )
            )
            tally = await run.over()
        assert tally.faults[Fault.LOST] == 0, tally.examples


async def test_a_backend_that_refuses_is_tried_again_and_again() -> None:
    """A handshake that is refused is counted, and tried again after a while."""
    async with running_backend(Behaviour(refuses=503)) as there:
        async with running(plan(there, stations=1)) as run:
            await run.until(lambda: run.tally.faults[Fault.REJECTED] >= 3)
            tally = await run.over()
        assert "503" in tally.examples[Fault.REJECTED][0]
        assert tally.connected == 0


async def test_the_password_is_sent() -> None:
    """Stations bring their password by HTTP Basic; without it the stand-in lets nobody in."""
    async with running_backend(Behaviour(password="correct horse")) as there:
        for password, fault in (("correct horse", 0), ("wrong", 1), (None, 1)):
            with_password = replace(plan(there, stations=1, profile=STILL), password=password)
            async with running(with_password) as run:
                await run.until(lambda: bool(run.tally.connected or run.tally.faults[Fault.REJECTED]))
                tally = await run.over()
            assert min(tally.faults[Fault.REJECTED], 1) == fault
            assert "correct horse" not in repr(with_password) + repr(there.backend.behaviour)


@pytest.mark.parametrize("boot", [Boot.REJECTED, Boot.PENDING])
async def test_a_station_that_is_not_accepted_only_boots(boot: Boot) -> None:
    """Rejected or Pending, a station says nothing but BootNotification, at the interval that it was given."""
    async with running_backend(Behaviour(boot=boot, interval=1, commands=0.05)) as there:
        async with running(plan(there)) as run:
            await run.until(lambda: run.tally.answered["BootNotification"] >= 6)
            tally = await run.over()
        assert set(tally.sent) == {"BootNotification"}
        assert not tally.commands, "the backend initiates nothing before it has accepted the station (RG-04)"


@pytest.mark.parametrize("interval", [0.0, 0.2])
async def test_stations_ping_at_their_interval(interval: float) -> None:
    """A station pings as WebSocketPingInterval says, and not at all when it is 0 (LV-03)."""
    async with running_backend() as there, _tap(there) as (url, heard):
        profile = replace(STILL, heartbeat=0.2)
        pinging = replace(plan(there, stations=1, profile=profile, settings=replace(SETTINGS, ping=interval)), url=url)
        async with running(pinging) as run:
            await run.until(lambda: run.tally.answered["Heartbeat"] >= 4)
            if interval:
                await run.until(lambda: _pings(heard) >= 3)
            assert (await run.over()).failures == 0
        assert (_pings(heard) > 0) is bool(interval)


def _pings(heard: list[bytes]) -> int:
    return sum(data.startswith(b"\x89") for data in heard)


@contextlib.asynccontextmanager
async def _tap(there: RunningBackend) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Stand between stations and their backend, and note what stations write."""
    heard: list[bytes] = []

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, notes: list[bytes]) -> None:
        while data := await reader.read(65536):
            notes.append(data)
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", there.port)
        await asyncio.gather(pipe(reader, up_writer, heard), pipe(up_reader, writer, []))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}", heard
    finally:
        server.close()
