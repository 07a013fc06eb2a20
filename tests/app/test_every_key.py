"""Every key of the reference, changed while the process runs: what runs goes by it, or a warning names the key."""

from __future__ import annotations

import hashlib
import ipaddress
import json
import logging
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import structlog
from pydantic import BaseModel

from tests.app.running import Running, running
from tests.harness.ports import free_port
from tests.keypair import write_pair, write_revoked
from voltgate.carriers.soap.listener import SoapListener as SoapCarrierListener
from voltgate.carriers.websocket.listener import Listener as CarrierListener
from voltgate.config import Config, alert_channels
from voltgate.config.alerts import AlertRule, Alerts, AlertTemplate, Mute, Thresholds
from voltgate.config.api import Api, ApiToken
from voltgate.config.backends import Backend, Retry, StandIn
from voltgate.config.bounds import Calls, Directory, Limits, Log, Protocol, Shutdown, Unknown
from voltgate.config.claims import Claimant, Claims
from voltgate.config.cluster import Cluster
from voltgate.config.csms import Csms, CsmsAuthority
from voltgate.config.include import Include
from voltgate.config.listen import KeyPair, Listen, Listener, SoapListener
from voltgate.config.messages import Messages
from voltgate.config.permits import Keys, Permit
from voltgate.config.reference import SECTIONS
from voltgate.config.restart import takes_restart
from voltgate.config.routes import Route, Rule
from voltgate.config.schema import fields_of, section_in
from voltgate.config.single_sign_on import Oidc, OidcRole
from voltgate.config.soap import Soap
from voltgate.config.stations import StationEntry
from voltgate.config.store import Journal, Ledger, Store
from voltgate.config.tokens import TokenGroup
from voltgate.config.traces import Traces
from voltgate.directory.stations import Station
from voltgate.ocpp.dialect import Dialect
from voltgate.ocpp.ids import Token
from voltgate.relay.backend import BackendSettings
from voltgate.relay.events import TransactionEnded
from voltgate.relay.permit import PRESETS
from voltgate.relay.permit import Permit as RelayPermit
from voltgate.relay.ports import SessionSettings
from voltgate.relay.rule import Rule as RelayRule
from voltgate.telemetry import logs
from voltgate.telemetry.lines import ERRORS
from voltgate.telemetry.messages.recorder import Recorder
from voltgate.web.access import Access, AccessToken
from voltgate.web.base_path import BasePath
from voltgate.web.claimant import DeclaredAddress, NotAllowed
from voltgate.web.problems import Problem
from voltgate.web.proxy_headers import Proxies, ProxyHeaders
from voltgate.web.user_access import UserSettings

Document: TypeAlias = dict[str, Any]

PLACES: Mapping[type[BaseModel], str] = {
    Config: "",
    Include: "include",
    Listen: "listen",
    Listener: "listen.stations.0",
    SoapListener: "listen.soap.0",
    KeyPair: "listen.stations.0.certificates.0",
    Backend: "backends.main",
    Retry: "backends.main.retry",
    StandIn: "backends.main.stand_in",
    Claimant: "backends.main.claims",
    Route: "routes.main",
    Rule: "routes.main.rules.0",
    StationEntry: "stations.0",
    TokenGroup: "token_groups.fleet",
    Permit: "permits.mine",
    Keys: "permits.mine.keys",
    Api: "api",
    ApiToken: "api.tokens.0",
    Oidc: "api.oidc",
    OidcRole: "api.oidc.roles.0",
    Store: "store",
    Cluster: "cluster",
    Csms: "csms",
    CsmsAuthority: "csms.authority",
    Ledger: "ledger",
    Journal: "journal",
    Claims: "claims",
    Alerts: "alerts",
    alert_channels.Channel: "alerts.channels.post",
    alert_channels.Mail: "alerts.channels.post.mail",
    alert_channels.MailAuth: "alerts.channels.post.mail.auth",
    alert_channels.Pushover: "alerts.channels.phone.pushover",
    alert_channels.Webhook: "alerts.channels.hook.webhook",
    alert_channels.Apprise: "alerts.channels.others.apprise",
    AlertRule: "alerts.rules.0",
    AlertTemplate: "alerts.templates.stationSilent",
    Mute: "alerts.mute.0",
    Thresholds: "alerts.thresholds",
    Soap: "soap",
    Unknown: "unknown",
    Directory: "directory",
    Protocol: "protocol",
    Calls: "calls",
    Limits: "limits",
    Shutdown: "shutdown",
    Log: "log",
    Messages: "messages",
    Traces: "traces",
}
"""Where each section of the reference stands in the configuration of this test."""

HTTP, STATIONS, SOAP, MOVED = "127.0.0.1:@http", "127.0.0.1:@stations", "127.0.0.1:@soap", "127.0.0.1:@moved"
"""Addresses; the ports are filled in by the test."""
HASH = "sha256:" + "ab" * 32
OPERATOR, BACKEND = "the-first-operator-s-token", "a-backend-s-own-token"


def base() -> Document:
    """The configuration that each key is changed in."""
    pair = {"certificate": "a.pem", "key": "a.key"}
    more = [{"certificate": "b.pem", "key": "b.key"}]
    main = {"url": "wss://main.example/{station}", "soap_url": "https://main.example/soap", "permit": "mine"}
    login = {"user": "us", "pass": "secret"}
    token = {"name": "anna", "role": "viewer", "hash": "sha256:" + "00" * 32}
    provider = {
        "issuer": "https://id.example",
        "client_id": "voltgate",
        "public_url": "https://gates.example",
        "roles": [{"value": "ops", "role": "viewer"}],
    }
    return {
        "listen": {
            "stations": [{"url": f"wss://{STATIONS}", **pair, "certificates": more}],
            "soap": [{"url": f"https://{SOAP}", **pair, "certificates": more}],
            "http": HTTP,
        },
        "store": {"url": "sqlite:///voltgate.db"},
        "csms": {"uploads": "https://uploads.example", "authority": pair},
        "backends": {"main": main, "other": {"url": "ws://other.example/"}},
        "routes": {
            "main": {"rules": [{"answer": "other", "tokens": ["04B*"], "token_groups": ["fleet"]}, {"answer": "main"}]},
            "spare": {"rules": [{"answer": "other"}]},
        },
        "stations": [{"match": "CP*", "route": "main"}],
        "token_groups": {"fleet": {"tokens": ["04A1"]}},
        "permits": {"mine": {"base": "observe"}},
        "api": {"tokens": [token], "oidc": provider},
        "alerts": {
            "channels": {
                "post": {"mail": {"from": "a@x.example", "to": ["b@x.example"], "host": "127.0.0.1", "auth": login}},
                "phone": {"pushover": {"user": "u" * 30, "token": "t" * 30}},
                "hook": {"webhook": {"url": "https://hooks.example/1"}},
                "others": {"apprise": {"urls": ["json://localhost/"]}},
            },
            "rules": [{"events": ["*"], "channels": ["post", "phone", "hook", "others"]}],
            "templates": {"stationSilent": {"text": "{name} is silent"}},
            "mute": [{"hours": "22:00-06:00"}],
        },
    }


