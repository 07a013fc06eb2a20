"""ocpp-2w-proxy (its INI file): two servers, split by the tag; or its predecessor, which mirrors to both."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

from voltgate.convert.head import ROUTE, address, http_listener, identity_comparison, leftovers, title, unknown_stations
from voltgate.convert.keys import Keys
from voltgate.convert.toml import Page, Value
from voltgate.convert.upstream import Upstream, let_go, read_upstream, write_permit

ORIGIN = "ocpp-2w-proxy"

_LEVELS = {
    "critical": "error",
    "fatal": "error",
    "error": "error",
    "warning": "warning",
    "warn": "warning",
    "info": "info",
    "debug": "debug",
    "notset": "debug",
}
_PING, _MOST_MISSES = 20.0, 20
_SHARED = ("BootNotification", "StatusNotification", "Heartbeat")


@dataclass(frozen=True, slots=True)
class Silence:
    """When a silent charger is disconnected: after `misses` intervals of `ping` seconds that follow a ping."""

    ping: float
    misses: int

    @property
    def longest(self) -> float:
        """The longest silence, in seconds."""
        return self.ping * (self.misses + 1)


@dataclass(frozen=True, slots=True)
class TwoWay:
    """The settings of the file. `tag` is the secondary's (None: everything is mirrored)."""

    host: str
    port: int
    certificate: str
    key: str
    silence: Silence
    primary: Upstream | None
    secondary: Upstream | None
    tag: str | None
    level: str

    @property
    def secure(self) -> bool:
        """Whether chargers connect by TLS: only with both files."""
        return bool(self.certificate and self.key)


def convert_two_way(keys: Keys) -> str:
    """Return the equivalent configuration, as TOML. Raises ConfigErrors."""
    old = _read(keys)
    keys.settle()
    return _written(old, keys)


# Reading.


def _read(keys: Keys) -> TwoWay:
    secondary = _server(keys, "secondary_server", needed=False)
    return TwoWay(
        keys.text("host", "addr", needed=True),
        keys.port("host", "port", default=8321),
        keys.text("host", "cert_chain"),
        keys.text("host", "cert_key"),
        _silence(keys),
        _server(keys, "server", needed=True),
        secondary,
        _tag(keys, split=secondary is not None),
        _level(keys),
    )


def _server(keys: Keys, name: str, *, needed: bool) -> Upstream | None:
    server = keys.text("ext-server", name, needed=needed)
    if not server:
        return None
    try:
        return read_upstream(f"{server}/")
    except ValueError as error:
        keys.reject(("ext-server", name), str(error))
        return None


def _tag(keys: Keys, *, split: bool) -> str | None:
    """Return the secondary's tag; the primary's adds nothing, as the primary answers all others."""
    primary, secondary = keys.text("ext-server", "primary_rfid"), keys.text("ext-server", "secondary_rfid")
    path = ("ext-server", "secondary_rfid")
    if not split:
        return None
    if primary and not secondary:
        keys.reject(path, "is missing: write it, or take out primary_rfid as well to mirror everything")
    elif secondary and primary == secondary:
        keys.reject(path, "is the same as primary_rfid: the secondary would never answer")
    elif "*" in secondary:
        keys.reject(path, "holds a *, which would stand for more tags than one here")
    return secondary or None


def _silence(keys: Keys) -> Silence:
    """Return the shorter of the ping, which worked, and the watchdog, which was meant to."""
    timeout = keys.seconds("host", "ping_timeout", default=60)
    stale = keys.seconds("host", "watchdog_stale", default=500)
    keys.seconds("host", "watchdog_interval", default=100)
    ping = min(max(_PING, timeout / _MOST_MISSES), 86_400)
    misses = min(ceil(timeout / ping), _MOST_MISSES)
    ping = min(ping, stale / (misses + 1))
    return Silence(max(floor(ping * 100) / 100, 0.01), misses)


