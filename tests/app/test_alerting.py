"""Alerts of a whole gateway, by a clock that the test moves: outages, changes of the configuration, a database away."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.alerts.http_servers import Receiver, receiver
from tests.alerts.smtp_servers import Inbox, scripted_server, smtp_server
from tests.app.running import Running, running
from tests.harness import Json, ScriptedStation, Stage, until
from tests.store.alert_stage import Clock
from voltgate.app import alerting
from voltgate.relay.events import DatabaseAway, DatabaseBack, StatusChanged
from voltgate.relay.records import StoreAway

BEAT = {"currentTime": "2026-01-01T00:00:00Z"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerting, "_TICK", 0.05)
    monkeypatch.setattr(alerting, "_GATHER", 0.02)
    monkeypatch.setattr(alerting, "_LAST", 0.5)


@asynccontextmanager
async def gateway(stage: Stage, **changes: Any) -> AsyncIterator[tuple[Running, Clock, Json]]:
    """Run a gateway of the stage in this process; its alerts go by a clock that the test moves."""
    document = stage.configuration(**changes)
    clock = Clock()
    async with running(stage.folder, document) as process:
        process.parts.alerting.wall = process.parts.alerting.sender._wall = clock
        yield process, clock, document


def url(document: Json, identity: str) -> str:
    """Return where a station connects."""
    return f"{document['listen']['stations'][0]}/{identity}"


async def idle(process: Running) -> None:
    """Wait until all that was noted is written down."""
    await until(lambda: not len(process.parts.alerting.engine), "all that was noted is written down")


def mail(port: int) -> Json:
    """Return a channel to a mail server on this machine."""
    return {"mail": {"from": "a@x.example", "to": ["b@x.example"], "host": "127.0.0.1", "port": port}}


def hook(port: int) -> Json:
    """Return a channel to a webhook on this machine."""
    return {"webhook": {"url": f"http://127.0.0.1:{port}/"}}


def subjects(people: Receiver) -> list[str]:
    """Return what a webhook has got."""
    return [json.loads(body)["subject"] for _, _, body in people.got]


async def test_500_stations_drop_and_return(stage: Stage) -> None:
    """They are one mail, with the list, and one when they are back."""
    backend = await stage.backend("main")
    inbox = Inbox()
    rule = {"events": ["disconnectedFromProxy"], "channels": ["ops"]}
    async with (
        smtp_server(inbox) as port,
        gateway(stage, alerts={"channels": {"ops": mail(port)}, "rules": [rule]}) as (process, clock, document),
    ):
        names = [f"CP-{number:03}" for number in range(500)]

        async def come() -> list[ScriptedStation]:
            stations: list[ScriptedStation] = []
            for start in range(0, 500, 50):
                some = (stage.station(name, url=url(document, name)) for name in names[start : start + 50])
                stations += await asyncio.gather(*some)
            return stations

        stations = await come()
        await until(lambda: len(process.parts.gateway.sessions) == 500, "all are there")
        for station in stations:
            station.kill()
        await until(lambda: not process.parts.gateway.sessions, "all have gone")
        await idle(process)
        clock.now += 70
        await until(lambda: inbox.mails, "a mail")
        await come()
        await until(lambda: len(process.parts.gateway.sessions) == 500, "all are back")
        await idle(process)
        clock.now += 10
        await until(lambda: len(inbox.mails) > 1, "another one")
        clock.now += 3600
        await process.parts.alerting.tell()
        (_, told), (_, over) = inbox.mails
        assert told["Subject"] == "Client disconnected: 500 stations"
        assert over["Subject"] == "Recovered: Client disconnected: 500 stations"
        part = told.get_body(("plain",))
        assert part is not None
        assert all(name in part.get_content() for name in names)
        assert len(await process.parts.alerting.store.deliveries((), None, 10)) == 2
        assert backend.links


async def test_no_message_waits(stage: Stage) -> None:
    """A mail server that hangs, and a database that alerts cannot be written to, delay no answer to a station."""
    backend = await stage.backend("main")
    backend.answers("Heartbeat", BEAT)
    rule = {"events": ["*"], "channels": ["ops"], "hold": 0, "group": 0}
    async with (
        scripted_server("") as (port, _),
        gateway(stage, alerts={"channels": {"ops": mail(port)}, "rules": [rule]}) as (process, _, document),
    ):
        station = await stage.station("CP1", url=url(document, "CP1"))
        await until(lambda: process.parts.alerting.sender._open, "a mail hangs")
        written = asyncio.Event()

        async def hang(*_: object) -> None:
            written.set()
            await asyncio.Event().wait()

        process.parts.alerting.store.note = hang  # type: ignore[method-assign]
        await stage.station("CP2", url=url(document, "CP2"))
        await until(written.is_set, "what is noted is being written")
        assert (await station.call("Heartbeat")).payload == BEAT
        assert len(process.parts.alerting.engine) > 0


async def test_the_configuration_changes(stage: Stage, tmp_path: Path) -> None:
    """Other rules, other names and other channels hold from then on, without a restart."""
    await stage.backend("main")
    names = tmp_path / "names.json"
    names.write_text('{"CP1": "North"}')
    rule = {"events": ["connectedToProxy"], "channels": ["ops"], "hold": 0, "group": 0}
    async with receiver() as first, receiver() as second:
        section = {"channels": {"ops": hook(first.port)}, "rules": [rule], "names": str(names)}
        async with gateway(stage, alerts=section) as (process, _, document):
            station = await stage.station("CP1", url=url(document, "CP1"))
            await until(lambda: subjects(first) == ["Client connected: North"], "it is told by its name")
            names.write_text('{"CP1": "South"}')
            os.utime(names, ns=(1, 1))
            rule |= {"events": ["disconnectedFromProxy"]}
            section |= {"channels": {"ops": hook(second.port)}}
            assert await process.change(document | {"alerts": section}) == ()
            await until(lambda: process.parts.alerting.engine.names == {"CP1": "South"}, "the names are read again")
            await station.close()
            await until(lambda: subjects(second) == ["Client disconnected: South"], "the other is told")
            assert len(first.got) == 1


async def test_a_database_that_is_away(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """That it is away is told all the same, and what endangers people; the rest is told when it is back."""
    await stage.backend("main")
    rule = {"events": ["*"], "channels": ["ops"], "hold": 0, "group": 0}
    async with (
        receiver() as people,
        gateway(stage, alerts={"channels": {"ops": hook(people.port)}, "rules": [rule]}) as (process, _, _),
    ):
        database, listen = process.parts.database, process.parts.happened
        assert database is not None
        really = database.there

        def away() -> Any:
            raise StoreAway("it is away")

        monkeypatch.setattr(database, "_reason", "it is away")
        monkeypatch.setattr(database, "there", away)
        process.parts.alerting.store._reach.engine = away
        listen(StatusChanged("CP1", None, 1, "Faulted", "WeakSignal", ""))
        listen(DatabaseAway("it is away"))
        listen(StatusChanged("CP2", None, 1, "Faulted", "GroundFailure", ""))

        def told() -> set[str]:
            return set(subjects(people))

        await until(lambda: {"Database away", "[CP2] Connector #1 is now Faulted"} <= told(), "these are told")
        assert not any("CP1" in subject for subject in told())
        monkeypatch.setattr(database, "_reason", None)
        monkeypatch.setattr(database, "there", really)
        process.parts.alerting.store._reach.engine = really
        listen(DatabaseBack(1.0))
        listen(StatusChanged("CP2", None, 1, "Available", "NoError", ""))
        await until(
            lambda: (
                {
                    "[CP1] Connector #1 is now Faulted",
                    "Database back",
                    "Recovered: [CP2] Connector #1 is now Faulted",
                }
                <= told()
            ),
            "the rest is",
        )
