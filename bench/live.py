"""The measurement of live pages: `python -m bench.live`.

What a hundred open pages cost the gateway's loop, and by how much they delay a call, while 5,000 stations make a
thousand messages a second: in pairs of rounds with the pages and without. A call and its answer are two messages.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from statistics import median

import aiohttp

from bench.contenders import CONTENDERS, Manner, Place, settings, voltgate_command
from bench.machine import Cores, Failure, cores, go_first, nanoseconds
from bench.phases import Bench
from voltgate.web.bearer import digest_of, written

TOKEN = "vg_of-the-bench-and-of-nobody-else"
"""The token of a gateway that lives for some seconds."""
RATE = 500.0
"""Calls a second: twice as many messages."""
WARM = 3.0
"""Seconds after which pages and stations have settled."""
ROWS = 40
"""Stations of one list on a screen."""
AIM_SHARE, AIM_DELAY = 0.10, 50.0
"""What pages may take of a core, and how many milliseconds a call may be delayed by them."""
_STARTING = 60.0
"""Seconds that pages have to open."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    stations: int = 5000
    pages: int = 100
    seconds: float = 20.0
    rounds: int = 3


QUICK = Scale(1000, 20, 4.0, 1)


def with_token(place: Place) -> str:
    """Write the configuration of a gateway with an operator."""
    token = f'[[api.tokens]]\nname = "bench"\nrole = "operator"\nhash = "{written(digest_of(TOKEN))}"\n'
    return settings(place, Manner()) + token


@dataclass(frozen=True, slots=True)
class Round:
    """One round: the share of a core that the gateway took, latencies in milliseconds, and what pages were told."""

    share: float
    p50: float
    p99: float
    longest: float
    told: int


def measured(scale: Scale, place: Cores, *, pages: bool) -> Round:
    """Measure one round."""
    contender = replace(CONTENDERS["voltgate"], command=voltgate_command(with_token))
    with Bench(contender, place, awake=True) as bench:
        bench.open(scale.stations)
        bench.boot()
        assert bench.proxy is not None
        opened = None
        if pages:
            command = [sys.executable, "-m", "bench.live", "--open", str(scale.pages), str(bench.proxy.http)]
            opened = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            if opened is not None and opened.stdout is not None and opened.stdout.readline() != "open\n":
                raise Failure("the pages were not opened")
            bench.drive({"do": "pace", "rate": RATE}, WARM, 0.2)
            before = nanoseconds(bench.proxy.pid)
            counts, spent = bench.drive({"do": "pace", "rate": RATE}, 0.0, scale.seconds)
            share = (nanoseconds(bench.proxy.pid) - before) / spent.seconds / 1e9
        finally:
            told = 0
            if opened is not None:
                told = int(opened.communicate("", timeout=_STARTING)[0] or 0)
    p50, p99, longest = (max(count[name] for count in counts) / 1000 for name in ("p50", "p99", "max"))
    return Round(share, p50, p99, longest, told)


def run(scale: Scale, place: Cores) -> int:
    """Print what pages cost; return 0 if that is within the aims."""
    pairs = []
    for number in range(scale.rounds):
        order = (False, True) if number % 2 else (True, False)
        pair = {pages: measured(scale, place, pages=pages) for pages in order}
        for pages, each in sorted(pair.items()):
            print(
                f"{number + 1} {'with   ' if pages else 'without'} {each.share * 100:5.1f} % of a core, latency p50 "
                f"{each.p50:.2f} ms, p99 {each.p99:.2f} ms, longest {each.longest:.1f} ms; {each.told:,} items told",
                flush=True,
            )
        pairs.append(pair)
    share = median(pair[True].share - pair[False].share for pair in pairs)
    delay = min(pair[True].longest - pair[False].longest for pair in pairs)
    print(
        f"{scale.pages} pages on {scale.stations:,} stations at {2 * RATE:,.0f} messages a second: "
        f"{share * 100:.1f} % of a core (aim {AIM_SHARE:.0%}); the longest call took {delay:.1f} ms more in the "
        f"quietest round (aim {AIM_DELAY:.0f} ms)"
    )
    return int(share > AIM_SHARE or delay > AIM_DELAY)


# The pages.


def wanted(page: int, stations: list[str]) -> list[dict[str, object]]:
    """Return what a page subscribes to: of twenty, one shows all messages, five a station, eight a list."""
    kind = page % 20
    first = page * 37 % len(stations)
    if kind == 0:
        return [{"subscribe": "messages", "id": "m"}]
    if kind < 6:
        station = stations[first]
        shown: list[dict[str, object]] = [{"subscribe": "station", "id": "s", "identity": station}]
        return [*shown, {"subscribe": "messages", "id": "m", "station": station}]
    if kind < 14:
        rows = (stations * 2)[first : first + ROWS]
        return [{"subscribe": "stations", "id": "r", "identities": rows}, {"subscribe": "alerts", "id": "a"}]
    return [{"subscribe": topic, "id": topic} for topic in ("overview", "events", "alerts")]


@asynccontextmanager
async def _opened(http: aiohttp.ClientSession, url: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    async with http.ws_connect(f"{url}/live") as socket:
        await socket.send_str(json.dumps({"token": TOKEN}))
        yield socket


async def be_pages(number: int, port: int) -> None:
    """Be so many pages until the standard input ends; then say how many items they were told."""
    url = f"http://127.0.0.1:{port}/api/v1"
    told = 0
    headers = {"Authorization": f"Bearer {TOKEN}"}

    async def page(which: int, stations: list[str], open_: asyncio.Semaphore) -> None:
        nonlocal told
        async with _opened(http, url) as socket:
            for each in wanted(which, stations):
                await socket.send_str(json.dumps(each))
            open_.release()
            async for heard in socket:
                told += heard.data.count('"kind":')

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        async with http.get(f"{url}/stations?limit=1000", headers=headers) as response:
            stations = [each["identity"] for each in (await response.json())["items"]]
        open_ = asyncio.Semaphore(0)
        tasks = [asyncio.create_task(page(which, stations, open_)) for which in range(number)]
        async with asyncio.timeout(_STARTING):
            for _ in tasks:
                await open_.acquire()
        print("open", flush=True)
        await asyncio.to_thread(sys.stdin.read)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(told, flush=True)


def main() -> int:
    """Measure, or be pages."""
    parser = argparse.ArgumentParser(prog="python -m bench.live", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer stations, pages and rounds, in half a minute")
    parser.add_argument("--rounds", type=int, help="pairs of rounds")
    parser.add_argument("--open", nargs=2, type=int, metavar=("PAGES", "PORT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.open:
        asyncio.run(be_pages(*given.open))
        return 0
    go_first()
    scale = QUICK if given.quick else Scale()
    return run(replace(scale, rounds=given.rounds or scale.rounds), cores())


if __name__ == "__main__":
    sys.exit(main())
