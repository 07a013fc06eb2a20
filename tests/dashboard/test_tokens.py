"""The page of the id tokens: who may charge."""

from __future__ import annotations

import pytest

from tests.dashboard.browser import OTHERS, Browser
from tests.dashboard.managed import MANAGED, asked
from tests.dashboard.theatre import Theatre

CONFIG = MANAGED
CARDS = [
    {"token": "04A2B6C1D5", "type": "ISO14443", "holder": "Ada Lovelace", "group": "staff"},
    {"token": "04FFEE0102", "type": "ISO14443", "holder": "Charles Babbage", "network": "north"},
    {"token": "DE-8AA-CA2B3C4D5-L", "type": "eMAID", "holder": "Roaming", "expires": "2020-01-01T00:00:00Z"},
    {"token": "04DEAD0001", "status": "Blocked", "holder": "Lost card", "concurrent": 1},
]


@pytest.fixture(scope="module", autouse=True)
def cards(theatre: Theatre) -> None:
    """Make a network and some tokens known."""
    asked(theatre, "POST", "/networks", {"id": "north", "name": "The north"})
    asked(theatre, "POST", "/id-tokens/import", CARDS)


@pytest.mark.parametrize(("scheme", "size"), OTHERS)
def test_everybody_can_use_it(browser: Browser, scheme: str, size: tuple[int, int]) -> None:
    """axe finds nothing on the list, in each appearance."""
    browser.start(scheme, "de" if scheme == "dark" else "en", size)
    browser.sign_in("admin")
    browser.walk(["/id-tokens", "/id-tokens?text=nobody"])


def test_a_viewer_looks_only(browser: Browser) -> None:
    """A viewer sees tokens, filters them by the address, and is offered nothing that would be refused."""
    browser.sign_in("viewer", "/id-tokens?status=Blocked")
    browser.sees("04DEAD0001", "td")
    browser.sees("1 token", "main")
    assert "04A2B6C1D5" not in browser.text
    assert not [each for each in browser.all("main button") if each.text in ("Import", "Add a token")]
    browser.click("button[aria-label='Actions of 04DEAD0001']")
    browser.with_text("[role=menuitem]", "Transactions")
    assert len(browser.all("[role=menuitem]")) == 1
    assert browser.complaints() == []


def test_a_token_is_added_changed_blocked_and_deleted(browser: Browser) -> None:
    """An operator's day with a card; the form names what is wrong with it, and is right for axe."""
    browser.sign_in("operator", "/id-tokens")
    browser.with_text("main button", "Add a token").click()
    browser.fill("Token", "04a2b6c1d5")
    browser.with_text("[role=dialog] button", "Save").click()
    browser.sees("There is a token", "[role=alert]")
    assert browser.violations() == []
    browser.fill("Token", "0411223344")
    browser.fill("Holder", "Grace Hopper")
    browser.with_text("[role=dialog] button", "Save").click()
    browser.sees("Grace Hopper", "td")
    browser.act("Actions of 0411223344", "Block")
    browser.until(lambda: "Blocked" in browser.with_text("tr", "0411223344").text, "a blocked token")
    browser.act("Actions of 0411223344", "Change")
    browser.fill("Holder", "Rear Admiral Hopper")
    browser.with_text("[role=dialog] button", "Save").click()
    browser.sees("Rear Admiral Hopper", "td")
    assert "Blocked" in browser.with_text("tr", "0411223344").text
    browser.act("Actions of 0411223344", "Delete")
    browser.with_text("[role=dialog] button", "Delete").click()
    browser.until(lambda: "Rear Admiral" not in browser.find("main").text, "a token that is gone")
    assert browser.complaints() == []


def test_a_form_changes_nothing_but_what_was_typed(browser: Browser, theatre: Theatre) -> None:
    """A card that is blocked while its form is open stays blocked when the form is saved with another holder."""
    asked(theatre, "POST", "/id-tokens", {"token": "04CAFE", "holder": "Ada"})
    browser.sign_in("operator", "/id-tokens?text=04CAFE")
    browser.act("Actions of 04CAFE", "Change")
    browser.find("[role=dialog] form")
    asked(theatre, "PATCH", "/id-tokens/04CAFE", {"status": "Blocked"})
    browser.fill("Holder", "Ada Lovelace")
    browser.with_text("[role=dialog] button", "Save").click()
    browser.sees("Ada Lovelace", "td")
    assert asked(theatre, "GET", "/id-tokens/04CAFE")["status"] == "Blocked"


def test_a_list_goes_out_and_comes_in(browser: Browser) -> None:
    """The export is CSV that the import takes; of a list with a mistake nothing is taken, and the line is named."""
    browser.sign_in("operator", "/id-tokens?text=04")
    browser.sees("04A2B6C1D5", "td")
    browser.with_text("main a", "Export CSV").click()
    file = browser.downloads / "id-tokens.csv"
    browser.until(file.is_file, "the file")
    text = file.read_text()
    assert text.splitlines()[1].startswith("04A2B6C1D5,ISO14443,staff")
    assert "eMAID" not in text
    file.write_text(text.replace("Ada Lovelace", "Countess Lovelace"))
    browser.with_text("main button", "Import").click()
    browser.find("[role=dialog] code")
    assert browser.violations() == []
    browser.find("input[type=file]").send_keys(str(file))
    browser.sees("Countess Lovelace", "td")
    wrong = browser.downloads / "wrong.csv"
    wrong.write_text("token,network\n0455,nowhere\n")
    browser.with_text("main button", "Import").click()
    browser.find("input[type=file]").send_keys(str(wrong))
    assert "line 2" in browser.with_text("[role=alert]", "there is no such network").text
