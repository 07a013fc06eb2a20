"""Two gateways behind the balancers that docs/cluster.md shows, as they stand there: HAProxy and nginx."""

from __future__ import annotations

import asyncio
import re
import signal
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Gateway, ScriptedStation, Stage, free_port, until
from tests.interop.proxies import Proxy, shown
from tests.keypair import write_pair
from tests.servers import PostgreSQL, postgresql
from voltgate.app.database import upgrade
from voltgate.store.address import read_address

STRANGER = "127.0.0.77"
"""An address of this machine that only one connection comes from."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """The database of the cluster."""
    with postgresql() as running:
        asyncio.run(upgrade(read_address(running.url)))
        yield running


def configured(program: str, number: int, gateways: list[Gateway]) -> str:
    """Return what the document shows, with the addresses of the test's gateways."""
    text = shown("cluster.md", program, number).replace("check port 8000", "check")
    for at, gateway in enumerate(gateways, 1):
        own = f"127.0.0.1:{gateway.stations_port}"
        checked = f"{own} port {gateway.http_port}" if program == "haproxy" else own
        text, servers = re.subn(rf"10\.0\.0\.1{at}:9\d\d\d", checked, text)
        assert servers == 1
    return text


@pytest.mark.parametrize(
    ("program", "number", "secure"), [("haproxy", 0, False), ("haproxy", 1, True), ("nginx", 0, False)]
)
async def test_the_balancer_that_is_shown(
    stage: Stage, server: PostgreSQL, tmp_path: Path, program: str, number: int, secure: bool
) -> None:
    """Stations spread over both; one that stops, comes back, or is killed never costs a station a refusal."""
    await stage.backend("main")
    write_pair(tmp_path / "a.pem", tmp_path / "a.key")
    trust = ssl.create_default_context(cafile=str(tmp_path / "a.pem")) if secure else None
    gateways = []
    for _ in range(2):
        listener = {"url": f"{'wss' if secure else 'ws'}://127.0.0.1:{free_port()}", "trusted_proxies": ["127.0.0.1"]}
        pair = {"certificate": str(tmp_path / "a.pem"), "key": str(tmp_path / "a.key"), "proxy_protocol": True}
        listen = {"stations": [listener | (pair if secure else {})]}
        document = stage.configuration(store={"url": server.url}, listen=listen, shutdown={"ahead": 4, "spread": 0.5})
        gateways.append(await _started(stage, document))
    first, second = gateways
    balancer = Proxy(program, configured(program, number, gateways), tmp_path)
    try:
        await balancer.start()

        async def comes(identity: str) -> ScriptedStation:
            url = f"{'wss' if secure else 'ws'}://localhost:{balancer.port}/{identity}"
            return await stage.station(identity, url=url, tls=trust)

        async def back(stations: list[ScriptedStation]) -> list[ScriptedStation]:
            """Let those whose connection has ended come again."""
            return [station if station.is_open else await comes(station.name) for station in stations]

        stations = [await comes(f"CP{each}") for each in range(8)]
        assert [await gateway.metric("voltgate_stations") for gateway in gateways] == [4, 4]
        await _stranger(balancer.port, trust)
        await until(lambda: any(f'"address":"{STRANGER}"' in each.log for each in gateways), "its address is known")

        first.signal(signal.SIGTERM)
        newcomers = 0
        while first.running:
            stations = [*await back(stations), await comes(f"NEW{newcomers}")]
            newcomers += 1
            await asyncio.sleep(0.1)
        assert await first.exited() == 0
        stations = await back(stations)
        assert {station.ending.code for station in stage._ends if getattr(station, "ending", None)} <= {1001}
        assert await second.metric("voltgate_stations") == len(stations)

        await first.start()

        async def taken_back() -> bool:
            await asyncio.sleep(0.3)
            stations.append(await comes(f"BACK{len(stations)}"))
            return await first.metric("voltgate_stations") > 0

        await until(taken_back, "it gets stations again")
        await second.kill()
        for station in stations:
            if await second_had(station):
                await station.closed()
        stations = await back(stations)
        assert await first.metric("voltgate_stations") == len(stations)
    finally:
        balancer.drop()


async def second_had(station: ScriptedStation) -> bool:
    """Return whether a station's gateway has gone: its socket ends within a moment."""
    try:
        await station.ping()
    except (AssertionError, OSError):
        return True
    return False


async def _started(stage: Stage, document: dict[str, object]) -> Gateway:
    gateway = stage.prepare(document)
    await gateway.start()
    return gateway


async def _stranger(port: int, trust: ssl.SSLContext | None) -> None:
    """Come from an address of its own, and go again."""
    name = "localhost" if trust else None
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=trust, server_hostname=name, local_addr=(STRANGER, 0)
    )
    lines = [
        "GET /STRANGER HTTP/1.1",
        "Host: x",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
    ]
    writer.write("\r\n".join([*lines, "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "", ""]).encode())
    assert b" 101 " in await reader.readline()
    writer.close()
