"""A new version of the schema while stations charge: from the old gateway to the new one, and back."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from itertools import count

import pytest

from tests.harness import Gateway, ScriptedStation, Stage, until
from tests.harness.command import VOLTGATE
from tests.servers import PostgreSQL, postgresql
from tests.store.expansion import CONTRACTED, EXPANDED, KNOWN, next_version

NEXT = """
import sys
from pathlib import Path
from voltgate.store import schema
schema.SCRIPTS = Path(sys.argv.pop(1))
from voltgate.cli import main
main()
"""
"""The next version: this one, with the scripts of the next one."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """An empty PostgreSQL."""
    with postgresql() as running:
        yield running


def said(command: tuple[str, ...], *arguments: str) -> str:
    """Run a command to its end, and return what it prints."""
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def begins(station: ScriptedStation) -> int:
    """Begin a transaction; return its number."""
    start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    answer = await station.call("StartTransaction", start)
    assert answer.payload["idTagInfo"]["status"] == "Accepted"
    return int(answer.payload["transactionId"])


async def charges(station: ScriptedStation, number: int) -> None:
    """Say how far it is."""
    await station.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": []})


async def ends(station: ScriptedStation, number: int) -> None:
    """End a transaction."""
    stop = {"transactionId": number, "meterStop": 9, "timestamp": "2026-01-01T01:00:00Z"}
    await station.call("StopTransaction", stop)


async def store_of(gateway: Gateway) -> tuple[str, str]:
    """Return how its database is, and why."""
    store = json.loads((await gateway.get("/readyz")).body)["store"]
    return store["status"], store.get("reason", "")


async def test_there_and_back(stage: Stage, server: PostgreSQL) -> None:
    """Stations charge on the old gateway and on the new one while the schema is expanded, and change over both ways.

    What one of them began the other ends, with the number that the backend gave it, and nothing is told twice. Only
    what is contracted shuts the old one out.
    """
    new = (sys.executable, "-c", NEXT, str(next_version(stage.folder)))
    main, copy = await stage.backend("main"), await stage.backend("copy")
    numbers, accepted = count(100), {"status": "Accepted"}
    for backend in (main, copy):
        backend.answers("StartTransaction", lambda _: {"transactionId": next(numbers), "idTagInfo": accepted})
        backend.answers("MeterValues")
        backend.answers("StopTransaction")

    def one_more() -> Gateway:
        changes = {"backends": {"copy": {"deliver": "always"}}, "shutdown": {"grace": 30}}
        return stage.prepare(stage.configuration(store={"url": server.url}, **changes))

    old, other_old, newer = one_more(), one_more(), one_more()
    newer.command = new
    assert f"revision {KNOWN}" in said(tuple(VOLTGATE), "db", "upgrade", "-c", str(old.file))
    await old.start()
    here, there = [await stage.station(name, url=old.url(name)) for name in ("CP1", "CP2")]
    number = await begins(here)
    await newer.start()
    needed = f"the database has revision {KNOWN} and {EXPANDED} is needed: run `voltgate db upgrade`"
    assert await store_of(newer) == ("away", needed)

    printed = said(new, "db", "upgrade", "-c", str(newer.file))
    assert f"revision {EXPANDED}" in printed
    assert "voltgate db contract" in printed
    await charges(here, number)
    other = await begins(there)
    await other_old.start()
    assert (await store_of(other_old))[0] == "ok"

    async def works() -> bool:
        return (await store_of(newer))[0] == "ok"

    await until(works, "the new gateway works with it")

    await here.close()
    here = await stage.station("CP1", url=newer.url("CP1"))
    await charges(here, number)
    await ends(here, number)
    third = await stage.station("CP3", url=newer.url("CP3"))
    back = await begins(third)
    await third.close()
    third = await stage.station("CP3", url=other_old.url("CP3"))
    await charges(third, back)
    await ends(third, back)

    await old.stop()
    await other_old.stop()
    there = await stage.station("CP2", url=newer.url("CP2"))
    assert f"revision {CONTRACTED}" in said(new, "db", "contract", "-c", str(newer.file))
    await charges(there, other)
    await ends(there, other)
    await old.start()
    status, reason = await store_of(old)
    assert status == "away"
    assert f"which a newer Voltgate has made, and this one knows {KNOWN}" in reason
    await old.stop()

    def told() -> bool:
        ends_of = [stage.transcript.got(f"{name}/{one}") for name in ("main", "copy") for one in ("CP1", "CP2", "CP3")]
        return all(any("StopTransaction" in text for text in heard) for heard in ends_of)

    await until(told, "each backend has heard each end")
    await newer.stop()
    for name in ("main", "copy"):
        for station in ("CP1", "CP2", "CP3"):
            heard = [json.loads(text) for text in stage.transcript.got(f"{name}/{station}") if text.startswith("[2")]
            actions = [action for _, _, action, _ in heard if action != "MeterValues"]
            assert actions == ["StartTransaction", "StopTransaction"], (name, station)
            named = {payload["transactionId"] for _, _, action, payload in heard if action != "StartTransaction"}
            assert len(named) == 1, (name, station)
