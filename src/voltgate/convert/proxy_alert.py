"""OCPP-Proxy-Alert (its config.json, and clientIdToHuman.json): a primary that answers, a secondary that is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from voltgate.config.bounds import Limits
from voltgate.convert.alerts import alerts
from voltgate.convert.head import ROUTE, address, leftovers, names, own_pages, strangers, title
from voltgate.convert.keys import Keys
from voltgate.convert.toml import Page, Value
from voltgate.convert.upstream import Upstream, read_upstream

ORIGIN = "OCPP-Proxy-Alert"

SCHEDULE = (5, 10, 20, 40, 60, 60, 60, 60, 60, 60)
"""Seconds before each attempt to bring an upstream back."""

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
    """What the file says."""

    host: str
    port: int
    primary: Upstream | None
    secondary: Upstream | None
    level: str


def convert_proxy_alert(keys: Keys, humans: Keys | None) -> str:
    """Write the configuration that does what the file asks for. Raises ConfigErrors."""
    before = _read(keys)
    names = _names(humans) if humans is not None else {}
    keys.settle()
    if humans is not None:
        humans.settle()
    return _written(before, keys, names)


def is_names(keys: Keys) -> bool:
    """Tell whether a file looks like clientIdToHuman.json."""
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
    )


def _upstream(keys: Keys, name: str, *, needed: bool) -> Upstream | None:
    url = keys.text(name, needed=needed)
    if not url:
        return None
    try:
        return read_upstream(url)
    except ValueError as error:
        keys.object((name,), str(error))
        return None


def _names(humans: Keys) -> dict[str, str]:
    found: dict[str, str] = {}
    for path in humans.within():
        identity = str(path[0])
        if len(path) > 1:
            humans.object(path[:1], "must be the name of a charger, in quotes")
        elif not 1 <= len(identity) <= _LONGEST:
            humans.object(path, f"an identity has 1 to {_LONGEST} characters")
        else:
            found[identity] = humans.text(identity)
    return found


# Writing.


def _written(before: ProxyAlert, keys: Keys, known: Mapping[str, str]) -> str:
    page = Page()
    title(page, keys.name, ORIGIN)
    wanted = Page()
    alerts(wanted, keys)
    leftovers(page, keys.left())
    _listen(page, before)
    _backends(page, before)
    _route(page, before)
    _stations(page, known)
    names(page)
    strangers(page, known=bool(known))
    _rest(page, before, known)
    page.append(wanted)
    return page.text()


def _listen(page: Page, before: ProxyAlert) -> None:
    page.table("listen")
    page.remark(
        "Different: any identity that OCPP allows is accepted, and a slash at the end. Pings find the charger that has "
        "fallen silent."
    )
    page.remark(
        'Different: X-Forwarded-For is believed only from a proxy that is named: `{ url = "…", trusted_proxies = '
        '["10.0.0.1"] }`. The servers are still told the charger\'s address by it.'
    )
    page.key("stations", [address(before.host, before.port)])
    own_pages(page, before.port)


def _backends(page: Page, before: ProxyAlert) -> None:
    for name, upstream in (("primary", before.primary), ("secondary", before.secondary)):
        if upstream is None:
            continue
        upstream.write(page, name)
        page.remark("Different: after ten attempts it is dialled every 60 s; before, it was given up for that charger.")
        page.key("retry", {"schedule": list(SCHEDULE), "tries": 0}, "seconds, as before")
        if before.secondary is not None and name == "primary":
            page.key("then", "refuse", "while it is away the charger stays, for the secondary")


def _route(page: Page, before: ProxyAlert) -> None:
    page.table("routes", ROUTE)
    page.remark(
        "Chargers are let in at once, as before, also while servers are away; what they say first is kept in order, "
        'for the `wait` of the backend (10 s). With `admit = "backend"` the primary would let them in or not.'
    )
    if before.secondary is None:
        page.remark("Different: a lost server is dialled again before the charger is let go; before, only with two.")
    else:
        page.remark(
            "Different: whichever of the two is connected first or lost, the charger hears the primary's answers "
            "alone, and the secondary hears each call once. While the primary is away, calls are refused instead of "
            "never answered, and a transaction message closes the charger's socket: so it is kept and sent again."
        )
    rule: dict[str, Value] = {"answer": "primary"}
    if before.secondary is not None:
        rule["copy"] = ["secondary"]
    page.key("admit", "gateway")
    page.key("rules", [rule])


def _stations(page: Page, known: Mapping[str, str]) -> None:
    for identity, name in known.items():
        page.entry("stations")
        page.key("identity", identity)
        if name:
            page.key("name", name)


def _rest(page: Page, before: ProxyAlert, known: Mapping[str, str]) -> None:
    longest = max(map(len, known), default=0)
    if longest > int(Limits().identity_length):
        page.table("limits")
        page.key("identity_length", longest, "of the longest identity above")
    if before.level not in ("", "info"):
        page.table("log")
        page.key("level", before.level)
