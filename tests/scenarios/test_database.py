"""A database that is locked or gone: what needs it waits or is let go, everything else goes on."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

from tests.harness import VOLTGATE, Gateway, Stage
from tests.scenarios.test_promises import newest
from tests.servers import PostgreSQL, postgresql

START = {"connectorId": 1, "idTag": "EMP1", "timestamp": "2026-01-01T10:00:00Z", "meterStart": 0}
STARTED = {"transactionId": 5, "idTagInfo": {"status": "Accepted"}}
SPLIT = {
    "admit": "gateway",
    "rules": [
        {"tokens": ["EMP*"], "answer": "employer", "copy": ["billing"]},
        {"answer": "billing", "copy": ["employer"]},
    ],
}


async def until_store_is(gateway: Gateway, status: str) -> dict[str, Any]:
    """Wait until the gateway says that its database is so."""
    while True:
        ready = json.loads((await gateway.get("/readyz")).body)
        if ready["store"]["status"] == status:
            return ready  # type: ignore[no-any-return]


async def test_a_locked_database(stage: Stage) -> None:
    """The station of two backends is let go with its start, that of one charges on; later both are served."""
    billing, employer = await stage.backend("billing"), await stage.backend("employer")
    gateway = await stage.gateway(
        routes={"main": SPLIT, "single": {"admit": "gateway", "rules": [{"answer": "billing"}]}},
        stations=[{"identity": "ALONE", "route": "single"}, {"match": "*", "route": "main"}],
        store={"patience": 0.5},
    )
    station, alone = await stage.station("CP1"), await stage.station("ALONE")
    link = await employer.station("CP1")
    other = sqlite3.connect(_file(gateway), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    await station.ask("StartTransaction", START)
    await link.answer(await link.expect("StartTransaction"), STARTED)
    assert (await station.closed()).code == 1013
    asked = await alone.ask("StartTransaction", START)
    own = await billing.station("ALONE")
    await own.answer(await own.expect("StartTransaction"), STARTED)
    assert (await alone.expect_result(asked)).payload == STARTED
    asked = await alone.ask("StartTransaction", START)
    assert (await alone.expect_result(asked)).payload == STARTED
    ready = await until_store_is(gateway, "away")
    assert (ready["ready"], "locked" in ready["store"]["reason"]) == (True, True)
    assert await gateway.metric("voltgate_store_up") == 0
    refused = await stage.refused("CP2")
    assert refused.status_code == 503
    other.execute("ROLLBACK")
    other.close()
    await until_store_is(gateway, "ok")
    back = await stage.station("CP1")
    asked = await back.ask("StartTransaction", START)
    number = (await back.expect_result(asked)).payload["transactionId"]
    asked = await back.ask("StopTransaction", {"transactionId": number, "meterStop": 1, "timestamp": "x"})
    link = await employer.station("CP1")
    call = await link.expect("StopTransaction")
    assert call.payload["transactionId"] == 5
    await link.answer(call)
    await back.expect_result(asked)
    assert link.unread == []


async def test_two_gateways_on_one_sqlite_file(stage: Stage) -> None:
    """The second is told so, and takes no station of two backends; it has the file as soon as the first has ended."""
    await stage.backend("billing")
    employer = await stage.backend("employer")
    shared: dict[str, Any] = {"routes": {"main": SPLIT}, "store": {"url": f"sqlite:///{stage.folder}/shared.db"}}
    one, other = await stage.gateway(**shared), await stage.gateway(**shared)
    store = (await until_store_is(other, "away"))["store"]
    assert store["reason"].startswith(f"another Voltgate has {stage.folder}/shared.db: stop it, or give this one ")
    await other.logged("the database is away", "PostgreSQL")
    assert (await stage.refused("CP1", url=other.url("CP1"))).status_code == 503
    station = await stage.station("CP1", url=one.url("CP1"))
    asked = await station.ask("StartTransaction", START)
    link = await employer.station("CP1")
    await link.answer(await link.expect("StartTransaction"), STARTED)
    number = (await station.expect_result(asked)).payload["transactionId"]
    await one.kill()
    await until_store_is(other, "ok")
    station = await stage.station("CP1", url=other.url("CP1"), name="again")
    await station.ask("StopTransaction", {"transactionId": number, "meterStop": 1, "timestamp": "x"})
    link = await newest(employer, link)
    assert (await link.expect("StopTransaction")).payload["transactionId"] == 5


async def test_the_same_on_postgresql(stage: Stage) -> None:
    """A transaction outlives the gateway on PostgreSQL as well, and PostgreSQL itself may die in between."""
    billing, employer = await stage.backend("billing"), await stage.backend("employer")
    del billing
    with postgresql() as server:
        await _upgraded(server, stage.folder)
        gateway = await stage.gateway(
            routes={"main": SPLIT},
            store={"url": server.url, "patience": 1},
            backends={"billing": {"deliver": "always"}},
        )
        station = await stage.station("CP1")
        link = await employer.station("CP1")
        asked = await station.ask("StartTransaction", START)
        await link.answer(await link.expect("StartTransaction"), STARTED)
        number = (await station.expect_result(asked)).payload["transactionId"]
        server.kill()
        await station.ask("StopTransaction", {"transactionId": number, "meterStop": 1, "timestamp": "x"})
        await link.answer(await link.expect("StopTransaction"))
        assert (await station.closed()).code == 1013
        server.start()
        await gateway.kill()
        await gateway.start()
        await until_store_is(gateway, "ok")
        back = await stage.station("CP1")
        asked = await back.ask("StopTransaction", {"transactionId": number, "meterStop": 1, "timestamp": "x"})
        link = await employer.station("CP1")
        call = await link.expect("StopTransaction")
        assert call.payload["transactionId"] == 5
        await link.answer(call)
        await back.expect_result(asked)
        await gateway.stop()


def _file(gateway: Gateway) -> Path:
    return gateway.folder / "var" / "voltgate.db"


async def _upgraded(server: PostgreSQL, folder: Path) -> None:
    """Bring the database up to date, as an operator does."""
    configuration = folder / "database.toml"
    configuration.write_text(f'[store]\nurl = "{server.url}"\n')
    program = await asyncio.create_subprocess_exec(
        *VOLTGATE, "db", "upgrade", "-c", str(configuration), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await program.communicate()
    assert program.returncode == 0
    assert said.decode().startswith(f"{server.url} has revision ")
