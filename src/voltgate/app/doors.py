"""The doors of the configuration: opened, changed and closed as it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from voltgate.carriers.soap.connection import Limits
from voltgate.carriers.soap.door import SoapDoor, Take
from voltgate.carriers.websocket.door import Admit, Door, DoorSettings, Knock
from voltgate.carriers.websocket.limits import DoorLimits
from voltgate.carriers.websocket.link import Link, LinkCounts, LinkSettings
from voltgate.carriers.websocket.tls import Certificate, server_context
from voltgate.config import Config
from voltgate.config.listen import Listener, SoapListener
from voltgate.ocpp.wheel import Wheel

log = structlog.get_logger("voltgate")


def report(fault: Exception, where: Link | Knock) -> None:
    """Log a fault of ours with the station or backend that met it."""
    name = where.name if isinstance(where, Link) else where.identity or where.target
    log.error("a fault of Voltgate", station=name, exc_info=fault)


class Doors:
    """Every listener for stations, by its settings."""

    def __init__(self, admit: Admit, take: Take, wheel: Wheel, clock: Callable[[], float]) -> None:
        self._admit = admit
        self._take = take
        self._wheel = wheel
        self._clock = clock
        self._open: dict[tuple[str, int], Door] = {}
        self._leaving: list[Door] = []
        self._refusals: dict[str, int] = {}
        self.counts = LinkCounts()
        """What befell the links of stations, whichever door they came by."""

    async def follow(self, config: Config) -> None:
        """Open what is new, close what is gone, change the rest. Raises OSError and has changed nothing."""
        bounds = Limits(config.limits.message_size, config.soap.idle, config.limits.head_seconds)
        listeners = (*config.listen.stations, *config.listen.soap)
        wanted = {(listener.host, listener.port): (listener, _settings(listener, config)) for listener in listeners}
        for address, (listener, settings) in wanted.items():
            if settings.certificates:
                server_context(settings.certificates, settings.client_authority)
            if address in self._open and isinstance(self._open[address], SoapDoor) != isinstance(
                listener, SoapListener
            ):
                raise OSError(f"{settings.name}: SOAP and websockets cannot take each other's place without a restart")
        fresh = await self._open_all((*each, bounds) for address, each in wanted.items() if address not in self._open)
        for address in [address for address in self._open if address not in wanted]:
            door = self._open.pop(address)
            door.stop_accepting()
            self._leaving.append(door)
        for address, door in self._open.items():
            settings = wanted[address][1]
            if isinstance(door, SoapDoor):
                door.follow(settings, bounds)
            else:
                door.change(settings)
        self._open |= fresh
        self._leaving = [door for door in self._leaving if door.links or door.handshakes]

    async def _open_all(self, wanted: Iterable[tuple[Listener, DoorSettings, Limits]]) -> dict[tuple[str, int], Door]:
        fresh: dict[tuple[str, int], Door] = {}
        try:
            for listener, settings, bounds in wanted:
                fresh[settings.host, settings.port] = await self._opened(self._made(listener, settings, bounds))
        except OSError:
            for door in fresh.values():
                await door.close()
            raise
        return fresh

    def _made(self, listener: Listener, settings: DoorSettings, bounds: Limits) -> Door:
        if isinstance(listener, SoapListener):
            return SoapDoor(
                settings, bounds, self._take, self._wheel, self._clock, report=report, refusals=self._refusals
            )
        return Door(
            settings, self._admit, self._wheel, self._clock, report=report, counts=self.counts, refusals=self._refusals
        )

    async def _opened(self, door: Door) -> Door:
        settings = door.settings
        try:
            await door.open()
        except OSError as error:
            where = f"{settings.name} ({settings.host}:{settings.port})"
            raise OSError(error.errno, f"cannot listen on {where}: {error.strerror or error}") from error
        return door

    def addresses(self) -> tuple[str, ...]:
        """Name what is listened on, as a station would dial it."""
        return tuple(_url(door) for door in self._open.values() if not isinstance(door, SoapDoor))

    def soap_addresses(self) -> tuple[str, ...]:
        """Name what is listened on for SOAP."""
        return tuple(_url(door) for door in self._open.values() if isinstance(door, SoapDoor))

    def handshakes(self) -> int:
        """Count the connections that are not let in yet."""
        return sum(door.handshakes for door in (*self._open.values(), *self._leaving))

    def refusals(self) -> dict[tuple[int, str], int]:
        """Count what the doors themselves refused, by cause."""
        return {(0, cause): number for cause, number in self._refusals.items()}

    async def stop_accepting(self) -> None:
        """Let nobody else in."""
        for door in self._open.values():
            door.stop_accepting()

    async def emptied(self, timeout: float) -> None:  # noqa: ASYNC109 - a poll, not a cancel
        """Wait until every link is gone, at most `timeout` seconds."""
        for _ in range(int(timeout / 0.05)):
            if not any(door.links for door in (*self._open.values(), *self._leaving)):
                return
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Stop listening and cut handshakes short."""
        for door in (*self._open.values(), *self._leaving):
            await door.close()


def _url(door: Door) -> str:
    settings = door.settings
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "http" if isinstance(door, SoapDoor) else "ws"
    return f"{scheme}{'s' if settings.certificates else ''}://{host}:{door.port}{settings.prefix}"


def _settings(listener: Listener, config: Config) -> DoorSettings:
    limits = config.limits
    return DoorSettings(
        name=listener.label,
        host=listener.host,
        port=listener.port,
        prefix=listener.prefix,
        lenient_path=listener.lenient_path,
        lenient_upgrade=listener.lenient_upgrade,
        trusted=listener.trusted_proxies,
        proxy_protocol=listener.proxy_protocol,
        reuse_port=config.listen.reuse_port,
        certificates=tuple(Certificate(str(pair.certificate), str(pair.key)) for pair in listener.pairs),
        limits=DoorLimits(
            head_bytes=limits.head_size,
            head_time=limits.head_seconds,
            tls_time=limits.tls_seconds,
            admission_time=limits.admit_seconds,
            handshakes=limits.handshakes_per_second,
            burst=max(1, limits.handshakes_per_second),
            connections=limits.connections,
            per_address=limits.connections_per_address,
        ),
        link=LinkSettings(
            message_limit=limits.message_size,
            write_bound=limits.message_size + (4 << 20),
            ping=listener.ping,
            misses=listener.misses,
            compress=config.protocol.compression,
        ),
    )
