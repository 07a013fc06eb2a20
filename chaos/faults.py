"""The faults of a plan, done at their times, and everything made whole again in the end."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass, replace

from chaos.backend import Backend
from chaos.charger import Charger
from chaos.configurations import overlay, pair_of, put
from chaos.databases import Broken
from chaos.gateway import GatewayProcess
from chaos.plan import AROUND, BROKER, CLOCK, FOR_GOOD, REFUSED, TAKEN, Fault
from chaos.queues import BehindRabbitMQ
from chaos.records import Books, Spell
from chaos.shape import Ports, Shapes, configuration, token
from tests.amqp_ends import deletion
from tests.keypair import write_pair
from tests.servers import Mosquitto, RabbitMQ

_ANSWERS = 10.0
"""Seconds in which a gateway must answer while only something around it is broken."""
_NEWS = 30.0
"""Seconds in which a gateway hears what was said to another one, faults of the database included."""
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
    broker: Mosquitto | RabbitMQ | None = None

    def configure(self, what: str = "") -> None:
        """Write the configuration of every gateway as it is to be now, or with something that is the matter with it."""
        variant, shape = self.shapes.variant, self.shapes.now
        for gateway, ports in zip(self.gateways, self.ports, strict=True):
            other = overlay(what, ports, gateway.file)
            put(gateway.file, configuration(variant, shape, ports, self.database.url, gateway.number, other), what)

    def look(self, what: str) -> None:
        """Look at what every gateway holds, and write it down."""
        links = Counter(link.gateway for backend in self.backends.values() for link in backend.links)
        found = [gateway.look(what, links[gateway.number]) for gateway in self.gateways]
        self.books.looks += [look for look in found if look is not None]


class Faults:
    """Does the faults of a plan."""

    def __init__(self, world: World) -> None:
        self.counts: Counter[str] = Counter()
        self._world = world
        self._invitations = 0
        self._downs: Counter[str] = Counter()
        self._database = asyncio.Lock()
        self._broker = asyncio.Lock()
        self._changing = asyncio.Lock()
        self._misconfigured = asyncio.Lock()
        self._deeds: dict[str, Callable[[Fault], Awaitable[None]]] = {
            "gateway killed": self._kill,
            "gateway frozen": self._freeze,
            "stations cut": self._cut_stations,
            "stations moved": self._move_stations,
            "down": self._down,
            "links cut": self._cut_links,
            "remote starts": self._remote_starts,
            "remote stops": self._remote_stops,
            **dict.fromkeys({*BROKER["mosquitto"], *BROKER["rabbitmq"]}, self._harm_broker),
            **dict.fromkeys(("settings changed", "addresses changed", "routes changed"), self._change),
            **dict.fromkeys(AROUND, self._surround),
            **dict.fromkeys(REFUSED + TAKEN, self._misconfigure),
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
        await self._do_it(fault)
        self._world.look(str(fault))

    async def _do_it(self, fault: Fault) -> None:
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
        await self._restart(self._world.gateways[int(fault.whom)], fault.lasts / 3)

    async def _freeze(self, fault: Fault) -> None:
        """Let a gateway stand still while stations go elsewhere, then let it go on with what it was about to do."""
        gateway = self._world.gateways[int(fault.whom)]
        gateway.freeze()
        for charger in self._hit(fault):
            charger.cut()
        await asyncio.sleep(fault.lasts)
        gateway.go_on()

    async def _restart(self, gateway: GatewayProcess, pause: float) -> None:
        self._world.books.deaths.append((gateway.number, time.monotonic()))
        gateway.kill()
        await asyncio.sleep(pause)
        async with self._misconfigured:  # who starts gateways tries again until one can start
            gateway.start()
            for _ in range(6):  # on a machine that is busy it takes its time, and must find its configuration whole
                if await self._answers(gateway):
                    break

    async def _surround(self, fault: Fault) -> None:
        """Break something around a gateway, which must answer all the same; without descriptors, afterwards."""
        gateway = self._world.gateways[int(fault.whom)]
        if fault.what == "descriptors short" and not await self._answers(gateway):
            return  # half of what one has that has just begun is too little to begin with
        begun = time.monotonic()
        gateway.begin(fault.what)
        for charger in self._hit(fault):
            charger.cut()  # most of this only shows when stations come in
        if fault.what in CLOCK and fault.seed % 2:  # what is old is looked for when a gateway begins
            await self._restart(gateway, 0)
            await self._answers(gateway)
        if fault.what in FOR_GOOD:
            return
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
            return (await _ask(self._world.ports[gateway.number].http, "GET /healthz"))[0] == 200
        return False

    async def _cut_stations(self, fault: Fault) -> None:
        for charger in self._hit(fault):
            charger.cut()

    async def _change(self, fault: Fault) -> None:
        async with self._changing:  # a move takes its time, and ends with the shape that it began with
            before = await self._configurations()
            self._change_now(fault)
            await self._see_taken(fault, before)  # else the next file may come before anybody has read this one

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
        self._configure(fault)

    def _configure(self, fault: Fault, what: str = "") -> None:
        self._world.configure(what)
        for gateway in self._world.gateways if fault.seed % 2 else ():  # else they see that the file has changed
            gateway.reload()

    async def _misconfigure(self, fault: Fault) -> None:
        """Have a configuration for a while that cannot be taken, or another one; in the end the usual one is taken."""
        async with self._changing, self._misconfigured:
            before = await self._configurations()
            self._configure(fault, fault.what)
            await asyncio.sleep(fault.lasts)
            if fault.what in TAKEN:
                await self._see_taken(fault, before)
            if fault.what == "claims limited":
                await self._claim_again(fault)
            if fault.what == "certificate missing":
                for gateway in self._world.gateways:
                    write_pair(*pair_of(gateway.file))
                await self._see_taken(fault, before)
                for gateway in self._world.gateways:
                    pair_of(gateway.file)[0].unlink()
            before = await self._configurations()
            self._configure(fault)
            await self._see_taken(fault, before)

    async def _claim_again(self, fault: Fault) -> None:
        """See that backends may say again what they claim, however little may be claimed: only growth is refused."""
        gateway, moved = self._world.gateways[0], self._world.shapes.now.moved
        life, names = gateway.life, frozenset(charger.name for charger in self._world.chargers)
        try:
            async with asyncio.timeout(_ANSWERS if life else 0):
                await self.claim("billing", "add", names - moved)
                await self.claim("employer", "add", moved)
        except TimeoutError:
            if life and gateway.life == life:
                self._world.books.errors.append(f"claims could not be said again within {_ANSWERS:g} s: {fault}")

    async def _configurations(self) -> dict[tuple[int, float], int]:
        """Return how many configurations the gateways have taken, for each that answers and has no complaint."""
        taken = {}
        for gateway, ports in zip(self._world.gateways, self._world.ports, strict=True):
            with suppress(OSError, asyncio.IncompleteReadError):
                async with asyncio.timeout(1):
                    state = json.loads((await _ask(ports.http, "GET /readyz"))[1])["configuration"]
                    taken[gateway.number, gateway.life] = -1 if state["problems"] else state["changes"]
        return taken

    async def _see_taken(self, fault: Fault, before: dict[tuple[int, float], int]) -> None:
        """See that every gateway that has lived since then takes another configuration in time."""
        until = time.monotonic() + _ANSWERS
        while left := await self._waiting(before):
            if time.monotonic() > until:
                late = f"a configuration was not taken within {_ANSWERS:g} s: {fault}"
                self._world.books.errors += [f"gateway {number}: {late}" for number in left]
                return
            await asyncio.sleep(0.2)

    async def _waiting(self, before: dict[tuple[int, float], int]) -> list[int]:
        alive = {(gateway.number, gateway.life) for gateway in self._world.gateways}
        now = await self._configurations()
        return [each[0] for each in before.keys() & alive if now.get(each, -1) <= before[each]]

    async def _move_stations(self, fault: Fault) -> None:
        """Have one half of those that are hit claimed by who has them not."""
        async with self._changing:
            await self._move_now(fault)

    async def _move_now(self, fault: Fault) -> None:
        shapes, names = self._world.shapes, frozenset(charger.name for charger in self._hit(fault))
        moved, begun = shapes.now.moved, time.monotonic()
        for backend, other, chosen in (("billing", "employer", names & moved), ("employer", "billing", names - moved)):
            await self.claim(backend, "add", chosen)
            await self.claim(other, "remove", chosen)
        await self.see_claimed(moved ^ names)
        shapes.change(replace(shapes.now, moved=moved ^ names), begun, until=time.monotonic())

    async def see_claimed(self, moved: frozenset[str]) -> None:
        """See that every gateway knows which stations the employer claims: the others hear of it from the database."""
        expected = {"employer": moved, "billing": {charger.name for charger in self._world.chargers} - moved}
        left: Sequence[GatewayProcess] = self._world.gateways
        until = time.monotonic() + _NEWS
        while left := [each for each in left if each.life and not await self._knows(each.number, expected)]:
            if time.monotonic() > until:
                late = f"has not heard within {_NEWS:g} s what backends claim"
                self._world.books.errors += [f"gateway {each.number} {late}" for each in left]
                return
            await asyncio.sleep(0.2)

    async def _knows(self, gateway: int, expected: Mapping[str, Set[str]]) -> bool:
        port = self._world.ports[gateway].http
        for backend, stations in expected.items():
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(2):
                    status, body = await _ask(port, f"GET /api/v1/backends/{backend}/stations?limit=1000", backend)
                if status == 200 and {each["station"] for each in json.loads(body)["items"]} == stations:
                    continue
            return False
        return True

    async def claim(self, backend: str, how: str, names: frozenset[str]) -> None:
        """Have a backend change its list of stations, however often it takes."""
        body, port = json.dumps({how: sorted(names)}).encode(), self._world.ports[0].http
        while names:
            with suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
                async with asyncio.timeout(5):
                    status, _ = await _ask(port, f"PATCH /api/v1/backends/{backend}/stations", backend, body)
                    if status == 200:
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

    async def _harm_broker(self, fault: Fault) -> None:
        """Do one thing at a time to the broker, and mend it."""
        broker = self._world.broker
        assert broker is not None
        async with self._broker:
            if fault.what == "broker frozen":
                broker.signal(signal.SIGSTOP)
                try:
                    await asyncio.sleep(fault.lasts)
                finally:  # others may use it after this run, whatever becomes of that
                    broker.signal(signal.SIGCONT)
            elif fault.what == "broker killed":
                broker.kill()
                try:
                    await asyncio.sleep(fault.lasts / 2)
                finally:
                    await asyncio.to_thread(broker.start)
            else:
                assert isinstance(broker, RabbitMQ)
                await self._harm_rabbitmq(broker, fault)

    async def _harm_rabbitmq(self, broker: RabbitMQ, fault: Fault) -> None:
        """Let it take no messages for a while, or delete a queue: one of calls, or one at which a gateway hears."""
        if fault.what == "broker short of memory":
            await asyncio.to_thread(broker.control, "set_vm_memory_high_watermark", "0.000001")
            try:
                await asyncio.sleep(fault.lasts)
            finally:
                await asyncio.to_thread(broker.control, "set_vm_memory_high_watermark", "0.4")
            return
        behind = self._world.backends[self._world.shapes.variant.behind]
        assert isinstance(behind, BehindRabbitMQ)
        queues = behind.gateways if fault.seed % 2 else behind.calls
        if not queues:
            return
        queue = queues[fault.seed // 2 % len(queues)]
        await asyncio.to_thread(broker.control, "eval", deletion(queue))
        if queue in behind.calls:  # one that is new when its broker is killed stays without a leader (RabbitMQ 3.10)
            with suppress(TimeoutError):
                async with asyncio.timeout(_ANSWERS):
                    while not await behind.consumes(queue):
                        await asyncio.sleep(0.2)
            await asyncio.sleep(0.5)

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


async def _ask(port: int, what: str, backend: str = "", body: bytes = b"") -> tuple[int, bytes]:
    """Send a request, with the token of a backend, and return the status and the body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        head = (
            f"{what} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Authorization: Bearer {token(backend)}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        status = int((await reader.readuntil(b"\r\n\r\n")).split(b" ")[1])
        return status, await reader.read()
    finally:
        writer.close()
