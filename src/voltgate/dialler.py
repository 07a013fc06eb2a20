"""The dialler: opens links to backends on a station's behalf, with what that backend may know of the station."""

from __future__ import annotations

import asyncio
import base64
import ssl as tls
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote

import structlog

from voltgate.carriers.soap.callbacks import Callbacks
from voltgate.carriers.soap.client import Client, Target, Unreachable, target
from voltgate.carriers.soap.originals import Originals
from voltgate.carriers.soap.whole import Known
from voltgate.carriers.soap.wire import SoapWire, WireSettings
from voltgate.carriers.websocket.dial import Verdict, dial
from voltgate.carriers.websocket.link import Link, LinkCounts, LinkSettings, Report
from voltgate.ocpp.soap.names import Version
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Backend
from voltgate.relay.leg import Leg
from voltgate.relay.session import Session

_AT_ONCE = 256
"""Dials under way to one backend: a backend that comes back is not stormed."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DialContext:
    """A station's handshake, as far as its backends are told of it. Never logged: it holds credentials."""

    identity: str
    authorization: bytes | None = field(repr=False)
    user_agent: str | None
    address: str
    forwarded_for: str
    target: str
    soap: SoapWire | None = field(default=None, compare=False, repr=False)
    """The station's own wire, when it speaks SOAP."""
    originals: Originals | None = field(default=None, compare=False, repr=False)

    def speaks(self, version: str) -> str:
        """Give the version that the station itself speaks; `version` is what it is spoken to as here."""
        return version if self.soap is None else f"ocpp{self.soap.version}"


def version_of(session: Session) -> str:
    """Say which version of OCPP a station speaks."""
    dial_context, version = session.dial_context, session.dialect.version
    return dial_context.speaks(version) if isinstance(dial_context, DialContext) else version


@dataclass(frozen=True, slots=True)
class Dialling:
    """How a backend is dialled.

    `url` holds `{station}` and is "" for a backend that has SOAP only; `soap_url` is where it takes SOAP, "" nowhere.
    `forward` says which backends get the station's Authorization and User-Agent: those that answer it, all, or none.
    `credentials` are a user name (with `{station}`) and a password of our own instead. `timeout` is in seconds. `trust`
    names the files that `ssl` was made of: with the same ones, it is the same backend.
    """

    url: str
    soap_url: str = ""
    forward: Literal["answering", "always", "never"] = "answering"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    credentials: tuple[str, str] | None = field(default=None, repr=False)
    timeout: float = 10.0
    link: LinkSettings = field(default_factory=LinkSettings)
    trust: tuple[object, ...] = ()
    ssl: tls.SSLContext | None = field(default=None, compare=False, repr=False)

    def address(self, identity: str) -> str:
        """Give the URL for a station: its identity is one percent-encoded path segment."""
        return self.url.replace("{station}", quote(identity, safe=""))

    def takes_soap_of(self, dial_context: DialContext) -> bool:
        """Tell whether a station's calls go to the backend as SOAP."""
        return bool(self.soap_url) and (dial_context.soap is not None or not self.url)

    def introduce(self, dial_context: DialContext, *, answering: bool) -> list[tuple[str, str]]:
        """Give the headers that tell the backend who comes."""
        headers = list(self.headers)
        known = self.forward == "always" or (self.forward == "answering" and answering)
        if self.credentials is not None:
            headers.append(("Authorization", _basic(dial_context.identity, *self.credentials)))
        elif known and dial_context.authorization is not None:
            headers.append(("Authorization", dial_context.authorization.decode("latin-1")))
        if known and dial_context.user_agent is not None:
            headers.append(("User-Agent", dial_context.user_agent))
        if dial_context.address:
            headers += [("X-Forwarded-For", dial_context.forwarded_for), ("X-Real-IP", dial_context.address)]
        return headers


@dataclass(frozen=True, slots=True)
class BackendEnd:
    """Where a SOAP backend is called for one station, and where it calls that station back."""

    to: Target
    callback: str = field(repr=False)
    more: tuple[tuple[str, str], ...] = field(repr=False)

    def target(self) -> Target:
        """Give the address of its service."""
        return self.to

    def sender(self) -> str:
        """Give the station's callback address for this backend."""
        return self.callback

    def headers(self) -> tuple[tuple[str, str], ...]:
        """Give the headers that tell it who comes."""
        return self.more


