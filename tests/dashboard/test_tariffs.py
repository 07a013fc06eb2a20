"""The page of the tariffs: what transactions cost."""

from __future__ import annotations

import pytest

from tests.dashboard.browser import SOME, Browser
from tests.dashboard.managed import MANAGED, asked
from tests.dashboard.theatre import Theatre

CONFIG = MANAGED


@pytest.fixture(scope="module", autouse=True)
def tariffs(theatre: Theatre) -> None:
    """Put some tariffs, of which one was replaced and one begins later."""
    since = {"since": "2026-01-01T00:00:00Z", "currency": "EUR", "vat": "19"}
    asked(theatre, "PUT", "/tariffs/day", {"per_kwh": "0.39", **since})
    asked(theatre, "PUT", "/tariffs/day", {"per_kwh": "0.405", "per_minute": "0.02", "free_minutes": "240", **since})
    asked(theatre, "PUT", "/tariffs/staff", {"per_kwh": "0.2", "group": "staff", **since})
    asked(theatre, "PUT", "/tariffs/next", {"per_kwh": "0.45", "currency": "EUR", "since": "2100-01-01T00:00:00Z"})


@pytest.mark.parametrize(("scheme", "size"), SOME)
def test_everybody_can_use_it(browser: Browser, scheme: str, size: tuple[int, int]) -> None:
    """axe finds nothing on the list, nor in the form with its example."""
    browser.start(scheme, "de" if scheme == "dark" else "en", size)
    browser.sign_in("admin")
    browser.walk(["/tariffs"])
    browser.all("main button")[0].click()
    browser.find("[role=dialog] tbody")
    assert browser.violations() == []
    browser.picture("tariff-form")


def test_a_viewer_looks_only(browser: Browser) -> None:
    """Whoever may not put tariffs sees them, and which is in force."""
    browser.sign_in("operator", "/tariffs")
    states = {"€0.39 a kWh": "Replaced", "€0.405 a kWh": "In force", "€0.20 a kWh": "In force", "€0.45": "Not yet"}
    for price, state in states.items():
        assert state in browser.with_text("tr", price).text
    assert browser.all("main button") == []
    assert browser.complaints() == []


def test_an_administrator_puts_the_next_version(browser: Browser) -> None:
    """What a session would cost is shown while prices are typed; what is put is in force in place of the one before."""
    browser.sign_in("admin", "/tariffs")
    browser.act("Actions of day, version 2", "Next version")
    browser.sees("€9.64", "[role=dialog] td")
    browser.fill("Per kWh", "0,5")
    browser.sees("€11.90", "[role=dialog] td")
    browser.fill("Per kWh", "tea")
    browser.sees("Write the prices as numbers")
    browser.with_text("[role=dialog] button", "Put in force").click()
    browser.sees("body.per_kwh", "[role=alert]")
    browser.fill("Per kWh", "0.5")
    browser.with_text("[role=dialog] button", "Put in force").click()
    assert "In force" in browser.with_text("tr", "€0.50 a kWh").text
    assert "Replaced" in browser.with_text("tr", "€0.405 a kWh").text
    browser.act("Actions of day, version 3", "Delete")
    browser.with_text("[role=dialog] button", "Delete").click()
    browser.until(lambda: "In force" in browser.with_text("tr", "€0.405 a kWh").text, "the version before")
    assert browser.complaints() == []
