"""Two gateways behind the balancers that docs/cluster.md shows, as they stand there: HAProxy and nginx."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import Gateway, ScriptedStation, Stage, free_port, until
from tests.keypair import write_pair
from tests.servers import PostgreSQL, postgresql
from voltgate.app.database import upgrade
from voltgate.store.address import read_address

DOCUMENT = Path(__file__).parents[2] / "docs" / "cluster.md"
STRANGER = "127.0.0.77"
"""An address of this machine that only one connection comes from."""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    """The database of the cluster."""
    with postgresql() as running:
        asyncio.run(upgrade(read_address(running.url)))
        yield running


class Balancer:
    """A balancer of the document before two gateways: the one with this number of those for a program."""

    def __init__(self, program: str, number: int, folder: Path, gateways: list[Gateway]) -> None:
        found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin")
        if found is None:
            pytest.skip(f"{program} is not installed (Debian: {program})")
        self.port = free_port()
        self._file = folder / f"{program}.conf"
        self._log = folder / f"{program}.log"
        self._file.write_text(self._configured(program, number, folder, gateways))
        self._command = {
            "haproxy": [found, "-db", "-f", str(self._file)],
            "nginx": [found, "-p", str(folder), "-c", str(self._file), "-e", "stderr", "-g", "daemon off;"],
        }[program]
        self._process: subprocess.Popen[bytes] | None = None

    def _configured(self, program: str, number: int, folder: Path, gateways: list[Gateway]) -> str:
        """Return what the document shows, at the addresses and ports of the test."""
        text = re.findall(rf"```{program}\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)[number]
        text, listens = re.subn(r"(bind |listen )(:?)9\d\d\d", rf"\g<1>\g<2>{self.port}", text)
        text = text.replace("check port 8000", "check").replace("maxconn 100000", "maxconn 1000")
        for at, gateway in enumerate(gateways, 1):
            own = f"127.0.0.1:{gateway.stations_port}"
            checked = f"{own} port {gateway.http_port}" if program == "haproxy" else own
            text, servers = re.subn(rf"10\.0\.0\.1{at}:9\d\d\d", checked, text)
            assert (listens, servers) == (1, 1)
        if program == "nginx":
            kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
            paths = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
            text = f"pid {folder}/pid;\n{text.replace('http {', 'http {' + paths)}"
        return text

    async def start(self) -> None:
        """Start it, and wait until it listens."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)  # noqa: ASYNC220

        def listens() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self._log.read_text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0

        await until(listens, "the balancer listens")

    def drop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)


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
    balancer = Balancer(program, number, tmp_path, gateways)
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