# What runs.


def line_of(event: str) -> str:
    """Return what a line of the log looks like."""
    return str(structlog.get_config()["processors"][-1](None, "info", {"event": event}))


def listener(r: Running) -> CarrierListener:
    """The listener for websockets that is open."""
    return next(each for each in r.parts.listeners.listeners() if not isinstance(each, SoapCarrierListener))


def soap(r: Running) -> SoapCarrierListener:
    """The listener for SOAP that is open."""
    return next(each for each in r.parts.listeners.listeners() if isinstance(each, SoapCarrierListener))


def csms(r: Running) -> Any:
    """Return what the management system goes by."""
    assert r.parts.csms is not None
    return r.parts.csms.settings


def authority(r: Running) -> Any:
    """Return who signs certificates of stations."""
    assert r.parts.csms is not None
    return r.parts.csms.signer.authority


def operating(r: Running) -> Any:
    """Return what tells stations what operators want."""
    return r.parts.operating


def recorder(r: Running) -> Recorder:
    """Return what writes messages down."""
    return r.parts.messages.recorder


def backend(r: Running) -> BackendSettings:
    """What legs to the backend go by."""
    return r.parts.gateway.snapshot.backends["main"].settings


def how(r: Running, place: int = 0) -> Any:
    """What dialling the backend goes by: 0 is its websocket, 1 its SOAP."""
    return backend(r).endpoints[place].how


def permit(r: Running) -> RelayPermit:
    """What the backend may ask."""
    found = backend(r).permit
    assert found is not None
    return found


def rule(r: Running) -> RelayRule:
    """The first rule of the route."""
    return r.parts.gateway.snapshot.routes["main"].rules[0]


def matches(text: str) -> Look:
    """Whether the first rule is for calls with this token."""
    return lambda r: rule(r).tokens is not None and rule(r).tokens.matches(Token(text, ""))


def station(r: Running, identity: str = "CP1") -> Station:
    """What the directory knows of a station."""
    found = r.parts.gateway.snapshot.directory.find(identity)
    assert found is not None
    return found


def known(identity: str, target: str = "") -> Look:
    """Whether a station is let in by what it calls itself, or by its path."""
    return lambda r: r.parts.gateway.snapshot.directory.find(identity, target) is not None


def session(r: Running) -> SessionSettings:
    """What the station's next session goes by."""
    return r.parts.gateway.snapshot.settings(station(r), "ocpp1.6")


def dialect(r: Running) -> Dialect:
    """How the station's next session speaks."""
    return r.parts.gateway.snapshot.dialect(station(r), "ocpp1.6")


def tokens(r: Running) -> list[AccessToken]:
    """The tokens of the configuration that the API takes."""
    access = r.process._reload._access()
    assert access is not None
    return list(access.access.configured)


def channel(r: Running, name: str) -> Any:
    """Return what a channel of alerts goes by."""
    return r.parts.alerting.channels[name].settings  # type: ignore[attr-defined]


def template(r: Running) -> Any:
    """Return how messages about a silent station are written."""
    return r.parts.alerting.author.templates["stationSilent"]


def told(r: Running) -> Any:
    """Return the first rule of alerts."""
    return r.parts.alerting.engine.rules.all[0]


def muted(r: Running) -> Any:
    """Return the first time at which alerts are muted."""
    return r.parts.alerting.engine.rules.mutes[0]


def thresholds(r: Running) -> Any:
    """Return from when on what is measured is told of."""
    return r.parts.monitoring.bounds


def is_empty(r: Running) -> bool:
    """Whether a transaction that took 7 Wh counts as one that took none."""
    empty = TransactionEnded("CP1", "1", "main", 1, "Local", 7.0, 60.0)
    kinds = r.parts.alerting.engine.rules.kinds[TransactionEnded]
    return any(kind.when(empty) for kind in kinds if kind.name == "transactionWithoutEnergy")


def bounds(r: Running) -> Any:
    """Return what bounds a channel of alerts."""
    return r.parts.alerting.policies["post"]


def users(r: Running) -> UserSettings:
    """What users of the API go by."""
    access = r.process._reload._access()
    assert access is not None
    assert access.users is not None
    return access.users._settings


def sign_on(r: Running) -> Any:
    """What single sign-on goes by."""
    assert r.process._web is not None
    app: Any = r.process._web.servers["http"]._config.app
    return app.state.single_sign_on.settings


def base_path(r: Running) -> object:
    """The path that everything on `listen.http` is served under as well."""
    assert r.process._web is not None
    app: Any = r.process._web.servers["http"]._config.app
    return next(each.kwargs["base"]() for each in app.user_middleware if each.cls is BasePath)


def believes_a_proxy(r: Running) -> object:
    """Whether the API believes what a proxy at 10.0.0.1 says of addresses."""
    assert r.process._web is not None
    app: Any = r.process._web.servers["http"]._config.app
    proxies: Proxies = next(each.kwargs["proxies"] for each in app.user_middleware if each.cls is ProxyHeaders)
    return proxies.is_one("10.0.0.1")


def edits_routes(r: Running) -> bool:
    """Whether routes may be changed through the API."""
    assert r.process._web is not None
    app: Any = r.process._web.servers["http"]._config.app
    try:
        return bool(app.state.routes_file._open())
    except Problem:
        return False


def failures(r: Running) -> int:
    """How often an unknown token may be tried."""
    return access_of(r).failures


def access_of(r: Running) -> Access:
    """Who may use the API."""
    access = r.process._reload._access()
    assert access is not None
    return access.access


def claims(r: Running, identity: str) -> bool:
    """Whether the backend may claim a station, as the API asks it."""
    return bool(_claimant(r).may_claim(identity))


