"""The page of the routes: in words, the question which rule would decide, and edited as TOML."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.dashboard.browser import SOME, Browser
from tests.dashboard.theatre import KNOWN, Theatre

RULES = [
    {"actions": ["Authorize", "Start*"], "tokens": ["04EM*"], "stations": "CP-*", "answer": ["billing", "spare"]},
    {"actions": ["Heartbeat"], "answer": {"billing": 3, "spare": 1}, "copy": ["watcher"]},
    {"answer": "billing", "authorize": ["billing", "spare"], "copy": ["watcher"]},
]
CONFIG = {
    "api": {"edit_routes": True},
    "backends": {"spare": {"url": "ws://127.0.0.1:9/"}, "watcher": {"url": "ws://127.0.0.1:9/"}},
    "routes": {"main": {"admit": "gateway", "rules": RULES}},
    "stations": [{"match": identity, "route": "main"} for identity in KNOWN[:3]],
}
OTHER = (
    '[[routes.main.rules]]\nactions = ["Heartbeat"]\nanswer = "spare"\n\n[[routes.main.rules]]\nanswer = "billing"\n'
)


@pytest.fixture
def written(theatre: Theatre) -> Iterator[str]:
    """The file as it is, also afterwards."""
    before = theatre.gateway.file.read_text()
    yield before
    theatre.gateway.file.write_text(before)


def field(browser: Browser) -> WebElement:
    """The routes as TOML."""
    return browser.find("textarea")


def write(browser: Browser, text: str) -> None:
    """Write other routes into the field."""
    field(browser).send_keys(Keys.CONTROL, "a")
    field(browser).send_keys(text)


@pytest.mark.parametrize(("scheme", "size"), SOME)
def test_the_page_can_be_used_by_everybody(browser: Browser, scheme: str, size: tuple[int, int]) -> None:
    """axe finds nothing: the rules, an answer, the editor, and what is wrong with what is edited."""
    browser.start(scheme, size=size)
    browser.sign_in("admin", "/routes")
    browser.walk(["/routes", "/routes?station=CP-0001&action=Heartbeat", "/routes/edit"])
    write(browser, '[[routes.main.rules]]\nanswer = "biling"')
    browser.sees("Line 2", "[data-remarks] button")
    assert browser.violations() == []
    browser.picture("page-routes-edit-wrong")


def test_the_rules_in_words(browser: Browser) -> None:
    """Each rule says when it fits, and who answers; what was left out is said of none."""
    browser.sign_in("viewer", "/routes")
    browser.sees("The gateway itself lets stations in", "section")
    rows = [row.text.replace("\n", " ") for row in browser.all("table[aria-label=main] tbody tr")]
    assert rows == [
        "1 Action Authorize or Start* Station CP-* Token 04EM* billing; if it is away: spare",
        "2 Action Heartbeat billing 75 % of stations spare 25 % of stations watcher",
        "3 Every other call billing Token not known: ask spare watcher",
    ]


def test_which_rule_would_decide(browser: Browser) -> None:
    """A station, an action and a token lead to a rule, which is marked; what was asked stands in the address."""
    browser.sign_in("viewer", "/routes")
    browser.find("input[name=station]").send_keys("CP-0002")
    browser.find("input[name=action]").send_keys("Authorize", Keys.ESCAPE)
    browser.find("input[name=token]").send_keys("04EM77", Keys.ENTER)
    browser.sees("Rule 1 of “main” decides.")
    browser.sees("billing answers; if it is away: spare.")
    assert browser.find("tr[aria-current=true]").text.startswith("1")
    assert browser.address == "/routes?station=CP-0002&action=Authorize&token=04EM77"
    browser.open("/routes?station=CP-0002&action=Authorize&token=99")
    browser.sees("Rule 3 of “main” decides.")
    browser.open("/routes?station=NOBODY&action=Heartbeat")
    browser.sees("There is no such thing", "[role=alert]")


def test_only_an_administrator_edits(browser: Browser) -> None:
    """To others nothing is offered, nor shown at the address."""
    browser.sign_in("operator", "/routes/edit")
    browser.sees("Every other call")
    assert not browser.all("textarea, nav[aria-label='Parts of the routes']")
    assert browser.complaints() == []


def test_routes_are_edited(browser: Browser, theatre: Theatre, written: str) -> None:
    """What is wrong is said while it is typed, and leads to its line; what is right is applied, after a question."""
    browser.sign_in("admin", "/routes/edit")
    browser.sees("Nothing is changed yet")
    apply = browser.with_text("button", "Apply…")
    assert not apply.is_enabled()
    write(browser, OTHER.replace('"spare"', '"spear"'))
    browser.with_text("[data-remarks] button", "Line 3").click()
    browser.sees('did you mean "spare"?')
    assert browser.driver.execute_script("return window.getSelection().toString()") == 'answer = "spear"'
    assert not browser.with_text("button", "Apply…").is_enabled()
    browser.press('answer = "spare"')
    browser.until(lambda: browser.with_text("button", "Apply…").is_enabled(), "it is right")
    browser.with_text("button", "Apply…").click()
    browser.sees("They are in force at once", "[role=dialog]")
    assert browser.violations() == []
    browser.with_text("[role=dialog] button", "Apply").click()
    browser.sees("The routes are in force")
    assert OTHER in theatre.gateway.file.read_text()
    browser.with_text("nav a", "Rules").click()
    browser.sees("Action Heartbeat", "section")
    assert len(browser.all("table[aria-label=main] tbody tr")) == 2


def test_somebody_else_was_quicker(browser: Browser, theatre: Theatre, written: str) -> None:
    """A change of what others have changed meanwhile is not made: it says so, and loads what is there.

    What is typed stays till then, also when the page was not live for a while and asks for all else anew.
    """
    browser.sign_in("admin")
    browser.find("[data-live=live]")
    browser.with_text("nav a", "Routes").click()
    browser.with_text("nav a", "Edit").click()
    write(browser, OTHER)
    browser.until(lambda: browser.with_text("button", "Apply…").is_enabled(), "it is right")
    theatre.gateway.file.write_text(written.replace("[routes.main]", "[routes.main] # by hand"))
    with browser.offline():
        browser.sees("Not live since", "[role=status]")
    browser.with_text("button", "Apply…").click()
    browser.with_text("[role=dialog] button", "Apply").click()
    browser.sees("Somebody else has changed the routes", "[role=dialog]")
    browser.with_text("[role=dialog] button", "Load again").click()
    browser.until(lambda: "# by hand" in str(field(browser).get_attribute("value")), "what is there")


def test_german(browser: Browser) -> None:
    """The page is in German as well."""
    browser.start(language="de")
    browser.sign_in("admin", "/routes?station=CP-0001&action=Heartbeat")
    browser.sees("Regel 2 von „main“ entscheidet.")
    browser.picture("routes")
    browser.open("/routes/edit")
    browser.sees("Noch ist nichts geändert.")
    browser.picture("routes-edit")
