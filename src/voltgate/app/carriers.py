"""The carriers of this process: each is registered here, in one table.

A carrier's folder holds how it dials and how it listens; what the configuration says of it is put into its own values
here. A new one is a folder, a section of the configuration's model, and an entry of `CARRIERS`.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from voltgate import __version__
from voltgate.app.addresses import objection
from voltgate.app.listeners import Kind, in_common, report
from voltgate.carriers.amqp.carrier import AmqpCarrier, AmqpDialling
from voltgate.carriers.amqp.settings import Broker as Rabbit
from voltgate.carriers.amqp.settings import Layout
from voltgate.carriers.bus import Keep, Surroundings
from voltgate.carriers.handshake import Admit
from voltgate.carriers.introduction import Introduction
from voltgate.carriers.local import LocalCarrier
from voltgate.carriers.mqtt.carrier import MqttCarrier, MqttDialling
from voltgate.carriers.mqtt.connection import Broker
from voltgate.carriers.mqtt.homeassistant import HomeSettings
from voltgate.carriers.soap.allowance import Rates
from voltgate.carriers.soap.callbacks import Callbacks
from voltgate.carriers.soap.carrier import SPOKEN_TO_AS, SoapCarrier, SoapDialling
from voltgate.carriers.soap.client import Client
from voltgate.carriers.soap.connection import Limits
from voltgate.carriers.soap.listener import SoapListener, Take
from voltgate.carriers.websocket.carrier import WebsocketCarrier, WebsocketDialling
from voltgate.carriers.websocket.link import LinkCounts, LinkSettings
from voltgate.carriers.websocket.listener import Listener, ListenerSettings
from voltgate.carriers.websocket.resolver import Resolver
from voltgate.config import Config
from voltgate.config.backends import Backend as BackendSection
from voltgate.config.backends import template
from voltgate.config.listen import Address as Section
from voltgate.directory.rows import Address
from voltgate.directory.stations import CLAIMED
from voltgate.ocpp.soap.names import VERSIONS
from voltgate.ocpp.wheel import Wheel
from voltgate.relay.backend import Endpoint
from voltgate.relay.carrier import Carrier
from voltgate.relay.certificate_events import CertificateRefused
from voltgate.relay.events import Listen
from voltgate.relay.rule import CLAIMANT

_AROUND = 64 << 10
"""Bytes of a packet of MQTT besides the message: the topic, the properties, what an envelope repeats."""


@dataclass(frozen=True, slots=True)
class _Handlers:
    """What listeners hand over to: stations that ask to be let in, or requests without a connection."""

    admit: Admit
    take: Take


class Carriers:
    """What dials backends and listens for stations. `counts` says what befell connections, by who is at the far end.

    `names` looks up the hosts of backends, whichever carrier dials them. `keep` looks after tasks of carriers.
    """

    def __init__(self, config: Config, wheel: Wheel, clock: Callable[[], float], listen: Listen, keep: Keep) -> None:
        self.names = Resolver()
        self._listen = listen
        client = Client(config.limits.message_size, f"voltgate/{__version__}", names=self.names)
        self.websocket = WebsocketCarrier(wheel, clock, report, self.names)
        self.soap = SoapCarrier(client, Callbacks(), clock)
        self.of_stations = LinkCounts()
        surroundings = Surroundings(wheel, clock, random.random, listen, self.names, keep)
        self.mqtt = MqttCarrier(surroundings)
        self.amqp = AmqpCarrier(surroundings, time.time)
        self.local = LocalCarrier(wheel, clock, listen)
        self.counts: dict[str, object] = {
            "station": self.of_stations,
            "backends": self.websocket.counts,
            "brokers": self.mqtt.counts,
            "rabbitmq": self.amqp.counts,
        }
        self.wheel = wheel
        self.clock = clock

    def by_scheme(self) -> dict[str, Carrier]:
        """Return what dials, by the schemes of a backend's URL."""
        made = [(each.schemes, each.dialler(self)) for each in CARRIERS.values()]
        return {scheme: carrier for schemes, carrier in made for scheme in schemes}

    def listeners(self, admit: Admit, take: Take) -> tuple[Kind, ...]:
        """Return what listens, in the order in which it is opened."""
        handlers = _Handlers(admit, take)
        return tuple(
            Kind(name, each.sections, partial(each.listener, self, handlers), each.settings)
            for name, each in CARRIERS.items()
            if each.listener is not None
        )

    def unverified(self, listener: str, address: str, reason: str) -> None:
        """Tell of a certificate of a station that was not accepted."""
        self._listen(CertificateRefused(listener, address, reason))

    def follow(self, config: Config, callback_key: bytes, former_key: Callable[[float], bytes]) -> None:
        """Go by a configuration. `former_key` returns the callback key before, for so many seconds."""
        self.soap.patience = config.calls.backend
        self.soap.largest = self.soap.client.largest = config.limits.message_size
        self.soap.callbacks.base = callback_base(config)
        self.soap.callbacks.key = callback_key
        self.soap.callbacks.former = partial(former_key, config.soap.old_callbacks)

    async def close(self) -> None:
        """Leave what many stations shared."""
        await asyncio.gather(self.mqtt.close(), self.amqp.close())


