"""Simulated SOAP stations live, and are billed: on real sockets, against a small central system."""

from __future__ import annotations

import asyncio
import gzip
import re
import zlib
from collections import Counter
from dataclasses import replace

import pytest
from aiohttp import web

from tests.simulator.central import (
    HASTY,
    SAMPLES,
    SETTINGS,
    STATION,
    Asked,
    ask,
    authorize,
    central,
    faults,
    faulty,
    headers_of,
    plan,
    playing,
)
from tests.simulator.world import QUICK, STILL, running
from voltgate.ocpp.soap import writing
from voltgate.ocpp.soap.names import ANONYMOUS, VERSIONS, Version
from voltgate.simulator.calls import CallError
from voltgate.simulator.tally import Fault

# Daily life


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_fleet_lives_through_soap(version: Version) -> None:
    """Stations of every version boot, charge and are billed, with nothing wrong on either side."""
    async with central(version) as there, running(plan(there, QUICK, 4)) as run:
        await run.until(lambda: run.tally.confirmed >= 8)
        tally = await run.over()
    assert there.wrong == []
    assert (tally.failures, tally.cut) == (0, 0), tally.examples
    assert tally.begun == tally.confirmed >= 8
    assert len(there.heard("StopTransaction")) == len(there.heard("StartTransaction")) == tally.confirmed
    assert there.heard("MeterValues")
    assert len(there.heard("BootNotification")) == 4


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_call_looks_like_the_sample(version: Version) -> None:
    """The headers of a call are those of the sample; From is where commands arrive, ReplyTo anonymous."""
    async with playing(version) as (there, _, charger):
        boot = there.heard("BootNotification")[0]
    sample = (SAMPLES / f"{version}_1_BootNotification_request_CP-CS.xml").read_bytes()
    assert headers_of(boot.raw) == headers_of(sample)
    assert boot.request.content_type == "application/soap+xml"
    assert boot.request.headers["Accept-Encoding"] == "gzip, deflate"
    said = boot.envelope
    assert (said.identity, said.action, said.to, said.reply_to) == (STATION, "/BootNotification", there.url, ANONYMOUS)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/CP-00001", said.sender)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", said.message_id)
    assert boot.payload["chargePointVendor"] == "Voltgate"
    assert charger.interval == 300


async def test_calls_go_out_one_at_a_time_on_one_connection() -> None:
    """A station waits for each answer, and keeps its connection for the next call."""
    crowd = Counter[str]()

    async def slowly(asked: Asked, answer: bytes) -> bytes:
        crowd["now"] += 1
        crowd["most"] = max(crowd["most"], crowd["now"])
        await asyncio.sleep(0.02)
        crowd["now"] -= 1
        return answer

    async with playing("1.5") as (there, run, charger):
        there.trick = slowly
        for _ in range(5):
            charger.send_heartbeat(run.fleet.clock.now())
        await run.until(lambda: len(there.heard("Heartbeat")) == 5 and charger.idle)
        await run.over()
        assert crowd["most"] == 1
        assert len(there.connections) == 1


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_treadmill_runs_on_soap(version: Version) -> None:
    """A station under load says what its version can say, one call after the other; 1.2 has no DataTransfer."""
    from voltgate.simulator.profile import PROFILES

    async with central(version) as there, running(plan(there, PROFILES["treadmill"], 2)) as run:
        await run.until(lambda: sum(run.tally.answered.values()) > 100)
        tally = await run.over()
    assert (tally.failures, there.wrong) == (0, []), tally.examples
    assert bool(there.heard("DataTransfer")) == (version != "1.2")
    assert there.heard("Heartbeat")
    assert there.heard("MeterValues")


async def test_a_station_says_only_what_its_version_can_say() -> None:
    """What a version has no operation or no word for is not sent: to the caller it counts as not supported."""
    async with playing("1.2") as (there, run, _):
        answer = await ask(run, "DiagnosticsStatusNotification", {"status": "Uploading"})
        assert isinstance(answer, CallError)
        assert answer.code == "NotSupported"
        answer = await ask(run, "DataTransfer", {"vendorId": "voltgate.simulator"})
        assert isinstance(answer, CallError)
        assert await ask(run, "DiagnosticsStatusNotification", {"status": "Uploaded"}) == {}
        await run.over()
        assert [call.payload for call in there.heard("DiagnosticsStatusNotification")] == [{"status": "Uploaded"}]
        assert there.heard("DataTransfer") == []


async def test_a_password_goes_by_basic() -> None:
    """A station that has a password sends it with every call, with its identity as the user."""
    async with playing("1.6", password="sixteen characters") as (there, _, __):
        for call in there.calls:
            assert call.request.headers["Authorization"] == "Basic Q1AtMDAwMDE6c2l4dGVlbiBjaGFyYWN0ZXJz"


@pytest.mark.parametrize("coding", ["gzip", "deflate", "raw deflate"])
async def test_packed_answers_are_understood(coding: str) -> None:
    """Answers in gzip and deflate are understood, deflate with and without its wrapper."""

    def packed(asked: Asked, answer: bytes) -> web.Response:
        pack = zlib.compressobj(wbits=-15)
        body = {"gzip": gzip.compress, "deflate": zlib.compress}.get(coding, lambda b: pack.compress(b) + pack.flush())
        headers = {"Content-Type": writing.CONTENT_TYPE, "Content-Encoding": coding.rsplit(maxsplit=1)[-1]}
        return web.Response(body=body(answer), headers=headers)

    async with playing("1.6") as (there, run, _):
        there.trick = packed
        assert isinstance(await authorize(run), dict)
        assert (await run.over()).failures == 0