def declares(r: Running, url: str) -> bool:
    """Whether the backend may say that it is at a URL, as the API asks it."""
    try:
        _claimant(r).address(DeclaredAddress(url))
    except NotAllowed:
        return False
    return True


def _claimant(r: Running) -> Any:
    web = r.process._web
    assert web is not None
    return web.servers["http"]._server.config.app.state.claimants("main")


# The rows.

Look: TypeAlias = Callable[[Running], Any]

_SAME: Any = object()


@dataclass(frozen=True, slots=True)
class Row:
    """One key: another value, and where what runs shows it (`seen`, else the value itself).

    `beside` is there before and after, `together` changes with it; both are by their whole path.
    """

    value: Any
    look: Look
    seen: Any = _SAME
    beside: Mapping[str, Any] = field(default_factory=dict)
    together: Mapping[str, Any] = field(default_factory=dict)

    @property
    def shown(self) -> Any:
        return self.value if self.seen is _SAME else self.seen


def listening(of: Callable[[Running], CarrierListener], scheme: str) -> dict[str, Row]:
    """The keys that both kinds of listeners have."""
    place = "listen.stations.0" if scheme == "wss" else "listen.soap.0"
    return {
        "url": Row(f"{scheme}://{MOVED}", lambda r: f"{scheme}://127.0.0.1:{of(r).port}"),
        "name": Row("north", lambda r: of(r).settings.name),
        "certificate": Row(
            "c.pem", lambda r: Path(of(r).settings.certificates[0].chain).name, together={f"{place}.key": "c.key"}
        ),
        "key": Row("a2.key", lambda r: Path(of(r).settings.certificates[0].key).name),
        "certificates": Row([], lambda r: len(of(r).settings.certificates), 1),
        "trusted_proxies": Row(["10.0.0.0/8"], lambda r: list(map(str, of(r).settings.trusted))),
        "proxy_protocol": Row(
            True, lambda r: of(r).settings.proxy_protocol, beside={f"{place}.trusted_proxies": ["10.0.0.0/8"]}
        ),
    }


def metrics_port(running: Running) -> str | None:
    """Where metrics are apart; None if they are not."""
    server = None if running.process._web is None else running.process._web.servers.get("metrics")
    return None if server is None else f"127.0.0.1:{server.port}"


AUTHORIZE = {"routes.main.rules.0.authorize": ["other", "main"]}
MEANT = {"stations.0.auth": "none"}
PASSWORD = {"stations.0.password": "a-station-s-own"}
ONE = {"stations.0.match": None, "stations.0.identity": "CP1"}
LOOKUP = {"stations.0.auth_lookup": "http://x.example/{station}"}
BROKER = {"backends.main.url": "mqtt://main.example"}
RABBITMQ = {"backends.main.url": "amqp://main.example"}
HOME = {**BROKER, "backends.main.homeassistant": True}
CLIENT = {"backends.main.certificate": "a.pem", "backends.main.key": "a.key"}
NO_HOST = {"alerts.channels.post.mail.host": None}
_NETWORK = ipaddress.ip_network("10.0.0.0/8")
_A_DAY = 86400.0

