"""The measurement of claims: how long 100,000 take, whether stations wait for it, and what a million hold in memory.

Voltgate is started here with a watch added: what CPU time it takes, at most, between two looks at its sockets. Unlike
round trips, that does not depend on what else the machine does.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import uvloop

from bench.contenders import CONTENDERS, Place, voltgate_command
from bench.machine import Cores, Failure
from bench.phases import Bench, Sample

BACKENDS = 10
CLAIMED = 100_000
"""Stations that each of the backends claims."""
STATIONS = 500
RATE = 500.0
"""Calls a second of the connected stations, over all of them: one each, so that a slow answer makes no queue."""
WINDOW = 12.0
"""Seconds for which stations are watched: more than a request may take."""
QUIET = 4.0
SETTLE = 2.0
PATIENCE = 180.0
TOLERATED = 0.005
"""The part of a window that Voltgate or the bench may wait for a core; more, and round trips tell nothing."""
TOKEN = "bench-" + "0123456789abcdef" * 2


def settings(place: Place) -> str:
    """Write Voltgate's configuration: ten backends, of which the first answers everybody."""
    backends = "\n".join(
        f'[backends.b{number}]\nurl = "ws://127.0.0.1:{place.backend}/{{station}}"' for number in range(BACKENDS)
    )
    return f"""
admin_token = "{TOKEN}"

[listen]
stations = ["ws://127.0.0.1:{place.port}"]
http = "127.0.0.1:{place.http}"

[limits]
handshakes_per_second = 1000000
messages_per_second = 100000

{backends}

[routes.bench]
rules = [{{ answer = "b0" }}]

[[stations]]
match = "*"
route = "bench"
"""


class Put(threading.Thread):
    """One backend's whole list, said through the API while something else is looked at."""

    def __init__(self, port: int, backend: int) -> None:
        super().__init__(daemon=True)
        self._port = port
        self._path = f"/api/v1/backends/b{backend}/stations"
        self._body = json.dumps({"stations": identities(backend)})
        self.seconds = 0.0
        self.problem = ""

    def run(self) -> None:
        begun = time.monotonic()
        try:
            self._say()
        except (OSError, http.client.HTTPException) as error:
            self.problem = repr(error)
        self.seconds = time.monotonic() - begun

    def _say(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        try:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"}
            connection.request("PUT", self._path, self._body, headers)
            response = connection.getresponse()
            said = response.read()
        finally:
            connection.close()
        if response.status >= 300:
            self.problem = f"{response.status} {said[:300].decode(errors='replace')}"

    def done(self) -> float:
        """Wait for the answer, and give the seconds that it took. Raises Failure when it was none."""
        self.join(PATIENCE)
        if self.problem or self.is_alive():
            raise Failure(f"PUT {self._path}: {self.problem or 'no answer'}")
        return self.seconds


def identities(backend: int) -> list[str]:
    """Name the stations that a backend claims; those that are connected are the first one's."""
    first = backend * CLAIMED
    return [f"CP-{number:05d}" if number < STATIONS else f"EX-{number:09d}" for number in range(first, first + CLAIMED)]


def claims(cores: Cores) -> Sample:
    """Measure one gateway, from no claim to a million."""
    contender = replace(CONTENDERS["voltgate"], command=_command)
    with Bench(contender, cores, awake=True) as bench:
        bench.open(STATIONS)
        assert bench.proxy is not None
        port, watch = bench.proxy.http, bench.proxy.folder / "watch"
        quiet, spoilt = watched(bench, QUIET), bench.waited
        time.sleep(SETTLE)
        before = bench.resident
        held(bench.proxy.pid, watch)
        first, begun = told(bench, Put(port, 0))
        spoilt = max(spoilt, bench.waited)
        between = [alone(Put(port, backend)) for backend in range(1, BACKENDS - 1)]
        last, ended = told(bench, Put(port, BACKENDS - 1))
        spoilt = max(spoilt, bench.waited)
        longest = held(bench.proxy.pid, watch)
        time.sleep(SETTLE)
        grown, faults = bench.resident - before, bench.faults([ended])
    figures = {"seconds": max(first, *between, last), "held": longest * 1000, "megabytes": grown / 1e6}
    if spoilt <= TOLERATED:
        figures |= {name: max(begun[name], ended[name]) / 1000 for name in ("max", "p99")}
        figures["quiet"] = quiet["max"] / 1000
    return Sample("voltgate", 0, figures, faults, spoilt, TOLERATED)


def told(bench: Bench, put: Put) -> tuple[float, dict[str, Any]]:
    """Say a list while stations are watched; give its seconds and what the stations saw."""
    timer = threading.Timer(0.5, put.start)
    timer.start()
    seen = watched(bench, WINDOW)
    timer.join()
    return put.done(), seen


def alone(put: Put) -> float:
    """Say a list, and give the seconds that it took."""
    put.start()
    return put.done()


def watched(bench: Bench, seconds: float) -> dict[str, Any]:
    """Let stations call at a fixed rate; give their latencies in microseconds, and what was lost."""
    counts, _ = bench.drive({"do": "pace", "rate": RATE}, 0.2, seconds)
    return counts[0]


def _command(place: Place) -> list[str]:
    _, *rest = voltgate_command(settings)(place)
    return [sys.executable, "-m", "bench.claims", str(place.folder / "watch"), *rest]


def held(pid: int, file: Path) -> float:
    """Give the most CPU seconds that Voltgate took between two looks at its sockets since this was last asked."""
    file.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR2)
    until = time.monotonic() + PATIENCE
    while not file.exists():
        if time.monotonic() > until:
            raise Failure("Voltgate's watch does not answer")
        time.sleep(0.02)
    return float(file.read_text(encoding="utf-8"))


class Watch:
    """Goes round with the event loop and keeps the longest time of the process's CPU that a round took."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._before = 0.0
        self._longest = 0.0

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Go round with a loop."""
        self._before = time.process_time()
        loop.call_soon(self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now = time.process_time()
        self._longest = max(self._longest, now - self._before)
        self._before = now
        loop.call_later(0.001, self._look, loop)

    def tell(self, *_: object) -> None:
        """Write down the longest round, and forget it."""
        longest, self._longest = self._longest, 0.0
        part = self._file.with_suffix(".part")
        part.write_text(str(longest), encoding="utf-8")
        part.rename(self._file)


def main() -> None:
    """Be Voltgate with a watch that is read on SIGUSR2."""
    watch = Watch(Path(sys.argv.pop(1)))
    made = uvloop.new_event_loop

    def new_event_loop() -> uvloop.Loop:
        loop = made()
        watch.begin(loop)
        return loop

    uvloop.new_event_loop = new_event_loop
    signal.signal(signal.SIGUSR2, watch.tell)
    from voltgate.cli import main as run  # noqa: PLC0415 - only in this process

    run()


if __name__ == "__main__":
    main()
