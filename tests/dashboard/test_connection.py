"""The dashboard while the gateway goes and comes, and behind a proxy."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from selenium.webdriver.common.keys import Keys

from tests.dashboard.browser import Browser
from tests.dashboard.theatre import Theatre


def test_a_lost_connection(browser: Browser, theatre: Theatre) -> None:
    """While the gateway is away the page says since when it hears nothing; then it is live again, and up to date."""
    browser.sign_in("viewer", "/stations?q=CP-0001")
    browser.find("[data-live=live]")
    browser.sees("Not connected", "[aria-rowindex='2']")
    theatre.gateway.signal(signal.SIGTERM)
    theatre.play(theatre.gateway.exited())
    browser.sees("Not live since", "[role=status]")
    assert browser.violations() == []
    theatre.play(theatre.gateway.start())
    with theatre.station("CP-0001"):
        browser.sees("Live again")
        browser.sees("ocpp1.6", "[aria-rowindex='2']")
        assert not browser.all("main [role=status]")


def test_what_was_missed_is_asked_for(browser: Browser, theatre: Theatre) -> None:
    """A list is asked for anew after a loss of the connection: nobody has told of what came meanwhile."""
    browser.sign_in("viewer", "/")
    browser.find("[data-live=live]")
    browser.click("a[href='#/stations?connected=true']")
    browser.sees("No station matches")
    with browser.offline():
        browser.sees("Not live since", "[role=status]")
        station = theatre.play(theatre.stage.station("CP-0002"))
    try:
        browser.sees("CP-0002", "[role=gridcell]")
    finally:
        theatre.play(station.drop())


def test_a_base_path(browser: Browser, theatre: Theatre) -> None:
    """Behind a proxy that passes a prefix on, all that the page asks for is below it."""
    browser.url = f"{theatre.url}voltgate/"
    try:
        browser.sign_in("viewer", "/stations?q=CP-0001")
        browser.find("[data-live=live]")
        browser.sees("CP-0001", "[role=gridcell]")
        asked = browser.driver.execute_script("return performance.getEntriesByType('resource').map((one) => one.name)")
        assert asked
        assert [url for url in asked if not url.startswith(browser.url)] == []
        assert browser.complaints() == []
    finally:
        browser.url = theatre.url


@contextmanager
def scripted(browser: Browser, script: str) -> Iterator[None]:
    """Have a script run in each page that is loaded, before its own."""
    added = browser.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
    try:
        yield
    finally:
        browser.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)


def test_a_proxy_without_websockets(browser: Browser) -> None:
    """Where no live connection ever comes about the page says that a proxy has to pass websockets on."""
    with scripted(browser, "window.isOffline = true"):
        browser.sign_in("viewer", "/")
        browser.sees("A proxy in between has to pass websockets on", "[role=status]")
        assert browser.violations() == []


def test_a_proxy_before_a_gateway_that_is_away(browser: Browser, theatre: Theatre) -> None:
    """What a proxy answers in the place of a gateway is said as what it is."""
    browser.open()
    browser.find("form")
    answer = "new Response('<h1>Bad Gateway</h1>', {status: 502, statusText: 'Bad Gateway'})"
    browser.driver.execute_script(f"window.fetch = () => Promise.resolve({answer})")
    browser.say_token(theatre.tokens["viewer"])
    browser.sees("The gateway does not answer", "[role=alert]")
    assert "Bad Gateway" not in browser.text


def test_a_cookie_that_is_not_kept(browser: Browser, theatre: Theatre) -> None:
    """Whose browser keeps no cookie is told so, in place of being asked again without a word."""
    with scripted(browser, "const usual = fetch; window.fetch = (asked) => usual(asked, {credentials: 'omit'})"):
        browser.open()
        browser.find("form")
        browser.say_token(theatre.tokens["viewer"])
        browser.sees("The browser did not keep the sign-in", "[role=alert]")
        assert browser.violations() == []


def test_a_first_sign_in_with_a_password(browser: Browser) -> None:
    """Who tries a password where there are no users is told of the token."""
    browser.open()
    browser.find("input[name=login]").send_keys("ada")
    browser.find("input[name=password]").send_keys("not known here", Keys.ENTER)
    browser.sees("Where there are none yet, sign in with a token", "[role=alert]")
    assert browser.violations() == []
