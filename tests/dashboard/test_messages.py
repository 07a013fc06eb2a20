"""The page of the messages: the log with what decided and why, messages as they are heard, recording, export."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.dashboard.browser import OTHERS, WIDE, Browser
from tests.dashboard.theatre import Theatre
from tests.harness.station import ScriptedStation
from tests.scenarios.test_message_log import found
from tests.web.client import asking

CONFIG = {"messages": {"stations": ["CP-0001"]}}
START = {"connectorId": 1, "idTag": "04A2B3C4D5", "meterStart": 0, "timestamp": "2026-11-22T08:00:00Z"}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Preparing"}


async def _said(theatre: Theatre, station: ScriptedStation) -> None:
    """Have a station say something, until it is in the log."""
    await station.call("StatusNotification", STATUS)
    await station.call("StartTransaction", START)
    asked = await station.ask("DataTransfer", {"vendorId": "com.example"})
    link = await theatre.backend.station("CP-0001")
    await link.fail(await link.expect("DataTransfer"), "NotSupported", "It has no data.")
    await station.expect_error(asked)
    async with asking(theatre.gateway.http_port, theatre.tokens["operator"]) as api:
        await found(api, 6)


@pytest.fixture(scope="module")
def station(theatre: Theatre) -> Iterator[ScriptedStation]:
    """A station that is recorded, and has said something."""
    with theatre.station("CP-0001") as station:
        theatre.play(_said(theatre, station))
        yield station


def test_a_call_with_its_legs_and_why(browser: Browser, station: ScriptedStation) -> None:
    """A call is one line; behind it stand what decided, what was asked of whom and came back, and both legs."""
    browser.sign_in("operator", "/stations/CP-0001")
    browser.with_text("main a", "All messages").click()
    assert browser.address == "/messages?station=CP-0001"
    line = browser.with_text("li", "StartTransaction")
    assert "Rule 1 of main" in line.text
    assert len(browser.all("li")) == 3
    line.find_element("css selector", "button").click()
    browser.sees("Rule 1 of the route “main” decided where it goes.", "li")
    browser.sees("billing was asked, unchanged: it answered after", "li")
    browser.sees("CP-0001 got the answer of billing after", "li")
    legs = [leg.text.splitlines()[0] for leg in browser.all("li section")]
    assert legs == ["From the station", "To billing"]
    assert "04A2B3C4D5" not in browser.text, "what is a token is masked"


def test_filters_stand_in_the_address(browser: Browser, station: ScriptedStation) -> None:
    """What is filtered stands in the address, is asked of the log, and can be cleared; a call is whole all the same."""
    browser.sign_in("operator", "/messages?action=StartTransaction&backend=billing&since=2026-01-01T00%3A00%3A00Z")
    browser.sees("StartTransaction", "li")
    assert len(browser.all("li")) == 1
    field = browser.find("input[data-search]")
    field.send_keys("cp-0002")
    browser.sees("Nothing matches")
    assert "station=cp-0002" in browser.address
    browser.with_text("main button", "Clear the filter").click()
    browser.sees("DataTransfer", "li")
    assert browser.address == "/messages"


def test_what_is_heard_is_live(browser: Browser, theatre: Theatre) -> None:
    """Messages of a station that nobody records are there as they are answered, as one call; a pause shows no more."""
    browser.sign_in("operator", "/messages")
    browser.with_text("label", "Live").click()
    browser.sees("Nothing was said")
    browser.find("[data-live=live]")
    with theatre.station("CP-0002") as other:
        theatre.play(other.call("Heartbeat", {}))
        browser.sees("billing", "li")
        assert len(browser.all("li")) == 1
        browser.with_text("li button", "Heartbeat").click()
        browser.until(lambda: len(browser.all("li section")) == 2, "both legs")
        browser.with_text("main button", "Pause").click()
        browser.sees("Paused")
    assert browser.address == "/messages?mode=live"


def test_stations_are_recorded_for_a_while(browser: Browser, theatre: Theatre) -> None:
    """An operator has more stations recorded, and ends it."""
    browser.sign_in("operator", "/messages")
    browser.with_text("button", "Recording: on").click()
    browser.sees("cp-0001", "[role=dialog]")
    field = browser.with_text("[role=dialog] label", "Stations").get_attribute("for")
    browser.find(f"[id='{field}']").clear()
    browser.find(f"[id='{field}']").send_keys("CP-02*")
    browser.with_text("[role=dialog] button", "Record").click()
    browser.sees("cp-02* until", "[role=dialog] dl")
    browser.with_text("[role=dialog] button", "Record no more").click()
    browser.sees("no stations", "[role=dialog] dl")


def test_an_export_for_the_replay_and_for_other_tools(browser: Browser, station: ScriptedStation) -> None:
    """What the filters leave is saved: as `voltgate replay` plays it, and as a HAR."""
    browser.sign_in("operator", "/messages?action=StartTransaction")
    browser.sees("StartTransaction", "li")
    for form, name in (("replay", "messages.jsonl"), ("HAR", "messages.har")):
        browser.with_text("main button", "Export").click()
        browser.with_text("[role=menuitem]", form).click()
        browser.until((browser.downloads / name).is_file, name)
    head, *records = map(json.loads, (browser.downloads / "messages.jsonl").read_text().splitlines())
    assert (head["stations"], head["records"], len(records)) == ({"CP-0001": "ocpp1.6"}, 2, 2)
    entries = json.loads((browser.downloads / "messages.har").read_text())["log"]["entries"]
    assert {entry["request"]["url"] for entry in entries} == {"ws://station/CP-0001", "ws://billing/CP-0001"}


def test_a_viewer_has_no_messages(browser: Browser) -> None:
    """A viewer is told whom the page is for, finds no way to it, and nothing is asked that would be refused."""
    browser.start(size=WIDE)
    browser.sign_in("viewer", "/messages")
    browser.sees("This page is not for your role")
    assert browser.all("nav a[href='#/messages']") == []
    assert browser.complaints() == []


@pytest.mark.parametrize(("scheme", "size"), OTHERS)
def test_it_can_be_used_by_everybody(
    browser: Browser, station: ScriptedStation, scheme: str, size: tuple[int, int]
) -> None:
    """axe finds nothing on the log, filled, opened and empty, nor on what is heard."""
    browser.start(scheme, language="de" if scheme == "dark" else "en", size=size)
    browser.sign_in("operator", "/messages")
    browser.with_text("li button", "StartTransaction").click()
    browser.sees("billing", "li section")
    browser.until(lambda: not browser.all("li [aria-busy=true]"), "its legs")
    browser.picture("messages-open")
    assert browser.violations() == []
    browser.click("button[aria-haspopup=dialog]")
    browser.find("[role=dialog] form")
    browser.picture("messages-recording")
    assert browser.violations() == []
    browser.walk(["/messages", "/messages?action=Nothing&station=CP-0001", "/messages?mode=live"])
