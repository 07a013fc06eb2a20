"""The page of alerts: what is open and was, the ways to people, the rules, and what is muted."""

from __future__ import annotations

from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.dashboard.browser import OTHERS, Browser
from tests.dashboard.managed import asked
from tests.dashboard.theatre import Theatre

CONFIG: dict[str, Any] = {
    "alerts": {
        "channels": {"hook": {"webhook": {"url": "http://127.0.0.1:9/"}}},
        "rules": [
            {
                "name": "comings",
                "events": ["connectedToProxy", "disconnectedFromProxy", "faultReported"],
                "channels": ["hook"],
                "hold": 0,
                "group": 0,
            }
        ],
    }
}
PARTS = ["/alerts", *(f"/alerts/{part}" for part in ("history", "deliveries", "channels", "rules", "mutes"))]


@pytest.mark.parametrize(("scheme", "size"), OTHERS)
def test_every_part_can_be_used_by_everybody(
    browser: Browser, theatre: Theatre, scheme: str, size: tuple[int, int]
) -> None:
    """axe finds nothing in any part, with an alert in it, and with a filter that nothing matches."""
    browser.start(scheme, size=size)
    with theatre.station("CP-0001"):
        browser.sign_in("operator", "/alerts")
        browser.sees("Client connected: CP-0001", "td")
        browser.walk([*PARTS, "/alerts/history?severity=danger"])


def test_what_is_open_comes_and_goes(browser: Browser, theatre: Theatre) -> None:
    """An alert is there without that anybody asks, and leaves when it is over; its station is a link."""
    browser.sign_in("viewer", "/alerts")
    browser.find("[data-live=live]")
    with theatre.station("CP-0002"):
        browser.sees("Client connected: CP-0002", "td")
        assert not browser.all("a[aria-label^=Mute]")
    browser.sees("Client disconnected: CP-0002", "td")
    browser.until(lambda: "Client connected: CP-0002" not in browser.text, "it is over")
    browser.with_text("td a", "CP-0002").click()
    browser.sees("CP-0002", "h1")


def test_the_history_is_filtered(browser: Browser, theatre: Theatre) -> None:
    """What is over stands in the history; the filter stands in the address, and is cleared from where nothing is."""
    with theatre.station("CP-0003"):
        pass
    browser.sign_in("viewer", "/alerts/history?station=cp-0003&severity=info")
    browser.sees("Client connected: CP-0003", "td")
    assert "disconnected" not in browser.find("table").text
    browser.open("/alerts/history?station=nobody&severity=info&status=open")
    browser.sees("No alert matches")
    browser.with_text("button", "Clear the filter").click()
    browser.sees("Client disconnected: CP-0003", "td")
    assert browser.address == "/alerts/history"


def test_a_channel_is_tested(browser: Browser) -> None:
    """An operator sends a test and reads why it did not get through; a viewer is offered none."""
    browser.sign_in("operator", "/alerts/channels")
    browser.click("button[aria-label='Send a test message to hook']")
    browser.sees("On its way", "td [role=status]")
    browser.sees("cannot be reached", "td [role=status]")
    browser.open("/alerts/deliveries?channel=hook&status=due")
    browser.sees("Test", "td")
    browser.start()
    browser.sign_in("viewer", "/alerts/channels")
    browser.sees("comings", "td")
    assert not browser.all("main button")
    assert browser.complaints() == []


def test_an_alert_is_muted(browser: Browser, theatre: Theatre) -> None:
    """From an alert one comes to a form that is filled in; what is muted is listed, and taken back."""
    with theatre.station("CP-0004"):
        browser.sign_in("operator", "/alerts")
        browser.click("a[aria-label='Mute: Client connected: CP-0004']")
        browser.sees("Nothing is muted")
        fields = [field.get_attribute("value") for field in browser.all("main form input")]
        assert fields[:2] == ["connectedToProxy", "CP-0004"]
        browser.with_text("main form button", "Mute").click()
        browser.sees("the-operator", "td")
        browser.open("/alerts/mutes")
        browser.sees("connectedToProxy", "td")
        browser.picture("muted")
        browser.start()
        browser.sign_in("viewer", "/alerts/mutes")
        browser.sees("connectedToProxy", "td")
        assert not browser.all("main form, main button")
        browser.start()
        browser.sign_in("operator", "/alerts/mutes")
        browser.click("button[aria-label='Take back: connectedToProxy · cp-0004']")
        browser.sees("Nothing is muted")


def test_what_cannot_be_muted(browser: Browser) -> None:
    """An event that there is not is refused by the gateway: the form says so, and keeps what was typed."""
    browser.sign_in("operator", "/alerts/mutes")
    browser.find("main form input").send_keys("nothingLikeIt")
    browser.with_text("main form button", "Mute").click()
    browser.sees("There is no event", "[role=alert]")
    assert browser.find("main form input").get_attribute("value") == "nothingLikeIt"


def test_german(browser: Browser, theatre: Theatre) -> None:
    """The page is in German for who chose it."""
    browser.start(language="de")
    with theatre.station("CP-0005"):
        browser.sign_in("operator", "/alerts")
        browser.sees("Client connected: CP-0005", "td")
        browser.sees("Stummschaltungen", "nav a")
        browser.picture("alerts")
        browser.open("/alerts/mutes")
        browser.sees("Nichts ist stummgeschaltet")
        browser.picture("mutes")


def test_muting_everything_is_asked_about(browser: Browser, theatre: Theatre) -> None:
    """A form in which nothing is named, as it is after it was sent, mutes nothing before it was asked."""
    browser.sign_in("operator", "/alerts/mutes")
    browser.find("main form input").send_keys("backendAway", Keys.ESCAPE, Keys.ENTER)
    browser.sees("backendAway", "td")
    browser.until(lambda: browser.find("main form input").get_attribute("value") == "", "an empty form")
    browser.find("main form input").send_keys(Keys.ESCAPE, Keys.ENTER)
    browser.sees("No event, station or backend is named", "[role=dialog]")
    assert browser.violations() == []
    browser.with_text("[role=dialog] button", "Cancel").click()
    mutes = asked(theatre, "GET", "/alerts/mutes")["items"]
    assert [mute["events"] for mute in mutes if mute["active"]] == [["backendAway"]]
    asked(theatre, "DELETE", f"/alerts/mutes/{mutes[0]['id']}")
