"""The carriers of this process: each is registered here, by the schemes of its URLs.

A carrier's folder holds how it dials and how it listens; what the configuration says of it is put into its own values
here. A new one is a line in each table that concerns it.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from voltgate import __version__
from voltgate.app.claimants import objection
from voltgate.app.listeners import Kind, report
from voltgate.carriers.handshake import Admit
from voltgate.carriers.introduction import Introduction
from voltgate.carriers.soap.callbacks import Callbacks
from voltgate.carriers.soap.carrier import SoapCarrier, SoapDialling
from voltgate.carriers.soap.client import Client
from voltgate.carriers.soap.connection import Limits
from voltgate.carriers.soap.listener import SoapListener, Take
from voltgate.carriers.websocket.carrier import WebsocketCarrier, WebsocketDialling
from voltgate.carriers.websocket.link import LinkCounts, LinkSettings
from voltgate.carriers.websocket.listener import Listener, ListenerSettings
from voltgate.config import Config
from voltgate.config.backends import Backend as BackendSection
from voltgate.config.backends import template
from voltgate.directory.register import Address
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Endpoint
from voltgate.relay.carrier import Carrier


class Carriers:
    """What dials backends and listens for stations. `counts` says what befell websockets, by who is at the far end."""

    def __init__(self, config: Config, wheel: Wheel, clock: Callable[[], float]) -> None:
        client = Client(config.limits.message_size, f"voltgate/{__version__}")
        self.websocket = WebsocketCarrier(wheel, clock, report)
        self.soap = SoapCarrier(client, Callbacks(), clock)
        self.counts = {"station": LinkCounts(), "backends": self.websocket.counts}
        self._wheel = wheel
        self._clock = clock

    def by_scheme(self) -> dict[str, Carrier]:
        """Return what dials, by the schemes of a backend's URL."""
        return {"ws": self.websocket, "wss": self.websocket, "http": self.soap, "https": self.soap}

    def listeners(self, admit: Admit, take: Take) -> dict[str, Kind]:
        """Return what listens, by the schemes of a listener's URL."""
        wheel, clock, counts = self._wheel, self._clock, self.counts["station"]

        def websocket(settings: ListenerSettings, refusals: dict[str, int]) -> Listener:
            return Listener(settings, admit, wheel, clock, report=report, counts=counts, refusals=refusals)

        def soap(settings: ListenerSettings, refusals: dict[str, int]) -> Listener:
            return SoapListener(settings, take, wheel, clock, report=report, refusals=refusals)

        stations, requests = Kind("websocket", websocket), Kind("soap", soap, _with_soap)
        return {"ws": stations, "wss": stations, "http": requests, "https": requests}

    def follow(self, config: Config, callback_key: bytes) -> None:
        """Go by a configuration."""
        self.soap.patience = config.calls.backend
        self.soap.largest = config.limits.message_size
        self.soap.callbacks.base = callback_base(config)
        self.soap.callbacks.key = callback_key


def callback_base(config: Config) -> str:
    """Return the URL below which backends call stations: as written, else that of the first SOAP listener."""
    if config.soap.callback is not None:
        return config.soap.callback
    return config.listen.soap[0].url if config.listen.soap else ""


def _with_soap(common: ListenerSettings, config: Config) -> ListenerSettings:
    limits = config.limits
    return replace(common, how=Limits(limits.message_size, config.soap.idle, limits.head_seconds))


# Backends.


@dataclass(frozen=True, slots=True)
class _Trust:
    """What TLS to a backend goes by: the files, and what was made of them."""

    files: tuple[object, ...]
    context: ssl.SSLContext | None


_Dialling: TypeAlias = Callable[[BackendSection, Config, _Trust], object]


def _websocket_dialling(section: BackendSection, config: Config, trust: _Trust) -> WebsocketDialling:
    link = LinkSettings(
        message_limit=config.limits.message_size,
        write_bound=config.limits.message_size + (4 << 20),
        ping=section.ping,
        misses=section.misses,
        compress=section.compression,
    )
    return WebsocketDialling(_introduction(section), section.connect, link, trust.files, trust.context)


def _soap_dialling(section: BackendSection, config: Config, trust: _Trust) -> SoapDialling:
    return SoapDialling(_introduction(section), section.connect, trust.files, trust.context)


_DIALLING: Mapping[str, _Dialling] = {
    "ws": _websocket_dialling,
    "wss": _websocket_dialling,
    "http": _soap_dialling,
    "https": _soap_dialling,
}
"""What the carrier of each scheme goes by when it dials."""


def endpoints_of(section: BackendSection, config: Config, told: Address) -> tuple[Endpoint, ...]:
    """Return the addresses of a backend: those that it gave itself, if the configuration still allows that.

    Raise OSError for certificate files that cannot be read.
    """
    url = _allowed(section, told.url, section.websocket_template)
    urls = (template(url) if url else "", _allowed(section, told.soap_url, section.soap_address))
    files = tuple(map(_version_of, (section.ca, section.certificate, section.key)))
    trust = _Trust(files, _context(section) if section.secure else None)
    known = [Endpoint(each) for each in urls if each]
    return tuple(Endpoint(each.url, _DIALLING[each.scheme](section, config, trust)) for each in known)


def _allowed(section: BackendSection, told: str, written: str) -> str:
    return told if told and objection(section, told, written) is None else written


def _introduction(section: BackendSection) -> Introduction:
    headers = tuple((name, value.get_secret_value()) for name, value in section.headers.items())
    return Introduction(section.forward, headers, _login(section))


def _login(section: BackendSection) -> tuple[str, str] | None:
    if section.username is None:
        return None
    return section.username, section.password.get_secret_value() if section.password is not None else ""


def _version_of(file: Path | None) -> tuple[str, int] | None:
    """Return which version of a file is meant, so that a new certificate makes a new backend."""
    return None if file is None else (str(file), file.stat().st_mtime_ns)


def _context(section: BackendSection) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(section.ca) if section.ca is not None else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if section.certificate is not None:
        context.load_cert_chain(section.certificate, section.key)
    return context
