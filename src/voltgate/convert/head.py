"""The parts that every converted configuration has: title, listeners, unknown stations, leftovers."""

from __future__ import annotations

from collections.abc import Sequence

from voltgate.convert.toml import Page

ROUTE = "main"
"""The one route of a converted configuration."""

_HTTP = 8000
"""The default port of `listen.http`, which a proxy to be converted may have used for chargers."""


def title(page: Page, file: str, origin: str) -> None:
    """Write what the file is and what it was made from."""
    page.remark(
        f"Made by `voltgate convert` from {file} ({origin}). Try it with `voltgate check -c FILE` and "
        "`voltgate run -c FILE`."
    )
    page.remark('What begins with "Different:" is what Voltgate does otherwise, on purpose. More: docs/coming-from.md.')


def address(host: str, port: int, *, secure: bool = False) -> str:
    """Return the URL of a listener."""
    return f"{'wss' if secure else 'ws'}://{f'[{host}]' if ':' in host else host}:{port}"


def http_listener(page: Page, port: int) -> None:
    """Write another port for health and metrics if the chargers' port is the default one."""
    if port == _HTTP:
        page.key("http", f"127.0.0.1:{_HTTP + 1}", "health and metrics; the usual 8000 is taken by the chargers")


AS_BEFORE = "the gateway asks nobody for a proof of who it is, as before"
"""The remark behind `auth`."""


def unknown_stations(page: Page, *, listed: bool) -> None:
    """Write that every station is admitted, and how to change that. `listed`: whether there are entries of stations."""
    page.table("unknown")
    page.remark(
        "Open, as before: whoever connects is let in, under any name. "
        + ("To close the door, give every charger an entry like those above" if listed else _LIST)
        + ', perhaps with a password, and write here, without route: `policy = "quarantine"` (refused, and '
        'kept on a list of those who knocked) or `"refuse"`.'
    )
    page.key("policy", "route")
    page.key("route", ROUTE)
    page.key("auth", "none", AS_BEFORE)


_LIST = 'To close the door, list the chargers (`[[stations]]` with `identity = "…"` or `match = "CP-*"`)'


def identity_comparison(page: Page) -> None:
    """Write how identities are compared."""
    page.table("directory")
    page.key("case_sensitive", True, "CP1 and cp1 are two chargers, as before")


def leftovers(page: Page, left: Sequence[str]) -> None:
    """Write the names of settings that have no meaning here; values are not repeated, as they may be secret."""
    if left:
        page.remark(f"Not known, and left out: {', '.join(left)}.")
