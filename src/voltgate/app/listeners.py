"""The doors of the configuration: opened, changed and closed as it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from voltgate.carriers.soap.connection import Limits
from voltgate.carriers.soap.listener import SoapListener, Take
from voltgate.carriers.websocket.limits import ListenerLimits
from voltgate.carriers.websocket.link import Link, LinkCounts, LinkSettings
from voltgate.carriers.websocket.listener import Admit, Handshake, Listener, ListenerSettings
from voltgate.carriers.websocket.tls import Certificate, server_context
from voltgate.config import Config, listen
from voltgate.ocpp.wheel import Wheel

log = structlog.get_logger("voltgate")


def report(fault: Exception, where: Link | Handshake) -> None:
    """Log a fault of ours with the station or backend that met it."""
    name = where.name if isinstance(where, Link) else where.identity or where.target
    log.error("a fault of Voltgate", station=name, exc_info=fault)


class Listeners:
    """Every listener for stations, by its settings."""

    def __init__(self, admit: Admit, take: Take, wheel: Wheel, clock: Callable[[], float]) -> None:
        self._admit = admit
        self._take = take
        self._wheel = wheel
        self._clock = clock
        self._open: dict[tuple[str, int], Listener] = {}
        self._leaving: list[Listener] = []
        self._refusals: dict[str, int] = {}
        self.counts = LinkCounts()
        """What befell the links of stations, whichever door they came by."""

    async def follow(self, config: Config) -> None:
        """Open what is new, close what is gone, change the rest. Raises OSError and has changed nothing."""
        bounds = Limits(config.limits.message_size, config.soap.idle, config.limits.head_seconds)
        sections = (*config.listen.stations, *config.listen.soap)
        wanted = {(section.host, section.port): (section, _settings(section, config)) for section in sections}
        for address, (section, settings) in wanted.items():
            if settings.certificates:
                server_context(settings.certificates, settings.client_authority)
            if address in self._open and isinstance(self._open[address], SoapListener) != isinstance(
                section, listen.SoapListener
            ):
                raise OSError(f"{settings.name}: SOAP and websockets cannot take each other's place without a restart")
        fresh = await self._open_all((*each, bounds) for address, each in wanted.items() if address not in self._open)
        for address in [address for address in self._open if address not in wanted]:
            listener = self._open.pop(address)
            listener.stop_accepting()
            self._leaving.append(listener)
        for address, listener in self._open.items():
            settings = wanted[address][1]
            if isinstance(listener, SoapListener):
                listener.follow(settings, bounds)
            else:
                listener.change(settings)
        self._open |= fresh
        self._leaving = [listener for listener in self._leaving if listener.links or listener.handshakes]

    async def _open_all(
        self, wanted: Iterable[tuple[listen.Listener, ListenerSettings, Limits]]
    ) -> dict[tuple[str, int], Listener]:
        fresh: dict[tuple[str, int], Listener] = {}
        try:
            for section, settings, bounds in wanted:
                fresh[settings.host, settings.port] = await self._opened(self._made(section, settings, bounds))
        except OSError:
            for listener in fresh.values():
                await listener.close()
            raise
        return fresh

    def _made(self, section: listen.Listener, settings: ListenerSettings, bounds: Limits) -> Listener:
        if isinstance(section, listen.SoapListener):
            return SoapListener(
                settings, bounds, self._take, self._wheel, self._clock, report=report, refusals=self._refusals
            )
        return Listener(
            settings, self._admit, self._wheel, self._clock, report=report, counts=self.counts, refusals=self._refusals
        )

    async def _opened(self, listener: Listener) -> Listener:
        settings = listener.settings
        try:
            await listener.open()
        except OSError as error:
            where = f"{settings.name} ({settings.host}:{settings.port})"
            raise OSError(error.errno, f"cannot listen on {where}: {error.strerror or error}") from error
        return listener

    def addresses(self) -> tuple[str, ...]:
        """Name what is listened on, as a station would dial it."""
        return tuple(_url(listener) for listener in self._open.values() if not isinstance(listener, SoapListener))

    def soap_addresses(self) -> tuple[str, ...]:
        """Name what is listened on for SOAP."""
        return tuple(_url(listener) for listener in self._open.values() if isinstance(listener, SoapListener))

    def handshakes(self) -> int:
        """Count the connections that are not let in yet."""
        return sum(listener.handshakes for listener in (*self._open.values(), *self._leaving))

    def refusals(self) -> dict[tuple[int, str], int]:
        """Count what the doors themselves refused, by cause."""
        return {(0, cause): number for cause, number in self._refusals.items()}

    async def stop_accepting(self) -> None:
        """Let nobody else in."""
        for listener in self._open.values():
            listener.stop_accepting()

    async def emptied(self, timeout: float) -> None:  # noqa: ASYNC109 - a poll, not a cancel
        """Wait until every link is gone, at most `timeout` seconds."""
        for _ in range(int(timeout / 0.05)):
            if not any(listener.links for listener in (*self._open.values(), *self._leaving)):
                return
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Stop listening and cut handshakes short."""
        for listener in (*self._open.values(), *self._leaving):
            await listener.close()


def _url(listener: Listener) -> str:
    settings = listener.settings
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "http" if isinstance(listener, SoapListener) else "ws"
    return f"{scheme}{'s' if settings.certificates else ''}://{host}:{listener.port}{settings.prefix}"


def _settings(section: listen.Listener, config: Config) -> ListenerSettings:
    limits = config.limits
    return ListenerSettings(
        name=section.label,
        host=section.host,
        port=section.port,
        prefix=section.prefix,
        lenient_path=section.lenient_path,
        lenient_upgrade=section.lenient_upgrade,
        trusted=section.trusted_proxies,
        proxy_protocol=section.proxy_protocol,
        reuse_port=config.listen.reuse_port,
        certificates=tuple(Certificate(str(pair.certificate), str(pair.key)) for pair in section.pairs),
        limits=ListenerLimits(
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
            ping=section.ping,
            misses=section.misses,
            compress=config.protocol.compression,
        ),
    )
