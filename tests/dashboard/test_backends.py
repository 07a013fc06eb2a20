"""The page of backends: whether each can be reached, what is counted for it, and its stations."""

from __future__ import annotations

from typing import Any

import pytest

from tests.dashboard.browser import OTHERS, Browser
from tests.dashboard.theatre import KNOWN, Theatre

CONFIG: dict[str, Any] = {
    "backends": {
        "lost": {"url": "ws://127.0.0.1:9/{station}", "deliver": "always", "owed": ["StatusNotification"]},
        "spare": {"url": "ws://127.0.0.1:9/{station}", "permit": "observe"},
    },
    "routes": {"main": {"admit": "gateway", "rules": [{"answer": "billing", "copy": ["lost"]}]}},
    "stations": [{"match": identity, "route": "main"} for identity in KNOWN],
}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


@pytest.mark.parametrize(("scheme", "size"), OTHERS)
def test_every_page_can_be_used_by_everybody(
    browser: Browser, theatre: Theatre, scheme: str, size: tuple[int, int]
) -> None:
    """axe finds nothing in the list, on the page of a backend with stations and without, and where there is none."""
    browser.start(scheme, size=size)
    with theatre.station("CP-0001"):
        browser.sign_in("viewer", "/backends")
        browser.sees("Away for", "td")
        browser.walk(["/backends", "/backends/billing", "/backends/lost"])
    browser.open("/backends/nobody")
    browser.sees("There is no such backend")
    assert browser.violations() == []


def test_how_backends_are(browser: Browser, theatre: Theatre) -> None:
    """One is reachable, one away and owed what it must be told, one not needed; it is said anew without a click."""
    browser.sign_in("viewer", "/backends")
    browser.sees("Not needed now", "td")
    with theatre.station("CP-0002") as station:
        theatre.play(station.call("StatusNotification", STATUS))
        for name, state in (("billing", "Reachable"), ("lost", "Away for"), ("spare", "Not needed now")):
            browser.sees(state, f"tr:has(a[href='#/backends/{name}'])")
        browser.sees("1 of 1", "tr:has(a[href='#/backends/billing'])")
        browser.sees("1 message", "tr:has(a[href='#/backends/lost'])")
        browser.sees("observe", "tr:has(a[href='#/backends/spare'])")
        assert browser.complaints() == []


def test_one_backend(browser: Browser, theatre: Theatre) -> None:
    """The page of a backend has how its calls ended and took, and the link to each station, which leads there."""
    with theatre.station("CP-0003") as station:
        theatre.play(station.call("Heartbeat", {}))
        browser.sign_in("viewer", "/backends")
        browser.with_text("td a", "lost").click()
        browser.sees("lost", "h1")
        browser.sees("copies are kept")
        browser.sees("CP-0003", "[role=gridcell]")
        browser.sees("is told", "[role=gridcell]")
        browser.open("/backends/billing")
        browser.sees("Up", "[role=gridcell]")
        browser.sees("ms", "tbody td")
        browser.with_text("[role=gridcell] a", "CP-0003").click()
        browser.sees("CP-0003", "h1")


def test_german(browser: Browser, theatre: Theatre) -> None:
    """The page is in German for who chose it."""
    browser.start(language="de")
    with theatre.station("CP-0004"):
        browser.sign_in("viewer", "/backends")
        browser.sees("Weg seit", "td")
        browser.picture("backends")
        browser.open("/backends/lost")
        browser.sees("hört mit", "[role=gridcell]")
        browser.picture("backend")