def callback_base(config: Config) -> str:
    """Return the URL below which backends call stations: as written, else that of the first SOAP listener."""
    if config.soap.callback is not None:
        return config.soap.callback
    return config.listen.soap[0].url if config.listen.soap else ""


def _websocket_listener(
    carriers: Carriers, handlers: _Handlers, settings: ListenerSettings, refusals: dict[str, int]
) -> Listener:
    wheel, clock, counts = carriers.wheel, carriers.clock, carriers.of_stations
    return Listener(
        settings,
        handlers.admit,
        wheel,
        clock,
        report=report,
        counts=counts,
        refusals=refusals,
        unverified=carriers.unverified,
    )


def _soap_listener(
    carriers: Carriers, handlers: _Handlers, settings: ListenerSettings, refusals: dict[str, int]
) -> Listener:
    return SoapListener(settings, handlers.take, carriers.wheel, carriers.clock, report=report, refusals=refusals)


def _with_soap(common: ListenerSettings, config: Config) -> ListenerSettings:
    limits, section = config.limits, config.soap
    rates = Rates(section.bytes_per_second, section.stranger_bytes_per_second, limits.message_size)
    return replace(common, how=Limits(limits.message_size, section.idle, limits.head_seconds, rates))


# Backends.


@dataclass(frozen=True, slots=True)
class _Terms:
    """What dialling a backend goes by; `context` was made of these versions of the `files`."""

    section: BackendSection
    config: Config
    files: tuple[object, ...]
    context: ssl.SSLContext | None


def _websocket_dialling(terms: _Terms) -> WebsocketDialling:
    section, limits = terms.section, terms.config.limits
    link = LinkSettings(
        message_limit=limits.message_size,
        write_bound=limits.message_size + (4 << 20),
        ping=section.ping,
        misses=section.misses,
        compress=section.compression,
    )
    return WebsocketDialling(_introduction(section), section.connect, link, terms.files, terms.context)


def _soap_dialling(terms: _Terms) -> SoapDialling:
    return SoapDialling(_introduction(terms.section), terms.section.connect, terms.files, terms.context)


def _mqtt_dialling(terms: _Terms) -> MqttDialling:
    section, config = terms.section, terms.config
    url = urlsplit(section.broker_url)
    broker = Broker(
        url.hostname or "",
        url.port or (8883 if section.secure else 1883),
        _login(section),
        ping=section.ping,
        patience=section.connect,
        qos=section.qos,
        largest=config.limits.message_size + _AROUND,
        trust=terms.files,
        ssl=terms.context,
    )
    raw = section.envelope == "ocpp"
    presence, patience = section.presence or "", config.calls.backend
    return MqttDialling(broker, section.topic_prefix, presence, raw, patience, _home(section, config))


def _home(section: BackendSection, config: Config) -> HomeSettings | None:
    """Return how stations are shown to Home Assistant, if they are."""
    if not section.homeassistant:
        return None
    token = section.start_token.get_secret_value() if section.start_token is not None else ""
    return HomeSettings(section.homeassistant_prefix, token, is_alone=is_only_told(section, config))


def is_only_told(section: BackendSection, config: Config) -> bool:
    """Return whether a backend is in rules as a copy only, and no claim can make more of it."""
    (name,) = (name for name, each in config.backends.items() if each is section)
    rules = [rule for route in config.routes.values() for rule in route.rules]
    asked = {each for rule in rules for each in (*rule.answer.backends, *rule.authorize)}
    by_claim = CLAIMANT in asked or CLAIMED in {config.unknown.route, *(entry.route for entry in config.stations)}
    return bool(rules) and name not in asked and not by_claim


def _amqp_dialling(terms: _Terms) -> AmqpDialling:
    section = terms.section
    url = urlsplit(section.amqp_url)
    broker = Rabbit(
        url.hostname or "",
        url.port or (5671 if section.secure else 5672),
        section.vhost,
        _login(section),
        patience=section.connect,
        trust=terms.files,
        ssl=terms.context,
    )
    layout = Layout(section.prefix, section.queues) if section.layout == "voltgate" else None
    return AmqpDialling(broker, layout, section.envelope == "ocpp", terms.config.calls.backend)


