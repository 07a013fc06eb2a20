"""The waiting room: who was turned away, as it happens, and letting stations in."""

from __future__ import annotations

import pytest

from tests.dashboard.browser import OTHERS, Browser
from tests.dashboard.theatre import Theatre


@pytest.mark.parametrize(("scheme", "size"), OTHERS)
def test_every_part_can_be_used_by_everybody(
    browser: Browser, theatre: Theatre, scheme: str, size: tuple[int, int]
) -> None:
    """axe finds nothing: in the lists, with a filter that nothing matches, and in the dialog."""
    for identity in ("NEW-0001", "NEW-0002"):
        theatre.play(theatre.stage.refused(identity))
    browser.start(scheme, size=size)
    browser.sign_in("admin")
    browser.walk(["/waiting", "/waiting/refused", "/waiting?q=nobody"])
    browser.open("/waiting")
    browser.with_text("main button", "Choose all shown").click()
    browser.sees("2 chosen")
    browser.with_text("main button", "Let in").click()
    browser.sees("Let 2 stations in", "[role=dialog]")
    assert browser.violations() == []
    browser.picture("let-in")


def test_who_is_turned_away_is_there_at_once(browser: Browser, theatre: Theatre) -> None:
    """A viewer sees who knocks as it happens, finds it by a part of its name, and is offered nothing to decide."""
    browser.sign_in("viewer", "/waiting?q=seen")
    browser.sees("None is like that")
    browser.find("[data-live=live]")
    theatre.play(theatre.stage.refused("SEEN-0001", "ocpp2.0.1"))
    browser.sees("SEEN-0001", "td")
    browser.sees("ocpp2.0.1", "td")
    browser.sees("Nobody knows it", "td")
    assert not browser.all("main button, main input[type=checkbox]")
    browser.open("/waiting/refused?q=seen")
    browser.sees("This station is not known here", "td")
    assert browser.complaints() == []


def test_an_operator_lets_a_station_in_on_a_route(browser: Browser, theatre: Theatre) -> None:
    """The dialog has the only route already; the station leaves the list, and gets in when it comes again."""
    theatre.play(theatre.stage.refused("LET-0001"))
    browser.sign_in("operator", "/waiting?q=LET")
    browser.click("button[aria-label='Let in: LET-0001']")
    browser.sees("Let LET-0001 in", "[role=dialog]")
    assert not browser.all("[role=dialog] input[type=radio]"), "only administrators claim"
    browser.with_text("[role=dialog] button", "Let in").click()
    browser.sees("LET-0001 is let in")
    browser.sees("None is like that")
    with theatre.station("LET-0001"):
        browser.open("/stations/LET-0001")
        browser.sees("Accepted")


def test_an_administrator_claims_several_for_a_backend(browser: Browser, theatre: Theatre) -> None:
    """Those that were chosen go to a backend in one step; a station is then held by its claim."""
    for number in (1, 2):
        theatre.play(theatre.stage.refused(f"BACK-000{number}"))
    browser.sign_in("admin", "/waiting?q=BACK")
    browser.with_text("main button", "Choose all shown").click()
    browser.with_text("main button", "Let in").click()
    browser.with_text("[role=dialog] label", "To a backend").click()
    browser.with_text("[role=dialog] button", "Let in").click()
    browser.sees("2 stations are let in")
    browser.sees("None is like that")
    with theatre.station("BACK-0002"):
        browser.open("/stations/BACK-0002")
        browser.sees("Claimed by")


def test_who_is_dismissed_leaves_the_list(browser: Browser, theatre: Theatre) -> None:
    """One that is dismissed is gone until it knocks again."""
    theatre.play(theatre.stage.refused("GONE-0001"))
    browser.sign_in("operator", "/waiting?q=GONE")
    browser.click("button[aria-label='Dismiss GONE-0001']")
    browser.sees("None is like that")
    theatre.play(theatre.stage.refused("GONE-0001"))
    browser.sees("GONE-0001", "td")


def test_every_reason_to_be_turned_away_is_shown(browser: Browser, theatre: Theatre) -> None:
    """Who is known but speaks nothing that is taken here stands among those turned away, once, and counted."""
    browser.sign_in("viewer", "/waiting/refused?q=CP-0007")
    browser.find("[data-live=live]")
    for _ in range(2):
        theatre.play(theatre.stage.refused("CP-0007", "ocpp9.9"))
    browser.sees("None of the sub-protocols", "td")
    browser.until(lambda: [cell.text for cell in browser.all("tbody tr td")][3:4] == ["2"], "twice")
    assert len(browser.all("tbody tr")) == 1


def test_german(browser: Browser, theatre: Theatre) -> None:
    """The page is in German for who chose it."""
    theatre.play(theatre.stage.refused("NEU-0001"))
    browser.start(language="de")
    browser.sign_in("admin", "/waiting?q=NEU")
    browser.sees("Niemand kennt sie", "td")
    browser.picture("waiting")
    browser.click("button[aria-label='Einlassen: NEU-0001']")
    browser.sees("Auf eine Route", "[role=dialog]")
    browser.picture("let-in")
