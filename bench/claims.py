"""The measurement of claims: how long 100,000 take, whether stations wait for it, and what a million hold in memory."""

from __future__ import annotations

import http.client
import json
import threading
import time
from dataclasses import replace
from typing import Any

from bench.contenders import CONTENDERS, Place, voltgate_command
from bench.machine import Cores, Failure
from bench.phases import Bench, Sample

BACKENDS = 10
CLAIMED = 100_000
"""Stations that each of the backends claims."""
STATIONS = 50
RATE = 500.0
"""Calls a second of the connected stations, over all of them."""
WINDOW = 12.0
"""Seconds for which stations are watched: more than a request may take."""
QUIET = 4.0
SETTLE = 2.0
PATIENCE = 180.0
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
    contender = replace(CONTENDERS["voltgate"], command=voltgate_command(settings))
    with Bench(contender, cores, awake=True) as bench:
        bench.open(STATIONS)
        assert bench.proxy is not None
        port = bench.proxy.http
        quiet = watched(bench, QUIET)
        time.sleep(SETTLE)
        before = bench.resident
        first, begun = told(bench, Put(port, 0))
        between = [alone(Put(port, backend)) for backend in range(1, BACKENDS - 1)]
        last, ended = told(bench, Put(port, BACKENDS - 1))
        time.sleep(SETTLE)
        figures = {
            "seconds": max(first, *between, last),
            "stall": max(begun["max"], ended["max"]) / 1000,
            "quiet": quiet["max"] / 1000,
            "p99": max(begun["p99"], ended["p99"]) / 1000,
            "megabytes": (bench.resident - before) / 1e6,
        }
        return Sample("voltgate", 0, figures, bench.faults([ended]), bench.waited)


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
