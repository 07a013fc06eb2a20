"""EVerythingcharge (its .env.backend): a management system, whose place our own one takes."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from pydantic import ValidationError

from voltgate.config.csms import Csms
from voltgate.config.store import Store
from voltgate.convert.head import ROUTE, address, leftovers, title
from voltgate.convert.keys import Keys
from voltgate.convert.toml import Page

ORIGIN = "EVerythingcharge"
MARKS = ("WS_SERVER_PORT", "HTTP_SERVER_PORT", "RABBITMQ_HOST", "DB_NAME")
"""Variables by which its file is recognised."""

_BACKEND = "csms"
_OWN_DATABASE = "voltgate"
_NAMES = {
    "EVENTS_EXCHANGE_NAME": "events",
    "EVENTS_QUEUE_NAME": "events",
    "TASKS_EXCHANGE_NAME": "tasks",
    "CONNECTIONS_EXCHANGE_NAME": "connections",
    "NEW_CONNECTION_QUEUE_NAME": "new_connections",
    "LOST_CONNECTION_QUEUE_NAME": "lost_connections",
    "FORCE_CLOSE_CONNECTION_QUEUE_NAME": "force_close",
}
"""What its exchanges and queues are called unless the file says otherwise."""
_SIGNING = ("SECRET_KEY", "ALGORITHM", "ACCESS_TOKEN_EXPIRE_MINUTES")
_FIRST_USER = tuple(f"DEFAULT_USER_{word}" for word in ("FIRST_NAME", "LAST_NAME", "LOGIN", "PASSWORD"))


@dataclass(frozen=True, slots=True)
class Server:
    """A server of others: where it is, and as whom one comes there. Of a password only its name is kept."""

    host: str
    port: int
    user: str

    @property
    def there(self) -> str:
        """Its host and port, as in a URL."""
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Everythingcharge:
    """The settings of the file. `others` are its own names of exchanges and queues."""

    stations: int
    http: int
    database: Server
    name: str
    broker: Server
    interval: int
    timeout: float
    others: tuple[str, ...]


def is_everythingcharge(keys: Keys) -> bool:
    """Return whether a file of variables is one of EVerythingcharge's."""
    return any(keys.within(name) for name in MARKS)


def convert_everythingcharge(keys: Keys) -> str:
    """Return the equivalent configuration, as TOML. Raises ConfigErrors."""
    old = _read(keys)
    keys.settle()
    return _written(old, keys)


# Reading.


def _read(keys: Keys) -> Everythingcharge:
    for name in ("UI_SERVER_PORT", "RABBITMQ_UI_PORT", "RABBITMQ_PASS", "DB_PASSWORD", "ALLOWED_ORIGIN"):
        keys.take(name)
    for name in (*_SIGNING, *_FIRST_USER):
        keys.take(name)
    old = Everythingcharge(
        keys.port("WS_SERVER_PORT", default=3000),
        keys.port("HTTP_SERVER_PORT", default=8000),
        Server(_host(keys, "DB_HOST"), keys.port("DB_PORT", default=5432), keys.text("DB_USER", needed=True)),
        keys.text("DB_NAME", needed=True),
        Server(
            keys.text("RABBITMQ_HOST") or "broker",
            keys.port("RABBITMQ_PORT", default=5672),
            keys.text("RABBITMQ_USER") or "guest",
        ),
        _interval(keys),
        keys.seconds("RESPONSE_TIMEOUT", default=30),
        tuple(name for name, usual in _NAMES.items() if (keys.text(name) or usual) != usual),
    )
    if old.stations == old.http:
        keys.reject(("HTTP_SERVER_PORT",), "is the port of the stations as well (WS_SERVER_PORT)")
    return old


def _host(keys: Keys, name: str) -> str:
    host = keys.text(name, needed=True)
    if host:
        try:
            Store(url=f"postgresql://{Server(host, 5432, '').there}/voltgate")
        except ValidationError:
            keys.reject((name,), "is no host")
    return host


def _interval(keys: Keys) -> int:
    seconds = keys.seconds("HEARTBEAT_INTERVAL", default=60)
    try:
        return Csms(interval=int(seconds)).interval
    except ValidationError:
        keys.reject(("HEARTBEAT_INTERVAL",), "must be a number of seconds from 1 to 86400")
        return 60


# Writing.


