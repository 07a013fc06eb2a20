"""The faults of a plan, done at their times, and everything made whole again in the end."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from chaos.backend import Backend
from chaos.charger import Charger
from chaos.databases import Broken
from chaos.gateway import GatewayProcess
from chaos.logs import FAULTS as LOG_FAULTS
from chaos.plan import AROUND, Fault
from chaos.records import Books, Spell
from chaos.shape import Ports, Shapes, configuration, token

_ANSWERS = 10.0
"""Seconds in which a gateway must answer while only something around it is broken."""
_CUTTING = frozenset({*LOG_FAULTS, "descriptors short"})
"""What only shows when stations come in: that is logged, and takes descriptors."""
_DRIFT = 4.0
"""Seconds after its end in which a fault of the database may still be felt: gateways try again now and then."""


@dataclass(slots=True)
class World:
    """All that a run consists of."""

    books: Books
    shapes: Shapes
    ports: Sequence[Ports]
    gateways: Sequence[GatewayProcess]
    backends: dict[str, Backend]
    chargers: Sequence[Charger]
    database: Broken

    def configure(self) -> None:
        """Write the configuration of every gateway as it is to be now."""
        for gateway, ports in zip(self.gateways, self.ports, strict=True):
            text = configuration(self.shapes.variant, self.shapes.now, ports, self.database.url, gateway.number)
            written = gateway.file.with_suffix(".new")
            written.write_text(text)
            written.replace(gateway.file)  # it may be read at any time


class Faults:
    """Does the faults of a plan."""

    def __init__(self, world: World) -> None:
        self.counts: Counter[str] = Counter()
        self._world = world
        self._invitations = 0
        self._downs: Counter[str] = Counter()
        self._database = asyncio.Lock()
        self._changing = asyncio.Lock()
        self._deeds: dict[str, Callable[[Fault], Awaitable[None]]] = {
            "gateway killed": self._kill,
            "stations cut": self._cut_stations,
            "stations moved": self._move_stations,
            "down": self._down,
            "links cut": self._cut_links,
            "remote starts": self._remote_starts,
            "remote stops": self._remote_stops,
            **dict.fromkeys(("settings changed", "addresses changed", "routes changed"), self._change),
            **dict.fromkeys(AROUND, self._surround),
        }

    async def do_all(self, faults: Sequence[Fault], seconds: float) -> None:
        """Do everything at its time; return when the last is over, and not before the seconds of the run."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                await asyncio.sleep(max(0.0, began + fault.at - time.monotonic()))
                self.counts[f"{fault.what} {fault.whom}".strip()] += 1
                group.create_task(self._do(fault))
            await asyncio.sleep(max(0.0, began + seconds - time.monotonic()))

    async def _do(self, fault: Fault) -> None:
        deed = self._deeds.get(fault.what)
        if deed is not None:
            await deed(fault)
        elif fault.whom:
            await self._mood(fault)
        else:
            await self._harm_database(fault)

    def _hit(self, fault: Fault) -> list[Charger]:
        return [charger for charger in self._world.chargers if fault.hits(charger.number)]

    # Gateways and stations.

    async def _kill(self, fault: Fault) -> None:
        gateway = self._world.gateways[int(fault.whom)]
        self._world.books.deaths.append((gateway.number, time.monotonic()))
        gateway.kill()
        await asyncio.sleep(fault.lasts / 3)
        gateway.start()

    async def _surround(self, fault: Fault) -> None:
        """Break something around a gateway, which must answer all the same; without descriptors, afterwards."""
        gateway, begun = self._world.gateways[int(fault.whom)], time.monotonic()
        gateway.begin(fault.what)
        if fault.what in _CUTTING:
            await self._cut_stations(fault)
        await asyncio.sleep(fault.lasts)
        answers = gateway.moods["descriptors short"] or await self._answers(gateway)
        gateway.end(fault.what, begun)
        if not answers or not await self._answers(gateway):
            self._world.books.mute.append(f"gateway {gateway.number} was mute {_ANSWERS:g} s long: {fault}")

    async def _answers(self, gateway: GatewayProcess) -> bool:
        """Tell whether a gateway answers in time; one that was killed in the meantime need not."""
        life = gateway.life
        with suppress(TimeoutError):
            async with asyncio.timeout(_ANSWERS):
                while life and gateway.life == life and not await self._is_healthy(gateway):
                    await asyncio.sleep(0.2)
                return True
        return gateway.life != life or bool(gateway.moods["descriptors short"])

    async def _is_healthy(self, gateway: GatewayProcess) -> bool:
        with suppress(OSError, asyncio.IncompleteReadError):
            return await _ask(self._world.ports[gateway.number].http, "GET /healthz") == 200
        return False

    async def _cut_stations(self, fault: Fault) -> None:
        for charger in self._hit(fault):
            charger.cut()

    async def _change(self, fault: Fault) -> None:
        async with self._changing:  # a move takes its time, and ends with the shape that it began with
            self._change_now(fault)

    def _change_now(self, fault: Fault) -> None:
        now = self._world.shapes.now
        match fault.what:
            case "settings changed":
                shape = replace(now, settings=1 - now.settings)
            case "addresses changed":
                shape = replace(now, address=1 - now.address)
            case _:
                shape = replace(now, routes=1 - now.routes)
        self._world.shapes.change(shape, time.monotonic())
        self._world.configure()
        for gateway in self._world.gateways if fault.seed % 2 else ():  # else they see that the file has changed
            gateway.reload()

    async def _move_stations(self, fault: Fault) -> None:
        """Have one half of those that are hit claimed by who has them not."""
        async with self._changing:
            await self._move_now(fault)

    async def _move_now(self, fault: Fault) -> None:
        shapes, names = self._world.shapes, frozenset(charger.name for charger in self._hit(fault))
        moved = shapes.now.moved
        shapes.change(replace(shapes.now, moved=moved ^ names), time.monotonic())
        after = shapes.now
        for backend, other, chosen in (("billing", "employer", names & moved), ("employer", "billing", names - moved)):
            await self.claim(backend, "add", chosen)
            await self.claim(other, "remove", chosen)
        shapes.change(replace(after, moved=moved), time.monotonic())  # it may have been so until now
        shapes.change(after, time.monotonic())

    async def claim(self, backend: str, how: str, names: frozenset[str]) -> None:
        """Have a backend change its list of stations, however often it takes."""
        body, port = json.dumps({how: sorted(names)}).encode(), self._world.ports[0].http
        while names:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(5):
                    if await _ask(port, f"PATCH /api/v1/backends/{backend}/stations", backend, body) == 200:
                        return
            await asyncio.sleep(0.2)

    # Backends.

    async def _mood(self, fault: Fault) -> None:
        moods = self._world.backends[fault.whom].moods
        moods[fault.what] += 1
        await asyncio.sleep(fault.lasts)
        moods[fault.what] -= 1

    async def _down(self, fault: Fault) -> None:
        backend = self._world.backends[fault.whom]
        self._downs[fault.whom] += 1
        if self._downs[fault.whom] == 1:
            await backend.stop()
        await asyncio.sleep(fault.lasts)
        self._downs[fault.whom] -= 1
        if not self._downs[fault.whom]:
            await backend.start()

    async def _cut_links(self, fault: Fault) -> None:
        hit = {charger.name for charger in self._hit(fault)}
        self._world.backends[fault.whom].cut(hit.__contains__)

    # Commands.

    async def _remote_starts(self, fault: Fault) -> None:
        """Ask some stations to charge for cards that the rules would give to the other backend."""
        for charger in self._hit(fault):
            self._invitations += 1
            tag = f"{'GUEST' if fault.whom == 'employer' else 'EMP'}R{self._invitations}"
            self._world.backends[fault.whom].remote_start(charger.name, tag)

    async def _remote_stops(self, fault: Fault) -> None:
        for charger in self._hit(fault):
            self._world.backends[fault.whom].remote_stop(charger.name)

    # The database.

    async def _harm_database(self, fault: Fault) -> None:
        begun = time.monotonic()
        async with self._database:  # one thing at a time: each mends what it broke
            await self._world.database.harm(fault.what, fault.lasts, self._world.gateways)
        self._world.books.database.append(Spell(fault.what, begun, time.monotonic() + _DRIFT))


async def _ask(port: int, what: str, backend: str = "", body: bytes = b"") -> int:
    """Send a request, with the token of a backend, and return the status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        head = (
            f"{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Authorization: Bearer {token(backend)}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        return int((await reader.readuntil(b"\r\n")).split(b" ")[1])
    finally:
        writer.close()
