"""The pages of users, API tokens and one's own account, in a real browser."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.keys import Keys

from tests.dashboard.browser import SOME, Browser
from tests.dashboard.theatre import Theatre
from tests.web.client import asking

PASSWORD, ANOTHER = "correct horse battery", "staple correct horse"


def secret(browser: Browser) -> str:
    """Take down what is shown once."""
    field = browser.find("[role=dialog] input[readonly]")
    return str(field.get_attribute("value"))


def choose(browser: Browser, password: str) -> None:
    """Write a new password twice."""
    for field in browser.all("input[autocomplete=new-password]"):
        field.send_keys(password)


async def invite(theatre: Theatre, login: str) -> str:
    """Make a user; return the invitation."""
    async with asking(theatre.gateway.http_port, theatre.tokens["admin"]) as api:
        wanted = {"login": login, "person": "Ada", "roles": {"*": "viewer", "north": "admin"}}
        return str((await api.post("/users", wanted)).gives(201)["invitation"])


async def with_password(theatre: Theatre, login: str) -> None:
    """Make a user with a password."""
    invitation = await invite(theatre, login)
    async with asking(theatre.gateway.http_port) as api:
        (await api.post("/password", {"invitation": invitation, "password": PASSWORD})).gives(204)


def sign_in(browser: Browser, login: str, password: str) -> None:
    """Sign in as a user."""
    browser.find("input[name=login]").send_keys(login)
    browser.find("input[name=password]").send_keys(password, Keys.ENTER)
    browser.find("nav")


@pytest.mark.parametrize(("scheme", "size"), SOME)
def test_the_pages_can_be_used_by_everybody(
    browser: Browser, theatre: Theatre, scheme: str, size: tuple[int, int]
) -> None:
    """axe finds nothing: lists, forms and questions."""
    theatre.play(invite(theatre, f"look-{scheme}-{size[0]}"))
    browser.start(scheme, size=size)
    browser.sign_in("admin", "/users")
    browser.walk(["/users", "/users/tokens", "/account", "/invitation/vg_none"])
    browser.open("/users")
    browser.with_text("button", "New user").click()
    browser.with_text("[role=dialog] button", "Add a network").click()
    assert browser.violations() == []
    browser.picture("users-new")


def test_a_user_is_invited_and_signs_in(browser: Browser, theatre: Theatre) -> None:
    """A user who was made chooses a password by the link, once, and has the roles that were given."""
    browser.sign_in("admin", "/users")
    browser.with_text("button", "New user").click()
    browser.find("input[name=login]").send_keys("grace@csms.example")
    browser.find("input[name=person]").send_keys("Grace")
    browser.with_text("[role=dialog] button", "Make").click()
    browser.sees("Invitation for grace@csms.example", "[role=dialog]")
    link = secret(browser)
    assert link.startswith(f"{browser.url}#/invitation/vg_")
    browser.picture("users-invited")
    browser.start()
    browser.driver.get(link)
    browser.find("form")
    choose(browser, PASSWORD)
    browser.with_text("button", "Save the password").click()
    browser.sees("The password is chosen")
    browser.with_text("a", "Go to the sign-in").click()
    sign_in(browser, "grace@csms.example", PASSWORD)
    assert "Users and tokens" not in browser.find("nav").text
    browser.driver.get("about:blank")
    browser.driver.get(link)
    browser.find("form")
    choose(browser, ANOTHER)
    browser.with_text("button", "Save the password").click()
    browser.sees("was used already")


def test_roles_are_changed_and_users_deleted(browser: Browser, theatre: Theatre) -> None:
    """The roles of a user are changed in a form; a deleted user is gone, after a question."""
    theatre.play(invite(theatre, "ken"))
    browser.sign_in("admin", "/users")
    browser.sees("In north: Administrator", "tr")
    browser.click("button[aria-label='Actions for ken']")
    browser.with_text("[role=menuitem]", "Change…").click()
    browser.click("button[aria-label='Remove north']")
    browser.with_text("[role=dialog] button", "Save").click()
    browser.until(lambda: "In north" not in browser.with_text("tr", "ken").text, "the roles are others")
    browser.click("button[aria-label='Actions for ken']")
    browser.with_text("[role=menuitem]", "Delete…").click()
    browser.sees("signed out everywhere", "[role=dialog]")
    browser.with_text("[role=dialog] button", "Delete").click()
    browser.until(lambda: not browser.all("button[aria-label='Actions for ken']"), "the user is gone")


def test_a_token_is_shown_once_and_revoked(browser: Browser) -> None:
    """A token that was made lets its program in until it is revoked; those of the configuration are only listed."""
    browser.sign_in("admin", "/users/tokens")
    browser.sees("the-viewer", "tr")
    assert not browser.all("button[aria-label='Revoke the-viewer']")
    browser.with_text("button", "New token").click()
    browser.find("input[name=name]").send_keys("grafana", Keys.ENTER)
    browser.sees("it cannot be shown again", "[role=dialog]")
    assert secret(browser).startswith("vg_")
    browser.with_text("[role=dialog] button", "Copy")
    browser.picture("token-made")
    browser.click("[role=dialog] button[aria-label=Close]")
    browser.click("button[aria-label='Revoke grafana']")
    browser.with_text("[role=dialog] button", "Revoke").click()
    browser.until(lambda: not browser.all("button[aria-label='Revoke grafana']"), "the token is gone")


async def claims(theatre: Theatre, token: str) -> tuple[int, int]:
    """Claim for a backend with a token, and look at stations; give both statuses."""
    async with asking(theatre.gateway.http_port, token) as api:
        claimed = await api.ask("PATCH", "/backends/billing/stations", {"add": ["CP-0001"]})
        return claimed.status, (await api.ask("GET", "/stations")).status


def test_a_token_that_claims(browser: Browser, theatre: Theatre) -> None:
    """A token for claims is made for the backends that are chosen, ends when that was chosen, and does nothing else."""
    browser.sign_in("admin", "/users/tokens")
    browser.with_text("button", "New token").click()
    browser.find("input[name=name]").send_keys("depots")
    choose_in(browser, "Role", "Claims for backends")
    make = browser.with_text("[role=dialog] button", "Make")
    assert make.get_attribute("disabled")
    browser.find("[role=dialog] input[type=checkbox][value=billing]").click()
    choose_in(browser, "Ends", "In 90 days")
    assert browser.violations() == []
    browser.picture("token-claims")
    browser.with_text("[role=dialog] button", "Make").click()
    browser.sees("it cannot be shown again", "[role=dialog]")
    assert theatre.play(claims(theatre, secret(browser))) == (200, 403)
    browser.click("[role=dialog] button[aria-label=Close]")
    row = browser.with_text("tr", "depots")
    assert "Claims for billing" in row.text
    assert "Never" not in row.text
    assert "Never" in browser.with_text("tr", "the-viewer").text


def choose_in(browser: Browser, label: str, option: str) -> None:
    """Choose in a list of the form."""
    field = next(each for each in browser.all("[role=dialog] label") if each.text.startswith(label))
    browser.click(f"#{field.get_attribute('for')}")
    browser.with_text("[role=option]", option).click()


def test_a_password_of_ones_own(browser: Browser, theatre: Theatre) -> None:
    """A wrong password is told of, and nobody is signed out for it; with the right one it is changed."""
    theatre.play(with_password(theatre, "dennis"))
    browser.open("/account")
    browser.find("form")
    browser.with_text("label", "Name and password").click()
    sign_in(browser, "dennis", PASSWORD)
    browser.find("main input[name=password]").send_keys("something else")
    choose(browser, ANOTHER)
    browser.with_text("main button", "Change").click()
    browser.sees("The password of now is wrong")
    field = browser.find("main input[name=password]")
    field.send_keys(Keys.CONTROL, "a")
    field.send_keys(PASSWORD)
    browser.with_text("main button", "Change").click()
    browser.find("input[name=login]")
    sign_in(browser, "dennis", ANOTHER)


def test_a_token_has_no_password(browser: Browser) -> None:
    """Who came by a token is told that there is no password; others than administrators see no users."""
    browser.sign_in("operator", "/account")
    browser.sees("there is no password to change")
    browser.open("/users")
    browser.sees("This page is not for your role")
    assert browser.complaints() == []


def test_german(browser: Browser) -> None:
    """The pages are in German as well."""
    browser.start(language="de")
    browser.sign_in("admin", "/users/tokens")
    browser.sees("Konfiguration", "td")
    browser.sees("Nie", "td")
    browser.picture("tokens")
    browser.open("/account")
    browser.sees("Mein Passwort ändern")


def test_a_sign_out_that_does_not_arrive(browser: Browser) -> None:
    """Who cannot be signed out is told so, and still sees the page: nobody walks away from an open sign-in."""
    browser.sign_in("viewer", "/about")
    with browser.cut_off("*/sign-out"):
        browser.act("Account", "Sign out")
        browser.sees("You are still signed in", "[role=alert]")
    browser.act("Account", "Sign out")
    browser.find("form input[name=token], form input[name=login]")
