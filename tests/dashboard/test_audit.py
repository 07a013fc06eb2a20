"""The pages of the audit trail and of the nodes, in a real browser."""

from __future__ import annotations

import asyncio
import csv

import pytest
from selenium.webdriver.common.keys import Keys

from tests.dashboard.browser import SOME, Browser
from tests.dashboard.theatre import Theatre
from tests.web.client import asking

LINES = 130
FIRST = {"action": "ClearCache", "payload": {}}
SECOND = {"action": "Reset", "payload": {"type": "Soft"}}


async def commanded(theatre: Theatre) -> None:
    """Have two stations do something, until more lines are there than one part of the list has."""
    async with asking(theatre.gateway.http_port, theatre.tokens["operator"]) as api:
        for identity, call, number in (("CP-0001", FIRST, LINES - 1), ("CP-0002", SECOND, 1)):
            station = await theatre.stage.station(identity)
            for _ in range(number):
                asked = asyncio.ensure_future(api.post(f"/stations/{identity}/calls", call))
                await station.answer(await station.expect(str(call["action"])), {"status": "Accepted"})
                (await asked).gives(200)
            await station.drop()


@pytest.fixture(scope="module", autouse=True)
def trail(theatre: Theatre) -> None:
    """A trail with more lines than are shown at once."""
    theatre.play(commanded(theatre))


@pytest.mark.parametrize(("scheme", "size"), SOME)
def test_the_pages_can_be_used_by_everybody(browser: Browser, scheme: str, size: tuple[int, int]) -> None:
    """axe finds nothing, with lines and without."""
    browser.start(scheme, size=size)
    browser.sign_in("viewer", "/audit")
    browser.sees("Reset", "td")
    browser.walk(["/audit", "/audit?action=Nothing", "/nodes"])


def test_the_filter_stands_in_the_address(browser: Browser) -> None:
    """Who, what, station and time narrow the trail; the address brings it back, and is cleared again."""
    browser.sign_in("viewer", "/audit")
    browser.sees("Reset", "td")
    browser.press("/")
    browser.press("api:the-operator", Keys.ENTER)
    browser.until(lambda: "backend=api%3Athe-operator" in browser.address, "the filter in the address")
    browser.find("input[name=action]").send_keys("Reset", Keys.ENTER)
    browser.until(lambda: len(browser.all("tbody tr")) == 1, "one line")
    browser.sees("api:the-operator", "td")
    browser.open("/audit?station=CP-0002")
    browser.until(lambda: len(browser.all("tbody tr")) == 1, "one line")
    browser.with_text("td a", "CP-0002").click()
    browser.until(lambda: browser.address == "/stations/CP-0002", "the page of the station")
    browser.open("/audit?since=2100-01-01T00:00")
    browser.sees("No line fits the filter")
    browser.with_text("main button", "Clear the filter").click()
    browser.sees("Reset", "td")
    assert browser.address == "/audit"


def test_older_lines_on_demand(browser: Browser) -> None:
    """The newest lines are there; older ones come when they are asked for."""
    browser.sign_in("viewer", "/audit?action=ClearCache")
    browser.until(lambda: len(browser.all("tbody tr")) == 100, "the newest")
    browser.with_text("button", "Show more").click()
    browser.until(lambda: len(browser.all("tbody tr")) == LINES - 1, "all")


def test_the_trail_is_exported(browser: Browser) -> None:
    """All lines of the filter come as CSV, those too that are not shown."""
    browser.sign_in("viewer", "/audit?station=CP-0001")
    browser.sees("ClearCache", "td")
    browser.with_text("button", "Export CSV").click()
    file = browser.downloads / "audit.csv"
    browser.until(file.is_file, "the file")
    head, *rows = csv.reader(file.read_text(encoding="utf-8-sig").splitlines())
    assert head == ["When", "Who", "From", "What", "Station", "Outcome", "Answer", "Detail"]
    assert len(rows) == LINES - 1
    assert rows[0][1:7] == ["api:the-operator", "127.0.0.1", "ClearCache", "CP-0001", "passed", "Accepted"]


def test_a_gateway_that_is_alone(browser: Browser) -> None:
    """The only gateway is listed with its version; it says why it is never drained, and nothing is offered."""
    browser.sign_in("operator", "/nodes")
    browser.sees("Serving", "td")
    browser.sees("This gateway is alone")
    assert not browser.all("tbody button")
    assert browser.complaints() == []


def test_german(browser: Browser) -> None:
    """The pages are in German as well."""
    browser.start(language="de")
    browser.sign_in("viewer", "/audit")
    browser.sees("Weitergegeben", "td")
    browser.picture("audit")
    browser.open("/nodes")
    browser.sees("Dieses Gateway ist allein")