@dataclass(slots=True)
class SoapDialling:
    """What SOAP backends are called with. `largest` bounds a message, in bytes, `patience` an answer, in seconds."""

    client: Client
    callbacks: Callbacks
    largest: int = 1 << 20
    patience: float = 30.0
    known: dict[tuple[str, str], Known] = field(default_factory=dict, repr=False)
    """How each backend, at its address, is known to answer."""


def _soap_version(taken: tuple[str, ...], dial_context: DialContext) -> Version | None:
    """Choose how to speak to a backend: as the station does if the backend can, else as new as it can."""
    own = dial_context.soap.version if dial_context.soap is not None else "1.6"
    wanted: tuple[Version, ...] = (own, "1.6", "1.5", "1.2")
    return next((version for version in wanted if f"ocpp{version}" in taken), None)


def _basic(identity: str, username: str, password: str) -> str:
    """Write the value of an Authorization header (RFC 7617)."""
    pair = f"{username.replace('{station}', identity)}:{password}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


class Dialler:
    """Opens links, a bounded number at a time to each backend."""

    def __init__(self, wheel: Wheel, clock: Callable[[], float], report: Report, soap: SoapDialling) -> None:
        self.counts = LinkCounts()
        self._soap = soap
        self._report = report
        self._wheel = wheel
        self._clock = clock
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def dial(
        self, backend: Backend, dial_context: DialContext, offer: tuple[str, ...], *, answering: bool
    ) -> Link | SoapWire | Verdict:
        """Open one link, not yet started, or say why not."""
        how = backend.settings.dialling
        assert isinstance(how, Dialling)  # noqa: S101 - the composition root hands in nothing else
        if how.takes_soap_of(dial_context):
            return await self._dial_soap(backend, how, dial_context, offer, answering=answering)
        if not how.url:
            return Verdict(None, f"{backend.name} speaks SOAP only, and that up to OCPP 1.6")
        async with self._gates.setdefault(backend.name, asyncio.Semaphore(_AT_ONCE)):
            return await dial(
                how.address(dial_context.identity),
                offer=offer,
                headers=how.introduce(dial_context, answering=answering),
                ssl=how.ssl,
                settings=how.link,
                wheel=self._wheel,
                clock=self._clock,
                timeout=how.timeout,
                report=self._report,
                counts=self.counts,
                name=f"{backend.name}/{dial_context.identity}",
            )

    async def _dial_soap(
        self, backend: Backend, how: Dialling, dial_context: DialContext, offer: tuple[str, ...], *, answering: bool
    ) -> SoapWire | Verdict:
        """See that a SOAP backend is there, and give the station's wire to it."""
        version = _soap_version(backend.settings.versions, dial_context)
        if version is None or "ocpp1.6" not in offer:
            return Verdict(None, f"{backend.name} speaks SOAP, and no version of it that the station does")
        soap, identity = self._soap, dial_context.identity
        end = BackendEnd(
            target(how.soap_url.replace("{station}", quote(identity, safe="")), how.ssl),
            soap.callbacks.address(backend.name, identity),
            tuple(how.introduce(dial_context, answering=answering)),
        )
        try:
            async with self._gates.setdefault(backend.name, asyncio.Semaphore(_AT_ONCE)):
                await soap.client.reach(end.to, how.timeout)
        except Unreachable as problem:
            return Verdict(None, str(problem))
        settings = WireSettings(connect=how.timeout, patience=soap.patience, largest=soap.largest)
        originals = dial_context.originals or Originals()
        known = soap.known.setdefault((backend.name, how.soap_url), {})
        return SoapWire(identity, "Cp", version, end, soap.client, originals, settings, self._clock, known=known)

    def start(self, leg: Leg) -> None:
        """Open a leg's link in the background; ends in `Leg.opened` or `Leg.failed`."""
        task = asyncio.get_running_loop().create_task(self._bring(leg))
        self._under_way.add(task)
        task.add_done_callback(self._done)

    async def _bring(self, leg: Leg) -> None:
        session: Session = leg.session
        dial_context = session.dial_context
        assert isinstance(dial_context, DialContext)  # noqa: S101
        answering = leg.name in session.plans.answering
        result = await self.dial(leg.backend, dial_context, (session.dialect.version,), answering=answering)
        if isinstance(result, Verdict):
            leg.failed(result.reason)
        else:
            leg.opened(result)
            result.start(leg)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("dialling failed by a fault of Voltgate", exc_info=task.exception())

    async def close(self) -> None:
        """Give up what is under way."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)
