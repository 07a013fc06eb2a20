"""The pictures in `docs/pictures/`: `python -m tests.dashboard.pictures`, or some of them by their names.

A real gateway with a management system of its own and stations that charge (`scene.py`), looked at by Debian's
Chromium: each page of `web/ui/src/pages/list.ts` and some of what lies behind, as a wide light window; some on a dark
one, and on a phone. Times are those of Berlin, numbers those of now: a picture that is taken again is not the same
bytes, but shows the same.
"""

from __future__ import annotations

import argparse
import base64
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.dashboard.browser import PHONE, ROOT, Browser, chrome
from tests.dashboard.scene import CONFIG, DEPOT, HARBOUR, Scene
from tests.dashboard.theatre import Theatre

FOLDER = ROOT / "docs" / "pictures"
PAGES = ROOT / "web" / "ui" / "src" / "pages" / "list.ts"
WINDOW = (1280, 800)
LARGEST = 100_000
"""Bytes of a picture."""
STILL = (
    "const still = new CSSStyleSheet();"
    "still.replaceSync('*,*::before,*::after{animation:none!important;transition:none!important;caret-color:transparent!important}');"
    "document.adoptedStyleSheets = [...document.adoptedStyleSheets, still];"
)


@dataclass(frozen=True, slots=True)
class View:
    """What a picture shows, and of which window."""

    name: str
    address: str
    scheme: str = "light"
    size: tuple[int, int] = WINDOW
    language: str = "en"


def views(scene: Scene) -> list[View]:
    """Return every view: each page, and what lies behind some."""
    paths = re.findall(r'^    path: "(/[^"]*)"', PAGES.read_text(), re.MULTILINE)
    of_one = f"/transactions/{DEPOT[0]}/{scene.newest(DEPOT[0])}"
    return [
        *(View(path[1:] or "overview", path) for path in paths),
        View("station", f"/stations/{HARBOUR[1]}"),
        View("commands", f"/stations/{HARBOUR[1]}/commands?command=limit"),
        View("transaction", of_one),
        View("network", "/networks/harbour"),
        View("backend", "/backends/billing"),
        View("overview-dark", "/", "dark"),
        View("stations-dark", "/stations", "dark"),
        View("transaction-dark", of_one, "dark"),
        View("overview-phone", "/", size=PHONE),
        View("stations-phone", "/stations", size=PHONE),
        View("transaction-phone", of_one, "dark", PHONE),
        View("overview-german", "/", language="de"),
    ]


@contextmanager
def opened() -> Iterator[tuple[Browser, Scene]]:
    """Open a gateway with a network, and a browser."""
    with tempfile.TemporaryDirectory(prefix="voltgate-pictures-") as name:
        folder = Path(name)
        theatre = Theatre(folder, CONFIG)
        try:
            theatre.open()
            scene = Scene(theatre)
            scene.set()
            driver = chrome(folder)
            try:
                driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": "Europe/Berlin"})
                driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": STILL})
                yield Browser(driver, theatre, folder), scene
            finally:
                driver.quit()
                scene.strike()
        finally:
            theatre.close()


def take(browser: Browser, view: View, folder: Path) -> int:
    """Take a picture of a view, as WebP, no larger than LARGEST; return its bytes."""
    look = f"{view.scheme}-{view.language}-{view.size[0]}"
    if browser.look != look:
        browser.start(view.scheme, view.language, view.size)
        browser.sign_in("admin", "/about")
    browser.open(view.address)
    browser.find("main h1, main h2")
    browser.until(lambda: not browser.all("[aria-busy=true]"), "what is shown")
    if view.address == "/":
        browser.until(lambda: browser.driver.execute_script("return performance.now()") > 20_000, "some history")
    browser.driver.execute_async_script(
        "const done = arguments[0];"
        "document.fonts.ready.then(() => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
    )
    for quality in (90, 80, 65, 50):
        shot = browser.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "webp", "quality": quality})
        data = base64.b64decode(shot["data"])
        if len(data) <= LARGEST:
            break
    (folder / f"{view.name}.webp").write_bytes(data)
    return len(data)


def main(names: Iterable[str], folder: Path) -> int:
    """Take the pictures of these names, or all."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = set(names)
    with opened() as (browser, scene):
        known = views(scene)
        if strange := wanted - {view.name for view in known}:
            print(f"There is no picture {', '.join(sorted(strange))}.", file=sys.stderr)
            return 2
        for view in known:
            if not wanted or view.name in wanted:
                print(f"{view.name}: {take(browser, view, folder):,} bytes", flush=True)
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.dashboard.pictures", description=__doc__)
    parser.add_argument("names", nargs="*", help="which; without: all")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    given = parser.parse_args()
    sys.exit(main(given.names, given.folder))
