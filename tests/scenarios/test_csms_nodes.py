"""The management system apart: gateways here, CSMS nodes there, RabbitMQ and PostgreSQL between; and each of them dies.

All servers are real, and so are the processes.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text

from tests.harness import Gateway, Json, ScriptedStation, free_port, toml, until
from tests.harness.command import VOLTGATE
from tests.harness.http_client import get
from tests.scenarios.csms_network import BOOT, STATUS, TOKEN, Network
from tests.store.conftest import emptied
from tests.web.client import asking
from voltgate.app import csms_process, life
from voltgate.app.database import upgrade
from voltgate.config import read
from voltgate.ocpp.messages import Reason, Reply, Result, Unanswered
from voltgate.store import schema
from voltgate.store.address import open_engine, read_address


def start(second: int = 0, meter: int = 0) -> Json:
    """Return what a StartTransaction says."""
    return {"connectorId": 1, "idTag": "A", "meterStart": meter, "timestamp": f"2026-01-01T00:00:{second:02}Z"}


def stop(number: int, meter: int = 9) -> Json:
    """Return what a StopTransaction says."""
    return {"transactionId": number, "meterStop": meter, "timestamp": "2026-01-01T01:00:00Z"}


async def begun(asked: str, station: ScriptedStation) -> int:
    """Return the number of a transaction that was begun."""
    answer = await station.expect_result(asked)
    assert answer.payload["idTagInfo"]["status"] == "Accepted"
    return int(answer.payload["transactionId"])


async def test_a_node_is_killed_in_each_state(network: Network) -> None:
    """The station notices a pause; no transaction is lost or doubled, and each has the number that is on record."""
    gateway, first = await network.gateway(), await network.node()
    station = await network.stage.station("CP-1", url=gateway.url("CP-1"))
    assert (await station.call("BootNotification", BOOT)).payload["status"] == "Accepted"

    first.signal(signal.SIGSTOP)  # before it reads what the broker brings it
    asked = await station.ask("StartTransaction", start())
    second = await network.node()
    assert await network.transactions() == []
    await first.kill()
    number = await begun(asked, station)
    assert await network.transactions() == [("cp-1", number, "running")]

    await network.rows(
        "CREATE FUNCTION hold() RETURNS trigger AS 'BEGIN PERFORM pg_advisory_xact_lock(42); RETURN NULL; END'"
        " LANGUAGE plpgsql"
    )
    await network.rows(
        "CREATE CONSTRAINT TRIGGER hold AFTER INSERT ON csms_transactions DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION hold()"
    )
    other = await network.stage.station("CP-2", url=gateway.url("CP-2"))
    async with held(network) as release:
        asked = await other.ask("StartTransaction", start())
        await until(lambda: is_waiting(network), "the node commits")
        second.signal(signal.SIGSTOP)
        await release()
    await until(lambda: has(network, 2), "it is on disk")  # committed, and nobody is answered
    third = await network.node()
    await second.kill()
    on_record = [number for key, number, _ in await network.transactions() if key == "cp-2"]
    assert [await begun(asked, other)] == on_record

    fourth = await network.node()
    await third.kill()  # idle
    for each, its in ((station, number), (other, on_record[0])):
        await each.call("StopTransaction", stop(its))
    assert (await station.call("Heartbeat")).kind == 3
    assert await network.transactions() == [("cp-1", number, "ended"), ("cp-2", on_record[0], "ended")]
    await network.stage.quiet(station, other)
    await fourth.stop()
    await gateway.stop()


@asynccontextmanager
async def held(network: Network) -> AsyncIterator[Any]:
    """Keep transactions from being committed, until what this gives is called."""
    engine = open_engine(read_address(network.server.url), 60)
    connection = await engine.connect()
    await connection.execute(text("SELECT pg_advisory_lock(42)"))
    await connection.commit()

    async def release() -> None:
        await connection.execute(text("SELECT pg_advisory_unlock(42)"))
        await connection.commit()

    try:
        yield release
    finally:
        await connection.close()
        await engine.dispose()


async def is_waiting(network: Network) -> bool:
    """Return whether somebody waits to commit."""
    return bool(await network.rows("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"))


async def has(network: Network, number: int) -> bool:
    """Return whether there are so many transactions."""
    return len(await network.transactions()) == number


async def test_servers_die(network: Network) -> None:
    """PostgreSQL, then RabbitMQ, is killed and started again: what stations say meanwhile is answered afterwards."""
    gateway, node, other = await network.gateway(), await network.node(), await network.node()
    station = await network.stage.station("CP-1", url=gateway.url("CP-1"))
    await station.call("BootNotification", BOOT)
    network.server.kill()
    asked = await station.ask("StartTransaction", start())
    await gateway.logged("carrier down")
    for each in (node, other):
        await until(lambda each=each: is_unready(each), "it says that it can answer nobody")
    network.server.start()
    number = await begun(asked, station)
    assert await network.transactions() == [("cp-1", number, "running")]

    network.rabbit.kill()
    asked = await station.ask("StopTransaction", stop(number))
    network.rabbit.start()
    await station.expect_result(asked)
    assert await network.transactions() == [("cp-1", number, "ended")]
    await until(lambda: network.is_connected("cp-1"), "it is connected, at the gateway's new queue")
    for each in (node, other, gateway):
        await each.stop()


async def is_unready(node: Gateway) -> bool:
    """Return whether a node says that it can answer nobody."""
    return json.loads((await node.get("/readyz")).body)["ready"] is False


async def test_the_audit_trail_of_a_node(network: Network) -> None:
    """Its start and its end are lines, and at the end the count of who was refused; one that is killed has no end."""
    trail = "SELECT backend, action, detail FROM audit ORDER BY number"
    node, killed = await network.node(), await network.node()

    async def both_began() -> bool:
        return len(await network.rows(trail)) == 2

    await until(both_began, "it is written that both have begun")
    async with asking(node.http_port, "wrong") as stranger:
        assert [(await stranger.get("/me")).status for _ in range(3)] == [401] * 3
    await killed.kill()
    await node.stop()
    starts, refused, stopped = (lines := await network.rows(trail))[:2], lines[2:-1], lines[-1]
    assert [(row.backend, row.action) for row in starts] == [("voltgate", "Start")] * 2
    assert [(row.backend, row.detail) for row in refused] == [("", "/me"), ("", "2 more, the first: /me")]
    assert (stopped.backend, stopped.action) == ("voltgate", "Stop")
    assert stopped.detail in {row.detail for row in starts}


async def test_nodes_are_replaced_one_by_one(network: Network) -> None:
    """Stations charge all the time: each call has one answer, and each transaction is there once."""
    gateway, nodes = await network.gateway(), [await network.node(), await network.node()]
    stations = [await network.stage.station(f"CP-{number}", url=gateway.url(f"CP-{number}")) for number in range(8)]
    over = asyncio.Event()

    async def charge(station: ScriptedStation) -> list[int]:
        numbers: list[int] = []
        while not over.is_set():
            asked = await station.ask("StartTransaction", start(len(numbers) % 60, len(numbers)))
            numbers.append(await begun(asked, station))
            await station.expect_result(await station.ask("StopTransaction", stop(numbers[-1], len(numbers))))
        return numbers

    charging = [asyncio.create_task(charge(station)) for station in stations]
    for node in nodes:
        await node.stop()
        await network.node()
    over.set()
    numbers = [number for each in charging for number in await each]
    found = await network.transactions()
    assert sorted(numbers) == sorted(number for _, number, _ in found)
    assert {state for _, _, state in found} == {"ended"}
    assert len(numbers) >= len(stations)


async def test_gateways_that_die_and_commands(network: Network) -> None:
    """Any node reaches a station, also one that never heard it; and marks those of a gateway that says nothing.

    One that is stopped waits for those that its jobs have told.
    """
    network.csms = {"grace": 1}
    one, two = await network.gateway(), await network.gateway()
    node = await network.node()
    station = await network.stage.station("CP-1", url=one.url("CP-1"))
    station.answers("Reset", {"status": "Accepted"})
    await station.call("StatusNotification", STATUS)
    async with at_hand(network) as process:
        call = process._parts.csms.call
        reply: Reply = await call("cp-1", "Reset", {"type": "Soft"}, 30)
        assert isinstance(reply, Result)
        assert reply.fields == {"status": "Accepted"}
        nobody = await call("cp-9", "Reset", {"type": "Soft"}, 30)
        assert isinstance(nobody, Unanswered)
        assert (nobody.reason, nobody.id) == (Reason.GONE, "")

        await is_shown(process)
        await until(network.is_ready_for_tomorrow, "there is room for the meter values of the days to come")
        clearing = asyncio.create_task(call("cp-1", "ClearCache", {}, 60))
        asked = await station.expect("ClearCache")
    lost = await clearing  # whoever asked has gone; the station does not notice
    assert isinstance(lost, Unanswered)
    assert lost.id
    await station.answer(asked, {"status": "Accepted"})
    assert (await station.call("Heartbeat")).kind == 3

    async with asking(node.http_port, TOKEN) as api:
        order = {"command": "unlock", "parameters": {"evse": 1}, "stations": ["CP-1"]}
        (await api.post("/jobs", order)).gives(201)
    asked = await station.expect("UnlockConnector")
    stopping = asyncio.create_task(node.stop())
    await until(lambda: is_unready(node), "it ends")
    await station.answer(asked, {"status": "Unlocked"})
    await stopping
    assert [tuple(row) for row in await network.rows("SELECT state FROM csms_job_items")] == [("done",)]

    node = await network.node()
    await one.kill()

    async def is_marked() -> bool:
        rows = await network.rows("SELECT status FROM csms_connectors")
        return [tuple(row) for row in rows] == [("Unavailable",)]

    await until(is_marked, "nobody can charge there")
    assert not await network.is_connected("cp-1")
    station = await network.stage.station("CP-1", url=two.url("CP-1"), name="CP-1 again")
    await until(lambda: network.is_connected("cp-1"), "it is back")
    assert not await is_marked()
    await station.close()
    await until(is_marked, "it has gone")
    await node.stop()


async def is_shown(process: csms_process.CsmsProcess) -> None:
    """See what the API of a node has, and that it says what it has not."""
    address, bearer = process._active.config.listen.http_address, {"Authorization": f"Bearer {TOKEN}"}
    assert address is not None
    shown = await get(address[1], "/api/v1/csms/stations/CP-1", headers=bearer)
    assert json.loads(shown.body)["connected"] is True
    nothing = await get(address[1], "/api/v1/backends?sort=name", headers=bearer)
    assert (nothing.status, "ask a gateway" in nothing.body) == (404, True)
    assert (await get(address[1], "/api/v1/backends")).status == 401
    wrong = {"Authorization": "Bearer of-somebody-else"}
    assert (await get(address[1], "/api/v1/csms/stations/CP-1", headers=wrong)).status == 401
    page = (await get(address[1], "/metrics")).body
    assert "voltgate_csms_up 1.0" in page
    assert 'voltgate_logins_failed_total{reason="unknown token"} 1.0' in page


@asynccontextmanager
async def at_hand(network: Network) -> AsyncIterator[csms_process.CsmsProcess]:
    """Run a CSMS node in this process."""
    file = network.stage.folder / "at-hand.toml"
    file.write_text(toml({**network.document(), "listen": {"http": f"127.0.0.1:{free_port()}"}}))
    process = csms_process.CsmsProcess(read(file, {"VOLTGATE_ADMIN_TOKEN": TOKEN}))
    stop, ready = asyncio.Event(), asyncio.Event()
    living = asyncio.create_task(life.run_through(process, lambda _: ready.set(), stop, asyncio.Event()))
    await until(ready.is_set, "it has begun")
    await until(lambda: all(each.is_connected for each in process._parts.nodes.values()), "it consumes")
    yield process
    stop.set()
    await living


async def test_an_older_database(network: Network) -> None:
    """A node waits for `voltgate db upgrade`, says so, and answers as soon as that was done."""
    await emptied(read_address(network.server.url))
    engine = open_engine(read_address(network.server.url), 5)
    await schema.upgrade(engine, "0004")
    await engine.dispose()
    node = network.stage.prepare(network.document())
    node.does = "csms"
    await node.launch()

    async def reason() -> str:
        return str(json.loads((await node.get("/readyz")).body)["store"].get("reason", ""))

    async def waits() -> bool:
        try:
            return "voltgate db upgrade" in await reason()
        except (OSError, IndexError):
            return False

    await until(waits, "it says what is needed")
    gateway = await network.gateway()
    station = await network.stage.station("CP-1", url=gateway.url("CP-1"))
    asked = await station.ask("BootNotification", BOOT)
    await upgrade(read_address(network.server.url))
    assert (await station.expect_result(asked)).payload["status"] == "Accepted"
    await node.stop()


REFUSED: Json = {
    "listen": {"stations": ["ws://127.0.0.1:1"]},
    "backends": {"bus": {"url": "amqp://127.0.0.1:1"}},
    "routes": {"main": {"rules": [{"answer": "bus"}]}},
    "stations": [{"match": "*", "route": "main"}],
    "store": {"url": "postgresql://postgres@127.0.0.1:1/postgres"},
}


@pytest.mark.parametrize(
    ("named", "changes", "sentence"),
    [
        ((), {"store": {"url": "sqlite:///x.db"}}, "needs a database that it shares"),
        ((), {"backends": {"bus": {"url": "ws://127.0.0.1:1"}}}, 'needs a backend with url = "amqp://host:5672"'),
        (("buss",), {}, 'there is no backend "buss"'),
    ],
)
def test_what_is_none_for_a_node(named: tuple[str, ...], changes: Json, sentence: str, tmp_path: Any) -> None:
    """The sentence says what to do."""
    file = tmp_path / "voltgate.toml"
    file.write_text(toml(REFUSED | changes))
    assert sentence in str(csms_process.objection(read(file, {}), named))


@pytest.mark.parametrize(
    ("command", "changes", "sentence"),
    [
        (("csms", "--backend", "buss"), {}, 'there is no backend "buss"'),
        (("gateway",), {"backends": {"bus": {"url": "local:"}}}, "the management system in the process of the gateway"),
    ],
)
def test_what_is_refused(command: tuple[str, ...], changes: Json, sentence: str, tmp_path: Any) -> None:
    """A configuration that is none for such a process is refused with a sentence that says what to do."""
    file = tmp_path / "voltgate.toml"
    file.write_text(toml(REFUSED | changes))
    arguments = [*VOLTGATE, command[0], "-c", str(file), *command[1:]]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr
