"""Several gateways of one machine on the same ports: what stations, operators and scrapers see of them."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.harness import Gateway, Stage, toml, until
from tests.harness.http_client import listens_at
from tests.servers import PostgreSQL, postgresql
from tests.web.client import TOKEN, asking
from voltgate.app.database import upgrade
from voltgate.store.address import read_address

BEAT = {"currentTime": "2026-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """A PostgreSQL for the gateways of this file."""
    with postgresql() as running:
        asyncio.run(upgrade(read_address(running.url)))
        yield running


async def several(stage: Stage, server: PostgreSQL, number: int, **changes: Any) -> Gateway:
    """Start workers; return them as one gateway."""
    gateway = stage.prepare(stage.configuration(store={"url": server.url}, **changes))
    gateway.options = ("--workers", str(number))
    await gateway.start()
    await gateway.logged("all workers listen")
    return gateway


def workers_of(gateway: Gateway) -> dict[int, psutil.Process]:
    """Return the processes of the workers, by number."""
    found = {}
    for child in psutil.Process(gateway.pid).children():
        line = child.cmdline()
        found[int(json.loads(line[line.index("--worker") + 1])["number"])] = child
    return found


async def stations_of(gateway: Gateway) -> dict[str, float]:
    """Return how many stations each worker has, as the page of metrics says."""
    metrics = await gateway.metrics()
    return {dict(labels)["worker"]: value for (name, labels), value in metrics.items() if name == "voltgate_stations"}


async def page(gateway: Gateway, path: str) -> tuple[int, Any]:
    """Ask for a page of JSON."""
    answer = await gateway.get(path)
    return answer.status, json.loads(answer.body)


async def test_workers_are_one_gateway(stage: Stage, server: PostgreSQL) -> None:
    """Stations spread over the workers; whichever is asked, it says how all are; signals reach all.

    One that dies is started again while the others go on.
    """
    main = await stage.backend("main")
    main.answers("Heartbeat", BEAT)
    gateway = await several(stage, server, 3, listen={"http_socket": "api.sock"})
    stations = [await stage.station(f"CP{number}") for number in range(24)]
    for station in stations:
        await station.call("Heartbeat")
    spread = await stations_of(gateway)
    assert sorted(spread) == ["1", "2", "3"]
    assert sum(spread.values()) == len(stations)
    assert sum(map(bool, spread.values())) > 1, "all went to one worker"
    beats = await gateway.metric("voltgate_calls_total", action="Heartbeat", outcome="result", backend="main")
    assert beats == len(stations)
    for _ in range(12):  # whoever is asked
        status, ready = await page(gateway, "/readyz")
        assert (status, ready["ready"], ready["workers"]) == (200, True, dict.fromkeys("123", "serving"))
        status, health = await page(gateway, "/healthz")
        assert (status, health["status"], health["workers"]) == (200, "ok", dict.fromkeys("123", "ok"))
        assert sorted(await stations_of(gateway)) == ["1", "2", "3"]
    assert await listens_at(gateway.folder / "api.sock")
    for number in "123":
        await gateway.logged('"event":"listening"', f'"worker":{number}')
    gateway.reload(toml(stage.configuration_of(gateway, limits={"message_size": "64KiB"})))
    for number in "123":
        await gateway.logged('"event":"configuration changed"', f'"worker":{number}')
    assert "takes a restart" not in gateway.log
    await stage.quiet(*stations)

    before = workers_of(gateway)
    before[2].kill()
    line = json.loads(await gateway.logged("a worker has ended, and is started again"))
    assert (line["worker"], line["code"]) == (2, 137)

    async def is_back() -> bool:
        return await gateway.metric("voltgate_worker_restarts_total", worker="2") == 1

    await until(is_back, "worker 2 is back")
    assert await gateway.metric("voltgate_worker_restarts_total") == 1
    assert await gateway.metric("voltgate_worker_up") == 3
    assert workers_of(gateway)[1].pid == before[1].pid
    gateway.signal(signal.SIGTERM)
    closed = [(await station.closed()).code for station in stations]
    assert set(closed) == {1001} | ({1006} if spread["2"] else set())
    assert closed.count(1006) == spread["2"]
    assert await gateway.exited() == 0


async def test_a_worker_that_hangs(stage: Stage, server: PostgreSQL) -> None:
    """The others name it. A signal that reaches all processes, as a terminal's does, is one; a second ends all now."""
    await stage.backend("main")
    gateway = await several(stage, server, 2, shutdown={"ahead": 600})
    hung = workers_of(gateway)[2]
    hung.suspend()

    async def shown() -> bool:
        asked = [asyncio.ensure_future(page(gateway, "/healthz")) for _ in range(4)]  # who is asked is not ours to say
        done, silent = await asyncio.wait(asked, timeout=4)
        for each in silent:
            each.cancel()
        await asyncio.gather(*silent, return_exceptions=True)
        answers = [each.result() for each in done]
        return any((s, health["workers"]) == (503, {"1": "ok", "2": "no answer"}) for s, health in answers)

    await until(shown, "the other one says so")
    hung.resume()
    for worker in workers_of(gateway).values():
        worker.send_signal(signal.SIGINT)
    gateway.signal(signal.SIGINT)
    await until(lambda: gateway.log.count('"event":"stopping"') == 2, "both have heard it")
    assert (await page(gateway, "/readyz"))[0] == 503
    gateway.signal(signal.SIGINT)
    assert await gateway.exited() == 130


