"""Single sign-on in a real browser, by the forms of a provider that is a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.dashboard.browser import Browser
from tests.dashboard.theatre import Theatre
from tests.harness.http_client import get
from tests.harness.ports import free_port
from tests.harness.waiting import until
from voltgate.web.bearer import digest_of, written

PEOPLE: list[dict[str, Any]] = [
    {"sub": "ada", "email": "ada@x.example", "name": "Ada L.", "groups": ["north-team"]},
    {"sub": "bob", "email": "bob@x.example", "name": "Bob", "groups": ["guests"]},
]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A provider; its port. It is at "localhost", so that browsers take it for another site than 127.0.0.1."""
    port = free_port()
    known = [argument for person in PEOPLE for argument in ("--user-claims", json.dumps(person))]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce", "true", *known]
    with (tmp_path_factory.mktemp("provider") / "log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
        try:
            yield port
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture(scope="module")
def theatre(provider: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Theatre]:
    """A gateway whose people the provider knows."""
    port, config = free_port(), dict[str, Any]()
    theatre = Theatre(tmp_path_factory.mktemp("theatre"), config)
    oidc = {
        "issuer": f"http://localhost:{provider}",
        "client_id": "voltgate",
        "client_secret": "a-secret-of-the-client",
        "public_url": f"http://127.0.0.1:{port}",
        "label": "Keycloak",
        "roles": [
            {"value": "north-team", "role": "operator", "networks": ["north"]},
            {"value": "north-team", "role": "viewer"},
        ],
    }
    token = {"name": "the-viewer", "role": "viewer", "hash": written(digest_of(theatre.tokens["viewer"]))}
    config["listen"] = {"stations": [f"ws://127.0.0.1:{free_port()}"], "http": f"127.0.0.1:{port}"}
    config["api"] = {"tokens": [token], "oidc": oidc}
    try:
        theatre.play(until(lambda: _is_there(provider), "the provider is there"))
        theatre.open()
        yield theatre
    finally:
        theatre.close()


async def _is_there(port: int) -> bool:
    try:
        return (await get(port, "/.well-known/openid-configuration")).status == 200
    except (OSError, IndexError):
        return False


def go(browser: Browser, theatre: Theatre, address: str = "/") -> None:
    """Press the button of the page; the provider's form is there afterwards."""
    browser.open(address)
    button = browser.with_text("a", "Sign in with Keycloak")
    assert button.get_attribute("href") == f"{theatre.url}api/v1/sign-in/oidc"
    button.click()
    browser.sees("Authorize Client")
    assert str(browser.driver.current_url).startswith("http://localhost:")


def test_signing_in_and_out(browser: Browser, theatre: Theatre) -> None:
    """The button, the provider's form, and back to the same view: signed in with the roles of the group; then out."""
    go(browser, theatre, "/stations?q=CP-0007")
    browser.click("button[name=sub][value=ada]")
    browser.find("nav")
    assert browser.address == "/stations?q=CP-0007"
    assert str(browser.driver.current_url).startswith(theatre.url)
    assert "code=" not in str(browser.driver.current_url)
    me = browser.driver.execute_async_script("fetch('api/v1/me').then((answer) => answer.json()).then(arguments[0])")
    assert (me["login"], me["role"], me["networks"]) == ("ada@x.example", "viewer", {"north": "operator"})
    cookies = {cookie["name"]: cookie for cookie in browser.driver.get_cookies()}
    assert set(cookies) == {"voltgate"}
    assert (cookies["voltgate"]["httpOnly"], cookies["voltgate"]["sameSite"]) == (True, "Strict")
    browser.open("/stations")
    browser.sees("300 stations")
    # the provider's own form wants a style of the net
    assert [line for line in browser.complaints() if theatre.url in line] == []
    browser.click("button[aria-label=Account]")
    browser.sees("ada@x.example")
    browser.with_text("[role=menuitem]", "Sign out").click()
    browser.find("form")
    browser.open("/stations")
    browser.find("form")


def test_who_may_nothing_is_told_so(browser: Browser, theatre: Theatre) -> None:
    """Somebody whom the provider knows, and who is in no group of ours, gets a page that says so and leads back."""
    go(browser, theatre)
    browser.click("button[name=sub][value=bob]")
    browser.sees("nothing is allowed to you here", "main")
    assert browser.violations() == []
    assert browser.driver.get_cookies() == []
    browser.with_text("a", "Sign in in another way").click()
    browser.with_text("a", "Sign in with Keycloak")


def test_who_cancels(browser: Browser, theatre: Theatre) -> None:
    """Who does not agree at the provider is not signed in, and can try again."""
    go(browser, theatre)
    browser.click("button[name=action][value=deny]")
    browser.sees("You are not signed in", "h1")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_with_the_button(browser: Browser, scheme: str) -> None:
    """The button stands first, in the language of the browser; axe finds nothing, and a token does as before."""
    browser.start(scheme, "de")
    browser.open("/")
    browser.with_text("a", "Anmelden mit Keycloak")
    assert browser.violations() == []
    browser.picture("single-sign-on")
    browser.start(scheme)
    browser.sign_in("viewer")
    assert browser.complaints() == []


def test_a_link_of_the_provider_that_is_used_again(browser: Browser, theatre: Theatre) -> None:
    """Going back in the browser to where the provider has sent it signs nobody in."""
    go(browser, theatre)
    browser.click("button[name=sub][value=ada]")
    browser.find("nav")
    browser.driver.delete_all_cookies()
    browser.driver.get(f"{theatre.url}api/v1/sign-in/oidc/callback?code=used&state=used")
    browser.sees("Begin anew", "main")
    assert browser.driver.get_cookies() == []


def test_the_log_holds_no_secret(theatre: Theatre) -> None:
    """Whatever came about above, no secret of the client is in the log."""
    assert Path(theatre.gateway.file).read_text().count("a-secret-of-the-client") == 1
    assert "a user has logged in" in theatre.gateway.log
    assert "a-secret-of-the-client" not in theatre.gateway.log
