"""What every converted configuration begins with, and what it says of strangers."""

from __future__ import annotations

from collections.abc import Sequence

from voltgate.convert.toml import Page

ROUTE = "main"
"""The one route of a converted configuration."""

_HTTP = 8000
"""The port of our own pages, which would stand in the way of a proxy that listened there."""


def title(page: Page, file: str, origin: str) -> None:
    """Say what the page is."""
    page.remark(
        f"Made by `voltgate convert` from {file} ({origin}). Try it with `voltgate check -c FILE` and "
        "`voltgate run -c FILE`."
    )
    page.remark('What begins with "Different:" is what Voltgate does otherwise, on purpose. More: docs/coming-from.md.')


def address(host: str, port: int, *, secure: bool = False) -> str:
    """Give the URL of a listener."""
    return f"{'wss' if secure else 'ws'}://{f'[{host}]' if ':' in host else host}:{port}"


def own_pages(page: Page, port: int) -> None:
    """Write where health and metrics are, where the chargers' port leaves no room for the usual one."""
    if port == _HTTP:
        page.key("http", f"127.0.0.1:{_HTTP + 1}", "health and metrics; the usual 8000 is taken by the chargers")


def strangers(page: Page, *, known: bool) -> None:
    """Write that every station is let in, and how to change that. `known`: whether stations are listed."""
    page.table("unknown")
    page.remark(
        "Open, as before: whoever connects is let in, under any name. "
        + ("To close the door, give every charger an entry like those above" if known else _LIST)
        + ', perhaps with a password, and write here, without route: `policy = "quarantine"` (refused, and '
        'kept on a list of those who knocked) or `"refuse"`.'
    )
    page.key("policy", "route")
    page.key("route", ROUTE)


_LIST = 'To close the door, list the chargers (`[[stations]]` with `identity = "…"` or `match = "CP-*"`)'


def names(page: Page) -> None:
    """Write how identities are compared."""
    page.table("directory")
    page.key("case_sensitive", True, "CP1 and cp1 are two chargers, as before")


def leftovers(page: Page, left: Sequence[str]) -> None:
    """Name what was in the file and means nothing here; values are not repeated, as they may be secret."""
    if left:
        page.remark(f"Not known, and left out: {', '.join(left)}.")
