"""The listeners of the configuration: opened, changed and closed as it says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import structlog

from voltgate.carriers.handshake import Handshake
from voltgate.carriers.websocket.limits import ListenerLimits
from voltgate.carriers.websocket.link import Link, LinkSettings
from voltgate.carriers.websocket.listener import Listener, ListenerSettings
from voltgate.carriers.websocket.tls import Certificate, server_context
from voltgate.config import Config, listen

log = structlog.get_logger("voltgate")


def report(fault: Exception, where: Link | Handshake) -> None:
    """Log a fault of ours with the station or backend that met it."""
    log.error("a fault of Voltgate", station=where.name, exc_info=fault)


Make: TypeAlias = Callable[[ListenerSettings, dict[str, int]], Listener]
"""Makes a listener, which is not open yet and counts what it refuses, by cause."""


def in_common(settings: ListenerSettings, config: Config) -> ListenerSettings:
    """Return the settings that all listeners have in common as they are."""
    return settings


@dataclass(frozen=True, slots=True)
class Kind:
    """How one carrier listens: its listeners in the configuration, and what makes them.

    `settings` adds what only this carrier goes by to what all have in common.
    """

    carrier: str
    sections: Callable[[Config], Iterable[listen.Listener]]
    make: Make
    settings: Callable[[ListenerSettings, Config], ListenerSettings] = in_common


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A listener as the configuration describes it."""

    scheme: str
    kind: Kind
    settings: ListenerSettings


@dataclass(frozen=True, slots=True)
class _Open:
    """A listener that is open, with the scheme that it was opened for."""

    scheme: str
    kind: Kind
    listener: Listener


class Listeners:
    """Every listener for stations, by its address, of each of the carriers in `kinds`."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._kinds = kinds
        self._open: dict[tuple[str, int], _Open] = {}
        self._leaving: list[Listener] = []
        self._refusals: dict[str, int] = {}

    async def follow(self, config: Config) -> None:
        """Open what is new, close what is gone, change the rest. Raise OSError and have changed nothing."""
        wanted = {(each.settings.host, each.settings.port): each for each in self._wanted(config)}
        for address, each in wanted.items():
            if each.settings.certificates:
                server_context(each.settings.certificates, each.settings.client_authority)
            if address in self._open and self._open[address].kind is not each.kind:
                kinds = " and ".join(sorted({self._open[address].kind.carrier, each.kind.carrier}))
                raise OSError(f"{each.settings.name}: {kinds} cannot take each other's place without a restart")
        fresh = await self._open_all(each for address, each in wanted.items() if address not in self._open)
        for address in [address for address in self._open if address not in wanted]:
            listener = self._open.pop(address).listener
            listener.stop_accepting()
            self._leaving.append(listener)
        for address, known in self._open.items():
            known.listener.change(wanted[address].settings)
        self._open |= fresh
        self._leaving = [listener for listener in self._leaving if listener.links or listener.handshakes]

    def _wanted(self, config: Config) -> Iterable[_Wanted]:
        for kind in self._kinds:
            for section in kind.sections(config):
                scheme = section.url.partition(":")[0].lower()
                yield _Wanted(scheme, kind, kind.settings(_settings(section, config), config))

    async def _open_all(self, wanted: Iterable[_Wanted]) -> dict[tuple[str, int], _Open]:
        fresh: dict[tuple[str, int], _Open] = {}
        try:
            for each in wanted:
                listener = await self._opened(each.kind.make(each.settings, self._refusals))
                fresh[each.settings.host, each.settings.port] = _Open(each.scheme, each.kind, listener)
        except OSError:
            for known in fresh.values():
                await known.listener.close()
            raise
        return fresh

    async def _opened(self, listener: Listener) -> Listener:
        settings = listener.settings
        try:
            await listener.open()
        except OSError as error:
            where = f"{settings.name} ({settings.host}:{settings.port})"
            raise OSError(error.errno, f"cannot listen on {where}: {error.strerror or error}") from error
        return listener

    def addresses(self) -> dict[str, tuple[str, ...]]:
        """Return the URLs that each carrier listens on, by its name, as a station would dial them."""
        return {
            kind.carrier: tuple(_url(known) for known in self._open.values() if known.kind is kind)
            for kind in self._kinds
        }

    def _all(self) -> list[Listener]:
        return [*(known.listener for known in self._open.values()), *self._leaving]

    def handshakes(self) -> int:
        """Return the number of connections that are not let in yet."""
        return sum(listener.handshakes for listener in self._all())

    def refusals(self) -> dict[tuple[int, str], int]:
        """Return what the listeners themselves refused, counted by cause."""
        return {(0, cause): number for cause, number in self._refusals.items()}

    async def stop_accepting(self) -> None:
        """Let nobody else in."""
        for known in self._open.values():
            known.listener.stop_accepting()

    async def emptied(self, timeout: float) -> None:  # noqa: ASYNC109 - a poll, not a cancel
        """Wait until every link is gone, at most `timeout` seconds."""
        for _ in range(int(timeout / 0.05)):
            if not any(listener.links for listener in self._all()):
                return
            await asyncio.sleep(0.05)

    async def close(self) -> None:
        """Stop listening and cut handshakes short."""
        for listener in self._all():
            await listener.close()


def _url(known: _Open) -> str:
    listener, settings = known.listener, known.listener.settings
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{known.scheme}://{host}:{listener.port}{settings.prefix}"


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
        client_authority=str(section.client_authority) if section.client_authority is not None else None,
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
