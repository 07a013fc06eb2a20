"""What is promised is kept: owed messages, repeated messages and books, over real sockets and under the defaults."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.harness import Gateway, Link, ScriptedBackend, Stage
from tests.harness.configuration import toml

START = {"connectorId": 1, "idTag": "EMP1", "timestamp": "2026-01-01T10:00:00Z", "meterStart": 0}
STARTED = {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}
ACCEPTED = {"currentTime": "2026-01-01T10:00:00Z", "interval": 300, "status": "Accepted"}
QUICK = {"retry": {"first": 0.1, "max": 0.2}}


def stop(number: int, meter: int = 9) -> dict[str, Any]:
    """Write a stop."""
    return {"transactionId": number, "meterStop": meter, "timestamp": "2026-01-01T11:00:00Z"}


async def owed(gateway: Gateway, messages: int) -> None:
    """Wait until so many messages are on disk that backends are owed."""
    async with asyncio.timeout(20):
        while _count(gateway) != messages:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.05)


def _count(gateway: Gateway) -> int:
    with sqlite3.connect(_file(gateway)) as connection:
        return int(connection.execute("select count(*) from owed").fetchone()[0])


def _file(gateway: Gateway) -> Path:
    return gateway.folder / "var" / "voltgate.db"


async def test_what_the_backend_that_lets_in_is_owed(stage: Stage) -> None:
    """Under `admit = "backend"` the admitting backend gets what it is owed, after a reconnect and after a restart."""
    main = await stage.backend("main")
    gateway = await stage.gateway(backends={"main": {"when_down": "answer", "stand_in": {"accept": "all"}} | QUICK})
    station, link = await stage.meet()
    main.answers("BootNotification", ACCEPTED)
    await station.boot()
    await link.drop()
    main.refuse()
    number = (await station.call("StartTransaction", START)).payload["transactionId"]
    await station.call("StopTransaction", stop(number))
    await owed(gateway, 2)
    await station.close()
    await gateway.stop()
    main.accept()
    await gateway.start()
    station, link = await stage.meet()
    start = await link.expect("StartTransaction")
    assert start.payload == START
    await link.answer(start, STARTED)
    ended = await link.expect("StopTransaction")
    assert ended.payload == stop(5)
    await link.answer(ended)
    await owed(gateway, 0)


async def test_a_stop_that_is_open_when_the_charger_comes_again(stage: Stage) -> None:
    """A charger that hops while its stop is open says it again: the backend hears of it once, and its answer counts."""
    main = await stage.backend("main")
    await stage.gateway()
    station, link = await stage.meet()
    asked = await station.ask("StartTransaction", START)
    await link.answer(await link.expect("StartTransaction"), STARTED)
    await station.expect_result(asked)
    await station.ask("StopTransaction", stop(5))
    first = await link.expect("StopTransaction")
    station.kill()
    again = await stage.station("CP1")
    new = await main.station("CP1")
    repeated = await again.ask("StopTransaction", stop(5))
    await again.ask("Heartbeat", {})
    await new.answer(await new.expect("Heartbeat"), {"currentTime": "2026-01-01T10:00:00Z"})
    await link.answer(first, {"idTagInfo": {"status": "Expired"}})
    assert (await again.expect_result(repeated)).payload == {"idTagInfo": {"status": "Expired"}}
    third = await again.call("StopTransaction", stop(5))
    assert third.payload == {"idTagInfo": {"status": "Expired"}}
    await link.closed()
    await stage.quiet(new)


async def newest(backend: ScriptedBackend, before: Link, identity: str = "CP1") -> Link:
    """Wait for the next link of a charger with a backend."""
    async with asyncio.timeout(20):
        while (link := await backend.station(identity)) is before:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.05)
    return link


async def test_a_charger_that_comes_while_the_database_is_away(stage: Stage) -> None:
    """It is let in, but charges only by a book that was read: what is owed from before is delivered when that is there.

    A charger that this gateway knows to have nothing on record charges all the same.
    """
    main = await stage.backend("main")
    gateway = await stage.gateway(
        backends={"main": {"when_down": "answer", "stand_in": {"accept": "all"}} | QUICK},
        routes={"main": {"admit": "gateway"}},
        store={"patience": 0.5},
    )
    station, link = await stage.meet()
    main.answers("BootNotification", ACCEPTED)
    await station.boot()
    await link.drop()
    main.refuse()
    number = (await station.call("StartTransaction", START)).payload["transactionId"]
    await owed(gateway, 1)
    await station.close()
    await gateway.stop()
    main.accept()
    await gateway.start()
    blank = await stage.station("CP2")
    before = await main.station("CP2")
    await blank.close()
    other = sqlite3.connect(_file(gateway), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    station, link = await stage.meet()
    await station.ask("Heartbeat", {})
    await link.answer(await link.expect("Heartbeat"), {"currentTime": "2026-01-01T10:00:00Z"})
    blank = await stage.station("CP2")
    its = await newest(main, before, "CP2")
    asked = await blank.ask("StartTransaction", START)
    await its.answer(await its.expect("StartTransaction"), STARTED)
    assert (await blank.expect_result(asked)).payload == STARTED
    again = await stage.station("CP1", name="again")
    await again.ask("StopTransaction", stop(number))
    assert (await again.closed()).code == 1013
    station = await stage.station("CP1", name="third")
    link = await newest(main, link)
    other.execute("ROLLBACK")
    other.close()
    start = await link.expect("StartTransaction")
    assert start.payload == START
    await link.answer(start, STARTED)
    asked = await station.ask("StopTransaction", stop(number))
    ended = await link.expect("StopTransaction")
    assert ended.payload == stop(5)
    await link.answer(ended)
    await station.expect_result(asked)


async def test_a_handshake_that_is_under_way_during_a_reload(stage: Stage) -> None:
    """A charger whose backend takes its time to let it in goes by the new configuration once it is in."""
    slow, quick = await stage.backend("slow"), await stage.backend("quick")
    before = stage.configuration(routes={"main": {"rules": [{"answer": "slow"}]}})
    gateway = await stage.gateway(before)
    slow.hold()
    coming = asyncio.ensure_future(stage.station("CP1"))
    await slow.expect_handshakes(1)
    del before["backends"]["slow"]
    gateway.reload(toml(before | {"routes": {"main": {"rules": [{"answer": "quick"}]}}}))
    await gateway.logged("configuration changed")
    slow.release()
    station = await coming
    link = await quick.station("CP1")
    asked = await station.ask("Heartbeat", {})
    await link.answer(await link.expect("Heartbeat"), {"currentTime": "2026-01-01T10:00:00Z"})
    await station.expect_result(asked)


@pytest.mark.parametrize("version", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_start_that_was_never_sent(stage: Stage, version: str) -> None:
    """Whose backend is away, and whose route is given to another before it was sent, is asked of that one."""
    main, billing = await stage.backend("main"), await stage.backend("billing")
    routes = {name: {"admit": "gateway", "rules": [{"answer": "main"}]} for name in ("main", "other")}
    document = stage.configuration(routes=routes, backends={"main": QUICK | {"wait": 1}, "billing": QUICK})
    gateway = await stage.gateway(document)
    billing.answers("StartTransaction", STARTED)
    billing.answers("TransactionEvent")
    station = await stage.station("CP1", version)
    link = await main.station("CP1")
    main.refuse()
    link.kill()
    await gateway.logged("backend away")
    event = {
        "eventType": "Started", "timestamp": "2026-01-01T10:00:00Z", "triggerReason": "Authorized", "seqNo": 0,
        "transactionInfo": {"transactionId": "T1"}, "idToken": {"idToken": "EMP1", "type": "ISO14443"},
    }  # fmt: skip
    said: Any = ("StartTransaction", START) if version == "ocpp1.6" else ("TransactionEvent", event)
    await station.ask(*said)
    await asyncio.sleep(0.2)
    document["routes"]["main"]["rules"] = [{"answer": "billing"}]
    gateway.reload(toml(document))
    assert (await station.closed()).code == 1001
    station = await stage.station("CP1", version, name="again")
    await station.call(*said)


async def test_copies_that_wait_while_the_charger_comes_again(stage: Stage) -> None:
    """A copy whose link is away for a moment hears a session of before a reconnect to its end, and then the next."""
    _, billing = await stage.backend("main"), await stage.backend("billing")
    await stage.gateway(routes={"main": {"admit": "gateway"}}, backends={"billing": QUICK | {"wait": 20}})
    station, at_main, at_billing = await stage.meet()
    billing.refuse()
    at_billing.kill()
    for number in (5, 6):
        at_main.answers("StartTransaction", STARTED | {"transactionId": number})
        at_main.answers("StopTransaction")
        begun = await station.call("StartTransaction", START | {"meterStart": number})
        await station.call("StopTransaction", stop(begun.payload["transactionId"], number))
        station = await stage.station("CP1", name=f"after {number}")
    heard: list[Any] = []
    billing.answers("StartTransaction", lambda start: heard.append(start.payload) or STARTED)
    billing.answers("StopTransaction", lambda stop: heard.append(stop.payload))
    billing.accept()
    async with asyncio.timeout(20):
        while len(heard) < 4:  # noqa: ASYNC110 - there is no event to wait for
            await asyncio.sleep(0.05)
    started = [START | {"meterStart": number} for number in (5, 6)]
    assert heard == [started[0], stop(5, 5), started[1], stop(5, 6)]
