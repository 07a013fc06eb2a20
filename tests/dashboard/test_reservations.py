"""The page of reservations: which connectors are kept for whom, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.dashboard.browser import OTHERS, Browser
from tests.dashboard.managed import MANAGED, ask, asked
from tests.dashboard.theatre import Theatre
from tests.harness.station import ScriptedStation

CONFIG = MANAGED
RESERVED = {"evse": 2, "token": "04A2B3", "expires": "2036-01-01T12:00:00Z"}


@pytest.fixture(scope="module")
def station(theatre: Theatre) -> Iterator[ScriptedStation]:
    """A station with which connector 2 is reserved, under the number 7; it refused to do so for another."""
    asked(theatre, "POST", "/networks", {"id": "north", "name": "North"})
    asked(theatre, "POST", "/networks/north/stations", {"identity": "CP-1"})
    with theatre.station("CP-1") as station:
        theatre.play(station.boot())
        for number, status in ((7, "Accepted"), (8, "Occupied")):
            theatre.play(_reserved(theatre, station, number, status))
        yield station


async def _reserved(theatre: Theatre, station: ScriptedStation, number: int, status: str) -> None:
    path = "/csms/stations/CP-1/commands/reserve"
    telling = asyncio.create_task(ask(theatre, "POST", path, RESERVED | {"id": number}))
    await station.answer(await station.expect("ReserveNow"), {"status": status})
    await telling


@pytest.mark.parametrize(("scheme", "size"), OTHERS)
def test_everybody_can_use_it(browser: Browser, station: ScriptedStation, scheme: str, size: tuple[int, int]) -> None:
    """axe finds nothing on the list, in each appearance."""
    browser.start(scheme, "de" if scheme == "dark" else "en", size)
    browser.sign_in("operator")
    browser.walk(["/reservations"])


def test_a_reservation_is_found_and_cancelled(browser: Browser, theatre: Theatre, station: ScriptedStation) -> None:
    """The filter stands in the address; the command that cancels knows the number, and the list what became of it."""
    browser.sign_in("operator", "/reservations")
    browser.sees("2 reservations", "main")
    browser.sees("Occupied", "td")
    browser.open("/reservations?status=Accepted")
    browser.until(lambda: len(browser.all("tbody tr")) == 1, "the one that is open")
    assert all(part in browser.find("tbody tr").text for part in ("CP-1", "7", "04A2B3", "Open"))
    browser.click("a[aria-label='Cancel reservation 7 of CP-1']")
    browser.find("button[type=submit]")
    assert browser.find("main form input").get_attribute("value") == "7"
    browser.with_text("button[type=submit]", "Cancel a reservation").click()
    asked_for = theatre.play(_cancelled(station))
    assert asked_for == {"reservationId": 7}
    browser.sees("Accepted", "[role=status]")
    browser.open("/reservations?status=Cancelled")
    browser.sees("CP-1", "td")
    assert browser.refusals() == []


async def _cancelled(station: ScriptedStation) -> object:
    call = await station.expect("CancelReservation")
    await station.answer(call, {"status": "Accepted"})
    return call.payload


def test_a_viewer_cancels_nothing(browser: Browser, station: ScriptedStation) -> None:
    """Who looks only is offered no command."""
    browser.sign_in("viewer", "/reservations?station=CP-1")
    browser.sees("Occupied", "td")
    assert not browser.all("a[aria-label^='Cancel reservation']")
    assert browser.refusals() == []
