"""Claims: which backend claims which stations, conflicts, claiming and withdrawing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.dashboard.browser import SOME, Browser
from tests.dashboard.theatre import Theatre

CONFIG: dict[str, Any] = {"backends": {"roaming": {"url": "ws://127.0.0.1:9/{station}"}}}


def claim(theatre: Theatre, backend: str, *stations: str) -> None:
    """Have a backend claim these stations, and no others."""
    request = Request(
        f"{theatre.url}api/v1/backends/{backend}/stations?force=true",
        json.dumps({"stations": stations}).encode(),
        {"Authorization": f"Bearer {theatre.tokens['admin']}", "Content-Type": "application/json"},
        method="PUT",
    )
    with urlopen(request) as answer:
        assert answer.status == 200


@pytest.fixture(autouse=True)
def claims(theatre: Theatre) -> Iterator[None]:
    """Two backends claim stations; both of them DEPOT-0002."""
    claim(theatre, "billing", "DEPOT-0001", "DEPOT-0002")
    claim(theatre, "roaming", "DEPOT-0002", "STREET-0001")
    yield
    for backend in ("billing", "roaming"):
        claim(theatre, backend)


@pytest.mark.parametrize(("scheme", "size"), SOME)
def test_the_page_can_be_used_by_everybody(
    browser: Browser, theatre: Theatre, scheme: str, size: tuple[int, int]
) -> None:
    """axe finds nothing: in the list, where nothing matches, and in the form."""
    browser.start(scheme, size=size)
    browser.sign_in("admin")
    browser.walk(["/claims", "/claims?contested=true", "/claims?q=nobody"])
    browser.with_text("main button", "Claim stations").click()
    browser.find("[role=dialog] textarea")
    assert browser.violations() == []
    browser.picture("claim")


def test_conflicts_are_told_live(browser: Browser, theatre: Theatre) -> None:
    """A viewer filters for conflicts, sees a new one as it comes, and is offered nothing to change."""
    browser.sign_in("viewer", "/claims?contested=true")
    browser.sees("2 claims")
    browser.sees("Contested", "[role=gridcell]")
    browser.find("[data-live=live]")
    claim(theatre, "billing", "DEPOT-0001", "DEPOT-0002", "STREET-0001")
    browser.sees("4 claims")
    assert "Claim stations" not in browser.text
    assert "Withdraw" not in browser.text
    browser.open("/claims?q=street&backend=roaming")
    browser.sees("1 claim")
    assert browser.complaints() == []


def test_a_claim_is_withdrawn(browser: Browser, theatre: Theatre) -> None:
    """It is asked once, saying what will happen; then the conflict is over."""
    browser.sign_in("admin", "/claims?contested=true")
    browser.click("button[aria-label='Withdraw the claim of billing to DEPOT-0002']")
    browser.sees("goes to another backend", "[role=dialog]")
    browser.picture("withdraw")
    browser.with_text("[role=dialog] button", "Withdraw").click()
    browser.sees("No station is claimed by several backends")
    browser.open("/claims?q=DEPOT-0002")
    browser.sees("1 claim")
    browser.sees("This backend", "[role=gridcell]")


def test_many_stations_are_claimed_at_once(browser: Browser, theatre: Theatre) -> None:
    """What is pasted is counted, claimed at once, and what others claim as well is said."""
    browser.sign_in("admin", "/claims")
    browser.with_text("main button", "Claim stations").click()
    browser.find("[role=dialog] textarea").send_keys("PASTED-1\nPASTED-2, STREET-0001")
    browser.sees("3 stations", "[role=dialog]")
    browser.click("[role=dialog] input[placeholder='Choose a backend']")
    browser.with_text("[role=option]", "billing").click()
    browser.with_text("[role=dialog] [type=submit]", "Claim").click()
    browser.sees("3 stations more are claimed for billing")
    browser.sees("1 of them is claimed by another backend")
    browser.sees("PASTED-2", "[role=gridcell]")


def test_german(browser: Browser) -> None:
    """The page is in German for who chose it."""
    browser.start(language="de")
    browser.sign_in("admin", "/claims")
    browser.sees("4 Ansprüche")
    browser.sees("Umstritten", "[role=gridcell]")
    browser.picture("claims")
