"""The stage of one scenario: it starts gateway, backends and stations, and ends them."""

from __future__ import annotations

import asyncio
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.http11 import Response

from tests.harness.backend import ScriptedBackend
from tests.harness.configuration import merged, toml
from tests.harness.database import lay_out
from tests.harness.gateway import Gateway
from tests.harness.link import Link
from tests.harness.messages import SUBPROTOCOLS, Json
from tests.harness.ports import free_port, release_ports
from tests.harness.raw_station import RawStation
from tests.harness.stand_in import StandIn
from tests.harness.station import Refused, ScriptedStation
from tests.harness.transcript import Transcript


@dataclass(slots=True)
class Stage:
    """Gateways, backends and stations of one scenario, and the transcript of what they sent."""

    folder: Path
    transcript: Transcript = field(default_factory=Transcript)
    backends: dict[str, ScriptedBackend] = field(default_factory=dict)
    gateways: list[Gateway] = field(default_factory=list)
    _ends: list[Any] = field(default_factory=list)

    async def backend(
        self, name: str = "main", versions: tuple[str, ...] = SUBPROTOCOLS, **more: Any
    ) -> ScriptedBackend:
        """Start a backend. Those that are started before the gateway are in its configuration."""
        backend = ScriptedBackend(name, self.transcript, versions, **more)
        await backend.start()
        self.backends[name] = backend
        self._ends.append(backend)
        return backend

    def configuration(self, **changes: Any) -> Json:
        """Return a complete configuration as a document.

        Without changes it has every backend of the stage, one route on which the first of them answers and the others
        get copies, every station on that route, and the listeners on free ports.
        """
        names = list(self.backends)
        rules = [{"answer": names[0], "copy": names[1:]}] if names else []
        document: Json = {
            "listen": {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{free_port()}"},
            "backends": {name: {"url": backend.url} for name, backend in self.backends.items()},
            "routes": {"main": {"rules": rules}},
            "stations": [{"match": "*", "route": "main"}],
            "shutdown": {"ahead": 0, "grace": 2, "spread": 0},
        }
        return merged(document, changes)

    def configuration_of(self, gateway: Gateway, **changes: Any) -> Json:
        """Return the configuration that a gateway was started with, with these changes."""
        return merged(tomllib.loads(gateway.file.read_text()), changes)

    async def gateway(self, configuration: Json | None = None, *, ready: bool = True, **changes: Any) -> Gateway:
        """Start a gateway with the stage's configuration and these changes, or with a configuration of its own."""
        document = configuration if configuration is not None else self.configuration(**changes)
        gateway = self.prepare(document)
        await (gateway.start() if ready else gateway.launch())
        return gateway

    def prepare(self, document: Json) -> Gateway:
        """Return a gateway that is configured and not started."""
        folder = self.folder / f"gateway{len(self.gateways)}"
        folder.mkdir()
        if "url" not in document.get("store", {}):
            lay_out(folder)
        stations = document["listen"]["stations"][0]
        url = stations if isinstance(stations, str) else stations["url"]
        gateway = Gateway(folder, toml(document), _port(url), _port(document["listen"]["http"]))
        self.gateways.append(gateway)
        return gateway

    async def station(
        self, identity: str = "CP1", *offers: str, url: str | None = None, name: str | None = None, **more: Any
    ) -> ScriptedStation:
        """Connect a station to the newest gateway, by default with `ocpp1.6`; raise `Refused` if it is rejected."""
        station = await ScriptedStation.connect(
            url or self.gateways[-1].url(identity),
            offers or ("ocpp1.6",),
            self.transcript,
            name=name or identity,
            **more,
        )
        self._ends.append(station)
        return station

    async def meet(self, identity: str = "CP1", *offers: str, **more: Any) -> tuple[ScriptedStation, *tuple[Link, ...]]:
        """Connect a station; return it and its link at each backend of the stage, in the order these were started."""
        station = await self.station(identity, *offers, **more)
        return station, *[await backend.station(identity) for backend in self.backends.values()]

    async def heard(
        self, identity: str = "CP1", *offers: str, **more: Any
    ) -> tuple[ScriptedStation, *tuple[Link, ...]]:
        """As `meet`, and have the station say something: until then nothing is sent to a shared one."""
        station, *links = await self.meet(identity, *offers, **more)
        asked = await station.ask("Heartbeat")
        for link in links:
            await link.answer(await link.expect("Heartbeat"), {"currentTime": "2026-01-01T00:00:00Z"})
        await station.expect_result(asked)
        return station, *links

    async def stand_in(self, *options: str, name: str = "main") -> StandIn:
        """Start the product's simulated backend; it is in the configuration like any other."""
        stand_in = StandIn(name, self.folder / f"{name}.log", options)
        await stand_in.start()
        self.backends[name] = stand_in  # type: ignore[assignment]
        self._ends.append(stand_in)
        return stand_in

    async def refused(self, identity: str = "CP1", *offers: str, **more: Any) -> Response:
        """Connect a station that must be rejected, and return the answer."""
        try:
            station = await self.station(identity, *offers, **more)
        except Refused as refused:
            return refused.response
        raise AssertionError(f"{station.name} was accepted\n{self.transcript}")

    async def raw(self, name: str = "raw") -> RawStation:
        """Open a raw connection to the newest gateway."""
        raw = await RawStation.connect(*self.gateways[-1].address, self.transcript, name)
        self._ends.append(raw)
        return raw

    async def quiet(self, *links: Link) -> None:
        """Fail if these ends have received, or are about to receive, anything that the test has not read.

        Each end makes a round trip, twice: after that, what the first end sent has reached the others.
        """
        for _ in range(2):
            for link in links:
                await link.ping()
        for link in links:
            assert link.is_open, f"{link.name}: ended: {link.ending}\n{self.transcript}"
            assert not link.unread, f"{link.name}: expected nothing, got {link.unread}\n{self.transcript}"

    async def close(self) -> None:
        """End everything; fail if a gateway that still runs does not end well."""
        try:
            for gateway in self.gateways:
                if gateway.running:
                    await gateway.stop()
                else:
                    gateway.check_log()
        finally:
            await self.drop()

    async def drop(self) -> None:
        """End everything, without any check."""
        for gateway in self.gateways:
            await gateway.drop()
        for end in reversed(self._ends):
            await end.drop()
        await asyncio.sleep(0)
        release_ports()

    def __str__(self) -> str:
        logs = "".join(f"\n--- log of {gateway.folder.name}\n{gateway.log}" for gateway in self.gateways)
        return f"--- transcript\n{self.transcript}{logs}"


def _port(address: str) -> int:
    return int(address.rsplit(":", 1)[1].partition("/")[0])
