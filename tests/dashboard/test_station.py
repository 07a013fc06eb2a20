"""The page of a station: what it can be told, by forms of its version, and what the management system keeps of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.csms.commands.test_payloads import REACHED
from tests.dashboard.browser import OTHERS, Browser
from tests.dashboard.fleet import CONFIG as LOCAL
from tests.dashboard.fleet import simulated
from tests.dashboard.managed import asked
from tests.dashboard.theatre import Theatre

CONFIG = LOCAL
PARTS = [
    *(f"/stations/A00001{part}" for part in ("", "/configuration", "/charging", "/history", "/files")),
    "/stations/A00001/commands?command=start",
    "/stations/B00001/commands?command=SetChargingProfile",
    "/stations/B00001/charging",
    "/stations/CP-0001/commands?command=reset",
]
START = {"connectorId": 1, "idTag": "04A2", "meterStart": 0, "timestamp": "2026-11-22T08:00:00Z"}


@pytest.fixture(scope="module", autouse=True)
def _stations(theatre: Theatre) -> Iterator[None]:
    with simulated(theatre):
        yield


def fill(browser: Browser, field: str, text: str) -> None:
    """Fill in a field, by the name that the schema gives it."""
    found = browser.find(f"main form [id='/{field}']")
    found.send_keys(Keys.CONTROL, "a")
    found.send_keys(text)


def choose(browser: Browser, field: str, word: str) -> None:
    """Choose a word of a field."""
    browser.click(f"main form [id='/{field}']")
    browser.with_text("[role=option]", word).click()


def send(browser: Browser) -> None:
    """Send what is filled in."""
    browser.click("main form button[type=submit]")


def answered(browser: Browser, *words: str) -> WebElement:
    """Wait until the station's answer says so."""
    found = None
    for word in words:
        found = browser.with_text("main section [role=status]", word)
    assert found is not None
    return found


def test_what_the_management_system_keeps(browser: Browser) -> None:
    """What a station told when it was asked stands on its page: its configuration, and what its connectors reported."""
    browser.sign_in("operator", "/stations/A00001/configuration")
    browser.sees("No configuration is known yet")
    browser.with_text("main a", "Read it").click()
    browser.find("main form")
    send(browser)
    answered(browser, "Accepted")
    browser.open("/stations/A00001/configuration")
    browser.sees("HeartbeatInterval", "td")
    browser.open("/stations/A00001/history")
    browser.sees("Available", "td")
    browser.open("/stations/B00001/charging")
    browser.sees("No charging profile is known")
    browser.open("/stations/CP-0009/charging")
    browser.sees("does not keep this station")


@pytest.fixture(scope="module")
def _told(theatre: Theatre) -> None:
    """A station's configuration and a charging profile are known."""
    tell = "/csms/stations/A00001/commands"
    for command, fields in (("configuration-get", {}), ("limit", {"limit": 16, "unit": "A"})):
        assert asked(theatre, "POST", f"{tell}/{command}", fields)["accepted"], command


@pytest.mark.usefixtures("_told")
@pytest.mark.parametrize(("scheme", "size"), OTHERS)
def test_every_part_can_be_used_by_everybody(
    browser: Browser, theatre: Theatre, scheme: str, size: tuple[int, int]
) -> None:
    """axe finds nothing in any part, of stations of the management system and of others."""
    browser.start(scheme, size=size)
    browser.sign_in("operator", "/about")
    with theatre.station("CP-0001"):
        browser.walk(PARTS)


def test_german(browser: Browser) -> None:
    """Commands are said in the language that is chosen; OCPP's own words stay."""
    browser.start(language="de")
    browser.sign_in("operator", "/stations/A00001/commands?command=availability")
    browser.sees("Verfügbarkeit ändern", "main h2")
    browser.sees("In Betrieb", "main form")
    browser.picture("german")


COMMANDS = [
    ("clear-cache", {}, {"A": "Accepted", "B": "Accepted"}),
    ("local-list-version", {}, {"A": "Answered", "B": "Answered"}),
    ("start", {"token": "04A2"}, {"A": "Accepted", "B": "Accepted"}),
]
"""What is told by filling in texts, and what stations of each version answer."""


@pytest.mark.parametrize(("command", "fields", "answers"), COMMANDS)
def test_a_command_of_the_management_system(
    browser: Browser, command: str, fields: dict[str, str], answers: dict[str, str]
) -> None:
    """A form is made of a command's parameters; what the station answered is shown, and the messages that follow."""
    browser.sign_in("operator", "/about")
    for prefix, status in answers.items():
        browser.open(f"/stations/{prefix}00001/commands?command={command}")
        browser.find("main form")
        browser.find("[data-live=live]")
        for name, text in fields.items():
            fill(browser, name, text)
        send(browser)
        answered(browser, status)
        browser.find("main section li")


