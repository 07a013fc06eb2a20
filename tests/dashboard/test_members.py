"""Who has a role in single networks only: the pages of these, and nothing that would be refused."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from tests.dashboard.browser import SOME, Browser
from tests.dashboard.managed import MANAGED, asked
from tests.dashboard.theatre import Theatre

CONFIG = MANAGED
SECRET = "a long enough password"


@pytest.fixture(scope="module", autouse=True)
def members(theatre: Theatre) -> None:
    """Make two networks with a station each; Ada operates one of them, Bob looks at both."""
    for network in ("north", "south"):
        asked(theatre, "POST", "/networks", {"id": network, "name": f"The {network}"})
        asked(theatre, "POST", f"/networks/{network}/stations", {"identity": f"{network}-1"})
        asked(theatre, "POST", "/id-tokens", {"token": f"{network}-card", "network": network})
    for login, roles in (("ada", {"north": "operator"}), ("bob", {"north": "viewer", "south": "viewer"})):
        invited = asked(theatre, "POST", "/users", {"login": login, "roles": roles})
        asked(theatre, "POST", "/password", {"invitation": invited["invitation"], "password": SECRET})


def sign_in(browser: Browser, login: str, address: str = "/") -> None:
    """Sign in with a name and a password."""
    browser.open(address)
    browser.find("input[name=login]").send_keys(login)
    browser.find("input[name=password]").send_keys(SECRET)
    browser.with_text("button[type=submit]", "").click()
    browser.find("nav")


@pytest.mark.parametrize(("scheme", "size"), SOME)
def test_everybody_can_use_it(browser: Browser, theatre: Theatre, scheme: str, size: tuple[int, int]) -> None:
    """axe finds nothing on what a member sees of a station."""
    browser.start(scheme, size=size)
    sign_in(browser, "ada")
    with theatre.station("north-1"):
        browser.walk(["/stations/north-1", "/transactions"])


def test_a_member_sees_the_pages_of_the_network(browser: Browser, theatre: Theatre) -> None:
    """Ada begins at her network, reads and commands its station, and is refused nothing that she is offered."""
    sign_in(browser, "ada")
    browser.with_text("td a", "The north").click()
    assert "The south" not in browser.text
    offered = [link.text for link in browser.all("nav a")]
    assert {"Networks", "Transactions", "Id tokens", "Jobs"} <= set(offered)
    assert not {"Overview", "Stations", "Routes", "Audit"} & set(offered)
    with theatre.station("north-1"):
        browser.with_text("td a", "north-1").click()
        browser.sees("Connected", "main")
        browser.with_text("main nav a", "Commands").click()
        browser.sees("Reset", "main")
    browser.open("/id-tokens")
    browser.sees("north-card", "td")
    browser.open("/jobs")
    browser.find("main h1")
    browser.until(lambda: not browser.all("[aria-busy=true]"), "the jobs")
    assert browser.refusals() == []


def test_a_reset_names_what_it_ends(browser: Browser, theatre: Theatre) -> None:
    """Ada is not shown the session of her station, and is asked before she ends what charges there all the same."""
    with theatre.station("north-1") as station:
        theatre.play(station.boot())
        station.answers("Reset", {"status": "Rejected"})
        opening = {"connectorId": 1, "idTag": "north-card", "meterStart": 0, "timestamp": "2026-11-21T10:00:00Z"}
        number = theatre.play(station.call("StartTransaction", opening)).payload["transactionId"]
        sign_in(browser, "ada", "/stations/north-1/commands?command=reset")
        browser.click("main form button[type=submit]")
        browser.sees(f"connector 1: {number}", "[role=dialog]")
        browser.with_text("[role=dialog] button", "Reset all the same").click()
        browser.sees("Rejected", "main section [role=status]")


def test_a_station_of_another_network_is_not_known(browser: Browser) -> None:
    """Neither its page nor the page of its network says anything."""
    sign_in(browser, "ada", "/stations/south-1")
    browser.sees("This station is not known")
    browser.open("/networks/south")
    browser.find("main h2")
    assert "south-1" not in browser.find("main").text


def test_nobody_sees_what_another_has_seen(browser: Browser) -> None:
    """Who signs in after somebody else in the same window sees nothing that was there for the other."""
    browser.sign_in("admin", "/networks")
    browser.sees("The south", "td")
    browser.act("Account", "Sign out")
    browser.with_text("label", "Name and password").click()
    browser.find("input[name=login]").send_keys("ada")
    browser.find("input[name=password]").send_keys(SECRET, Keys.ENTER)
    browser.sees("The north", "td")
    assert "The south" not in browser.text


def test_a_role_is_taken_away(browser: Browser, theatre: Theatre) -> None:
    """Who loses a role is offered what it may no more on no page, also on one that is open."""
    sign_in(browser, "ada", "/networks")
    browser.with_text("td a", "The north").click()
    with theatre.station("north-1"):
        browser.with_text("td a", "north-1").click()
        browser.find("[data-live=live]")
        browser.with_text("main nav a", "Commands")
        asked(theatre, "PATCH", "/users/ada", {"roles": {"north": "viewer"}})
        try:
            browser.until(lambda: "Commands" not in browser.find("main nav").text, "no commands")
        finally:
            asked(theatre, "PATCH", "/users/ada", {"roles": {"north": "operator"}})


def test_several_networks(browser: Browser) -> None:
    """Bob sees the list of the first of his networks, and chooses the other."""
    sign_in(browser, "bob", "/id-tokens")
    browser.sees("north-card", "td")
    browser.open("/id-tokens?network=south")
    browser.sees("south-card", "td")
    assert browser.refusals() == []