def _put_into_soap(section: BackendSection) -> tuple[str, ...]:
    """Return what can be put into a version of SOAP that a backend takes."""
    return (SPOKEN_TO_AS,) if any(f"ocpp{version}" in section.versions for version in VERSIONS) else ()


def endpoints_of(section: BackendSection, config: Config, told: Address) -> tuple[Endpoint, ...]:
    """Return the addresses of a backend: those that it gave itself, if the configuration still allows that.

    Raise OSError for certificate files that cannot be read.
    """
    terms = _terms(section, config)
    urls = (
        (name, each, _allowed(section, getattr(told, each.field), each.written(section)))
        for name, each in CARRIERS.items()
    )
    return tuple(
        Endpoint(each.address(url), each.dialling(terms), name, each.takes(section), each.brokered)
        for name, each, url in urls
        if url
    )


def _terms(section: BackendSection, config: Config) -> _Terms:
    files = tuple(map(_version_of, (section.ca, section.certificate, section.key)))
    return _Terms(section, config, files, _context(section) if section.secure else None)


def rabbitmq_of(section: BackendSection, config: Config) -> AmqpDialling:
    """Return how a backend behind RabbitMQ is reached, from either side. Raise OSError for certificate files."""
    return _amqp_dialling(_terms(section, config))


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


# The table.


@dataclass(frozen=True, slots=True)
class Registration:
    """One carrier: its schemes, what the configuration says of it, and what makes its parts.

    `field` is the field of a declared address that holds its URL. `written` returns the URL of a backend that the
    configuration gives it ("" for none), `address` the URL that one is dialled by, `dialling` what only the carrier
    looks into, and `takes` the versions of sessions that it is dialled for (None: those of the backend). `listener`
    makes a listener for stations (None: there are none), `sections` returns those of the configuration, and `key` is
    their key in `[listen]`, by which logs list them; `settings` adds what only this carrier
    goes by to what all listeners have in common. `brokered`: a broker stands between the gateway and the backend.
    """

    schemes: tuple[str, ...]
    field: str
    written: Callable[[BackendSection], str]
    dialling: Callable[[_Terms], object]
    dialler: Callable[[Carriers], Carrier]
    address: Callable[[str], str] = str
    takes: Callable[[BackendSection], tuple[str, ...] | None] = lambda section: None
    listener: Callable[[Carriers, _Handlers, ListenerSettings, dict[str, int]], Listener] | None = None
    sections: Callable[[Config], tuple[Section, ...]] = lambda config: ()
    key: str = ""
    settings: Callable[[ListenerSettings, Config], ListenerSettings] = in_common
    brokered: bool = False


CARRIERS: Mapping[str, Registration] = {
    "websocket": Registration(
        schemes=("ws", "wss"),
        field="url",
        written=lambda section: section.websocket_template,
        dialling=_websocket_dialling,
        dialler=lambda carriers: carriers.websocket,
        address=template,
        listener=_websocket_listener,
        sections=lambda config: config.listen.stations,
        key="stations",
    ),
    "mqtt": Registration(
        schemes=("mqtt", "mqtts"),
        field="url",
        written=lambda section: section.mqtt_url,
        dialling=_mqtt_dialling,
        dialler=lambda carriers: carriers.mqtt,
        brokered=True,
    ),
    "amqp": Registration(
        schemes=("amqp", "amqps"),
        field="url",
        written=lambda section: section.amqp_url,
        dialling=_amqp_dialling,
        dialler=lambda carriers: carriers.amqp,
        brokered=True,
    ),
    "local": Registration(
        schemes=("local",),
        field="url",
        written=lambda section: section.local_url,
        dialling=lambda terms: None,
        dialler=lambda carriers: carriers.local,
    ),
    "soap": Registration(
        schemes=("http", "https"),
        field="soap_url",
        written=lambda section: section.soap_address,
        dialling=_soap_dialling,
        dialler=lambda carriers: carriers.soap,
        takes=_put_into_soap,
        listener=_soap_listener,
        sections=lambda config: config.listen.soap,
        key="soap",
        settings=_with_soap,
    ),
}
"""The carriers by name, in the order of a backend's addresses: the first is for stations that came by none of these."""


def carrier_of(url: str) -> str:
    """Return the name of the carrier of a URL's scheme. Raise KeyError for a scheme that none has."""
    return _BY_SCHEME[url.partition(":")[0].lower()]


_BY_SCHEME = {scheme: name for name, each in CARRIERS.items() for scheme in each.schemes}