ROWS: Mapping[type[BaseModel], Mapping[str, Row]] = {
    Config: {
        "admin_token": Row(
            OPERATOR,
            lambda r: [each.digest for each in tokens(r) if each.name == "admin"],
            [hashlib.sha256(OPERATOR.encode()).digest()],
        ),
    },
    Listen: {
        "http": Row(MOVED, lambda r: r.process._web and f"127.0.0.1:{r.process._web.servers['http'].port}"),
        "http_socket": Row("api.sock", lambda r: r.process._web and "http socket" in r.process._web.servers, True),
        "http_tls": Row(
            {"certificate": "a.pem", "key": "a.key"},
            lambda r: r.process._web and r.process._web.servers["http"]._config.ssl is not None,
            True,
        ),
        "metrics": Row(MOVED, metrics_port),
        "uploads": Row(MOVED, lambda r: r.process._uploads),
        "reuse_port": Row(True, lambda r: listener(r).settings.reuse_port),
    },
    Listener: listening(listener, "wss")
    | {
        "ping": Row(20, lambda r: listener(r).settings.link.ping),
        "misses": Row(5, lambda r: listener(r).settings.link.misses),
        "client_authority": Row("a.pem", lambda r: Path(listener(r).settings.client_authority or "").name),
        "security_profiles": Row([2], lambda r: list(listener(r).settings.profiles or ())),
        "organizations": Row(["Ours"], lambda r: list(listener(r).settings.organizations)),
        "revocation_lists": Row(
            ["revoked.pem"],
            lambda r: [Path(each).name for each in listener(r).settings.revocation_lists],
            beside={"listen.stations.0.client_authority": "a.pem"},
        ),
        "ocsp": Row(
            "hard",
            lambda r: None if (asked := listener(r).settings.ocsp) is None else asked.required,
            True,
            beside={"listen.stations.0.client_authority": "a.pem"},
        ),
        "ocsp_url": Row(
            "http://ocsp.example",
            lambda r: None if (asked := listener(r).settings.ocsp) is None else asked.url,
            beside={"listen.stations.0.client_authority": "a.pem", "listen.stations.0.ocsp": "soft"},
        ),
        "lenient_upgrade": Row(True, lambda r: listener(r).settings.lenient_upgrade),
        "lenient_path": Row(False, lambda r: listener(r).settings.lenient_path),
    },
    SoapListener: listening(soap, "https"),
    KeyPair: {
        "certificate": Row(
            "c.pem",
            lambda r: Path(listener(r).settings.certificates[1].chain).name,
            together={"listen.stations.0.certificates.0.key": "c.key"},
        ),
        "key": Row("b2.key", lambda r: Path(listener(r).settings.certificates[1].key).name),
    },
    Backend: {
        "url": Row("wss://new.example/{station}", lambda r: backend(r).endpoints[0].url),
        "soap_url": Row("https://new.example/", lambda r: backend(r).endpoints[1].url),
        "versions": Row(["ocpp1.6"], lambda r: list(backend(r).versions)),
        "when_down": Row("refuse", lambda r: backend(r).when_down),
        "wait": Row(3, lambda r: backend(r).wait),
        "then": Row("refuse", lambda r: backend(r).then),
        "forward": Row("always", lambda r: {how(r, place).introduction.forward for place in (0, 1)}, {"always"}),
        "username": Row("us", lambda r: how(r).introduction.credentials, ("us", ""), beside=MEANT),
        "password": Row(
            "secret",
            lambda r: how(r, 1).introduction.credentials,
            ("us", "secret"),
            beside={"backends.main.username": "us"} | MEANT,
        ),
        "headers": Row({"X-Key": "1"}, lambda r: dict(how(r).introduction.headers)),
        "ca": Row("a.pem", lambda r: how(r).trust[0] and Path(how(r).trust[0][0]).name),
        "certificate": Row(
            "c.pem", lambda r: Path(how(r).trust[1][0]).name, beside=CLIENT, together={"backends.main.key": "c.key"}
        ),
        "key": Row("a2.key", lambda r: Path(how(r).trust[2][0]).name, beside=CLIENT),
        "connect": Row(3, lambda r: (how(r).timeout, how(r, 1).timeout), (3, 3)),
        "ping": Row(20, lambda r: how(r).link.ping),
        "misses": Row(5, lambda r: how(r).link.misses),
        "replay_boot": Row(False, lambda r: backend(r).replay_boot),
        "window": Row(3, lambda r: backend(r).window),
        "deliver": Row("always", lambda r: backend(r).deliver),
        "owed": Row(["StopTransaction"], lambda r: list(backend(r).owed)),
        "permit": Row("full", lambda r: permit(r).name),
        "invites": Row("own", lambda r: backend(r).invites),
        "copy_waiting": Row(5, lambda r: backend(r).waiting),
        "compression": Row(True, lambda r: how(r).link.compress),
        "qos": Row(0, lambda r: how(r).broker.qos, beside=BROKER),
        "envelope": Row("ocpp", lambda r: how(r).raw, True, beside=BROKER),
        "presence": Row("cs/consumers/+", lambda r: how(r).presence, beside=BROKER),
        "layout": Row("everythingcharge", lambda r: how(r).layout, None, beside=RABBITMQ),
        "prefix": Row("gates", lambda r: how(r).layout.prefix, beside=RABBITMQ),
        "queues": Row(7, lambda r: how(r).layout.queues, beside=RABBITMQ),
        "homeassistant": Row(True, lambda r: how(r).home is not None, beside=BROKER),
        "homeassistant_prefix": Row("ha", lambda r: how(r).home.prefix, beside=HOME),
        "start_token": Row("TAG", lambda r: how(r).home.token, beside=HOME),
    },
    Retry: {
        "first": Row(3, lambda r: backend(r).retry.first),
        "factor": Row(3, lambda r: backend(r).retry.factor),
        "max": Row(30, lambda r: backend(r).retry.longest),
        "jitter": Row(0, lambda r: backend(r).retry.jitter),
        "tries": Row(7, lambda r: backend(r).retry.tries),
        "schedule": Row([5, 10], lambda r: list(backend(r).retry.schedule)),
    },
    StandIn: {
        "accept": Row("all", lambda r: backend(r).stand_in.accept),
        "tokens": Row(["04F*"], lambda r: backend(r).stand_in.tokens.matches(Token("04F1", "")), True),
        "token_groups": Row(["fleet"], lambda r: backend(r).stand_in.tokens.matches(Token("04A1", "")), True),
        "stop_refused": Row(False, lambda r: backend(r).stand_in.stop_refused),
    },
    Claimant: {
        "token": Row(
            BACKEND,
            lambda r: [each.digest for each in tokens(r) if "main" in each.backends],
            [hashlib.sha256(BACKEND.encode()).digest()],
        ),
        "stations": Row(["X*"], lambda r: claims(r, "CP1"), False),
        "hosts": Row(["*.example.com"], lambda r: declares(r, "wss://a.example.com/"), True),
        "most": Row(7, lambda r: r.parts.surroundings.register.shares["main"]),
    },
    Route: {
        "admit": Row("gateway", lambda r: r.parts.gateway.snapshot.routes["main"].admit),
        "close_when_all_down": Row(
            7, lambda r: r.parts.gateway.snapshot.routes["main"].plans("cp1", frozenset()).terms.close_when_all_down
        ),
    },
    Rule: {
        "tokens": Row(["04C1"], matches("04C1"), True),
        "token_groups": Row([], matches("04A1"), False),
        "token_types": Row(["eMAID"], lambda r: rule(r).tokens.kinds, {"eMAID"}),
        "case_sensitive": Row(True, matches("04b1"), False),
        "normalize": Row(["strip_zeros"], matches("4A1"), True),
        "connectors": Row([2], lambda r: list(rule(r).connectors)),
        "actions": Row(["Boot*"], lambda r: list(rule(r).actions)),
        "stations": Row("CP1*", lambda r: rule(r).stations, "cp1*"),
        "tags": Row(["north"], lambda r: list(rule(r).tags)),
        "claimed_by": Row(["other"], lambda r: list(rule(r).claimed_by)),
        "answer": Row("main", lambda r: rule(r).answer, ("main",)),
        "copy": Row(["main"], lambda r: list(rule(r).copy)),
        "authorize": Row(["other", "main"], lambda r: rule(r).chain and list(rule(r).chain.backends)),
        "authorize_on": Row(["Unknown"], lambda r: list(rule(r).chain.on), beside=AUTHORIZE),
        "authorize_silence": Row(True, lambda r: rule(r).chain.silence, beside=AUTHORIZE),
        "authorize_within": Row(3, lambda r: rule(r).chain.within, beside=AUTHORIZE),
    },
    StationEntry: {
        "match": Row("X*", known("X1"), True),
        "identity": Row("CP1", known("CP2"), False, together={"stations.0.match": None}),
        "route": Row("spare", lambda r: station(r).route),
        "callback": Row("https://cp1.example/", lambda r: r.parts.soap.settings.callback(station(r))),
        "name": Row("the one by the door", lambda r: station(r).name),
        "tags": Row(["north"], lambda r: list(station(r).tags)),
        "auth": Row("none", lambda r: station(r).checked, False, beside=PASSWORD),
        "password": Row("secret", lambda r: station(r).credentials and station(r).credentials.password),
        "password_hook": Row("http://x.example/", lambda r: station(r).credentials and station(r).credentials.hook),
        "auth_lookup": Row(
            "http://y.example/{station}", lambda r: station(r).credentials and station(r).credentials.lookup
        ),
        "certificate_lookup": Row(
            "http://y.example/{hash}", lambda r: station(r).credentials.certificates, beside=LOOKUP
        ),
        "organizations": Row(["Ours"], lambda r: list(station(r).credentials.organizations), beside=LOOKUP),
        "security_profiles": Row([2], lambda r: list(station(r).entry.profiles or ()), beside=PASSWORD),
        "aliases": Row(["/odd/path"], known("", "/odd/path"), True, beside=ONE),
        "versions": Row(["ocpp1.6"], lambda r: list(station(r).versions)),
        "window": Row(3, lambda r: session(r).window),
        "ping": Row(20, lambda r: r.parts.gateway.snapshot.habits(station(r)).ping),
        "missing_subprotocol": Row("refuse", lambda r: station(r).missing_subprotocol),
        "unknown_message_type": Row("answer", lambda r: dialect(r).unknown_message_type),
        "bad_frame": Row("answer", lambda r: dialect(r).bad_frame),
        "basic_passwords": Row(["text"], lambda r: list(station(r).credentials.spellings), beside=PASSWORD),
        "compression": Row(True, lambda r: r.parts.gateway.snapshot.habits(station(r)).compress),
        "validation": Row("strict", lambda r: len(session(r).from_station), 1),
    },
    TokenGroup: {
        "tokens": Row(["04D1"], matches("04D1"), True),
        "file": Row("list.txt", matches("04E1"), True),
    },
    Permit: {
        "base": Row("full", lambda r: permit(r).allow, PRESETS["full"].allow),
        "pass": Row(["Reset"], lambda r: "Reset" in permit(r).allow, True),
        "refuse": Row(["GetConfiguration"], lambda r: list(permit(r).refuse)),
        "not_supported": Row(["GetReport"], lambda r: list(permit(r).not_supported)),
        "stop": Row("any", lambda r: permit(r).stop),
        "limit": Row(True, lambda r: permit(r).limit),
        "credentials": Row(True, lambda r: permit(r).credentials),
    },
    Keys: {
        "pass": Row(["HeartbeatInterval"], lambda r: list(permit(r).keys_pass)),
        "refuse": Row(["HeartbeatInterval"], lambda r: list(permit(r).keys_refuse)),
        "absorb": Row(["HeartbeatInterval"], lambda r: list(permit(r).keys_absorb)),
    },
    Api: {
        "base_path": Row("/voltgate", base_path),
        "trusted_proxies": Row(["10.0.0.0/8"], believes_a_proxy, True),
        "edit_routes": Row(True, edits_routes),
        "failed_tokens": Row(3, failures),
        "rate": Row(5.0, lambda r: access_of(r).rate),
        "metrics": Row("token", lambda r: access_of(r).guards_metrics, True),
        "login": Row(60, lambda r: users(r).login),
        "invitation": Row(120, lambda r: users(r).invitation),
    },
    ApiToken: {
        "name": Row("otto", lambda r: [each.name for each in tokens(r)], ["otto"]),
        "role": Row("admin", lambda r: [each.role for each in tokens(r)], ["admin"]),
        "hash": Row(HASH, lambda r: [each.digest.hex() for each in tokens(r)], ["ab" * 32]),
        "expires": Row("2027-06-30T12:00:00+02:00", lambda r: [each.until for each in tokens(r)], [1_814_349_600.0]),
    },
    Oidc: {
        "issuer": Row("https://other.example", lambda r: sign_on(r).issuer),
        "client_id": Row("gates", lambda r: sign_on(r).client_id),
        "client_secret": Row("secret", lambda r: sign_on(r).client_secret),
        "public_url": Row("https://x.example/", lambda r: sign_on(r).redirect_uri[:22], "https://x.example/api/"),
        "label": Row("the firm", lambda r: sign_on(r).label),
        "scopes": Row(["openid", "groups"], lambda r: list(sign_on(r).scopes)),
        "login_claim": Row("preferred_username", lambda r: sign_on(r).login_claim),
        "claim": Row("roles", lambda r: sign_on(r).claim),
        "allowed_domains": Row(["X.example"], lambda r: list(sign_on(r).domains), ["x.example"]),
        "ca": Row("a.pem", lambda r: sign_on(r).ca and Path(sign_on(r).ca).name),
        "timeout": Row(3, lambda r: sign_on(r).timeout),
    },
    OidcRole: {
        "value": Row("bosses", lambda r: sign_on(r).grants[0].value),
        "role": Row("admin", lambda r: sign_on(r).grants[0].role),
        "networks": Row(["north"], lambda r: list(sign_on(r).grants[0].networks)),
    },
    Store: {
        "url": Row("sqlite:///other.db", lambda r: r.parts.database and str(r.parts.database._url)),
        "password": Row("secret", lambda r: r.parts.database and r.parts.database._url.password),
        "patience": Row(3, lambda r: r.parts.database and r.parts.database._settings.patience),
        "keep_days": Row(3, lambda r: r.parts.database and r.parts.database._settings.keep, 3 * _A_DAY),
        "audit_days": Row(3, lambda r: r.parts.database and r.parts.database._settings.keep_audit, 3 * _A_DAY),
    },
    Csms: {
        "interval": Row(60, lambda r: csms(r).interval),
        "registration": Row("Pending", lambda r: csms(r).registration),
        "retry": Row(30, lambda r: csms(r).retry),
        "tokens": Row("any", lambda r: csms(r).tokens),
        "grace": Row(5, lambda r: csms(r).grace),
        "validation": Row("strict", lambda r: csms(r).validation),
        "currency": Row("CHF", lambda r: csms(r).currency),
        "keep_jobs": Row(7200, lambda r: operating(r).config().csms.keep_jobs),
        "keep_meter_values": Row(2 * _A_DAY, lambda r: operating(r).config().csms.keep_meter_values),
        "keep_history": Row(3 * _A_DAY, lambda r: operating(r).config().csms.keep_history),
        "keep_rows": Row(500, lambda r: csms(r).keep_rows),
        "uploads": Row("https://b.example", lambda r: operating(r).parts.operators._tickets.url),
        "uploads_folder": Row("var/others", lambda r: operating(r).parts.folder._path.name),
        "uploads_size": Row(4096, lambda r: operating(r).parts.folder.bounds.file),
        "uploads_total": Row(8192, lambda r: operating(r).parts.folder.bounds.total),
        "uploads_keep": Row(7200, lambda r: operating(r).parts.folder.bounds.keeps),
        "tell_costs": Row(60, lambda r: csms(r).tell_costs),
        "cost_vendor": Row("org.example", lambda r: csms(r).tell_cost_16[0]),
        "cost_message": Row("Cost", lambda r: csms(r).tell_cost_16[1]),
    },
    CsmsAuthority: {
        "certificate": Row("a2.pem", lambda r: authority(r).certificate.name),
        "key": Row("a2.key", lambda r: authority(r).key.name),
        "days": Row(30, lambda r: authority(r).days),
        "organization": Row("Example", lambda r: authority(r).organization),
    },
    Include: {"files": Row("conf.d/*.toml", lambda r: r.active.config.limits.head_seconds, 3)},
    Cluster: {"node": Row("north", lambda r: r.active.config.cluster.node)},
    Ledger: {
        "invitation": Row(30, lambda r: session(r).ledger.invitation),
        "silence": Row(700, lambda r: session(r).ledger.silence),
    },
    Journal: {
        "days": Row(
            3,
            lambda r: (session(r).journal.age, r.parts.database and r.parts.database._settings.keep_owed),
            (3 * _A_DAY, 3 * _A_DAY),
        ),
        "entries": Row(3, lambda r: session(r).journal.entries),
        "bytes": Row(1 << 20, lambda r: session(r).journal.bytes),
        "total": Row(1 << 21, lambda r: session(r).journal.total),
        "rate": Row(3, lambda r: session(r).journal.rate),
        "attempts": Row(3, lambda r: session(r).journal.attempts),
    },
    Claims: {
        "conflict": Row("newest", lambda r: r.parts.surroundings.register.claims.conflict),
        "expire": Row(9, lambda r: r.parts.surroundings.register.claims.expire),
        "running": Row("wait", lambda r: r.parts.gateway.snapshot.running),
        "most": Row(5, lambda r: r.parts.surroundings.register.most),
    },
    Alerts: {
        "names": Row("names.json", lambda r: r.parts.alerting.names and r.parts.alerting.names.name),
        "timezone": Row("Europe/Berlin", lambda r: str(r.parts.alerting.author.zone)),
        "keep_days": Row(3, lambda r: r.parts.alerting.keep / _A_DAY),
    },
    alert_channels.Channel: {
        "rate": Row(5, lambda r: bounds(r).rate),
        "digest": Row(60, lambda r: bounds(r).digest),
        "give_up": Row(60, lambda r: bounds(r).give_up),
    },
    alert_channels.Mail: {
        "from": Row("c@x.example", lambda r: channel(r, "post").sender),
        "to": Row(["d@x.example"], lambda r: list(channel(r, "post").to)),
        "service": Row("Gmail", lambda r: channel(r, "post").host, "smtp.gmail.com", together=NO_HOST),
        "host": Row("mail.example", lambda r: channel(r, "post").host),
        "port": Row(2525, lambda r: channel(r, "post").port),
        "secure": Row(True, lambda r: (channel(r, "post").secure, channel(r, "post").port), (True, 465)),
        "starttls": Row("offered", lambda r: channel(r, "post").starttls),
        "ca": Row("a.pem", lambda r: channel(r, "post").ca and Path(channel(r, "post").ca).name),
        "sendmail": Row(
            sys.executable,
            lambda r: channel(r, "post").sendmail,
            together=NO_HOST | {"alerts.channels.post.mail.auth": None},
        ),
        "timeout": Row(3, lambda r: channel(r, "post").timeout),
    },
    alert_channels.MailAuth: {
        "user": Row("me", lambda r: channel(r, "post").username),
        "pass": Row("other", lambda r: channel(r, "post").password),
    },
    alert_channels.Pushover: {
        "user": Row("v" * 30, lambda r: channel(r, "phone").user),
        "token": Row("v" * 30, lambda r: channel(r, "phone").token),
        "endpoint": Row("http://localhost/push", lambda r: channel(r, "phone").endpoint),
        "device": Row("mine", lambda r: channel(r, "phone").device),
        "priority": Row(-1, lambda r: channel(r, "phone").priority),
        "urgent": Row(2, lambda r: channel(r, "phone").urgent),
        "repeat": Row(90, lambda r: channel(r, "phone").repeat),
        "expire": Row(90, lambda r: channel(r, "phone").expire),
        "sound": Row("siren", lambda r: channel(r, "phone").sound),
        "url": Row("https://ops.example/", lambda r: channel(r, "phone").url),
        "timeout": Row(3, lambda r: channel(r, "phone").timeout),
    },
    alert_channels.Webhook: {
        "url": Row("https://hooks.example/2", lambda r: channel(r, "hook").url),
        "secret": Row("secret", lambda r: channel(r, "hook").secret),
        "headers": Row({"X-Key": "1"}, lambda r: dict(channel(r, "hook").headers)),
        "ca": Row("a.pem", lambda r: channel(r, "hook").ca and Path(channel(r, "hook").ca).name),
        "timeout": Row(3, lambda r: channel(r, "hook").timeout),
    },
    alert_channels.Apprise: {
        "urls": Row(["json://127.0.0.1/"], lambda r: list(channel(r, "others").urls)),
        "timeout": Row(3, lambda r: channel(r, "others").timeout),
    },
    AlertRule: {
        "name": Row("all", lambda r: told(r).name),
        "events": Row(["con*"], lambda r: {name[:3] for name in told(r).events}, {"con"}),
        "stations": Row(["CP*"], lambda r: list(told(r).whom.stations), ["cp*"]),
        "tags": Row(["north"], lambda r: list(told(r).whom.tags)),
        "backends": Row(["main"], lambda r: list(told(r).whom.backends)),
        "hours": Row("08:00-18:00", lambda r: (told(r).hours.begin, told(r).hours.end), (480, 1080)),
        "days": Row(["mon"], lambda r: set(told(r).hours.days), {0}),
        "severity": Row("error", lambda r: told(r).severity),
        "channels": Row(["post"], lambda r: list(told(r).channels)),
        "hold": Row(0, lambda r: told(r).hold),
        "group": Row(0, lambda r: told(r).group),
        "recovery": Row(False, lambda r: told(r).recovery),
    },
    AlertTemplate: {
        "subject": Row("{name}", lambda r: template(r).subject),
        "text": Row("{title}", lambda r: template(r).text),
        "html": Row("<b>{title}</b>", lambda r: template(r).html),
    },
    Mute: {
        "events": Row(["con*"], lambda r: list(muted(r).events)),
        "stations": Row(["CP*"], lambda r: list(muted(r).whom.stations), ["cp*"]),
        "backends": Row(["main"], lambda r: list(muted(r).whom.backends)),
        "hours": Row("08:00-18:00", lambda r: (muted(r).hours.begin, muted(r).hours.end), (480, 1080)),
        "days": Row(["mon"], lambda r: set(muted(r).hours.days), {0}),
        "reason": Row("at work", lambda r: muted(r).reason),
    },
    Thresholds: {
        "backend_away": Row(9, lambda r: thresholds(r).backend_away),
        "backend_errors": Row(0.9, lambda r: thresholds(r).backend_errors),
        "backend_calls": Row(9, lambda r: thresholds(r).backend_calls),
        "backend_window": Row(9, lambda r: thresholds(r).backend_window),
        "boots": Row(9, lambda r: thresholds(r).boots),
        "boots_within": Row(9, lambda r: thresholds(r).boots_within),
        "transaction_length": Row(9, lambda r: thresholds(r).transaction_length),
        "transaction_energy_wh": Row(5, is_empty, False),
        "journal_entries": Row(9, lambda r: thresholds(r).journal_entries),
        "journal_age": Row(9, lambda r: thresholds(r).journal_age),
        "certificate_days": Row([9], lambda r: list(thresholds(r).certificate_days)),
        "disk_share": Row(0.9, lambda r: thresholds(r).disk_share),
        "disk_free": Row("1GiB", lambda r: thresholds(r).disk_free, 1 << 30),
    },
    Soap: {
        "callback": Row("https://here.example", lambda r: r.parts.carriers.soap.callbacks.base),
        "stations_at": Row(["10.0.0.0/8"], lambda r: r.parts.soap.settings.networks, (_NETWORK,)),
        "believe_from": Row("always", lambda r: r.parts.soap.settings.believes_all, True),
        "silence": Row(9, lambda r: r.parts.soap.settings.silence),
        "bytes_per_second": Row(9, lambda r: soap(r)._allowance.rates.known),
        "stranger_bytes_per_second": Row(9, lambda r: soap(r)._allowance.rates.strangers),
        "from_expires": Row(9, lambda r: r.parts.soap.settings.expires),
        "old_callbacks": Row(9, lambda r: r.parts.carriers.soap.callbacks.former.args[0]),  # type: ignore[attr-defined]
        "idle": Row(9, lambda r: soap(r).limits().idle),
        "connect": Row(3, lambda r: r.parts.soap.settings.wire.connect),
    },
    Unknown: {
        "policy": Row("quarantine", lambda r: r.parts.gateway.waiting_room.most, 1000),
        "route": Row(
            "spare",
            lambda r: station(r, "X1").route,
            beside={"unknown.policy": "route", "unknown.route": "main"},
        ),
        "auth": Row(
            "none",  # without it these are refused
            lambda r: how(r).introduction.credentials,
            ("us", ""),
            beside=MEANT,
            together={"unknown.policy": "route", "unknown.route": "main", "backends.main.username": "us"},
        ),
        "remembered": Row(5, lambda r: r.parts.gateway.waiting_room.most, beside={"unknown.policy": "quarantine"}),
    },
    Directory: {"case_sensitive": Row(True, lambda r: r.parts.gateway.snapshot.directory.key("CP1"))},
    Protocol: {
        "no_common_subprotocol": Row("close", lambda r: r.parts.gateway.snapshot.no_common_subprotocol),
        "missing_subprotocol": Row("refuse", lambda r: station(r).missing_subprotocol),
        "subprotocol_aliases": Row({"x": "ocpp1.6"}, lambda r: dict(r.parts.gateway.snapshot.subprotocol_aliases)),
        "compression": Row(True, lambda r: listener(r).settings.link.compress),
        "unknown_message_type": Row("answer", lambda r: dialect(r).unknown_message_type),
        "bad_frame": Row("answer", lambda r: dialect(r).bad_frame),
        "error_codes": Row("translate", lambda r: dialect(r).error_codes),
        "basic_passwords": Row(["text"], lambda r: list(station(r).credentials.spellings), beside=PASSWORD),
        "registration": Row("gateway", lambda r: session(r).registration),
        "validation": Row("strict", lambda r: len(session(r).from_station), 1),
    },
    Calls: {
        "backend": Row(
            90,
            lambda r: (
                session(r).backend_patience,
                r.parts.carriers.soap.patience,
                r.parts.database and r.parts.database._settings.lease,
            ),
            (90, 90, 180),
        ),
        "station": Row(9, lambda r: (session(r).station_patience, r.parts.soap.settings.wire.patience), (9, 9)),
        "station_window": Row(3, lambda r: session(r).window),
        "backend_window": Row(3, lambda r: backend(r).window),
    },
    Limits: {
        "message_size": Row(
            2048,
            lambda r: (
                listener(r).settings.link.message_limit,
                how(r).link.message_limit,
                soap(r).limits().body,
                r.parts.soap.settings.wire.largest,
                r.parts.carriers.soap.largest,
                r.parts.carriers.soap.client.largest,
            ),
            (2048,) * 6,
        ),
        "head_size": Row(2048, lambda r: [each._head_limits()[0] for each in (listener(r), soap(r))], [2048, 2048]),
        "head_seconds": Row(3, lambda r: (listener(r).settings.limits.head_time, soap(r).limits().request), (3, 3)),
        "tls_seconds": Row(3, lambda r: listener(r).settings.limits.tls_time),
        "admit_seconds": Row(3, lambda r: listener(r).settings.limits.admission_time),
        "identity_length": Row(5, known("CP3456"), False),
        "handshakes_per_second": Row(3, lambda r: listener(r).shares.rate),
        "failed_logins": Row(3, lambda r: r.parts.surroundings.authentication._throttle.per_minute),
        "connections": Row(3, lambda r: (listener(r).settings.limits.connections, r.parts.soap.settings.most), (3, 3)),
        "connections_per_address": Row(
            3, lambda r: (listener(r).settings.limits.per_address, r.parts.soap.settings.per_address), (3, 3)
        ),
        "messages_per_second": Row(3, lambda r: session(r).messages_per_second),
        "messages_burst": Row(3, lambda r: session(r).burst),
        "waiting_calls": Row(3, lambda r: session(r).waiting),
        "commands_per_second": Row(3, lambda r: session(r).commands.calls),
        "commands_burst": Row(3, lambda r: session(r).commands.burst),
        "command_bytes_per_second": Row(3000, lambda r: session(r).commands.bytes),
        "command_bytes_burst": Row(4000, lambda r: session(r).commands.bytes_burst),
        "waiting_bytes": Row(2048, lambda r: (session(r).waiting_bytes, backend(r).waiting_bytes), (2048, 2048)),
    },
    Shutdown: {  # what the drain goes by is looked at where it drains: at the end
        "ahead": Row(0.25, lambda r: r.active.config.ahead),
        "grace": Row(0.25, lambda r: r.active.config.shutdown.grace),
        "spread": Row(0.25, lambda r: r.active.config.shutdown.spread),
    },
    Log: {
        "level": Row("error", lambda r: structlog.get_logger().is_enabled_for(logging.INFO), False),
        "format": Row("human", lambda r: line_of("a line").startswith("{"), False),
    },
    Messages: {
        "stations": Row(["CP*"], lambda r: recorder(r).recordings[0].stations, ("cp*",)),
        "routes": Row(["main"], lambda r: recorder(r).recordings[0].routes, ("main",)),
        "folder": Row("var/others", lambda r: Path(recorder(r).settings.folder).name),
        "bytes": Row(32 << 20, lambda r: recorder(r).settings.most_bytes),
        "days": Row(2, lambda r: recorder(r).settings.most_seconds, 2 * _A_DAY),
        "mask": Row("none", lambda r: recorder(r).settings.mask, False),
    },
    Traces: {
        "endpoint": Row("http://127.0.0.1:4318/v1/traces", lambda r: r.active.config.traces.endpoint),
        "share": Row(0.5, lambda r: r.active.config.traces.share),
        "name": Row("gates", lambda r: r.active.config.traces.name),
    },
}


