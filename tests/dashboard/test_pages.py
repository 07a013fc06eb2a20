"""Each page of the dashboard, in a real browser: light and dark, on a wide screen and a phone, and live."""

from __future__ import annotations

import csv

import pytest
from selenium.webdriver.common.keys import Keys

from tests.dashboard.browser import LOOKS, Browser
from tests.dashboard.theatre import KNOWN, Theatre

PAGES = ["/", "/stations", "/stations/CP-0001", "/about", "/nowhere"]


@pytest.mark.parametrize(("scheme", "size"), LOOKS)
def test_every_page_can_be_used_by_everybody(
    browser: Browser, theatre: Theatre, scheme: str, size: tuple[int, int]
) -> None:
    """axe finds nothing on any page, and the browser complains of nothing: no error, nothing that its policy bars."""
    browser.start(scheme, size=size)
    browser.open()
    browser.find("form")
    assert browser.violations() == []
    browser.picture("sign-in")
    browser.sign_in("admin")
    with theatre.station("CP-0001"):
        browser.walk(PAGES)


def test_signing_in_and_out(browser: Browser) -> None:
    """Who is not known is told so; who is, gets the page of the address; after signing out nothing is shown."""
    browser.open("/about")
    browser.find("form")
    browser.say_token("vg_of-nobody")
    browser.sees("That token is not known")
    browser.sign_in("viewer", "/about")
    browser.sees("the-viewer")
    assert browser.address == "/about"
    browser.click("button[aria-label=Account]")
    browser.with_text("[role=menuitem]", "Sign out").click()
    browser.find("form")
    browser.open("/stations")
    browser.find("form")


def test_the_overview_is_live(browser: Browser, theatre: Theatre) -> None:
    """A station that comes is counted without that anything is asked for; the number leads to the list."""
    browser.sign_in("viewer")
    tile = "a[href='#/stations?connected=true']"
    browser.until(lambda: browser.find(tile).text.splitlines()[1] == "0", "no station")
    with theatre.station("CP-0002"):
        browser.until(lambda: browser.find(tile).text.splitlines()[1] == "1", "one station")
        browser.sees("of 300 known")
        browser.click(tile)
        browser.sees("1 station", "main")
        assert browser.address == "/stations?connected=true"


def test_what_needs_attention(browser: Browser, theatre: Theatre) -> None:
    """An unknown station that was turned away is what an operator should look at."""
    browser.sign_in("viewer")
    theatre.play(theatre.stage.refused("STRANGER"))
    browser.sees("unknown station waits")


def test_a_long_table_has_rows_for_the_screen_only(browser: Browser) -> None:
    """Of 300 stations there are rows for those on the screen; End leads to the last, and Enter opens it."""
    browser.sign_in("viewer", "/stations")
    browser.sees("300 stations")
    browser.sees("CP-0001", "[role=gridcell]")
    assert browser.find("[role=grid]").get_attribute("aria-rowcount") == "301"
    browser.find("[role=grid]").send_keys(Keys.END)
    browser.sees(KNOWN[-1], "[role=row][aria-selected=true]")
    assert len(browser.all("[role=row]")) < 100
    browser.find("[role=grid]").send_keys(Keys.ENTER)
    browser.sees(KNOWN[-1], "h1")
    assert browser.address == f"/stations/{KNOWN[-1]}"
    browser.driver.back()
    browser.find("[role=grid]")


def test_filter_sorting_and_columns_stand_in_the_address(browser: Browser) -> None:
    """What is chosen stands in the address, and the address brings it back."""
    browser.sign_in("viewer", "/stations")
    browser.find("main")
    browser.sees("CP-0001", "[role=gridcell]")
    browser.press("/")
    browser.press("00")
    browser.until(lambda: "q=00" in browser.address, "the filter in the address")
    browser.with_text("[role=columnheader] button", "Identity").click()
    browser.with_text("[role=columnheader] button", "Identity").click()
    browser.until(lambda: "sort=-identity" in browser.address, "the order in the address")
    browser.with_text("button", "Columns").click()
    browser.with_text("label", "Tags").click()
    browser.until(lambda: "tags" in browser.address, "the columns in the address")
    shared = browser.address
    browser.open(shared)
    browser.sees("Tags", "[role=columnheader]")
    browser.sees("CP-0300", "[aria-rowindex='2']")
    assert browser.find("input[data-search]").get_attribute("value") == "00"
    browser.open("/stations?q=nobody")
    browser.sees("No station matches")
    browser.with_text("button", "Clear the filter").click()
    browser.sees("300 stations")
    assert browser.find("input[data-search]").get_attribute("value") == ""


