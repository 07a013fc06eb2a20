"""A real browser on the dashboard: Debian's Chromium, driven by Selenium."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.dashboard.theatre import Theatre

T = TypeVar("T")
ROOT = Path(__file__).parent.parent.parent
AXE = ROOT / "web" / "ui" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
PATIENCE = 30
POLL = 0.05
WIDE, PHONE = (1440, 900), (390, 844)
LOOKS = [(scheme, size) for scheme in ("light", "dark") for size in (WIDE, PHONE)]
"""Each appearance that a page has."""
SOME, OTHERS = LOOKS[::3], LOOKS[1:3]
"""Two of them, of both schemes and both sizes: what pages have in common is seen in all four on one page or another."""

SOCKETS = """
window.sockets = [];
window.WebSocket = class extends WebSocket {
  constructor(url) {
    super(window.isOffline ? "ws://127.0.0.1:9/" : url);
    window.sockets.push(this);
  }
};
"""
"""Lets a test take a page's websockets away: what a browser calls offline leaves those that are open."""


def chrome(downloads: Path) -> webdriver.Chrome:
    """Start a browser without a window."""
    options = webdriver.ChromeOptions()
    for argument in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "lang=en-GB"):
        options.add_argument(f"--{argument}")
    options.add_experimental_option(
        "prefs", {"download.default_directory": str(downloads), "intl.accept_languages": "en"}
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    program = shutil.which("chromedriver")
    assert program is not None, "these tests need Debian's packages chromium and chromium-driver"
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(program))
    driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": SOCKETS})
    return driver