# The walk.


def keys() -> Iterator[tuple[type[BaseModel], str]]:
    """Every key of the reference, but those that only hold a section, whose keys are walked themselves."""
    models = [model for _, model, _ in SECTIONS]
    for model in (Config, *models):
        for key, each in fields_of(model).items():
            held = section_in(each.annotation)
            if held is None or (held not in models):
                yield model, key
    assert set(PLACES) == {Config, *models}


def test_every_key_has_a_row() -> None:
    """Who adds a key says here what becomes of a change of it; two that hold a section have a row, too."""
    walked = {(model, key) for model, key in keys()}
    rows = {(model, key) for model, of in ROWS.items() for key in of}
    assert walked - rows == set()
    assert {key for _, key in rows - walked} == {"certificates", "http_tls"}


def changed(document: Document, ports: Mapping[str, int], changes: Mapping[str, Any]) -> Document:
    """A copy of a configuration with other values at these paths; None takes a key out."""
    whole: Document = json.loads(json.dumps(document))
    for path, value in changes.items():
        *steps, last = path.split(".")
        table: Any = whole
        for step in steps:
            table = table[int(step)] if isinstance(table, list) else table.setdefault(step, {})
        if value is None:
            table.pop(last)
        else:
            table[last] = value
    return _filled(whole, ports)


