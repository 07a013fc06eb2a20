"""The measurement of the dashboard in a browser: `python -m bench.dashboard`.

How soon a browser that knows nothing of the page paints something, on loopback, from a real gateway: five new
browsers, not signed in, and five signed in. And how many frames a second it paints while a table of 100,000 stations is
open and rows on the screen change 200 times a second, still and scrolled: the list and the websocket come from a
stand-in in this process, with the shapes of the real API, so that the browser has the machine nearly to itself.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from aiohttp import WSMsgType, web

from bench.machine import Failure
from tests.dashboard.browser import WIDE, Browser, chrome
from tests.dashboard.theatre import Theatre
from voltgate.web.models import Station
from voltgate.web.ui import BUILT

STATIONS = 100_000
CHANGES = 200
"""Rows that change a second."""
BATCH = 0.1
"""Seconds between what the live connection tells."""
AIM_PAINT, AIM_FRAMES = 1.0, 60.0
_PATIENCE = 30.0


# The stand-in.


def station(number: int, *, connected: bool = True) -> dict[str, Any]:
    """Return a row of the list, as the API shows it."""
    since = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(minutes=number)
    row = Station(
        identity=f"CP-{number:06}",
        name=f"Place {number}",
        tags=[],
        route="main",
        claimed_by="billing" if number % 3 else None,
        source="claim",
        connected=connected,
        carrier="websocket" if connected else None,
        version="ocpp1.6" if number % 2 else "ocpp2.0.1",
        address=f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}",
        since=since.isoformat(),
    )
    return row.model_dump(mode="json")


@dataclass(slots=True)
class StandIn:
    """Serves the built page, the list, and the live connection."""

    told: int = 0
    _changes: Iterator[int] = field(default_factory=itertools.count)
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    port: int = 0

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on a thread; give the address."""
        thread = threading.Thread(target=self._loop.run_forever, name="stand-in")
        thread.start()
        runner = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(_PATIENCE)
        try:
            yield f"http://127.0.0.1:{self.port}/"
        finally:
            asyncio.run_coroutine_threadsafe(runner.cleanup(), self._loop).result(_PATIENCE)
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    async def _start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_static("/assets", BUILT / "assets")
        app.router.add_get("/api/v1/live", self._live)
        app.router.add_get("/api/v1/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.port = runner.addresses[0][1]
        return runner

    async def _page(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text=(BUILT / "index.html").read_text(), content_type="text/html")

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        match request.match_info["path"]:
            case "me":
                me: dict[str, Any] = {
                    "name": "bench",
                    "role": "viewer",
                    "backend": None,
                    "login": None,
                    "networks": {},
                    "csrf": "none",
                }
                return web.json_response(me)
            case "stations":
                offset, limit = (int(request.query[name]) for name in ("offset", "limit"))
                rows = [station(number) for number in range(offset, min(offset + limit, STATIONS))]
                return web.json_response({"items": rows, "total": STATIONS, "offset": offset, "limit": limit})
            case _:
                return web.json_response({"items": [], "total": 0, "offset": 0, "limit": 100})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        wanted: dict[str, list[str]] = {}
        telling = asyncio.create_task(self._tell(socket, wanted))
        try:
            async for heard in socket:
                if heard.type is not WSMsgType.TEXT:
                    break
                said = json.loads(heard.data)
                if said.get("subscribe") == "stations":
                    wanted[said["id"]] = said["identities"]
                wanted.pop(said.get("unsubscribe"), None)
        finally:
            telling.cancel()
            with suppress(asyncio.CancelledError):
                await telling
        return socket

    async def _tell(self, socket: web.WebSocketResponse, wanted: dict[str, list[str]]) -> None:
        """Each tenth of a second, tell of the rows that have changed: those on the screen, in turn."""
        due = time.monotonic()
        while True:
            due += BATCH
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            items = [
                {"id": name, "kind": "row", "data": self._changed(identities)}
                for name, identities in wanted.items()
                for _ in range(round(CHANGES * BATCH))
            ]
            if items:
                self.told += len(items)
                await socket.send_str(json.dumps({"at": datetime.now(UTC).isoformat(), "items": items}))

    def _changed(self, identities: list[str]) -> dict[str, Any]:
        change = next(self._changes)
        number = int(identities[change % len(identities)].removeprefix("CP-"))
        row = station(number, connected=bool(change // len(identities) % 2))
        return row | {"since": datetime.now(UTC).isoformat()}


# What is measured.


@dataclass(frozen=True, slots=True)
class Frames:
    """What a browser painted in a while: frames a second, the longest pause in ms, and the share of late frames."""

    rate: float
    longest: float
    late: float

    def __str__(self) -> str:
        return f"{self.rate:.1f} frames a second, the longest {self.longest:.0f} ms, {self.late:.1%} later than 25 ms"


COUNT = """
const times = [];
const frame = (at) => {
  times.push(at);
  if (window.painted === times) requestAnimationFrame(frame);
};
window.painted = times;
requestAnimationFrame(frame);
"""
COUNTED = "const times = window.painted; window.painted = undefined; return times;"


def frames(browser: Browser, seconds: float, speed: int) -> Frames:
    """Count frames, while the wheel of a mouse scrolls the table by so many pixels a second."""
    browser.driver.execute_script(COUNT)
    if speed:
        box = browser.find("[role=grid]").rect
        browser.driver.execute_cdp_cmd(
            "Input.synthesizeScrollGesture",
            {
                "x": box["x"] + box["width"] / 2,
                "y": box["y"] + box["height"] / 2,
                "yDistance": round(-speed * seconds),
                "speed": speed,
                "gestureSourceType": "mouse",
            },
        )
    else:
        time.sleep(seconds)
    times = browser.driver.execute_script(COUNTED)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    return Frames(len(pauses) / sum(pauses) * 1000, max(pauses), sum(pause > 25 for pause in pauses) / len(pauses))


PAINTS = """
const found = Object.fromEntries(performance.getEntriesByType("paint").map((entry) => [entry.name, entry.startTime]));
return [found["first-paint"] ?? null, found["first-contentful-paint"] ?? null];
"""


def painted(theatre: Theatre, folder: Path, *, signed_in: bool) -> tuple[float, float, float]:
    """Open the page in a browser that has never seen it; give first paint, first content, and its heading, in ms."""
    driver = chrome(folder)
    try:
        browser = Browser(driver, theatre, folder)
        browser.resize(WIDE)
        if signed_in:
            cookie = {"name": "voltgate", "value": theatre.tokens["viewer"], "url": theatre.url}
            driver.execute_cdp_cmd("Network.setCookie", {**cookie, "httpOnly": True, "sameSite": "Strict"})
        browser.driver.get(f"{theatre.url}#/stations")
        browser.find("main h1" if signed_in else "form")
        there = float(driver.execute_script("return performance.now()"))
        first, content = browser.until(
            lambda: all(found := driver.execute_script(PAINTS)) and found, "what the browser painted"
        )
        return float(first), float(content), there
    finally:
        driver.quit()


def paints(rounds: int) -> bool:
    """Print how soon something is painted; tell whether that is soon enough."""
    sound = True
    with tempfile.TemporaryDirectory(prefix="voltgate-bench-") as name:
        theatre = Theatre(Path(name), {})
        try:
            theatre.open()
            for signed_in in (False, True):
                found = [painted(theatre, Path(name), signed_in=signed_in) for _ in range(rounds)]
                first, content, there = (median(each) for each in zip(*found, strict=True))
                print(
                    f"{'signed in' if signed_in else 'signing in'}: first paint {first:.0f} ms, first content "
                    f"{content:.0f} ms ({min(each[1] for each in found):.0f} to {max(each[1] for each in found):.0f}), "
                    f"the page is there within {there:.0f} ms; median of {rounds} new browsers "
                    f"(aim {AIM_PAINT * 1000:.0f} ms)",
                    flush=True,
                )
                sound = sound and content < AIM_PAINT * 1000
        finally:
            theatre.close()
    return sound


@dataclass(slots=True)
class Seat:
    """What stands for a theatre where nobody has to sign in."""

    url: str
    tokens: dict[str, str] = field(default_factory=dict)


def tables(seconds: float) -> bool:
    """Print how many frames are painted while the table is live; tell whether they are enough."""
    stand_in = StandIn()
    rates = []
    with tempfile.TemporaryDirectory(prefix="voltgate-bench-") as name, stand_in.serving() as url:
        driver = chrome(Path(name))
        try:
            browser = Browser(driver, Seat(url), Path(name))  # type: ignore[arg-type]
            for what, address, speed in (
                ("an empty page, for comparison", "", 0),
                ("the table, still", "/stations", 0),
                ("the table, scrolled by 1,200 pixels a second", "/stations", 1200),
            ):
                browser.resize(WIDE)
                driver.get(f"{url}api/v1/me")
                if address:
                    browser.open(address)
                    browser.sees("100,000", "main")
                    browser.find("[data-live=live]")
                    browser.sees("CP-000001", "[role=grid]")
                frames(browser, 2.0, speed)
                before = stand_in.told
                found = frames(browser, seconds, speed)
                told = (stand_in.told - before) / seconds
                print(f"{what}: {found}; {told:.0f} rows told a second", flush=True)
                if address:
                    rates.append(found.rate)
        finally:
            driver.quit()
    return min(rates) >= AIM_FRAMES * 0.98


def main() -> int:
    """Measure; return 0 if both aims are met."""
    parser = argparse.ArgumentParser(prog="python -m bench.dashboard", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="browsers that are started for the first paint")
    parser.add_argument("--seconds", type=float, default=10.0, help="of counting frames")
    parser.add_argument("--only", choices=("paint", "frames"), help="one of both")
    given = parser.parse_args()
    if not (BUILT / "index.html").is_file():
        raise Failure("the dashboard is not built: scripts/dashboard.py build")
    sound = [
        given.only == "frames" or paints(given.rounds),
        given.only == "paint" or tables(given.seconds),
    ]
    return int(not all(sound))


if __name__ == "__main__":
    sys.exit(main())