def _level(keys: Keys) -> str:
    """Return the level of the proxy's own logger; those of its library have no counterpart."""
    found = {path: keys.word(*map(str, path), among=_LEVELS) for path in keys.within("logging")}
    return found.get(("logging", "proxy"), "")


# Writing.


def _written(old: TwoWay, keys: Keys) -> str:
    page = Page()
    title(page, keys.name, ORIGIN)
    leftovers(page, keys.unused())
    _listen(page, old)
    _backends(page, old)
    _route(page, old)
    identity_comparison(page)
    unknown_stations(page, listed=False)
    if old.level not in ("", "info"):
        page.table("log")
        page.key("level", old.level)
    return page.text()


def _listen(page: Page, old: TwoWay) -> None:
    silence = old.silence
    listener: dict[str, Value] = {"url": address(old.host, old.port, secure=old.secure)}
    if old.secure:
        listener |= {"certificate": old.certificate, "key": old.key}
    listener |= {"ping": silence.ping, "misses": silence.misses}
    page.table("listen")
    page.remark("Different: names with a dot, a hyphen and the like are accepted, not only letters and digits.")
    page.remark("Different: a charger may offer several subprotocols; it gets the first that its server takes, too.")
    page.remark(
        f"Different: the watchdog works. A charger that has fallen silent is let go within {silence.longest:g} s: the "
        "time of the old ping_timeout, or watchdog_stale where that is shorter."
    )
    if old.secure:
        page.remark("Paths start at the folder of this file.")
    elif old.certificate or old.key:
        page.remark("No TLS, as before: cert_chain and cert_key count only together, and one of them was missing.")
    page.rows("stations", [(listener, "")])
    http_listener(page, old.port)


def _backends(page: Page, old: TwoWay) -> None:
    for name, upstream in (("primary", old.primary), ("secondary", old.secondary)):
        if upstream is None:
            continue
        upstream.write(page, name)
        if old.secondary is not None:
            page.key("then", "refuse", "while it is away the charger stays, for the other one")
    write_permit(page)


def _route(page: Page, old: TwoWay) -> None:
    page.table("routes", ROUTE)
    if old.secondary is None:
        page.remark("One server, which lets chargers in or not. Different: a lost server is dialled again.")
        page.key("rules", [{"answer": "primary"}])
        return
    page.remark("The primary lets chargers in or not. Different: once in, they stay while one of the two is away.")
    let_go(page)
    if old.tag is None:
        page.remark("No tags in the file: both are told everything, and the primary answers.")
        page.key("rules", [{"answer": "primary", "copy": ["secondary"]}])
        return
    _split(page, old.tag)


def _split(page: Page, tag: str) -> None:
    page.remark(
        "Different: the charger gets the answers of whichever of the two owns the session; those of the secondary were "
        "dropped before, so that its tag never worked."
    )
    page.remark(
        "Different: a session stays with its owner from start to stop, over reconnects too; two connectors may have "
        "one each. Before, the last tag decided for the whole socket."
    )
    page.remark(
        f"Different: both hear {', '.join(_SHARED)}, so that each knows the charger; of sessions each hears its own "
        "alone. If both may see all sessions, put these rules in the place of those below:"
    )
    mine: dict[str, Value] = {"tokens": [tag], "case_sensitive": True, "answer": "secondary"}
    page.shown(*_together(mine))
    shared: dict[str, Value] = {"actions": list(_SHARED), "answer": "primary", "copy": ["secondary"]}
    page.rows(
        "rules",
        [
            (mine, "secondary_rfid, exactly as written"),
            (shared, ""),
            ({"answer": "primary"}, "every other tag, and what has none"),
        ],
    )


def _together(mine: dict[str, Value]) -> list[str]:
    """Return the rules that copy every session to both servers."""
    page = Page()
    page.rows("rules", [({**mine, "copy": ["primary"]}, ""), ({"answer": "primary", "copy": ["secondary"]}, "")])
    return page.text().splitlines()