def _filled(value: Any, ports: Mapping[str, int]) -> Any:
    match value:
        case str():
            for name, port in ports.items():
                value = value.replace(f"@{name}", str(port))
            return value
        case list():
            return [_filled(each, ports) for each in value]
        case dict():
            return {key: _filled(each, ports) for key, each in value.items()}
        case _:
            return value


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # Apprise, in Python 3.11 and 3.12
async def test_every_key_is_taken_or_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """A changed value is what the running parts go by; or it stays as it was, and a warning names the key."""
    for name in "abc":
        write_pair(tmp_path / f"{name}.pem", tmp_path / f"{name}.key")
    for name in "ab":
        shutil.copy(tmp_path / f"{name}.key", tmp_path / f"{name}2.key")
    shutil.copy(tmp_path / "a.pem", tmp_path / "a2.pem")
    write_revoked(tmp_path / "revoked.pem")
    (tmp_path / "list.txt").write_text("04E1\n")
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "more.toml").write_text("[limits]\nhead_seconds = 3\n")
    (tmp_path / "names.json").write_text('{"CP1": "North"}')
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "a.pem"))  # the system's are many, and read for each backend
    ports = {name: free_port() for name in ("http", "stations", "soap", "moved")}
    before = changed(base(), ports, {})
    drained: list[tuple[float, float]] = []
    wrong: list[str] = []
    async with running(tmp_path, before) as gateway:
        logs.configure("info", "json")
        for model, rows in ROWS.items():
            for key, row in rows.items():
                place = ".".join(filter(None, (PLACES[model], key)))
                fault = await _walk(gateway, place, row, ports, restarts=takes_restart(fields_of(model)[key]))
                if takes_restart(fields_of(model)[key]):
                    ERRORS.flush()
                    fault = fault or _unnamed(capfd.readouterr().err, place)
                wrong += [f"{place}: {fault}"] if fault else []
                assert await gateway.change(before) == ()

        async def drain(grace: float, spread: float) -> None:
            drained.append((grace, spread))

        monkeypatch.setattr(gateway.parts.gateway, "drain", drain)
        await gateway.change(changed(base(), ports, {"shutdown.grace": 0.25, "shutdown.spread": 0.5}))
    assert not wrong, "\n".join(wrong)
    assert drained == [(0.25, 0.5)]


async def _walk(gateway: Running, place: str, row: Row, ports: Mapping[str, int], *, restarts: bool) -> str:
    """Change one key; return what is wrong with what came of it."""
    if row.beside:
        await gateway.change(changed(base(), ports, row.beside))
    former = row.look(gateway)
    problems = await gateway.change(changed(base(), ports, {**row.beside, **row.together, place: row.value}))
    if problems:
        return f"refused: {problems}"
    now, shown = row.look(gateway), _filled(row.shown, ports)
    if restarts:
        return "" if now == former else f"takes a restart, and became {now!r}"
    if former == shown:
        return f"was {former!r} before: the row shows nothing"
    return "" if now == shown else f"is {now!r}, not {shown!r}"


def _unnamed(said: str, place: str) -> str:
    """Return what is wrong with what was logged of a change that takes a restart."""
    lines = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    named = [each for each in lines if each.get("key") == place and "takes a restart" in each.get("problem", "")]
    return "" if named and named[0]["level"] == "warning" else f"no warning names it:\n{said}"