class Browser:
    """One browser, that looks at one dashboard."""

    def __init__(self, driver: webdriver.Chrome, theatre: Theatre, downloads: Path) -> None:
        self.driver = driver
        self.downloads = downloads
        self._theatre = theatre
        self.url = theatre.url
        self.look = ""
        """How it shows pages now, for the names of pictures."""

    def until(self, found: Callable[[], T | bool | None], what: str) -> T:
        """Wait until something is there, and return it."""

        def look(_: Any) -> T | bool | None:
            try:
                return found()
            except (StaleElementReferenceException, NoSuchElementException):
                return None

        page = self.driver
        result: Any = WebDriverWait(page, PATIENCE, POLL).until(look, f"waited for {what}")
        return result

    def start(self, scheme: str = "light", language: str = "en", size: tuple[int, int] = WIDE) -> None:
        """Begin anew: nobody is signed in, and what a browser remembers is this."""
        self.resize(size)
        self.look = f"{scheme}-{language}-{size[0]}"
        self.driver.get(f"{self.url}healthz")
        self.driver.delete_all_cookies()
        self.remember(scheme=scheme, language=language)
        self.driver.get_log("browser")

    def remember(self, **settings: str) -> None:
        """Choose settings of this browser."""
        self.driver.execute_script(
            "localStorage.clear();"
            "for (const [key, value] of Object.entries(arguments[0])) localStorage.setItem('voltgate.' + key, value)",
            settings,
        )

    @contextmanager
    def offline(self) -> Iterator[None]:
        """End the websockets of the page, and have it get none until the end; then it is live again."""
        self.driver.execute_script("window.isOffline = true; window.sockets.forEach((socket) => socket.close())")
        yield
        self.driver.execute_script("window.isOffline = false")

        def is_live() -> bool:
            self.driver.execute_script("window.dispatchEvent(new Event('online'))")
            return bool(self.all("[data-live=live]"))

        self.until(is_live, "the page is live again")

    def resize(self, size: tuple[int, int]) -> None:
        """Be a screen of this size; a narrow one is a phone."""
        shape = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size == PHONE}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", shape)

    def open(self, address: str = "/") -> None:
        """Load the page at an address of the dashboard."""
        self.driver.get("about:blank")
        self.driver.get(f"{self.url}#{address}")

    def go(self, address: str) -> None:
        """Show another address of the page that is loaded."""
        self.driver.execute_script("window.location.hash = arguments[0]", f"#{address}")

    @contextmanager
    def hurried(self, most: int = 60) -> Iterator[None]:
        """Have pages loaded meanwhile ask each second what they ask each minute; longer than `most` is as ever."""
        script = (
            "const usual = setInterval;"
            f"window.setInterval = (work, wait) => usual(work, wait > {1000 * most} ? wait : wait / 60);"
        )
        added = self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", added)

    @contextmanager
    def cut_off(self, *addresses: str) -> Iterator[None]:
        """Have requests to these addresses, which may have `*` in them, come to nothing, as without a network."""
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": list(addresses)})
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})

    def sign_in(self, role: str, address: str = "/") -> None:
        """Sign in with the token of a role; the page at the address is there afterwards."""
        self.open(address)
        self.find("form")
        self.say_token(self._theatre.tokens[role])
        self.find("nav")

    def say_token(self, token: str) -> None:
        """Fill in the form."""
        self.with_text("label", "Token").click()
        field = self.find("input[name=token]")
        field.send_keys(Keys.CONTROL, "a")
        field.send_keys(token, Keys.ENTER)

    def fill(self, label: str, text: str) -> None:
        """Put a text into the field of a label, in place of what stands there."""
        self.with_text("label", label).click()
        self.press(Keys.CONTROL, "a")
        self.press(text)

    def double_click(self, element: WebElement) -> None:
        """Click twice, as some people do everywhere."""
        ActionChains(self.driver).click(element).pause(0.2).click().perform()

    def act(self, menu: str, item: str) -> None:
        """Choose an item of a menu, by the name of its button."""
        self.find(f"button[aria-label='{menu}']").click()
        self.with_text("[role=menuitem]", item).click()

    @property
    def address(self) -> str:
        """The address of the view."""
        return str(self.driver.current_url).partition("#")[2]

    def find(self, selector: str) -> WebElement:
        """Wait for an element, by a selector of CSS."""
        return self.until(lambda: self.driver.find_element(By.CSS_SELECTOR, selector), selector)

    def click(self, selector: str) -> None:
        """Click what a selector of CSS finds, again where the page was drawn anew in between."""

        def clicked() -> bool:
            self.driver.find_element(By.CSS_SELECTOR, selector).click()
            return True

        self.until(clicked, selector)

    def all(self, selector: str) -> list[WebElement]:
        """Give the elements of a selector."""
        return self.driver.find_elements(By.CSS_SELECTOR, selector)

    def with_text(self, selector: str, text: str) -> WebElement:
        """Wait for the first element of a selector in which a text stands."""

        def look() -> WebElement | None:
            return next((each for each in self.all(selector) if text in each.text), None)

        return self.until(look, f"{text!r} in {selector}; there is: {self.text}")

    def sees(self, text: str, selector: str = "body") -> None:
        """Wait until a text is there."""
        self.with_text(selector, text)

    @property
    def text(self) -> str:
        """All that is shown."""
        return str(self.driver.find_element(By.TAG_NAME, "body").text)

    def press(self, *keys: str) -> None:
        """Press keys, one after the other, wherever the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def complaints(self) -> Sequence[str]:
        """Say what the browser complained of: errors, and what the content security policy forbade.

        That nobody is signed in yet is an answer of the gateway that a browser calls an error, as is what is not there.
        """
        return [line for line in self._severe() if "the server responded with a status of 4" not in line]

    def refusals(self) -> Sequence[str]:
        """Say what the page asked for that was refused for the role of who asked."""
        return [line for line in self._severe() if "the server responded with a status of 403" in line]

    def _severe(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]

    def violations(self) -> list[str]:
        """Say what axe finds: where a page is not as WCAG 2.2 AA has it."""
        self.driver.execute_script(AXE.read_text())
        found = self.driver.execute_async_script(
            "axe.run(document, {runOnly: arguments[0], resultTypes: ['violations']}).then(arguments[1])", RULES
        )
        return [
            f"{one['id']}: {node['html'][:200]} {node['failureSummary']}"
            for one in found["violations"]
            for node in one["nodes"][:3]
        ]

    def walk(self, pages: Sequence[str]) -> None:
        """Look at pages: axe finds nothing, none is wider than the screen, and the browser complains of nothing."""
        found = {}
        for page in pages:
            self.open(page)
            self.find("main h1, main h2")
            self.until(lambda: not self.all("[aria-busy=true]"), "what is shown")
            found[page] = self.violations()
            self.picture(f"page{re.sub(r'[^A-Za-z0-9]+', '-', page)}")
            wide = self.driver.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, f"{page} is wider than the screen"
        assert found == {page: [] for page in pages}
        assert self.complaints() == []

    def picture(self, name: str) -> None:
        """Take a picture, where somebody wants to have them."""
        folder = os.environ.get("VOLTGATE_PICTURES")
        if folder:
            self.driver.save_screenshot(str(Path(folder) / f"{name}-{self.look}.png"))