def _written(old: Everythingcharge, keys: Keys) -> str:
    page = Page()
    title(page, keys.name, ORIGIN)
    page.remark(
        f"The API server, the workers and RabbitMQ become one program. Passwords stay in {keys.name}: "
        f"`set -a; . ./{keys.name}; set +a` has the program find them. VOLTGATE_ADMIN_TOKEN, which you make up, lets "
        "you use its API."
    )
    leftovers(page, keys.unused())
    _listen(page, old)
    _store(page, old)
    _backend(page, old)
    _limits(page, old)
    _stations(page)
    page.append(_users())
    _the_other_way(page, old)
    return page.text()


def _listen(page: Page, old: Everythingcharge) -> None:
    page.table("listen")
    page.remark("The last part of the path is the identity, as before, whatever stands before it.")
    page.key("stations", [address("0.0.0.0", old.stations)], "WS_SERVER_PORT")  # noqa: S104 - as it was
    page.remark(
        "Different: the API is on this machine alone, under /api/v1, with its documentation at /docs. Those who are "
        "elsewhere reach it by a proxy that speaks TLS: what they send lets them in."
    )
    page.key("http", f"127.0.0.1:{old.http}", "HTTP_SERVER_PORT")


def _store(page: Page, old: Everythingcharge) -> None:
    own = _OWN_DATABASE if old.name != _OWN_DATABASE else f"{_OWN_DATABASE}_csms"
    user = quote(old.database.user, safe="")
    page.table("store")
    page.remark(
        f"Different: a database of its own, so that the old one stays as it is: `createdb {own}`, and "
        "`voltgate db upgrade` on this file. Networks, stations and users are taken over by "
        f"`voltgate import everythingcharge postgresql://{user}@{old.database.there}/{quote(old.name, safe='')}`, "
        "which asks PGPASSWORD for the password. The old database is only read."
    )
    page.key("url", f"postgresql://{user}@{old.database.there}/{own}", "DB_USER, DB_HOST, DB_PORT")
    page.key("password", {"env": "DB_PASSWORD"}, "not repeated here")


def _backend(page: Page, old: Everythingcharge) -> None:
    page.table("backends", _BACKEND)
    page.key("url", "local:", "the management system in this process")
    page.table("routes", ROUTE)
    page.key("rules", [{"answer": _BACKEND}])
    page.table("csms")
    page.key("interval", old.interval, "HEARTBEAT_INTERVAL")
    page.remark(
        "Different: a Heartbeat leaves the status alone; before, each one made a station Available that was Faulted. A "
        "station that has gone, however it went, is Unavailable after `grace` (60 s); what it had reported counts "
        "again when it comes back."
    )
    page.remark(
        'Different: stations can charge. Whoever is on the list of tokens may; with `tokens = "any"` everybody may.'
    )


def _limits(page: Page, old: Everythingcharge) -> None:
    page.table("calls")
    page.key("station", old.timeout, "RESPONSE_TIMEOUT; one call at a time, in order, as OCPP asks")


def _stations(page: Page) -> None:
    page.table("directory")
    page.key("case_sensitive", True, "CP1 and cp1 are two stations, as before")
    page.table("unknown")
    page.remark(
        "As before, who is not known is refused. Different: they are refused in the handshake (404), before anything "
        "they say is heard, and kept on a list: `voltgate waiting`."
    )
    page.key("policy", "quarantine")


def _users() -> Page:
    page = Page()
    page.remark(
        f"Different: {', '.join(_SIGNING)} have no counterpart. Who logs in gets a random token for the header "
        "Authorization, of which a digest is kept; it ends twelve hours later (`api.login`), or with a logout. "
        "Different: there is no first user with a password that is known (DEFAULT_USER_…): VOLTGATE_ADMIN_TOKEN makes "
        "users, and who is imported chooses a new password. Different: no page of another origin may call the API "
        "(ALLOWED_ORIGIN)."
    )
    return page


def _the_other_way(page: Page, old: Everythingcharge) -> None:
    other = Page()
    other.remark(
        "The other way is to keep the API server, its database and RabbitMQ, and to put Voltgate in the place of the "
        "workers alone: leave out [store], [csms] and the backend above, and write"
    )
    backend = Page()
    backend.table("backends", _BACKEND)
    backend.key("url", f"amqp://{old.broker.there}")
    backend.key("username", old.broker.user, "RABBITMQ_USER")
    backend.key("password", {"env": "RABBITMQ_PASS"})
    backend.key("layout", "everythingcharge")
    backend.key("versions", ["ocpp1.6", "ocpp2.0.1"])
    other.shown(*backend.text().splitlines())
    if old.others:
        other.remark(f"That needs the usual names of exchanges and queues: take out {', '.join(old.others)} there.")
    page.append(other)