def test_a_row_is_live(browser: Browser, theatre: Theatre) -> None:
    """A station that comes and goes is shown so in its row, on the screen as it is."""
    browser.sign_in("viewer", "/stations?q=CP-0003")
    browser.sees("Not connected", "[aria-rowindex='2']")
    browser.find("[data-live=live]")
    with theatre.station("CP-0003"):
        browser.sees("ocpp1.6", "[aria-rowindex='2']")
    browser.sees("Not connected", "[aria-rowindex='2']")


def test_a_list_is_exported(browser: Browser) -> None:
    """The whole list comes as CSV, filtered as it is, with the columns that are shown."""
    browser.sign_in("viewer", "/stations?columns=route&q=CP-01")
    browser.sees("100 stations")
    browser.with_text("button", "Export CSV").click()
    file = browser.downloads / "stations.csv"
    browser.until(file.is_file, "the file")
    rows = list(csv.reader(file.read_text(encoding="utf-8-sig").splitlines()))
    assert rows[:2] == [["Identity", "Route"], ["CP-0100", "main"]]
    assert len(rows) == 101


def test_a_station_is_live(browser: Browser, theatre: Theatre) -> None:
    """The page of a station has its legs, what charges, and its messages as they come, masked: to an operator."""
    start = {"connectorId": 1, "idTag": "04A2", "meterStart": 0, "timestamp": "2026-11-22T08:00:00Z"}
    with theatre.station("CP-0004") as station:
        browser.sign_in("operator", "/stations/CP-0004")
        browser.sees("To billing")
        browser.find("[data-live=live]")
        theatre.play(station.call("StartTransaction", start))
        browser.sees("belongs to billing")
        browser.with_text("li button", "StartTransaction").click()
        browser.sees("meterStart", "li pre")
        assert "04A2" not in browser.text
        assert browser.violations() == []
    browser.sees("Not connected")


def test_a_viewer_sees_no_messages(browser: Browser, theatre: Theatre) -> None:
    """A viewer is told that messages are an operator's, and asks for none that would be refused."""
    browser.sign_in("viewer", "/stations/CP-0005")
    browser.sees("Messages are shown to operators")
    browser.sees("The station is not connected")
    assert browser.complaints() == []


def test_a_station_that_nobody_knows(browser: Browser) -> None:
    """An address of a station that is not there says so, whatever signs its identity has."""
    browser.sign_in("viewer", "/stations/a%2Fb%25%20c")
    browser.sees("This station is not known")


def test_the_palette_leads_anywhere(browser: Browser) -> None:
    """Ctrl-K, a part of an identity, and Enter lead to a station, without a mouse."""
    browser.sign_in("viewer")
    browser.find("main h1")
    browser.find("body").send_keys(Keys.CONTROL, "k")
    browser.find("input[aria-label='Search or jump to…']").send_keys("0042")
    browser.sees("CP-0042", "[role=dialog] button, .mantine-Spotlight-action")
    assert browser.violations() == []
    browser.press(Keys.ARROW_DOWN, Keys.ENTER)
    browser.sees("CP-0042", "h1")


def test_the_keyboard_leads_past_the_navigation(browser: Browser) -> None:
    """The first stop of Tab leads to the content, the address stays; `/` is the search where a page has no filter."""
    browser.sign_in("viewer", "/about")
    browser.open("/about")
    browser.find("main h1")
    assert browser.driver.title == "About · Voltgate"
    browser.press(Keys.TAB, Keys.ENTER)
    assert browser.driver.switch_to.active_element.get_attribute("id") == "content"
    assert browser.address == "/about"
    browser.press("/")
    browser.find("input[aria-label='Search or jump to…']").send_keys("users", Keys.ESCAPE)
    browser.until(lambda: not browser.all("input[aria-label='Search or jump to…']"), "the search is gone")


def test_who_chose_nothing_has_it_as_the_system(browser: Browser) -> None:
    """Without a choice the page is dark where the system is, and German where the browser prefers that."""
    agent = browser.driver.execute_script("return navigator.userAgent")
    browser.remember()
    dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    try:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
        browser.driver.execute_cdp_cmd(
            "Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": "de-AT,en"}
        )
        browser.open()
        browser.sees("Anmelden", "h1")
        assert browser.find("html").get_attribute("data-mantine-color-scheme") == "dark"
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
        browser.driver.execute_cdp_cmd("Emulation.setUserAgentOverride", {"userAgent": agent, "acceptLanguage": "en"})


def test_german(browser: Browser) -> None:
    """The whole page is in the language that is chosen, and says so to screen readers."""
    browser.start(language="de")
    browser.open()
    browser.sees("Anmelden", "h1")
    browser.with_text("label", "Token")
    browser.sign_in("viewer", "/stations")
    browser.sees("300 Stationen")
    browser.sees("Nicht verbunden", "[role=gridcell]")
    assert browser.find("html").get_attribute("lang") == "de"
