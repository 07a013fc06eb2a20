"""OCPP-Proxy-Alert (its config.json and clientIdToHuman.json): a primary that answers, a secondary that gets copies."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from voltgate.config.bounds import Limits
from voltgate.convert.alerts import OldAlerts, read_alerts, write_alerts
from voltgate.convert.head import (
    AS_BEFORE,
    ROUTE,
    address,
    http_listener,
    identity_comparison,
    leftovers,
    title,
    unknown_stations,
)
from voltgate.convert.keys import Keys
from voltgate.convert.toml import Page, Value
from voltgate.convert.upstream import Upstream, let_go, read_upstream, write_permit

ORIGIN = "OCPP-Proxy-Alert"

SCHEDULE = (5, 10, 20, 40, 60, 60, 60, 60, 60, 60)
"""Seconds before each attempt to reconnect an upstream."""

_LEVELS = {
    "error": "error",
    "warn": "warning",
    "info": "info",
    "http": "debug",
    "verbose": "debug",
    "debug": "debug",
    "silly": "debug",
}
_LONGEST = 255


@dataclass(frozen=True, slots=True)
class ProxyAlert:
    """The settings of the file."""

    host: str
    port: int
    primary: Upstream | None
    secondary: Upstream | None
    level: str
    alerts: OldAlerts | None


def convert_proxy_alert(keys: Keys, humans: Keys | None) -> str:
    """Return the equivalent configuration, as TOML. Raises ConfigErrors."""
    old = _read(keys)
    names = _names(humans) if humans is not None else {}
    keys.settle()
    if humans is not None:
        humans.settle()
    return _written(old, keys, names, humans.name if humans is not None else "")


def is_names(keys: Keys) -> bool:
    """Return whether a file looks like clientIdToHuman.json."""
    paths = keys.within()
    return bool(paths) and all(len(path) == 1 and isinstance(keys.take(*map(str, path)), str) for path in paths)


# Reading.


def _read(keys: Keys) -> ProxyAlert:
    return ProxyAlert(
        keys.text("proxy", "host", needed=True),
        keys.port("proxy", "port"),
        _upstream(keys, "primaryUrl", needed=True),
        _upstream(keys, "secondaryUrl", needed=False),
        keys.word("logLevel", among=_LEVELS),
        read_alerts(keys),
    )


def _upstream(keys: Keys, name: str, *, needed: bool) -> Upstream | None:
    url = keys.text(name, needed=needed)
    if not url:
        return None
    try:
        return read_upstream(url)
    except ValueError as error:
        keys.reject((name,), str(error))
        return None


def _names(humans: Keys) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in humans.within():
        identity = str(path[0])
        if len(path) > 1:
            humans.reject(path[:1], "must be the name of a charger, in quotes")
        elif not 1 <= len(identity) <= _LONGEST:
            humans.reject(path, f"an identity has 1 to {_LONGEST} characters")
        else:
            found[identity] = humans.text(identity)
    return found


# Writing.


def _written(old: ProxyAlert, keys: Keys, chargers: Mapping[str, str], named_in: str) -> str:
    page = Page()
    title(page, keys.name, ORIGIN)
    leftovers(page, keys.unused())
    _listen(page, old)
    _backends(page, old)
    _route(page, old)
    _stations(page, chargers)
    identity_comparison(page)
    unknown_stations(page, listed=bool(chargers))
    _rest(page, old, chargers)
    write_alerts(page, old.alerts, names=named_in)
    return page.text()


def _listen(page: Page, old: ProxyAlert) -> None:
    page.table("listen")
    page.remark(
        "Different: any identity that OCPP allows is accepted, and a slash at the end. Pings find the charger that has "
        "fallen silent."
    )
    page.remark(
        'Different: X-Forwarded-For is believed only from a proxy that is named: `{ url = "…", trusted_proxies = '
        '["10.0.0.1"] }`. The servers are still told the charger\'s address by it.'
    )
    page.key("stations", [address(old.host, old.port)])
    http_listener(page, old.port)


def _backends(page: Page, old: ProxyAlert) -> None:
    for name, upstream in (("primary", old.primary), ("secondary", old.secondary)):
        if upstream is None:
            continue
        upstream.write(page, name)
        page.remark("Different: after ten attempts it is dialled every 60 s; before, it was given up for that charger.")
        page.key("retry", {"schedule": list(SCHEDULE), "tries": 0}, "seconds, as before")
        if old.secondary is not None and name == "primary":
            page.key("then", "refuse", "while it is away the charger stays, for the secondary")
    write_permit(page)


def _route(page: Page, old: ProxyAlert) -> None:
    page.table("routes", ROUTE)
    page.remark(
        "Chargers are let in at once, as before, also while servers are away; what they say first is kept in order, "
        'for the `wait` of the backend (10 s). With `admit = "backend"` the primary would let them in or not.'
    )
    if old.secondary is None:
        page.remark("Different: a lost server is dialled again before the charger is let go; before, only with two.")
    else:
        page.remark(
            "Different: whichever of the two is connected first or lost, the charger hears the primary's answers "
            "alone, and the secondary hears each call once. While the primary is away, calls are refused instead of "
            "never answered, and a transaction message closes the charger's socket: so it is kept and sent again."
        )
    rule: dict[str, Value] = {"answer": "primary"}
    if old.secondary is not None:
        rule["copy"] = ["secondary"]
    page.key("admit", "gateway")
    if old.secondary is not None:
        let_go(page)
    page.key("rules", [rule])


def _stations(page: Page, chargers: Mapping[str, str]) -> None:
    for identity, name in chargers.items():
        page.entry("stations")
        page.key("identity", identity)
        page.key("auth", "none", AS_BEFORE)
        if name:
            page.key("name", name)


def _rest(page: Page, old: ProxyAlert, chargers: Mapping[str, str]) -> None:
    longest = max(map(len, chargers), default=0)
    if longest > int(Limits().identity_length):
        page.table("limits")
        page.key("identity_length", longest, "of the longest identity above")
    if old.level not in ("", "info"):
        page.table("log")
        page.key("level", old.level)