def test_a_choice(browser: Browser) -> None:
    """Words of the schema are chosen, and what must be there is asked for before anything is sent."""
    browser.sign_in("operator", "/stations/A00001/commands?command=trigger")
    browser.find("main form")
    send(browser)
    browser.sees("This has to be filled in.", "main form")
    assert not browser.all("main section [role=status]")
    choose(browser, "message", "Heartbeat")
    send(browser)
    answered(browser, "Accepted")
    browser.with_text("main li button", "Heartbeat")


def test_the_calls_of_a_version(browser: Browser) -> None:
    """Each call of the station's version has a form by OCPP's own schema, nested as it is."""
    browser.sign_in("operator", "/stations/B00001/commands")
    browser.sees("Calls of OCPP 2.0.1")
    search = browser.find("main nav input[type=search]")
    search.send_keys("GetVariables")
    browser.with_text("main nav a", "GetVariables").click()
    browser.find("main form fieldset")
    fill(browser, "getVariableData/0/component/name", "OCPPCommCtrlr")
    fill(browser, "getVariableData/0/variable/name", "HeartbeatInterval")
    send(browser)
    answered(browser, "Accepted", "attributeValue")
    assert browser.address.endswith("command=GetVariables")


def test_what_is_dangerous_asks_once(browser: Browser) -> None:
    """Firmware and a cable that is let go are asked about; who thinks better of it has sent nothing."""
    browser.sign_in("operator", "/stations/B00001/commands?command=firmware")
    browser.find("main form")
    fill(browser, "location", "https://files.example/1.bin")
    send(browser)
    browser.sees("installs other firmware", "[role=dialog]")
    assert browser.driver.switch_to.active_element.text == "Cancel"
    assert browser.violations() == []
    browser.picture("danger")
    browser.with_text("[role=dialog] button", "Cancel").click()
    browser.until(lambda: not browser.all("[role=dialog]"), "the question is gone")
    assert not browser.all("main section [role=status]")
    assert browser.driver.switch_to.active_element.text == "Update firmware"
    send(browser)
    browser.with_text("[role=dialog] button", "Update firmware all the same").click()
    answered(browser, "Accepted")


def test_a_reset_names_what_it_ends(browser: Browser, theatre: Theatre) -> None:
    """While something charges, a reset says which transaction it ends; without, it is sent. A stop knows which one."""
    with theatre.station("CP-0002") as station:
        station.answers("Reset", {"status": "Rejected"})
        station.answers("RemoteStopTransaction", {"status": "Accepted"})
        browser.sign_in("operator", "/stations/CP-0002/commands?command=reset")
        browser.find("main form")
        choose(browser, "type", "Hard")
        send(browser)
        answered(browser, "Rejected")
        theatre.play(station.call("StartTransaction", START))
        browser.open("/stations/CP-0002")
        browser.sees("belongs to billing")
        browser.open("/stations/CP-0002/commands?command=reset")
        browser.find("main form")
        choose(browser, "type", "Hard")
        send(browser)
        browser.sees("connector 1: 77", "[role=dialog]")
        browser.with_text("[role=dialog] button", "Reset all the same").click()
        answered(browser, "Rejected")
        browser.open("/stations/CP-0002")
        browser.with_text("main a", "Stop").click()
        assert browser.address.endswith("?command=stop&transaction=77&transactionId=77")
        browser.until(
            lambda: browser.find("main form [id='/transactionId']").get_attribute("value") == "77", "the transaction"
        )
        send(browser)
        answered(browser, "Accepted")
        browser.sees('"transactionId": 77', "main section pre")


def test_errors_and_silence(browser: Browser, theatre: Theatre) -> None:
    """A CALLERROR is shown as the station sent it; a silence says that the station may have done it."""
    with theatre.station("CP-0003") as station:
        browser.sign_in("operator", "/stations/CP-0003/commands?command=ClearCache")
        browser.find("main form")
        send(browser)
        call = theatre.play(station.expect("ClearCache"))
        theatre.play(station.fail(call, "NotSupported", "There is no cache"))
        answered(browser, "NotSupported", "There is no cache")
        patience = browser.driver.find_element(By.XPATH, "//label[contains(., 'Wait at most')]/following::input[1]")
        patience.send_keys(Keys.CONTROL, "a")
        patience.send_keys("1")
        send(browser)
        answered(browser, "No answer came", "may have done it")
    browser.sees("told nothing now")
    assert not browser.find("main form button[type=submit]").is_enabled()


def test_a_network_that_is_lost(browser: Browser, theatre: Theatre) -> None:
    """Where the gateway's answer is lost nobody knows whether the station was told: the page says so."""
    with theatre.station("CP-0004"):
        browser.sign_in("operator", "/stations/CP-0004/commands?command=ClearCache")
        browser.find("main form")
        with browser.cut_off("*/calls"):
            send(browser)
            answered(browser, "The gateway does not answer", "the station may have done it")


