"""The page of the networks: what they are, who may what in them, and their stations."""

from __future__ import annotations

import pytest

from tests.dashboard.browser import SOME, Browser
from tests.dashboard.managed import MANAGED, asked
from tests.dashboard.theatre import Theatre

CONFIG = MANAGED


@pytest.fixture(scope="module", autouse=True)
def networks(theatre: Theatre) -> None:
    """Make a network with two stations, and two users."""
    asked(theatre, "POST", "/networks", {"id": "north", "name": "The north", "location": "Kiel", "currency": "EUR"})
    for number in (1, 2):
        made = {"identity": f"N-{number:02}", "name": f"Pole {number}", "location": "Harbour"}
        asked(theatre, "POST", "/networks/north/stations", made)
    asked(theatre, "POST", "/users", {"login": "ada", "person": "Ada Lovelace", "roles": {"north": "operator"}})
    asked(theatre, "POST", "/users", {"login": "bob", "person": "Bob Elsewhere", "roles": {"south": "admin"}})


@pytest.mark.parametrize(("scheme", "size"), SOME)
def test_everybody_can_use_it(browser: Browser, scheme: str, size: tuple[int, int]) -> None:
    """axe finds nothing on the list, nor on a network, nor where there is none."""
    browser.start(scheme, "de" if scheme == "dark" else "en", size)
    browser.sign_in("admin")
    browser.walk(["/networks", "/networks/north", "/networks/main", "/networks/nowhere"])


def test_a_viewer_looks_only(browser: Browser) -> None:
    """A viewer sees networks and stations, and is neither offered nor asks for what would be refused."""
    browser.sign_in("viewer", "/networks")
    browser.with_text("td a", "The north").click()
    browser.sees("N-02", "td")
    browser.sees("Your role here: Viewer.")
    assert [each.text for each in browser.all("main button")] == []
    assert browser.complaints() == []


def test_who_may_what(browser: Browser) -> None:
    """An administrator sees who has a role in a network, and nobody who has one in another alone."""
    browser.sign_in("admin", "/networks/north")
    browser.sees("Ada Lovelace Operator, in this network", "li")
    assert "Bob" not in browser.text


def test_a_network_is_made_changed_and_deleted(browser: Browser) -> None:
    """A network is made, becomes what the form says, and is gone when it was deleted."""
    browser.sign_in("admin", "/networks")
    browser.with_text("main button", "Add a network").click()
    browser.fill("Id", "harbour")
    browser.with_text("[role=dialog] button", "Save").click()
    browser.with_text("td a", "harbour").click()
    browser.with_text("main button", "Change").click()
    browser.fill("Name", "Old harbour")
    browser.fill("Currency", "chf")
    assert browser.violations() == []
    browser.with_text("[role=dialog] button", "Save").click()
    browser.sees("Old harbour", "h1")
    browser.sees("CHF", "dd")
    browser.with_text("main button", "Delete").click()
    browser.with_text("[role=dialog] button", "Delete").click()
    browser.until(lambda: browser.address == "/networks", "the list")
    browser.until(lambda: "Old harbour" not in browser.find("table").text, "a network that is gone")
    assert browser.complaints() == []


def test_a_station_is_made_and_deleted(browser: Browser, theatre: Theatre) -> None:
    """A network that has a station is not deleted, and it is said why; the station is, after it was asked once."""
    asked(theatre, "POST", "/networks", {"id": "quay"})
    browser.sign_in("admin", "/networks/quay")
    browser.with_text("main button", "Add a station").click()
    browser.fill("Identity", "Q-01")
    browser.with_text("[role=dialog] button", "Save").click()
    browser.sees("Q-01", "td")
    browser.with_text("main button", "Delete").click()
    browser.with_text("[role=dialog] button", "Delete").click()
    browser.sees("put them into another network first", "[role=alert]")
    browser.with_text("[role=dialog] button", "Cancel").click()
    browser.act("Actions of Q-01", "Delete")
    browser.with_text("[role=dialog] button", "Delete").click()
    browser.sees("No station is in this network")


def test_stations_are_filtered_and_imported(browser: Browser) -> None:
    """A list of stations comes in as a file; the filter stands in the address."""
    browser.sign_in("operator", "/networks/north?text=Pole+2")
    browser.sees("N-02", "td")
    assert "N-01" not in browser.find("table").text
    file = browser.downloads / "stations.csv"
    file.write_text("identity,network,name\nN-03,north,Pole 23\n")
    browser.with_text("main button", "Import").click()
    browser.find("input[type=file]").send_keys(str(file))
    browser.sees("N-03", "td")