async def test_answers_that_come_in_pieces_or_to_the_end_of_the_connection_are_understood() -> None:
    """A chunked answer, and one that ends with its connection, are as good as any."""

    async def chunked(asked: Asked, answer: bytes) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": writing.CONTENT_TYPE})
        response.enable_chunked_encoding()
        await response.prepare(asked.request)
        for place in range(0, len(answer), 100):
            await response.write(answer[place : place + 100])
        await response.write_eof()
        return response

    def unmeasured(asked: Asked, answer: bytes) -> None:
        transport = asked.request.transport
        assert transport is not None
        transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n\r\n" + answer)
        transport.close()
        raise asyncio.CancelledError

    async with playing("1.6") as (there, run, _):
        for trick in (chunked, unmeasured):
            there.trick = trick
            assert isinstance(await authorize(run), dict)
        assert (await run.over()).failures == 0


# Transaction messages


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_transaction_survives_lost_connections(version: Version) -> None:
    """A transaction message whose exchange breaks off is sent again, with the same MessageID, until it is answered."""
    broken = Counter[tuple[str, str]]()

    def once(asked: Asked, answer: bytes) -> bytes | None:
        key = (asked.action, asked.envelope.message_id)
        if asked.action not in {"StartTransaction", "MeterValues", "StopTransaction"}:
            return answer
        broken[key] += 1
        return None if broken[key] == 1 else answer

    async with central(version) as there:
        there.trick = once
        async with running(plan(there, QUICK, settings=replace(SETTINGS, transactions=1))) as run:
            await run.until(lambda: run.tally.confirmed == 1)
            tally = await run.over()
    assert tally.faults[Fault.DROPPED] == tally.cut == len(broken)
    assert set(broken.values()) == {2}
    assert {action for action, _ in broken} >= {"StartTransaction", "StopTransaction"}
    assert set(+tally.faults) == {Fault.DROPPED}, tally.examples


async def test_a_transaction_is_kept_while_the_central_system_is_away() -> None:
    """A car that charges while nobody listens is billed afterwards: handshakes fail meanwhile, and are counted."""
    async with playing("1.6", profile=replace(STILL, charging=(0.2, 0.3), metering=0.1)) as (there, run, charger):
        await there.close()
        charger.charge(1, "04E1", run.fleet.clock.now())
        await run.until(lambda: run.tally.faults[Fault.REJECTED] > 1 and not charger.sessions)
        assert run.tally.confirmed == 0
        await there.open()
        await run.until(lambda: run.tally.confirmed == 1)
        tally = await run.over()
    assert [call.payload["idTag"] for call in there.heard("StartTransaction")] == ["04E1"]
    assert set(+tally.faults) <= {Fault.REJECTED, Fault.DROPPED}, tally.examples


async def test_transaction_messages_are_sent_again_after_a_fault_and_others_are_not() -> None:
    """After a fault or HTTP 503 a transaction message comes again, and nothing else does."""
    failures = Counter[str]()

    def failing(asked: Asked, answer: bytes) -> web.StreamResponse | bytes:
        failures[asked.action] += 1
        if asked.action == "Heartbeat" or failures[asked.action] > 2:
            return answer
        return faulty("1.6", asked, "InternalError") if failures[asked.action] == 1 else web.Response(status=503)

    async with playing("1.6", profile=replace(STILL, charging=(0.2, 0.3))) as (there, run, charger):
        there.trick = failing
        charger.charge(1, "04E1", run.fleet.clock.now(), remote=0)
        await run.until(lambda: run.tally.confirmed == 1 and charger.settled)
        tally = await run.over()
    assert [len(there.heard(action)) for action in ("StartTransaction", "StopTransaction")] == [3, 3]
    stamps = [(call.payload["connectorId"], call.payload["status"]) for call in there.heard("StatusNotification")[3:]]
    assert len(set(stamps)) == len(stamps)
    assert tally.repeated == 4
    assert set(+tally.faults) == {Fault.REFUSED}


async def test_a_transaction_message_that_is_always_refused_is_given_up() -> None:
    """After as many faults as TransactionMessageAttempts says, a transaction counts as lost."""
    async with playing("1.6", profile=replace(STILL, charging=(0.1, 0.1))) as (there, run, charger):
        there.trick = lambda asked, answer: (
            faulty("1.6", asked, "InternalError") if asked.action == "StartTransaction" else answer
        )
        charger.charge(1, "04E1", run.fleet.clock.now())
        await run.until(lambda: run.tally.faults[Fault.LOST] == 1 and charger.settled)
        assert len(there.heard("StartTransaction")) == 3
        assert run.tally.confirmed == 0


async def test_a_transaction_message_that_ran_out_of_time_is_sent_under_another_id() -> None:
    """What nobody answered in time is sent again with a new MessageID, so that the late answer is told from the new."""
    gate = asyncio.Event()

    async def held(asked: Asked, answer: bytes) -> bytes:
        if asked.action == "StartTransaction" and len(there.heard("StartTransaction")) == 1:
            await gate.wait()
        return answer

    async with playing("1.6", settings=HASTY, profile=replace(STILL, charging=(0.2, 0.3))) as (there, run, charger):
        there.trick = held
        charger.charge(1, "04E1", run.fleet.clock.now())
        await run.until(lambda: run.tally.confirmed == 1)
        gate.set()
        await run.until(lambda: run.tally.faults[Fault.LATE] == 1)
        assert faults(run) == {Fault.MISSING: 1, Fault.LATE: 1}
        first, again = there.heard("StartTransaction")
        assert first.payload == again.payload
        assert first.envelope.message_id != again.envelope.message_id