def test_a_double_click_tells_a_station_once(browser: Browser, theatre: Theatre) -> None:
    """The second of two clicks sends nothing."""
    with theatre.station("CP-0005") as station:
        station.answers("ClearCache", {"status": "Accepted"})
        browser.sign_in("operator", "/stations/CP-0005/commands?command=ClearCache")
        browser.find("[data-live=live]")
        browser.double_click(browser.find("main form button[type=submit]"))
        answered(browser, "Accepted")
    told = asked(theatre, "GET", "/audit?station=CP-0005")["items"]
    assert [line["action"] for line in told] == ["ClearCache"]


def test_a_viewer_is_offered_nothing(browser: Browser, theatre: Theatre) -> None:
    """A viewer sees the station and no command, and is told which role they take."""
    browser.sign_in("viewer", "/stations/A00001")
    browser.sees("Configuration", "main nav")
    assert "Commands" not in browser.find("main nav").text
    browser.open("/stations/A00001/commands?command=reset")
    browser.sees("Commands take the role operator")
    assert not browser.all("main form")
    browser.open("/stations/A00001/files")
    browser.sees("Logs are shown to operators")
    assert browser.complaints() == []


NESTED: dict[str, dict[str, str]] = {
    "configuration-set": {"values/0/setting": "HeartbeatInterval", "values/0/value": "60"},
    "charging-profile-set": {"profile/periods/0/start": "0", "profile/periods/0/limit": "16"},
    "monitoring-set": {
        "monitors/0/variable": "EVSE@1.Power",
        "monitors/0/value": "1",
        "monitors/0/severity": "8",
    },
    "monitoring-clear": {"ids/0": "1"},
}
"""What is filled in within lists; all else stands in the address."""
WORDS = {"charging-profile-set": {"profile/purpose": "default"}, "monitoring-set": {"monitors/0/kind": "delta"}}
"""What is chosen there."""


DANGEROUS = ("unlock", "firmware", "firmware-publish", "certificate-delete", "network-profile")
"""What is asked about, while nothing charges."""
REFUSED = {
    "stop": "Rejected",
    "cancel-reservation": "Rejected",
    "charging-profile-clear": "Unknown",
    "charging-profile-list": "NoProfiles",
    "composite-schedule": "Rejected",
    "firmware-publish": "Rejected",
    "firmware-unpublish": "NoFirmware",
    "certificate-install": "Rejected",
    "certificate-delete": "Failed",
    "certificate-list": "NotFound",
    "certificate-signed": "Rejected",
    "display-message-list": "Unknown",
    "display-message-clear": "Unknown",
    "data-transfer": "UnknownVendorId",
    "network-profile": "Rejected",
    "monitoring-report": "EmptyResultSet",
    "monitoring-set": "UnsupportedMonitorType",
    "monitoring-clear": "NotFound",
}
"""What a simulated station does not do, and says of it; it does the rest."""


@pytest.mark.timeout(300)
def test_each_command(browser: Browser) -> None:
    """Every command has a form, which the address may fill in, sends what stands in it, and shows what came of it."""
    browser.sign_in("operator", "/stations/B00001/commands")
    refused = {}
    for command, fields in (REACHED | {"configuration-get": {}}).items():
        simple = {name: str(value) for name, value in fields.items() if not isinstance(value, list | dict)}
        simple |= {name: "true" for name, value in fields.items() if value is True}
        browser.go(f"/stations/B00001/commands?{urlencode({'command': command} | simple)}")
        browser.until(lambda: not browser.all("main section [role=status]"), "the form of before is gone")
        browser.find("main form button[type=submit]")
        browser.until(lambda: "Not connected" not in browser.text, "the station is back from its reset")
        for field, text in NESTED.get(command, {}).items():
            fill(browser, field, text)
        for field, word in WORDS.get(command, {}).items():
            choose(browser, field, word)
        send(browser)
        if command in DANGEROUS:
            browser.with_text("[role=dialog] button", "all the same").click()
        said = browser.until(lambda: _said(browser), f"what came of {command}")
        sent = browser.with_text("main section pre", f"{command} {{").text.removeprefix(command)
        assert _has(json.loads(sent), fields), command
        if "The station does it" not in said:
            refused[command] = said.partition("\n")[0]
    assert refused == REFUSED


def _has(sent: Any, wanted: Any) -> bool:
    """Whether all that is wanted was sent, and perhaps more."""
    if isinstance(wanted, dict):
        return all(name in sent and _has(sent[name], each) for name, each in wanted.items())
    if isinstance(wanted, list):
        return len(sent) == len(wanted) and all(map(_has, sent, wanted))
    return bool(sent == wanted)


def _said(browser: Browser) -> str | None:
    """What the answer says, when there is one."""
    said = browser.find("main section [role=status]").text
    return None if said.startswith("Waiting") else said or None
