"""Jobs: one command for many stations, made by a form, seen as they go on, and cancelled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.dashboard.browser import OTHERS, Browser
from tests.dashboard.fleet import CONFIG as LOCAL
from tests.dashboard.fleet import simulated
from tests.dashboard.managed import asked
from tests.dashboard.theatre import Theatre

AWAY = ("Z-1", "Z-2")
"""Stations that never come."""
CONFIG = LOCAL | {"stations": [{"match": each, "route": "main", "tags": ["depot"]} for each in AWAY]}


@pytest.fixture(scope="module", autouse=True)
def _stations(theatre: Theatre) -> Iterator[None]:
    with simulated(theatre, AWAY):
        yield


def test_a_job_goes_on_before_your_eyes(browser: Browser) -> None:
    """A job is made for the stations of a filter, after a question; what each answered comes by itself."""
    browser.sign_in("operator", "/jobs")
    browser.sees("No job was made yet")
    browser.with_text("main a", "Make a job").click()
    browser.sees("Choose a command first.")
    browser.open("/jobs/new?command=clear-cache")
    browser.sees("4 stations", "[role=status]")
    browser.with_text("label", "Identity is like").click()
    browser.press("*00001")
    browser.sees("2 stations", "[role=status]")
    browser.picture("new-job")
    browser.click("main form button[type=submit]")
    browser.sees("Clear the token cache: 2 stations", "[role=dialog]")
    browser.with_text("[role=dialog] button", "Make a job").click()
    browser.sees("2 of 2", "main")
    browser.until(lambda: browser.find("table").text.count("Accepted") == 2, "each station's answer")
    browser.sees("Ended", "main")
    assert browser.complaints() == []


def test_a_job_is_cancelled(browser: Browser) -> None:
    """Stations of a list that never come are waited for, until the job is cancelled."""
    browser.sign_in("operator", "/jobs/new?command=firmware")
    browser.find("[id='/location']").send_keys("https://files.example/1.bin")
    browser.with_text("label", "By a list").click()
    browser.fill("Identities", "Z-1, Z-2, Z-3")
    browser.sees("3 stations", "[role=status]")
    browser.click("main form button[type=submit]")
    browser.sees("They may not come back", "[role=dialog]")
    assert browser.violations() == []
    browser.picture("question")
    browser.with_text("[role=dialog] button", "Make a job").click()
    browser.sees("does not know 'Z-3'", "[role=dialog]")
    browser.with_text("[role=dialog] button", "Cancel").click()
    browser.until(lambda: not browser.all("[role=dialog]"), "the question is gone")
    browser.fill("Identities", "Z-1, Z-2")
    browser.sees("2 stations", "[role=status]")
    browser.click("main form button[type=submit]")
    browser.with_text("[role=dialog] button", "Make a job").click()
    browser.until(lambda: browser.find("table").text.count("Waits") == 2, "both wait")
    browser.with_text("main button", "Cancel the job").click()
    browser.sees("told nothing any more: 2", "[role=dialog]")
    browser.with_text("[role=dialog] button", "Cancel the job").click()
    browser.until(lambda: browser.find("table").text.count("Cancelled") == 2, "each station is cancelled")
    assert browser.complaints() == []


def test_a_double_click_makes_one_job(browser: Browser, theatre: Theatre) -> None:
    """Who clicks twice where a job is made has made one."""
    before = len(asked(theatre, "GET", "/jobs")["items"])
    browser.sign_in("operator", "/jobs/new?command=clear-cache")
    browser.sees("4 stations", "[role=status]")
    browser.click("main form button[type=submit]")
    browser.double_click(browser.with_text("[role=dialog] button", "Make a job"))
    browser.sees("Progress", "main h2")
    assert len(asked(theatre, "GET", "/jobs")["items"]) == before + 1


def test_stations_by_tag(browser: Browser) -> None:
    """A list takes the stations with a tag, and stays when another command is chosen."""
    browser.sign_in("operator", "/jobs/new?command=clear-cache")
    browser.with_text("label", "By a list").click()
    browser.fill("Identities", "A00001")
    browser.fill("Take those with a tag", "nowhere")
    browser.with_text("main form button", "Take").click()
    browser.sees("No station has this tag.", "[role=status]")
    browser.fill("Take those with a tag", "depot")
    browser.with_text("main form button", "Take").click()
    browser.sees("3 stations", "[role=status]")
    browser.with_text("label", "Command").click()
    browser.with_text("[role=option]", "Fetch logs").click()
    browser.sees("Kind", "main form")
    browser.sees("3 stations", "[role=status]")
    assert "Z-2" in str(browser.find("main form textarea").get_attribute("value"))


@pytest.mark.parametrize(("scheme", "size"), OTHERS)
def test_every_part_can_be_used_by_everybody(browser: Browser, scheme: str, size: tuple[int, int]) -> None:
    """axe finds nothing in the list, in a job, and in the form for one."""
    browser.start(scheme, size=size)
    browser.sign_in("operator", "/jobs")
    job = browser.find("td a").get_attribute("href") or ""
    browser.walk(["/jobs", job.partition("#")[2], "/jobs/new?command=firmware"])


def test_a_viewer_makes_none(browser: Browser) -> None:
    """A viewer sees jobs and not what may be secret in them, and no button that would be refused."""
    browser.start(language="de")
    browser.sign_in("viewer", "/jobs")
    browser.click("td a")
    browser.sees("Was ihnen gesagt wird, sehen Operatoren")
    assert "abbrechen" not in browser.find("main").text
    browser.picture("job-german")
    browser.open("/jobs/new")
    browser.sees("Aufträge verlangen die Rolle Operator")
    assert browser.complaints() == []