async def test_workers_end_with_their_supervisor(stage: Stage, server: PostgreSQL) -> None:
    """However the supervisor ends, no worker stays: its stations are handed over, and no file is left."""
    await stage.backend("main")
    gateway = await several(stage, server, 2)
    workers = workers_of(gateway)
    folder = Path(json.loads(workers[1].cmdline()[-1])["folder"])
    assert folder.stat().st_mode & 0o777 == 0o700
    station = await stage.station("CP1")
    await gateway.drop()
    assert (await station.closed()).code == 1001
    await until(lambda: not any(each.is_running() and each.status() != "zombie" for each in workers.values()), "gone")
    assert not folder.exists()


@pytest.mark.parametrize(("url", "why"), [("sqlite:///x.db", "SQLite"), ("off", "no database")])
async def test_workers_need_a_database_that_they_share(stage: Stage, url: str, why: str) -> None:
    """The reason is given, and what to do."""
    await stage.backend("main")
    gateway = stage.prepare(stage.configuration(store={"url": url}))
    gateway.options = ("--workers", "2")
    await gateway.launch()
    assert await gateway.exited() == 1
    assert why in gateway.log
    assert 'set store.url = "postgresql://user@host/database", or leave --workers out' in gateway.log


async def test_workers_need_a_folder_whose_name_is_short(stage: Stage, server: PostgreSQL) -> None:
    """A socket's name may not be long: it is said before any of them is started, with what to do."""
    await stage.backend("main")
    gateway = stage.prepare(stage.configuration(store={"url": server.url}))
    gateway.options = ("--workers", "2")
    deep = gateway.folder / ("x" * 90)
    deep.mkdir()
    await gateway.launch(environment={"TMPDIR": str(deep)})
    assert await gateway.exited() == 1
    assert "set TMPDIR to a shorter one" in gateway.log


async def test_workers_that_cannot_listen(stage: Stage, server: PostgreSQL) -> None:
    """An address that is taken ends all of them, and is said once."""
    await stage.backend("main")
    await stage.gateway()
    taken = stage.configuration_of(stage.gateways[0], store={"url": server.url})
    gateway = stage.prepare(taken)
    gateway.options = ("--workers", "2")
    await gateway.launch()
    assert await gateway.exited() == 2
    assert gateway.log.count("cannot listen on") == 1


async def test_one_worker_is_the_plain_process(stage: Stage) -> None:
    """It needs no database of its own kind, and nobody looks after it."""
    await stage.backend("main")
    gateway = stage.prepare(stage.configuration())
    gateway.options = ("--workers", "1")
    await gateway.start()
    assert psutil.Process(gateway.pid).children() == []
    assert "worker" not in await page(gateway, "/readyz")


async def test_each_worker_has_a_log_of_its_own(stage: Stage, server: PostgreSQL) -> None:
    """What was said at any worker is one list, whichever is asked; recording is asked for at all of them."""
    main = await stage.backend("main")
    main.answers("Heartbeat", BEAT)
    gateway = await several(stage, server, 2, admin_token=TOKEN)
    async with asking(gateway.http_port) as api:

        async def is_recorded() -> bool:
            shown = (await api.ask("PUT", "/messages/recording", {"stations": ["*"]})).gives(200)
            return (len(shown["logs"]), shown["missing"]) == (2, [])

        await until(is_recorded, "both know of each other")
        names = {f"CP{number}" for number in range(16)}
        for name in names:
            await (await stage.station(name)).call("Heartbeat")

        async def everything() -> Any:
            items = (await api.log(action="Heartbeat", limit=1000))["items"]
            return items if len(items) == 2 * len(names) else None

        items = await until(everything, "all that was said is there")
    assert {each["station"] for each in items} == names
    assert len({each["node"] for each in items}) == 2
    assert sorted(each.name for each in (gateway.folder / "var" / "messages").iterdir()) == ["worker-1", "worker-2"]
