"""The listeners of the configuration: opened, changed and closed as it says."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, TypeAlias

import structlog

from voltgate.carriers.handshake import Handshake, Ocsp
from voltgate.carriers.websocket.limits import ListenerLimits
from voltgate.carriers.websocket.link import Link, LinkSettings
from voltgate.carriers.websocket.listener import Listener, ListenerSettings, context_of
from voltgate.carriers.websocket.tls import Certificate, authorities
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
    sections: Callable[[Config], Iterable[listen.Address]]
    make: Make
    settings: Callable[[ListenerSettings, Config], ListenerSettings] = in_common


class _Way(NamedTuple):
    """Where a listener listens, and how it accepts: where one of these changes, another listener takes its place."""

    host: str
    port: int
    carrier: str
    secure: bool
    proxied: bool


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A listener as the configuration describes it, with what its certificates make."""

    scheme: str
    kind: Kind
    settings: ListenerSettings
    context: ssl.SSLContext | None

    @property
    def way(self) -> _Way:
        settings = self.settings
        carrier, secure = self.kind.carrier, self.context is not None
        return _Way(settings.host, settings.port, carrier, secure, settings.proxy_protocol)


@dataclass(frozen=True, slots=True)
class _Open:
    """A listener that is open, with the scheme that it was opened for."""

    scheme: str
    kind: Kind
    listener: Listener


@dataclass(frozen=True, slots=True)
class Plan:
    """A change of the listeners that is ready: `fresh` have their addresses, and accept nobody yet."""

    wanted: dict[_Way, _Wanted]
    fresh: dict[_Way, _Open]
    leaving: list[Listener]

    async def give_up(self) -> None:
        """Leave everything as it was."""
        for known in self.fresh.values():
            await known.listener.close()
        for listener in self.leaving:
            listener.share(False)


class Listeners:
    """Every listener for stations of each of the carriers in `kinds`."""

    def __init__(self, kinds: Sequence[Kind]) -> None:
        self._kinds = kinds
        self._open: dict[_Way, _Open] = {}
        self._leaving: list[Listener] = []
        self._refusals: dict[str, int] = {}

    async def follow(self, config: Config) -> None:
        """Listen as a configuration says. Raise OSError and have changed nothing."""
        await self.take(await self.plan(config))

    async def plan(self, config: Config) -> Plan:
        """Get ready what a configuration asks for. Raise OSError for what cannot be had; then nothing has changed.

        What is to go shares its address meanwhile with what comes in its place, so that there is always one of them.
        """
        wanted = {each.way: each for each in self._wanted(config)}
        plan = Plan(wanted, {}, [known.listener for way, known in self._open.items() if way not in wanted])
        try:
            for listener in plan.leaving:
                listener.share(True)
            for way, each in wanted.items():
                if way not in self._open:
                    plan.fresh[way] = await self._bound(each, shared=bool(plan.leaving))
        except BaseException:
            await plan.give_up()
            raise
        return plan

    async def take(self, plan: Plan) -> None:
        """Do what was planned: accept where it is new, leave what has gone, and change the rest."""
        for known in plan.fresh.values():
            await known.listener.begin()
            known.listener.share(False)
        for listener in plan.leaving:
            listener.stop_accepting()
        self._leaving = [each for each in (*self._leaving, *plan.leaving) if each.links or each.handshakes]
        self._open = {way: plan.fresh.get(way) or self._open[way] for way in plan.wanted}
        for way, known in self._open.items():
            known.listener.change(plan.wanted[way].settings, plan.wanted[way].context)

    def _wanted(self, config: Config) -> Iterable[_Wanted]:
        for kind in self._kinds:
            for section in kind.sections(config):
                scheme = section.url.partition(":")[0].lower()
                settings = kind.settings(_settings(section, config), config)
                yield _Wanted(scheme, kind, settings, context_of(settings))

    async def _bound(self, wanted: _Wanted, *, shared: bool) -> _Open:
        settings, listener = wanted.settings, wanted.kind.make(wanted.settings, self._refusals)
        try:
            await listener.bind(wanted.context, shared=shared)
        except OSError as error:
            where = f"{settings.name} ({settings.host}:{settings.port})"
            raise OSError(error.errno, f"cannot listen on {where}: {error.strerror or error}") from error
        return _Open(wanted.scheme, wanted.kind, listener)

    def addresses(self) -> dict[str, tuple[str, ...]]:
        """Return the URLs that each carrier listens on, by its name, as a station would dial them."""
        return {
            kind.carrier: tuple(_url(known) for known in self._open.values() if known.kind is kind)
            for kind in self._kinds
        }

    def listeners(self) -> tuple[Listener, ...]:
        """Return those that are open."""
        return tuple(known.listener for known in self._open.values())

    def _all(self) -> list[Listener]:
        return [*self.listeners(), *self._leaving]

    def handshakes(self) -> int:
        """Return the number of connections that are not let in yet."""
        return sum(listener.handshakes for listener in self._all())

    def refusals(self) -> dict[tuple[int, str], int]:
        """Return what the listeners themselves refused, counted by cause."""
        return {(0, cause): number for cause, number in self._refusals.items()}

    async def stop_accepting(self) -> None:
        """Let nobody else in."""
        for listener in self.listeners():
            listener.stop_accepting()

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


def _settings(section: listen.Address, config: Config) -> ListenerSettings:
    limits = config.limits
    common = ListenerSettings(
        name=section.label,
        host=section.host,
        port=section.port,
        prefix=section.prefix,
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
            compress=config.protocol.compression,
        ),
    )
    if not isinstance(section, listen.Listener):
        return common
    link = replace(common.link, ping=section.ping, misses=section.misses)
    return replace(
        common,
        link=link,
        client_authority=str(section.client_authority) if section.client_authority is not None else None,
        revocation_lists=tuple(map(str, section.revocation_lists)),
        profiles=None if section.security_profiles is None else frozenset(section.security_profiles),
        organizations=frozenset(section.organizations),
        ocsp=_ocsp(section),
        lenient_path=section.lenient_path,
        lenient_upgrade=section.lenient_upgrade,
    )


def _ocsp(section: listen.Listener) -> Ocsp | None:
    """Return how it is asked whether certificates were revoked. Raise OSError."""
    if section.ocsp == "off" or section.client_authority is None:
        return None
    return Ocsp(section.ocsp == "hard", section.ocsp_url or "", authorities(str(section.client_authority)))
